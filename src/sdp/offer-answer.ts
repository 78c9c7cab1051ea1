// Keeps one dialog's offer/answer: who owes what, what is in force, the `o=` version (RFC 3264 4, 5, 8).
import { err, ok, type Result } from '#src/base/result.ts';
import type { AudioAgreement, MediaAgreement, VideoAgreement } from './agreement.ts';
import { answerOffer, type Rejection } from './answer.ts';
import { offerAudio, offeredAudioFormats } from './audio.ts';
import type {
  Capabilities,
  LocalMedia,
  LocalPorts,
  MediaWish,
  OfferOptions,
  VideoCapabilities,
} from './capabilities.ts';
import { codecNamed } from './codecs.ts';
import { declined, sessionBandwidth, sessionLines } from './compose.ts';
import { OFFERED_SUITES } from './crypto-suites.ts';
import type { Direction } from './direction.ts';
import { hasMessages } from './feedback.ts';
import { formatSdp } from './format.ts';
import { KeyRing } from './keys.ts';
import type { LineContext, StreamKind } from './line.ts';
import { type MediaDescription, SessionDescription } from './model.ts';
import { keepNumbers } from './numbering.ts';
import { parseSdp, type SdpFault } from './parse.ts';
import type { PreconditionPolicy } from './preconditions.ts';
import {
  demandsImpossible,
  failureDescription,
  qosConfirmationDue,
  qosMet,
  receivedQos,
  type SessionQos,
  usesQos,
  withAnsweredQos,
  withOfferedQos,
} from './session-qos.ts';
import { type AnswerFault, type OfferedIndexes, settleAnswer } from './settle.ts';
import { mustProtect, type OfferedTransport, offeredTransport } from './transport.ts';
import { offerVideo } from './video.ts';
import { carried, offeredVideoFormats } from './video-formats.ts';

export interface OfferAnswerOptions {
  readonly local: LocalMedia;
  readonly capabilities: Capabilities;
  /** Decimal digits for `o=`: the same for the whole session. */
  readonly sessionId: string;
}

export type OfferFault =
  | { readonly kind: 'sdp'; readonly fault: SdpFault }
  | { readonly kind: 'rejected'; readonly rejection: Rejection }
  /** A condition that cannot be met here; `body` says which, for the 580 (RFC 3312 8). */
  | { readonly kind: 'precondition'; readonly body: Buffer };

export type SettleFault =
  | { readonly kind: 'sdp'; readonly fault: SdpFault }
  | { readonly kind: 'answer'; readonly fault: AnswerFault };

interface Pending {
  readonly ours: SessionDescription;
  readonly indexes: OfferedIndexes;
  /** A line that is not in force yet asks for more than RTP/AVP: offered plain it would read otherwise. */
  readonly demanding: boolean;
}

interface Exchange {
  readonly ours: SessionDescription;
  /** Which line of ours is the audio, and where the video is or was. */
  readonly indexes: OfferedIndexes;
  readonly agreement: MediaAgreement;
  /** The peer answered with several speech codecs. */
  readonly several: boolean;
  readonly videoFault?: AnswerFault;
  readonly qos: SessionQos;
}

const isBound = (media: MediaDescription): boolean =>
  media.attribute('crypto') !== undefined || media.attribute('acfg') !== undefined;

const NOBODY_ASKED: SettleFault = {
  kind: 'answer',
  fault: { kind: 'media-count', reason: 'no offer of ours waits' },
};

/**
 * One for each dialog; `fork` copies one whose offer went out to many. An offer that fails leaves what was in force
 * (RFC 3264 8: `rollback`).
 */
export class OfferAnswer {
  #options: OfferAnswerOptions;
  #rings: Readonly<Record<StreamKind, KeyRing>>;
  #version = 1;
  /** Everything of our last description but `o=`. */
  #lastText = '';
  #stable: Exchange | undefined;
  #pending: Pending | undefined;
  /** An offer told the peer of our resources since it asked. */
  #confirmed = false;

  constructor(options: OfferAnswerOptions) {
    this.#options = options;
    const { suites = OFFERED_SUITES, randomKey } = options.capabilities;
    this.#rings = { audio: new KeyRing(suites, randomKey), video: new KeyRing(suites, randomKey) };
  }

