// The answer to an offer, line by line: one audio, one video, all else declined in its place (RFC 3264 6; 26.114 6.2).
import { err, ok, type Result } from '#src/base/result.ts';
import type { MediaAgreement } from './agreement.ts';
import { answerAudio } from './audio.ts';
import type { MediaWish } from './capabilities.ts';
import { addressTypeOf, declined } from './compose.ts';
import type { LineContext, OfferedLine, StreamKind } from './line.ts';
import { isGroup, type MediaDescription, type SessionDescription } from './model.ts';
import { type TransportChoice, type TransportFault, transportChoices } from './transport.ts';
import { answerVideo } from './video.ts';

/**
 * Why an offer is refused as a whole. `encryption-required`: it brings RTP in clear only and our policy wants SRTP;
 * `encryption-unusable`: SRTP without a key or suite that we take; `dtls-only`: keys by DTLS, which we do not speak.
 */
export type RejectionReason = 'no-audio' | TransportFault | 'family' | 'multicast' | 'codec';

/** Why nothing was agreed, with the warning that tells the peer (RFC 3261 20.43). */
export interface Rejection {
  readonly status: 488;
  readonly reason: RejectionReason;
  readonly warning: { readonly code: 301 | 302 | 304 | 305 | 330; readonly text: string };
}

/** In the order of how far a line got: of several lines the best one tells why. */
const WARNINGS: Readonly<Record<RejectionReason, Rejection['warning']>> = {
  'no-audio': { code: 304, text: 'Media type not available' },
  protocol: { code: 302, text: 'Incompatible transport protocol' },
  'dtls-only': { code: 302, text: 'DTLS-SRTP is not supported, SDES is' },
  'encryption-unusable': { code: 302, text: 'No usable SDES crypto suite' },
  'encryption-required': { code: 302, text: 'SRTP is required' },
  family: { code: 301, text: 'Incompatible network address formats' },
  multicast: { code: 330, text: 'Multicast not available' },
  codec: { code: 305, text: 'Incompatible media format' },
};
const RANK = Object.keys(WARNINGS);

export interface Answered {
  readonly media: readonly MediaDescription[];
  /** Empty when the offer closes all streams. */
  readonly agreement: MediaAgreement;
}

export interface AnswerOptions {
  readonly wish: MediaWish;
  /** Without a usable audio line the call itself is refused. */
  readonly initial: boolean;
  /** Lines in use, which go before others. */
  readonly current: Readonly<Partial<Record<StreamKind, number>>>;
}

interface Taken<Agreement> {
  readonly index: number;
  readonly media: MediaDescription;
  readonly agreement: Agreement;
}

type LineAnswer<Agreement> = (
  line: OfferedLine,
  transport: TransportChoice,
) => { readonly media: MediaDescription; readonly agreement: Agreement } | undefined;

export function answerOffer(
  offer: SessionDescription,
  context: LineContext,
  options: AnswerOptions,
): Result<Answered, Rejection> {
  const { wish, initial, current } = options;
  const audio = takeLine(offer, context, { kind: 'audio', current: current.audio }, (line, transport) =>
    answerAudio(context, line, transport, wish.audio),
  );
  if (!audio.ok && (initial || audio.error !== 'no-audio')) {
    return err({ status: 488, reason: audio.error, warning: WARNINGS[audio.error] });
  }
  const video = takeVideo(offer, context, options);
  // Something else instead of the sound (T.38): refused as a whole, so that the session goes on as it was (RFC 3261 14.2).
  const wantsAny = offer.media.some(({ media }) => media.port !== 0);
  if (!audio.ok && !video && wantsAny)
    return err({ status: 488, reason: audio.error, warning: WARNINGS[audio.error] });
  const taken: readonly Taken<unknown>[] = [...(audio.ok ? [audio.value] : []), ...(video ? [video] : [])];
  return ok({
    media: offer.media.map(
      (entry, index) => taken.find((line) => line.index === index)?.media ?? declined(entry),
    ),
    agreement: {
      ...(audio.ok ? { audio: audio.value.agreement } : {}),
      ...(video ? { video: video.agreement } : {}),
    },
  });
}

function takeVideo(offer: SessionDescription, context: LineContext, { wish, current }: AnswerOptions) {
  const direction = wish.video;
  const { video } = context.capabilities;
  const ports = context.local.video;
  if (direction === 'none' || !video || !ports) return undefined;
  const found = takeLine(offer, context, { kind: 'video', current: current.video }, (line, transport) =>
    answerVideo(context, { ports, video }, line, transport, direction),
  );
  return found.ok ? found.value : undefined;
}

/** The best line of a kind: the one in use, then protected ones unless the owner wants none, then the offer's order. */
function takeLine<Agreement>(
  offer: SessionDescription,
  context: LineContext,
  { kind, current }: { readonly kind: StreamKind; readonly current: number | undefined },
  answer: LineAnswer<Agreement>,
): Result<Taken<Agreement>, RejectionReason> {
  const { srtp } = context.capabilities;
  const rank = (index: number, media: MediaDescription): number =>
    index === current ? 2 : Number(secured(media) === (srtp !== 'off'));
  const lines = offer.media
    .map((media, index) => ({ media, index }))
    .filter(({ media }) => media.media.kind === kind && media.media.port !== 0)
    .sort((a, b) => rank(b.index, b.media) - rank(a.index, a.media));
  let reason: RejectionReason = 'no-audio';
  for (const { media, index } of lines) {
    const taken = tryLine(offer, context, { media, index, kind }, answer);
    if (taken.ok) return taken;
    if (RANK.indexOf(taken.error) > RANK.indexOf(reason)) reason = taken.error;
  }
  return err(reason);
}

const secured = ({ media }: MediaDescription): boolean =>
  media.protocol === 'RTP/SAVP' || media.protocol === 'RTP/SAVPF';

function tryLine<Agreement>(
  offer: SessionDescription,
  context: LineContext,
  {
    media,
    index,
    kind,
  }: { readonly media: MediaDescription; readonly index: number; readonly kind: StreamKind },
  answer: LineAnswer<Agreement>,
): Result<Taken<Agreement>, RejectionReason> {
  const choices = transportChoices(offer, media, context.capabilities, context.rings[kind]);
  if (!choices.ok) return choices;
  const connection = offer.connectionOf(media);
  if (connection?.addressType !== addressTypeOf(context.local.address)) return err('family');
  if (isGroup(connection.address)) return err('multicast');
  for (const transport of choices.value) {
    const answered = answer({ session: offer, media, index, connection }, transport);
    if (answered) return ok({ index, ...answered });
  }
  return err('codec');
}
