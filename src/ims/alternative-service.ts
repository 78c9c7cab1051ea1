// TS 24.229 7.6 application/3gpp-ims+xml: what the network asks for instead of the call, in a 380 or a 504.
import { type Element, parseXml } from '#src/base/xml.ts';
import type { SipMessage } from '#src/sip/message/message.ts';
import { bodyOfType } from '#src/sip/message/multipart.ts';
import type { NameAddr } from '#src/sip/message/name-addr.ts';
import { SipUri, type Uri, uriEquals } from '#src/sip/message/uri.ts';

const IMS_XML_TYPE = 'application/3gpp-ims+xml';

export interface AlternativeService {
  /** `emergency`, `restoration`; unknown words are kept. */
  readonly type?: string;
  /** `emergency-registration`, `initial-registration`, `anonymous-emergencycall`. */
  readonly action?: string;
  /** For people. */
  readonly reason?: string;
}

const MOST_OCTETS = 16 * 1024;
const MOST_TEXT = 200;

/** By its name alone: networks write the document with and without a namespace. */
function child(element: Element, name: string): Element | undefined {
  for (let node = element.firstChild; node; node = node.nextSibling)
    // The node type says that it is an element.
    if (node.nodeType === node.ELEMENT_NODE && (node as Element).localName === name) return node as Element;
  return undefined;
}

const text = (element: Element, name: string): string | undefined =>
  child(element, name)?.textContent?.trim().slice(0, MOST_TEXT) || undefined;

/** Undefined when there is no such body, or it cannot be read. */
export function alternativeServiceOf(message: SipMessage): AlternativeService | undefined {
  const body = bodyOfType(message, IMS_XML_TYPE);
  const root = body && parseXml(body, { octets: MOST_OCTETS });
  if (!root?.ok || root.value.localName !== 'ims-3gpp') return undefined;
  const service = child(root.value, 'alternative-service');
  if (!service) return undefined;
  const [type, action, reason] = ['type', 'action', 'reason'].map((name) => text(service, name));
  return {
    ...(type === undefined ? {} : { type: type.toLowerCase() }),
    ...(action === undefined ? {} : { action: action.toLowerCase() }),
    ...(reason === undefined ? {} : { reason }),
  };
}

/** TS 24.229 5.1.2A.1.6: the network has lost this device and asks for a new initial registration. */
export const asksToRegister = ({ type, action }: AlternativeService): boolean =>
  type === 'restoration' && action === 'initial-registration';

/** It comes from one of the proxies of this registration, and from nobody who could make us register at will. */
export const comesFrom = (message: SipMessage, proxies: readonly NameAddr[]): boolean =>
  message.assertedIdentities.some(({ uri }) => proxies.some((proxy) => sameProxy(proxy.uri, uri)));

/** Route parameters and ports aside: an asserted identity names the host. */
const sameProxy = (one: Uri, other: Uri): boolean =>
  uriEquals(one, other) ||
  (one instanceof SipUri &&
    other instanceof SipUri &&
    one.host.toLowerCase() === other.host.toLowerCase() &&
    (one.user ?? '') === (other.user ?? ''));
