// Bad input from every side at a running device: it answers clearly, goes on, and holds nothing afterwards.
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, createServer as createTcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import * as assert from 'uvu/assert';
import { startDns } from '#test/support/dns-server.ts';
import { suite } from '#test/support/suite.ts';
import { Device } from './support/agent.ts';
import { Authority } from './support/certificates.ts';
import { deviceConfig } from './support/configuration.ts';
import { scratch, until } from './support/process.ts';

const test = suite('peers/hostile');
const folder = scratch();
const devices: Device[] = [];

const started = async (name: string, config: string): Promise<Device> => {
  const device = await Device.start(config, folder.file(name));
  devices.push(device);
  return device;
};

/** Takes and places calls by address; nothing but loopback. */
const plain = (name: string, more: { call?: string; playback?: string } = {}): Promise<Device> =>
  started(
    name,
    deviceConfig({ profile: 'sip', capture: 'null', codecs: ['PCMA'], call: 'ring_seconds = 5', ...more }),
  );

test.after(async () => {
  await Promise.all(devices.map((device) => device.stop()));
  folder.remove();
});

const portOf = async (device: Device, transport: 'udp' | 'tcp'): Promise<number> => {
  const { listen } = await device.status();
  return Number(
    listen
      .find((address) => address.startsWith(transport))
      ?.split(':')
      .at(-1),
  );
};

interface Asked {
  readonly callId: string;
  readonly body?: string;
  readonly headers?: string;
  readonly via?: string;
}

const SDP =
  'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n';

