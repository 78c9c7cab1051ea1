// `tandem run --config FILE --state DIR`: the device.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from '#src/base/clock.ts';
import { loadAgent } from '#src/base/config/load.ts';
import { createLogger } from '#src/base/log.ts';
import { SystemRandom } from '#src/base/random.ts';
import { Store } from '#src/base/store.ts';
import { EXIT, type ExitCode, usage } from './exit.ts';
import { Notifier } from './notify.ts';
import { readOptions } from './options.ts';
import { untilTold } from './signals.ts';
import { Supervisor } from './supervisor.ts';
import { announce } from './whereabouts.ts';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

export async function runCommand(args: readonly string[]): Promise<ExitCode> {
  const { values } = readOptions(args, {
    config: { type: 'string' },
    state: { type: 'string' },
    log: { type: 'string' },
  });
  const { config: file, state = defaultState() } = values;
  if (file === undefined) throw usage('which configuration? tandem run --config FILE --state DIR');
  const { env } = process;
  const [clock, random, log] = [
    new SystemClock(),
    new SystemRandom(),
    createLogger({ level: logLevel(values.log) }),
  ];
  // Before anything is touched: a faulty file leaves nothing behind.
  await loadAgent({ file, env });
  const store = Store.open(state);
  let withdraw = (): void => undefined;
  const supervised = Promise.withResolvers<Supervisor>();
  try {
    const told = untilTold(log);
    // Before the line that says we serve: whoever reads it may send a signal at once.
    const reload = (): void => void supervised.promise.then((supervisor) => supervisor.reload());
    process.on('SIGHUP', reload);
    const supervisor = await Supervisor.start(
      { file, store, clock, random, log, env },
      (agent, { config }) => {
        withdraw();
        withdraw = announce(state, { url: agent.web.url, token: config.web.token });
        process.stdout.write(`listening ${agent.listening.join(' ')}\n`);
      },
    );
    const notifier = new Notifier({ clock, log });
    supervised.resolve(supervisor);
    if (process.stderr.isTTY) process.stderr.write(`page (once): ${supervisor.makeLink()}\n`);
    await notifier.ready();
    await told;
    await notifier.stopping();
    await supervisor.stop();
  } finally {
    withdraw();
    store.close();
  }
  return EXIT.done;
}

/** XDG base directories; a service has /var/lib. */
function defaultState(): string {
  if (process.getuid?.() === 0) return '/var/lib/tandem';
  return join(process.env.XDG_STATE_HOME ?? join(homedir(), '.local/state'), 'tandem');
}

/** `--log`, else TANDEM_LOG, else info. Throws `cli.usage`. */
export function logLevel(wanted: string | undefined): (typeof LOG_LEVELS)[number] {
  const name = wanted ?? process.env.TANDEM_LOG ?? 'info';
  const level = LOG_LEVELS.find((known) => known === name);
  if (level === undefined) throw usage(`"${name}" is no log level: ${LOG_LEVELS.join(', ')}`);
  return level;
}
