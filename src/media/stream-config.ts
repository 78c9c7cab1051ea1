// What an audio stream is told: codec, directions, RTCP; checked, and as the engine takes it.
import { bandwidthAs } from '#src/sdp/codecs.ts';
import { CODEC_NUMBERS, type NativeConfig } from './addon.ts';
import { mediaError } from './faults.ts';
import { mustBePlace, type PathConfig, type Place, toNativePath } from './path.ts';
import { type RtcpConfig, rtcpBandwidths } from './rtcp-bandwidth.ts';

export type CodecName = keyof typeof CODEC_NUMBERS;

/** RTP clock rate of each codec, in hertz (RFC 3551 4.5, RFC 4867 8.2). */
const CODEC_CLOCKS: Readonly<Record<CodecName, number>> = {
  PCMU: 8000,
  PCMA: 8000,
  'AMR-WB': 16000,
  AMR: 8000,
  // Sound of 16 kHz: the clock is an old mistake that everybody keeps to (RFC 3551 4.5.2).
  G722: 8000,
  opus: 48000,
};

/** Highest mode of the codecs that have modes (RFC 4867 8). */
const HIGHEST_MODES: Readonly<Partial<Record<CodecName, number>>> = { AMR: 7, 'AMR-WB': 8 };

export interface StreamConfig extends PathConfig {
  /**
   * IP literals of the family of the stream's own address; RTCP goes to the same one, RTP port + 1, unless told.
   * Nothing is sent to the unspecified address.
   */
  readonly remote: Place;
  readonly codec: {
    readonly name: CodecName;
    /** Of what is sent. */
    readonly payloadType: number;
    /** Of what is received, when it is another one (RFC 3264 6.1). */
    readonly receivePayloadType?: number;
    readonly clockRate: number;
    /** AMR, AMR-WB: RFC 4867 4.4; default bandwidth-efficient. */
    readonly octetAligned?: boolean;
    /** AMR, AMR-WB: modes 0 to 7 or 8 of both directions, default all (RFC 4867 8.1 mode-set). */
    readonly modeSet?: readonly number[];
    /** AMR, AMR-WB: a change of what is sent every so many frames (mode-change-period); default 2, as 26.114 has it. */
    readonly modeChangePeriod?: 1 | 2;
    /** AMR, AMR-WB: only to the next mode of the set (mode-change-neighbor); default true, as 26.114 has it. */
    readonly modeChangeNeighbor?: boolean;
    /** AMR, AMR-WB, opus: silence is described now and then instead of sent. Default false. Received silence is always understood. */
    readonly dtx?: boolean;
    /** opus: the peer's useinbandfec (RFC 7587 6.1): what is sent repeats itself as the reported loss asks for. Default false. */
    readonly fec?: boolean;
    /** opus: the peer's maxaveragebitrate, 6000 to 510000 bit/s; default no limit. */
    readonly maxBitRate?: number;
  };
  /** telephone-event, RFC 4733; absent: none was negotiated. */
  readonly dtmf?: {
    readonly payloadType: number;
    readonly receivePayloadType?: number;
    readonly clockRate: number;
  };
  /** Of what is sent, as the peer asked for; met in steps of 20 ms, at least 20, at most 80 (26.114 7.4.2). */
  readonly ptimeMs: number;
  readonly send: boolean;
  readonly receive: boolean;
  readonly rtcp?: RtcpConfig;
  /** Send RFC 3611 VoIP metrics: a=rtcp-xr:voip-metrics was negotiated. Those of the peer are taken in any case. */
  readonly xr?: boolean;
  /** RTCP canonical name, RFC 3550 6.5.1; 1 to 63 octets. */
  readonly cname: string;
}

const MAX_PAYLOAD_TYPE = 127;
const MAX_MODE = 8;
/** RFC 7587 6.1. */
const OPUS_BIT_RATES = { least: 6000, most: 510_000 };
const MAX_PTIME_MS = 1000;
const MAX_CNAME_OCTETS = 63;

/** Throws `media.codec`, `media.address`, `media.argument`. */
export function toNativeConfig(config: StreamConfig): NativeConfig {
  const { codec, dtmf, remote } = config;
  const number = Object.hasOwn(CODEC_NUMBERS, codec.name) ? CODEC_NUMBERS[codec.name] : undefined;
  if (number === undefined) throw mediaError('codec', `unknown codec ${codec.name}`);
  if (codec.clockRate !== CODEC_CLOCKS[codec.name])
    throw mediaError('codec', `${codec.name} at ${codec.clockRate} Hz`);
  mustBePlace(remote);
  const receivePayloadType = codec.receivePayloadType ?? codec.payloadType;
  const dtmfReceivePayloadType = dtmf?.receivePayloadType ?? dtmf?.payloadType ?? -1;
  for (const type of [codec.payloadType, receivePayloadType, dtmf?.payloadType ?? 0])
    if (!Number.isInteger(type) || type < 0 || type > MAX_PAYLOAD_TYPE)
      throw mediaError('argument', `payload type ${type}`);
  const highestMode = HIGHEST_MODES[codec.name] ?? MAX_MODE;
  for (const mode of codec.modeSet ?? [])
    if (!Number.isInteger(mode) || mode < 0 || mode > highestMode) throw mediaError('codec', `mode ${mode}`);
  if (![undefined, 1, 2].includes(codec.modeChangePeriod))
    throw mediaError('codec', `mode-change-period ${codec.modeChangePeriod}`);
  const maxBitRate = codec.maxBitRate ?? 0;
  if (maxBitRate !== 0 && !(maxBitRate >= OPUS_BIT_RATES.least && maxBitRate <= OPUS_BIT_RATES.most))
    throw mediaError('codec', `maxaveragebitrate ${maxBitRate}`);
  if (!Number.isInteger(config.ptimeMs) || config.ptimeMs < 1 || config.ptimeMs > MAX_PTIME_MS)
    throw mediaError('argument', `packet time of ${config.ptimeMs} ms`);
  const rtcp = rtcpBandwidths(config.rtcp, bandwidthAs(codec.name, 'IP4', codec.modeSet, codec.octetAligned));
  const octets = Buffer.byteLength(config.cname);
  if (octets < 1 || octets > MAX_CNAME_OCTETS) throw mediaError('argument', `CNAME of ${octets} octets`);
  return {
    address: remote.address,
    port: remote.port,
    rtcpAddress: remote.rtcpAddress ?? remote.address,
    rtcpPort: remote.rtcpPort ?? 0,
    codec: number,
    payloadType: codec.payloadType,
    receivePayloadType,
    octetAligned: codec.octetAligned ?? false,
    modeSet: (codec.modeSet ?? []).reduce((mask, mode) => mask | (1 << mode), 0),
    modeChangePeriod: codec.modeChangePeriod ?? 0,
    anyModeChange: codec.modeChangeNeighbor === false,
    dtx: codec.dtx ?? false,
    fec: codec.fec ?? false,
    maxBitRate: Math.floor(maxBitRate),
    dtmfPayloadType: dtmf?.payloadType ?? -1,
    dtmfReceivePayloadType,
    dtmfClockRate: dtmf?.clockRate ?? 0,
    ptimeMs: config.ptimeMs,
    send: config.send,
    receive: config.receive,
    rtcpSenders: rtcp.senders,
    rtcpReceivers: rtcp.receivers,
    extendedReports: config.xr ?? false,
    cname: config.cname,
    ...toNativePath(config),
  };
}
