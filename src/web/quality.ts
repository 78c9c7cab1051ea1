// How well a call goes, as the API says it: one table of measures, for `GET calls/ID/quality` and for the metrics.
import type { CallQuality } from '#src/call/quality.ts';

/** A measure of one stream; `read` gives undefined when it was not made. */
export interface Measure<Stats> {
  readonly name: string;
  readonly help: string;
  readonly read: (stats: Stats) => number | undefined;
}

type AudioStats = NonNullable<CallQuality['audio']>;
type VideoStats = NonNullable<CallQuality['video']>;

const measure =
  <Stats>() =>
  (name: string, help: string, read: (stats: Stats) => number | undefined): Measure<Stats> => ({
    name,
    help,
    read,
  });
const audio = measure<AudioStats>();
const video = measure<VideoStats>();

export const AUDIO_MEASURES: readonly Measure<AudioStats>[] = [
  audio('mos', 'Opinion score as heard here, 1 to 4.5 (G.107).', ({ mosLocal }) => mosLocal),
  audio('mos_far', 'Opinion score as heard at the other end.', ({ mosFar }) => mosFar),
  audio('rating', 'The rating behind it (G.107, G.107.1).', ({ rLocal }) => rLocal),
  audio('rtt_ms', 'Round trip of RTCP (RFC 3550 6.4.1).', ({ rttMs }) => rttMs),
  audio('delay_ms', 'Mouth to ear, one way.', ({ delayMs }) => delayMs),
  audio('jitter_ms', 'Interarrival jitter (RFC 3550 6.4.1).', ({ jitterMs }) => jitterMs),
  audio('playout_ms', 'Delay of the jitter buffer.', ({ playoutMs }) => playoutMs),
  audio('lost', 'RTP packets lost on the way to us.', ({ lost }) => lost),
  audio('late', 'RTP packets that came too late to be played.', ({ late }) => late),
  audio('discarded', 'Packets that were none of this stream, or double.', ({ discarded }) => discarded),
  audio('concealed_ms', 'Sound made up for missing packets.', ({ concealedMs }) => concealedMs),
  audio('far_loss', 'Fraction lost on the way to the other end.', ({ farLoss }) => farLoss),
  audio('far_discard', 'Fraction too late at the other end (RFC 3611).', ({ farDiscard }) => farDiscard),
  audio('far_playout_ms', 'Jitter buffer of the other end (RFC 3611).', ({ farPlayoutMs }) => farPlayoutMs),
  audio('bursts', 'Bursts of loss (RFC 3611 4.7.2).', ({ bursts }) => bursts),
  audio('burst_density', 'Fraction lost or late in bursts.', ({ burstDensity }) => burstDensity),
  audio('gap_density', 'Fraction lost or late between bursts.', ({ gapDensity }) => gapDensity),
  audio('level_in_dbov', 'Level of what is captured.', ({ levelIn }) => levelIn),
  audio('level_out_dbov', 'Level of what is played.', ({ levelOut }) => levelOut),
  audio('echo_return_loss_db', 'Echo return loss of the room.', ({ echoReturnLoss }) => echoReturnLoss),
  audio(
    'echo_enhancement_db',
    'Echo taken away on top of that.',
    ({ echoReturnLossEnhancement }) => echoReturnLossEnhancement,
  ),
  audio('keepalives', 'Empty packets sent for NAT bindings.', ({ keepalivesSent }) => keepalivesSent),
  audio('srtp_failures', 'Packets whose seal was wrong or that came again.', ({ srtp }) => srtp.failures),
];

export const VIDEO_MEASURES: readonly Measure<VideoStats>[] = [
  video('sent', 'RTP packets sent.', ({ sent }) => sent),
  video('received', 'RTP packets received.', ({ received }) => received),
  video('lost', 'RTP packets lost on the way to us.', ({ lost }) => lost),
  video('jitter_ms', 'Interarrival jitter (RFC 3550 6.4.1).', ({ jitterMs }) => jitterMs),
  video('rtt_ms', 'Round trip of RTCP (RFC 3550 6.4.1).', ({ rttMs }) => rttMs),
  video('far_loss', 'Fraction lost on the way to the other end.', ({ farLoss }) => farLoss),
  video('first_frame_ms', 'From the first packet to the first picture.', ({ firstFrameMs }) => firstFrameMs),
  video('width', 'Received picture, pixels.', ({ width }) => width),
  video('height', 'Received picture, pixels.', ({ height }) => height),
  video('frames', 'Pictures received that can be shown.', ({ frames }) => frames),
  video('key_frames', 'Key frames among them.', ({ keyFrames }) => keyFrames),
  video('frames_dropped', 'Pictures that were damaged.', ({ framesDropped }) => framesDropped),
  video('frames_sent', 'Pictures sent.', ({ framesSent }) => framesSent),
  video('bitrate', 'What the encoder aims at, bit/s.', ({ bitrate }) => bitrate),
  video('fir_sent', 'Full intra requests sent (RFC 5104 4.3.1).', ({ firSent }) => firSent),
  video('fir_received', 'Full intra requests received.', ({ firReceived }) => firReceived),
  video('pli_sent', 'Picture loss indications sent (RFC 4585 6.3.1).', ({ pliSent }) => pliSent),
  video('pli_received', 'Picture loss indications received.', ({ pliReceived }) => pliReceived),
  video('nack_sent', 'Packets asked for once more (RFC 4585 6.2.1).', ({ nackSent }) => nackSent),
  video('retransmitted', 'Packets sent once more.', ({ retransmitted }) => retransmitted),
  video('keepalives', 'Empty packets sent for NAT bindings.', ({ keepalivesSent }) => keepalivesSent),
];

function report<Stats>(measures: readonly Measure<Stats>[], stats: Stats): Record<string, number> {
  const read = measures.map(({ name, read }) => [name, read(stats)] as const);
  return Object.fromEntries(read.filter((pair): pair is [string, number] => pair[1] !== undefined));
}

/** What was not measured is not there. */
export function qualityReport({ audio, video }: CallQuality): Record<string, Record<string, number>> {
  return {
    ...(audio ? { audio: report(AUDIO_MEASURES, audio) } : {}),
    ...(video ? { video: report(VIDEO_MEASURES, video) } : {}),
  };
}
