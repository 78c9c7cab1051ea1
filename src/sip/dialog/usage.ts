// RFC 5057 5.1: what a final response to a request within a dialog ends.

/** The transaction alone, the usage it belonged to (the call, the subscription), or the dialog with all its usages. */
export type Ends = 'transaction' | 'usage' | 'dialog';

export interface UsageRow {
  readonly status: number;
  readonly ends: Ends;
  readonly why: string;
}

/** Every status not listed ends its transaction only. */
export const USAGE_TABLE: readonly UsageRow[] = [
  { status: 404, ends: 'dialog', why: 'the remote target no longer exists' },
  { status: 405, ends: 'usage', why: 'the method that the usage lives by is refused' },
  { status: 408, ends: 'usage', why: 'the peer is silent: RFC 3261 12.2.1.2' },
  { status: 410, ends: 'dialog', why: 'the remote target is gone' },
  { status: 416, ends: 'dialog', why: 'the remote target cannot be reached by its scheme' },
  { status: 480, ends: 'usage', why: 'the peer cannot be reached now' },
  { status: 481, ends: 'usage', why: 'the peer has lost the usage: RFC 3261 12.2.1.2' },
  { status: 482, ends: 'dialog', why: 'the route loops and will loop again' },
  { status: 483, ends: 'dialog', why: 'the route is too long and will be again' },
  { status: 484, ends: 'dialog', why: 'the remote target is no address' },
  { status: 485, ends: 'dialog', why: 'the remote target is ambiguous' },
  { status: 489, ends: 'usage', why: 'the subscription lives by this event' },
  { status: 501, ends: 'usage', why: 'as 405' },
  { status: 502, ends: 'dialog', why: 'the route is broken' },
  { status: 604, ends: 'dialog', why: 'the remote target exists nowhere' },
];

/** 405 and 501 end a usage only when the method is what keeps it (RFC 5057 5.1). */
const VITAL: ReadonlySet<string> = new Set(['INVITE', 'SUBSCRIBE', 'NOTIFY', 'BYE']);
const REFUSED_METHOD: ReadonlySet<number> = new Set([405, 501]);

export function endsWhat(status: number, method: string): Ends {
  const row = USAGE_TABLE.find((each) => each.status === status);
  if (!row) return 'transaction';
  if (REFUSED_METHOD.has(status) && !VITAL.has(method)) return 'transaction';
  if (status === 489 && method !== 'SUBSCRIBE' && method !== 'NOTIFY') return 'transaction';
  return row.ends;
}
