// What an answer to our offer settles, line by line (RFC 3264 7).
import { err, ok, type Result } from '#src/base/result.ts';
import type { MediaAgreement } from './agreement.ts';
import { settleAudio } from './audio.ts';
import type { LineContext, SettledLine, StreamKind } from './line.ts';
import { isGroup, type SessionDescription } from './model.ts';
import { type SettledTransport, settleTransport } from './transport.ts';
import { settleVideo } from './video.ts';

/** Why an answer cannot be used; the caller ends the call. `encryption`: we offered SRTP and got none that holds. */
export interface AnswerFault {
  readonly kind: 'media-count' | 'declined' | 'protocol' | 'connection' | 'codec' | 'encryption';
  readonly reason: string;
}

const REASONS: Readonly<Record<AnswerFault['kind'], string>> = {
  'media-count': 'the answer has not one line for each line of the offer',
  declined: 'the peer declined the line',
  protocol: 'the answer names another medium or profile',
  connection: 'the answer names no address of our family that one peer has',
  codec: 'the answer names no codec that was offered',
  encryption: 'the answer holds no key for the encryption that was offered',
};

const fault = (kind: AnswerFault['kind']): Result<never, AnswerFault> => err({ kind, reason: REASONS[kind] });

export interface Settled {
  readonly agreement: MediaAgreement;
  /** Several speech codecs in the answer. */
  readonly several: boolean;
  /** Why the video that we offered is not to be had; the call goes on without it. */
  readonly videoFault?: AnswerFault;
}

export interface OfferedIndexes {
  readonly audio: number;
  readonly video?: number;
}

/** Settles our offer, whose streams are the lines at `indexes`. */
export function settleAnswer(
  context: LineContext,
  descriptions: { readonly offer: SessionDescription; readonly answer: SessionDescription },
  indexes: OfferedIndexes,
): Result<Settled, AnswerFault> {
  const { offer, answer } = descriptions;
  if (answer.media.length !== offer.media.length) return fault('media-count');
  const audioLine = settleLine(context, descriptions, 'audio', indexes.audio);
  if (!audioLine.ok) return audioLine;
  const audio = settleAudio(context, audioLine.value.line, audioLine.value.transport);
  if (!audio.ok) return fault('codec');
  const { agreement, several } = audio.value;
  if (indexes.video === undefined) return ok({ agreement: { audio: agreement }, several });

  const videoLine = settleLine(context, descriptions, 'video', indexes.video);
  if (!videoLine.ok) return ok({ agreement: { audio: agreement }, several, videoFault: videoLine.error });
  const video = settleVideo(videoLine.value.line, videoLine.value.transport);
  return video.ok
    ? ok({ agreement: { audio: agreement, video: video.value }, several })
    : ok({
        agreement: { audio: agreement },
        several,
        videoFault: { kind: 'codec', reason: REASONS.codec },
      });
}

function settleLine(
  context: LineContext,
  { offer, answer }: { readonly offer: SessionDescription; readonly answer: SessionDescription },
  kind: StreamKind,
  index: number,
): Result<{ readonly line: SettledLine; readonly transport: SettledTransport }, AnswerFault> {
  const ours = offer.media[index];
  const theirs = answer.media[index];
  if (!ours || !theirs) return fault('media-count');
  if (theirs.media.port === 0) return fault('declined');
  if (theirs.media.kind !== kind) return fault('protocol');
  const transport = settleTransport(offer, ours, theirs, context.rings[kind]);
  if (!transport.ok) return fault(transport.error);
  const connection = answer.connectionOf(theirs);
  if (
    !connection ||
    connection.addressType !== offer.connectionOf(ours)?.addressType ||
    isGroup(connection.address)
  ) {
    return fault('connection');
  }
  return ok({ line: { offer, answer, ours, theirs, index, connection }, transport: transport.value });
}