const request = (method: string, { callId, body = '', headers = '', via = 'UDP' }: Asked): string =>
  `${method} sip:door@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/${via} 127.0.0.1;rport;branch=z9hG4bK${callId}\r\nMax-Forwards: 70\r\n` +
  `From: <sip:evil@127.0.0.1>;tag=${callId}\r\nTo: <sip:door@127.0.0.1>\r\nCall-ID: ${callId}\r\nCSeq: 1 ${method}\r\n` +
  `Contact: <sip:evil@127.0.0.1>\r\n${headers}${body === '' ? '' : 'Content-Type: application/sdp\r\n'}` +
  `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** A datagram socket that remembers what came. */
class Attacker {
  readonly socket: UdpSocket = createSocket('udp4');
  readonly heard: string[] = [];
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
    this.socket.unref();
    this.socket.on('message', (bytes) => this.heard.push(bytes.toString('latin1')));
  }

  send(text: string | Buffer): Promise<void> {
    return new Promise((resolve) => this.socket.send(text, this.#port, '127.0.0.1', () => resolve()));
  }

  /** The first final answer, or ringing, to this Call-ID. */
  answer(callId: string): Promise<string> {
    return until(
      `an answer to ${callId}`,
      () => this.heard.find((text) => /^SIP\/2\.0 (?:180|[2-6])/.test(text) && text.includes(callId)),
      4000,
    );
  }

  /** Sent again and again, as in RFC 3261: a flood before it fills the receiver's buffer. */
  async status(method: string, asked: Asked): Promise<number> {
    await this.send(request(method, asked));
    const again = setInterval(() => void this.send(request(method, asked)), 500);
    await this.answer(asked.callId).finally(() => clearInterval(again));
    return Number((await this.answer(asked.callId)).slice(8, 11));
  }
}

const serves = async (device: Device, attacker: Attacker, callId: string): Promise<void> => {
  assert.is(device.peer.exitCode, undefined);
  assert.ok([200, 486].includes(await attacker.status('OPTIONS', { callId })));
  assert.is((await device.fetch('GET', 'status')).status, 200);
};

/** What the device says over a connection until it closes it or has been silent for a while. */
async function overTcp(port: number, bytes: string | Buffer): Promise<{ text: string; closed: boolean }> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  let closed = false;
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  socket.on('error', () => (closed = true));
  socket.on('close', () => (closed = true));
  socket.write(bytes);
  await until('an answer or the end', () => closed || text !== '', 4000);
  await new Promise((resolve) => setTimeout(resolve, 50));
  socket.destroy();
  return { text, closed };
}

const openFiles = (device: Device): number => readdirSync(`/proc/${device.peer.pid}/fd`).length;

test('octets that are no SIP, over TCP and UDP, end their connection and nothing else', async () => {
  const device = await plain('octets');
  const [udp, tcp] = [await portOf(device, 'udp'), await portOf(device, 'tcp')];
  const attacker = new Attacker(udp);
  const before = openFiles(device);
  assert.ok((await overTcp(tcp, 'a\r\n\r\n'.repeat(12_000))).closed);
  const odd = request('OPTIONS', { callId: 'odd', via: 'TCP' });
  for (const length of ['abc', '-1', '99999999999999']) {
    const { text, closed } = await overTcp(
      tcp,
      odd.replace('Content-Length: 0', `Content-Length: ${length}`),
    );
    assert.match(text, /^SIP\/2\.0 400 /);
    assert.ok(closed, length);
  }
  assert.ok((await overTcp(tcp, `OPTIONS sip:a@b SIP/2.0\r\nX: ${'a'.repeat(200_000)}`)).closed);
  const many = request('OPTIONS', { callId: 'many', via: 'TCP', headers: 'X: y\r\n'.repeat(5000) });
  assert.match((await overTcp(tcp, many)).text, /^SIP\/2\.0 400 Too many header fields/);
  const messages = join(import.meta.dirname, '../../node_modules/sip/test/messages');
  for (const name of readdirSync(messages).filter((each) => each.endsWith('.dat')))
    await attacker.send(readFileSync(join(messages, name)));
  await serves(device, attacker, 'after-octets');
  await until('every connection to be closed', () => openFiles(device) <= before);
  attacker.socket.close();
});

test('a thousand idle connections and a flood of calls leave room for the API, and go', async () => {
  const device = await plain('floods');
  const [udp, tcp] = [await portOf(device, 'udp'), await portOf(device, 'tcp')];
  const attacker = new Attacker(udp);
  const before = openFiles(device);
  const idle: Socket[] = Array.from({ length: 1000 }, () =>
    connect(tcp, '127.0.0.1')
      .on('error', () => undefined)
      .on('connect', function (this: Socket) {
        this.write('INVITE sip:a@b');
      }),
  );
  await serves(device, attacker, 'while-idle');
  for (const socket of idle) socket.destroy();
  const ids = Array.from({ length: 500 }, (_, index) => `flood-${index}`);
  for (const callId of ids) await attacker.send(request('INVITE', { callId, body: SDP }));
  await serves(device, attacker, 'while-ringing');
  const live = (await device.calls()).filter(({ state }) => state !== 'ended');
  assert.ok(live.length <= 32, `${live.length} at once`);
  for (const callId of ids)
    await attacker.send(request('CANCEL', { callId }).replace('Via', 'X-Again: 1\r\nVia'));
  await until('no call to be left', async () =>
    (await device.calls()).every(({ state }) => state === 'ended'),
  );
  await until('every connection to be closed', () => openFiles(device) <= before);
  attacker.socket.close();
});

test('descriptions and requests that make no sense are refused by name', async () => {
  const device = await plain('nonsense');
  const attacker = new Attacker(await portOf(device, 'udp'));
  const offers: readonly (readonly [string, string, number])[] = [
    ['long', `${SDP}${'a=x\r\n'.repeat(9000)}`, 400],
    ['no-codec', SDP.replace('AVP 8', 'AVP 18'), 488],
    ['no-port', SDP.replace('audio 40000', 'audio 0'), 488],
    ['big-port', SDP.replace('audio 40000', 'audio 65536'), 400],
    ['v6-junk', SDP.replace('IP4 127.0.0.1\r\nt', 'IP6 ::zz\r\nt'), 488],
    ['no-address', SDP.replace('c=IN IP4 127.0.0.1\r\n', ''), 488],
    ['octets', '\u0000\u00ff'.repeat(500), 400],
  ];
  for (const [callId, body, status] of offers)
    assert.is(await attacker.status('INVITE', { callId, body }), status, callId);
  assert.is(
    await attacker.status('INVITE', { callId: 'gzip', body: SDP, headers: 'Content-Encoding: gzip\r\n' }),
    415,
  );
  const notify = 'Event: reg\r\nSubscription-State: active\r\n';
  assert.is(await attacker.status('NOTIFY', { callId: 'stray-notify', headers: notify }), 481);
  assert.is(await attacker.status('BYE', { callId: 'stray-bye' }), 481);
  assert.is(await attacker.status('FOO', { callId: 'foo' }), 405);
  await serves(device, attacker, 'after-nonsense');
  attacker.socket.close();
});

test('the API says what is wrong with a request and never more than one owner acts', async () => {
  const device = await plain('api');
  const attacker = new Attacker(await portOf(device, 'udp'));
  for (const to of [
    'sip:a@b\r\nX: y',
    'sip:a b@c',
    'http://x',
    'sip:a@b?Route=%3Csip:c%3E',
    '<sip:a@b>',
    '\u0000',
  ])
    assert.is((await device.fetch('POST', 'calls', { to })).status, 400, to);
  assert.is(
    (await device.fetch('POST', 'calls', { to: 'sip:a@127.0.0.1', identity: 'sip:b@c\r\nX: y' })).status,
    400,
  );
  await attacker.status('INVITE', { callId: 'raced', body: SDP });
  const { id } = await device.whenCall('the call to ring', ({ state }) => state === 'ringing');
  const acts = ['reject', 'answer', 'reject', 'answer', 'reject'];
  const results = await Promise.all(acts.map((act) => device.fetch('POST', `calls/${id}/${act}`, {})));
  assert.is(results.filter(({ status }) => status === 200).length, 1);
  assert.is(results.filter(({ status }) => status === 409).length, 4);
  // A refusal before any route has the same shape.
  const expectation = await new Promise<string>((resolve) => {
    const { port, host } = new URL(device.url);
    const socket = connect(Number(port), '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => (text += chunk));
    socket.on('close', () => resolve(text));
    socket.write(
      `GET /api/v1/status HTTP/1.1\r\nHost: ${host}\r\nExpect: miracles\r\nConnection: close\r\n\r\n`,
    );
  });
  assert.match(expectation, /^HTTP\/1\.1 417 [\s\S]*\{"error":\{"id":"expectation"/);
  attacker.socket.close();
});

const ims = (pcscf: string, more: { ca?: string; sip?: string } = {}): string =>
  deviceConfig({ pcscf, ...more, sip: `retry_base = 2\nretry_max = 4\n${more.sip ?? ''}` });

const failure = (device: Device): Promise<{ id: string; message: string }> =>
  until(
    'a failed registration',
    async () => {
      const { state, error } = (await device.status()).registration;
      return state === 'failed' && error;
    },
    12_000,
  );

test('a certificate for another name, and one of nobody known, are told as that', async () => {
  const authority = new Authority(folder.path);
  const { certificate, key } = authority.issue('other', ['DNS:other.example']);
  const server = createTlsServer({ cert: readFileSync(certificate), key: readFileSync(key) });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const pcscf = `sip:127.0.0.1:${typeof address === 'object' ? address?.port : 0};transport=tls`;
  const [named, unknown] = await Promise.all([
    started('named', ims(pcscf, { ca: authority.certificate })),
    started('unknown', ims(pcscf)),
  ]);
  const wrongName = await failure(named);
  assert.is(wrongName.id, 'registration.unreachable');
  assert.match(wrongName.message, /certificate of the server is not for 127\.0\.0\.1/);
  assert.match((await failure(unknown)).message, /comes from no trusted authority/);
  server.close();
});

test('names that cannot be resolved, and a server that takes connections and says nothing', async () => {
  const dns = await startDns({});
  dns.faults.set('pcscf.op.example', 'servfail');
  const silent = createTcpServer();
  await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve));
  const address = silent.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const [nameless, hanging] = await Promise.all([
    started('nameless', ims('sip:pcscf.op.example;transport=tcp', { sip: `dns = "${dns.address}"` })),
    started('hanging', ims(`sip:127.0.0.1:${port};transport=tcp`)),
  ]);
  const { message } = await failure(nameless);
  assert.match(message, /cannot be reached\. ./, 'and why');
  assert.is((await hanging.status()).registration.state, 'registering');
  const begun = performance.now();
  hanging.peer.signal('SIGTERM');
  assert.is(await hanging.peer.ended(6000), 0);
  assert.ok(performance.now() - begun < 5500);
  silent.close();
  await dns.close();
});

test.run();
