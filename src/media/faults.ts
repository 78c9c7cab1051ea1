// What the engine in C reports, as errors of the agent.
import { type Fault, systemCode, TandemError } from '#src/base/errors.ts';

interface Row {
  readonly id: string;
  readonly fault: Fault;
  readonly message: string;
}

const OURS: Row = { id: 'media.engine', fault: 'ours', message: 'The sound engine failed.' };

/** By the words of tm_engine_status. */
const ROWS: Readonly<Record<string, Row>> = {
  memory: { id: 'media.memory', fault: 'ours', message: 'No memory is left for another call.' },
  thread: { id: 'media.thread', fault: 'ours', message: 'The sound engine cannot start its threads.' },
  limit: { id: 'media.limit', fault: 'caller', message: 'The sound engine has no room for more.' },
  argument: { id: 'media.argument', fault: 'caller', message: 'The sound engine does not take this value.' },
  address: { id: 'media.address', fault: 'caller', message: 'This address cannot be used for sound.' },
  ports: { id: 'media.ports', fault: 'caller', message: 'No port is free for the sound of a call.' },
  codec: { id: 'media.codec', fault: 'caller', message: 'This codec is not to be had.' },
  file: { id: 'media.file', fault: 'caller', message: 'A file of sound or video cannot be used.' },
  'in-use': {
    id: 'media.file-in-use',
    fault: 'caller',
    message: 'Another call writes this file at this time.',
  },
  device: { id: 'media.device', fault: 'caller', message: 'The audio device cannot be used.' },
  closed: { id: 'media.closed', fault: 'caller', message: 'The sound engine is closed.' },
};

/** The ids that leave this module. */
export const mediaError = (word: string, reason: string, code = 0): TandemError => {
  const row = ROWS[word] ?? OURS;
  return new TandemError(row.fault, row.id, `${row.message} (${reason})`, {
    detail: { reason, ...(code === 0 ? {} : { code: Math.abs(code) }) },
  });
};

/** Runs a call into the addon; what it throws leaves as TandemError. */
export function native<Value>(call: () => Value): Value {
  try {
    return call();
  } catch (error) {
    throw fromNative(error);
  }
}

/** As `native`, for what takes its time. */
export async function nativeAsync<Value>(call: () => Promise<Value>): Promise<Value> {
  try {
    return await call();
  } catch (error) {
    throw fromNative(error);
  }
}

function fromNative(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof TandemError) return error;
  const code = 'errno' in error && typeof error.errno === 'number' ? error.errno : 0;
  return mediaError(systemCode(error) ?? '', error.message, code);
}
