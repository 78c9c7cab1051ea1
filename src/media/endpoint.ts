// Where sound comes from and goes to, as the configuration writes it ([audio] capture, playback).
import { TandemError } from '#src/base/errors.ts';
import { err, ok, type Result } from '#src/base/result.ts';
import { ENDPOINT_KINDS, type NativeEndpoint } from './addon.ts';

export type Endpoint =
  | { readonly kind: 'null' }
  | { readonly kind: 'tone'; readonly hertz: number }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'device'; readonly name: string }
  /** Streams at the same bridge hear each other; for the test operator's conferences, never in a configuration. */
  | { readonly kind: 'bridge'; readonly name: string };

/** Highest tone that wide-band sound carries. */
const MAX_TONE_HZ = 8000;

/** Reads `"alsa:NAME"`, `"file:PATH"`, `"tone:HZ"` or `"null"`; the error says what is wrong. */
export function parseCapture(text: string): Result<Endpoint, string> {
  if (text === 'null') return ok({ kind: 'null' });
  const colon = text.indexOf(':');
  const scheme = colon < 0 ? text : text.slice(0, colon);
  const rest = colon < 0 ? '' : text.slice(colon + 1);
  if (!Object.hasOwn(SCHEME_NEEDS, scheme))
    return err(`"${text}" is none of "alsa:NAME", "file:PATH", "tone:HZ", "null"`);
  if (rest === '') return err(`"${text}" lacks ${SCHEME_NEEDS[scheme] ?? 'its value'} after the colon`);
  if (rest.includes('\0')) return err(`"${scheme}:" with a zero octet in it`);
  if (scheme === 'alsa') return ok({ kind: 'device', name: rest });
  if (scheme === 'bridge') return ok({ kind: 'bridge', name: rest });
  if (scheme === 'file') return ok({ kind: 'file', path: rest });
  const hertz = /^\d+(\.\d+)?$/.test(rest) ? Number(rest) : Number.NaN;
  if (!(hertz > 0 && hertz < MAX_TONE_HZ))
    return err(`"${text}": a tone has a frequency above 0 and below ${MAX_TONE_HZ} Hz`);
  return ok({ kind: 'tone', hertz });
}

const SCHEME_NEEDS: Readonly<Record<string, string>> = {
  alsa: 'the name of a device',
  file: 'a path',
  tone: 'a frequency in Hz',
  bridge: 'a name',
};

/** As parseCapture; a tone cannot be played into. */
export function parsePlayback(text: string): Result<Endpoint, string> {
  const endpoint = parseCapture(text);
  if (endpoint.ok && endpoint.value.kind === 'tone') return err(`"${text}": a tone cannot be a playback`);
  return endpoint;
}

function toNative(endpoint: Endpoint): NativeEndpoint {
  return {
    kind: ENDPOINT_KINDS[endpoint.kind],
    name: 'path' in endpoint ? endpoint.path : 'name' in endpoint ? endpoint.name : '',
    hertz: endpoint.kind === 'tone' ? endpoint.hertz : 0,
  };
}

/** The capture for the engine. Throws TandemError `media.config` when it is not understood. */
export function captureOf(text: string): NativeEndpoint {
  return understood('capture', parseCapture(text));
}

/** As captureOf. */
export function playbackOf(text: string): NativeEndpoint {
  return understood('playback', parsePlayback(text));
}

function understood(key: string, parsed: Result<Endpoint, string>): NativeEndpoint {
  if (parsed.ok) return toNative(parsed.value);
  throw new TandemError('caller', 'media.config', `The ${key} of sound is not understood: ${parsed.error}.`, {
    detail: { key, reason: parsed.error },
  });
}
