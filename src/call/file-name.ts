// The file of one call: `{call}` is its id; a name without it belongs to one call at a time, another one gets a name of its own.
import { parse } from 'node:path';
import { TandemError } from '#src/base/errors.ts';

const FILE = 'file:';

export const named = (end: string, callId: string): string => end.replaceAll('{call}', callId);

/** `file:/tmp/in.wav` becomes `file:/tmp/in-CALL.wav`. */
export function ownName(end: string, callId: string): string {
  const { dir, name, ext } = parse(end.slice(FILE.length));
  return `${FILE}${dir}${dir === '' || dir.endsWith('/') ? '' : '/'}${name}-${callId}${ext}`;
}

/**
 * Attaches the end that a call writes; when another call writes that file just now, one of its own beside it. Throws
 * what `attach` throws.
 */
export function attachWritten(end: string, callId: string, attach: (end: string) => void): void {
  const name = named(end, callId);
  try {
    attach(name);
  } catch (cause) {
    if (TandemError.from(cause).id !== 'media.file-in-use') throw cause;
    attach(ownName(name, callId));
  }
}
