// Keeps one dialog's offer/answer: who owes what, what is in force, the `o=` version (RFC 3264 4, 5, 8).
import { err, ok, type Result } from '#src/base/result.ts';
import type { AudioAgreement, MediaAgreement, VideoAgreement } from './agreement.ts';
import { type AnswerFault, answerOffer, type Rejection, settleAnswer } from './answer.ts';
import type { Capabilities, LocalMedia, MediaWish, OfferOptions } from './capabilities.ts';
import {
  addressTypeOf,
  audioMedia,
  declined,
  description,
  offeredBandwidth,
  offeredFormats,
  sessionLines,
} from './compose.ts';
import type { Direction } from './direction.ts';
import { formatSdp } from './format.ts';
import type { MediaDescription, SessionDescription } from './model.ts';
import { parseSdp, type SdpFault } from './parse.ts';

export interface OfferAnswerOptions {
  readonly local: LocalMedia;
  readonly capabilities: Capabilities;
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

  /** What is in force, line by line; undefined before the first exchange. */
  get media(): MediaAgreement | undefined {
    return this.#stable && media(this.#stable.audio);
  }

  get audio(): AudioAgreement | undefined {
    return this.#stable?.audio;
  }

  get video(): VideoAgreement | undefined {
    return undefined;
  }

  /** The answer named several speech codecs: the next `offer` names the one in use alone, and is due at once (24.229 6.1.2). */
  get reofferNeeded(): boolean {
    return false;
  }

  /** After a 488: our waiting offer asked for more than RTP/AVP, and policy allows `offer(wish, {plain: true})`. */
  get mayRetryPlain(): boolean {
    return false;
  }

  /** An offer of ours waits for its answer. */
  get offering(): boolean {
    return this.#pending !== undefined;
  }

  /** A first exchange is done. */
  get settled(): boolean {
    return this.#stable !== undefined;
  }

  /**
   * Our offer as bytes; further ones keep the lines of the session in their places (RFC 3264 8). A direction alone is
   * for every stream in force.
   */
  offer(wish: Direction | MediaWish = 'sendrecv', _options: OfferOptions = {}): Buffer {
    const { local } = this.#options;
    const capabilities = this.#choice;
    const direction = typeof wish === 'string' ? wish : wish.audio;
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

  get #choice() {
    const { audio, profile } = this.#options.capabilities;
    return { codecs: audio.codecs, profile };
  }

  /** The answer to our offer. On a fault the offer still waits; `rollback` drops it. */
  answer(body: Buffer): Result<MediaAgreement, SettleFault> {
    const pending = this.#pending;
    const parsed = parseSdp(body);
    if (!parsed.ok) return err({ kind: 'sdp', fault: parsed.error });
    if (!pending) {
      return err({ kind: 'answer', fault: { kind: 'media-count', reason: 'no offer of ours waits' } });
    }
    const settled = settleAnswer(pending.ours, parsed.value, this.#choice, pending.audioIndex);
    if (!settled.ok) return err({ kind: 'answer', fault: settled.error });
    this.#stable = { ...pending, audio: settled.value };
    this.#pending = undefined;
    return ok(media(settled.value));
  }

  /** Takes the peer's offer and gives our answer as bytes; a refused one changes nothing. */
  answerTo(
    body: Buffer,
    wish: Direction | MediaWish = 'sendrecv',
  ): Result<{ readonly answer: Buffer; readonly media: MediaAgreement }, OfferFault> {
    const parsed = parseSdp(body);
    if (!parsed.ok) return err({ kind: 'sdp', fault: parsed.error });
    const direction = typeof wish === 'string' ? wish : wish.audio;
    const options = { wish: direction, initial: !this.#stable };
    const answered = answerOffer(parsed.value, this.#options.local, this.#choice, options);
    if (!answered.ok) return err({ kind: 'rejected', rejection: answered.error });
    const { media: lines, sessionBandwidth, audio } = answered.value;
    const ours = this.#versioned(sessionBandwidth, lines);
    const audioIndex = lines.findIndex((entry) => entry.media.kind === 'audio' && entry.media.port !== 0);
    this.#stable = { ours, audioIndex, audio };
    return ok({ answer: formatSdp(ours), media: media(audio) });
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

const media = (audio: AudioAgreement | undefined): MediaAgreement => (audio ? { audio } : {});

const aligned = (fmtp: string | undefined): boolean => /(^|;)\s*octet-align=1/.test(fmtp ?? '');

const identityOf = (format: { readonly rtpMap: string; readonly fmtp?: string }): string =>
  `${format.rtpMap.toLowerCase().replace(/\/1$/, '')} ${aligned(format.fmtp)}`;

const identity = (media: MediaDescription, payloadType: number): string => {
  const map = media.rtpMap(payloadType);
  return `${map?.name.toLowerCase()}/${map?.clockRate} ${aligned(media.fmtp(payloadType)?.text)}`;
};
