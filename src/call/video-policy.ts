// Whether a call may have video, and in which directions (IR.94, NG.110 2.4.5).
import { TandemError } from '#src/base/errors.ts';
import type { VideoAgreement } from '#src/sdp/agreement.ts';
import { common, type Direction } from '#src/sdp/direction.ts';
import { parseSdp } from '#src/sdp/parse.ts';
import type { CallWorld } from './world.ts';

export type VideoWish = Direction | 'none';

/** What the owner's choice comes to: we always watch, and show ourselves when there is a camera. */
export const shownDirection = ({ config }: CallWorld): VideoWish =>
  config.video ? (config.video.capture === 'none' ? 'recvonly' : 'sendrecv') : 'none';

/** What a peer gets who adds video during a call: nobody's camera goes on at somebody else's word, unless it is set so. */
export function addedDirection(world: CallWorld): VideoWish {
  const shown = shownDirection(world);
  const added = world.config.video?.added ?? 'refuse';
  if (shown === 'none' || added === 'refuse') return 'none';
  return added === 'receive' ? 'recvonly' : shown;
}

/** A held call holds its video too. */
export const heldWish = (audio: Direction, video: VideoWish): VideoWish =>
  video === 'none' ? 'none' : common(video, audio);

/** An offer with an open video line. */
export function offersVideo(offer: Buffer): boolean {
  const parsed = parseSdp(offer);
  return parsed.ok && parsed.value.media.some(({ media }) => media.kind === 'video' && media.port !== 0);
}

export const noVideo = (): TandemError =>
  new TandemError(
    'caller',
    'call.no-video',
    'This device has no video: set [video] capture or sink, and H264 among [media] codecs.',
  );

/** RFC 6184 5.4: mode 0 has no fragments, and some slices of this source are longer than a packet. */
export const isTooLarge = ({ config }: CallWorld, { codec }: VideoAgreement): boolean =>
  codec.packetizationMode === 0 && config.video?.source?.needsFragments === true;

export const tooLarge = (): TandemError =>
  new TandemError(
    'peer',
    'call.video-mode',
    'The other side takes pictures in small pieces only (packetization-mode 0), and this camera or film sends larger ones: it does not see us.',
  );
