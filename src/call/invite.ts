// The initial INVITE (24.229 5.1.2A.1.1, 5.1.3.1; IR.92 2.2.4; details 1.4).

import type { PreconditionPolicy } from '#src/sdp/preconditions.ts';
import { HeaderList } from '#src/sip/message/header-list.ts';
import { hasToken, SipRequest } from '#src/sip/message/message.ts';
import { buildMultipart, type Part } from '#src/sip/message/multipart.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import type { Uri } from '#src/sip/message/uri.ts';
import {
  ACCEPT,
  ACCEPT_CONTACT,
  CALL_METHODS,
  CALL_OPTION_TAGS,
  INVITE_OPTION_TAGS,
  PREFERRED_SERVICE,
  SDP_TYPE,
} from './capabilities.ts';
import type { HeaderPairs } from './facts.ts';
import type { Line } from './line.ts';
import { ANONYMOUS, hides, type Privacy, privacyHeaders } from './privacy.ts';

export interface InviteFields {
  readonly target: Uri;
  readonly identity: NameAddr;
  readonly additional?: NameAddr | undefined;
  /** OIR: the callee shall not see who calls (RFC 3323, 24.607). */
  readonly privacy: Privacy;
  readonly contact: NameAddr;
  readonly callId: string;
  readonly fromTag: string;
  readonly cseq: number;
  /** RFC 4028 */
  readonly session: HeaderPairs;
  readonly sdp: Buffer;
  /** Of this one call: Replaces, Require, Referred-By, Additional-Identity. */
  readonly headers?: HeaderPairs | undefined;
  /** Beside the description; it becomes the first part of multipart/mixed (RFC 5621 3). */
  readonly parts?: readonly Part[] | undefined;
  /** RFC 3312 */
  readonly conditions?: PreconditionPolicy;
  /** Option tags that the network does not understand. */
  readonly without?: readonly string[];
  /** Stands in no part; wanted with `parts`. */
  readonly boundary?: string | undefined;
}

/** A group of header fields of the INVITE, each with a reason of its own. */
type Contributor = (fields: InviteFields, line: Line) => HeaderPairs;

const MAX_FORWARDS = '70';

/** RFC 3261 8.1.1, 12.1.2 */
const addressing: Contributor = (fields, line) => {
  const { target, identity, privacy } = fields;
  const from = hides(privacy) ? ANONYMOUS : NameAddr.of(identity.uri, { displayName: identity.displayName });
  return [
    ['Max-Forwards', MAX_FORWARDS],
    ...line.route.map((hop) => ['Route', hop.toString()] as const),
    ['From', from.withTag(fields.fromTag).toString()],
    ['To', NameAddr.of(target).toString()],
    ['Call-ID', fields.callId],
    ['CSeq', `${fields.cseq} INVITE`],
    ['Contact', fields.contact.toString()],
  ];
};

/** 24.174 4.5.3.1, TS 24.229 7.2.20: used by whom it does not belong to. */
const shared: Contributor = ({ additional }) =>
  additional ? [['Additional-Identity', NameAddr.of(additional.uri).toString()]] : [];

/** The identity is always told: for the default one it does no harm, for another one it is a must (MD-2.4.6.1a). */
const ims: Contributor = ({ identity }, { profile }) =>
  profile === 'ims'
    ? [
        ['P-Preferred-Identity', NameAddr.of(identity.uri, { displayName: identity.displayName }).toString()],
        ['P-Preferred-Service', PREFERRED_SERVICE],
        ['Accept-Contact', ACCEPT_CONTACT],
        // RFC 5009 7, 24.229 5.1.3.1
        ['P-Early-Media', 'supported'],
        // RFC 6086 5.2.3: INFO is understood, no package of it.
        ['Recv-Info', ''],
      ]
    : [];

/** RFC 3323 4.2, 24.607 */
const anonymity: Contributor = ({ privacy }) => privacyHeaders(privacy);

/** RFC 3261 8.1.1.9, 20.1, 20.5, 20.37 */
const abilities: Contributor = ({ without = [], conditions = 'off' }, { profile }) => {
  const tags = new Set<string>([...CALL_OPTION_TAGS, ...INVITE_OPTION_TAGS]);
  if (conditions !== 'off') tags.add('precondition');
  const named = [...tags].filter((tag) => !hasToken(without, tag));
  return [
    ['Accept', ACCEPT[profile]],
    ['Allow', CALL_METHODS.join(', ')],
    ...(named.length > 0 ? [['Supported', named.join(', ')] as const] : []),
  ];
};

/** RFC 3312 11; in the IMS they are never required by the INVITE (24.229 6.1.2). */
const conditions: Contributor = (fields, { profile }) =>
  fields.conditions === 'mandatory' && profile === 'sip' ? [['Require', 'precondition']] : [];

/** RFC 4028 7.1 */
const timer: Contributor = ({ session }) => session;

const ofThisCall: Contributor = ({ headers = [] }) => headers;

const CONTRIBUTORS: readonly Contributor[] = [
  addressing,
  shared,
  ims,
  anonymity,
  abilities,
  conditions,
  timer,
  ofThisCall,
];

export function inviteRequest(line: Line, fields: InviteFields): SipRequest {
  const headers = CONTRIBUTORS.flatMap((contribute) => [...contribute(fields, line)]);
  const request = SipRequest.create({ method: 'INVITE', uri: fields.target, headers });
  const { sdp, parts = [], boundary = 'body' } = fields;
  if (parts.length === 0) request.setBody(SDP_TYPE, sdp);
  else {
    const description: Part = { headers: HeaderList.of([['Content-Type', SDP_TYPE]]), body: sdp };
    const type = `multipart/mixed;boundary="${boundary}"`;
    request.setBody(type, buildMultipart([description, ...parts], boundary));
  }
  return request;
}
