// Communication waiting as the network tells it in an INVITE (24.615 4.4.1, 4.5.5.2; RFC 7462 4.3), and other ring signals.
import { childElements, parseXml } from '#src/base/xml.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import { bodyOfType } from '#src/sip/message/multipart.ts';
import { CALL_WAITING_TYPE } from './capabilities.ts';

const NAMESPACE = 'urn:3gpp:ns:cw:1.0';
const LIMIT = { octets: 4_096 };
const WAITING = 'urn:alert:service:call-waiting';
const ALERT = /^urn:alert:/i;

/** Q.850 19: the user was alerted and did not answer (24.615 4.5.5.3.4). */
export const NO_ANSWER_REASON: readonly [string, string] = [
  'Reason',
  'Q.850;cause=19;text="User alerting, no answer"',
];

const alertUris = (request: SipRequest): readonly string[] =>
  request.typed('Alert-Info').map(({ uri }) => uri.toString());

/** The network says that the user is busy already: by its body, or by the URN in the INVITE itself, as some do. */
export function indicatesWaiting(request: SipRequest): boolean {
  if (alertUris(request).some((uri) => uri.toLowerCase() === WAITING)) return true;
  const body = bodyOfType(request, CALL_WAITING_TYPE);
  const root = body && parseXml(body, LIMIT);
  if (!root?.ok || root.value.namespaceURI !== NAMESPACE || root.value.localName !== 'ims-cw') return false;
  return childElements(root.value, NAMESPACE, 'communication-waiting-indication').length > 0;
}

/** Other signals that the ringing is asked to sound like; files of strangers are neither fetched nor told. */
export const otherAlerts = (request: SipRequest): readonly string[] =>
  alertUris(request).filter((uri) => ALERT.test(uri) && uri.toLowerCase() !== WAITING);
