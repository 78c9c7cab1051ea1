// A call on the wire as tshark reads it: SIP, RTP and RTCP by kernel time, told by the far end's ports.
import { type Packet, packets } from './capture.ts';
import type { Kind } from './far-end.ts';

/** Where the far end of one call is. */
export interface Place {
  readonly sip: number;
  readonly audio: number;
  readonly video: number;
}

export interface Signal {
  readonly at: number;
  /** The device sent it. */
  readonly ours: boolean;
  readonly status: number;
  readonly method: string;
  readonly cseq: number;
  /** Ports of its m= lines. */
  readonly ports: readonly number[];
  readonly raw: string;
}

export interface Media {
  readonly at: number;
  readonly ours: boolean;
  readonly kind: Kind;
  readonly rtcp: boolean;
  readonly from: number;
  readonly to: number;
  /** Octets of the datagram. */
  readonly octets: number;
  readonly type: number;
  readonly ssrc: string;
  readonly sequence: number;
  readonly payload: boolean;
  readonly raw: Buffer;
  /** Of RTCP: packet types, and how many report blocks the first holds. */
  readonly reports: readonly number[];
  readonly blocks: number;
}

/** One call. Times in seconds. */
export interface Trace {
  readonly signals: readonly Signal[];
  readonly media: readonly Media[];
}

const FIELDS = [
  ...['frame.time_epoch', 'udp.srcport', 'udp.dstport', 'udp.length', 'udp.payload'],
  ...['sip.Status-Code', 'sip.CSeq.method', 'sip.CSeq.seq', 'sip.Method', 'sdp.media.port'],
  ...['rtp.p_type', 'rtp.ssrc', 'rtp.seq', 'rtp.payload', 'rtcp.pt', 'rtcp.rc'],
];
const UDP_HEADER = 8;

const number = (packet: Packet, field: string): number => Number(packet[field]?.[0] ?? Number.NaN);

function signal(packet: Packet, place: Place): Signal {
  return {
    at: number(packet, 'frame.time_epoch'),
    ours: number(packet, 'udp.dstport') === place.sip,
    status: number(packet, 'sip.Status-Code'),
    method: packet['sip.CSeq.method']?.[0] ?? packet['sip.Method']?.[0] ?? '',
    cseq: number(packet, 'sip.CSeq.seq'),
    ports: (packet['sdp.media.port'] ?? []).map(Number),
    raw: Buffer.from(packet['udp.payload']?.[0] ?? '', 'hex').toString('latin1'),
  };
}

function media(packet: Packet, far: number, kind: Kind): Media {
  const [from, to] = [number(packet, 'udp.srcport'), number(packet, 'udp.dstport')];
  const ours = to === far || to === far + 1;
  return {
    at: number(packet, 'frame.time_epoch'),
    ours,
    kind,
    rtcp: (ours ? to : from) === far + 1,
    from,
    to,
    octets: number(packet, 'udp.length') - UDP_HEADER,
    type: number(packet, 'rtp.p_type'),
    ssrc: packet['rtp.ssrc']?.[0] ?? '',
    sequence: number(packet, 'rtp.seq'),
    payload: packet['rtp.payload'] !== undefined,
    raw: Buffer.from(packet['udp.payload']?.[0] ?? '', 'hex'),
    reports: (packet['rtcp.pt'] ?? []).map(Number),
    blocks: number(packet, 'rtcp.rc'),
  };
}

/** Reads the file once, for all calls. */
export function traces<Name extends string>(
  path: string,
  places: Readonly<Record<Name, Place>>,
): Record<Name, Trace> {
  const all = Object.entries<Place>(places);
  const ports = all.flatMap(([, { sip, audio, video }]) => [sip, audio, audio + 1, video, video + 1]);
  const decode = all.flatMap(([, { sip, audio, video }]) => [
    ...['-d', `udp.port==${sip},sip`],
    ...[audio, video].flatMap((port) => ['-d', `udp.port==${port},rtp`, '-d', `udp.port==${port + 1},rtcp`]),
  ]);
  const read = packets(path, `udp.port in {${ports.join(',')}}`, FIELDS, decode);
  const made: Partial<Record<string, Trace>> = {};
  for (const [name, place] of all) {
    const touches = (packet: Packet, port: number): boolean =>
      [number(packet, 'udp.srcport'), number(packet, 'udp.dstport')].some(
        (one) => one === port || one === port + 1,
      );
    made[name] = {
      signals: read
        .filter((packet) => touches(packet, place.sip) && packet['sip.CSeq.method'])
        .map((packet) => signal(packet, place)),
      media: (['audio', 'video'] as const)
        .flatMap((kind) =>
          read
            .filter((packet) => touches(packet, place[kind]))
            .map((packet) => media(packet, place[kind], kind)),
        )
        .sort((a, b) => a.at - b.at),
    };
  }
  // Each of the places has got its own.
  return made as Record<Name, Trace>;
}

/** The first message that fits, and when; an INVITE's response by number. */
export function whenSignal(trace: Trace, what: number | string, cseq?: number): Signal {
  const found = trace.signals.find((one) =>
    typeof what === 'number'
      ? one.status === what && (cseq === undefined || one.cseq === cseq) && one.method === 'INVITE'
      : Number.isNaN(one.status) && one.method === what && (cseq === undefined || one.cseq === cseq),
  );
  if (!found) throw new Error(`no ${what} on the wire: ${JSON.stringify(trace.signals)}`);
  return found;
}

export interface Wanted {
  readonly kind?: Kind;
  readonly from?: number;
  readonly to?: number;
  readonly ours?: boolean;
}

const fits = (one: Media, { kind, from = 0, to = Number.POSITIVE_INFINITY, ours = true }: Wanted): boolean =>
  one.ours === ours && (kind === undefined || one.kind === kind) && one.at >= from && one.at < to;

/** Empty RTP packets. */
export const keepAlives = (trace: Trace, wanted: Wanted): Media[] =>
  trace.media.filter((one) => !one.rtcp && !one.payload && fits(one, wanted));

/** RTP with something in it. */
export const filled = (trace: Trace, wanted: Wanted): Media[] =>
  trace.media.filter((one) => !one.rtcp && one.payload && fits(one, wanted));

export const rtcpOf = (trace: Trace, wanted: Wanted): Media[] =>
  trace.media.filter((one) => one.rtcp && fits(one, wanted));

/** Seconds between neighbours. */
export const gaps = (list: readonly { readonly at: number }[]): number[] =>
  list.slice(1).map(({ at }, index) => at - (list[index]?.at ?? at));

/** When bursts begin: packets that come after a pause. */
export const bursts = (list: readonly Media[], pause: number): Media[][] => {
  const all: Media[][] = [];
  for (const one of list) {
    const last = all.at(-1)?.at(-1);
    if (last && one.at - last.at < pause) all.at(-1)?.push(one);
    else all.push([one]);
  }
  return all;
};
