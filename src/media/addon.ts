// The native addon (native/binding): its shape, and where it is found.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { describe, TandemError } from '#src/base/errors.ts';

/** An engine in C; only the addon looks inside. */
export type EngineHandle = object & { readonly brand: 'tandem media engine' };

/** The numbers of tm_endpoint_kind. */
export const ENDPOINT_KINDS = { null: 0, tone: 1, file: 2, device: 3, bridge: 4 } as const;
/** The numbers of tm_codec_name. */
export const CODEC_NUMBERS = { PCMU: 0, PCMA: 1, 'AMR-WB': 2, AMR: 3, G722: 4, opus: 5 } as const;
/** The numbers of tm_progress_tone. */
export const TONE_NUMBERS = { none: 0, ring: 1, ringback: 2, waiting: 3, busy: 4, congestion: 5 } as const;
/** The numbers of tm_event_kind. */
export const EVENT_KINDS = {
  firstPacket: 0,
  dtmf: 1,
  trouble: 2,
  recovered: 3,
  closed: 4,
  firstFrame: 5,
  frames: 6,
  elsewhere: 7,
} as const;

export interface NativeEndpoint {
  readonly kind: number;
  readonly name: string;
  readonly hertz: number;
}

/** The numbers of tm_keepalive_phase. */
export const KEEPALIVE_PHASES = { early: 0, established: 1 } as const;

/** tm_path_config: what streams of every kind are told of their way through NATs. */
export interface NativePath {
  readonly keepAlive: {
    readonly enabled: boolean;
    readonly phase: number;
    readonly payloadType: number;
    /** 0: the recommended value. */
    readonly burstMs: number;
    readonly spacingMs: number;
    readonly intervalMs: number;
  };
  readonly alsoTo: readonly {
    readonly address: string;
    readonly port: number;
    readonly rtcpAddress: string;
    readonly rtcpPort: number;
    /** Absent: plain RTP goes there. */
    readonly srtp?: NativeSrtp;
  }[];
  /** Absent: plain RTP. `key`: master key and master salt. */
  readonly srtp?: { readonly send: NativeSrtp; readonly receive: NativeSrtp & { readonly mki?: Buffer } };
}

export interface NativeSrtp {
  readonly suite: string;
  readonly key: Buffer;
}

export interface NativeConfig extends NativePath {
  readonly address: string;
  readonly port: number;
  readonly rtcpAddress: string;
  /** 0: RTP port + 1. */
  readonly rtcpPort: number;
  readonly codec: number;
  readonly payloadType: number;
  readonly receivePayloadType: number;
  readonly octetAligned: boolean;
  /** Bit n allows mode n; 0 allows all. */
  readonly modeSet: number;
  /** Frames between changes; 0: the default. */
  readonly modeChangePeriod: number;
  readonly anyModeChange: boolean;
  readonly dtx: boolean;
  readonly fec: boolean;
  /** bit/s; 0: no limit. */
  readonly maxBitRate: number;
  /** -1: no telephone-event. */
  readonly dtmfPayloadType: number;
  readonly dtmfReceivePayloadType: number;
  readonly dtmfClockRate: number;
  readonly ptimeMs: number;
  readonly send: boolean;
  readonly receive: boolean;
  /** bit/s; both 0: no RTCP is sent. */
  readonly rtcpSenders: number;
  readonly rtcpReceivers: number;
  readonly extendedReports: boolean;
  readonly cname: string;
}

export interface NativeStats {
  readonly packetsSent: number;
  readonly octetsSent: number;
  readonly packetsReceived: number;
  readonly octetsReceived: number;
  readonly packetsLost: number;
  readonly packetsLate: number;
  readonly packetsDiscarded: number;
  readonly rtcpSent: number;
  readonly rtcpReceived: number;
  readonly concealedMs: number;
  readonly ticksMissed: number;
  readonly sendErrors: number;
  readonly dtmfSent: number;
  readonly dtmfReceived: number;
  readonly keepalivesSent: number;
  readonly srtpFailures: number;
  /** Empty: plain RTP. */
  readonly srtpSuite: string;
  readonly jitterMs: number;
  readonly playoutMs: number;
  /** Negative, as the next five: not known yet. */
  readonly delayMs: number;
  readonly rLocal: number;
  readonly mosLocal: number;
  readonly mosFar: number;
  readonly farDiscard: number;
  readonly farPlayoutMs: number;
  readonly bursts: number;
  readonly burstDensity: number;
  readonly gapDensity: number;
  /** Negative: not known yet. */
  readonly rttMs: number;
  /** Negative: not known yet. */
  readonly farLoss: number;
  readonly levelInDbov: number;
  readonly levelOutDbov: number;
  /** 1: the two below hold. */
  readonly echoKnown: number;
  readonly erlDb: number;
  readonly erleDb: number;
  readonly ssrc: number;
  readonly remoteSsrc: number;
}

