// The audio line: offered, answered, settled (26.114 6.2.2 and tables 6.1 to 6.4; 24.229 6.1).
import { err, ok, type Result } from '#src/base/result.ts';
import { type AudioAgreement, agreedRtcp, flowOf, remoteMedia } from './agreement.ts';
import { amrFmtp } from './amr.ts';
import {
  bandwidthAs,
  type CodecName,
  codecNamed,
  DTMF_EVENTS,
  MAXPTIME,
  PTIME,
  RTCP_BANDWIDTH,
  TELEPHONE_EVENT,
  TELEPHONE_EVENTS,
} from './codecs.ts';
import { addressTypeOf, type ComposedFormat, composedMedia, offeredBandwidth } from './compose.ts';
import type { Direction } from './direction.ts';
import {
  agreedFormat,
  chooseCodec,
  type FoundCodec,
  findTelephoneEvent,
  keepAliveType,
  packetTime,
  usableCodecs,
} from './formats.ts';
import {
  answeredDirection,
  answeredRtcp,
  bandwidthOf,
  type LineContext,
  type OfferedLine,
  type SettledLine,
  withOurMaps,
} from './line.ts';
import { attribute, type Line, type MediaDescription } from './model.ts';
import type { OfferedTransport, SettledTransport, TransportChoice } from './transport.ts';

/** RFC 3611 5.1: the peer should send us VoIP metrics reports. */
const METRICS = 'voip-metrics';

const wantsMetrics = (media: MediaDescription): boolean =>
  (media.attribute('rtcp-xr') ?? '').split(/[ \t]+/).some((format) => format.split('=')[0] === METRICS);

/** Opus: what we can decode, and whether silence may be left out towards us. */
const opusFmtp = (dtx: boolean): string => `useinbandfec=1${dtx ? ';usedtx=1' : ''}`;

function speechFormat(
  name: CodecName,
  payloadType: number,
  options: { readonly dtx: boolean; readonly octetAligned?: boolean; readonly modeSet?: readonly number[] },
): ComposedFormat {
  const { rtpMap } = codecNamed(name);
  const fmtp =
    name === 'opus'
      ? opusFmtp(options.dtx)
      : options.octetAligned === undefined
        ? undefined
        : amrFmtp(options.octetAligned, options.modeSet);
  return { payloadType, rtpMap, ...(fmtp === undefined ? {} : { fmtp }) };
}

const eventFormat = (payloadType: number, clockRate: number): ComposedFormat => ({
  payloadType,
  rtpMap: `${TELEPHONE_EVENT}/${clockRate}`,
  fmtp: DTMF_EVENTS,
});

const NARROW_BAND = 8_000;

/** Everything we speak, in order of preference: bandwidth-efficient before octet-aligned; an event type for each clock. */
export function offeredAudioFormats(codecs: readonly CodecName[], dtx: boolean): readonly ComposedFormat[] {
  const rows = codecs.map(codecNamed);
  const speech = rows.flatMap((codec) =>
    codec.octetAlignedPayloadType === undefined
      ? [speechFormat(codec.name, codec.payloadType, { dtx })]
      : [
          speechFormat(codec.name, codec.payloadType, { dtx, octetAligned: false }),
          speechFormat(codec.name, codec.octetAlignedPayloadType, { dtx, octetAligned: true }),
        ],
  );
  // 8 kHz always: many a gateway knows no other.
  const clocks = new Set<number>([...rows.map((codec) => codec.clockRate), NARROW_BAND]);
  return [
    ...speech,
    ...TELEPHONE_EVENTS.filter((event) => clocks.has(event.clockRate)).map((event) =>
      eventFormat(event.payloadType, event.clockRate),
    ),
  ];
}

const framing = (): readonly Line[] => [attribute('ptime', `${PTIME}`), attribute('maxptime', `${MAXPTIME}`)];

const metricsLine = (wanted: boolean): readonly Line[] => (wanted ? [attribute('rtcp-xr', METRICS)] : []);

export interface OfferedLineOptions {
  readonly formats: readonly ComposedFormat[];
  readonly transport: OfferedTransport;
  readonly direction: Direction;
}

export function offerAudio(context: LineContext, options: OfferedLineOptions): MediaDescription {
  const { local, capabilities } = context;
  const { codecs, voipMetrics = false } = capabilities.audio;
  const as = Math.max(...codecs.map((name) => bandwidthAs(name, addressTypeOf(local.address))));
  return composedMedia({
    kind: 'audio',
    ports: local,
    protocol: options.transport.protocol,
    formats: options.formats,
    direction: options.direction,
    bandwidth: offeredBandwidth(as, capabilities.profile, RTCP_BANDWIDTH.audio),
    transport: options.transport.attributes,
    attributes: [...framing(), ...metricsLine(voipMetrics)],
  });
}

