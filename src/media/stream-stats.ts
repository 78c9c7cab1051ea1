// What is counted and measured of an audio stream.
import type { NativeStats } from './addon.ts';
import { known } from './known.ts';

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

export function toStats(stats: NativeStats): StreamStats {
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

/** Of a stream that the engine does not know. */
export const EMPTY_STATS: NativeStats = {
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
