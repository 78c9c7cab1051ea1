// The command line: which command, and which exit code an error becomes.
import { TandemError } from '#src/base/errors.ts';
import { VERSION } from '#src/base/version.ts';
import { CLIENT_COMMANDS } from './client/commands.ts';
import { conformanceCommand } from './conformance/command.ts';
import { demoCommand } from './demo.ts';
import { EXIT, type ExitCode, exitCodeOf, usage } from './exit.ts';
import { HELP } from './help.ts';
import { operatorCommand } from './operator.ts';
import { runCommand } from './run.ts';

type Command = (args: readonly string[]) => Promise<ExitCode>;

const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['run', runCommand],
  ['operator', operatorCommand],
  ['demo', demoCommand],
  ...Object.entries(CLIENT_COMMANDS),
  ['conformance', conformanceCommand],
]);

/** Runs one command; every error ends as one or more lines on standard error. */
export async function main(args: readonly string[]): Promise<ExitCode> {
  try {
    const [name, ...rest] = args;
    if (name === '--help' || name === '-h' || name === 'help' || rest.includes('--help')) return say(HELP);
    if (name === '--version') return say(`${VERSION}\n`);
    const command = COMMANDS.get(name ?? '');
    if (!command) throw usage(name === undefined ? 'what is to be done?' : `there is no command "${name}"`);
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
