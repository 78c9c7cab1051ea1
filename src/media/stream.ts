// One audio stream of a call: RTP to and from a peer, a source and a sink. Everything timed happens in the engine.
import type { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import { bandwidthAs } from '#src/sdp/codecs.ts';
import {
  type Addon,
  CODEC_NUMBERS,
  type EngineHandle,
  EVENT_KINDS,
  type NativeConfig,
  type NativeEvent,
  type NativeStats,
  TONE_NUMBERS,
} from './addon.ts';
import { captureOf, playbackOf } from './endpoint.ts';
import { mediaError, native } from './faults.ts';
import { mustBePlace, type PathConfig, type Place, toNativePath } from './path.ts';

export type CodecName = keyof typeof CODEC_NUMBERS;

/** RTP clock rate of each codec, in hertz (RFC 3551 4.5, RFC 4867 8.2). */
export const CODEC_CLOCKS: Readonly<Record<CodecName, number>> = {
  PCMU: 8000,
  PCMA: 8000,
  'AMR-WB': 16000,
  AMR: 8000,
  // Sound of 16 kHz: the clock is an old mistake that everybody keeps to (RFC 3551 4.5.2).
  G722: 8000,
  opus: 48000,
};

/** Highest mode of the codecs that have modes (RFC 4867 8). */
export const HIGHEST_MODES: Readonly<Partial<Record<CodecName, number>>> = { AMR: 7, 'AMR-WB': 8 };

/** Call progress, TS 22.001 annex F; `ring` is the device's own. */
export type Tone = keyof typeof TONE_NUMBERS;

export interface StreamConfig extends PathConfig {
  /**
   * IP literals of the family of the stream's own address; RTCP goes to the same one, RTP port + 1, unless told.
   * Nothing is sent to the unspecified address.
   */
  readonly remote: Place;
  readonly codec: {
    readonly name: CodecName;
    /** Of what is sent. */
    readonly payloadType: number;
    /** Of what is received, when it is another one (RFC 3264 6.1). */
    readonly receivePayloadType?: number;
    readonly clockRate: number;
    /** AMR, AMR-WB: RFC 4867 4.4; default bandwidth-efficient. */
    readonly octetAligned?: boolean;
    /** AMR, AMR-WB: modes 0 to 7 or 8 of both directions, default all (RFC 4867 8.1 mode-set). */
    readonly modeSet?: readonly number[];
    /** AMR, AMR-WB: a change of what is sent every so many frames (mode-change-period); default 2, as 26.114 has it. */
    readonly modeChangePeriod?: 1 | 2;
    /** AMR, AMR-WB: only to the next mode of the set (mode-change-neighbor); default true, as 26.114 has it. */
    readonly modeChangeNeighbor?: boolean;
    /** AMR, AMR-WB, opus: silence is described now and then instead of sent. Default false. Received silence is always understood. */
    readonly dtx?: boolean;
    /** opus: the peer's useinbandfec (RFC 7587 6.1): what is sent repeats itself as the reported loss asks for. Default false. */
    readonly fec?: boolean;
    /** opus: the peer's maxaveragebitrate, 6000 to 510000 bit/s; default no limit. */
    readonly maxBitRate?: number;
  };
  /** telephone-event, RFC 4733; absent: none was negotiated. */
  readonly dtmf?: {
    readonly payloadType: number;
    readonly receivePayloadType?: number;
    readonly clockRate: number;
  };
  /** Of what is sent, as the peer asked for; met in steps of 20 ms, at least 20, at most 80 (26.114 7.4.2). */
  readonly ptimeMs: number;
  readonly send: boolean;
  readonly receive: boolean;
  /** Bandwidths in bit/s (b=RS, b=RR), by default those of RFC 3556 2. Not enabled: none is sent, what comes is taken. */
  readonly rtcp?: { readonly enabled: boolean; readonly senders?: number; readonly receivers?: number };
  /** Send RFC 3611 VoIP metrics: a=rtcp-xr:voip-metrics was negotiated. Those of the peer are taken in any case. */
  readonly xr?: boolean;
  /** RTCP canonical name, RFC 3550 6.5.1; 1 to 63 octets. */
  readonly cname: string;
}

/** Counters run from the opening of the stream. */
export interface StreamStats {
  /** RTP packets. */
  readonly sent: number;
  readonly received: number;
  /** RFC 3550 A.3. */
  readonly lost: number;
  /** Came after their time to be played. */
  readonly late: number;
  /** Malformed, of another payload type, from somebody else, double. */
  readonly discarded: number;
  /** Payload octets. */
  readonly octetsSent: number;
  readonly octetsReceived: number;
  readonly rtcpSent: number;
  readonly rtcpReceived: number;
  /** Interarrival jitter, RFC 3550 6.4.1. */
  readonly jitterMs: number;
  /** Present delay of the jitter buffer. */
  readonly playoutMs: number;
  /** Mouth to ear, one way, our end and the network; absent until the peer has reported. */
  readonly delayMs?: number;
  /** Opinion score of the conversation as heard here, 1 to 4.5 (ITU-T G.107, wideband codecs G.107.1); absent until sound came. */
  readonly mosLocal?: number;
  /** The rating behind it: 0 to 93.2, with wideband codecs 0 to 129. */
  readonly rLocal?: number;
  /** As heard at the far end: told by its RFC 3611 report, else rated from the loss it reports; absent until one came. */
  readonly mosFar?: number;
  /** From the peer's RFC 3611 report: fraction that came too late there, delay of its jitter buffer. */
  readonly farDiscard?: number;
  readonly farPlayoutMs?: number;
  /** RFC 3611 4.7.2, of the present codec: how many bursts of loss; fraction lost or late in bursts, and between them. */
  readonly bursts: number;
  readonly burstDensity: number;
  readonly gapDensity: number;
  /** Sound made up for missing packets. */
  readonly concealedMs: number;
  /** Packet times at which no sound was ready. */
  readonly ticksMissed: number;
  readonly sendErrors: number;
  readonly dtmfSent: number;
  readonly dtmfReceived: number;
  /** Empty packets that kept NAT bindings, of those sent. */
  readonly keepalivesSent: number;
  /** `failures`: packets dropped as forged, replayed, of another key or not protected. `suite` absent: plain RTP. */
  readonly srtp: { readonly suite?: string; readonly failures: number };
  /** From RTCP; absent until the peer has reported. */
  readonly rttMs?: number;
  /** Fraction lost as the peer sees it, 0 to 1; absent until the peer has reported. */
  readonly farLoss?: number;
  /** Echo return loss of the room, dB; absent until the far talker was heard for some seconds, and where no echo is cancelled. */
  readonly echoReturnLoss?: number;
  /** How much of the echo was taken away on top, dB. */
  readonly echoReturnLossEnhancement?: number;
  /** dBov of the last 200 ms: captured, played. Silence is -127. */
  readonly levelIn: number;
  readonly levelOut: number;
  readonly ssrc: number;
  /** 0 until a packet came. */
  readonly remoteSsrc: number;
}

/** How long the close of a stream is asked for again when the engine's queue is full. */
const CLOSE_RETRY_MS = 5;

/**
 * Made by MediaEngine.openStream. Events come on the JavaScript thread, some time after the fact when that thread is busy.
 * `close` is the only way out; afterwards every other method throws `media.closed`, only `stats` goes on to give the last values.
 */
export class AudioStream {
  readonly port: number;
  readonly rtcpPort: number;
  /** A key was pressed at the other end; told when it is released. */
  readonly onDtmf = new Signal<{ readonly digit: string; readonly durationMs: number }>();
  /** Once: sound of the negotiated codec came in. */
  readonly onFirstPacket = new Signal<void>();
  /** `media.device`, `media.file`: the call goes on without that end of it. `media.limit`: digits were not sent. */
  readonly onTrouble = new Signal<TandemError>();
  /** The device that went away is back, by itself. */
  readonly onRecovered = new Signal<void>();

  readonly #addon: Addon;
  readonly #engine: EngineHandle;
  readonly #id: number;
  readonly #closed = Promise.withResolvers<void>();
  #closing = false;
  #last: NativeStats;

  constructor(addon: Addon, engine: EngineHandle, opened: { readonly id: number; readonly port: number }) {
    this.#addon = addon;
    this.#engine = engine;
    this.#id = opened.id;
    this.port = opened.port;
    this.rtcpPort = opened.port + 1;
    this.#last = EMPTY_STATS;
  }

  /**
   * Other ends of the sound, at any time; what is absent stays. `capture`: `"alsa:NAME"`, `"file:PATH"` (WAV that loops), `"tone:HZ"`,
   * `"null"`; `playback`: `"alsa:NAME"`, `"file:PATH"` (WAV, 16 kHz mono; replaced when it exists), `"null"`. A file that is replaced is
   * whole soon afterwards. Throws `media.config`, `media.device`, `media.file`; then nothing was changed.
   */
  attach(ends: { readonly capture?: string; readonly playback?: string }): void {
    this.#mustBeOpen();
    const { capture, playback } = ends;
    const wanted = {
      ...(capture === undefined ? {} : { capture: captureOf(capture) }),
      ...(playback === undefined ? {} : { playback: playbackOf(playback) }),
    };
    native(() => this.#addon.attach(this.#engine, this.#id, wanted));
  }

  /** Sets or changes remote, codec and directions, from the next packet on. Throws `media.codec`, `media.address`, `media.argument`. */
  configure(config: StreamConfig): void {
    this.#mustBeOpen();
    const nativeConfig = toNativeConfig(config);
    native(() => this.#addon.configure(this.#engine, this.#id, nativeConfig));
  }

  /** Queues digits (0-9 * # A-D). Throws `media.argument`: no digit, or no telephone-event negotiated. */
  sendDtmf(digits: string, options: { readonly durationMs?: number; readonly gapMs?: number } = {}): void {
    this.#mustBeOpen();
    native(() =>
      this.#addon.sendDtmf(this.#engine, this.#id, digits, options.durationMs ?? 0, options.gapMs ?? 0),
    );
  }

  /**
   * Begins a tone at the playback device, `none` ends it; possible from the opening on. `waiting` lies over the far sound, the others take its
   * place, `ringback` until the first sound of the peer. Recordings to a file hold the far sound only.
   */
  tone(tone: Tone): void {
    this.#mustBeOpen();
    native(() => this.#addon.tone(this.#engine, this.#id, TONE_NUMBERS[tone]));
  }

  stats(): StreamStats {
    if (!this.#closing) this.#last = this.#snapshot();
    return toStats(this.#last);
  }

  /** RTCP BYE, ports and device let go, the sink's file finished. Idempotent. */
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
      case EVENT_KINDS.dtmf:
        this.onDtmf.emit({ digit: event.digit, durationMs: event.durationMs });
        return false;
      case EVENT_KINDS.trouble:
        this.onTrouble.emit(mediaError(event.code, event.text, event.errno));
        return false;
      case EVENT_KINDS.recovered:
        this.onRecovered.emit();
        return false;
      default:
        this.#closing = true;
        this.#closed.resolve();
        return true;
    }
  }

  #askToClose(): void {
    if (!this.#addon.close(this.#engine, this.#id)) setTimeout(() => this.#askToClose(), CLOSE_RETRY_MS);
  }

  #snapshot(): NativeStats {
    return this.#addon.stats(this.#engine, this.#id) ?? this.#last;
  }

  #mustBeOpen(): void {
    if (this.#closing) throw mediaError('closed', 'the stream is closed');
  }
}

function toNativeConfig(config: StreamConfig): NativeConfig {
  const { codec, dtmf, remote } = config;
  const number = Object.hasOwn(CODEC_NUMBERS, codec.name) ? CODEC_NUMBERS[codec.name] : undefined;
  if (number === undefined) throw mediaError('codec', `unknown codec ${codec.name}`);
  if (codec.clockRate !== CODEC_CLOCKS[codec.name])
    throw mediaError('codec', `${codec.name} at ${codec.clockRate} Hz`);
  mustBePlace(remote);
  const receivePayloadType = codec.receivePayloadType ?? codec.payloadType;
  const dtmfReceivePayloadType = dtmf?.receivePayloadType ?? dtmf?.payloadType ?? -1;
  for (const type of [codec.payloadType, receivePayloadType, dtmf?.payloadType ?? 0])
    if (!Number.isInteger(type) || type < 0 || type > MAX_PAYLOAD_TYPE)
      throw mediaError('argument', `payload type ${type}`);
  const highestMode = HIGHEST_MODES[codec.name] ?? MAX_MODE;
  for (const mode of codec.modeSet ?? [])
    if (!Number.isInteger(mode) || mode < 0 || mode > highestMode) throw mediaError('codec', `mode ${mode}`);
  if (![undefined, 1, 2].includes(codec.modeChangePeriod))
    throw mediaError('codec', `mode-change-period ${codec.modeChangePeriod}`);
  const maxBitRate = codec.maxBitRate ?? 0;
  if (maxBitRate !== 0 && !(maxBitRate >= OPUS_BIT_RATES.least && maxBitRate <= OPUS_BIT_RATES.most))
    throw mediaError('codec', `maxaveragebitrate ${maxBitRate}`);
  if (!Number.isInteger(config.ptimeMs) || config.ptimeMs < 1 || config.ptimeMs > MAX_PTIME_MS)
    throw mediaError('argument', `packet time of ${config.ptimeMs} ms`);
  const rtcp = rtcpBandwidths(config);
  const octets = Buffer.byteLength(config.cname);
  if (octets < 1 || octets > MAX_CNAME_OCTETS) throw mediaError('argument', `CNAME of ${octets} octets`);
  return {
    address: remote.address,
    port: remote.port,
    rtcpAddress: remote.rtcpAddress ?? remote.address,
    rtcpPort: remote.rtcpPort ?? 0,
    codec: number,
    payloadType: codec.payloadType,
    receivePayloadType,
    octetAligned: codec.octetAligned ?? false,
    modeSet: (codec.modeSet ?? []).reduce((mask, mode) => mask | (1 << mode), 0),
    modeChangePeriod: codec.modeChangePeriod ?? 0,
    anyModeChange: codec.modeChangeNeighbor === false,
    dtx: codec.dtx ?? false,
    fec: codec.fec ?? false,
    maxBitRate: Math.floor(maxBitRate),
    dtmfPayloadType: dtmf?.payloadType ?? -1,
    dtmfReceivePayloadType,
    dtmfClockRate: dtmf?.clockRate ?? 0,
    ptimeMs: config.ptimeMs,
    send: config.send,
    receive: config.receive,
    rtcpSenders: rtcp.senders,
    rtcpReceivers: rtcp.receivers,
    extendedReports: config.xr ?? false,
    cname: config.cname,
    ...toNativePath(config),
  };
}

/** RFC 3550 6.2, RFC 3556 2: a twentieth of the session, a quarter of it for senders. */
const RTCP_SHARE = 0.05;
const SENDERS_SHARE = 0.25;
/** More would change nothing: the minimum interval rules long before. */
const MAX_RTCP_BITS = 1_000_000;

function rtcpBandwidths({ codec, rtcp }: StreamConfig): {
  readonly senders: number;
  readonly receivers: number;
} {
  if (rtcp && !rtcp.enabled) return { senders: 0, receivers: 0 };
  const total = bandwidthAs(codec.name, 'IP4', codec.modeSet, codec.octetAligned) * 1000 * RTCP_SHARE;
  const senders = rtcp?.senders ?? total * SENDERS_SHARE;
  const receivers = rtcp?.receivers ?? total * (1 - SENDERS_SHARE);
  for (const bits of [senders, receivers])
    if (!(bits >= 0)) throw mediaError('argument', `RTCP bandwidth of ${bits} bit/s`);
  const whole = (bits: number): number => Math.min(Math.ceil(bits), MAX_RTCP_BITS);
  return { senders: whole(senders), receivers: whole(receivers) };
}

const MAX_PAYLOAD_TYPE = 127;
const MAX_MODE = 8;
/** RFC 7587 6.1. */
const OPUS_BIT_RATES = { least: 6000, most: 510_000 };
const MAX_PTIME_MS = 1000;
const MAX_CNAME_OCTETS = 63;

/** Negative values of the engine are none. */
function known<Name extends string>(name: Name, value: number): { readonly [key in Name]?: number } {
  // A computed key widens to string in TypeScript; the shape is right.
  return value < 0 ? {} : ({ [name]: value } as { readonly [key in Name]: number });
}

function toStats(stats: NativeStats): StreamStats {
  return {
    sent: stats.packetsSent,
    received: stats.packetsReceived,
    lost: stats.packetsLost,
    late: stats.packetsLate,
    discarded: stats.packetsDiscarded,
    octetsSent: stats.octetsSent,
    octetsReceived: stats.octetsReceived,
    rtcpSent: stats.rtcpSent,
    rtcpReceived: stats.rtcpReceived,
    jitterMs: stats.jitterMs,
    playoutMs: stats.playoutMs,
    ...known('delayMs', stats.delayMs),
    ...known('mosLocal', stats.mosLocal),
    ...known('rLocal', stats.rLocal),
    ...known('mosFar', stats.mosFar),
    ...known('farDiscard', stats.farDiscard),
    ...known('farPlayoutMs', stats.farPlayoutMs),
    bursts: stats.bursts,
    burstDensity: stats.burstDensity,
    gapDensity: stats.gapDensity,
    concealedMs: stats.concealedMs,
    ticksMissed: stats.ticksMissed,
    sendErrors: stats.sendErrors,
    dtmfSent: stats.dtmfSent,
    dtmfReceived: stats.dtmfReceived,
    keepalivesSent: stats.keepalivesSent,
    srtp: { ...(stats.srtpSuite === '' ? {} : { suite: stats.srtpSuite }), failures: stats.srtpFailures },
    ...known('rttMs', stats.rttMs),
    ...known('farLoss', stats.farLoss),
    ...(stats.echoKnown ? { echoReturnLoss: stats.erlDb, echoReturnLossEnhancement: stats.erleDb } : {}),
    levelIn: stats.levelInDbov,
    levelOut: stats.levelOutDbov,
    ssrc: stats.ssrc,
    remoteSsrc: stats.remoteSsrc,
  };
}

const EMPTY_STATS: NativeStats = {
  packetsSent: 0,
  octetsSent: 0,
  packetsReceived: 0,
  octetsReceived: 0,
  packetsLost: 0,
  packetsLate: 0,
  packetsDiscarded: 0,
  rtcpSent: 0,
  rtcpReceived: 0,
  concealedMs: 0,
  ticksMissed: 0,
  sendErrors: 0,
  dtmfSent: 0,
  dtmfReceived: 0,
  keepalivesSent: 0,
  srtpFailures: 0,
  srtpSuite: '',
  jitterMs: 0,
  playoutMs: 0,
  delayMs: -1,
  rLocal: -1,
  mosLocal: -1,
  mosFar: -1,
  farDiscard: -1,
  farPlayoutMs: -1,
  bursts: 0,
  burstDensity: 0,
  gapDensity: 0,
  rttMs: -1,
  farLoss: -1,
  levelInDbov: -127,
  levelOutDbov: -127,
  echoKnown: 0,
  erlDb: 0,
  erleDb: 0,
  ssrc: 0,
  remoteSsrc: 0,
};
