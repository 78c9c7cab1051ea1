// One video stream of a call: H.264 over RTP to and from a peer, a camera or film and a file. Everything timed happens in the engine.
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import type { Addon, EngineHandle, NativeEvent, NativeVideoConfig, NativeVideoStats } from './addon.ts';
import { EVENT_KINDS } from './addon.ts';
import { mediaError, native } from './faults.ts';
import { mustBePlace, type PathConfig, type Place, toNativePath } from './path.ts';
import { videoCaptureOf, videoSinkOf } from './video-endpoint.ts';

export interface VideoStreamConfig extends PathConfig {
  readonly remote: Place;
  readonly codec: {
    /** Of what is sent. */
    readonly payloadType: number;
    /** Of what is received, when it is another one (RFC 3264 6.1). */
    readonly receivePayloadType?: number;
    /** Of what is sent; 0 and 1 are received (RFC 6184 6). */
    readonly packetizationMode: 0 | 1;
    /** Highest level that may be sent, six hexadecimal digits (RFC 6184 8.1). */
    readonly sendProfileLevelId: string;
    readonly receiveProfileLevelId: string;
    /** The peer's parameter sets, without start codes. */
    readonly spropParameterSets: readonly Buffer[];
    /** Largest NAL unit that the peer would like. */
    readonly maxNalUnitOctets?: number;
  };
  /** What was negotiated (RFC 4585, RFC 5104, RFC 5506). */
  readonly feedback: {
    readonly nack: boolean;
    readonly pli: boolean;
    readonly fir: boolean;
    readonly tmmbr: boolean;
    readonly rsize: boolean;
    readonly trrIntMs: number;
  };
  readonly avpf: boolean;
  /** One FIR for each need though it was not negotiated (NG.110 2.9.1). */
  readonly firAlways: boolean;
  /** Id of the header extension urn:3gpp:video-orientation; absent: not negotiated. */
  readonly cvo?: { readonly id: number };
  /** How our picture has to be turned, in degrees clockwise, and then mirrored. Default: it is upright. Goes out with `cvo` only. */
  readonly orientation?: {
    readonly rotation: 0 | 90 | 180 | 270;
    readonly mirrored?: boolean;
    readonly backCamera?: boolean;
  };
  /** b=AS of the peer, kbit/s with headers. */
  readonly bandwidthKbps?: number;
  /** Picture sizes that the peer wants (imageattr): none larger is sent. */
  readonly sizes?: readonly { readonly width: number; readonly height: number }[];
  readonly send: boolean;
  readonly receive: boolean;
  /** Bandwidths in bit/s (b=RS, b=RR), by default those of RFC 3556 2. Not enabled: none is sent, what comes is taken. */
  readonly rtcp?: { readonly enabled: boolean; readonly senders?: number; readonly receivers?: number };
  /** RTCP canonical name, RFC 3550 6.5.1; 1 to 63 octets. */
  readonly cname: string;
}

/** A received picture: an access unit in Annex B, a key frame with its parameter sets before it. */
export interface VideoFrame {
  readonly data: Buffer;
  /** RTP, 90 kHz. */
  readonly timestamp: number;
  readonly key: boolean;
  /** Pixels; 0 while unknown. */
  readonly width: number;
  readonly height: number;
  /** Degrees clockwise that it has to be turned, before it is mirrored (26.114 7.4.5). */
  readonly rotation: number;
  readonly mirrored: boolean;
}

/** Counters run from the opening of the stream. */
export interface VideoStats {
  /** RTP packets. */
  readonly sent: number;
  readonly received: number;
  /** RFC 3550 A.3. */
  readonly lost: number;
  readonly discarded: number;
  readonly octetsSent: number;
  readonly octetsReceived: number;
  readonly rtcpSent: number;
  readonly rtcpReceived: number;
  readonly sendErrors: number;
  readonly keepalivesSent: number;
  /** As StreamStats has it. */
  readonly srtp: { readonly suite?: string; readonly failures: number };
  /** Pictures that left. */
  readonly framesSent: number;
  readonly keyFramesSent: number;
  /** Before the first key frame, or no room. */
  readonly framesNotSent: number;
  /** Pictures received that can be decoded. */
  readonly frames: number;
  readonly keyFrames: number;
  /** Damaged, or of no use without what is missing. */
  readonly framesDropped: number;
  /** Nobody took them in time, or the disk was too slow. */
  readonly framesMissed: number;
  readonly firSent: number;
  readonly firReceived: number;
  readonly pliSent: number;
  readonly pliReceived: number;
  readonly nackSent: number;
  readonly nackReceived: number;
  readonly tmmbrReceived: number;
  /** Packets sent once more because the peer asked for them. */
  readonly retransmitted: number;
  readonly jitterMs: number;
  readonly rttMs?: number;
  /** Fraction lost as the peer sees it, 0 to 1; absent until it has reported. */
  readonly farLoss?: number;
  /** What the encoder aims at, bit/s. */
  readonly bitrate: number;
  /** Received picture; 0 while unknown. */
  readonly width: number;
  readonly height: number;
  readonly sentWidth: number;
  readonly sentHeight: number;
  readonly rotation: number;
  readonly mirrored: boolean;
  /** From the first packet to the first picture; absent until there was one. */
  readonly firstFrameMs?: number;
  readonly ssrc: number;
  readonly remoteSsrc: number;
}

