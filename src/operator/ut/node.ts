// RFC 4825 6.3, 7, 8: a node of a document found, read, written and deleted. Text in, text out: what fails changes nothing.
import { err, ok, type Result } from '#src/base/result.ts';
import { type Element, elementsIn, namespacesIn, parseXml, serializeXml } from '#src/base/xml.ts';
import type { NodeSelector, QName, Step } from '#src/services/ut/selector.ts';
import { MOST_OCTETS, SIMSERVS_NS } from '#src/services/ut/vocabulary.ts';

/** RFC 4825 11.2: why not. */
export interface NodeFault {
  readonly status: 404 | 409;
  readonly error?: string;
  readonly phrase?: string;
}

const missing: NodeFault = { status: 404 };
const conflict = (error: string, phrase?: string): NodeFault => ({
  ...{ status: 409, error },
  ...(phrase === undefined ? {} : { phrase }),
});

const parse = (text: string): Element => {
  const root = parseXml(Buffer.from(text, 'utf8'), { octets: 2 * MOST_OCTETS });
  // What is stored was judged when it came.
  if (!root.ok) throw new Error(`A stored document cannot be read: ${root.error}`);
  return root.value;
};

const namespaceOf = ({ prefix }: QName, { namespaces }: NodeSelector): string | undefined =>
  prefix === undefined ? SIMSERVS_NS : namespaces.get(prefix);

function attributeOf(element: Element, name: QName, selector: NodeSelector): string | undefined {
  const namespace = name.prefix === undefined ? null : (selector.namespaces.get(name.prefix) ?? null);
  return element.hasAttributeNS(namespace, name.local)
    ? (element.getAttributeNS(namespace, name.local) ?? '')
    : undefined;
}

function named(candidates: readonly Element[], step: Step, selector: NodeSelector): Element[] {
  const namespace = namespaceOf(step.name, selector);
  const alike = candidates.filter(
    (each) =>
      step.name.local === '*' || (each.localName === step.name.local && each.namespaceURI === namespace),
  );
  const at = step.position === undefined ? alike : alike.slice(step.position - 1, step.position);
  const { attribute } = step;
  return attribute
    ? at.filter((each) => attributeOf(each, attribute.name, selector) === attribute.value)
    : at;
}

/** The one element that the steps lead to; undefined for none, and for several (6.3). */
function find(root: Element, steps: readonly Step[], selector: NodeSelector): Element | undefined {
  let found: readonly Element[] = [root];
  for (const [index, step] of steps.entries()) {
    const candidates = index === 0 ? found : found.flatMap(elementsIn);
    found = named(candidates, step, selector);
  }
  return found.length === 1 ? found[0] : undefined;
}

