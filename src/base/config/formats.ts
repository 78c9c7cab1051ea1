// The formats of text in the configuration: addresses, URIs, sources of sound. Syntax only; the layers above give meaning.
import { isIP, isIPv4, isIPv6 } from 'node:net';
import type { TextFormat } from './field.ts';

const HIGHEST_PORT = 65_535;

const format = (forms: string, right: (text: string) => boolean): TextFormat =>
  Object.assign((text: string) => (right(text) ? undefined : `must be ${forms}`), { forms });

export const isPort = (text: string): boolean => /^\d{1,5}$/.test(text) && Number(text) <= HIGHEST_PORT;

/** `host:port` or `[v6]:port`. */
export function splitHostPort(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const [, six, plain, port = ''] = match;
  const host = six ?? plain ?? '';
  if (!isPort(port) || (six !== undefined && !isIPv6(six))) return undefined;
  return { host, port: Number(port) };
}

const isHostName = (text: string): boolean => {
  if (/^[\d.]+$/.test(text)) return isIPv4(text);
  return (
    text.length <= 253 && text.split('.').every((label) => /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/.test(label))
  );
};

const isHost = (text: string): boolean =>
  text.startsWith('[') ? text.endsWith(']') && isIPv6(text.slice(1, -1)) : isHostName(text);

