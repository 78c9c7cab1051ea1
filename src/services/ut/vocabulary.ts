// TS 24.623 6.2, and the services of the document as a table: TS 24.604, 24.607, 24.608, 24.611, 24.615.

export const SIMSERVS_NS = 'http://uri.etsi.org/ngn/params/xml/simservs/xcap';
/** RFC 4745 13.2 */
export const COMMON_POLICY_NS = 'urn:ietf:params:xml:ns:common-policy';
export const AUID = 'simservs.ngn.etsi.org';
export const DOCUMENT_NAME = 'simservs.xml';
/** RFC 4825 15.2, TS 24.623 6.2 */
export const TYPES = {
  document: 'application/vnd.etsi.simservs+xml',
  element: 'application/xcap-el+xml',
  attribute: 'application/xcap-att+xml',
  error: 'application/xcap-error+xml',
} as const;

/** Octets of a document, and of any answer. */
export const MOST_OCTETS = 256 * 1024;
/** 24.604 4.9.2 */
export const NO_REPLY_RANGE = { least: 5, most: 180 } as const;

export type ForwardingName = 'unconditional' | 'not_logged_in' | 'busy' | 'not_reachable' | 'no_reply';
export type BarringName =
  | 'all_outgoing'
  | 'outgoing_international'
  | 'outgoing_international_except_home'
  | 'all_incoming'
  | 'incoming_roaming';
export type SwitchName = 'hide_number' | 'hide_answer' | 'call_waiting';

/** A rule of a service: which condition it has, and none but that. */
export interface RuleRow<Name extends string> {
  readonly name: Name;
  /** As networks speak of it. */
  readonly short: string;
  readonly element: string;
  /** Of the namespace of simservs; undefined: without any (24.604 4.9.1.3 NOTE 1). */
  readonly condition: string | undefined;
  /** What the rule is called when it is made here. */
  readonly id: string;
  readonly clause: string;
}

export const CDIV = 'communication-diversion';
export const OCB = 'outgoing-communication-barring';
export const ICB = 'incoming-communication-barring';

export const FORWARDINGS: readonly RuleRow<ForwardingName>[] = [
  {
    ...{ name: 'unconditional', short: 'CFU', element: CDIV, condition: undefined, id: 'cfu' },
    clause: '24.604 4.9.1.3',
  },
  {
    ...{ name: 'not_logged_in', short: 'CFNL', element: CDIV, condition: 'not-registered', id: 'cfnl' },
    clause: '24.604 4.9.1.3',
  },
  {
    ...{ name: 'busy', short: 'CFB', element: CDIV, condition: 'busy', id: 'cfb' },
    clause: '24.604 4.9.1.3',
  },
  {
    ...{ name: 'not_reachable', short: 'CFNRc', element: CDIV, condition: 'not-reachable', id: 'cfnrc' },
    clause: '24.604 4.9.1.3',
  },
  {
    ...{ name: 'no_reply', short: 'CFNR', element: CDIV, condition: 'no-answer', id: 'cfnr' },
    clause: '24.604 4.9.1.3',
  },
];

export const BARRINGS: readonly RuleRow<BarringName>[] = [
  {
    ...{ name: 'all_outgoing', short: 'BAOC', element: OCB, condition: undefined, id: 'baoc' },
    clause: '24.611 4.9.1.3',
  },
  {
    ...{
      name: 'outgoing_international',
      short: 'BOIC',
      element: OCB,
      condition: 'international',
      id: 'boic',
    },
    clause: '24.611 4.9.1.4',
  },
  {
    ...{ name: 'outgoing_international_except_home', short: 'BOIC-exHC', element: OCB },
    ...{ condition: 'international-exHC', id: 'boic-exhc', clause: '24.611 4.9.1.4' },
  },
  {
    ...{ name: 'all_incoming', short: 'BAIC', element: ICB, condition: undefined, id: 'baic' },
    clause: '24.611 4.9.1.3',
  },
  {
    ...{ name: 'incoming_roaming', short: 'BIC-Roam', element: ICB, condition: 'roaming', id: 'bic-roam' },
    clause: '24.611 4.9.1.4',
  },
];

/** A service without rules: on by its attribute, and by its default behaviour where it has one. */
export interface SwitchRow {
  readonly name: SwitchName;
  readonly short: string;
  readonly element: string;
  /** `default-behaviour` says whether it restricts. */
  readonly restricts: boolean;
  readonly clause: string;
}

export const SWITCHES: readonly SwitchRow[] = [
  {
    ...{ name: 'hide_number', short: 'OIR', element: 'originating-identity-presentation-restriction' },
    ...{ restricts: true, clause: '24.607 4.10' },
  },
  {
    ...{ name: 'hide_answer', short: 'TIR', element: 'terminating-identity-presentation-restriction' },
    ...{ restricts: true, clause: '24.608 4.9' },
  },
  {
    ...{ name: 'call_waiting', short: 'CW', element: 'communication-waiting', restricts: false },
    clause: '24.615 4.8',
  },
];

/** Where the network tells which conditions a user may have (24.604 4.9.3, 24.611 4.9.3). */
export const CAPABILITIES: Readonly<Record<string, string>> = {
  [CDIV]: 'communication-diversion-serv-cap',
  [OCB]: 'communication-barring-serv-cap',
  [ICB]: 'communication-barring-serv-cap',
};