/** tm_video_config. */
export interface NativeVideoConfig extends NativePath {
  readonly address: string;
  readonly port: number;
  readonly rtcpAddress: string;
  readonly rtcpPort: number;
  readonly payloadType: number;
  readonly receivePayloadType: number;
  readonly packetizationMode: number;
  /** 24 bits. */
  readonly profileLevelId: number;
  /** 0: no wish. */
  readonly maxUnitOctets: number;
  readonly maxWidth: number;
  readonly maxHeight: number;
  /** 0: no limit. */
  readonly bandwidthKbps: number;
  /** sprop-parameter-sets of the peer. */
  readonly parameterSets: string;
  readonly nack: boolean;
  readonly pli: boolean;
  readonly fir: boolean;
  readonly tmmbr: boolean;
  readonly firAlways: boolean;
  readonly avpf: boolean;
  readonly reducedSize: boolean;
  readonly trrIntervalMs: number;
  /** 0: not agreed. */
  readonly cvoId: number;
  readonly rotation: number;
  readonly mirrored: boolean;
  readonly backCamera: boolean;
  readonly send: boolean;
  readonly receive: boolean;
  readonly frames: boolean;
  readonly rtcpSenders: number;
  readonly rtcpReceivers: number;
  readonly cname: string;
}

/** tm_video_stats. */
export interface NativeVideoStats {
  readonly packetsSent: number;
  readonly octetsSent: number;
  readonly packetsReceived: number;
  readonly octetsReceived: number;
  readonly packetsLost: number;
  readonly packetsDiscarded: number;
  readonly rtcpSent: number;
  readonly rtcpReceived: number;
  readonly sendErrors: number;
  readonly keepalivesSent: number;
  readonly srtpFailures: number;
  /** Empty: plain RTP. */
  readonly srtpSuite: string;
  readonly framesSent: number;
  readonly keyFramesSent: number;
  readonly framesNotSent: number;
  readonly framesReceived: number;
  readonly keyFramesReceived: number;
  readonly framesDropped: number;
  readonly framesMissed: number;
  readonly firSent: number;
  readonly firReceived: number;
  readonly pliSent: number;
  readonly pliReceived: number;
  readonly nackSent: number;
  readonly nackReceived: number;
  readonly tmmbrReceived: number;
  readonly retransmitted: number;
  readonly jitterMs: number;
  /** Negative, as the next two: not known yet. */
  readonly rttMs: number;
  readonly farLoss: number;
  readonly firstFrameMs: number;
  readonly targetBps: number;
  readonly width: number;
  readonly height: number;
  readonly sentWidth: number;
  readonly sentHeight: number;
  readonly rotation: number;
  readonly mirrored: boolean;
  readonly ssrc: number;
  readonly remoteSsrc: number;
}

/** tm_video_frame. */
export interface NativeFrame {
  readonly data: Buffer;
  readonly timestamp: number;
  readonly key: boolean;
  readonly width: number;
  readonly height: number;
  readonly rotation: number;
  readonly mirrored: boolean;
}

/** tm_video_description. */
export interface NativeVideoSource {
  readonly profileLevelId: number;
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly parameterSets: string;
  readonly fragments: boolean;
}

export interface NativeEvent {
  readonly kind: number;
  readonly stream: number;
  readonly digit: string;
  readonly durationMs: number;
  /** Of the first picture. */
  readonly width: number;
  readonly height: number;
  /** Where media came from, of `elsewhere`. */
  readonly address: string;
  readonly port: number;
  /** The remote sends as well. */
  readonly present: boolean;
  readonly code: string;
  readonly text: string;
  readonly errno: number;
}

export interface Device {
  /** What goes behind `alsa:` in the configuration; stays the same over a restart. */
  readonly name: string;
  readonly description: string;
}

