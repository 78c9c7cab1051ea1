// MD-2.9.1, 2.9.2: what a stream does for its way through NATs and for its protection, as call control says it.
import { type SrtpSuite, SUITE_TABLE } from '#src/sdp/crypto-suites.ts';
import { KEEPALIVE_PHASES, type NativePath } from './addon.ts';
import { mediaError } from './faults.ts';

export interface KeepAlive {
  /** 'early' from the INVITE or the first SDP on, 'established' from the 200 on. */
  readonly phase: keyof typeof KEEPALIVE_PHASES;
  /** 20, or another unused static one where 20 was negotiated. */
  readonly payloadType: number;
  /** Recommended values when absent: 1000, 70, 15,000. */
  readonly burstMs?: number;
  readonly spacingMs?: number;
  readonly intervalMs?: number;
}

/** Where media goes; RTCP to the same address, RTP port + 1, unless told. */
export interface Place {
  readonly address: string;
  readonly port: number;
  readonly rtcpAddress?: string;
  readonly rtcpPort?: number;
}

/** Another early dialog of the same offer: its answer chose a suite, and with it one of our keys. */
export interface FurtherPlace extends Place {
  /** Absent: plain RTP goes there. */
  readonly srtp?: SrtpKey;
}

/** One direction. */
export interface SrtpKey {
  readonly suite: SrtpSuite;
  /** Master key, then master salt (RFC 4568 6.1). */
  readonly key: Buffer;
}

export interface PathConfig {
  /**
   * SRTP and SRTCP; absent: plain RTP. A key that was in use before goes on with its rollover counter; another one begins anew, and what
   * the peer made with the one before is taken for some seconds more.
   * Nothing that is not protected leaves or is taken. `mki`: what the peer announced to put behind its packets, 1 to 128 octets.
   */
  readonly srtp?: { readonly send: SrtpKey; readonly receive: SrtpKey & { readonly mki?: Buffer } };
  /** Absent: none is sent. */
  readonly keepAlive?: KeepAlive;
  /** Further early dialogs of the same offer, at most MAX_PLACES: each gets keep-alives of its own. */
  readonly alsoTo?: readonly FurtherPlace[];
}

const MAX_PORT = 65_535;
const MAX_PAYLOAD_TYPE = 127;
/** TM_ENGINE_MAX_PLACES. */
export const MAX_PLACES = 40;
/** RFC 4568 6.1. */
const MAX_MKI_OCTETS = 128;
const MAX_TIME_MS = 3_600_000;

/** Throws `media.address` for a port that is none. */
export function mustBePlace(place: Place): void {
  for (const port of [place.port, place.rtcpPort ?? place.port])
    if (!Number.isInteger(port) || port < 1 || port > MAX_PORT)
      throw mediaError('address', `remote port ${port}`);
}

function mustBeKey({ suite, key }: SrtpKey): void {
  const row = SUITE_TABLE.find(({ name }) => name === suite);
  if (!row) throw mediaError('argument', `no SRTP suite ${suite}`);
  if (key.length !== row.key + row.salt)
    throw mediaError('argument', `${suite} with ${key.length} octets of key and salt`);
}

/** Throws `media.address`, `media.argument`. */
export function toNativePath({ keepAlive, alsoTo = [], srtp }: PathConfig): NativePath {
  if (srtp) {
    mustBeKey(srtp.send);
    mustBeKey(srtp.receive);
    const { mki } = srtp.receive;
    if (mki && (mki.length < 1 || mki.length > MAX_MKI_OCTETS))
      throw mediaError('argument', `an MKI of ${mki.length} octets`);
  }
  for (const place of alsoTo) {
    mustBePlace(place);
    if (place.srtp) mustBeKey(place.srtp);
  }
  if (alsoTo.length > MAX_PLACES) throw mediaError('argument', `${alsoTo.length} further places`);
  const { phase = 'early', payloadType = 0, burstMs = 0, spacingMs = 0, intervalMs = 0 } = keepAlive ?? {};
  if (!Number.isInteger(payloadType) || payloadType < 0 || payloadType > MAX_PAYLOAD_TYPE)
    throw mediaError('argument', `payload type ${payloadType}`);
  for (const time of [burstMs, spacingMs, intervalMs])
    if (!Number.isInteger(time) || time < 0 || time > MAX_TIME_MS)
      throw mediaError('argument', `keep-alive time of ${time} ms`);
  return {
    keepAlive: {
      enabled: keepAlive !== undefined,
      phase: KEEPALIVE_PHASES[phase],
      payloadType,
      burstMs,
      spacingMs,
      intervalMs,
    },
    alsoTo: alsoTo.map((place) => ({
      address: place.address,
      port: place.port,
      rtcpAddress: place.rtcpAddress ?? '',
      rtcpPort: place.rtcpPort ?? 0,
      ...(place.srtp && { srtp: place.srtp }),
    })),
    ...(srtp && { srtp }),
  };
}
