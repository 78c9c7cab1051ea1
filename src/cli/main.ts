// The command line: which command, and which exit code an error becomes.
import { TandemError } from '#src/base/errors.ts';
import { VERSION } from '#src/base/version.ts';
import { EXIT, type ExitCode, exitCodeOf, usage } from './exit.ts';
import { HELP } from './help.ts';

type Command = (args: readonly string[]) => Promise<ExitCode>;

/** Each command loads only what it needs: `tandem status` has nothing to do with SIP or sound. */
const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ['run', async () => (await import('./run.ts')).runCommand],
  ['operator', async () => (await import('./operator.ts')).operatorCommand],
  ['demo', async () => (await import('./demo/command.ts')).demoCommand],
  ['call', async () => (await import('./client/commands.ts')).callCommand],
  ['status', async () => (await import('./client/commands.ts')).statusCommand],
  ['log', async () => (await import('./client/commands.ts')).logCommand],
  ['trace', async () => (await import('./client/commands.ts')).traceCommand],
  ['services', async () => (await import('./client/services.ts')).servicesCommand],
  ['conformance', async () => (await import('./conformance/command.ts')).conformanceCommand],
]);

/** Runs one command; every error ends as one or more lines on standard error. */
export async function main(args: readonly string[]): Promise<ExitCode> {
  try {
    const [name, ...rest] = args;
    if (name === '--help' || name === '-h' || name === 'help' || rest.includes('--help')) return say(HELP);
    if (name === '--version') return say(`${VERSION}\n`);
    const load = COMMANDS.get(name ?? '');
    if (!load) throw usage(name === undefined ? 'what is to be done?' : `there is no command "${name}"`);
    const command = await load();
    return await command(rest);
  } catch (error) {
    process.stderr.write(complaint(error));
    return exitCodeOf(error);
  }
}

function say(text: string): ExitCode {
  process.stdout.write(text);
  return EXIT.done;
}

function complaint(error: unknown): string {
  if (!(error instanceof TandemError))
    return `tandem: ${error instanceof Error ? error.stack : String(error)}\n`;
  const { address, reason } = error.detail;
  const extra = [address, reason].filter((part) => typeof part === 'string' && !error.message.includes(part));
  return `tandem: ${[error.message, ...extra].join(' ').replaceAll('\n', '\ntandem: ')}\n`;
}
