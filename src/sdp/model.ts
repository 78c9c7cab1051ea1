// The session description: lines in their order, with typed views (RFC 8866 5).
import { isIP } from 'node:net';
import { Octets } from '#src/base/units.ts';
import {
  type Attribute,
  type Candidate,
  type Fmtp,
  parseAttribute,
  parseCandidate,
  parseDecimal,
  parseFmtp,
  parseRtcp,
  parseRtpMap,
  type RtcpAttribute,
  type RtpMap,
} from './attributes.ts';
import { type Direction, isDirection } from './direction.ts';
import { staticPayloadType } from './payload-types.ts';

/** What a description may hold at most; more is refused, not cut. */
export const SDP_LIMITS = { octets: Octets(65_536), lines: 2_000, media: 64 } as const;

/**
 * One line, `type=value`. A character stands for one octet (ISO 8859-1), so that what nobody understood leaves as
 * it came, whatever its coding.
 */
export interface Line {
  readonly type: string;
  readonly value: string;
}

export const line = (type: string, value: string): Line => ({ type, value });
/** An `a=` line; without value a flag. */
export const attribute = (name: string, value?: string): Line =>
  line('a', value === undefined ? name : `${name}:${value}`);

export type AddressType = 'IP4' | 'IP6';

/** `c=` (RFC 8866 5.7). `address` is a literal or a domain name; multicast TTLs are taken off. */
export interface Connection {
  readonly addressType: AddressType;
  readonly address: string;
  /** The zero address: nothing is to be sent there (RFC 3264 8.4). */
  readonly unspecified: boolean;
}

/** `o=` (RFC 8866 5.2); numbers stay text, they may have any length. */
export interface Origin {
  readonly username: string;
  readonly sessionId: string;
  readonly version: string;
  readonly addressType: string;
  readonly address: string;
}

export function parseConnection(value: string): Connection | undefined {
  const [network, type, target, ...rest] = value.trim().split(/ +/);
  if (network?.toUpperCase() !== 'IN' || !type || !target || rest.length > 0) return undefined;
  const addressType = type.toUpperCase();
  if (addressType !== 'IP4' && addressType !== 'IP6') return undefined;
  const address = target.split('/')[0] ?? '';
  const family = isIP(address);
  if (address === '' || (family !== 0 && family !== (addressType === 'IP4' ? 4 : 6))) return undefined;
  return { addressType, address, unspecified: isUnspecified(address) };
}

/** Multicast or broadcast: a call's sound sent there would reach whoever is near (RFC 1112 4, RFC 4291 2.7). */
export const isGroup = (address: string): boolean =>
  isIP(address) === 4
    ? Number(address.split('.')[0]) >>> 4 === 14 || address === '255.255.255.255'
    : isIP(address) === 6 && /^ff/i.test(address);

const isUnspecified = (address: string): boolean =>
  address === '0.0.0.0' || (isIP(address) === 6 && /^[0:]+$/.test(address));

function parseOrigin(value: string): Origin | undefined {
  const [username, sessionId, version, network, addressType, address] = value.trim().split(/ +/);
  if (!username || !sessionId || !version || !network || !addressType || !address) return undefined;
  return { username, sessionId, version, addressType, address };
}

/** Lines that belong together: the session's or one medium's. */
abstract class Section {
  readonly lines: readonly Line[];
  #attributes: readonly Attribute[] | undefined;

  constructor(lines: readonly Line[]) {
    this.lines = lines;
  }

  /** The first line of this type. */
  value(type: string): string | undefined {
    return this.lines.find((entry) => entry.type === type)?.value;
  }

  get attributes(): readonly Attribute[] {
    this.#attributes ??= this.lines
      .filter((entry) => entry.type === 'a')
      .map((entry) => parseAttribute(entry.value));
    return this.#attributes;
  }

  /** Value of the first attribute of this name; '' for a flag. */
  attribute(name: string): string | undefined {
    return this.attributes.find((entry) => entry.name === name)?.value;
  }

  has(name: string): boolean {
    return this.attribute(name) !== undefined;
  }

  /** The direction that this section itself names. */
  get ownDirection(): Direction | undefined {
    return this.attributes.map((entry) => entry.name).find(isDirection);
  }

  get ownConnection(): Connection | undefined {
    const value = this.value('c');
    return value === undefined ? undefined : parseConnection(value);
  }

  /** `b=` by modifier: `AS` in kbit/s, `RS` and `RR` in bit/s (RFC 3556), `TIAS` in bit/s (RFC 3890). */
  bandwidth(modifier: string): number | undefined {
    const prefix = `${modifier.toUpperCase()}:`;
    const found = this.lines.find(
      (entry) => entry.type === 'b' && entry.value.toUpperCase().startsWith(prefix),
    );
    return found ? parseDecimal(found.value.slice(prefix.length).trim()) : undefined;
  }
}