  /** What is in force, line by line; undefined before the first exchange. */
  get media(): MediaAgreement | undefined {
    return this.#stable?.agreement;
  }

  get audio(): AudioAgreement | undefined {
    return this.#stable?.agreement.audio;
  }

  get video(): VideoAgreement | undefined {
    return this.#stable?.agreement.video;
  }

  /** Why the video of our last offer is not in force: `declined`, or an answer that cannot be used. */
  get videoFault(): AnswerFault | undefined {
    return this.#stable?.videoFault;
  }

  /** An offer of ours waits for its answer. */
  get offering(): boolean {
    return this.#pending !== undefined;
  }

  /** A first exchange is done. */
  get settled(): boolean {
    return this.#stable !== undefined;
  }

  /** The answer named several speech codecs: the next `offer` names the one in use alone, and is due at once (24.229 6.1.2). */
  get reofferNeeded(): boolean {
    return this.#stable?.several ?? false;
  }

  /** After a 488: `offer(wish, {plain: true})` would ask for less than our waiting offer, and policy allows it. */
  get mayRetryPlain(): boolean {
    return (this.#pending?.demanding ?? false) && !mustProtect(this.#options.capabilities);
  }

  /** After a 488: `offer(wish, {protected: true})` would ask for SRTP alone, where our waiting offer left the choice. */
  get mayRetryProtected(): boolean {
    const { capabilities } = this.#options;
    return this.#pending !== undefined && capabilities.srtp === 'optional' && !mustProtect(capabilities);
  }

  /** Whether the session has preconditions (RFC 3312), and whether all mandatory ones are met; undefined before an exchange. */
  get preconditions(): 'none' | 'unmet' | 'met' | undefined {
    if (!this.#stable) return undefined;
    const { qos } = this.#stable;
    return usesQos(qos) ? (qosMet(qos) ? 'met' : 'unmet') : 'none';
  }

  /** The peer waits to hear that our resources are there: a further offer (UPDATE) tells it, once. */
  get confirmationDue(): boolean {
    return !this.#confirmed && qosConfirmationDue(this.#stable?.qos ?? {});
  }

  /** The body of a 580 for conditions that were not met in time (RFC 3312 8). */
  get preconditionFailure(): Buffer {
    const { ours, agreement, qos } = this.#stable ?? {};
    const offer = ours ?? new SessionDescription([], []);
    return this.#failure(offer, agreement && qos ? { agreement, qos } : undefined);
  }

  #failure(offer: SessionDescription, unmet: Parameters<typeof failureDescription>[2]): Buffer {
    const { local, sessionId } = this.#options;
    return failureDescription(offer, { local, sessionId, version: this.#version }, unmet);
  }

  /** Written in a first offer as the setting says; later on as the first exchange settled (24.229 5.1.3.1, 6.1). */
  get #qos(): { readonly policy: PreconditionPolicy; readonly qos: SessionQos } {
    const { preconditions = 'off' } = this.#options.capabilities;
    return { policy: preconditions, qos: this.#stable?.qos ?? {} };
  }

  /** We are reached elsewhere from the next description on. */
  relocate(local: LocalMedia): void {
    this.#options = { ...this.#options, local };
  }

  /** Video can be had from now on: its ports, and what there is to know of the camera. */
  provideVideo(ports: LocalPorts, video?: VideoCapabilities): void {
    const { local, capabilities } = this.#options;
    this.#options = {
      ...this.#options,
      local: { ...local, video: ports },
      capabilities: video ? { ...capabilities, video } : capabilities,
    };
  }

  /**
   * Our offer as bytes; further ones keep the lines of the session in their places (RFC 3264 8). A direction alone is
   * for every stream in force.
   */
  offer(wish: Direction | MediaWish = 'sendrecv', options: OfferOptions = {}): Buffer {
    if (options.rekey)
      this.#rings = { audio: this.#rings.audio.renewed(), video: this.#rings.video.renewed() };
    const { audio, video } = this.#wish(wish);
    const before = this.#stable?.ours.media ?? [];
    const at = Math.max(0, this.#stable?.indexes.audio ?? 0);
    const audioTransport = this.#transport('audio', this.audio, options);
    const media = before.map(declined);
    media[at] = offerAudio(this.#context, {
      formats: keepNumbers(this.#stable?.ours.media[at], this.#audioFormats()),
      transport: audioTransport,
      direction: audio,
    });
    const added = this.#offeredVideo(video, options, media);
    if (added) media[added.index] = added.media;
    const indexes = { audio: at, ...(added ? { video: added.index } : {}) };
    // The profile in force stays as it is, plain or not: to offer it once more would get the same 488.
    const fresh = [
      ...(this.audio ? [] : [audioTransport]),
      ...(added && !this.video ? [added.transport] : []),
    ];
    const demanding = fresh.some(
      ({ protocol, attributes }) => protocol !== 'RTP/AVP' || attributes.length > 0,
    );
    const { policy, qos } = this.#qos;
    const used = !this.#stable || usesQos(qos);
    const ours = this.#versioned(withOfferedQos(media, indexes, { policy: used ? policy : 'off', qos }));
    this.#pending = { ours, indexes, demanding };
    this.#confirmed ||= qosConfirmationDue(qos);
    return formatSdp(ours);
  }

  /**
   * What we said last, as an offer that changes nothing (RFC 3264 8); undefined when it would not do as one: the lines of an
   * answer that hold keys or name a configuration.
   */
  repeat(): Buffer | undefined {
    const stable = this.#stable;
    if (!stable || stable.ours.media.some(isBound)) return undefined;
    const ours = this.#versioned(stable.ours.media);
    this.#pending = { ours, indexes: stable.indexes, demanding: false };
    return formatSdp(ours);
  }

  /** With a single codec as soon as one of several has to be settled upon. */
  #audioFormats() {
    const { codecs, dtx = false } = this.#options.capabilities.audio;
    const { audio, reofferNeeded } = this;
    if (!reofferNeeded || !audio) return offeredAudioFormats(codecs, dtx);
    const { name, amr } = audio.codec;
    const { rtpMap } = codecNamed(name);
    return offeredAudioFormats([name], dtx).filter(
      (format) =>
        !amr ||
        format.rtpMap !== rtpMap ||
        (format.fmtp ?? '').includes('octet-align=1') === amr.octetAligned,
    );
  }

  /** Where the video was, else in the place of a declined video line, else at the end (RFC 3264 8.1). */
  #offeredVideo(direction: Direction | 'none', options: OfferOptions, media: readonly MediaDescription[]) {
    const { local, capabilities } = this.#options;
    if (direction === 'none' || !capabilities.video || !local.video) return undefined;
    const slot = this.video?.index ?? media.findIndex((entry) => entry.media.kind === 'video');
    const transport = this.#transport('video', this.video, options);
    const formats = offeredVideoFormats(capabilities.video, this.video?.codec);
    // What was agreed beside RTP/AVP (baresip does that) is not taken back by the next offer.
    const feedback = transport.feedback || (this.video !== undefined && hasMessages(this.video.feedback));
    const line = offerVideo(this.#context, local.video, capabilities.video, {
      formats,
      transport: { ...transport, feedback },
      direction: carried(capabilities.video, this.video?.codec.packetizationMode, direction),
    });
    return { index: slot < 0 ? media.length : slot, media: line, transport };
  }

