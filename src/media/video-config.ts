// What a video stream is told: codec, feedback, directions; checked, and as the engine takes it.
import type { NativeVideoConfig } from './addon.ts';
import { mediaError } from './faults.ts';
import { mustBePlace, type PathConfig, type Place, toNativePath } from './path.ts';
import { type RtcpConfig, rtcpBandwidths } from './rtcp-bandwidth.ts';

export interface VideoStreamConfig extends PathConfig {
  readonly remote: Place;
  readonly codec: {
    /** Of what is sent. */
    readonly payloadType: number;
    /** Of what is received, when it is another one (RFC 3264 6.1). */
    readonly receivePayloadType?: number;
    /** Of what is sent; 0 and 1 are received (RFC 6184 6). */
    readonly packetizationMode: 0 | 1;
    /** Highest level that may be sent, six hexadecimal digits (RFC 6184 8.1). */
    readonly sendProfileLevelId: string;
    readonly receiveProfileLevelId: string;
    /** The peer's parameter sets, without start codes. */
    readonly spropParameterSets: readonly Buffer[];
    /** Largest NAL unit that the peer would like. */
    readonly maxNalUnitOctets?: number;
  };
  /** What was negotiated (RFC 4585, RFC 5104, RFC 5506). */
  readonly feedback: {
    readonly nack: boolean;
    readonly pli: boolean;
    readonly fir: boolean;
    readonly tmmbr: boolean;
    readonly rsize: boolean;
    readonly trrIntMs: number;
  };
  readonly avpf: boolean;
  /** One FIR for each need though it was not negotiated (NG.110 2.9.1). */
  readonly firAlways: boolean;
  /** Id of the header extension urn:3gpp:video-orientation; absent: not negotiated. */
  readonly cvo?: { readonly id: number };
  /** How our picture has to be turned, in degrees clockwise, and then mirrored. Default: it is upright. Goes out with `cvo` only. */
  readonly orientation?: {
    readonly rotation: 0 | 90 | 180 | 270;
    readonly mirrored?: boolean;
    readonly backCamera?: boolean;
  };
  /** b=AS of the peer, kbit/s with headers. */
  readonly bandwidthKbps?: number;
  /** Picture sizes that the peer wants (imageattr): none larger is sent. */
  readonly sizes?: readonly { readonly width: number; readonly height: number }[];
  readonly send: boolean;
  readonly receive: boolean;
  readonly rtcp?: RtcpConfig;
  /** RTCP canonical name, RFC 3550 6.5.1; 1 to 63 octets. */
  readonly cname: string;
}

/** Whether pictures leave the engine is the listeners' affair. */
export type Unwatched = Omit<NativeVideoConfig, 'frames'>;

const MAX_PAYLOAD_TYPE = 127;
const MAX_CNAME_OCTETS = 63;
const MAX_EXTENSION_ID = 14;
/** Of a session whose bandwidth nobody named. */
const USUAL_KBPS = 550;

/** Throws `media.address`, `media.argument`. */
export function toNativeVideo(config: VideoStreamConfig): Unwatched {
  const { codec, feedback, remote, orientation } = config;
  mustBePlace(remote);
  const receivePayloadType = codec.receivePayloadType ?? codec.payloadType;
  for (const type of [codec.payloadType, receivePayloadType])
    if (!Number.isInteger(type) || type < 0 || type > MAX_PAYLOAD_TYPE)
      throw mediaError('argument', `payload type ${type}`);
  if (!/^[0-9A-Fa-f]{6}$/.test(codec.sendProfileLevelId))
    throw mediaError('argument', `profile-level-id ${codec.sendProfileLevelId}`);
  const cvoId = config.cvo?.id ?? 0;
  if (!Number.isInteger(cvoId) || cvoId < 0 || cvoId > MAX_EXTENSION_ID)
    throw mediaError('argument', `header extension id ${cvoId}`);
  const octets = Buffer.byteLength(config.cname);
  if (octets < 1 || octets > MAX_CNAME_OCTETS) throw mediaError('argument', `CNAME of ${octets} octets`);
  const rtcp = rtcpBandwidths(config.rtcp, config.bandwidthKbps ?? USUAL_KBPS);
  return {
    address: remote.address,
    port: remote.port,
    rtcpAddress: remote.rtcpAddress ?? remote.address,
    rtcpPort: remote.rtcpPort ?? 0,
    payloadType: codec.payloadType,
    receivePayloadType,
    packetizationMode: codec.packetizationMode,
    profileLevelId: Number.parseInt(codec.sendProfileLevelId, 16),
    maxUnitOctets: codec.maxNalUnitOctets ?? 0,
    ...largest(config.sizes ?? []),
    bandwidthKbps: Math.max(0, Math.floor(config.bandwidthKbps ?? 0)),
    parameterSets: codec.spropParameterSets.map((set) => set.toString('base64')).join(','),
    nack: feedback.nack,
    pli: feedback.pli,
    fir: feedback.fir,
    tmmbr: feedback.tmmbr,
    firAlways: config.firAlways,
    avpf: config.avpf,
    reducedSize: feedback.rsize,
    trrIntervalMs: feedback.trrIntMs,
    cvoId,
    rotation: orientation?.rotation ?? 0,
    mirrored: orientation?.mirrored ?? false,
    backCamera: orientation?.backCamera ?? false,
    send: config.send,
    receive: config.receive,
    rtcpSenders: rtcp.senders,
    rtcpReceivers: rtcp.receivers,
    cname: config.cname,
    ...toNativePath(config),
  };
}

/** The largest picture of a list; 0: no limit but the level. */
function largest(sizes: readonly { readonly width: number; readonly height: number }[]): {
  readonly maxWidth: number;
  readonly maxHeight: number;
} {
  const area = (size: { readonly width: number; readonly height: number }): number =>
    size.width * size.height;
  const [most] = [...sizes].sort((a, b) => area(b) - area(a));
  return { maxWidth: most?.width ?? 0, maxHeight: most?.height ?? 0 };
}
