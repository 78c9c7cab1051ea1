// The log: pino, one JSON line an entry. Secrets are never handed to it.
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import { LogSink } from './log-sink.ts';

export type Logger = PinoLogger;

export interface LogOptions {
  readonly level?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly destination?: DestinationStream;
}

const STANDARD_ERROR = 2;

/** Keys whose values are replaced before anything is written. */
const SECRET_KEYS = ['password', 'token', 'secret', 'ha1', 'authorization'];

export function createLogger(options: LogOptions = {}): Logger {
  const settings = {
    level: options.level ?? 'info',
    base: null,
    redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`]), censor: '[secret]' },
  };
  return pino(settings, options.destination ?? standardError());
}

let sink: LogSink | undefined;

/** One for the process: what still waits at its end gets a last try, and no more. */
function standardError(): LogSink {
  if (sink === undefined) {
    const made = new LogSink(STANDARD_ERROR);
    process.on('exit', () => made.flush());
    sink = made;
  }
  return sink;
}

/** For tests and for code that has nobody to tell. */
export const silentLogger = (): Logger => createLogger({ level: 'silent' });
