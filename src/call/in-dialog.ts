// Requests inside a dialog that leave the call as it is: INFO, OPTIONS, PRACK (RFC 6086, RFC 3261 11, RFC 3262 3).
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import { ACCEPT, CALL_METHODS, understoodTags } from './capabilities.ts';
import { capabilityDescription } from './offers.ts';
import type { CallWorld } from './world.ts';

const OK = 200;
const METHOD_NOT_ALLOWED = 405;
const UNSUPPORTED_MEDIA_TYPE = 415;
const BAD_INFO_PACKAGE = 469;
const BAD_EVENT = 489;
const FORBIDDEN = 403;
const CALL_DOES_NOT_EXIST = 481;

/** What PBXs put into INFO instead of RFC 4733 events. */
const DTMF_RELAY = 'application/dtmf-relay';
const DTMF = 'application/dtmf';
const DEFAULT_DIGIT_MS = 160;

export interface InfoDigit {
  readonly digit: string;
  readonly durationMs: number;
}

/** Answers; gives back a digit that an INFO carried. */
export function answerInDialog(incoming: Incoming, world: CallWorld, active: boolean): InfoDigit | undefined {
  switch (incoming.request.method) {
    case 'OPTIONS':
      answerOptions(incoming, world);
      return undefined;
    case 'PRACK':
      // Who calls sends no reliable provisional response, so it matches none; the called side answers its own.
      incoming.respond(CALL_DOES_NOT_EXIST);
      return undefined;
    case 'INFO':
      return answerInfo(incoming, active);
    case 'NOTIFY':
      incoming.respond(CALL_DOES_NOT_EXIST);
      return undefined;
    case 'SUBSCRIBE':
      refuseSubscribe(incoming);
      return undefined;
    default:
      incoming.respond(METHOD_NOT_ALLOWED, { headers: [['Allow', CALL_METHODS.join(', ')]] });
      return undefined;
  }
}

/** RFC 6665 4.2.1.3, RFC 3515 2.4.4: `refer` begins with a REFER and with nothing else, `dialog` outside of calls (RFC 4235). */
export function refuseSubscribe(incoming: Incoming): void {
  if (incoming.request.event?.type.toLowerCase() === 'refer') incoming.respond(FORBIDDEN);
  else incoming.respond(BAD_EVENT, { headers: [['Allow-Events', 'refer, dialog']] });
}

function answerInfo(incoming: Incoming, active: boolean): InfoDigit | undefined {
  const { request } = incoming;
  if (request.header('Info-Package') !== undefined) {
    incoming.respond(BAD_INFO_PACKAGE, { headers: [['Recv-Info', '']] });
    return undefined;
  }
  const type = request.contentType?.value;
  if (request.body.length > 0 && type !== DTMF_RELAY && type !== DTMF) {
    incoming.respond(UNSUPPORTED_MEDIA_TYPE, { headers: [['Accept', `${DTMF_RELAY}, ${DTMF}`]] });
    return undefined;
  }
  incoming.respond(OK);
  return active ? infoDigit(request.body.toString('latin1')) : undefined;
}

/** `Signal=5\r\nDuration=160`, or the bare digit. */
function infoDigit(text: string): InfoDigit | undefined {
  const signal = /^\s*(?:Signal\s*=\s*)?([0-9*#A-D])\s*(?:\r?\n|$)/i.exec(text)?.[1];
  if (signal === undefined) return undefined;
  const duration = /Duration\s*=\s*(\d{1,5})/i.exec(text)?.[1];
  return { digit: signal.toUpperCase(), durationMs: duration ? Number(duration) : DEFAULT_DIGIT_MS };
}

/** RFC 3261 11.2: what an INVITE would meet, and what we understand. */
export function answerOptions(incoming: Incoming, world: CallWorld): void {
  const { line } = world;
  incoming.respond(OK, {
    headers: [
      ['Contact', line.contact({ privacy: false, to: incoming.flow }).toString()],
      ['Allow', CALL_METHODS.join(', ')],
      ['Accept', ACCEPT[line.profile]],
      ['Supported', understoodTags(world.config.preconditions ?? 'off').join(', ')],
    ],
    body: capabilityDescription(world, incoming.flow),
  });
}
