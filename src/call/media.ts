// What calls need of the media engine; `src/media` fits it, and unit tests put a fake of it in its place.
import type { TandemError } from '#src/base/errors.ts';
import type { Signal } from '#src/base/events.ts';
import type { CodecName } from '#src/sdp/codecs.ts';

export interface StreamOptions {
  /** Local numeric address. */
  readonly address: string;
  readonly ports: { readonly from: number; readonly to: number };
  readonly capture: string;
  readonly playback: string;
}

export interface StreamConfiguration {
  readonly remote: {
    readonly address: string;
    readonly port: number;
    /** When it is another one than that of RTP. */
    readonly rtcpAddress?: string;
    readonly rtcpPort?: number;
  };
  readonly codec: {
    readonly name: CodecName;
    /** Of the packets that we send. */
    readonly payloadType: number;
    /** Of the packets that we receive, when it is another one. */
    readonly receivePayloadType?: number;
    readonly clockRate: number;
    readonly octetAligned?: boolean;
    readonly modeSet?: number[];
  };
  readonly dtmf?: {
    readonly payloadType: number;
    readonly receivePayloadType?: number;
    readonly clockRate: number;
  };
  readonly ptimeMs: number;
  readonly send: boolean;
  readonly receive: boolean;
  /** Bandwidths in bit/s, absent ones by default; not enabled: none is sent. */
  readonly rtcp?: { readonly enabled: boolean; readonly senders?: number; readonly receivers?: number };
  readonly cname: string;
}

export interface CallStreamStats {
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly jitterMs: number;
}

/** One audio stream; whoever opened it closes it. */
export interface CallStream {
  readonly port: number;
  readonly rtcpPort: number;
  /** Starts the stream, or changes it. */
  configure(configuration: StreamConfiguration): void;
  /** Throws TandemError when the agreed formats hold no events. */
  sendDtmf(digits: string): void;
  stats(): CallStreamStats;
  readonly onDtmf: Signal<{ readonly digit: string; readonly durationMs: number }>;
  readonly onTrouble: Signal<TandemError>;
  close(): Promise<void>;
}

export interface CallMedia {
  /** Throws TandemError `media.ports`, `media.device`, `media.file`. */
  openStream(options: StreamOptions): CallStream;
}
