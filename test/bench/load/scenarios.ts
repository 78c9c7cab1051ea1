// Loads for SIPp: calls without media, a callee, registrations (RFC 3261 13, 10).
import { hungUp } from '#test/peers/scenarios/caller.ts';
import { expect, scenario, sdp, send } from '#test/peers/scenarios/xml.ts';

const VIA = 'Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]';

const request = (method: string, cseq: number, uri: string, more: readonly string[]): string[] => [
  `${method} ${uri} SIP/2.0`,
  VIA,
  'Max-Forwards: 70',
  'From: <sip:load@[local_ip]:[local_port]>;tag=[pid]-[call_number]',
  `Call-ID: [call_id]`,
  `CSeq: ${cseq} ${method}`,
  'Contact: <sip:load@[local_ip]:[local_port]>',
  ...more,
];

const described = (lines: readonly string[]): string[] => [
  'Content-Type: application/sdp',
  'Content-Length: [len]',
  '',
  ...lines,
];
const EMPTY = ['Content-Length: 0', ''];

/** INVITE to BYE, at once. `uri`: who is called. */
export const caller = (uri: string): string =>
  scenario('caller', [
    send(request('INVITE', 1, uri, [`To: <${uri}>`, ...described(sdp({ formats: '0' }))]), {}),
    expect(100, { optional: true }),
    expect(180, { optional: true }),
    expect(183, { optional: true }),
    expect(200, { rrs: true }),
    send(request('ACK', 1, '[next_url]', ['[routes]', `To: <${uri}>[peer_tag_param]`, ...EMPTY])),
    send(request('BYE', 2, '[next_url]', ['[routes]', `To: <${uri}>[peer_tag_param]`, ...EMPTY])),
    expect(200),
  ]);

const COPIED = [
  '[last_Via:]',
  '[last_From:]',
  '[last_To:];tag=[pid]-[call_number]',
  '[last_Call-ID:]',
  '[last_CSeq:]',
];
const CONTACT = 'Contact: <sip:callee@[local_ip]:[local_port]>';

/** Answers at once: the processes of a Kamailio may let a 200 overtake a 180, and SIPp gives up then. */
export const callee = (): string =>
  scenario('callee', [
    expect('INVITE'),
    send(['SIP/2.0 200 OK', ...COPIED, '[last_Record-Route:]', CONTACT, ...described(sdp({ formats: '0' }))]),
    expect('ACK'),
    ...hungUp(),
  ]);

export interface Subscriber {
  readonly uri: string;
  readonly domain: string;
  readonly user: string;
  readonly password: string;
}

/** REGISTER, challenge, REGISTER with credentials. */
export function registrations({ uri, domain, user, password }: Subscriber): string {
  const register = (cseq: number, more: readonly string[]): string[] =>
    [
      `REGISTER sip:${domain} SIP/2.0`,
      VIA,
      'Max-Forwards: 70',
      `From: <${uri}>;tag=[pid]-[call_number]`,
      `To: <${uri}>`,
      'Call-ID: [call_id]',
      `CSeq: ${cseq} REGISTER`,
      'Contact: <sip:load@[local_ip]:[local_port]>;+sip.instance="<urn:uuid:00000000-0000-4000-8000-00000000cafe>"',
      'Expires: 600',
      'Supported: path',
      ...more,
      ...EMPTY,
    ].filter((line, index, all) => line !== '' || index === all.length - 1);
  return scenario('registrations', [
    send(register(1, [])),
    expect(100, { optional: true }),
    expect(401).replace('<recv', '<recv auth="true"'),
    send(register(2, [`[authentication username=${user} password=${password}]`])),
    expect(100, { optional: true }),
    expect(200),
  ]);
}
