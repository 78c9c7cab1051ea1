// Small SIP messages for tests of the layers below the user agent.
import { SipRequest } from '#src/sip/message/message.ts';
import { parseUri } from '#src/sip/message/uri.ts';

export interface Sample {
  readonly method?: string;
  readonly uri?: string;
  readonly callId?: string;
  readonly cseq?: number;
  readonly fromTag?: string;
  readonly toTag?: string;
  /** The whole value; without it there is no Via. */
  readonly via?: string;
  readonly body?: string | Buffer;
  readonly headers?: readonly (readonly [string, string])[];
}

/** A request with the mandatory header fields. */
export function sampleRequest(sample: Sample = {}): SipRequest {
  const { method = 'OPTIONS', cseq = 1, callId = 'call-1@example.com', fromTag = 'from-1', toTag } = sample;
  const uri = parseUri(sample.uri ?? 'sip:bob@example.com');
  if (!uri.ok) throw new Error(uri.error.reason);
  return SipRequest.create({
    method,
    uri: uri.value,
    headers: [
      ...(sample.via === undefined ? [] : ([['Via', sample.via]] as const)),
      ['Max-Forwards', '70'],
      ['From', `<sip:alice@example.com>;tag=${fromTag}`],
      ['To', `<sip:bob@example.com>${toTag === undefined ? '' : `;tag=${toTag}`}`],
      ['Call-ID', callId],
      ['CSeq', `${cseq} ${method}`],
      ...(sample.headers ?? []),
    ],
    ...(sample.body === undefined ? {} : { body: sample.body }),
  });
}
