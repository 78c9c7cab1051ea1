// RFC 4825 7, TS 24.623 5.3.1.2: how the touches of an edit are written: by one request, so that nothing is ever half written.
import { type Element, serializeXml } from '#src/base/xml.ts';
import type { Touch } from './edit.ts';
import { selectorOf } from './place.ts';
import { formatSelector } from './selector.ts';
import { TYPES } from './vocabulary.ts';

export interface Write {
  readonly method: 'PUT' | 'DELETE';
  /** Behind the URL of the document; empty for all of it. */
  readonly node: string;
  readonly type?: string;
  readonly body?: string;
}

const placeOf = (touch: Touch): Element => (touch.kind === 'removed' ? touch.parent : touch.element);

/** The service that an element belongs to: the child of the root. Undefined for the root itself. */
function serviceOf(element: Element, root: Element): Element | undefined {
  let node: Element | null = element;
  while (node && node.parentElement !== root) node = node.parentElement;
  return node ?? undefined;
}

const putElement = (element: Element): Write => ({
  method: 'PUT',
  node: formatSelector(selectorOf(element)),
  type: TYPES.element,
  body: serializeXml(element),
});

const putDocument = (root: Element): Write => ({
  method: 'PUT',
  node: '',
  type: TYPES.document,
  body: `<?xml version="1.0" encoding="UTF-8"?>\n${serializeXml(root)}`,
});

function putOne(touch: Touch): Write {
  if (touch.kind === 'element') return putElement(touch.element);
  if (touch.kind === 'removed') return { method: 'DELETE', node: formatSelector(touch.selector) };
  return {
    method: 'PUT',
    node: formatSelector(selectorOf(touch.element, touch.name)),
    type: TYPES.attribute,
    body: touch.value,
  };
}

/** The smallest part of the document that holds all of them; undefined when there is nothing to write. */
export function writeFor(root: Element, touches: readonly Touch[]): Write | undefined {
  const [first, ...more] = touches;
  if (!first) return undefined;
  if (more.length === 0) return putOne(first);
  const [service, ...others] = new Set(touches.map((touch) => serviceOf(placeOf(touch), root)));
  return service && others.length === 0 ? putElement(service) : putDocument(root);
}
