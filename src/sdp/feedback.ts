// What a video line says beside its codec: feedback messages, header extensions, picture sizes
// (RFC 4585 4.2, RFC 5104 7.1, RFC 5506 5, RFC 8285 8, RFC 6236).
import { Milliseconds } from '#src/base/units.ts';
import type { AgreedFeedback, ImageSize } from './agreement.ts';
import { parseDecimal } from './attributes.ts';
import { attribute, type Line, type MediaDescription } from './model.ts';

/** The messages that every AVPF offer names and every answer takes (26.114 6.2.3.2). */
const MESSAGES: readonly { readonly key: 'nack' | 'pli' | 'fir' | 'tmmbr'; readonly value: string }[] = [
  { key: 'nack', value: 'nack' },
  { key: 'pli', value: 'nack pli' },
  { key: 'fir', value: 'ccm fir' },
  { key: 'tmmbr', value: 'ccm tmmbr' },
];
/** Regular reports no more often than that (26.114 A.4). */
const OFFERED_TRR = Milliseconds(5_000);
const MAX_TRR = 600_000;

export const NO_FEEDBACK: AgreedFeedback = {
  ...{ nack: false, pli: false, fir: false, tmmbr: false, rsize: false },
  trrIntMs: Milliseconds(0),
};

/** Some message was agreed. */
export const hasMessages = (feedback: AgreedFeedback): boolean => MESSAGES.some(({ key }) => feedback[key]);

/** `a=rtcp-fb` and `a=rtcp-rsize` of our offer. */
export const offeredFeedback = (): readonly Line[] =>
  feedbackLines({ nack: true, pli: true, fir: true, tmmbr: true, rsize: true, trrIntMs: OFFERED_TRR });

export function feedbackLines(feedback: AgreedFeedback): readonly Line[] {
  return [
    ...(feedback.trrIntMs > 0 ? [attribute('rtcp-fb', `* trr-int ${feedback.trrIntMs}`)] : []),
    ...MESSAGES.filter(({ key }) => feedback[key]).map(({ value }) => attribute('rtcp-fb', `* ${value}`)),
    ...(feedback.rsize ? [attribute('rtcp-rsize')] : []),
  ];
}

/** What a line names for a payload type, of what we know. */
export function feedbackOf(media: MediaDescription, payloadType: number): AgreedFeedback {
  const values = media.attributes
    .filter(({ name }) => name === 'rtcp-fb')
    .flatMap(({ value }) => {
      const [scope, ...words] = value
        .trim()
        .toLowerCase()
        .split(/[ \t]+/);
      return scope === '*' || scope === `${payloadType}` ? [words] : [];
    });
  const names = new Set(values.map((words) => words.slice(0, 2).join(' ')));
  const trr = parseDecimal(values.find(([word]) => word === 'trr-int')?.[1] ?? '') ?? 0;
  return {
    nack: names.has('nack'),
    pli: names.has('nack pli'),
    fir: names.has('ccm fir'),
    tmmbr: names.has('ccm tmmbr'),
    rsize: media.has('rtcp-rsize'),
    trrIntMs: Milliseconds(Math.min(trr, MAX_TRR)),
  };
}

/** RFC 8285 4.2: the one-octet form has no others. */
const MAX_EXTENSION_ID = 14;
/** 26.114 6.2.3.3, the 2-bit form; `…:6` is not taken. */
const ORIENTATION = 'urn:3gpp:video-orientation';
const OUR_ORIENTATION_ID = 4;

export const orientationLine = (id = OUR_ORIENTATION_ID): Line => attribute('extmap', `${id} ${ORIENTATION}`);

/** The number that a line gives to the orientation. */
export function orientationOf(media: MediaDescription): number | undefined {
  for (const { name, value } of media.attributes) {
    if (name !== 'extmap') continue;
    const [number = '', uri] = value.trim().split(/[ \t]+/);
    const id = parseDecimal(number.split('/')[0] ?? '');
    if (uri === ORIENTATION && id !== undefined && id >= 1 && id <= MAX_EXTENSION_ID) return id;
  }
  return undefined;
}

export const imageLine = (
  payloadType: number,
  sizes: { readonly send: ImageSize; readonly receive: ImageSize },
): Line =>
  attribute('imageattr', `${payloadType} send ${sizeText(sizes.send)} recv ${sizeText(sizes.receive)}`);

const sizeText = ({ width, height }: ImageSize): string => `[x=${width},y=${height}]`;

/** Sets that are read of one attribute. */
const MAX_SIZES = 32;

/** The sizes that a line likes to send or to receive, best first (RFC 6236 3.1: `q`, 0.5 unless named). */
export function imageSizes(
  media: MediaDescription,
  payloadType: number,
  way: 'send' | 'recv',
): readonly ImageSize[] {
  const found = media.attributes
    .filter(({ name }) => name === 'imageattr')
    .map(({ value }) => value.trim())
    .find((value) => /^\*[ \t]/.test(value) || value.startsWith(`${payloadType} `));
  const list = found && directionPart(found.toLowerCase(), way);
  if (!list) return [];
  const sizes = [...list.matchAll(/\[x=(\[[^\]]*\]|\d+),y=(\[[^\]]*\]|\d+)([^\]]*)\]/g)].slice(0, MAX_SIZES);
  return sizes
    .map(([, x = '', y = '', rest = '']) => ({
      size: { width: largest(x), height: largest(y) },
      q: Number(/(?:^|,)q=([01](?:\.\d{1,3})?)/.exec(rest)?.[1] ?? 0.5),
    }))
    .filter(({ size }) => size.width > 0 && size.height > 0)
    .sort((a, b) => b.q - a.q)
    .map(({ size }) => size);
}

/** What stands behind `send` or `recv`, up to the other word. */
function directionPart(text: string, way: 'send' | 'recv'): string | undefined {
  const start = text.search(new RegExp(`[ \\t]${way}[ \\t]`));
  if (start < 0) return undefined;
  const rest = text.slice(start + way.length + 1);
  const end = rest.search(/[ \t](?:send|recv)[ \t]/);
  return end < 0 ? rest : rest.slice(0, end);
}

/** `640`, `[320,640]` or the range `[128:16:640]`: the largest of them. */
function largest(text: string): number {
  const numbers = text
    .replace(/[[\]]/g, '')
    .split(/[:,]/)
    .map((part) => parseDecimal(part.trim()) ?? 0);
  return Math.max(...numbers);
}
