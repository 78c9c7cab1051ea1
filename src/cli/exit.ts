// The contract's exit codes, and which error ends with which.
import { TandemError } from '#src/base/errors.ts';

export const EXIT = {
  done: 0,
  failure: 1,
  usage: 2,
  configuration: 3,
  /** A port or a device is not to be had. */
  taken: 4,
  unreachable: 5,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const CODES: Readonly<Record<string, ExitCode>> = {
  'cli.usage': EXIT.usage,
  'config.invalid': EXIT.configuration,
  'transport.listen': EXIT.taken,
  'web.listen': EXIT.taken,
  'device.sound': EXIT.taken,
  'device.video': EXIT.taken,
  'media.device': EXIT.taken,
  'media.ports': EXIT.taken,
  'cli.unreachable': EXIT.unreachable,
};

export const exitCodeOf = (error: unknown): ExitCode =>
  (TandemError.is(error) ? CODES[error.id] : undefined) ?? EXIT.failure;

/** The command line was wrong. */
export const usage = (message: string): TandemError =>
  new TandemError('caller', 'cli.usage', `${message} (see tandem --help)`);
