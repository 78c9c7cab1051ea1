// What each action of the call table does: the names of the table bound to the parts of a call.
import { BUSY_HERE, TEMPORARILY_UNAVAILABLE } from './admission.ts';
import type { Ringing } from './alerting.ts';
import type { CalleeRole } from './callee.ts';
import type { CallerRole } from './caller.ts';
import type { DialogSet } from './dialogs.ts';
import type { Facts, Refusal } from './facts.ts';
import type { Line } from './line.ts';
import type { Modifications } from './modification.ts';
import { releaseCause } from './release-cause.ts';
import type { CallAction, CallEvent } from './table.ts';

export interface CallParts {
  /** One of the two, by direction. */
  readonly caller: CallerRole | undefined;
  readonly callee: CalleeRole | undefined;
  readonly dialogs: DialogSet;
  readonly line: Line;
  readonly modifications: Modifications;
  readonly ringing: Ringing;
  end(event: CallEvent, facts: Facts): void;
  finish(): void;
}

export type CallActions = Readonly<Record<CallAction, (facts: Facts, event: CallEvent) => void>>;

const REQUEST_TERMINATED: Refusal = { status: 487 };
/** RFC 3262 3 asks for a 5xx. */
const SERVER_TIMEOUT: Refusal = { status: 504 };

export function callActions(parts: CallParts): CallActions {
  const { caller, callee, dialogs, modifications } = parts;
  return {
    invite: () => caller?.invite(),
    progress: () => callee?.progress(),
    ring: () => callee?.ring(parts.ringing),
    admit: () => callee?.admit(),
    'stop-ringing': () => callee?.stopRinging(),
    promise: ({ answer }) => callee?.promise(answer ?? {}),
    announce: () => callee?.announce(parts.ringing),
    accept: () => callee?.accept(),
    'refuse-486': () => callee?.refuse(BUSY_HERE),
    'refuse-480': () => callee?.refuse(TEMPORARILY_UNAVAILABLE),
    'refuse-unanswered': () => callee?.refuseUnanswered(),
    'refuse-487': () => callee?.refuse(REQUEST_TERMINATED),
    'refuse-504': () => callee?.refuse(SERVER_TIMEOUT),
    'refuse-580': () => callee?.refuseUnready(),
    refuse: ({ refusal }) => {
      if (refusal) callee?.refuse(refusal);
    },
    'keep-dialog': ({ response }) => {
      if (response) caller?.keepDialog(response);
    },
    'drop-dialog': ({ leg, response }) => caller?.dropDialog(leg, response),
    acknowledge: ({ response }) => {
      if (response) caller?.acknowledge(response);
    },
    'negotiate-early': ({ incoming, leg }) => {
      if (incoming && callee) callee.receive(incoming);
      else if (incoming && leg && incoming.request.method === 'UPDATE') caller?.update(incoming, leg);
      else if (incoming) modifications.refuse(incoming);
    },
    confirm: ({ response }) => {
      if (response) caller?.confirm(response);
    },
    'release-late': ({ response }) => {
      if (response) caller?.releaseLate(response);
    },
    cancel: (_facts, event) => caller?.cancel(event),
    bye: (_facts, event) => dialogs.releaseAll(releaseCause(parts.line, event)),
    'take-ack': ({ request }) => {
      if (request) callee?.takeAck(request);
      modifications.acknowledged();
    },
    negotiate: ({ incoming, leg }) => {
      if (incoming && leg) modifications.negotiate(incoming, leg);
    },
    'refuse-modify': ({ incoming }) => {
      if (incoming) modifications.refuse(incoming);
    },
    end: (facts, event) => parts.end(event, facts),
    finish: () => parts.finish(),
  };
}
