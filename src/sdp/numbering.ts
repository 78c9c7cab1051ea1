// Payload type numbers stay with their formats through a session (RFC 3264 8.3.2).
import type { ComposedFormat } from './compose.ts';
import type { MediaDescription } from './model.ts';

const FIRST_DYNAMIC = 96;
const DYNAMIC = 32;

/** The formats under the numbers that `before`, our last line, gave them; new ones get free numbers. */
export function keepNumbers(
  before: MediaDescription | undefined,
  formats: readonly ComposedFormat[],
): readonly ComposedFormat[] {
  if (!before) return formats;
  const used = new Map(before.payloadTypes.map((type) => [identity(before, type), type] as const));
  const taken = new Set(used.values());
  const free = Array.from({ length: DYNAMIC }, (_, at) => FIRST_DYNAMIC + at).filter(
    (type) => !taken.has(type),
  );
  return formats.map((format) => {
    const known = used.get(identityOf(format));
    if (known !== undefined) return { ...format, payloadType: known };
    if (format.payloadType < FIRST_DYNAMIC || !taken.has(format.payloadType)) {
      const at = free.indexOf(format.payloadType);
      if (at >= 0) free.splice(at, 1);
      return format;
    }
    return { ...format, payloadType: free.shift() ?? format.payloadType };
  });
}

const aligned = (fmtp: string | undefined): boolean => /(^|;)\s*octet-align=1/.test(fmtp ?? '');

const identityOf = (format: ComposedFormat): string =>
  `${format.rtpMap.toLowerCase().replace(/\/1$/, '')} ${aligned(format.fmtp)}`;

const identity = (media: MediaDescription, payloadType: number): string => {
  const map = media.rtpMap(payloadType);
  const channels = map && map.channels > 1 ? `/${map.channels}` : '';
  return `${map?.name.toLowerCase()}/${map?.clockRate}${channels} ${aligned(media.fmtp(payloadType)?.text)}`;
};
