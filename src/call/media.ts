// What calls need of the media engine; `src/media` fits it, and unit tests put a fake of it in its place.
import type { PathConfig } from '#src/media/path.ts';
import type { AudioStream, StreamConfig, StreamStats, Tone } from '#src/media/stream.ts';
import type { VideoFrame, VideoStats, VideoStream, VideoStreamConfig } from '#src/media/video.ts';

export type { StreamConfig, StreamStats, Tone, VideoFrame, VideoStats, VideoStreamConfig };

/** SDES (RFC 4568) as the engine takes it. */
export type Secured = Pick<PathConfig, 'srtp'>;

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
  | 'move'
  | 'configure'
  | 'sendDtmf'
  | 'tone'
  | 'stats'
  | 'onDtmf'
  | 'onFirstPacket'
  | 'onElsewhere'
  | 'onTrouble'
  | 'close'
>;

/** One video stream; whoever opened it closes it. */
export type CallVideoStream = Pick<
  VideoStream,
  | 'port'
  | 'rtcpPort'
  | 'attach'
  | 'move'
  | 'configure'
  | 'requestKeyFrame'
  | 'stats'
  | 'onFrame'
  | 'onElsewhere'
  | 'onTrouble'
  | 'close'
>;

export interface CallMedia {
  /** Throws TandemError `media.ports`, `media.address`. */
  openStream(ports: StreamPorts): CallStream;
  /** Absent: an engine without video. */
  openVideo?(ports: StreamPorts): CallVideoStream;
}
