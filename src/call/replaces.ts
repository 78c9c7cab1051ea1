// RFC 3891 Replaces: the dialog that a new INVITE takes the place of, as one names it and as one finds it.
import type { Dialog } from '#src/sip/dialog/dialog.ts';
import { type DialogReference, dialogReference } from '#src/sip/message/values.ts';
import type { HeaderPairs } from './facts.ts';
import type { DialogState } from './snapshot.ts';
import type { CallState } from './table.ts';

/** What is known of a dialog after it as well. */
export interface DialogName {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
}

/** What a call says of itself to whoever wants to take its place. */
export interface Replaceable {
  readonly direction: 'in' | 'out';
  readonly state: CallState;
  readonly dialogNames: readonly (DialogName & { readonly state: DialogState })[];
}

export type ReplaceVerdict = 'take' | 481 | 486 | 603;

const CALL_DOES_NOT_EXIST = 481;
/** RFC 3891 3: `0` is how one names a tag that a peer of RFC 2543 did not give. */
const NO_TAG = '0';
const sameTag = (given: string | undefined, ours: string): boolean =>
  given === ours || (given === NO_TAG && ours === '');

/** From the point of view of the far end, which is the one that will look for it: `to-tag` is its own (RFC 3891 4). */
export const replacesValue = ({ callId, localTag, remoteTag }: DialogName): string =>
  `${callId};to-tag=${remoteTag === '' ? NO_TAG : remoteTag};from-tag=${localTag}`;

/** The dialog that an INVITE with these header fields takes the place of, as the party that had it sees it. */
export function replacedName(headers: HeaderPairs): DialogName | undefined {
  const value = headers.find(([name]) => name.toLowerCase() === 'replaces')?.[1];
  const { callId, fromTag, toTag } = (value === undefined ? undefined : dialogReference(value)) ?? {};
  return callId && fromTag && toTag ? { callId, localTag: fromTag, remoteTag: toTag } : undefined;
}

export const nameOf = ({ callId, localTag, remoteTag }: Dialog): DialogName => ({
  callId,
  localTag,
  remoteTag,
});

/** Both tags and the Call-ID must fit, exactly; Target-Dialog (RFC 4538) names a dialog in the same way. */
export const isNamed = (reference: DialogReference, name: DialogName): boolean =>
  reference.callId === name.callId &&
  sameTag(reference.toTag, name.localTag) &&
  sameTag(reference.fromTag, name.remoteTag);

interface RuleRow {
  readonly dialog: DialogState;
  /** Who began the call. */
  readonly direction: 'in' | 'out' | 'any';
  readonly verdict: ReplaceVerdict;
  /** With the flag `early-only`. */
  readonly earlyOnly: ReplaceVerdict;
  readonly why: string;
}

/** RFC 3891 3, in the order of its text. */
export const REPLACE_RULES: readonly RuleRow[] = [
  { dialog: 'terminated', direction: 'any', verdict: 603, earlyOnly: 603, why: 'it is over' },
  { dialog: 'confirmed', direction: 'any', verdict: 'take', earlyOnly: 486, why: 'the old one gets our BYE' },
  {
    dialog: 'early',
    direction: 'out',
    verdict: 'take',
    earlyOnly: 'take',
    why: 'the old one gets our CANCEL',
  },
  {
    dialog: 'early',
    direction: 'in',
    verdict: 481,
    earlyOnly: 481,
    why: 'it rings here: who called may CANCEL it',
  },
];

/** The one call whose dialog the reference names, or the status that refuses the INVITE; two matches are none. */
export function findReplaced<C extends Replaceable>(
  reference: DialogReference,
  calls: Iterable<C>,
): C | number {
  const found: { readonly call: C; readonly verdict: ReplaceVerdict }[] = [];
  for (const call of calls) {
    const verdict = judgeReplaces(reference, call);
    if (verdict !== undefined) found.push({ call, verdict });
  }
  const [only, second] = found;
  if (!only || second) return CALL_DOES_NOT_EXIST;
  return only.verdict === 'take' ? only.call : only.verdict;
}

/** Over for its owner, although a BYE or CANCEL may still be under way. */
const OVER: readonly CallState[] = ['cancelling', 'leaving', 'releasing', 'ended'];

/** `undefined`: the reference does not name a dialog of this call. */
export function judgeReplaces(reference: DialogReference, call: Replaceable): ReplaceVerdict | undefined {
  const named = call.dialogNames.find((name) => isNamed(reference, name));
  if (!named) return undefined;
  const dialog = OVER.includes(call.state) ? 'terminated' : named.state;
  const row = REPLACE_RULES.find(
    (rule) => rule.dialog === dialog && (rule.direction === 'any' || rule.direction === call.direction),
  );
  const verdict = reference.earlyOnly ? row?.earlyOnly : row?.verdict;
  return verdict ?? CALL_DOES_NOT_EXIST;
}
