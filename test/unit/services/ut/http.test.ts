import { createServer, type Server, type Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { SystemClock, VirtualClock } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { Milliseconds } from '#src/base/units.ts';
import { type HttpExchange, httpExchange } from '#src/services/ut/http.ts';
import { MOST_OCTETS } from '#src/services/ut/vocabulary.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('services/ut/http');

const PATIENCE = Milliseconds(10_000);

/** A server that does with each connection what it is told to, once a request came. */
async function serving(
  act: (socket: Socket, head: string) => void,
): Promise<{ server: Server; url: string }> {
  const server = createServer((socket) => {
    // What the client breaks off is of no interest here.
    socket.on('error', () => socket.destroy());
    socket.once('data', (head) => act(socket, head.toString('latin1')));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const given = server.address();
  const port = typeof given === 'object' && given ? given.port : 0;
  return { server, url: `http://127.0.0.1:${port}/a%5B@b=%22c%22%5D?xmlns(x=y)` };
}

const exchange = httpExchange({ clock: new SystemClock(), patience: PATIENCE, ca: undefined });
const get = (url: string, by: HttpExchange = exchange) => by({ method: 'GET', url, headers: {} });

async function faultOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'none';
  } catch (error) {
    if (TandemError.is(error)) return error.id;
    throw error;
  }
}

async function outcome(act: (socket: Socket, head: string) => void): Promise<string> {
  const { server, url } = await serving(act);
  try {
    return await faultOf(get(url));
  } finally {
    server.close();
  }
}

test('the path goes out as it was written', async () => {
  let line = '';
  const fault = await outcome((socket, head) => {
    line = head.split('\r\n', 1)[0] ?? '';
    socket.end('HTTP/1.1 204 No Content\r\n\r\n');
  });
  assert.equal([fault, line], ['none', 'GET /a%5B@b=%22c%22%5D?xmlns(x=y) HTTP/1.1']);
});

test('nobody there, nonsense, and an answer that breaks off', async () => {
  const { server, url } = await serving(() => undefined);
  await new Promise((resolve) => server.close(resolve));
  assert.is(await faultOf(get(url)), 'ut.unreachable');
  assert.is(await outcome((socket) => socket.end('SIP/2.0 200 OK\r\n\r\n')), 'ut.unreachable');
  assert.is(
    await outcome((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour')),
    'ut.unreachable',
  );
  assert.is(await outcome((socket) => socket.destroy()), 'ut.unreachable');
});

test('an answer that is larger than any document is not taken', async () => {
  const body = Buffer.alloc(MOST_OCTETS + 1, 0x20);
  const fault = await outcome((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
    socket.end(body);
  });
  assert.is(fault, 'ut.too-large');
});

test('a server that says nothing, or never ends, is not waited for for ever', async () => {
  for (const begun of ['', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour']) {
    const clock = new VirtualClock();
    let asked: () => void = () => undefined;
    const arrived = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const { server, url } = await serving((socket) => {
      socket.write(begun, () => asked());
    });
    const fault = faultOf(get(url, httpExchange({ clock, patience: PATIENCE, ca: undefined })));
    await arrived;
    await clock.advance(PATIENCE);
    assert.is(await fault, 'ut.timeout');
    assert.is(clock.pending, 0);
    server.close();
  }
});

test.run();
