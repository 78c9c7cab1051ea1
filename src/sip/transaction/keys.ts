// RFC 3261 17.1.3 and 17.2.3: which transaction a message belongs to.
import type { SipRequest, SipResponse } from '#src/sip/message/message.ts';

/** 17.1.3: branch of the top Via and method of the CSeq. */
export const clientKey = (branch: string, method: string): string => `${branch} ${method}`;

export const responseKey = (response: SipResponse): string =>
  clientKey(response.topVia.branch ?? '', response.cseq.method);

/**
 * 17.2.3: branch, sent-by and method, where an ACK belongs to its INVITE. A peer of RFC 2543, whose branch lacks the
 * magic cookie, is known by what it repeats. To tags are left out there: an ACK carries the one of our response, which
 * `ackMatches` checks; other requests of one dialog differ in their CSeq.
 */
export function serverKey(request: SipRequest, method = request.method): string {
  const via = request.topVia;
  const kind = method === 'ACK' ? 'INVITE' : method;
  const sentBy = via.sentBy.toLowerCase();
  if (via.hasUniqueBranch) return ['3261', via.branch, sentBy, kind].join(' ');
  const { from, callId, cseq, requestUri } = request;
  const parts = [
    from.tag ?? '',
    callId,
    String(cseq.number),
    requestUri.toString(),
    via.branch ?? '',
    sentBy,
    kind,
  ];
  return ['2543', ...parts.map((part) => JSON.stringify(part))].join(' ');
}

/** 17.2.3, RFC 2543 peers: the ACK's To tag is that of the response it acknowledges. */
export function ackMatches(ack: SipRequest, response: SipResponse | undefined): boolean {
  return ack.topVia.hasUniqueBranch || ack.to.tag === response?.to.tag;
}
