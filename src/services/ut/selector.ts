// RFC 4825 6.3, 6.4: the node selector behind `~~`: an element or an attribute of a document, escaped, with its namespaces.
import { err, ok, type Result } from '#src/base/result.ts';

/** One step: a child element by name, and by position or attribute where the name is not enough. */
export interface Step {
  /** `*` for any (6.3). */
  readonly name: QName;
  /** One and up. */
  readonly position?: number;
  readonly attribute?: { readonly name: QName; readonly value: string };
}

export interface QName {
  /** Undefined: the default namespace of the document, and none for attributes. */
  readonly prefix?: string;
  readonly local: string;
}

export interface NodeSelector {
  readonly steps: readonly Step[];
  /** The selected node is this attribute of the last step, or its namespace bindings. */
  readonly end?: { readonly attribute: QName } | 'namespaces';
  /** Prefixes of the query (6.4). */
  readonly namespaces: ReadonlyMap<string, string>;
}

export const SELECTOR_LIMITS = { octets: 4096, steps: 32, namespaces: 16 } as const;

/** Namespaces in XML: letters first, no colon. */
const NCNAME =
  /[A-Za-z_\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u3001-\ud7ff][\w.\-\u00b7\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u037d\u037f-\u1fff\u3001-\ud7ff]*/y;
const NUMBER = /[1-9]\d{0,5}/y;
/** XML 1.0 AttValue, in either quotes. */
const VALUE = /"([^"<]*)"|'([^'<]*)'/y;

const ENTITIES: Readonly<Record<string, string>> = { quot: '"', apos: "'", amp: '&', lt: '<', gt: '>' };
const REFERENCE = /&(?:(quot|apos|amp|lt|gt)|#(\d{1,7})|#x([0-9a-fA-F]{1,6}));/g;

class Cursor {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  take(token: string): boolean {
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }

  match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text) ?? undefined;
    this.at += found?.[0].length ?? 0;
    return found;
  }

  get done(): boolean {
    return this.at >= this.text.length;
  }
}

