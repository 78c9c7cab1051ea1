import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import { findAgent } from '#src/cli/client/agent-client.ts';
import { traceCommand } from '#src/cli/client/commands.ts';
import { announce } from '#src/cli/whereabouts.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('cli/find-agent');
const folder = mkdtempSync(join(tmpdir(), 'tandem-find-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs as long as the machine does. */
const FOREVER = 1;

test('of several agents the latest is taken, and that is said; a named one needs no word', () => {
  const env = { XDG_RUNTIME_DIR: folder };
  const [first, second] = [join(folder, 'first'), join(folder, 'second')];
  for (const state of [first, second]) mkdirSync(state);
  const notes: string[] = [];
  const find = (choice: { state?: string; url?: string }): string =>
    findAgent(choice, env, (text) => notes.push(text)).url;
  const withdraw = announce(second, { url: 'http://127.0.0.1:2', token: 't' }, env);
  assert.is(find({}), 'http://127.0.0.1:2');
  assert.equal(notes, []);
  writeFileSync(join(first, 'agent.json'), JSON.stringify({ url: 'http://127.0.0.1:1', token: 't' }));
  const uid = process.getuid?.() ?? 0;
  writeFileSync(join(folder, `tandem-${uid}`, `${FOREVER}.json`), JSON.stringify({ state: first }));
  assert.is(find({}), 'http://127.0.0.1:1');
  assert.match(notes.join(''), /several agents run here.*127\.0\.0\.1:1.*--state/);
  assert.is(find({ state: second }), 'http://127.0.0.1:2');
  assert.is(find({ url: 'http://127.0.0.1:2/' }), 'http://127.0.0.1:2');
  assert.is(notes.length, 1);
  withdraw();
});

test('a packet file that cannot be written is told in words', async () => {
  const server = createServer((_request, response) => response.end('packets'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const path = join(tmpdir(), 'tandem-no-such-folder', 'trace.pcap');
  const error: unknown = await traceCommand([
    ...['--url', `http://127.0.0.1:${port}`, '--token', 'x', '--pcap', path],
  ]).catch((refused: unknown) => refused);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  assert.ok(TandemError.is(error, 'cli.file'));
  assert.is(error.message, `${path} cannot be written: ENOENT.`);
});

test.run();
