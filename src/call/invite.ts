// The initial INVITE (24.229 5.1.2A.1.1, 5.1.3.1; IR.92 2.2.4; details 1.4).

import { SipRequest } from '#src/sip/message/message.ts';
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
import { ANONYMOUS } from './identity.ts';
import type { Line } from './line.ts';

export interface InviteFields {
  readonly target: Uri;
  readonly identity: NameAddr;
  /** OIR: the callee shall not see who calls (RFC 3323, 24.607). */
  readonly privacy: boolean;
  readonly contact: NameAddr;
  readonly callId: string;
  readonly fromTag: string;
  readonly cseq: number;
  readonly sdp: Buffer;
}

const MAX_FORWARDS = '70';

export function inviteRequest(line: Line, fields: InviteFields): SipRequest {
  const { target, identity, privacy, contact } = fields;
  const from = privacy ? ANONYMOUS : NameAddr.of(identity.uri, { displayName: identity.displayName });
  const headers: [string, string][] = [
    ['Max-Forwards', MAX_FORWARDS],
    ...line.route.map((hop): [string, string] => ['Route', hop.toString()]),
    ['From', from.withTag(fields.fromTag).toString()],
    ['To', NameAddr.of(target).toString()],
    ['Call-ID', fields.callId],
    ['CSeq', `${fields.cseq} INVITE`],
    ['Contact', contact.toString()],
    ...(line.profile === 'ims' ? imsHeaders(identity) : []),
    ...(privacy ? ([['Privacy', 'id']] satisfies [string, string][]) : []),
    ['Accept', ACCEPT[line.profile]],
    ['Allow', CALL_METHODS.join(', ')],
    ['Supported', [...CALL_OPTION_TAGS, ...INVITE_OPTION_TAGS].join(', ')],
    ['Content-Type', SDP_TYPE],
  ];
  return SipRequest.create({ method: 'INVITE', uri: target, headers, body: fields.sdp });
}

/** The identity is always told: for the default one it does no harm, for another one it is a must (MD-2.4.6.1a). */
const imsHeaders = (identity: NameAddr): [string, string][] => [
  ['P-Preferred-Identity', NameAddr.of(identity.uri, { displayName: identity.displayName }).toString()],
  ['P-Preferred-Service', PREFERRED_SERVICE],
  ['Accept-Contact', ACCEPT_CONTACT],
];
