// Requests and challenges for the digest tests.
import { parseAuthFields } from '#src/sip/digest/fields.ts';
import { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { parseUri } from '#src/sip/message/uri.ts';

export function uri(text: string) {
  const parsed = parseUri(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
}

export function request(method = 'REGISTER', target = 'sip:operator.example', body = ''): SipRequest {
  return SipRequest.create({
    method,
    uri: uri(target),
    headers: [
      ['Via', 'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1'],
      ['From', '<sip:alice@operator.example>;tag=a'],
      ['To', '<sip:alice@operator.example>'],
      ['Call-ID', 'c1'],
      ['CSeq', `1 ${method}`],
    ],
    body,
  });
}

export const challenged = (
  to: SipRequest,
  status: number,
  headers: [name: string, value: string][],
): SipResponse => SipResponse.reply(to, status, { toTag: 'b', headers });

/** The parameters of the credentials, all header fields of that name in order. */
export const credentials = (from: SipRequest, name = 'Authorization') =>
  parseAuthFields(from.headers.getAll(name)).map(({ params }) => Object.fromEntries(params));
