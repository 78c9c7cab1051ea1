// Keeps one dialog's offer/answer: who owes what, what is in force, the `o=` version (RFC 3264 4, 5, 8).
import { err, ok, type Result } from '#src/base/result.ts';
import type { AudioAgreement } from './agreement.ts';
import {
  type AnswerFault,
  type AudioCapabilities,
  answerOffer,
  type Rejection,
  settleAnswer,
} from './answer.ts';
import {
  addressTypeOf,
  audioMedia,
  declined,
  description,
  type LocalAudio,
  offeredBandwidth,
  offeredFormats,
  sessionLines,
} from './compose.ts';
import type { Direction } from './direction.ts';
import { formatSdp } from './format.ts';
import type { MediaDescription, SessionDescription } from './model.ts';
import { parseSdp, type SdpFault } from './parse.ts';

export interface OfferAnswerOptions {
  readonly local: LocalAudio;
  readonly capabilities: AudioCapabilities;
  /** Decimal digits for `o=`: the same for the whole session. */
  readonly sessionId: string;
}

export type OfferFault =
  | { readonly kind: 'sdp'; readonly fault: SdpFault }
  | { readonly kind: 'rejected'; readonly rejection: Rejection };

export type SettleFault =
  | { readonly kind: 'sdp'; readonly fault: SdpFault }
  | { readonly kind: 'answer'; readonly fault: AnswerFault };

interface Exchange {
  readonly ours: SessionDescription;
  /** Which line of ours is the audio. */
  readonly audioIndex: number;
  readonly audio: AudioAgreement | undefined;
}

/**
 * One for each dialog; `fork` copies one whose offer went out to many. An offer that fails leaves what was in force
 * (RFC 3264 8: `rollback`).
 */
export class OfferAnswer {
  readonly #options: OfferAnswerOptions;
  #version = 1;
  /** Everything of our last description but `o=`. */
  #lastText = '';
  #stable: Exchange | undefined;
  #pending: { readonly ours: SessionDescription; readonly audioIndex: number } | undefined;

  constructor(options: OfferAnswerOptions) {
    this.#options = options;
  }

  /** What is in force for the audio. */
  get audio(): AudioAgreement | undefined {
    return this.#stable?.audio;
  }

  /** An offer of ours waits for its answer. */
  get offering(): boolean {
    return this.#pending !== undefined;
  }

  /** A first exchange is done. */
  get settled(): boolean {
    return this.#stable !== undefined;
  }

  /** Our offer as bytes; further ones keep the lines of the session in their places (RFC 3264 8). */
  offer(direction: Direction = 'sendrecv'): Buffer {
    const { local, capabilities } = this.#options;
    const bandwidth = offeredBandwidth(
      capabilities.codecs,
      addressTypeOf(local.address),
      capabilities.profile,
    );
    const audio = audioMedia(local, {
      protocol: 'RTP/AVP',
      formats: this.#keepNumbers(offeredFormats(capabilities.codecs)),
      direction,
      bandwidth: bandwidth.media,
    });
    const stable = this.#stable;
    const audioIndex = Math.max(0, stable?.audioIndex ?? 0);
    const media = stable?.ours.media.map((entry, at) => (at === audioIndex ? audio : declined(entry))) ?? [];
    const ours = this.#versioned([bandwidth.as], media.length > 0 ? media : [audio]);
    this.#pending = { ours, audioIndex };
    return formatSdp(ours);
  }

  /** The answer to our offer. On a fault the offer still waits; `rollback` drops it. */
  answer(body: Buffer): Result<AudioAgreement, SettleFault> {
    const pending = this.#pending;
    const parsed = parseSdp(body);
    if (!parsed.ok) return err({ kind: 'sdp', fault: parsed.error });
    if (!pending) {
      return err({ kind: 'answer', fault: { kind: 'media-count', reason: 'no offer of ours waits' } });
    }
    const settled = settleAnswer(pending.ours, parsed.value, this.#options.capabilities, pending.audioIndex);
    if (!settled.ok) return err({ kind: 'answer', fault: settled.error });
    this.#stable = { ...pending, audio: settled.value };
    this.#pending = undefined;
    return ok(settled.value);
  }

  /** Takes the peer's offer and gives our answer as bytes; a refused one changes nothing. */
  answerTo(
    body: Buffer,
    wish: Direction = 'sendrecv',
  ): Result<{ readonly answer: Buffer; readonly audio: AudioAgreement | undefined }, OfferFault> {
    const parsed = parseSdp(body);
    if (!parsed.ok) return err({ kind: 'sdp', fault: parsed.error });
    const { local, capabilities } = this.#options;
    const answered = answerOffer(parsed.value, local, capabilities, { wish, initial: !this.#stable });
    if (!answered.ok) return err({ kind: 'rejected', rejection: answered.error });
    const { media, sessionBandwidth, audio } = answered.value;
    const ours = this.#versioned(sessionBandwidth, media);
    const audioIndex = media.findIndex((entry) => entry.media.kind === 'audio' && entry.media.port !== 0);
    this.#stable = { ours, audioIndex, audio };
    return ok({ answer: formatSdp(ours), audio });
  }

  /** Our offer came to nothing. */
  rollback(): void {
    this.#pending = undefined;
  }

  /** The same offer towards another dialog of a forked INVITE. */
  fork(): OfferAnswer {
    const copy = new OfferAnswer(this.#options);
    copy.#version = this.#version;
    copy.#lastText = this.#lastText;
    copy.#stable = this.#stable;
    copy.#pending = this.#pending;
    return copy;
  }

  /** What we have said before keeps its `o=` version; a change raises it by one (RFC 3264 5, 8). */
  #versioned(bandwidth: readonly string[], media: readonly MediaDescription[]): SessionDescription {
    const { local, sessionId } = this.#options;
    const build = (version: number): SessionDescription =>
      description(sessionLines({ sessionId, version }, local, bandwidth), media);
    const text = formatSdp(build(0)).toString('latin1');
    if (this.#lastText !== '' && text !== this.#lastText) this.#version += 1;
    this.#lastText = text;
    return build(this.#version);
  }

  /** A number once agreed for a format stays with it for the whole session (RFC 3264 8.3.2). */
  #keepNumbers(formats: ReturnType<typeof offeredFormats>): ReturnType<typeof offeredFormats> {
    const stable = this.#stable;
    const before = stable?.ours.media[stable.audioIndex];
    if (!before) return formats;
    const used = new Map(before.payloadTypes.map((type) => [identity(before, type), type] as const));
    const taken = new Set(used.values());
    const free = Array.from({ length: 32 }, (_, at) => 96 + at).filter((type) => !taken.has(type));
    return formats.map((format) => {
      const known = used.get(identityOf(format));
      if (known !== undefined) return { ...format, payloadType: known };
      if (format.payloadType < 96 || !taken.has(format.payloadType)) {
        const at = free.indexOf(format.payloadType);
        if (at >= 0) free.splice(at, 1);
        return format;
      }
      return { ...format, payloadType: free.shift() ?? format.payloadType };
    });
  }
}

const aligned = (fmtp: string | undefined): boolean => /(^|;)\s*octet-align=1/.test(fmtp ?? '');

const identityOf = (format: { readonly rtpMap: string; readonly fmtp?: string }): string =>
  `${format.rtpMap.toLowerCase().replace(/\/1$/, '')} ${aligned(format.fmtp)}`;

const identity = (media: MediaDescription, payloadType: number): string => {
  const map = media.rtpMap(payloadType);
  return `${map?.name.toLowerCase()}/${map?.clockRate} ${aligned(media.fmtp(payloadType)?.text)}`;
};