  #transport(
    kind: StreamKind,
    current: AudioAgreement | VideoAgreement | undefined,
    { plain = false, protected: alone = false }: OfferOptions,
  ): OfferedTransport {
    const { srtp, e2ae } = this.#options.capabilities;
    return offeredTransport(kind, {
      policy: { srtp: alone && srtp === 'optional' ? 'required' : srtp, e2ae },
      ring: this.#rings[kind],
      ...{ current, plain },
    });
  }

  get #context(): LineContext {
    const { local, capabilities } = this.#options;
    return { local, capabilities, rings: this.#rings };
  }

  #wish(wish: Direction | MediaWish): MediaWish {
    return typeof wish === 'string' ? { audio: wish, video: this.video ? wish : 'none' } : wish;
  }

  /** The answer to our offer. On a fault the offer still waits; `rollback` drops it. */
  answer(body: Buffer): Result<MediaAgreement, SettleFault> {
    const pending = this.#pending;
    const parsed = parseSdp(body);
    if (!parsed.ok) return err({ kind: 'sdp', fault: parsed.error });
    if (!pending) return err(NOBODY_ASKED);
    const descriptions = { offer: pending.ours, answer: parsed.value };
    const settled = settleAnswer(this.#context, descriptions, pending.indexes);
    if (!settled.ok) return err({ kind: 'answer', fault: settled.error });
    const qos = receivedQos(parsed.value, settled.value.agreement, this.#qos);
    this.#stable = { ours: pending.ours, indexes: pending.indexes, ...settled.value, qos };
    this.#pending = undefined;
    return ok(settled.value.agreement);
  }

  /** Takes the peer's offer and gives our answer as bytes; a refused one changes nothing. */
  answerTo(
    body: Buffer,
    wish: Direction | MediaWish = 'sendrecv',
  ): Result<{ readonly answer: Buffer; readonly media: MediaAgreement }, OfferFault> {
    const parsed = parseSdp(body);
    if (!parsed.ok) return err({ kind: 'sdp', fault: parsed.error });
    const preconditions = this.#qos.policy !== 'off';
    if (preconditions && demandsImpossible(parsed.value, 'audio'))
      return err({ kind: 'precondition', body: this.#failure(parsed.value, undefined) });
    const wished = this.#wish(wish);
    const noVideo = preconditions && demandsImpossible(parsed.value, 'video');
    const answered = answerOffer(parsed.value, this.#context, {
      wish: noVideo ? { ...wished, video: 'none' } : wished,
      initial: !this.#stable,
      current: {
        ...(this.audio ? { audio: this.audio.index } : {}),
        ...(this.video ? { video: this.video.index } : {}),
      },
    });
    if (!answered.ok) return err({ kind: 'rejected', rejection: answered.error });
    const { media, agreement } = answered.value;
    const qos = receivedQos(parsed.value, agreement, this.#qos);
    const ours = this.#versioned(withAnsweredQos(media, parsed.value, agreement, qos));
    const audioAt = agreement.audio?.index ?? media.findIndex((entry) => entry.media.kind === 'audio');
    const indexes = { audio: audioAt, ...(agreement.video ? { video: agreement.video.index } : {}) };
    this.#stable = { ours, indexes, agreement, several: false, qos };
    return ok({ answer: formatSdp(ours), media: agreement });
  }

  /** Our offer came to nothing. */
  rollback(): void {
    this.#pending = undefined;
  }

  /** Conditions of the peer count from now on. Ours are told once there are any. */
  admitConditions(policy: PreconditionPolicy): void {
    const { capabilities } = this.#options;
    if ((capabilities.preconditions ?? 'off') === 'off')
      this.#options = { ...this.#options, capabilities: { ...capabilities, preconditions: policy } };
  }

  /** What is in force now; the function puts it in force again, whatever was agreed meanwhile. The `o=` version goes on. */
  checkpoint(): () => void {
    const stable = this.#stable;
    const confirmed = this.#confirmed;
    return () => {
      this.#pending = undefined;
      this.#stable = stable;
      this.#confirmed = confirmed;
    };
  }

  /** The same offer, with the same keys, towards another dialog of a forked INVITE. */
  fork(): OfferAnswer {
    const copy = new OfferAnswer(this.#options);
    copy.#rings = this.#rings;
    copy.#version = this.#version;
    copy.#lastText = this.#lastText;
    copy.#stable = this.#stable;
    copy.#pending = this.#pending;
    copy.#confirmed = this.#confirmed;
    return copy;
  }

  /** What we have said before keeps its `o=` version; a change raises it by one (RFC 3264 5, 8). */
  #versioned(media: readonly MediaDescription[]): SessionDescription {
    const { local, sessionId } = this.#options;
    const build = (version: number): SessionDescription =>
      new SessionDescription(sessionLines({ sessionId, version }, local, sessionBandwidth(media)), media);
    const text = formatSdp(build(0)).toString('latin1');
    if (this.#lastText !== '' && text !== this.#lastText) this.#version += 1;
    this.#lastText = text;
    return build(this.#version);
  }
}
