// How a call ended: by whom, with which code, under which label (contract `end`, NG.110 2.7).
import type { TandemError } from '#src/base/errors.ts';
import { type CallLabel, cancelLabel, decidingReason, endedByNetwork, type ReasonValue } from './labels.ts';
import { type CallEnd, reasonSnapshot } from './snapshot.ts';
import type { CallEvent } from './table.ts';

/** What is known when the call ends. */
export interface EndingFacts {
  readonly event: CallEvent;
  readonly direction: 'in' | 'out';
  /** A conversation had begun. */
  readonly answered: boolean;
  /** Another device of the number was taking it. */
  readonly pulled?: boolean;
  /** Final response to our INVITE, or the one that we gave. */
  readonly status?: number | undefined;
  readonly reasons?: readonly ReasonValue[] | undefined;
  /** Of the response that ended it (RFC 3261 20.43). */
  readonly warning?: string | undefined;
  readonly error?: TandemError | undefined;
}

/** Failures that the status alone does not explain: the end names them, and the owner is told. */
const TOLD: readonly string[] = [
  'call.not-encrypted',
  'call.media-address',
  'call.session-expired',
  'call.redirected',
  'call.alternative-service',
  'call.restoration',
];
export const isTold = (error: TandemError): boolean => TOLD.includes(error.id);

const ownReason = (error: TandemError | undefined, cause: number | undefined): CallEnd['reason'] =>
  error && isTold(error)
    ? { protocol: 'SIP', ...(cause === undefined ? {} : { cause }), text: error.message }
    : undefined;

/** What a barring or another service says without a Reason. */
const warned = (text: string | undefined, cause: number | undefined): CallEnd['reason'] =>
  text === undefined ? undefined : { protocol: 'SIP', ...(cause === undefined ? {} : { cause }), text };

type Ending = Pick<CallEnd, 'by' | 'label'> & { readonly sip?: number | undefined };

/** Final responses that the person called, or their device, gave; others come from something in between. */
const FROM_PEER: readonly number[] = [480, 486, 487, 488, 580, 600, 603, 606];
const REQUEST_TIMEOUT = 408;
const SERVICE_UNAVAILABLE = 503;
const TEMPORARILY_UNAVAILABLE = 480;
const BUSY_HERE = 486;
const NOT_ACCEPTABLE_HERE = 488;
const REQUEST_TERMINATED = 487;
const SERVER_TIMEOUT = 504;
const PRECONDITION_FAILURE = 580;
/** Nobody was told, and another device may have been. */
const NOT_RUNG: readonly number[] = [TEMPORARILY_UNAVAILABLE, BUSY_HERE];

export function endOf(facts: EndingFacts, at: string): CallEnd {
  const { by, label: plain, sip } = ending(facts);
  const label = facts.pulled && plain === 'answered' ? 'pulled' : plain;
  const reason = decidingReason(facts.reasons ?? []);
  const why = reason ? reasonSnapshot(reason) : (ownReason(facts.error, sip) ?? warned(facts.warning, sip));
  return { at, by, ...(sip === undefined ? {} : { sip }), ...(why ? { reason: why } : {}), label };
}

function ending(facts: EndingFacts): Ending {
  const { event, status, answered } = facts;
  switch (event) {
    case 'bye':
      return answered ? { by: 'remote', label: 'answered' } : takenBack(facts);
    case 'cancelled':
      return takenBack(facts);
    case 'ring-timeout':
      return { by: 'local', label: 'missed', sip: TEMPORARILY_UNAVAILABLE };
    case 'expired':
      return { by: 'remote', label: 'missed', sip: REQUEST_TERMINATED };
    case 'unready':
      return { by: 'remote', label: 'failed', sip: PRECONDITION_FAILURE };
    case 'prack-timeout':
      return { by: 'network', label: 'failed', sip: SERVER_TIMEOUT };
    case 'unanswerable':
      // Busy without waiting, or closing, is a call that nobody got to hear of; the rest is a failure to understand each other.
      return { by: 'local', label: NOT_RUNG.includes(status ?? 0) ? 'missed' : 'failed', sip: status };
    case 'replaced':
      return { by: 'remote', label: answered ? 'answered' : 'cancelled' };
    case 'refused':
      return { by: FROM_PEER.includes(status ?? 0) ? 'remote' : 'network', label: 'failed', sip: status };
    case 'failed':
      return { by: 'network', label: failedLabel(facts), sip: failureStatus(facts.error) };
    case 'ack-timeout':
      return { by: 'network', label: 'failed', sip: REQUEST_TIMEOUT };
    case 'unusable':
      return { by: 'local', label: 'failed', sip: NOT_ACCEPTABLE_HERE };
    case 'answer-failed':
      return { by: 'local', label: 'failed', sip: status };
    case 'lost':
      return { by: 'network', label: 'answered', sip: status };
    default:
      return byUs(facts);
  }
}

const takenBack = (facts: EndingFacts): Ending => {
  const reasons = facts.reasons ?? [];
  return { by: endedByNetwork(reasons) ? 'network' : 'remote', label: cancelLabel(reasons) };
};

const failedLabel = (facts: EndingFacts): CallLabel => (facts.direction === 'in' ? 'missed' : 'failed');

/** RFC 3261 8.1.3.1: a timeout counts as 408, a transport error as 503; a refused password has its own status. */
function failureStatus(error: TandemError | undefined): number {
  if (typeof error?.detail.status === 'number') return error.detail.status;
  return error?.id === 'sip.timeout' ? REQUEST_TIMEOUT : SERVICE_UNAVAILABLE;
}

/** The owner, or Tandem closing. */
function byUs(facts: EndingFacts): Ending {
  if (facts.answered) return { by: 'local', label: 'answered' };
  if (facts.direction === 'out') return { by: 'local', label: 'cancelled' };
  return facts.event === 'abandon'
    ? { by: 'local', label: 'missed', sip: TEMPORARILY_UNAVAILABLE }
    : { by: 'local', label: 'rejected', sip: BUSY_HERE };
}
