// What a call of Tandem understands, as data: methods, option tags, bodies. Only what is built is named.
import type { SdpProfile } from '#src/sdp/capabilities.ts';
import type { PreconditionPolicy } from '#src/sdp/preconditions.ts';

/** RFC 3261 20.5. SUBSCRIBE is that to what a REFER began (RFC 3515 2.4.4). PRACK stands here because one that matches nothing gets its 481 (RFC 3262 3) instead of 405. */
export const CALL_METHODS = [
  'INVITE',
  'ACK',
  'CANCEL',
  'BYE',
  'OPTIONS',
  'UPDATE',
  'INFO',
  'PRACK',
  'REFER',
  'NOTIFY',
  'SUBSCRIBE',
] as const;

/** RFC 3261 20.37; in every request and 2xx of a call. */
export const CALL_OPTION_TAGS: readonly string[] = [
  'from-change',
  'norefersub',
  'replaces',
  'tdialog',
  'timer',
];

/** What a Require may name: beside what we say of ourselves in every call, what the set-up knows. */
export const understoodTags = (preconditions: PreconditionPolicy): readonly string[] => [
  ...new Set([...CALL_OPTION_TAGS, '100rel']),
  ...(preconditions === 'off' ? [] : ['precondition']),
];

/** Sent in our INVITE only: 18x may be reliable (RFC 3262 4), a fork may be told to end by 199 (RFC 6228 4, NG.114 2.2.7). */
export const INVITE_OPTION_TAGS = ['100rel', '199'] as const;

export const SDP_TYPE = 'application/sdp';

/** 24.229 5.1.3.1 */
export const ACCEPT: Readonly<Record<SdpProfile, string>> = {
  ims: 'application/sdp, application/3gpp-ims+xml',
  sip: 'application/sdp',
};

/** TS 24.173 5.1, unescaped outside feature tags (24.229 7.2A.8). */
export const PREFERRED_SERVICE = 'urn:urn-7:3gpp-service.ims.icsi.mmtel';

/** RFC 3841 9.2 with the tag of multimedia telephony (IR.92 2.2.4). */
export const ACCEPT_CONTACT = '*;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"';

/** The network tells that the user is busy (24.615 4.4.1). */
export const CALL_WAITING_TYPE = 'application/vnd.3gpp.cw+xml';

/** RFC 7462 4.3, 24.615 4.5.5.3 */
export const CALL_WAITING_ALERT = '<urn:alert:service:call-waiting>';

/** Early dialogs of one INVITE that are kept (IR.92 2.2.5 asks for 40). */
export const EARLY_DIALOG_LIMIT = 64;

/** Calls at once; a further INVITE is answered 486. */
export const LIVE_CALL_LIMIT = 32;
