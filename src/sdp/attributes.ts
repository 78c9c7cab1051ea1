// Typed attribute values: rtpmap, fmtp, rtcp, candidate (RFC 8866 6, RFC 3605, RFC 8839 5.1).

export interface Attribute {
  readonly name: string;
  /** '' for a flag. */
  readonly value: string;
}

export interface RtpMap {
  readonly payloadType: number;
  readonly name: string;
  readonly clockRate: number;
  readonly channels: number;
}

export interface Fmtp {
  readonly payloadType: number;
  /** As it came. */
  readonly text: string;
  /** `name=value` pairs, names in lower case; a bare word has the value ''. The first of a name counts. */
  readonly parameters: ReadonlyMap<string, string>;
}

export interface RtcpAttribute {
  readonly port: number;
  /** When RTCP has an address of its own. */
  readonly address?: string;
}

export interface Candidate {
  readonly foundation: string;
  readonly component: number;
  readonly transport: string;
  readonly priority: number;
  readonly address: string;
  readonly port: number;
  readonly type: string;
}

const MAX_DIGITS = 10;

/** An unsigned decimal number, or undefined: no signs, no exponents, no blanks. */
export function parseDecimal(text: string): number | undefined {
  if (text === '' || text.length > MAX_DIGITS || !/^[0-9]+$/.test(text)) return undefined;
  return Number(text);
}

export function parseAttribute(value: string): Attribute {
  const colon = value.indexOf(':');
  if (colon < 0) return { name: value.trim(), value: '' };
  return { name: value.slice(0, colon).trim(), value: value.slice(colon + 1) };
}

/** Splits `97 rest` into a payload type and the rest. */
function typed(value: string): { readonly payloadType: number; readonly rest: string } | undefined {
  const text = value.trim();
  const blank = text.search(/[ \t]/);
  const payloadType = parseDecimal(blank < 0 ? text : text.slice(0, blank));
  if (payloadType === undefined || payloadType > 127) return undefined;
  return { payloadType, rest: blank < 0 ? '' : text.slice(blank + 1).trim() };
}

/** `97 AMR-WB/16000/1` */
export function parseRtpMap(value: string): RtpMap | undefined {
  const split = typed(value);
  if (!split) return undefined;
  const [name, rate, channelText] = split.rest.split('/');
  const clockRate = parseDecimal(rate ?? '');
  const channels = channelText === undefined ? 1 : parseDecimal(channelText);
  if (!name || clockRate === undefined || channels === undefined) return undefined;
  return { payloadType: split.payloadType, name, clockRate, channels };
}

/**
 * Parameters end at `;`; 26.114 itself prints a comma there once (table A.2.1), which is taken before a name with a
 * hyphen: base64, which has commas between its parts (RFC 6184 `sprop-parameter-sets`), has none.
 */
const PARAMETER_END = /,\s*(?=[A-Za-z]+(?:-[A-Za-z]+)+\s*=)|;/;

export function parseFmtp(value: string): Fmtp | undefined {
  const split = typed(value);
  if (!split) return undefined;
  const parameters = new Map<string, string>();
  for (const part of split.rest.split(PARAMETER_END)) {
    const equals = part.indexOf('=');
    const name = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase();
    if (name !== '' && !parameters.has(name)) {
      parameters.set(name, equals < 0 ? '' : part.slice(equals + 1).trim());
    }
  }
  return { payloadType: split.payloadType, text: split.rest, parameters };
}

/** `53020` or `53020 IN IP6 2001:2345::1` (RFC 3605 2.1) */
export function parseRtcp(value: string): RtcpAttribute | undefined {
  const [portText, network, addressType, address] = value.trim().split(/ +/);
  const port = parseDecimal(portText ?? '');
  if (port === undefined || port > 65_535) return undefined;
  return network && addressType && address ? { port, address } : { port };
}

/** `1 1 UDP 2130706431 192.0.2.1 8998 typ host` (RFC 8839 5.1); extensions are not read. */
export function parseCandidate(value: string): Candidate | undefined {
  const [foundation, component, transport, priority, address, port, keyword, type] = value.trim().split(/ +/);
  const numbers = [component, priority, port].map((text) => parseDecimal(text ?? ''));
  const [componentId, rank, portNumber] = numbers;
  if (!foundation || !transport || !address || keyword?.toLowerCase() !== 'typ' || !type) return undefined;
  if (componentId === undefined || rank === undefined || portNumber === undefined) return undefined;
  return { foundation, component: componentId, transport, priority: rank, address, port: portNumber, type };
}
