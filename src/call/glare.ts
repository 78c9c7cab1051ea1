// RFC 3261 14.1, 14.2; RFC 3311 5.2: how long whoever met a crossing change waits.
import type { Random } from '#src/base/random.ts';
import { Milliseconds, Seconds, toMilliseconds } from '#src/base/units.ts';
import type { SipResponse } from '#src/sip/message/message.ts';

/** 14.1: after 491 the owner of the Call-ID waits 2.1 to 4 s, the other side up to 2 s, in steps of 10 ms. */
const WAIT = { owner: { from: 2_100, to: 4_000 }, other: { from: 0, to: 2_000 }, step: 10 } as const;
/** 14.2: what we ask of others, 0 to 10 seconds. */
const MOST_ASKED = 10;
/** An owner who presses a button does not wait longer for it. */
const LONGEST_RETRY = Seconds(32);

export function glareWait(random: Random, ownsCallId: boolean): Milliseconds {
  const { from, to } = ownsCallId ? WAIT.owner : WAIT.other;
  const steps = Math.floor(random.uniform() * ((to - from) / WAIT.step + 1));
  return Milliseconds(from + steps * WAIT.step);
}

/** For our 500: a random number of seconds, so that two of the same make do not meet again. */
export const askedDelay = (random: Random): Seconds =>
  Seconds(Math.floor(random.uniform() * (MOST_ASKED + 1)));

const SERVER_ERROR = 500;
const SERVICE_UNAVAILABLE = 503;

/** Undefined: a refusal for good. */
export function retryDelay(response: SipResponse): Milliseconds | undefined {
  const { status, retryAfter } = response;
  if (status !== SERVER_ERROR && status !== SERVICE_UNAVAILABLE) return undefined;
  if (retryAfter === undefined || retryAfter > LONGEST_RETRY) return undefined;
  return toMilliseconds(Seconds(retryAfter));
}
