// SIPp as the side that a device calls.
import { reply } from './caller.ts';
import { body, type Expectation, expect, keep, type Step, sdp, send } from './xml.ts';

/** Keeps of the first request of a dialog what later messages are made of. */
export const OPENING: readonly string[] = [
  keep('Via', '(.*)', 'via'),
  keep('From', '(.*)', 'from'),
  keep('To', '(.*)', 'to'),
  keep('CSeq', '(.*)', 'cseq'),
  keep('Contact', '<([^>]*)>', 'target'),
];

/** Takes the INVITE and keeps what later messages are made of. */
export const called = ({ checks = [], ...more }: Expectation = {}): Step =>
  expect('INVITE', { ...more, checks: [...OPENING, ...checks] });

export interface ResponseFields {
  /** Each is a dialog of its own. */
  readonly tag?: string;
  readonly headers?: readonly string[];
  readonly body?: readonly string[];
  /** Default application/sdp. */
  readonly type?: string;
  /** Where it is reached, when that is not its own address: `host:port`. */
  readonly contact?: string;
}

/** A response to the INVITE, whatever came since. */
export const respond = (status: number, fields: ResponseFields = {}): Step =>
  send([
    `SIP/2.0 ${status} Answer`,
    'Via:[$via]',
    'From:[$from]',
    `To:[$to]${status === 100 ? '' : `;tag=${fields.tag ?? 'callee'}`}`,
    'Call-ID: [call_id]',
    'CSeq:[$cseq]',
    `Contact: <sip:${fields.tag ?? 'callee'}@${fields.contact ?? '[local_ip]:[local_port]'};transport=[transport]>`,
    ...(fields.headers ?? []),
    ...body(fields.body, fields.type),
  ]);

/** 200 with an answer, and its ACK. */
export const accept = (fields: ResponseFields = {}, ack: Expectation = {}): Step[] => [
  respond(200, { body: sdp({ formats: '0' }), ...fields }),
  expect('ACK', ack),
];

/** A final refusal, and its ACK. */
export const refuse = (status: number, fields: ResponseFields = {}): Step[] => [
  respond(status, fields),
  expect('ACK'),
];

/** Takes an INVITE that came through proxies, whose Via fields all go back, and refuses it. */
export const refuseThrough = (status: number, checks: readonly string[]): Step[] => [
  expect('INVITE', { checks }),
  send(reply(status).map((line) => (line === '[last_To:]' ? `${line};tag=callee` : line))),
  expect('ACK'),
];

/** A request of SIPp's own in the dialog. */
export const ask = (method: string, cseq: number, tag = 'callee'): Step =>
  send([
    `${method} [$target] SIP/2.0`,
    `Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-${method}${cseq}`,
    `From:[$to];tag=${tag}`,
    'To:[$from]',
    'Call-ID: [call_id]',
    `CSeq: ${cseq} ${method}`,
    'Max-Forwards: 70',
    `Contact: <sip:${tag}@[local_ip]:[local_port]>`,
    'Content-Length: 0',
    '',
  ]);
