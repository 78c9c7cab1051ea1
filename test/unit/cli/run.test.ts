import { createSocket } from 'node:dgram';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { Bench, type Program, QUIET } from './program.ts';

const test = suite('cli/run');
const bench = new Bench();
test.after(() => bench.close());

class Device {
  readonly program: Program;
  readonly state: string;

  private constructor(program: Program, state: string) {
    this.program = program;
    this.state = state;
  }

  static async start(name: string, config: string, env: NodeJS.ProcessEnv = {}): Promise<Device> {
    const state = bench.path(name);
    const program = bench.start(['run', '--config', config, '--state', state, '--log', 'info'], env);
    await program.says(/^listening .*\n/m);
    return new Device(program, state);
  }

  get url(): string {
    return JSON.parse(readFileSync(`${this.state}/agent.json`, 'utf8')).url;
  }

  async api(
    method: string,
    path: string,
    body?: object,
  ): Promise<{ status: number; body: Record<string, Record<string, Record<string, unknown>>> }> {
    const token = readFileSync(`${this.state}/token`, 'utf8').trim();
    const response = await fetch(`${this.url}/api/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    // Objects of the contract; a wrong shape fails the assertion that reads it.
    return {
      status: response.status,
      body: (await response.json()) as Record<string, Record<string, Record<string, unknown>>>,
    };
  }

  /** The line of the n-th start. */
  async started(times: number): Promise<void> {
    await this.program.says(new RegExp(`(?:listening .*\\n[^]*?){${times}}`));
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.program.kill(signal);
    return (await this.program.ended).code;
  }
}

test('one line says where it listens; the files are for the owner alone and go at the end', async () => {
  const device = await Device.start('one', bench.config(QUIET));
  const { url } = device;
  assert.match(
    device.program.out,
    /^listening udp:127\.0\.0\.1:\d+ tcp:127\.0\.0\.1:\d+ http:\/\/127\.0\.0\.1:\d+\n$/,
  );
  assert.ok(device.program.out.includes(url));
  for (const name of ['agent.json', 'token', 'tandem.db'])
    assert.is(statSync(`${device.state}/${name}`).mode & 0o777, 0o600, name);
  assert.is(await device.stop(), 0);
  assert.not(existsSync(`${device.state}/agent.json`));
  assert.is(device.program.out.split('\n').length, 2);
});

test('SIGINT ends it as well; the token stays the same', async () => {
  const config = bench.config(QUIET);
  const first = await Device.start('again', config);
  const token = readFileSync(`${first.state}/token`, 'utf8');
  assert.is(await first.stop('SIGINT'), 0);
  const second = await Device.start('again', config);
  assert.is(readFileSync(`${second.state}/token`, 'utf8'), token);
  assert.is(await second.stop(), 0);
});

test('a registrar that never answers does not hold up the end; a second signal ends it at once', async () => {
  const silent = createSocket('udp4');
  await new Promise<void>((resolve) => silent.bind(0, '127.0.0.1', resolve));
  const config = bench.config(
    `${QUIET}[account]\nimpu = "sip:a@op.example"\npassword = "x"\n[pcscf]\nuri = "sip:127.0.0.1:${silent.address().port};transport=udp"\n`,
  );
  const device = await Device.start('silent', config);
  assert.is((await device.api('GET', 'status')).body.registration?.state, 'registering');
  assert.is(await device.stop(), 0);
  const hasty = await Device.start('silent', config);
  hasty.program.kill('SIGTERM');
  await hasty.program.says(/closing/, 'err');
  assert.is(await hasty.stop('SIGINT'), 0);
  silent.close();
});

test('PORT replaces the port', async () => {
  const socket = createServer();
  await new Promise<void>((resolve) => socket.listen(0, '127.0.0.1', resolve));
  const address = socket.address();
  const free = typeof address === 'object' && address ? address.port : 0;
  await new Promise<void>((resolve) => void socket.close(() => resolve()));
  const device = await Device.start('port', bench.config(QUIET), { PORT: String(free) });
  assert.is(device.url, `http://127.0.0.1:${free}`);
  const config = (await device.api('GET', 'config')).body;
  assert.equal(config.web?.listen, { origin: 'environment', value: `127.0.0.1:${free}` });
  assert.equal(config.web?.token, { origin: 'default', secret: true, set: false });
  assert.is(await device.stop(), 0);
});

test('SIGHUP takes a good configuration whole, and a faulty one not at all', async () => {
  const file = bench.config(QUIET);
  const device = await Device.start('hup', file);
  const { url } = device;
  writeFileSync(file, `${QUIET}[call]\nring_seconds = 7\nwaiting = "x"\n`);
  device.program.kill('SIGHUP');
  await device.program.says(/the configuration is as it was/, 'err');
  assert.equal((await device.api('GET', 'config')).body.call?.ring_seconds, { origin: 'default', value: 90 });
  writeFileSync(file, `${QUIET}[call]\nring_seconds = 7\n`);
  device.program.kill('SIGHUP');
  await device.program.says(/configuration read again/, 'err');
  assert.equal((await device.api('GET', 'config')).body.call?.ring_seconds, { origin: 'file', value: 7 });
  assert.is(device.url, url, 'any port stays the one that was given');
  assert.is(await device.stop(), 0);
});

test('a configuration that cannot be applied leaves the old one running', async () => {
  const taken = createSocket('udp4');
  await new Promise<void>((resolve) => taken.bind(0, '127.0.0.1', resolve));
  const file = bench.config(QUIET);
  const device = await Device.start('back', file);
  writeFileSync(file, QUIET.replace('udp:127.0.0.1:0', `udp:127.0.0.1:${taken.address().port}`));
  device.program.kill('SIGHUP');
  await device.program.says(/the configuration is as it was/, 'err');
  const { listen } = (await device.api('GET', 'status')).body;
  assert.not.match(JSON.stringify(listen), new RegExp(`:${taken.address().port}"`));
  taken.close();
  assert.is(await device.stop(), 0);
});

test("PATCH config keeps the owner's settings, applies them, and takes them back", async () => {
  const config = bench.config(`${QUIET}[call]\nring_seconds = 20\n`);
  const device = await Device.start('owner', config);
  const patched = await device.api('PATCH', 'config', { call: { ring_seconds: 5, waiting: false } });
  assert.is(patched.status, 200);
  assert.equal(patched.body.call?.ring_seconds, { origin: 'owner', value: 5 });
  await device.started(2);
  assert.equal((await device.api('GET', 'config')).body.call?.waiting, { origin: 'owner', value: false });
  assert.is((await device.api('PATCH', 'config', { sms: { enabled: true } })).status, 400);
  assert.is((await device.api('PATCH', 'config', { network: { access: 'wlan' } })).status, 400);
  assert.is(await device.stop(), 0);
  const again = await Device.start('owner', config);
  assert.equal((await again.api('GET', 'config')).body.call?.ring_seconds, { origin: 'owner', value: 5 });
  assert.is((await again.api('PATCH', 'config', { call: { ring_seconds: null } })).status, 200);
  await again.started(2);
  assert.equal((await again.api('GET', 'config')).body.call?.ring_seconds, { origin: 'file', value: 20 });
  assert.is(await again.stop(), 0);
});

test('a change of the owner that cannot be used is taken back: the device starts again without it', async () => {
  const config = bench.config(QUIET);
  const device = await Device.start('unusable', config);
  const unusable = { sip: { listen: ['udp:192.0.2.1:5060'] } };
  assert.is((await device.api('PATCH', 'config', unusable)).status, 200);
  await device.program.says(/the configuration is as it was/, 'err');
  await device.started(2);
  assert.is((await device.api('GET', 'config')).body.sip?.listen?.origin, 'file');
  // And one that never came to be tried.
  assert.is((await device.api('PATCH', 'config', unusable)).status, 200);
  assert.is(await device.stop('SIGKILL'), null);
  const again = await Device.start('unusable', config);
  await again.program.says(/the owner's last change is taken back/, 'err');
  assert.is((await again.api('GET', 'config')).body.sip?.listen?.origin, 'file');
  assert.is(await again.stop(), 0);
});

test('a configured token is in force at once, and known to the client commands', async () => {
  const file = bench.config(QUIET);
  const device = await Device.start('token', file);
  writeFileSync(file, `${QUIET}token = "brand-new"\n`);
  device.program.kill('SIGHUP');
  await device.program.says(/configuration read again/, 'err');
  const status = async (token: string): Promise<number> =>
    (await fetch(`${device.url}/api/v1/status`, { headers: { authorization: `Bearer ${token}` } })).status;
  assert.is(await status(readFileSync(`${device.state}/token`, 'utf8').trim()), 401);
  assert.is(await status('brand-new'), 200);
  assert.is((await bench.run(['status', '--state', device.state])).code, 0);
  assert.is(await device.stop(), 0);
});

test('the client commands find the agent that runs', async () => {
  const device = await Device.start('client', bench.config(QUIET));
  const status = await bench.run(['status']);
  assert.is(status.code, 0, status.err);
  assert.match(status.out, /^registration +off$/m);
  const token = readFileSync(`${device.state}/token`, 'utf8').trim();
  assert.is((await bench.run(['status', '--json', '--url', device.url, '--token', token])).code, 0);
  assert.is((await bench.run(['status'], { TANDEM_URL: device.url, TANDEM_TOKEN: token })).code, 0);
  assert.is((await bench.run(['status', '--state', device.state])).code, 0);
  assert.is((await bench.run(['status', '--url', device.url])).code, 0, 'the token of the running agent');
  const refused = await bench.run(['status', '--url', device.url, '--token', 'wrong']);
  assert.is(refused.code, 1);
  assert.match(refused.err, /token.*\(401\)/);
  const call = await bench.run(['call', 'sip:nobody@127.0.0.1:9;transport=tcp', '--wait']);
  assert.is(call.code, 1);
  assert.match(call.out, /dialing\n.*ended \(failed\)\n$/);
  assert.is((await bench.run(['call', '100'])).code, 1);
  const log = await bench.run(['log', '--limit', '5']);
  assert.match(log.out, / out {2}failed/);
  const rows: { id: string }[] = JSON.parse((await bench.run(['log', '--json'])).out);
  assert.is(rows.length, 1);
  assert.is((await bench.run(['trace', '--call', rows[0]?.id ?? ''])).code, 0);
  const pcap = bench.path('trace.pcap');
  assert.is((await bench.run(['trace', '--pcap', pcap])).code, 0);
  assert.is(readFileSync(pcap).readUInt32LE(0), 0xa1b2c3d4);
  const link = await bench.run(['status', '--link']);
  assert.is((await fetch(link.out.trim())).status, 200);
  assert.is(await device.stop(), 0);
});

test.run();
