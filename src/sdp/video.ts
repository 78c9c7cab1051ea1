// The video line: H.264 constrained baseline, offered, answered, settled (26.114 6.2.3, 5.2.2; RFC 6184 8.2.2).
import { err, ok, type Result } from '#src/base/result.ts';
import {
  type AgreedFeedback,
  type AgreedVideoCodec,
  agreedRtcp,
  flowOf,
  type ImageSize,
  remoteMedia,
  type VideoAgreement,
} from './agreement.ts';
import type { OfferedLineOptions } from './audio.ts';
import type { LocalPorts, VideoCapabilities } from './capabilities.ts';
import { RTCP_BANDWIDTH } from './codecs.ts';
import { composedMedia, offeredBandwidth } from './compose.ts';
import type { Direction } from './direction.ts';
import {
  feedbackLines,
  feedbackOf,
  imageLine,
  imageSizes,
  NO_FEEDBACK,
  offeredFeedback,
  orientationLine,
  orientationOf,
} from './feedback.ts';
import { keepAliveType } from './formats.ts';
import { type AgreedLevels, agreedLevels, fitsLevel, h264Fmtp, levelOf, profileLevelId } from './h264.ts';
import {
  answeredDirection,
  answeredRtcp,
  bandwidthOf,
  type LineContext,
  type OfferedLine,
  type SettledLine,
  withOurMaps,
} from './line.ts';
import type { Line, MediaDescription } from './model.ts';
import { hasFeedback, type SettledTransport, type TransportChoice } from './transport.ts';
import {
  agreedCodec,
  bestVideo,
  carried,
  counterpart,
  levelId,
  RTP_MAP,
  usableVideo,
} from './video-formats.ts';

/** kbit/s (26.114 table A.4.16) */
const BANDWIDTH = 690;
export function offerVideo(
  context: LineContext,
  ports: LocalPorts,
  video: VideoCapabilities,
  options: OfferedLineOptions,
): MediaDescription {
  const { size, orientation = true } = video;
  const fitting = options.formats.filter((format) => {
    const level = levelOf(/profile-level-id=([0-9a-f]{6})/.exec(format.fmtp ?? '')?.[1] ?? '');
    return size && fitsLevel(level, size);
  });
  return composedMedia({
    kind: 'video',
    ports,
    protocol: options.transport.protocol,
    formats: options.formats,
    direction: options.direction,
    bandwidth: offeredBandwidth(
      video.bandwidthKbps ?? BANDWIDTH,
      context.capabilities.profile,
      RTCP_BANDWIDTH.video,
    ),
    transport: options.transport.attributes,
    attributes: [
      ...(options.transport.feedback ? offeredFeedback() : []),
      ...(size
        ? fitting.map(({ payloadType }) => imageLine(payloadType, { send: size, receive: size }))
        : []),
      ...(orientation ? [orientationLine()] : []),
    ],
  });
}

/** Undefined when the line, as the transport choice reads it, holds nothing of ours. */
export function answerVideo(
  context: LineContext,
  own: { readonly ports: LocalPorts; readonly video: VideoCapabilities },
  line: OfferedLine,
  transport: TransportChoice,
  wish: Direction,
): { readonly media: MediaDescription; readonly agreement: VideoAgreement } | undefined {
  const { video, ports } = own;
  const offered = transport.media;
  const level = levelOf(levelId(video));
  const choice = bestVideo(usableVideo(offered), level);
  if (!choice) return undefined;
  const { payloadType, parameters } = choice;
  const levels = agreedLevels({ level, asymmetryAllowed: true }, parameters);
  const direction = answeredDirection(line, carried(video, parameters.packetizationMode, wish));
  const rtcp = answeredRtcp(line, context.capabilities.profile, RTCP_BANDWIDTH.video);
  const avpf = hasFeedback(transport.protocol);
  const feedback = answeredFeedback(offered, payloadType, transport);
  const cvo = (video.orientation ?? true) ? orientationOf(offered) : undefined;
  const ourId = profileLevelId(levels.receive, parameters.prefix);
  const media = composedMedia({
    kind: 'video',
    ports,
    protocol: transport.protocol,
    formats: [
      {
        payloadType,
        rtpMap: RTP_MAP,
        fmtp: h264Fmtp({
          profileLevelId: ourId,
          packetizationMode: parameters.packetizationMode,
          parameterSets: video.spropParameterSets ?? [],
        }),
      },
    ],
    direction,
    bandwidth: [`AS:${answeredBandwidth(offered, video)}`, ...rtcp.lines],
    transport: transport.attributes,
    attributes: [
      ...feedbackLines(feedback),
      ...answeredImages(offered, payloadType, video.size, levels),
      ...(cvo === undefined ? [] : [orientationLine(cvo)]),
    ],
  });
  const codec = agreedCodec({ theirs: choice, receivePayloadType: payloadType, levels, ourId });
  return {
    media,
    agreement: {
      ...agreed({ ...line, media: offered }, transport, codec),
      keepAlivePayloadType: keepAliveType(offered, media),
      ...{ feedback, avpf },
      ...(cvo === undefined ? {} : { cvo: { id: cvo } }),
      rtcp: rtcp.agreed,
      ...flowOf(direction, line.session.directionOf(line.media), line.connection),
    },
  };
}

