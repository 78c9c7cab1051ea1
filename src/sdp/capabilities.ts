// What we bring to a negotiation: codecs, pictures, encryption.
import type { CodecName } from './codecs.ts';
import type { SrtpSuite } from './crypto-suites.ts';
import type { Direction } from './direction.ts';
import type { PreconditionPolicy } from './preconditions.ts';

/** `ims` writes RTCP bandwidths (26.114 7.3.1), `sip` leaves them at the defaults of RFC 3556. */
export type SdpProfile = 'ims' | 'sip';

/** `[media] srtp`: never offered, tried, or a must. An offer that holds usable keys is taken under all three. */
export type SrtpPolicy = 'off' | 'optional' | 'required';

export interface AudioCapabilities {
  /** In order of preference, at least one. */
  readonly codecs: readonly CodecName[];
  /** Silence may be left out: SID of AMR and AMR-WB, `usedtx` of Opus. G.711 always sends: RFC 3389 noise is neither made nor played. Default false. */
  readonly dtx?: boolean;
  /** Offers and takes `a=rtcp-xr:voip-metrics` (RFC 3611 5.1). Default false. */
  readonly voipMetrics?: boolean;
}

/** H.264 constrained baseline is the one video codec; H.265 and CHP are named deviations (NG.114 3.3.1). */
export interface VideoCapabilities {
  /** The highest level that we decode and encode, `42e01f` unless said otherwise; 42e00c goes with it as fallback. */
  readonly profileLevelId?: string;
  /** SPS and PPS of our encoder or camera, without start codes; none when not yet known. */
  readonly spropParameterSets?: readonly Buffer[];
  /** The picture that we send, and the largest that we show; for `a=imageattr`. */
  readonly size?: { readonly width: number; readonly height: number };
  /** kbit/s that we want to receive at most, headers included. Default 690 (26.114 table A.4.16). */
  readonly bandwidthKbps?: number;
  /** The camera's orientation goes with the packets (26.114 7.4.5). Default true. */
  readonly orientation?: boolean;
  /** What we send has slices longer than a packet: with packetization-mode 0 we only watch (RFC 6184 5.4). Default false. */
  readonly needsFragments?: boolean;
}

export interface Capabilities {
  readonly audio: AudioCapabilities;
  /** Absent: video lines are declined and none is offered. */
  readonly video?: VideoCapabilities;
  readonly srtp: SrtpPolicy;
  /** Both sides announced end-to-access-edge security at registration (33.328 7.1.1). */
  readonly e2ae: boolean;
  readonly profile: SdpProfile;
  /** So many octets of fresh key and salt. */
  readonly randomKey: (octets: number) => Buffer;
  /** Suites in the order of our offers; `OFFERED_SUITES` unless said otherwise. */
  readonly suites?: readonly SrtpSuite[];
  /** Preconditions of this session (RFC 3312): `off`, the default, neither writes nor reads them. */
  readonly preconditions?: PreconditionPolicy;
}

/** Where one stream is received. */
export interface LocalPorts {
  readonly port: number;
  readonly rtcpPort: number;
}

/** Where we receive. `address` is a literal of the family that goes on the wire; the ports of RTP and RTCP are the audio's. */
export interface LocalMedia extends LocalPorts {
  readonly address: string;
  /** Without it video is neither offered nor taken; read anew for each description. */
  readonly video?: LocalPorts | undefined;
}

/** The widest that we allow, line by line. `none` closes the video, or declines it. */
export interface MediaWish {
  readonly audio: Direction;
  readonly video: Direction | 'none';
}

export interface OfferOptions {
  /** RTP/AVP alone, without capability negotiation: after a 488 (26.114 6.2.1a.2). Not where encryption is a must. */
  readonly plain?: boolean;
  /** SRTP alone in a first offer, though RTP in clear would do: after a 488 of a peer that takes nothing else. Only where policy is `optional`. */
  readonly protected?: boolean;
  /** New keys for both streams; else they stay as they are (RFC 4568 7.1.4). */
  readonly rekey?: boolean;
}