/** The fields of an `m=` line (RFC 8866 5.14). */
export interface MediaLine {
  readonly kind: string;
  readonly port: number;
  /** How many ports, 1 unless the line says otherwise. */
  readonly ports: number;
  readonly protocol: string;
  readonly formats: readonly string[];
}

const MAX_PORT = 65_535;

export function parseMediaLine(value: string): MediaLine | undefined {
  const [kind, portText, protocol, ...formats] = value.trim().split(/ +/);
  if (!kind || !portText || !protocol || formats.length === 0) return undefined;
  const [first, count, ...rest] = portText.split('/');
  const port = parseDecimal(first ?? '');
  const ports = count === undefined ? 1 : parseDecimal(count);
  if (port === undefined || port > MAX_PORT || ports === undefined || rest.length > 0) return undefined;
  return { kind: kind.toLowerCase(), port, ports, protocol: protocolName(protocol), formats };
}

/** Profiles of RTP are compared; what we do not speak goes back as it was written (`udptl`, T.38). */
const protocolName = (text: string): string => (/(?:^|\/)RTP\//i.test(text) ? text.toUpperCase() : text);

const formatMediaLine = (media: MediaLine): string => {
  const port = media.ports === 1 ? `${media.port}` : `${media.port}/${media.ports}`;
  return [media.kind, port, media.protocol, ...media.formats].join(' ');
};

/** One medium: its `m=` line and what follows it. */
export class MediaDescription extends Section {
  readonly media: MediaLine;
  #rtpMaps: ReadonlyMap<number, RtpMap> | undefined;
  #fmtps: ReadonlyMap<number, Fmtp> | undefined;

  /** `lines` begins with the `m=` line that `media` reads. */
  constructor(media: MediaLine, lines: readonly Line[]) {
    super(lines);
    this.media = media;
  }

  static of(media: MediaLine, lines: readonly Line[]): MediaDescription {
    return new MediaDescription(media, [line('m', formatMediaLine(media)), ...lines]);
  }

  /** Payload types in order of preference; formats that are no numbers are left out. */
  get payloadTypes(): readonly number[] {
    return this.media.formats
      .map(parseDecimal)
      .filter((type): type is number => type !== undefined && type <= 127);
  }

  /** What a payload type stands for: by `a=rtpmap`, else by the static table (RFC 3551 6). */
  rtpMap(payloadType: number): RtpMap | undefined {
    this.#rtpMaps ??= firstByType(this.attributes, 'rtpmap', parseRtpMap);
    return this.#rtpMaps.get(payloadType) ?? staticPayloadType(payloadType);
  }

  fmtp(payloadType: number): Fmtp | undefined {
    this.#fmtps ??= firstByType(this.attributes, 'fmtp', parseFmtp);
    return this.#fmtps.get(payloadType);
  }

  /** Milliseconds that the describing side would like in a packet it receives. */
  get ptime(): number | undefined {
    return parseDecimal(this.attribute('ptime')?.trim() ?? '');
  }

  get maxptime(): number | undefined {
    return parseDecimal(this.attribute('maxptime')?.trim() ?? '');
  }

  /** Packets a second at most (RFC 3890 6.3). */
  get maxprate(): number | undefined {
    const value = Number(this.attribute('maxprate'));
    return Number.isFinite(value) && value > 0 ? value : undefined;
  }

  get rtcp(): RtcpAttribute | undefined {
    return parseRtcp(this.attribute('rtcp') ?? '');
  }

  get rtcpMux(): boolean {
    return this.has('rtcp-mux');
  }

  get candidates(): readonly Candidate[] {
    return this.attributes
      .filter((entry) => entry.name === 'candidate')
      .map((entry) => parseCandidate(entry.value))
      .filter((entry) => entry !== undefined);
  }
}

function firstByType<Value extends { readonly payloadType: number }>(
  attributes: readonly Attribute[],
  name: string,
  parse: (value: string) => Value | undefined,
): ReadonlyMap<number, Value> {
  const found = new Map<number, Value>();
  for (const entry of attributes) {
    if (entry.name !== name) continue;
    const value = parse(entry.value);
    if (value && !found.has(value.payloadType)) found.set(value.payloadType, value);
  }
  return found;
}

/** A whole description. Immutable. */
export class SessionDescription extends Section {
  readonly media: readonly MediaDescription[];

  constructor(lines: readonly Line[], media: readonly MediaDescription[]) {
    super(lines);
    this.media = media;
  }

  get origin(): Origin | undefined {
    const value = this.value('o');
    return value === undefined ? undefined : parseOrigin(value);
  }

  /** Where a medium is received: its own `c=`, else the session's. */
  connectionOf(media: MediaDescription): Connection | undefined {
    return media.ownConnection ?? this.ownConnection;
  }

  /** The medium's direction, else the session's, else `sendrecv` (RFC 8866 6.7). */
  directionOf(media: MediaDescription): Direction {
    return media.ownDirection ?? this.ownDirection ?? 'sendrecv';
  }
}
