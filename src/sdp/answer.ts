// The answer to an offer, and what an answer to our offer settles (RFC 3264 6, 7; 26.114 6.2.2; 24.229 6.1).
import { err, ok, type Result } from '#src/base/result.ts';
import { Hertz } from '#src/base/units.ts';
import {
  type AgreedFormat,
  type AudioAgreement,
  agreedRtcp,
  flowOf,
  type RtpProtocol,
  remoteMedia,
} from './agreement.ts';
import type { SdpProfile } from './capabilities.ts';
import { bandwidthAs, type CodecName, codecNamed, RTCP_BANDWIDTH } from './codecs.ts';
import {
  addressTypeOf,
  audioMedia,
  declined,
  eventFormat,
  type LocalAudio,
  rtcpBandwidth,
  speechFormat,
} from './compose.ts';
import { common, type Direction, mirrored } from './direction.ts';
import { chooseCodec, findTelephoneEvent, packetTime, usableCodecs } from './formats.ts';
import { type Connection, MediaDescription, type SessionDescription } from './model.ts';

interface AudioChoice {
  readonly codecs: readonly CodecName[];
  readonly profile: SdpProfile;
}

/**
 * Why an offer is refused as a whole. `encryption-required`: it brings RTP in clear only and our policy wants SRTP;
 * `encryption-unusable`: SRTP without a key or suite that we take; `dtls-only`: keys by DTLS, which we do not speak.
 */
export type RejectionReason =
  | 'no-audio'
  | 'protocol'
  | 'family'
  | 'codec'
  | 'encryption-required'
  | 'encryption-unusable'
  | 'dtls-only';

/** Why nothing was agreed, with the warning that tells the peer (RFC 3261 20.43). */
export interface Rejection {
  readonly status: 488;
  readonly reason: RejectionReason;
  readonly warning: { readonly code: 301 | 302 | 304 | 305; readonly text: string };
}

const reject = (
  reason: RejectionReason,
  code: Rejection['warning']['code'],
  text: string,
): Result<never, Rejection> => err({ status: 488, reason, warning: { code, text } });

/** Profiles taken for audio: AVPF costs nothing without feedback messages (26.114 6.2.1a). SRTP is not built. */
const PROTOCOLS: readonly string[] = ['RTP/AVP', 'RTP/AVPF'];

const rtpProtocol = (media: MediaDescription): RtpProtocol =>
  media.media.protocol === 'RTP/AVPF' ? 'RTP/AVPF' : 'RTP/AVP';
/** NG.110 2.9.1 */
const KEEP_ALIVE = 20;

export interface Answered {
  readonly media: readonly MediaDescription[];
  /** b=AS for the session level. */
  readonly sessionBandwidth: readonly string[];
  /** Undefined when the offer closes the audio stream or holds none. */
  readonly audio: AudioAgreement | undefined;
}

/**
 * Answers each line of the offer: one audio line taken, all others declined, order kept. `wish` is the widest
 * direction that we allow. `initial`: without a usable audio line the call itself is refused.
 */
export function answerOffer(
  offer: SessionDescription,
  local: LocalAudio,
  capabilities: AudioChoice,
  options: { readonly wish: Direction; readonly initial: boolean },
): Result<Answered, Rejection> {
  const open = offer.media.filter((media) => media.media.kind === 'audio' && media.media.port !== 0);
  if (open.length === 0) {
    if (options.initial) return reject('no-audio', 304, 'Media type not available');
    return ok({ media: offer.media.map(declined), sessionBandwidth: [], audio: undefined });
  }
  const plain = open.filter((media) => PROTOCOLS.includes(media.media.protocol));
  if (plain.length === 0) return reject('protocol', 302, 'Incompatible transport protocol');
  const family = addressTypeOf(local.address);
  const reachable = plain.filter((media) => offer.connectionOf(media)?.addressType === family);
  if (reachable.length === 0) return reject('family', 301, 'Incompatible network address formats');
  const taken = reachable.find((media) => chooseCodec(media, capabilities.codecs) !== undefined);
  const connection = taken && offer.connectionOf(taken);
  if (!taken || !connection) return reject('codec', 305, 'Incompatible media format');

  const { media, audio, as } = answerAudio(offer, taken, connection, local, capabilities, options.wish);
  return ok({
    media: offer.media.map((entry) => (entry === taken ? media : declined(entry))),
    sessionBandwidth: [as],
    audio,
  });
}

function answerAudio(
  offer: SessionDescription,
  offered: MediaDescription,
  connection: Connection,
  local: LocalAudio,
  capabilities: AudioChoice,
  wish: Direction,
): { media: MediaDescription; audio: AudioAgreement; as: string } {
  const choice = chooseCodec(offered, capabilities.codecs);
  if (!choice) throw new RangeError('answered a line without a usable codec');
  const { codec, payloadType, amr } = choice;
  const event = findTelephoneEvent(offered, codec.clockRate);
  const peer = offer.directionOf(offered);
  // Nothing may go to the zero address, and the answer says so.
  const reachable: Direction = connection.unspecified ? 'recvonly' : 'sendrecv';
  const direction = common(common(mirrored(peer), wish), reachable);
  const as = `AS:${bandwidthAs(codec.name, connection.addressType, amr?.modeSet, amr?.octetAligned)}`;
  const rtcp = answeredRtcp(agreedRtcp(offer, offered), capabilities.profile);
  const media = audioMedia(local, {
    protocol: offered.media.protocol,
    formats: [
      speechFormat(codec.name, payloadType, amr),
      ...(event ? [eventFormat(event.payloadType, event.clockRate)] : []),
    ],
    direction,
    bandwidth: [as, ...rtcp.lines],
  });
  const both = { sendPayloadType: payloadType, receivePayloadType: payloadType, clockRate: codec.clockRate };
  const audio: AudioAgreement = {
    index: offer.media.indexOf(offered),
    protocol: rtpProtocol(offered),
    keepAlivePayloadType: KEEP_ALIVE,
    voipMetrics: false,
    remote: remoteMedia(offered, connection),
    codec: { name: codec.name, ...both, ...(amr ? { amr } : {}) },
    ...(event ? { dtmf: sameBothWays(event.payloadType, event.clockRate) } : {}),
    ptime: packetTime(offered),
    rtcp: rtcp.agreed,
    ...flowOf(direction, peer, connection),
  };
  return { media, audio, as };
}