function unescapeValue(text: string): string | undefined {
  // An ampersand that begins no reference is none of XML's.
  if (/&(?!(?:quot|apos|amp|lt|gt|#\d{1,7}|#x[0-9a-fA-F]{1,6});)/.test(text)) return undefined;
  let sound = true;
  const value = text.replace(REFERENCE, (_, name?: string, decimal?: string, hex?: string) => {
    if (name !== undefined) return ENTITIES[name] ?? '';
    const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
    if (code > 0x10ffff || code === 0) {
      sound = false;
      return '';
    }
    return String.fromCodePoint(code);
  });
  return sound ? value : undefined;
}

function readName(cursor: Cursor): QName | undefined {
  const first = cursor.match(NCNAME)?.[0];
  if (first === undefined) return undefined;
  if (!cursor.take(':')) return { local: first };
  const local = cursor.match(NCNAME)?.[0];
  return local === undefined ? undefined : { prefix: first, local };
}

function readStep(cursor: Cursor): Step | string {
  const name = cursor.take('*') ? { local: '*' } : readName(cursor);
  if (!name) return 'a name is missing';
  let step: Step = { name };
  // RFC 4825 6.3: by name, by position, by attribute, by position and attribute, in this order.
  while (cursor.take('[')) {
    if (cursor.take('@')) {
      const attribute = readName(cursor);
      if (!attribute || !cursor.take('=')) return 'the attribute of a predicate cannot be read';
      const found = cursor.match(VALUE);
      const value = found && unescapeValue(found[1] ?? found[2] ?? '');
      if (value === undefined || step.attribute) return 'the value of a predicate cannot be read';
      step = { ...step, attribute: { name: attribute, value } };
    } else {
      const number = cursor.match(NUMBER)?.[0];
      if (number === undefined || step.position !== undefined || step.attribute)
        return 'a predicate is neither a position nor an attribute';
      step = { ...step, position: Number(number) };
    }
    if (!cursor.take(']')) return 'a predicate does not end';
  }
  return step;
}

function readPath(text: string): Omit<NodeSelector, 'namespaces'> | string {
  const cursor = new Cursor(text);
  const steps: Step[] = [];
  for (;;) {
    if (steps.length > 0 && cursor.take('@')) {
      const attribute = readName(cursor);
      return attribute && cursor.done ? { steps, end: { attribute } } : 'the attribute at the end is none';
    }
    if (steps.length > 0 && cursor.take('namespace::*'))
      return cursor.done ? { steps, end: 'namespaces' } : 'something stands behind the namespaces';
    const step = readStep(cursor);
    if (typeof step === 'string') return step;
    steps.push(step);
    if (cursor.done) return { steps };
    if (steps.length >= SELECTOR_LIMITS.steps) return 'too many steps';
    if (!cursor.take('/')) return 'a step does not end';
  }
}

/** XPointer xmlns() (6.4), whose parentheses and circumflexes are escaped by circumflexes. */
const BINDING =
  /\s*xmlns\(\s*([A-Za-z_\u00c0-\u02ff][\w.\-\u00b7\u00c0-\u02ff]*)\s*=\s*((?:\^[\^()]|[^()^])*)\)/y;

function readBindings(text: string): Map<string, string> | string {
  const cursor = new Cursor(text);
  const namespaces = new Map<string, string>();
  while (!cursor.done) {
    const found = cursor.match(BINDING);
    if (!found) return 'the namespaces of the query cannot be read';
    if (namespaces.size >= SELECTOR_LIMITS.namespaces) return 'too many namespaces';
    namespaces.set(found[1] ?? '', (found[2] ?? '').replace(/\^([\^()])/g, '$1').trim());
  }
  return namespaces;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    // Its percent signs are no octets, or its octets no UTF-8.
    return undefined;
  }
}

/** Reads what stands behind `/~~/` and behind `?`, as they come in a URL. The error is a sentence. */
export function parseSelector(path: string, query = ''): Result<NodeSelector, string> {
  if (path.length + query.length > SELECTOR_LIMITS.octets) return err('too long');
  const plain = decoded(path);
  const bindings = decoded(query);
  if (plain === undefined || bindings === undefined) return err('a percent sign is misplaced');
  const read = readPath(plain);
  if (typeof read === 'string') return err(read);
  const namespaces = readBindings(bindings);
  if (typeof namespaces === 'string') return err(namespaces);
  const used = [
    ...read.steps.flatMap(({ name, attribute }) => [name.prefix, attribute?.name.prefix]),
    typeof read.end === 'object' ? read.end.attribute.prefix : undefined,
  ];
  const unbound = used.find((prefix) => prefix !== undefined && !namespaces.has(prefix));
  return unbound === undefined ? ok({ ...read, namespaces }) : err(`the prefix "${unbound}" is not bound`);
}

const nameText = ({ prefix, local }: QName): string => (prefix === undefined ? local : `${prefix}:${local}`);
const valueText = (value: string): string =>
  value.replace(/[&<"]/g, (character) =>
    character === '&' ? '&amp;' : character === '<' ? '&lt;' : '&quot;',
  );

function stepText({ name, position, attribute }: Step): string {
  const at = position === undefined ? '' : `[${position}]`;
  const by = attribute ? `[@${nameText(attribute.name)}="${valueText(attribute.value)}"]` : '';
  return `${nameText(name)}${at}${by}`;
}

/** For a URL; octets that `but` names stand as they are. */
const escaped = (text: string, but: RegExp): string =>
  encodeURIComponent(text.toWellFormed()).replace(but, (octet) => decodeURIComponent(octet));
/** RFC 3986 3.3 pchar stands as it is; brackets and quotes are no part of it (RFC 4825 6). */
export const inPath = (text: string): string => escaped(text, /%(?:3A|40|3D|24|26|2B|2C|3B)/g);
/** RFC 3986 3.4. */
const inQuery = (text: string): string => escaped(text, /%(?:3A|2F|40|3D|24|26|2C|3B)/g);

/** `/~~/…?xmlns(…)` for a URL. */
export function formatSelector({ steps, end, namespaces }: NodeSelector): string {
  const parts = steps.map((step) => inPath(stepText(step)));
  if (end === 'namespaces') parts.push('namespace::*');
  else if (end) parts.push(`@${inPath(nameText(end.attribute))}`);
  const bindings = [...namespaces].map(
    ([prefix, uri]) => `xmlns(${inQuery(prefix)}=${inQuery(uri.replace(/[\^()]/g, '^$&'))})`,
  );
  return `/~~/${parts.join('/')}${bindings.length > 0 ? `?${bindings.join('')}` : ''}`;
}
