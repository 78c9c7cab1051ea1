// Steps of a SIPp scenario: what is sent, what must come, what must stand in it.

import { GO } from '../support/sipp.ts';

/** One step, as XML. */
export type Step = string;

const markup = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const attributes = (values: Readonly<Record<string, string | number | boolean | undefined>>): string =>
  Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}="${markup(String(value))}"`)
    .join('');

/** A whole scenario; every variable that its steps set counts as used. */
export function scenario(name: string, steps: readonly Step[], globals: readonly string[] = []): string {
  const text = steps.join('\n');
  const variables = new Set(
    [...text.matchAll(/assign_to="([^"]+)"/g)].flatMap(([, names = '']) => names.split(',')),
  );
  for (const global of globals) variables.delete(global);
  const shared = globals.length > 0 ? `<Global variables="${globals.join(',')}"/>\n` : '';
  const used = [...variables, ...globals].join(',');
  return `<scenario name="${name}">\n${shared}${text}\n${used ? `<Reference variables="${used}"/>\n` : ''}</scenario>\n`;
}

/** Sends lines; a blank one stands before the body. */
export const send = (
  lines: readonly string[],
  options: { readonly next?: string; readonly start_rtd?: string; readonly retrans?: number } = {},
): Step => `<send${attributes(options)}>\n<![CDATA[\n${lines.join('\n')}\n]]>\n</send>`;

export interface Expectation {
  readonly optional?: boolean;
  /** Milliseconds. */
  readonly timeout?: number;
  /** Where to go on when nothing comes in time; without it that is a failure. */
  readonly ontimeout?: string;
  readonly next?: string;
  readonly test?: string;
  /** The routes of this answer are kept as `[routes]`, its Contact as `[next_url]`. */
  readonly rrs?: boolean;
  readonly checks?: readonly string[];
}

/** Waits for a response (a number) or a request (a method). */
export function expect(what: number | string, { checks = [], ...options }: Expectation = {}): Step {
  const kind = typeof what === 'number' ? { response: what } : { request: what };
  const start = `<recv${attributes({ ...kind, ...options })}`;
  return checks.length === 0 ? `${start}/>` : `${start}>\n<action>\n${checks.join('\n')}\n</action>\n</recv>`;
}

/** The header field must hold this (a POSIX extended expression). */
export const has = (header: string, regexp: string): string =>
  `<ereg${attributes({ regexp, search_in: 'hdr', header: `${header}:`, check_it: true, assign_to: 'seen' })}/>`;

/** The message must hold this. */
export const contains = (regexp: string): string =>
  `<ereg${attributes({ regexp, search_in: 'msg', check_it: true, assign_to: 'seen' })}/>`;

/** The message must not hold this. */
export const lacks = (regexp: string): string =>
  `<ereg${attributes({ regexp, search_in: 'msg', check_it_inverse: true, assign_to: 'seen' })}/>`;

/** Keeps the whole message under a name, for `matches` and `differs` later. */
export const keepMessage = (name: string): string =>
  `<ereg${attributes({ regexp: '.*', search_in: 'msg', assign_to: name })}/>`;

/** What was kept must hold this, or must not. */
export const matches = (name: string, regexp: string): string =>
  `<ereg${attributes({ regexp, search_in: 'var', variable: name, check_it: true, assign_to: 'seen' })}/>`;
export const differs = (name: string, regexp: string): string =>
  `<ereg${attributes({ regexp, search_in: 'var', variable: name, check_it_inverse: true, assign_to: 'seen' })}/>`;

/** The header field, if it is there, must not hold this. */
export const lacksIn = (header: string, regexp: string): string =>
  `<ereg${attributes({ regexp, search_in: 'hdr', header: `${header}:`, check_it_inverse: true, assign_to: 'seen' })}/>`;

/** Keeps the first group of the expression under a name. */
export const keep = (header: string, regexp: string, name: string): string =>
  `<ereg${attributes({ regexp, search_in: 'hdr', header: `${header}:`, check_it: true, assign_to: `seen,${name}` })}/>`;

export const pause = (milliseconds: number): Step => `<pause milliseconds="${milliseconds}"/>`;
export const label = (id: string): Step => `<label id="${id}"/>`;
export const action = (...actions: readonly string[]): Step =>
  `<nop>\n<action>\n${actions.join('\n')}\n</action>\n</nop>`;
export const go = (next: string, test?: string): Step => `<nop${attributes({ next, test })}/>`;

/** Waits until the test says so by `Sipp.go`: for what has happened elsewhere, not for a time. */
export const gate = (): Step => expect(GO);

/** Nothing more may come for so long; whatever does is a failure. */
export const silence = (milliseconds: number): Step => pause(milliseconds);

export interface SdpOptions {
  /** Whole media sections; by default one of audio. */
  readonly media?: readonly string[];
  readonly direction?: 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';
  readonly address?: string;
  readonly version?: number;
  /** Payload types of the audio line. */
  readonly formats?: string;
  readonly port?: number;
}

export function sdp(options: SdpOptions = {}): string[] {
  const address = options.address ?? '[local_ip]';
  const audio = [
    `m=audio ${options.port ?? 6000} RTP/AVP ${options.formats ?? '0 101'}`,
    'a=rtpmap:0 PCMU/8000',
    'a=rtpmap:101 telephone-event/8000',
    ...(options.direction ? [`a=${options.direction}`] : []),
  ];
  return [
    'v=0',
    `o=sipp 1 ${options.version ?? 1} IN IP4 [local_ip]`,
    's=-',
    `c=IN IP4 ${address}`,
    't=0 0',
    ...(options.media ?? audio),
  ];
}

/** Content-Type, length and the body itself, or an empty body. */
export const body = (lines: readonly string[] | undefined, type = 'application/sdp'): string[] =>
  lines === undefined
    ? ['Content-Length: 0', '']
    : [`Content-Type: ${type}`, 'Content-Length: [len]', '', ...lines];
