// What calls need of the media engine; `src/media` fits it, and unit tests put a fake of it in its place.
import type { TandemError } from '#src/base/errors.ts';
import type { Signal } from '#src/base/events.ts';
import type { PathConfig, Place } from '#src/media/path.ts';
import type { AudioStream, StreamConfig as PlainConfig, StreamStats, Tone } from '#src/media/stream.ts';
import type { VideoFrame } from '#src/media/video.ts';
import type { SrtpSuite } from '#src/sdp/crypto-suites.ts';

export type { StreamStats, Tone, VideoFrame };

/** One direction of SDES (RFC 4568): master key and salt in one. */
export interface StreamKey {
  readonly suite: SrtpSuite;
  readonly key: Buffer;
}

export interface Secured {
  readonly srtp?: { readonly send: StreamKey; readonly receive: StreamKey & { readonly mki?: Buffer } };
}

export type StreamConfig = PlainConfig & Secured;

export interface VideoStreamConfig extends PathConfig, Secured {
  readonly remote: Place;
  readonly codec: {
    readonly payloadType: number;
    readonly receivePayloadType?: number;
    readonly packetizationMode: 0 | 1;
    readonly sendProfileLevelId: string;
    readonly receiveProfileLevelId: string;
    readonly spropParameterSets: readonly Buffer[];
    readonly maxNalUnitOctets?: number;
  };
  readonly feedback: {
    readonly nack: boolean;
    readonly pli: boolean;
    readonly fir: boolean;
    readonly tmmbr: boolean;
    readonly rsize: boolean;
    readonly trrIntMs: number;
  };
  readonly avpf: boolean;
  readonly firAlways: boolean;
  readonly cvo?: { readonly id: number };
  readonly bandwidthKbps?: number;
  readonly sizes?: readonly { readonly width: number; readonly height: number }[];
  readonly send: boolean;
  readonly receive: boolean;
  readonly rtcp?: StreamConfig['rtcp'];
  readonly cname: string;
}
export interface VideoStats {
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly jitterMs: number;
}

export interface StreamPorts {
  /** Local numeric address. */
  readonly address: string;
  readonly ports: { readonly from: number; readonly to: number };
}

/** As `[audio]` writes them; an absent one stays as it is. */
export interface AudioEnds {
  readonly capture?: string;
  readonly playback?: string;
}

/** As `[video]` writes them. */
export interface VideoEnds {
  readonly capture?: string;
  readonly sink?: string;
}

interface Stream {
  readonly port: number;
  readonly rtcpPort: number;
  readonly onTrouble: Signal<TandemError>;
  close(): Promise<void>;
}

/** One audio stream; whoever opened it closes it. */
export type CallStream = Pick<
  AudioStream,
  | 'port'
  | 'rtcpPort'
  | 'attach'
  | 'configure'
  | 'sendDtmf'
  | 'tone'
  | 'stats'
  | 'onDtmf'
  | 'onTrouble'
  | 'close'
>;

/** One video stream; whoever opened it closes it. */
export interface CallVideoStream extends Stream {
  attach(ends: VideoEnds): void;
  configure(configuration: VideoStreamConfig): void;
  /** Asks the peer for a key frame. */
  requestKeyFrame(): void;
  stats(): VideoStats;
  /** Received pictures, whole. */
  readonly onFrame: Signal<VideoFrame>;
}

export interface CallMedia {
  /** Throws TandemError `media.ports`, `media.address`. */
  openStream(ports: StreamPorts): CallStream;
  /** Absent: an engine without video. */
  openVideo?(ports: StreamPorts): CallVideoStream;
}
