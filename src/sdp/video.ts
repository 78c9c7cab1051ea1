// The video line: H.264 constrained baseline, offered, answered, settled (26.114 6.2.3, 5.2.2; RFC 6184 8.2.2).
import { err, ok, type Result } from '#src/base/result.ts';
import { Hertz } from '#src/base/units.ts';
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
import { type ComposedFormat, composedMedia, offeredBandwidth } from './compose.ts';
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
import {
  type AgreedLevels,
  agreedLevels,
  fitsLevel,
  H264,
  type H264Parameters,
  h264Fmtp,
  h264Parameters,
  levelOf,
  profileLevelId,
} from './h264.ts';
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

/** NG.114 3.3.1; 26.114 5.2.2 asks for 1.2 at least. */
const MAIN = '42e01f';
const FALLBACK = '42e00c';
/** kbit/s (26.114 table A.4.16) */
const BANDWIDTH = 690;
const RTP_MAP = `${H264.name}/${H264.clockRate}`;
const FIRST_PAYLOAD_TYPE = 104;

const levelId = (video: VideoCapabilities): string => video.profileLevelId ?? MAIN;

/** Our payload types: mode 1 and mode 0 at our level, mode 0 at level 1.2 for old peers. */
export function offeredVideoFormats(
  video: VideoCapabilities,
  current?: AgreedVideoCodec,
): readonly ComposedFormat[] {
  const parameterSets = video.spropParameterSets ?? [];
  const format = (payloadType: number, id: string, packetizationMode: 0 | 1): ComposedFormat => ({
    payloadType,
    rtpMap: RTP_MAP,
    fmtp: h264Fmtp({ profileLevelId: id, packetizationMode, parameterSets }),
  });
  // In a session the one that is in use, under its number (26.114 table A.4.12).
  if (current) {
    return [format(current.receivePayloadType, current.receiveProfileLevelId, current.packetizationMode)];
  }
  const main = levelId(video);
  return [
    format(FIRST_PAYLOAD_TYPE, main, 1),
    format(FIRST_PAYLOAD_TYPE + 1, main, 0),
    ...(levelOf(main) > levelOf(FALLBACK) ? [format(FIRST_PAYLOAD_TYPE + 2, FALLBACK, 0)] : []),
  ];
}

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

interface FoundVideo {
  readonly payloadType: number;
  readonly parameters: H264Parameters;
}

function usableVideo(media: MediaDescription): readonly FoundVideo[] {
  return media.payloadTypes.flatMap((payloadType) => {
    const map = media.rtpMap(payloadType);
    if (map?.name.toUpperCase() !== H264.name || map.clockRate !== H264.clockRate) return [];
    const parameters = h264Parameters(media.fmtp(payloadType));
    return parameters ? [{ payloadType, parameters }] : [];
  });
}

/** Mode 1 before 0 (a slice may be longer than a packet), then the better level, then the stricter profile, then their order. */
function best(found: readonly FoundVideo[], ours: number): FoundVideo | undefined {
  const rank = ({ parameters }: FoundVideo): readonly number[] => [
    parameters.packetizationMode,
    Math.min(parameters.receiveLevel, ours),
    parameters.profile === 'constrained-baseline' ? 1 : 0,
  ];
  const [first, ...others] = found;
  return first && others.reduce((top, entry) => (precedes(rank(entry), rank(top)) ? entry : top), first);
}

function precedes(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at >= 0 && (a[at] ?? 0) > (b[at] ?? 0);
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
  const choice = best(usableVideo(offered), level);
  if (!choice) return undefined;
  const { payloadType, parameters } = choice;
  const levels = agreedLevels({ level, asymmetryAllowed: true }, parameters);
  const direction = answeredDirection(line, wish);
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

function agreedCodec(options: {
  readonly theirs: FoundVideo;
  readonly receivePayloadType: number;
  readonly levels: AgreedLevels;
  readonly ourId: string;
}): AgreedVideoCodec {
  const { parameters, payloadType } = options.theirs;
  const { maxNalUnitOctets } = parameters;
  return {
    name: H264.name,
    sendPayloadType: payloadType,
    receivePayloadType: options.receivePayloadType,
    clockRate: Hertz(H264.clockRate),
    packetizationMode: parameters.packetizationMode,
    sendProfileLevelId: profileLevelId(options.levels.send),
    receiveProfileLevelId: options.ourId,
    spropParameterSets: parameters.parameterSets,
    ...(maxNalUnitOctets === undefined ? {} : { maxNalUnitOctets }),
  };
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

/** By its number when the format fits, else by profile and mode: the numbers may differ (26.114 table A.4.12ag). */
function counterpart(mine: readonly FoundVideo[], theirs: FoundVideo): FoundVideo | undefined {
  const fits = mine.filter(
    ({ parameters }) => parameters.packetizationMode === theirs.parameters.packetizationMode,
  );
  return fits.find(({ payloadType }) => payloadType === theirs.payloadType) ?? fits[0];
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
