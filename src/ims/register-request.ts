// TS 24.229 5.1.1.2 to 5.1.1.6, RFC 3261 10.2: the REGISTER request and the Contact in it.
import type { Seconds } from '#src/base/units.ts';
import { SipRequest } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { Params } from '#src/sip/message/params.ts';
import { SipUri, type Uri } from '#src/sip/message/uri.ts';
import type { LocalContact } from '#src/sip/transport/transport.ts';
import { type Features, withFeatureTags } from './features.ts';

/** RFC 5626 4.2: one flow to one P-CSCF at a time, so one reg-id. */
const REG_ID = '1';
const MAX_FORWARDS = '70';

export interface ContactFields {
  readonly user: string;
  readonly local: LocalContact;
  readonly instance: string;
  /** Undefined for a plain registrar: no feature tags then. */
  readonly features?: Features | undefined;
}

/** The address under which requests reach this device. */
export const contactUri = ({ user, local }: Pick<ContactFields, 'user' | 'local'>): SipUri =>
  SipUri.of({
    user,
    host: local.host,
    port: local.port,
    params: local.transport === 'udp' ? Params.none : Params.of([['transport', local.transport]]),
  });

/** With `+sip.instance`, the feature tags, and reg-id (which a removal must not carry, 24.229 5.1.1.6). */
export function registeredContact(fields: ContactFields, purpose: 'bind' | 'remove'): NameAddr {
  let params = Params.none.withQuoted('+sip.instance', `<${fields.instance}>`);
  if (fields.features) params = withFeatureTags(params, fields.features);
  if (purpose === 'bind') params = params.with('reg-id', REG_ID);
  return NameAddr.of(contactUri(fields), { params });
}

export interface RegisterFields {
  readonly domain: string;
  readonly identity: Uri;
  readonly displayName?: string | undefined;
  readonly contact: NameAddr;
  readonly expires: Seconds;
  readonly callId: string;
  readonly fromTag: string;
  readonly cseq: number;
  readonly allow: readonly string[];
}

/** The Request-URI is the home domain without a user part; From and To are the identity registered. */
export function registerRequest(fields: RegisterFields): SipRequest {
  const from = NameAddr.of(fields.identity, { displayName: fields.displayName });
  return SipRequest.create({
    method: 'REGISTER',
    uri: SipUri.of({ host: fields.domain }),
    headers: [
      ['Max-Forwards', MAX_FORWARDS],
      ['From', from.withTag(fields.fromTag).toString()],
      ['To', NameAddr.of(fields.identity).toString()],
      ['Call-ID', fields.callId],
      ['CSeq', `${fields.cseq} REGISTER`],
      ['Contact', fields.contact.toString()],
      ['Expires', String(fields.expires)],
      // Not `gruu`: where the in-dialog request meets a proxy that does not look a GRUU up, the far end cannot hang up.
      // One that is given all the same is used.
      ['Supported', 'path, outbound'],
      ['Allow', fields.allow.join(', ')],
    ],
  });
}