const escapeValue = (text: string): string =>
  text.replace(/[&<"]/g, (one) => (one === '&' ? '&amp;' : one === '<' ? '&lt;' : '&quot;'));

export interface NodeText {
  readonly type: 'element' | 'attribute' | 'namespaces';
  readonly text: string;
}

export function readNode(text: string, selector: NodeSelector): Result<NodeText, NodeFault> {
  const element = find(parse(text), selector.steps, selector);
  if (!element) return err(missing);
  if (selector.end === 'namespaces') {
    const bindings = [...namespacesIn(element)].map(
      ([prefix, uri]) => `xmlns${prefix === '' ? '' : `:${prefix}`}="${escapeValue(uri)}"`,
    );
    const name = element.nodeName;
    return ok({ type: 'namespaces', text: `<${name} ${bindings.join(' ')}/>` });
  }
  if (!selector.end) return ok({ type: 'element', text: serializeXml(element) });
  const value = attributeOf(element, selector.end.attribute, selector);
  return value === undefined ? err(missing) : ok({ type: 'attribute', text: value });
}

/** The element of a body, which may use the prefixes of the place that it goes to. */
function fragment(body: string, parent: Element | undefined): Element | undefined {
  const bindings = parent
    ? [...namespacesIn(parent)].map(
        ([prefix, uri]) => `xmlns${prefix === '' ? '' : `:${prefix}`}="${escapeValue(uri)}"`,
      )
    : [];
  const bare = body.replace(/^\uFEFF?\s*<\?xml[^>]*\?>/, '');
  const wrapped = parseXml(Buffer.from(`<wrap ${bindings.join(' ')}>${bare}</wrap>`, 'utf8'), {
    octets: 2 * MOST_OCTETS,
  });
  if (!wrapped.ok) return undefined;
  const [element, ...more] = elementsIn(wrapped.value);
  const words = [...wrapped.value.childNodes].some(
    (node) => node.nodeType === node.TEXT_NODE && (node.nodeValue ?? '').trim() !== '',
  );
  return more.length === 0 && !words ? element : undefined;
}

/** Where the schema wants children to stand (24.604 4.9.2, RFC 4745 13.2). */
const ORDER: Readonly<Record<string, readonly string[]>> = {
  'communication-diversion': ['NoReplyTimer', 'ruleset'],
  rule: ['conditions', 'actions', 'transformations'],
};

/** Behind those of its name, else where the schema wants it, else last. */
function insert(parent: Element, child: Element, step: Step, selector: NodeSelector): void {
  const children = elementsIn(parent);
  const alike = named(children, { name: step.name }, selector);
  const order = ORDER[parent.localName ?? ''] ?? [];
  const rank = order.indexOf(child.localName ?? '');
  const later =
    rank < 0 ? undefined : children.find(({ localName }) => order.indexOf(localName ?? '') > rank);
  const before = step.position === undefined ? undefined : alike[step.position - 1];
  const last = alike.at(-1);
  parent.insertBefore(child, before ?? last?.nextSibling ?? later ?? null);
}

export interface Written {
  readonly text: string;
  readonly created: boolean;
}

const done = (root: Element, created: boolean): Result<Written, NodeFault> =>
  ok({ text: `<?xml version="1.0" encoding="UTF-8"?>\n${serializeXml(root)}\n`, created });

export function putElement(text: string, selector: NodeSelector, body: string): Result<Written, NodeFault> {
  const { steps } = selector;
  if (steps.length === 1) return putRoot(selector, body);
  const root = parse(text);
  const last = steps.at(-1);
  const known = find(root, steps, selector);
  const parent = known?.parentElement ?? find(root, steps.slice(0, -1), selector);
  if (!last || !parent) return err(conflict('no-parent'));
  const made = fragment(body, parent);
  if (!made || !root.ownerDocument) return err(conflict('not-xml-frag'));
  const child = root.ownerDocument.importNode(made, true);
  if (known) parent.replaceChild(child, known);
  else insert(parent, child, last, selector);
  // 8.2.1: a GET of the same place must give what was put.
  if (find(root, steps, selector) !== child) return err(conflict('cannot-insert'));
  return done(root, known === undefined);
}

/** All of the document, as 24.623 6.2 NOTE 1 allows. */
function putRoot(selector: NodeSelector, body: string): Result<Written, NodeFault> {
  const root = parseXml(Buffer.from(body, 'utf8'), { octets: 2 * MOST_OCTETS });
  if (!root.ok) return err(conflict('not-xml-frag'));
  return find(root.value, selector.steps, selector)
    ? done(root.value, false)
    : err(conflict('cannot-insert'));
}

export function putAttribute(text: string, selector: NodeSelector, body: string): Result<Written, NodeFault> {
  const root = parse(text);
  const element = find(root, selector.steps, selector);
  if (typeof selector.end !== 'object') return err(conflict('cannot-insert'));
  if (!element) return err(conflict('no-parent'));
  // 15.2.2 AttValue.
  const value = parseXml(Buffer.from(`<wrap value="${body}"/>`, 'utf8'), { octets: 2 * MOST_OCTETS });
  if (!value.ok || value.value.attributes.length !== 1 || /[<"]/.test(body))
    return err(conflict('not-xml-att-value'));
  const { attribute } = selector.end;
  const created = attributeOf(element, attribute, selector) === undefined;
  if (attribute.prefix === undefined)
    element.setAttribute(attribute.local, value.value.getAttribute('value') ?? '');
  else {
    const namespace = selector.namespaces.get(attribute.prefix) ?? '';
    element.setAttributeNS(
      namespace,
      `${attribute.prefix}:${attribute.local}`,
      value.value.getAttribute('value') ?? '',
    );
  }
  if (find(root, selector.steps, selector) !== element) return err(conflict('cannot-insert'));
  return done(root, created);
}

export function deleteNode(text: string, selector: NodeSelector): Result<Written, NodeFault> {
  const root = parse(text);
  const element = find(root, selector.steps, selector);
  if (!element || selector.end === 'namespaces') return err(missing);
  if (selector.end) {
    if (attributeOf(element, selector.end.attribute, selector) === undefined) return err(missing);
    element.removeAttribute(selector.end.attribute.local);
    return done(root, false);
  }
  const parent = element.parentElement;
  if (!parent) return err(conflict('cannot-delete'));
  parent.removeChild(element);
  // 8.3: what would slide into its place would be taken for it.
  return find(root, selector.steps, selector) ? err(conflict('cannot-delete')) : done(root, false);
}
