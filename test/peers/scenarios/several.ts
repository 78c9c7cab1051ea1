// SIPp as one server of several dialogs: a scenario whose first message says which of them it is.
import { OPENING } from './callee.ts';
import { body, expect, type Step, send } from './xml.ts';

/** The first request of a dialog; what later messages are made of is kept. */
export const opens = (method: string, next: string, checks: readonly string[] = [], last = false): Step =>
  expect(method, {
    ...(last ? {} : { optional: true }),
    next,
    checks: [...OPENING, ...checks],
  });

export const CONTACT = 'Contact: <sip:conf7@[local_ip]:[local_port]>;isfocus';

export const answer = (status: string, headers: readonly string[] = [], content?: readonly string[]): Step =>
  send([
    `SIP/2.0 ${status}`,
    'Via:[$via]',
    'From:[$from]',
    'To:[$to];tag=focus',
    'Call-ID: [call_id]',
    'CSeq:[$cseq]',
    ...headers,
    ...body(content),
  ]);

export const notify = (
  cseq: number,
  event: string,
  state: string,
  type: string,
  content: readonly string[],
): Step[] => [
  send([
    'NOTIFY [$target] SIP/2.0',
    `Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-${cseq}`,
    'From:[$to];tag=focus',
    'To:[$from]',
    'Call-ID: [call_id]',
    `CSeq: ${cseq} NOTIFY`,
    'Max-Forwards: 70',
    CONTACT,
    `Event: ${event}`,
    `Subscription-State: ${state}`,
    ...body(content, type),
  ]),
  expect(200),
];
