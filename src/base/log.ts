// The log: pino, one JSON line an entry. Secrets are never handed to it.
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';

export type Logger = PinoLogger;

export interface LogOptions {
  readonly level?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly destination?: DestinationStream;
}

/** Keys whose values are replaced before anything is written. */
const SECRET_KEYS = ['password', 'token', 'secret', 'ha1', 'authorization'];

export function createLogger(options: LogOptions = {}): Logger {
  const settings = {
    level: options.level ?? 'info',
    base: null,
    redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`]), censor: '[secret]' },
  };
  return options.destination ? pino(settings, options.destination) : pino(settings, pino.destination(2));
}

/** For tests and for code that has nobody to tell. */
export const silentLogger = (): Logger => createLogger({ level: 'silent' });