/** Undefined when the line, as the transport choice reads it, holds no codec of ours. */
export function answerAudio(
  context: LineContext,
  line: OfferedLine,
  transport: TransportChoice,
  wish: Direction,
): { readonly media: MediaDescription; readonly agreement: AudioAgreement } | undefined {
  const { local, capabilities } = context;
  const { codecs, dtx = false, voipMetrics = false } = capabilities.audio;
  const offered = transport.media;
  const choice = chooseCodec(offered, codecs);
  if (!choice) return undefined;
  const { codec, payloadType, amr } = choice;
  const event = findTelephoneEvent(offered, codec.clockRate);
  const direction = answeredDirection(line, wish);
  const as = bandwidthAs(codec.name, line.connection.addressType, amr?.modeSet, amr?.octetAligned);
  const rtcp = answeredRtcp(line, capabilities.profile, RTCP_BANDWIDTH.audio);
  const metrics = voipMetrics && wantsMetrics(offered);
  const media = composedMedia({
    kind: 'audio',
    ports: local,
    protocol: transport.protocol,
    formats: [
      speechFormat(codec.name, payloadType, { dtx, ...(amr ?? {}) }),
      ...(event ? [eventFormat(event.payloadType, event.clockRate)] : []),
    ],
    direction,
    bandwidth: [`AS:${as}`, ...rtcp.lines],
    transport: transport.attributes,
    attributes: [...framing(), ...metricsLine(metrics)],
  });
  const agreement = {
    ...agreed(line, transport, { theirs: choice, ours: choice }),
    ...optional('dtmf', agreedFormat(event, event)),
    keepAlivePayloadType: keepAliveType(offered, media),
    ptime: packetTime(offered),
    voipMetrics: metrics,
    rtcp: rtcp.agreed,
    ...bandwidthOf(offered),
    ...flowOf(direction, line.session.directionOf(line.media), line.connection),
  };
  return { media, agreement };
}

function agreed(
  line: Pick<OfferedLine, 'index' | 'media' | 'connection'>,
  transport: SettledTransport,
  codec: { readonly theirs: FoundCodec; readonly ours: FoundCodec },
): Pick<AudioAgreement, 'index' | 'protocol' | 'remote' | 'security' | 'codec'> {
  const { theirs, ours } = codec;
  return {
    index: line.index,
    protocol: transport.protocol,
    remote: remoteMedia(line.media, line.connection),
    ...optional('security', transport.security),
    codec: {
      name: theirs.codec.name,
      sendPayloadType: theirs.payloadType,
      receivePayloadType: ours.payloadType,
      clockRate: theirs.codec.clockRate,
      ...optional('amr', theirs.amr),
      ...optional('opus', theirs.opus),
    },
  };
}

/** One property, or none. */
const optional = <Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { readonly [Key in Name]?: Value } =>
  // A computed name widens to string; it is Name.
  (value === undefined ? {} : { [name]: value }) as { readonly [Key in Name]?: Value };

export interface SettledAudio {
  readonly agreement: AudioAgreement;
  /** The answer holds further speech codecs: one of them has to be settled upon by a new offer (24.229 6.1.2). */
  readonly several: boolean;
}

/** What the answer to our audio line settles. */
export function settleAudio(
  context: LineContext,
  line: SettledLine,
  transport: SettledTransport,
): Result<SettledAudio, 'codec'> {
  const { codecs, voipMetrics = false } = context.capabilities.audio;
  const theirs = withOurMaps(line.theirs, line.ours);
  const mine = usableCodecs(line.ours, codecs);
  const pairs = usableCodecs(theirs, codecs).flatMap((found) => {
    const own = mine.find(
      (entry) => entry.codec === found.codec && entry.amr?.octetAligned === found.amr?.octetAligned,
    );
    return own ? [{ theirs: found, ours: own }] : [];
  });
  const [pair] = pairs;
  if (!pair) return err('codec');
  const { codec } = pair.theirs;
  const event = findTelephoneEvent(theirs, codec.clockRate);
  const ourEvent = event && findTelephoneEvent(line.ours, event.clockRate);
  const agreement = {
    ...agreed({ ...line, media: theirs }, transport, pair),
    ...optional('dtmf', agreedFormat(event, ourEvent)),
    keepAlivePayloadType: keepAliveType(theirs, line.ours),
    ptime: packetTime(theirs),
    voipMetrics: voipMetrics && wantsMetrics(theirs),
    rtcp: agreedRtcp(line.answer, theirs),
    ...bandwidthOf(theirs),
    ...flowOf(line.offer.directionOf(line.ours), line.answer.directionOf(theirs), line.connection),
  };
  return ok({ agreement, several: pairs.length > 1 });
}
