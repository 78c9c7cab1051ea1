// What an offer and its answer settle: all that the media engine needs to know of each stream.
import type { Hertz, Milliseconds } from '#src/base/units.ts';
import type { AmrParameters, CodecName } from './codecs.ts';
import type { SrtpSuite } from './crypto-suites.ts';
import type { Direction } from './direction.ts';
import { receives, sends } from './direction.ts';
import {
  type AddressType,
  type Connection,
  isGroup,
  type MediaDescription,
  type SessionDescription,
} from './model.ts';

/** The two sides may number one format differently: each names what it wants to receive (RFC 3264 5.1, 6.1). */
export interface AgreedFormat {
  readonly sendPayloadType: number;
  readonly receivePayloadType: number;
  readonly clockRate: Hertz;
}

export interface AgreedCodec extends AgreedFormat {
  readonly name: CodecName;
  /** For AMR and AMR-WB: what the peer's parameters bind our encoder to. */
  readonly amr?: AmrParameters;
  /** For Opus: what the peer would like to receive (RFC 7587 6.1). */
  readonly opus?: OpusParameters;
}

export interface OpusParameters {
  readonly inbandFec: boolean;
  readonly dtx: boolean;
  readonly stereo: boolean;
  /** bit/s */
  readonly maxAverageBitrate?: number;
}

export interface RemoteMedia {
  readonly addressType: AddressType;
  /** A literal or a domain name. */
  readonly address: string;
  readonly port: number;
  readonly rtcp: { readonly address: string; readonly port: number };
}

/** RTCP bandwidths in bit/s as agreed; undefined is the default of RFC 3556 2. */
export interface AgreedRtcp {
  /** False when both modifiers are zero: none is sent, what comes is still taken (24.229 6.1, NG.114 3.6.3). */
  readonly enabled: boolean;
  readonly senders?: number;
  readonly receivers?: number;
}

/** Keys are secrets: never logged, never in an event. Equal buffers in a later agreement mean: the context goes on. */
export interface SecurityAgreement {
  readonly suite: SrtpSuite;
  /** Master key and salt in one, of what we send. */
  readonly sendKey: Buffer;
  /** The same of what we receive. */
  readonly receiveKey: Buffer;
  /** The peer's packets carry this master key identifier before their tag (RFC 3711 3.1); ours never do. */
  readonly receiveMki?: Buffer;
  /** The protection ends at the access edge: we asked for it, or the network said so (33.328 7.2, 7.3). */
  readonly e2ae: 'requested' | 'applied' | undefined;
}

/** The transport profiles of RTP that we speak. */
export type RtpProtocol = 'RTP/AVP' | 'RTP/AVPF' | 'RTP/SAVP' | 'RTP/SAVPF';

interface StreamAgreement {
  /** Index of the line in the descriptions. */
  readonly index: number;
  readonly protocol: RtpProtocol;
  readonly remote: RemoteMedia;
  /** Undefined: RTP in clear. */
  readonly security?: SecurityAgreement;
  /** A static number that stands for nothing in this stream: 20, unless that one is taken (NG.110 2.9.1, RFC 6263 4.6). */
  readonly keepAlivePayloadType: number;
  readonly rtcp: AgreedRtcp;
  /** kbit/s that the peer wants to receive at most, headers included. */
  readonly bandwidthKbps?: number;
  /** As our own description says it. */
  readonly direction: Direction;
  readonly send: boolean;
  readonly receive: boolean;
  /** The peer holds us: it does not want to hear (24.610 4.5.2). */
  readonly heldByPeer: boolean;
}

export interface AudioAgreement extends StreamAgreement {
  readonly codec: AgreedCodec;
  readonly dtmf?: AgreedFormat;
  /** Milliseconds in a packet that we send. */
  readonly ptime: Milliseconds;
  /** Both sides want VoIP metrics reports (RFC 3611). */
  readonly voipMetrics: boolean;
}

export interface AgreedVideoCodec extends AgreedFormat {
  readonly name: 'H264';
  /** What we send with; 0 and 1 are taken in both (26.114 7.4.3). */
  readonly packetizationMode: 0 | 1;
  /** Profile and highest level that our encoder may use, six hexadecimal digits (RFC 6184 8.1). */
  readonly sendProfileLevelId: string;
  readonly receiveProfileLevelId: string;
  /** The peer's, without start codes: what decoding can begin with. */
  readonly spropParameterSets: readonly Buffer[];
  /** The peer would like NAL units no longer than this (RFC 6184 8.1 `max-rcmd-nalu-size`). */
  readonly maxNalUnitOctets?: number;
}

/** Feedback messages that were negotiated; without AVPF all are false (RFC 4585 4, RFC 5104 7). */
export interface AgreedFeedback {
  readonly nack: boolean;
  readonly pli: boolean;
  readonly fir: boolean;
  readonly tmmbr: boolean;
  /** Reduced-size RTCP (RFC 5506 5.1). */
  readonly rsize: boolean;
  /** Least interval of regular reports, 0 when not named (RFC 4585 4.2 `trr-int`). */
  readonly trrIntMs: Milliseconds;
}

export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

export interface VideoAgreement extends StreamAgreement {
  readonly codec: AgreedVideoCodec;
  readonly feedback: AgreedFeedback;
  /** RTP/AVPF or RTP/SAVPF: early feedback is allowed. */
  readonly avpf: boolean;
  /** Header extension of the camera's orientation, in the 2-bit form (26.114 7.4.5). */
  readonly cvo?: { readonly id: number };
  /** Sizes that the peer likes to receive, best first; absent when it named none (RFC 6236). */
  readonly imageattr?: { readonly receive: readonly ImageSize[] };
}

/** What is in force in a dialog. */
export interface MediaAgreement {
  readonly audio?: AudioAgreement;
  readonly video?: VideoAgreement;
}

/** Direction as `own` description says it; nothing goes to the zero address (RFC 3264 8.4). */
export function flowOf(
  own: Direction,
  peer: Direction,
  connection: Connection,
): Pick<AudioAgreement, 'direction' | 'send' | 'receive' | 'heldByPeer'> {
  return {
    direction: own,
    send: sends(own) && receives(peer) && !connection.unspecified,
    receive: receives(own) && sends(peer),
    heldByPeer: !receives(peer) || connection.unspecified,
  };
}

const LAST_PORT = 65_535;

export function remoteMedia(media: MediaDescription, connection: Connection): RemoteMedia {
  const { addressType, address } = connection;
  const { port } = media.media;
  const { address: named = address, port: rtcpPort } = media.rtcp ?? {
    // Behind the last port there is none: both in one, told apart by their types (RFC 5761 4).
    port: Math.min(port + 1, LAST_PORT),
  };
  return { addressType, address, port, rtcp: { address: isGroup(named) ? address : named, port: rtcpPort } };
}

export function agreedRtcp(session: SessionDescription, media: MediaDescription): AgreedRtcp {
  const senders = media.bandwidth('RS') ?? session.bandwidth('RS');
  const receivers = media.bandwidth('RR') ?? session.bandwidth('RR');
  return {
    enabled: senders !== 0 || receivers !== 0,
    ...(senders === undefined ? {} : { senders }),
    ...(receivers === undefined ? {} : { receivers }),
  };
}
