// RFC 4825 6.3: where an element stands, as the selector that finds it and no other.
import { type Element, elementsIn } from '#src/base/xml.ts';
import type { NodeSelector, QName, Step } from './selector.ts';
import { COMMON_POLICY_NS, SIMSERVS_NS } from './vocabulary.ts';

export type { NodeSelector } from './selector.ts';

/** Namespaces get prefixes of ours: those of the document mean nothing in a selector. */
class Prefixes {
  readonly bound = new Map<string, string>();

  name({ namespaceURI, localName }: Element): QName {
    const local = localName ?? '';
    if (namespaceURI === SIMSERVS_NS || namespaceURI === null) return { local };
    for (const [prefix, uri] of this.bound) if (uri === namespaceURI) return { prefix, local };
    const prefix = namespaceURI === COMMON_POLICY_NS ? 'cp' : `n${this.bound.size}`;
    this.bound.set(prefix, namespaceURI);
    return { prefix, local };
  }
}

function stepTo(element: Element, parent: Element | null, prefixes: Prefixes): Step {
  const name = prefixes.name(element);
  const alike = parent
    ? elementsIn(parent).filter(
        ({ namespaceURI, localName }) =>
          namespaceURI === element.namespaceURI && localName === element.localName,
      )
    : [element];
  const id = element.getAttribute('id');
  // A rule is named even where it is alone: the next one may be gone, or come, at any time.
  if (id && alike.filter((other) => other.getAttribute('id') === id).length === 1)
    return { name, attribute: { name: { local: 'id' }, value: id } };
  return alike.length === 1 ? { name } : { name, position: alike.indexOf(element) + 1 };
}

export function selectorOf(element: Element, attribute?: string): NodeSelector {
  const prefixes = new Prefixes();
  const line: Element[] = [];
  for (let node: Element | null = element; node; node = node.parentElement) line.unshift(node);
  const steps = line.map((each) => stepTo(each, each.parentElement, prefixes));
  return {
    steps,
    namespaces: prefixes.bound,
    ...(attribute === undefined ? {} : { end: { attribute: { local: attribute } } }),
  };
}
