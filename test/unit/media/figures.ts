// Figures of streams that nothing has happened to yet, for tests that need some.
import type { StreamStats } from '#src/media/stream.ts';
import type { VideoStats } from '#src/media/video.ts';

export const QUIET_AUDIO: StreamStats = {
  ...{ sent: 0, received: 0, lost: 0, late: 0, discarded: 0, octetsSent: 0, octetsReceived: 0 },
  ...{
    rtcpSent: 0,
    rtcpReceived: 0,
    jitterMs: 0,
    playoutMs: 0,
    concealedMs: 0,
    ticksMissed: 0,
    sendErrors: 0,
  },
  ...{
    dtmfSent: 0,
    dtmfReceived: 0,
    keepalivesSent: 0,
    srtp: { failures: 0 },
    bursts: 0,
    burstDensity: 0,
    gapDensity: 0,
  },
  ...{ levelIn: -127, levelOut: -127, ssrc: 1, remoteSsrc: 2 },
};

export const QUIET_VIDEO: VideoStats = {
  ...{ sent: 0, received: 0, lost: 0, discarded: 0, octetsSent: 0, octetsReceived: 0, rtcpSent: 0 },
  ...{
    rtcpReceived: 0,
    sendErrors: 0,
    keepalivesSent: 0,
    srtp: { failures: 0 },
    framesSent: 0,
    keyFramesSent: 0,
    framesNotSent: 0,
  },
  ...{ frames: 0, keyFrames: 0, framesDropped: 0, framesMissed: 0, firSent: 0, firReceived: 0, pliSent: 0 },
  ...{ pliReceived: 0, nackSent: 0, nackReceived: 0, tmmbrReceived: 0, retransmitted: 0, jitterMs: 0 },
  ...{ bitrate: 0, width: 0, height: 0, sentWidth: 0, sentHeight: 0, rotation: 0, mirrored: false },
  ...{ ssrc: 1, remoteSsrc: 2 },
};