/** How long the close of a stream is asked for again when the engine's queue is full. */
const CLOSE_RETRY_MS = 5;

/**
 * Made by MediaEngine.openVideo. Events come on the JavaScript thread, some time after the fact when that thread is busy; pictures that it
 * does not take in time are left out up to the next key frame. `close` is the only way out; afterwards every other method throws
 * `media.closed`, only `stats` goes on to give the last values.
 */
export class VideoStream {
  readonly port: number;
  readonly rtcpPort: number;
  /** Once: video of the negotiated payload type came in. */
  readonly onFirstPacket = new Signal<void>();
  /** Once: a picture that can be decoded came in; its size, 0 when unknown. */
  readonly onFirstFrame = new Signal<{ readonly width: number; readonly height: number }>();
  /** `media.device`, `media.file`, `media.codec`: the call goes on without that end of it. */
  readonly onTrouble = new Signal<TandemError>();
  /** The camera that went away is back, by itself. */
  readonly onRecovered = new Signal<void>();
  /** Every picture that can be decoded. They leave the engine only while somebody listens; who begins to asks for a key frame. */
  readonly onFrame = new Signal<VideoFrame>({ onListened: () => this.#watch() });

  readonly #addon: Addon;
  readonly #engine: EngineHandle;
  readonly #id: number;
  readonly #closed = Promise.withResolvers<void>();
  #closing = false;
  #last: NativeVideoStats | undefined;
  #config: Unwatched | undefined;

  constructor(addon: Addon, engine: EngineHandle, opened: { readonly id: number; readonly port: number }) {
    this.#addon = addon;
    this.#engine = engine;
    this.#id = opened.id;
    this.port = opened.port;
    this.rtcpPort = opened.port + 1;
  }

  /**
   * Other ends of the video, at any time; what is absent stays. `capture`: `"v4l2:DEVICE"`, `"file:PATH"` (H.264 Annex B, in a loop),
   * `"none"`; `sink`: `"file:PATH"` (Annex B; replaced when it exists), `"none"`. Throws `media.config`, `media.device`, `media.file`;
   * then nothing was changed. The camera is open only while something is sent.
   */
  attach(ends: { readonly capture?: string; readonly sink?: string }): void {
    this.#mustBeOpen();
    const wanted = {
      ...(ends.capture === undefined ? {} : { capture: videoCaptureOf(ends.capture) }),
      ...(ends.sink === undefined ? {} : { sink: videoSinkOf(ends.sink) }),
    };
    native(() => this.#addon.attachVideo(this.#engine, this.#id, wanted));
  }

  /** Sets or changes remote, codec, feedback and directions. Throws `media.address`, `media.argument`. */
  configure(config: VideoStreamConfig): void {
    this.#mustBeOpen();
    this.#configure(toNativeVideo(config));
  }

  #configure(config: Unwatched): void {
    const frames = config.receive && this.onFrame.isListenedTo;
    native(() => this.#addon.configureVideo(this.#engine, this.#id, { ...config, frames }));
    this.#config = config;
  }

  #watch(): void {
    if (this.#closing || !this.#config) return;
    try {
      this.#configure(this.#config);
    } catch (cause) {
      this.onTrouble.emit(TandemError.from(cause, 'media.memory'));
    }
  }

  /** Somebody wants to see it from now on: the peer is asked, by the rules of the key-frame policy. */
  requestKeyFrame(): void {
    if (!this.#closing) this.#addon.requestKeyFrame(this.#engine, this.#id);
  }

  stats(): VideoStats {
    if (!this.#closing) this.#last = this.#snapshot();
    return toStats(this.#last);
  }

  /** RTCP BYE, ports and camera let go, the sink's file finished. Idempotent. */
  close(): Promise<void> {
    if (!this.#closing) {
      this.#last = this.#snapshot();
      this.#closing = true;
      this.#askToClose();
    }
    return this.#closed.promise;
  }

  /** An event of this stream; for MediaEngine only. True: it was the last one. */
  deliver(event: NativeEvent): boolean {
    switch (event.kind) {
      case EVENT_KINDS.firstPacket:
        this.onFirstPacket.emit();
        return false;
      case EVENT_KINDS.firstFrame:
        this.onFirstFrame.emit({ width: event.width, height: event.height });
        return false;
      case EVENT_KINDS.frames:
        this.#takeFrames();
        return false;
      case EVENT_KINDS.trouble:
        this.onTrouble.emit(mediaError(event.code, event.text, event.errno));
        return false;
      case EVENT_KINDS.recovered:
        this.onRecovered.emit();
        return false;
      case EVENT_KINDS.closed:
        this.#closing = true;
        this.#closed.resolve();
        return true;
      default:
        return false;
    }
  }

  #takeFrames(): void {
    for (
      let frame = this.#addon.nextFrame(this.#engine, this.#id);
      frame !== undefined && !this.#closing;
      frame = this.#addon.nextFrame(this.#engine, this.#id)
    )
      this.onFrame.emit(frame);
  }

  #askToClose(): void {
    if (!this.#addon.close(this.#engine, this.#id)) setTimeout(() => this.#askToClose(), CLOSE_RETRY_MS);
  }

  #snapshot(): NativeVideoStats | undefined {
    return this.#addon.videoStats(this.#engine, this.#id) ?? this.#last;
  }

  #mustBeOpen(): void {
    if (this.#closing) throw mediaError('closed', 'the stream is closed');
  }
}

/** Whether pictures leave the engine is the listeners' affair. */
type Unwatched = Omit<NativeVideoConfig, 'frames'>;

const MAX_PAYLOAD_TYPE = 127;
const MAX_CNAME_OCTETS = 63;
const MAX_EXTENSION_ID = 14;

function toNativeVideo(config: VideoStreamConfig): Unwatched {
  const { codec, feedback, remote, orientation } = config;
  mustBePlace(remote);
  const receivePayloadType = codec.receivePayloadType ?? codec.payloadType;
  for (const type of [codec.payloadType, receivePayloadType])
    if (!Number.isInteger(type) || type < 0 || type > MAX_PAYLOAD_TYPE)
      throw mediaError('argument', `payload type ${type}`);
  if (!/^[0-9A-Fa-f]{6}$/.test(codec.sendProfileLevelId))
    throw mediaError('argument', `profile-level-id ${codec.sendProfileLevelId}`);
  const cvoId = config.cvo?.id ?? 0;
  if (!Number.isInteger(cvoId) || cvoId < 0 || cvoId > MAX_EXTENSION_ID)
    throw mediaError('argument', `header extension id ${cvoId}`);
  const octets = Buffer.byteLength(config.cname);
  if (octets < 1 || octets > MAX_CNAME_OCTETS) throw mediaError('argument', `CNAME of ${octets} octets`);
  const rtcp = rtcpBandwidths(config);
  return {
    address: remote.address,
    port: remote.port,
    rtcpAddress: remote.rtcpAddress ?? remote.address,
    rtcpPort: remote.rtcpPort ?? 0,
    payloadType: codec.payloadType,
    receivePayloadType,
    packetizationMode: codec.packetizationMode,
    profileLevelId: Number.parseInt(codec.sendProfileLevelId, 16),
    maxUnitOctets: codec.maxNalUnitOctets ?? 0,
    ...largest(config.sizes ?? []),
    bandwidthKbps: Math.max(0, Math.floor(config.bandwidthKbps ?? 0)),
    parameterSets: codec.spropParameterSets.map((set) => set.toString('base64')).join(','),
    nack: feedback.nack,
    pli: feedback.pli,
    fir: feedback.fir,
    tmmbr: feedback.tmmbr,
    firAlways: config.firAlways,
    avpf: config.avpf,
    reducedSize: feedback.rsize,
    trrIntervalMs: feedback.trrIntMs,
    cvoId,
    rotation: orientation?.rotation ?? 0,
    mirrored: orientation?.mirrored ?? false,
    backCamera: orientation?.backCamera ?? false,
    send: config.send,
    receive: config.receive,
    rtcpSenders: rtcp.senders,
    rtcpReceivers: rtcp.receivers,
    cname: config.cname,
    ...toNativePath(config),
  };
}

/** The largest picture of a list; 0: no limit but the level. */
function largest(sizes: readonly { readonly width: number; readonly height: number }[]): {
  readonly maxWidth: number;
  readonly maxHeight: number;
} {
  const area = (size: { readonly width: number; readonly height: number }): number =>
    size.width * size.height;
  const [most] = [...sizes].sort((a, b) => area(b) - area(a));
  return { maxWidth: most?.width ?? 0, maxHeight: most?.height ?? 0 };
}

/** RFC 3550 6.2, RFC 3556 2: a twentieth of the session, a quarter of it for senders. */
const RTCP_SHARE = 0.05;
const SENDERS_SHARE = 0.25;
/** Of a session whose bandwidth nobody named, kbit/s. */
const USUAL_KBPS = 550;
const MAX_RTCP_BITS = 1_000_000;

function rtcpBandwidths({ rtcp, bandwidthKbps }: VideoStreamConfig): {
  readonly senders: number;
  readonly receivers: number;
} {
  if (rtcp && !rtcp.enabled) return { senders: 0, receivers: 0 };
  const total = (bandwidthKbps ?? USUAL_KBPS) * 1000 * RTCP_SHARE;
  const senders = rtcp?.senders ?? total * SENDERS_SHARE;
  const receivers = rtcp?.receivers ?? total * (1 - SENDERS_SHARE);
  for (const bits of [senders, receivers])
    if (!(bits >= 0)) throw mediaError('argument', `RTCP bandwidth of ${bits} bit/s`);
  const whole = (bits: number): number => Math.min(Math.ceil(bits), MAX_RTCP_BITS);
  return { senders: whole(senders), receivers: whole(receivers) };
}

function toStats(stats: NativeVideoStats | undefined): VideoStats {
  return {
    sent: stats?.packetsSent ?? 0,
    received: stats?.packetsReceived ?? 0,
    lost: stats?.packetsLost ?? 0,
    discarded: stats?.packetsDiscarded ?? 0,
    octetsSent: stats?.octetsSent ?? 0,
    octetsReceived: stats?.octetsReceived ?? 0,
    rtcpSent: stats?.rtcpSent ?? 0,
    rtcpReceived: stats?.rtcpReceived ?? 0,
    sendErrors: stats?.sendErrors ?? 0,
    keepalivesSent: stats?.keepalivesSent ?? 0,
    srtp: { ...(stats?.srtpSuite ? { suite: stats.srtpSuite } : {}), failures: stats?.srtpFailures ?? 0 },
    framesSent: stats?.framesSent ?? 0,
    keyFramesSent: stats?.keyFramesSent ?? 0,
    framesNotSent: stats?.framesNotSent ?? 0,
    frames: stats?.framesReceived ?? 0,
    keyFrames: stats?.keyFramesReceived ?? 0,
    framesDropped: stats?.framesDropped ?? 0,
    framesMissed: stats?.framesMissed ?? 0,
    firSent: stats?.firSent ?? 0,
    firReceived: stats?.firReceived ?? 0,
    pliSent: stats?.pliSent ?? 0,
    pliReceived: stats?.pliReceived ?? 0,
    nackSent: stats?.nackSent ?? 0,
    nackReceived: stats?.nackReceived ?? 0,
    tmmbrReceived: stats?.tmmbrReceived ?? 0,
    retransmitted: stats?.retransmitted ?? 0,
    jitterMs: stats?.jitterMs ?? 0,
    ...known('rttMs', stats?.rttMs),
    ...known('farLoss', stats?.farLoss),
    ...known('firstFrameMs', stats?.firstFrameMs),
    bitrate: stats?.targetBps ?? 0,
    width: stats?.width ?? 0,
    height: stats?.height ?? 0,
    sentWidth: stats?.sentWidth ?? 0,
    sentHeight: stats?.sentHeight ?? 0,
    rotation: stats?.rotation ?? 0,
    mirrored: stats?.mirrored ?? false,
    ssrc: stats?.ssrc ?? 0,
    remoteSsrc: stats?.remoteSsrc ?? 0,
  };
}

/** Negative values of the engine are none. */
function known<Name extends string>(
  name: Name,
  value: number | undefined,
): { readonly [key in Name]?: number } {
  // A computed key widens to string in TypeScript; the shape is right.
  return value === undefined || value < 0 ? {} : ({ [name]: value } as { readonly [key in Name]: number });
}
