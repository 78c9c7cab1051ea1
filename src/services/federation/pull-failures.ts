// RFC 3891 3, 4: why a call could not be taken from another device, in words.
import type { CallEnd } from '#src/call/snapshot.ts';

interface PullFailureRow {
  readonly status: number;
  readonly text: string;
  readonly clause: string;
}

export const PULL_FAILURES: readonly PullFailureRow[] = [
  {
    status: 403,
    text: 'The network does not allow calls to be taken from another device.',
    clause: 'RFC 3261 21.4.4',
  },
  { status: 405, text: 'The other side cannot hand the call over.', clause: 'RFC 3261 21.4.6' },
  {
    status: 408,
    text: 'The other side did not answer; the call stays where it is.',
    clause: 'RFC 3261 21.4.9',
  },
  { status: 420, text: 'The other side cannot hand the call over.', clause: 'RFC 3891 5' },
  { status: 481, text: 'The call is over, or has moved on already.', clause: 'RFC 3891 3' },
  { status: 486, text: 'The other side does not hand the call over now.', clause: 'RFC 3891 3' },
  {
    status: 488,
    text: 'The other side and this device understand no common codec.',
    clause: 'RFC 3261 21.4.26',
  },
  { status: 501, text: 'The other side cannot hand the call over.', clause: 'RFC 3261 21.5.2' },
  { status: 603, text: 'The call is over, or the other side does not hand it over.', clause: 'RFC 3891 3' },
];

/** Undefined when there was none: it was taken, or given up here. */
export function pullFailure(end: CallEnd, answered: boolean): string | undefined {
  if (answered || end.label !== 'failed') return undefined;
  const known = PULL_FAILURES.find(({ status }) => status === end.sip)?.text;
  return known ?? `The call could not be taken from the other device${end.sip ? ` (${end.sip})` : ''}.`;
}
