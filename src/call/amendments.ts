// What is changed in an INVITE that met a refusal before it goes out once more (RFC 3261 8.1.3.5, 26.114 6.2.1a.2).

export const AMENDMENTS = [
  /** The description with our address of the other IP family, where the far end names that as the reason (RFC 3261 20.43). */
  'other-family',
  /** The description as RTP/AVP alone, without capability negotiation or encryption that is not a must. */
  'plain',
  /** The description as SRTP alone, where ours left the choice: a far end that takes nothing else, and no capability negotiation (Asterisk). */
  'protected',
  /** Without video. */
  'no-video',
  /** Without preconditions, where they are our wish and not a must (RFC 3312 8, 11). */
  'no-conditions',
  /** Without body parts beside the description. */
  'no-parts',
  /** Without the option tags that the response names as unsupported. */
  'no-extensions',
  /** A telephone number as a SIP URI of the home domain (RFC 3261 19.1.6). */
  'sip-uri',
] as const;
export type Amendment = (typeof AMENDMENTS)[number];

export interface AmendmentRow {
  readonly status: number;
  /** In this order, the first that would change something; each once for a call. */
  readonly try: readonly Amendment[];
  readonly clause: string;
}

export const AMENDMENT_TABLE: readonly AmendmentRow[] = [
  { status: 413, try: ['no-parts', 'no-video'], clause: 'RFC 3261 8.1.3.5, 21.4.11' },
  { status: 415, try: ['no-parts'], clause: 'RFC 3261 8.1.3.5, 21.4.13' },
  { status: 416, try: ['sip-uri'], clause: 'RFC 3261 8.1.3.5, 21.4.14' },
  { status: 420, try: ['no-conditions', 'no-extensions'], clause: 'RFC 3261 8.1.3.5, 21.4.15' },
  {
    status: 488,
    try: ['other-family', 'plain', 'protected', 'no-video'],
    clause: 'RFC 3261 21.4.26, 26.114 6.2.1a.2',
  },
  { status: 580, try: ['no-conditions'], clause: 'RFC 3312 8' },
  {
    status: 606,
    try: ['other-family', 'plain', 'protected', 'no-video'],
    clause: 'RFC 3261 21.6.4, 26.114 6.2.1a.2',
  },
];

export const amendmentsFor = (status: number): readonly Amendment[] =>
  AMENDMENT_TABLE.find((row) => row.status === status)?.try ?? [];
