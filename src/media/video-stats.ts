// What is counted and measured of a video stream.
import type { NativeVideoStats } from './addon.ts';
import { known } from './known.ts';

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

export function toStats(stats: NativeVideoStats | undefined): VideoStats {
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
