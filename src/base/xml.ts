// XML from outside (XML 1.0, Namespaces in XML): bytes to elements and back, without document types.
import { DOMParser, type Element, onErrorStopParsing, XMLSerializer } from '@xmldom/xmldom';
import { err, ok, type Result } from './result.ts';

export type { Element } from '@xmldom/xmldom';

/** Entities could make a small document large, and document types could name files. */
const DECLARATION = /<!(?:DOCTYPE|ENTITY)/i;

/** Every element has a table of the namespaces in force: many of them within each other would cost their square. */
const MOST_NAMESPACES = 2_000;

/** The root of a well-formed document; the error is a sentence on what is wrong with it. Never throws. */
export function parseXml(body: Buffer, limits: { readonly octets: number }): Result<Element, string> {
  if (body.length > limits.octets) return err(`larger than ${limits.octets} octets`);
  const text = body.toString('utf8').replace(/^\uFEFF/, '');
  if (DECLARATION.test(text)) return err('a document type declaration is refused');
  if (text.split('xmlns').length > MOST_NAMESPACES) return err('too many namespaces');
  try {
    // xmldom throws on malformed input, as this handler asks it to.
    const document = new DOMParser({ onError: onErrorStopParsing }).parseFromString(text, 'text/xml');
    return document.documentElement ? ok(document.documentElement) : err('no root element');
  } catch (error) {
    return err(`not well-formed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** An element as a document of its own: the namespaces that it needs are declared in it. */
export const serializeXml = (element: Element): string => new XMLSerializer().serializeToString(element);

/** Prefix ('' for none) to namespace, as they begin to hold at this element. */
function bindingsAt(element: Element): [prefix: string, namespace: string][] {
  const declared = [...element.attributes].flatMap(({ name, value }): [string, string][] =>
    name === 'xmlns'
      ? [['', value]]
      : name.startsWith('xmlns:')
        ? [[name.slice('xmlns:'.length), value]]
        : [],
  );
  return [[element.prefix ?? '', element.namespaceURI ?? ''], ...declared];
}

/** The namespaces in force in an element, by prefix. */
export function namespacesIn(element: Element): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (let node: Element | null = element; node; node = node.parentElement) {
    const here = bindingsAt(node).filter(([prefix]) => !found.has(prefix));
    for (const [prefix, namespace] of here) found.set(prefix, namespace);
  }
  return found;
}

/** The prefix by which a namespace is known in an element, '' for the default one; undefined when it is not. */
export function prefixIn(element: Element, namespace: string): string | undefined {
  for (const [prefix, known] of namespacesIn(element)) if (known === namespace) return prefix;
  return undefined;
}

/** All child elements. */
export function elementsIn(element: Element): Element[] {
  const found: Element[] = [];
  for (let node = element.firstChild; node; node = node.nextSibling) {
    // The node type says that it is an element.
    if (node.nodeType === node.ELEMENT_NODE) found.push(node as Element);
  }
  return found;
}

/** The child elements of this name. */
export function childElements(element: Element, namespace: string, name: string): Element[] {
  return elementsIn(element).filter((child) => child.namespaceURI === namespace && child.localName === name);
}

/** Its text without blanks around it; undefined when there is none. */
export const childText = (element: Element, namespace: string, name: string): string | undefined =>
  childElements(element, namespace, name)[0]?.textContent?.trim() || undefined;

export const attribute = (element: Element, name: string): string | undefined =>
  element.getAttribute(name)?.trim() || undefined;

const NUMBER = /^\d{1,15}$/;

/** A whole number from zero on. */
export const xmlNumber = (text: string | null | undefined): number | undefined =>
  text != null && NUMBER.test(text.trim()) ? Number(text) : undefined;

/** XML 1.0 2.2: what no document may hold, escaped or not; lone halves of a surrogate pair are among it. */
function isAllowed(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return code === 0x9 || code === 0xa || code === 0xd;
  return code <= 0xd7ff || (code >= 0xe000 && code <= 0xfffd) || code >= 0x10000;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  // A reader would turn bare ones into blanks in an attribute (XML 1.0 3.3.3).
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/** For text and attribute values; what XML cannot hold is left out. */
export const escapeXml = (text: string): string =>
  [...text].map((character) => (isAllowed(character) ? (ESCAPES[character] ?? character) : '')).join('');