const sameBothWays = (payloadType: number, clockRate: number): AgreedFormat => ({
  sendPayloadType: payloadType,
  receivePayloadType: payloadType,
  clockRate: Hertz(clockRate),
});

/** Zero stays zero; otherwise no more than offered and no more than we need (24.229 6.1, RFC 3556 2). */
function answeredRtcp(
  offered: AudioAgreement['rtcp'],
  profile: SdpProfile,
): { lines: readonly string[]; agreed: AudioAgreement['rtcp'] } {
  const named = offered.senders !== undefined || offered.receivers !== undefined;
  if (profile === 'sip' && !named) return { lines: [], agreed: offered };
  const senders = Math.min(offered.senders ?? RTCP_BANDWIDTH.senders, RTCP_BANDWIDTH.senders);
  const receivers = Math.min(offered.receivers ?? RTCP_BANDWIDTH.receivers, RTCP_BANDWIDTH.receivers);
  return {
    lines: rtcpBandwidth({ senders, receivers }),
    agreed: { enabled: offered.enabled && (senders !== 0 || receivers !== 0), senders, receivers },
  };
}

/** Why an answer cannot be used; the caller ends the call. */
export interface AnswerFault {
  readonly kind: 'media-count' | 'declined' | 'protocol' | 'connection' | 'codec' | 'encryption';
  readonly reason: string;
}

const unusable = (kind: AnswerFault['kind'], reason: string): Result<never, AnswerFault> =>
  err({ kind, reason });

/** Settles our offer, in which the audio is the line at `index`, with the peer's answer. */
export function settleAnswer(
  offer: SessionDescription,
  answer: SessionDescription,
  capabilities: AudioChoice,
  index: number,
): Result<AudioAgreement, AnswerFault> {
  const ours = offer.media[index];
  const theirs = answer.media[index];
  if (!ours || !theirs || answer.media.length !== offer.media.length) {
    return unusable('media-count', 'the answer has not one line for each line of the offer');
  }
  if (theirs.media.port === 0) return unusable('declined', 'the peer declined the audio');
  if (theirs.media.kind !== 'audio' || !PROTOCOLS.includes(theirs.media.protocol)) {
    return unusable('protocol', 'the answer names another medium or profile');
  }
  const connection = answer.connectionOf(theirs);
  if (!connection || connection.addressType !== offer.connectionOf(ours)?.addressType) {
    return unusable('connection', 'the answer names no address of our family');
  }
  const readable = withOurMaps(theirs, ours);
  const usable = usableCodecs(readable, capabilities.codecs);
  // Several speech codecs in an answer: the first one is used (24.229 6.1 would re-offer).
  for (const found of usable) {
    const mine = usableCodecs(ours, capabilities.codecs).find(
      (own) => own.codec === found.codec && own.amr?.octetAligned === found.amr?.octetAligned,
    );
    if (!mine) continue;
    const clockRate = codecNamed(found.codec.name).clockRate;
    const theirEvent = findTelephoneEvent(readable, clockRate);
    const ourEvent = theirEvent && findTelephoneEvent(ours, theirEvent.clockRate);
    return ok({
      index,
      protocol: rtpProtocol(theirs),
      keepAlivePayloadType: KEEP_ALIVE,
      voipMetrics: false,
      remote: remoteMedia(theirs, connection),
      codec: {
        name: found.codec.name,
        sendPayloadType: found.payloadType,
        receivePayloadType: mine.payloadType,
        clockRate,
        ...(found.amr ? { amr: found.amr } : {}),
      },
      ...(theirEvent && ourEvent?.clockRate === theirEvent.clockRate
        ? {
            dtmf: {
              sendPayloadType: theirEvent.payloadType,
              receivePayloadType: ourEvent.payloadType,
              clockRate: Hertz(theirEvent.clockRate),
            },
          }
        : {}),
      ptime: packetTime(theirs),
      rtcp: agreedRtcp(answer, theirs),
      ...flowOf(offer.directionOf(ours), answer.directionOf(theirs), connection),
    });
  }
  return unusable('codec', 'the answer names no codec that was offered');
}

/** Peers leave `a=rtpmap` out of answers; the offer's numbering holds then. */
function withOurMaps(theirs: MediaDescription, ours: MediaDescription): MediaDescription {
  const missing = theirs.payloadTypes.filter((type) => theirs.rtpMap(type) === undefined);
  const lines = ours.lines.filter(({ type, value }) =>
    missing.some((number) => type === 'a' && value.startsWith(`rtpmap:${number} `)),
  );
  const parameters = ours.lines.filter(({ type, value }) =>
    missing.some(
      (number) => type === 'a' && value.startsWith(`fmtp:${number} `) && theirs.fmtp(number) === undefined,
    ),
  );
  if (lines.length === 0) return theirs;
  return MediaDescription.of(theirs.media, [...theirs.lines.slice(1), ...lines, ...parameters]);
}