/** The scheme, user and host part of a SIP URI (RFC 3261 19.1.1), or undefined. */
export function splitSipUri(
  text: string,
): { scheme: string; user: string | undefined; host: string } | undefined {
  const match =
    /^(sips?):(?:([^@\s<>"]+)@)?(\[[^\]]+\]|[^:;?@\s<>"[\]]+)(?::(\d+))?((?:;[^;?\s<>"]+)*)(\?[^\s<>"]*)?$/i.exec(
      text,
    );
  if (!match) return undefined;
  const [, scheme = '', user, host = '', port] = match;
  if (!isHost(host) || (port !== undefined && (!isPort(port) || Number(port) === 0))) return undefined;
  return { scheme: scheme.toLowerCase(), user: user?.split(':', 1)[0], host };
}

/** RFC 3966: a global number, or a local one with its context. */
const isTelUri = (text: string): boolean =>
  /^tel:(?:\+[\d().-]*\d[\d().-]*|[\dA-Fa-f*#().-]+;(?:[^;\s]+;)*phone-context=[^;\s]+)(?:;[^;\s]+)*$/i.test(
    text,
  );

export const sipUri = format(
  'a SIP URI (sip:host, sip:host:port;transport=tls …)',
  (text) => splitSipUri(text) !== undefined,
);
export const userUri = format(
  'a SIP URI with a user, or a tel URI',
  (text) => splitSipUri(text)?.user !== undefined || isTelUri(text),
);
export const anyUri = format('a SIP or tel URI', (text) => splitSipUri(text) !== undefined || isTelUri(text));
/** RFC 8141: `urn:` with a namespace and something in it. */
export const urn = format('a URN (urn:uuid:…)', (text) =>
  /^urn:[a-z0-9][a-z0-9-]{0,31}:[^\s<>"]+$/i.test(text),
);
export const httpUrl = format(
  'an http or https URL',
  (text) => /^https?:\/\//.test(text) && URL.canParse(text),
);
export const domain = format('a domain name or IP address', (text) => isHost(text) || isIP(text) > 0);
/** An IMPI: `user@domain`, or a bare user name as plain registrars have it. */
export const impi = format('a user name (user@domain)', (text) => /^[^\s"<>@]+(?:@[^\s"<>@]+)?$/.test(text));
export const printable = format('text without control characters', (text) => !/\p{Cc}/u.test(text));

export const sipListen = format(
  '"udp:", "tcp:" or "tls:" with address and port ("udp:127.0.0.1:5060", "tcp:[::]:5060")',
  (text) => {
    const match = /^(?:udp|tcp|tls):(.+)$/.exec(text);
    const address = splitHostPort(match?.[1] ?? '');
    return address !== undefined && isIP(address.host) > 0;
  },
);
export const ngAddress = format('"udp:" with address and port ("udp:127.0.0.1:2223")', (text) => {
  const address = splitHostPort(/^udp:(.+)$/.exec(text)?.[1] ?? '');
  return address !== undefined && isIP(address.host) > 0;
});
export const hostPort = format('"address:port"', (text) => {
  const address = splitHostPort(text);
  return address !== undefined && (isIP(address.host) > 0 || isHostName(address.host));
});
export const mediaAddress = format('an IP address or "auto"', (text) => text === 'auto' || isIP(text) > 0);
export const portRange = format('a range of ports with room for a pair ("20000-20100")', (text) => {
  const range = splitPortRange(text);
  return range !== undefined && range.from > 0 && range.to > range.from;
});
export const bssid = format('the access point\'s MAC address ("00:11:22:aa:bb:cc")', (text) =>
  /^(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}$|^[0-9a-f]{12}$/i.test(text),
);
export const country = format('a country ("SE") or its calling code ("46")', (text) =>
  /^(?:[A-Za-z]{2}|\+?[1-9]\d{0,2})$/.test(text),
);

export const audioSource = format('"alsa:NAME", "file:PATH", "tone:HZ" or "null"', (text) => {
  const tone = /^tone:(\d+(?:\.\d+)?)$/.exec(text);
  if (tone) return Number(tone[1]) >= 1 && Number(tone[1]) <= 20_000;
  return text === 'null' || /^(?:alsa|file):./.test(text);
});
export const audioSink = format(
  '"alsa:NAME", "file:PATH" or "null"',
  (text) => text === 'null' || /^(?:alsa|file):./.test(text),
);
export const videoSource = format(
  '"v4l2:DEVICE", "file:PATH" or "none"',
  (text) => text === 'none' || /^(?:v4l2|file):./.test(text),
);

export const hours = format('"HH:MM-HH:MM" ("22:00-07:00")', (text) =>
  /^(?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d$/.test(text),
);
export const name = format('a name of letters, digits, "-" and "_"', (text) =>
  /^[\p{L}\p{N}_-]{1,64}$/u.test(text),
);
export const path = format('an absolute path', (text) => /^\/[^\0]*$/.test(text));
export const outputFile = format('"file:PATH"', (text) => /^file:\/[^\0]*$/.test(text));
export const doorCode = format('1 to 16 of 0 to 9, * and #', (text) => /^[0-9*#]{1,16}$/.test(text));
export const shortNumber = format('digits ("144")', (text) => /^[0-9*#]{1,15}$/.test(text));
/** RFC 5139 3.1, in the order of its schema. */
export const CIVIC_ELEMENTS: readonly string[] =
  'country A1 A2 A3 A4 A5 A6 PRM PRD RD STS POD POM RDSEC RDBR RDSUBBR HNO HNS LMK LOC FLR NAM PC BLD UNIT ROOM SEAT PLC PCN POBOX ADDCODE'.split(
    ' ',
  );
const CIVIC = new RegExp(`^(?:${CIVIC_ELEMENTS.join('|')})=[^\\p{Cc}]{1,200}$`, 'u');
export const civicElement = format('an element of RFC 5139 and its value ("A3=Stockholm")', (text) =>
  CIVIC.test(text),
);

/** RFC 6750 2.1 b64token: what can stand behind `Bearer`. */
export const bearerToken = format('letters, digits and -._~+/ (a bearer token)', (text) =>
  /^[A-Za-z0-9\-._~+/]+=*$/.test(text),
);

/** `20000-20100`. */
export function splitPortRange(text: string): { from: number; to: number } | undefined {
  const match = /^(\d{1,5})-(\d{1,5})$/.exec(text);
  const [, from = '', to = ''] = match ?? [];
  return isPort(from) && isPort(to) ? { from: Number(from), to: Number(to) } : undefined;
}
