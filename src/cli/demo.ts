import { EXIT, type ExitCode } from './exit.ts';
export async function demoCommand(_args: readonly string[]): Promise<ExitCode> {
  return EXIT.failure;
}
