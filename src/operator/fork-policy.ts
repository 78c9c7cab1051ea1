// NG.110 2.2.6, RFC 3261 16.7: which answer wins, and what the other legs are told.
import type { SipResponse } from '#src/sip/message/message.ts';

/** Why the legs that are left are released. */
export type ReleaseCause = 'answered' | 'declined' | 'busy' | 'timeout' | 'caller';

/** Reason in the CANCEL; the caller's own CANCEL has none (MD-2.2.6b: a missed call). */
export const RELEASE_REASONS: Readonly<Record<ReleaseCause, string | undefined>> = {
  answered: 'SIP;cause=200;text="Call completed elsewhere"',
  declined: 'SIP;cause=603;text="Declined"',
  busy: 'SIP;cause=600;text="Busy Everywhere"',
  timeout: 'SIP;cause=408;text="Request Timeout"',
  caller: undefined,
};

/** What a final answer of one leg means for the others; undefined: they go on ringing. */
export function releasedBy(
  status: number,
  options: { busyEverywhere: boolean; primary: boolean },
): ReleaseCause | undefined {
  if (status < 300) return 'answered';
  if (status === 603) return 'declined';
  if (status >= 600) return 'busy';
  // MD-2.2.6c2: the operator may take the primary's 486 for an answer of all.
  return status === 486 && options.primary && options.busyEverywhere ? 'busy' : undefined;
}

/** RFC 3261 16.7 step 6: these tell the caller most within their class; 487 and 408 tell least. */
const FIRST = [401, 407, 415, 420, 484, 486, 480];
const LAST = [408, 487];

/** A smaller rank is the better answer for the caller. */
function rank(status: number): number {
  const kind = status >= 600 ? 0 : Math.floor(status / 100);
  const first = FIRST.indexOf(status);
  const last = LAST.indexOf(status);
  return kind * 1000 + (first >= 0 ? first : last >= 0 ? 900 + last : 100);
}

export function bestOf(responses: readonly SipResponse[]): SipResponse | undefined {
  return responses.reduce<SipResponse | undefined>(
    (best, each) => (best === undefined || rank(each.status) < rank(best.status) ? each : best),
    undefined,
  );
}
