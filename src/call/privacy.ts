// OIR and TIR: what we say about hiding who we are (RFC 3323 4, RFC 3325 7, 24.607 4.5.2.1, 24.608 4.5.2.1).
import type { Dialog } from '#src/sip/dialog/dialog.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { SipUri, uriEquals } from '#src/sip/message/uri.ts';
import type { HeaderPairs } from './facts.ts';

/** What the Privacy header field of a request of ours says; `unsaid`: there is none. */
export type Privacy = 'unsaid' | 'none' | 'id' | 'header';

export interface PrivacySettings {
  /** Of calls for which the owner says nothing. */
  readonly calls: 'none' | 'id' | 'header';
  /** Who calls us does not see as whom we answer (TIR). */
  readonly answers: boolean;
}

export const OPEN: PrivacySettings = { calls: 'none', answers: false };

/** RFC 3323 4.1.1.3: shown instead of us. */
export const ANONYMOUS = NameAddr.of(SipUri.of({ user: 'anonymous', host: 'anonymous.invalid' }), {
  displayName: 'Anonymous',
});

/**
 * The owner's word for one call goes over the setting, both ways: to show oneself where hiding is the rule is said by
 * `none` (24.607 4.5.2.1), which also overrides what the network would do by itself.
 */
export function privacyOf(asked: boolean | undefined, { calls }: PrivacySettings): Privacy {
  if (asked === undefined) return calls === 'none' ? 'unsaid' : calls;
  if (asked) return calls === 'header' ? 'header' : 'id';
  return calls === 'none' ? 'unsaid' : 'none';
}

/** Whether From and Contact must not tell who we are. */
export const hides = (privacy: Privacy): boolean => privacy === 'id' || privacy === 'header';

/** Whether a dialog that stands hides us: as caller its From did, as callee the setting does. */
export const hidesUs = ({ role, localUri }: Dialog, { answers }: PrivacySettings): boolean =>
  role === 'uas' ? answers : uriEquals(localUri.uri, ANONYMOUS.uri);

/** In what belongs to such a dialog: a later message must not tell what the first one hid. */
export const privacyWithin = (dialog: Dialog, settings: PrivacySettings): HeaderPairs =>
  hidesUs(dialog, settings) ? [['Privacy', 'id']] : [];

export const privacyHeaders = (privacy: Privacy): HeaderPairs =>
  privacy === 'unsaid' ? [] : [['Privacy', privacy]];

/** In every 18x and 2xx to INVITE alike (24.608 4.5.2.1; 34.229 8.6 looks at 183, 180 and 200). */
export const answerPrivacy = ({ answers }: PrivacySettings): HeaderPairs =>
  answers ? [['Privacy', 'id']] : [];
