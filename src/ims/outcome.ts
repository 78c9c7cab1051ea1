// TS 24.229 5.1.1.2.1, 5.1.1.4: what the answer to a REGISTER means for the registration.
import { TandemError } from '#src/base/errors.ts';
import { Seconds } from '#src/base/units.ts';
import type { SipResponse } from '#src/sip/message/message.ts';
import { isSipUri, type SipUri } from '#src/sip/message/uri.ts';
import type { RegistrationEvent } from './registration-table.ts';

export interface Outcome {
  readonly event: RegistrationEvent;
  /** Why not, for the owner. */
  readonly error?: TandemError;
  /** How long the other side wants to be left alone. */
  readonly retryAfter?: Seconds;
  /** Of a 423. */
  readonly minExpires?: Seconds;
  /** Of a 305. */
  readonly proxy?: SipUri;
  /** The new interval of a registration that the network shortened. */
  readonly expires?: Seconds;
}

/** What the agent asked for and how often it was sent on already. */
export interface Attempt {
  readonly requested: Seconds;
  readonly redirects: number;
  /** Timer F, 64 × T1: up to this a Retry-After is waited for at the same P-CSCF. */
  readonly patience: Seconds;
}

/** RFC 3261 8.1.3.4 leaves the number open; more than this is a loop. */
const MAX_REDIRECTS = 5;

/** Statuses by which the network says that the registration must be made afresh (corrected 24.229 5.1.1.4.1). */
const RESTART = new Set([403, 408, 500, 504]);

/** A final answer that is no success; 401 and 407 come here when the digest could not satisfy them. */
export function readRefusal(response: SipResponse, attempt: Attempt): Outcome {
  const { status } = response;
  const error = refusal(response);
  if (status === 423) {
    const min = response.minExpires;
    if (min !== undefined && min > attempt.requested) return { event: 'too-brief', minExpires: Seconds(min) };
    return { event: 'failed', error };
  }
  if (status === 401 || status === 407) return { event: 'untrusted', error };
  if (status === 305) {
    const proxy = response.contacts[0]?.uri;
    if (isSipUri(proxy) && attempt.redirects < MAX_REDIRECTS) return { event: 'use-proxy', proxy };
    return { event: 'failed', error };
  }
  const retryAfter = response.retryAfter;
  if (status >= 400 && retryAfter !== undefined && retryAfter > 0) {
    const event = retryAfter > attempt.patience ? 'elsewhere' : 'postponed';
    return { event, error, retryAfter: Seconds(retryAfter) };
  }
  return { event: RESTART.has(status) ? 'restart' : 'failed', error };
}

/** No answer, or one that could not be believed. */
export function readFailure(error: TandemError): Outcome {
  return { event: error.id.startsWith('auth.') ? 'untrusted' : 'unreachable', error };
}

function refusal(response: SipResponse): TandemError {
  const detail = { status: response.status, reason: response.reason };
  switch (response.status) {
    case 401:
    case 407:
      return new TandemError('operator', 'auth.rejected', 'The operator refused the user name or password.', {
        detail,
      });
    case 403:
      return new TandemError(
        'operator',
        'registration.forbidden',
        'The operator forbids this account to register.',
        {
          detail,
        },
      );
    case 404:
      return new TandemError('operator', 'registration.unknown', 'The operator does not know this account.', {
        detail,
      });
    default:
      return new TandemError(
        'operator',
        'registration.refused',
        `The operator refused the registration: ${response.status} ${response.reason}.`,
        { detail },
      );
  }
}
