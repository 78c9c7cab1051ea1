// `tandem demo`: operator, phone and device in one process, on a machine without any hardware.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from '#src/base/clock.ts';
import { describe, TandemError } from '#src/base/errors.ts';
import { createLogger } from '#src/base/log.ts';
import { SystemRandom } from '#src/base/random.ts';
import { Store } from '#src/base/store.ts';
import type { CallSnapshot } from '#src/call/snapshot.ts';
import { MediaEngine } from '#src/media/engine.ts';
import { Operator } from '#src/operator/operator.ts';
import { EXIT, type ExitCode, usage } from '../exit.ts';
import { readOptions } from '../options.ts';
import { logLevel } from '../run.ts';
import { untilTold } from '../signals.ts';
import { Supervisor } from '../supervisor.ts';
import { announce } from '../whereabouts.ts';
import { DemoPhones } from './phones.ts';
import { CallTeller, hearKeys, introduce, type Key, say, sayRegistration, tellPhone } from './terminal.ts';
import { type DemoSound, deviceConfig, makeWorld, operatorConfig } from './world.ts';

const SIP_PORT = 5060;
const WEB_PORT = 8080;
const ANY = 0;
const HIGHEST_PORT = 65_535;

export async function demoCommand(args: readonly string[]): Promise<ExitCode> {
  const { values } = readOptions(args, {
    sip: { type: 'string' },
    web: { type: 'string' },
    log: { type: 'string' },
    'no-browser': { type: 'boolean' },
  });
  const sipPort = portOf('--sip', values.sip);
  const webPort = portOf('--web', values.web ?? process.env.PORT);
  const parts = {
    clock: new SystemClock(),
    random: new SystemRandom(),
    log: createLogger({ level: logLevel(values.log ?? process.env.TANDEM_LOG ?? 'warn') }),
  };
  const folder = mkdtempSync(join(tmpdir(), 'tandem-demo-'));
  const closing: (() => void | Promise<void>)[] = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    const told = untilTold(parts.log);
    const world = makeWorld(parts.random);
    const operator = await onPort(sipPort, SIP_PORT, 'transport.listen', (port) =>
      Operator.start(
        { ...operatorConfig(world, port, folder), web: { listen: '127.0.0.1:0', token: undefined } },
        parts,
      ),
    );
    closing.unshift(() => operator.stop());
    const [udp, tcp] = [addressOf(operator, 'udp'), addressOf(operator, 'tcp')];
    const sound = await findSound(folder);
    const store = Store.open(join(folder, 'state'));
    closing.unshift(() => store.close());
    const file = join(folder, 'tandem.toml');
    const device = new CallTeller('device');
    const phones = new DemoPhones(operator);
    for (const phone of operator.phones) tellPhone(phone);
    let withdraw = (): void => undefined;
    closing.unshift(() => withdraw());
    const supervisor = await onPort(webPort, WEB_PORT, 'web.listen', (port) => {
      writeFileSync(
        file,
        deviceConfig(world, { proxy: tcp, ut: operator.ut ?? '' }, `127.0.0.1:${port}`, sound),
        { mode: 0o600 },
      );
      return Supervisor.start({ ...parts, file, store, env: {}, demo: phones }, (agent) => {
        withdraw();
        withdraw = announce(store.folder, { url: agent.web.url });
        agent.calls.onChange.on((call) => device.tell(call));
        agent.registration.onChange.on(sayRegistration);
      });
    });
    closing.unshift(() => supervisor.stop());
    const page = supervisor.makeLink() ?? '';
    const keys = process.stdin.isTTY && process.stdout.isTTY;
    introduce({ world, udp, tcp, operatorUrl: operator.url, page, sound, folder, keys });
    if (keys) closing.unshift(hearKeys((key) => press(key, operator, phones, supervisor)));
    if (!values['no-browser']) openBrowser(page);
    await told;
    say('closing');
  } finally {
    for (const close of closing) await close();
  }
  return EXIT.done;
}

/** `127.0.0.1:5060`; with any port, UDP and TCP have different ones. */
const addressOf = ({ listening }: Operator, transport: 'udp' | 'tcp'): string =>
  listening.find((address) => address.startsWith(transport))?.slice(transport.length + 1) ?? '';

function portOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > HIGHEST_PORT)
    throw usage(`${option}: "${text}" is no port`);
  return port;
}

/** The wanted port, or the usual one; when that one is taken and nobody asked for it, any. */
async function onPort<Value>(
  wanted: number | undefined,
  usual: number,
  taken: string,
  start: (port: number) => Promise<Value>,
): Promise<Value> {
  try {
    return await start(wanted ?? usual);
  } catch (error) {
    if (wanted !== undefined || !TandemError.is(error, taken)) throw error;
    say(`port ${usual} is taken: another one is used`);
    return start(ANY);
  }
}

/** The sound card, if it can be opened; else a tone and a recording. */
async function findSound(folder: string): Promise<DemoSound> {
  const card = { capture: 'alsa:default', playback: 'alsa:default' };
  const engine = MediaEngine.open({ log: createLogger({ level: 'silent' }), realtime: false });
  try {
    await engine.openStream({ address: '127.0.0.1', ports: { from: ANY, to: ANY }, ...card }).close();
    return card;
  } catch {
    // No card, or it is in use: the demonstration goes on without.
    return { capture: 'tone:880', playback: `file:${join(folder, 'device-{call}.wav')}` };
  } finally {
    await engine.close();
  }
}

function press(key: Key, operator: Operator, phones: DemoPhones, supervisor: Supervisor): void {
  const calls = supervisor.agent?.calls;
  const ours = (state: CallSnapshot['state']) => {
    const known = calls?.list().find((one) => one.state === state);
    const call = known && calls?.get(known.id);
    if (!call) throw new TandemError('caller', 'call.state', 'Nothing rings on the device.');
    return call;
  };
  const acts: Readonly<Record<Key, () => void>> = {
    r: () => phones.ring(),
    a: () => ours('ringing').answer(),
    p: () => phones.act('phone', 'answer'),
    d: () => ours('ringing').reject(),
    h: () => {
      for (const { id, state } of calls?.list() ?? []) if (state !== 'ended') calls?.get(id)?.hangup();
      for (const phone of operator.phones) phone.hangup();
    },
    q: () => process.kill(process.pid, 'SIGINT'),
  };
  try {
    acts[key]();
  } catch (error) {
    say(describe(error));
  }
}

/** Where there is a desktop; the link stands in the terminal anyway. */
function openBrowser(page: string): void {
  const { DISPLAY, WAYLAND_DISPLAY } = process.env;
  if (!DISPLAY && !WAYLAND_DISPLAY) return;
  execFile('xdg-open', [page], (error) => {
    if (error) say('No browser could be opened; the link above does it.');
  });
}
