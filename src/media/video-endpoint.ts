// Where video comes from and goes to, as the configuration writes it ([video] capture, sink).
import { TandemError } from '#src/base/errors.ts';
import { ENDPOINT_KINDS, type NativeEndpoint } from './addon.ts';

const NONE: NativeEndpoint = { kind: ENDPOINT_KINDS.null, name: '', hertz: 0 };

/** `"v4l2:DEVICE"`, `"file:PATH"` or `"none"`. Throws `media.config`. */
export function videoCaptureOf(text: string): NativeEndpoint {
  if (text === 'none') return NONE;
  const scheme = /^(v4l2|file):([^\0]+)$/s.exec(text);
  if (!scheme) throw notUnderstood('capture', text);
  const [, kind = '', name = ''] = scheme;
  return { kind: kind === 'file' ? ENDPOINT_KINDS.file : ENDPOINT_KINDS.device, name, hertz: 0 };
}

/** `"file:PATH"` or `"none"`; the configuration knows `"v4l2:DEVICE"`, which nothing plays. Throws `media.config`. */
export function videoSinkOf(text: string): NativeEndpoint {
  const endpoint = videoCaptureOf(text);
  if (endpoint.kind === ENDPOINT_KINDS.device) throw notUnderstood('sink', text);
  return endpoint;
}

function notUnderstood(key: string, text: string): TandemError {
  return new TandemError('caller', 'media.config', `The ${key} of video is not understood: "${text}".`, {
    detail: { key, reason: text },
  });
}