export interface NativeRoom {
  readonly echoCancel: boolean;
  readonly noiseSuppression: boolean;
  readonly gainControl: boolean;
  /** -1: not known. */
  readonly delayMs: number;
}

export interface NativeDelay {
  readonly delayMs: number;
  readonly confidence: number;
  readonly echoDb: number;
}

/** As native/binding/binding.c exports it. Failures are Errors whose `code` is the word of tm_engine_status. */
export interface Addon {
  create(
    realtime: boolean,
    onEvents: () => void,
    room: NativeRoom,
    video: { readonly width: number; readonly height: number },
  ): EngineHandle;
  destroy(engine: EngineHandle): void;
  isRealtime(engine: EngineHandle): boolean;
  open(
    engine: EngineHandle,
    options: {
      address: string;
      from: number;
      to: number;
      capture: NativeEndpoint;
      playback: NativeEndpoint;
    },
  ): { id: number; port: number };
  /** An end that is absent stays. */
  attach(
    engine: EngineHandle,
    stream: number,
    ends: { capture?: NativeEndpoint; playback?: NativeEndpoint },
  ): void;
  /** New ports at another address; gives that of RTP. */
  move(
    engine: EngineHandle,
    stream: number,
    to: { readonly address: string; readonly from: number; readonly to: number },
  ): number;
  configure(engine: EngineHandle, stream: number, config: NativeConfig): void;
  /** Durations of 0: the defaults. */
  sendDtmf(engine: EngineHandle, stream: number, digits: string, durationMs: number, gapMs: number): void;
  /** One of TONE_NUMBERS. */
  tone(engine: EngineHandle, stream: number, tone: number): void;
  stats(engine: EngineHandle, stream: number): NativeStats | undefined;
  /** False: the queue is full, ask again. */
  close(engine: EngineHandle, stream: number): boolean;
  nextEvent(engine: EngineHandle): NativeEvent | undefined;
  openVideo(
    engine: EngineHandle,
    options: { address: string; from: number; to: number },
  ): { id: number; port: number };
  attachVideo(
    engine: EngineHandle,
    stream: number,
    ends: { capture?: NativeEndpoint; sink?: NativeEndpoint },
  ): void;
  configureVideo(engine: EngineHandle, stream: number, config: NativeVideoConfig): void;
  /** False: the queue is full, or the stream closed. */
  requestKeyFrame(engine: EngineHandle, stream: number): boolean;
  videoStats(engine: EngineHandle, stream: number): NativeVideoStats | undefined;
  nextFrame(engine: EngineHandle, stream: number): NativeFrame | undefined;
  describeVideo(engine: EngineHandle, source: { capture: NativeEndpoint }, level: number): NativeVideoSource;
  cameras(): Device[];
  devices(capture: boolean): Device[];
  measureDelay(engine: EngineHandle, capture: string, playback: string): Promise<NativeDelay>;
  /** -1: not known. */
  setDelay(engine: EngineHandle, delayMs: number): void;
}

/** From the sources, from the bundle in dist/, and beside the bundle on the device. */
const PLACES = ['../../build/Release/', '../build/Release/', './'];

let loaded: Addon | undefined;

/** Path of the addon as seen from the module at `base`. Throws TandemError `media.addon` when it is not built. */
export function findAddon(base: string): string {
  const paths = PLACES.map((place) => fileURLToPath(new URL(`${place}tandem_media.node`, base)));
  const path = paths.find((candidate) => existsSync(candidate));
  if (path !== undefined) return path;
  throw new TandemError('ours', 'media.addon', 'The sound engine is not built: run scripts/build-native.', {
    detail: { looked: paths },
  });
}

/** The addon at `path`. Throws TandemError `media.addon` when it does not fit this host. */
export function requireAddon(path: string): Addon {
  try {
    // What a native module exports has no type of its own: the interface above is its declaration.
    return createRequire(import.meta.url)(path) as Addon;
  } catch (error) {
    throw new TandemError('ours', 'media.addon', 'The sound engine does not start on this system.', {
      cause: error,
      detail: { path, reason: describe(error) },
    });
  }
}

/** Loads the addon once. */
export function loadAddon(): Addon {
  loaded ??= requireAddon(findAddon(import.meta.url));
  return loaded;
}
