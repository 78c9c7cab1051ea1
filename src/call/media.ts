// What calls need of the media engine; `src/media` fits it, and unit tests put a fake of it in its place.
import type { AudioStream, StreamConfig as PlainConfig, StreamStats, Tone } from '#src/media/stream.ts';
import type {
  VideoStreamConfig as PlainVideoConfig,
  VideoFrame,
  VideoStats,
  VideoStream,
} from '#src/media/video.ts';
import type { SrtpSuite } from '#src/sdp/crypto-suites.ts';

export type { StreamStats, Tone, VideoFrame, VideoStats };

/** One direction of SDES (RFC 4568): master key and salt in one. */
export interface StreamKey {
  readonly suite: SrtpSuite;
  readonly key: Buffer;
}

export interface Secured {
  readonly srtp?: { readonly send: StreamKey; readonly receive: StreamKey & { readonly mki?: Buffer } };
}

export type StreamConfig = PlainConfig & Secured;

export type VideoStreamConfig = PlainVideoConfig & Secured;

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
export type CallVideoStream = Pick<
  VideoStream,
  | 'port'
  | 'rtcpPort'
  | 'attach'
  | 'configure'
  | 'requestKeyFrame'
  | 'stats'
  | 'onFrame'
  | 'onTrouble'
  | 'close'
>;

export interface CallMedia {
  /** Throws TandemError `media.ports`, `media.address`. */
  openStream(ports: StreamPorts): CallStream;
  /** Absent: an engine without video. */
  openVideo?(ports: StreamPorts): CallVideoStream;
}
