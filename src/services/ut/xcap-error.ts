// RFC 4825 11: why a server did not do what was asked, in words for the owner.
import { childElements, elementsIn, parseXml } from '#src/base/xml.ts';
import { MOST_OCTETS, SIMSERVS_NS } from './vocabulary.ts';

export const XCAP_ERROR_NS = 'urn:ietf:params:xml:ns:xcap-error';

/** RFC 4825 11.2, TS 24.623 5.3.2.5.2: element by element. */
const WORDS: Readonly<Record<string, string>> = {
  'not-well-formed': 'it could not read what was sent',
  'not-xml-frag': 'it could not read what was sent',
  'no-parent': 'the place for the change is not there any more',
  'schema-validation-error': 'it does not take this setting in the form it has',
  'not-xml-att-value': 'it could not read what was sent',
  'cannot-insert': 'the change does not fit in its place',
  'cannot-delete': 'this cannot be taken away',
  'uniqueness-failure': 'something of that name is there already',
  'constraint-failure': 'its rules do not allow this setting',
  'not-utf-8': 'it could not read what was sent',
  'password-required': 'it asks for the password of your services, which this device cannot give',
  'incorrect-password': 'the password of your services is wrong',
  'incorrect-xui-format': 'it does not know your identity in this form',
};

export interface XcapError {
  /** Name of the element; undefined when the answer does not say. */
  readonly name?: string;
  /** For people, as the server wrote it. */
  readonly phrase?: string;
  readonly words: string;
}

const MOST_PHRASE = 300;

/** What a 409 says; whatever its body is, there is an answer. */
export function readXcapError(body: Buffer): XcapError {
  const nothing = { words: 'it does not say why' };
  if (body.length === 0) return nothing;
  const root = parseXml(body, { octets: MOST_OCTETS });
  if (!root.ok || root.value.namespaceURI !== XCAP_ERROR_NS) return nothing;
  const [error] = elementsIn(root.value).filter(
    ({ namespaceURI, localName }) =>
      (namespaceURI === XCAP_ERROR_NS || namespaceURI === SIMSERVS_NS) && localName !== null,
  );
  if (!error) return nothing;
  const name = error.localName ?? '';
  // Only some have the attribute by RFC 4825 11.2; servers put it on any.
  const [deeper] = childElements(error, XCAP_ERROR_NS, 'extension');
  const phrase = (error.getAttribute('phrase') ?? deeper?.getAttribute('phrase') ?? '').trim();
  return {
    name,
    words: WORDS[name] ?? 'it does not say why',
    ...(phrase === '' ? {} : { phrase: phrase.replace(/\p{Cc}/gu, ' ').slice(0, MOST_PHRASE) }),
  };
}
