// Header fields that several requests and responses of a call share.

import type { Rejection } from '#src/sdp/answer.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { AnswerFields, SendingOptions } from '#src/sip/ua/user-agent.ts';
import { CALL_METHODS, CALL_OPTION_TAGS } from './capabilities.ts';
import type { HeaderPairs, Refusal } from './facts.ts';
import type { Line } from './line.ts';
import { namesConditions } from './set-up-plan.ts';

/** Over the registered flow, which may be another one than the dialog began with; with our answers to challenges. */
export const lineSending = (line: Line): SendingOptions => ({ digest: line.digest, flow: line.flow });

/** What a 18x or 2xx of ours to INVITE, and a 2xx to UPDATE, must say (RFC 3261 12.1.1, 13.3.1; details trap 28). */
export function dialogHeaders(line: Line, flow: Flow, hidden = false): HeaderPairs {
  return [
    ['Contact', line.contact({ privacy: hidden, to: flow }).toString()],
    ['Allow', CALL_METHODS.join(', ')],
    ['Supported', CALL_OPTION_TAGS.join(', ')],
  ];
}

/**
 * What a re-INVITE or UPDATE of ours says beside its Contact, which the dialog adds. A call that was set up with
 * preconditions goes on to know them, one without does not (24.229 5.1.3.1).
 */
export const inDialogHeaders = ({
  conditions = false,
  reliable = false,
}: {
  readonly conditions?: boolean;
  /** A re-INVITE names what the first INVITE did: its 18x may be reliable (RFC 3262 4). */
  readonly reliable?: boolean;
} = {}): HeaderPairs => [
  ['Allow', CALL_METHODS.join(', ')],
  [
    'Supported',
    [...(reliable ? ['100rel'] : []), ...CALL_OPTION_TAGS, ...(conditions ? ['precondition'] : [])].join(
      ', ',
    ),
  ],
];

/** A description ahead of the answer that holds conditions must be understood (RFC 3312 11, 24.229 5.1.4.1). */
export const conditionHeaders = (description: Buffer | undefined): HeaderPairs =>
  description && namesConditions(description) ? [['Require', 'precondition']] : [];

/** RFC 3261 20.43: `301 host "text"`. */
export const warningHeader = (rejection: Rejection, host: string): readonly [string, string] => [
  'Warning',
  `${rejection.warning.code} ${host.includes(':') ? `[${host}]` : host} "${rejection.warning.text}"`,
];

/** RFC 3261 20.33: try again in so many seconds. */
export const retryAfter = (seconds: number): readonly [string, string] => ['Retry-After', `${seconds}`];

/** What goes into the final response that refuses. */
export const answerOf = ({ headers = [], body }: Refusal): AnswerFields => ({
  headers,
  ...(body ? { body } : {}),
});
