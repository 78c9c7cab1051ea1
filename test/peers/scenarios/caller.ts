// SIPp as the side that calls a device.
import { body, type Expectation, expect, has, type Step, sdp, send } from './xml.ts';

export interface RequestFields {
  readonly cseq?: number;
  /** Equal for messages of one transaction. */
  readonly branch?: string;
  readonly from?: string;
  readonly headers?: readonly string[];
  readonly body?: readonly string[] | undefined;
  readonly type?: string;
  readonly uri?: string;
  /** Who is called, when it is not the address that SIPp sends to. */
  readonly device?: string;
  /** Another dialog or transaction of the same SIPp call: SIPp ignores what stands before `///`. */
  readonly callId?: string;
  /** `none`: outside a dialog. `peer`: the tag that the device gave. Else a tag of the test's own. */
  readonly toTag?: 'none' | 'peer' | string;
  readonly via?: string;
  readonly contact?: string;
}

export const DEVICE_URI = 'sip:device@[remote_ip]:[remote_port]';
const VIA = 'Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]';

const toTag = (tag: string): string =>
  tag === 'none' ? '' : tag === 'peer' ? '[peer_tag_param]' : `;tag=${tag}`;

/** Lines of a request of the caller `user`. */
export const request = (method: string, user: string, fields: RequestFields = {}): string[] => [
  `${method} ${fields.uri ?? fields.device ?? DEVICE_URI} SIP/2.0`,
  fields.via ?? `${VIA}-${fields.branch ?? `${method}${fields.cseq ?? 1}`}`,
  `From: ${fields.from ?? `<sip:${user}@[local_ip]:[local_port]>`};tag=[pid]caller`,
  `To: <${fields.device ?? DEVICE_URI}>${toTag(fields.toTag ?? 'none')}`,
  `Call-ID: ${fields.callId ? `${fields.callId}///` : ''}[call_id]`,
  `CSeq: ${fields.cseq ?? 1} ${method}`,
  'Max-Forwards: 70',
  fields.contact ?? `Contact: <sip:${user}@[local_ip]:[local_port];transport=[transport]>`,
  ...(fields.headers ?? []),
  ...body(fields.body, fields.type),
];

export const invite = (user: string, fields: RequestFields = {}): Step =>
  send(request('INVITE', user, { body: sdp(), ...fields }));

/** ACK of a 2xx. */
export const ack = (user: string, fields: RequestFields = {}): Step =>
  send(
    request('ACK', user, {
      toTag: 'peer',
      ...fields,
      branch: fields.branch ?? `ACK-2xx-${fields.cseq ?? 1}`,
    }),
  );

/** ACK of a final response that is no 2xx: in the transaction of the INVITE. */
export const ackRefusal = (user: string, fields: RequestFields = {}): Step =>
  send(request('ACK', user, { toTag: 'peer', branch: `INVITE${fields.cseq ?? 1}`, ...fields }));

export const cancel = (user: string, headers: readonly string[] = [], fields: RequestFields = {}): Step =>
  send(request('CANCEL', user, { branch: `INVITE${fields.cseq ?? 1}`, headers, ...fields }));

export const inDialog = (method: string, user: string, fields: RequestFields & { cseq: number }): Step =>
  send(request(method, user, { toTag: 'peer', ...fields }));

export const rings = (more: Expectation = {}): Step[] => [expect(100, { optional: true }), expect(180, more)];

/** INVITE to the 180. */
export const ringing = (user: string, fields: RequestFields = {}): Step[] => [
  invite(user, fields),
  ...rings(),
];

/** A CANCEL has its own 200 (RFC 3261 9.2). */
export const cancelTaken = (): Step => expect(200, { checks: [has('CSeq', '1 CANCEL')] });

/** INVITE to the ACK of the 200. */
export const callSetUp = (user: string, fields: RequestFields = {}, answer: Expectation = {}): Step[] => [
  ...ringing(user, fields),
  expect(200, answer),
  ack(user),
];

/** BYE of the caller. */
export const hangUp = (user: string, cseq = 2): Step[] => [inDialog('BYE', user, { cseq }), expect(200)];

/** The device hangs up. */
export const hungUp = (): Step[] => [expect('BYE'), send(reply(200))];

/** A response to the request received last. */
export const reply = (
  status: number | string,
  headers: readonly string[] = [],
  content?: readonly string[],
): string[] => [
  `SIP/2.0 ${typeof status === 'number' ? `${status} Answer` : status}`,
  '[last_Via:]',
  '[last_From:]',
  '[last_To:]',
  '[last_Call-ID:]',
  '[last_CSeq:]',
  ...headers,
  ...body(content),
];

/** INVITE that rings first, then is refused with this status. */
export const refusedAfterRinging = (user: string, status: number, fields: RequestFields = {}): Step[] => [
  ...ringing(user, fields),
  expect(status),
  ackRefusal(user, { ...(fields.from ? { from: fields.from } : {}) }),
];

/** INVITE that is refused with this status, acknowledged. */
export const refused = (
  user: string,
  status: number,
  fields: RequestFields = {},
  checks: readonly string[] = [],
): Step[] => [
  invite(user, fields),
  expect(100, { optional: true }),
  expect(status, { checks }),
  ackRefusal(user),
];