/** Under AVP the lines are honoured when they stand there by themselves, as baresip writes them, not for a profile not taken. */
function answeredFeedback(
  offered: MediaDescription,
  payloadType: number,
  transport: TransportChoice,
): AgreedFeedback {
  if (hasFeedback(transport.protocol)) return feedbackOf(offered, payloadType);
  if (offered.has('pcfg')) return NO_FEEDBACK;
  return { ...feedbackOf(offered, payloadType), rsize: false };
}

/** What we want to receive, not more than was offered: the answer's value counts for both (26.114 6.2.5). */
function answeredBandwidth(offered: MediaDescription, video: VideoCapabilities): number {
  const own = video.bandwidthKbps ?? BANDWIDTH;
  return Math.min(own, offered.bandwidth('AS') ?? own);
}

/** Sizes of theirs that come nearest to ours, not above the level. */
function answeredImages(
  offered: MediaDescription,
  payloadType: number,
  size: ImageSize | undefined,
  levels: AgreedLevels,
): readonly Line[] {
  const wanted = imageSizes(offered, payloadType, 'recv');
  const sent = imageSizes(offered, payloadType, 'send');
  if (!size || wanted.length === 0 || sent.length === 0) return [];
  const send = nearest(wanted, size, levels.send);
  const receive = nearest(sent, size, levels.receive);
  return send && receive ? [imageLine(payloadType, { send, receive })] : [];
}

/** The first of theirs that is ours, else the largest that is not larger, else their favourite. */
function nearest(sizes: readonly ImageSize[], own: ImageSize, level: number): ImageSize | undefined {
  const fitting = sizes.filter((size) => fitsLevel(level, size));
  const area = ({ width, height }: ImageSize): number => width * height;
  const smaller = fitting.filter((size) => area(size) <= area(own)).sort((a, b) => area(b) - area(a));
  return (
    fitting.find(({ width, height }) => width === own.width && height === own.height) ??
    smaller[0] ??
    fitting[0]
  );
}

function agreed(
  line: Pick<OfferedLine, 'index' | 'media' | 'connection'>,
  transport: SettledTransport,
  codec: AgreedVideoCodec,
): Pick<
  VideoAgreement,
  'index' | 'protocol' | 'remote' | 'security' | 'codec' | 'bandwidthKbps' | 'imageattr'
> {
  const images = imageSizes(line.media, codec.sendPayloadType, 'recv');
  return {
    index: line.index,
    protocol: transport.protocol,
    remote: remoteMedia(line.media, line.connection),
    ...(transport.security ? { security: transport.security } : {}),
    codec,
    ...bandwidthOf(line.media),
    ...(images.length > 0 ? { imageattr: { receive: images } } : {}),
  };
}

/** What the answer to our video line settles: the format of ours with the same profile and mode (RFC 6184 8.2.2). */
export function settleVideo(line: SettledLine, transport: SettledTransport): Result<VideoAgreement, 'codec'> {
  const theirs = withOurMaps(line.theirs, line.ours);
  const mine = usableVideo(line.ours);
  for (const found of usableVideo(theirs)) {
    const own = counterpart(mine, found);
    if (!own) continue;
    const levels = agreedLevels(own.parameters, found.parameters);
    const codec = agreedCodec({
      theirs: found,
      receivePayloadType: own.payloadType,
      levels,
      ourId: profileLevelId(levels.receive, own.parameters.prefix),
    });
    const avpf = hasFeedback(transport.protocol);
    const orientation = orientationOf(line.ours) === undefined ? undefined : orientationOf(theirs);
    const feedback = settledFeedback(line, found.payloadType, avpf);
    return ok({
      ...agreed({ ...line, media: theirs }, transport, codec),
      keepAlivePayloadType: keepAliveType(theirs, line.ours),
      ...{ feedback, avpf },
      ...(orientation === undefined ? {} : { cvo: { id: orientation } }),
      rtcp: agreedRtcp(line.answer, theirs),
      ...flowOf(line.offer.directionOf(line.ours), line.answer.directionOf(theirs), line.connection),
    });
  }
  return err('codec');
}

/** Both sides must have named a message; reduced size needs the profile (RFC 5506 5.2). */
function settledFeedback(line: SettledLine, payloadType: number, avpf: boolean): AgreedFeedback {
  const ours = feedbackOf(line.ours, payloadType);
  const theirs = feedbackOf(line.theirs, payloadType);
  return {
    nack: ours.nack && theirs.nack,
    pli: ours.pli && theirs.pli,
    fir: ours.fir && theirs.fir,
    tmmbr: ours.tmmbr && theirs.tmmbr,
    rsize: avpf && ours.rsize && theirs.rsize,
    trrIntMs: theirs.trrIntMs,
  };
}
