// What the tests of messages share: the torture messages, and shorthand that fails with a reason.
import { AssertionError } from 'node:assert';
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { type Abilities, checkRequest } from '#src/sip/message/check.ts';
import { type SipMessage, SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { type MessageFault, type ParseOptions, parseMessage } from '#src/sip/message/parse.ts';

/** The bytes of a message that npm's `sip` carries from RFC 4475, as a datagram. */
export const torture = (name: string): Buffer => readFileSync(`node_modules/sip/test/messages/${name}.dat`);

const DATAGRAM: ParseOptions = { datagram: true };

export function parsed(bytes: Buffer | string, options: ParseOptions = DATAGRAM): SipMessage {
  const result = parseMessage(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, options);
  if (!result.ok) throw new AssertionError({ message: `not read: ${result.error.reason}` });
  return result.value;
}

export function request(bytes: Buffer | string, options?: ParseOptions): SipRequest {
  const message = parsed(bytes, options);
  assert.instance(message, SipRequest);
  if (!(message instanceof SipRequest)) throw new Error('unreachable');
  return message;
}

export function response(bytes: Buffer | string, options?: ParseOptions): SipResponse {
  const message = parsed(bytes, options);
  assert.instance(message, SipResponse);
  if (!(message instanceof SipResponse)) throw new Error('unreachable');
  return message;
}

export function faultOf(bytes: Buffer | string, options: ParseOptions = DATAGRAM): MessageFault {
  const result = parseMessage(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, options);
  if (result.ok) throw new AssertionError({ message: `read as ${result.value.startLine}` });
  return result.error;
}

/** A user agent that can do what RFC 3261 asks, and nothing more. */
export const PLAIN_AGENT: Abilities = {
  methods: ['INVITE', 'ACK', 'CANCEL', 'BYE', 'OPTIONS', 'MESSAGE', 'REGISTER'],
  extensions: [],
  contentTypes: ['application/sdp', 'text/plain', 'multipart/mixed'],
  answerTypes: ['application/sdp'],
};

/** The status such an agent answers; undefined when it would act on the request. */
export function answerTo(bytes: Buffer | string): number | undefined {
  const result = parseMessage(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, DATAGRAM);
  if (!result.ok) return result.error.status;
  return result.value instanceof SipRequest ? checkRequest(result.value, PLAIN_AGENT)?.status : undefined;
}
