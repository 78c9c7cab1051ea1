// The way of a diverted call: who was called first, and why it went on (RFC 7044, RFC 4458, RFC 5806, 24.604; MD-2.3.8).
import type { SipMessage } from '#src/sip/message/message.ts';
import type { NameAddr } from '#src/sip/message/name-addr.ts';
import { SipUri } from '#src/sip/message/uri.ts';
import type { DiversionStep } from './details.ts';
import { partyOf, printableLine } from './party.ts';
import { ANONYMOUS } from './privacy.ts';
import type { CallParty } from './snapshot.ts';

interface DiversionCause {
  readonly cause: number;
  /** For people: "because …". */
  readonly reason: string;
  readonly clause: string;
}

/** What the `cause` of a diverted-to address stands for. */
export const DIVERSION_CAUSES: readonly DiversionCause[] = [
  { cause: 302, reason: 'always', clause: 'RFC 4458 2.1, 24.604 CFU' },
  { cause: 404, reason: 'not logged in', clause: 'RFC 4458 2.1, 24.604 CFNL' },
  { cause: 408, reason: 'no answer', clause: 'RFC 4458 2.1, 24.604 CFNR' },
  { cause: 480, reason: 'passed on', clause: 'RFC 4458 2.1, 24.604 CD immediate' },
  { cause: 486, reason: 'busy', clause: 'RFC 4458 2.1, 24.604 CFB' },
  { cause: 487, reason: 'passed on while ringing', clause: 'RFC 4458 2.1, 24.604 CD during alerting' },
  { cause: 503, reason: 'not reachable', clause: 'RFC 4458 2.1, 24.604 CFNRc' },
];

/** The words of the older header field (RFC 5806 4), in the same words. */
export const DIVERSION_WORDS: Readonly<Record<string, string>> = {
  unconditional: 'always',
  'user-busy': 'busy',
  'no-answer': 'no answer',
  unavailable: 'not reachable',
  deflection: 'passed on',
  'follow-me': 'moved',
  'time-of-day': 'at this time of day',
  'do-not-disturb': 'not to be disturbed',
  'out-of-service': 'out of service',
  away: 'away',
};

const OTHER_REASON = 'unknown reason';
/** Longer ways are loops (24.604 allows an operator five diversions as a rule). */
const MOST_STEPS = 20;
const MOST_WORD = 40;

export interface Diversion {
  readonly steps: readonly DiversionStep[];
  /** Where it was sent last. */
  readonly target?: CallParty;
}

/** History-Info tells more than Diversion, and goes first. Undefined: nothing of a diversion stands there. */
export function readDiversion(message: SipMessage): Diversion | undefined {
  return fromHistory(message) ?? fromDiversion(message);
}

const causeOf = ({ uri }: NameAddr): number | undefined => {
  const text = uri instanceof SipUri ? uri.params.get('cause') : undefined;
  return text !== undefined && /^[1-6]\d\d$/.test(text) ? Number(text) : undefined;
};

/** RFC 7044 10.1: with a cause, or `mp` (mapped to another person), an entry is where the call was sent on to. */
function fromHistory(message: SipMessage): Diversion | undefined {
  const entries = message.typed('History-Info').slice(0, MOST_STEPS + 1);
  const hidden = message.privacy.includes('history');
  const steps: DiversionStep[] = [];
  let target: CallParty | undefined;
  for (const [index, entry] of entries.entries()) {
    const from =
      entries.find((other) => other.params.get('index') === entry.params.get('mp')) ?? entries[index - 1];
    const cause = causeOf(entry) ?? (entry.params.has('mp') ? reasonCause(from) : undefined);
    if (!from || (cause === undefined && !entry.params.has('mp'))) continue;
    steps.push({
      ...shown(from, hidden),
      ...(cause === undefined ? {} : { cause }),
      reason: reasonOf(cause),
    });
    target = shown(entry, hidden);
  }
  return target && { steps, target };
}

const reasonOf = (cause: number | undefined): string =>
  DIVERSION_CAUSES.find((row) => row.cause === cause)?.reason ?? OTHER_REASON;

/** RFC 7044 10.1: a Reason may stand in the URI of the one who did not take the call. */
function reasonCause(entry: NameAddr | undefined): number | undefined {
  const [, digits] =
    /(?:^|&)Reason=SIP(?:%20)*(?:%3B|;)(?:%20)*cause(?:%3D|=)(\d{3})/i.exec(headersOf(entry)) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

const headersOf = (entry: NameAddr | undefined): string =>
  entry?.uri instanceof SipUri ? (entry.uri.headers ?? '') : '';

/** RFC 7044 10.1.2: whoever asked for `Privacy=history` is not shown. */
const asksPrivacy = (entry: NameAddr): boolean => /(?:^|&)Privacy=(?!none)/i.test(headersOf(entry));

const shown = (entry: NameAddr, hidden: boolean): CallParty =>
  partyOf(hidden || asksPrivacy(entry) ? ANONYMOUS : entry);

/** RFC 5806 4: the latest diversion stands first. */
function fromDiversion(message: SipMessage): Diversion | undefined {
  const entries = message.typed('Diversion').slice(0, MOST_STEPS).toReversed();
  const steps = entries.map((entry): DiversionStep => {
    const word = printableLine(entry.params.get('reason')?.toLowerCase(), MOST_WORD);
    const hidden = /^(?:full|uri|name)$/i.test(entry.params.get('privacy') ?? '');
    return { ...shown(entry, hidden), reason: (word && DIVERSION_WORDS[word]) ?? OTHER_REASON };
  });
  return steps.length > 0 ? { steps } : undefined;
}

const named = ({ uri, name }: CallParty): string => (name === undefined ? uri : `${name} (${uri})`);

/** To the one who calls. */
export function forwardedTo({ steps, target }: Diversion): string {
  const { reason } = steps.at(-1) ?? { reason: OTHER_REASON };
  return target
    ? `The call is forwarded to ${named(target)}: ${reason}.`
    : `The call is forwarded: ${reason}.`;
}

/** To the one who is called. */
export function forwardedFrom({ steps }: Diversion): string {
  const [first] = steps;
  return first ? `Forwarded; it was for ${named(first)}: ${first.reason}.` : 'Forwarded.';
}
