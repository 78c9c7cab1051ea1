// SIGTERM and SIGINT end the program in order, a second one at once.
import type { Logger } from '#src/base/log.ts';
import { EXIT } from './exit.ts';

/** Resolves when the first of them comes. */
export function untilTold(log: Logger): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let told = false;
  const heard = (signal: string): void => {
    if (told) process.exit(EXIT.done);
    told = true;
    log.info({ signal }, 'closing');
    resolve();
  };
  process.on('SIGTERM', heard);
  process.on('SIGINT', heard);
  return promise;
}
