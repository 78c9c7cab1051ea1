// SIPp as the P-CSCF and registrar of a device: each method has a branch of its own, since each is a SIPp call of its own.
import { OPENING } from './callee.ts';
import { ackRefusal, invite, type RequestFields, reply, rings } from './caller.ts';
import {
  action,
  body,
  type Expectation,
  expect,
  go,
  has,
  keep,
  keepMessage,
  label,
  type Step,
  scenario,
  send,
} from './xml.ts';

/** What happens after the first request of a Call-ID. */
export interface Branch {
  readonly method: string;
  /** Of the first request; that of a method's first branch holds for all of them, since SIPp reads it before it counts. */
  readonly first?: Expectation;
  readonly steps: readonly Step[];
}

const END = 'end';
/** SIPp wants a last step that is not optional. */
const NEVER = 'NEVER';

/** A scenario that goes by the method of the first request; a method's branches are used in turn. */
export function registrar(name: string, branches: readonly Branch[]): string {
  const methods = [...new Set(branches.map((branch) => branch.method))];
  const counters = methods.map((method) => `count${method}`);
  const steps = methods.flatMap((method) => {
    const own = branches.filter((branch) => branch.method === method);
    return [
      label(method),
      ...own.flatMap((_, index) => [
        ...(index === 0 ? [action(`<add assign_to="count${method}" value="1"/>`)] : []),
        action(
          `<test assign_to="is${method}${index}" variable="count${method}" compare="equal" value="${index + 1}"/>`,
        ),
        go(`${method}${index}`, `is${method}${index}`),
      ]),
      go(END),
      ...own.flatMap((branch, index) => [label(`${method}${index}`), ...branch.steps, go(END)]),
    ];
  });
  const gate = methods.map((method) => {
    const first = branches.find((branch) => branch.method === method)?.first ?? {};
    return expect(method, { ...first, optional: true, next: method });
  });
  return scenario(name, [...gate, expect(NEVER), ...steps, label(END), '<nop/>'], counters);
}

/** 200 to a REGISTER: the binding with its time, and what else it grants. */
export const grant = (seconds: number, headers: readonly string[] = []): Step =>
  send([
    'SIP/2.0 200 OK',
    '[last_Via:]',
    '[last_From:]',
    '[last_To:];tag=registrar',
    '[last_Call-ID:]',
    '[last_CSeq:]',
    `[last_Contact:];expires=${seconds}`,
    ...headers,
    ...body(undefined),
  ]);

/** Any other answer. */
export const deny = (status: number, headers: readonly string[] = []): Step => send(reply(status, headers));

/** The device leaves: REGISTER with Expires 0. */
export const leaves = (): Step[] => [
  expect('REGISTER', { checks: [has('Expires', '^ *0$')] }),
  send(reply(200)),
];

/** A registration that is granted at once and lasts for the test. */
export const registers = (headers: readonly string[] = [], between: readonly Step[] = []): Branch => ({
  method: 'REGISTER',
  first: { checks: [keep('Contact', '<([^>]*)>', 'target')] },
  steps: [grant(3600, headers), ...between, ...leaves()],
});

/** A registrar that knows no reg event package. */
export const NO_EVENTS: Branch = { method: 'SUBSCRIBE', steps: [deny(489)] };

/** A call that the device makes; its INVITE is kept as `invite`, for checks of a message that comes later. */
export const outgoing = (steps: readonly Step[]): Branch => ({
  method: 'INVITE',
  first: { checks: [...OPENING, keepMessage('invite')] },
  steps,
});

/** A call that the P-CSCF brings; within the SIPp call of the registration. */
export const brings = (user: string, headers: readonly string[], fields: RequestFields = {}): Step[] => {
  const all = { ...fields, device: 'sip:+46701234567@op.example', uri: '[$target]', callId: 'call' };
  return [invite(user, { ...all, headers }), ...rings(), expect(486), ackRefusal(user, all)];
};

export interface RegContact {
  readonly id: string;
  readonly state?: 'active' | 'terminated';
  readonly event?: string;
  readonly uri?: string;
  readonly instance: string;
  readonly more?: string;
}

export const contact = (one: RegContact): string =>
  `<contact id="${one.id}" state="${one.state ?? 'active'}" event="${one.event ?? 'registered'}" ${one.more ?? ''}>` +
  `<uri>${one.uri ?? `sip:${one.id}@127.0.0.1`}</uri>` +
  `<unknown-param name="+sip.instance">"&lt;${one.instance}&gt;"</unknown-param></contact>`;

/** Lines of a reginfo document. */
export const reginfo = (version: number, contacts: readonly RegContact[], state = 'full'): string[] => [
  '<?xml version="1.0"?>',
  `<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="${version}" state="${state}">`,
  `<registration aor="sip:+46701234567@op.example" id="r1" state="active">`,
  ...contacts.map(contact),
  '</registration>',
  '</reginfo>',
];

/** Takes a SUBSCRIBE, then sends each document by NOTIFY. */
export const notifies = (documents: readonly (readonly string[])[], then: readonly Step[] = []): Branch => ({
  method: 'SUBSCRIBE',
  first: {
    checks: [
      has('Event', 'reg'),
      keep('From', '(.*)', 'watcher'),
      keep('To', '(.*)', 'watched'),
      keep('Contact', '<([^>]*)>', 'watcherat'),
    ],
  },
  steps: [subscribed(), ...documents.flatMap((document, index) => notify(index + 1, document)), ...then],
});

/** 200 to a SUBSCRIBE. */
export const subscribed = (): Step =>
  send([
    'SIP/2.0 200 OK',
    '[last_Via:]',
    '[last_From:]',
    'To:[$watched];tag=notifier',
    '[last_Call-ID:]',
    '[last_CSeq:]',
    'Contact: <sip:notifier@[local_ip]:[local_port]>',
    'Expires: 3600',
    ...body(undefined),
  ]);

export const notify = (cseq: number, document: readonly string[]): Step[] => [
  send([
    'NOTIFY [$watcherat] SIP/2.0',
    `Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-NOTIFY${cseq}`,
    'From:[$watched];tag=notifier',
    'To:[$watcher]',
    'Call-ID: [call_id]',
    `CSeq: ${cseq} NOTIFY`,
    'Max-Forwards: 70',
    'Contact: <sip:notifier@[local_ip]:[local_port]>',
    'Event: reg',
    'Subscription-State: active;expires=3600',
    ...body(document, 'application/reginfo+xml'),
  ]),
  expect(200),
];
