// A schema is a table of fields and sections; this file gives it its type, and reads a whole tree against it.
import { type Field, type FieldFault, type FieldText, type Finding, found } from './field.ts';
import type { ConfigNode, TableNode } from './toml.ts';

/** A field of whatever value; the inferred types below stay exact. */
type AnyField = Field<unknown>;

/** A section `[name]`, or a list of them `[[name]]`. */
export interface Section<Fields extends FieldTable = FieldTable> {
  readonly type: 'section' | 'sections';
  readonly doc: string;
  readonly fields: Fields;
}

export type FieldTable = Readonly<Record<string, AnyField>>;
export type Schema = Readonly<Record<string, AnyField | Section>>;

export const section = <const Fields extends FieldTable>(doc: string, fields: Fields) => ({
  type: 'section' as const,
  doc,
  fields,
});
export const sections = <const Fields extends FieldTable>(doc: string, fields: Fields) => ({
  type: 'sections' as const,
  doc,
  fields,
});

type ValueOf<F> = F extends Field<infer Value> ? Value : never;
type RowOf<Fields> = { readonly [Key in keyof Fields]: ValueOf<Fields[Key]> };

/** The type of a configuration that its schema has accepted. */
export type ConfigOf<S extends Schema> = {
  readonly [Key in keyof S]: S[Key] extends { readonly type: 'section'; readonly fields: infer Fields }
    ? RowOf<Fields>
    : S[Key] extends { readonly type: 'sections'; readonly fields: infer Fields }
      ? readonly RowOf<Fields>[]
      : ValueOf<S[Key]>;
};

/** Something wrong with one key. */
export interface SchemaFault {
  readonly key: string;
  readonly message: string;
  readonly node: ConfigNode;
}

export interface ReadTree {
  /** Values by dotted key (`sip.listen`), only those that were given; a list of sections is one value. */
  readonly values: ReadonlyMap<string, { readonly value: unknown; readonly node: ConfigNode }>;
  /** Sections that were given, for complaints about what is missing in them. */
  readonly sections: ReadonlyMap<string, ConfigNode>;
  readonly faults: readonly SchemaFault[];
}

/** Reads a tree; nothing in it is skipped: what the schema does not know is a fault. */
export function readTree(schema: Schema, root: TableNode): ReadTree {
  const values = new Map<string, { value: unknown; node: ConfigNode }>();
  const given = new Map<string, ConfigNode>();
  const faults: SchemaFault[] = [];

  const take = (key: string, field: Pick<AnyField, 'read'>, node: ConfigNode): void => {
    const finding: Finding<unknown> = field.read(node);
    if (finding.ok) values.set(key, { value: finding.value, node });
    else
      faults.push(
        ...finding.faults.map((one) => ({ key: key + one.path, message: one.message, node: one.node })),
      );
  };

  for (const [name, node] of root.entries) {
    const known = own(schema, name);
    if (known === undefined)
      faults.push({ key: name, message: `unknown ${unknownNoun(node)}${hint(name, schema)}`, node });
    else if (known.type === 'field') take(name, known, node);
    else if (known.type === 'sections') take(name, rowsReader(known.fields), node);
    else if (node.kind !== 'table') faults.push({ key: name, message: 'must be a section', node });
    else {
      given.set(name, node);
      for (const [key, inner] of node.entries) {
        const field = own(known.fields, key);
        if (field) take(`${name}.${key}`, field, inner);
        else
          faults.push({
            key: `${name}.${key}`,
            message: `unknown key${hint(key, known.fields)}`,
            node: inner,
          });
      }
    }
  }
  return { values, sections: given, faults };
}

const unknownNoun = (node: ConfigNode): string => (node.kind === 'table' ? 'section' : 'key');

function own<Value>(table: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/** Reads `[[name]]`: every row by the fields, unknown and missing keys told. */
function rowsReader(fields: FieldTable): Pick<AnyField, 'read'> {
  const read = (node: ConfigNode): Finding<unknown> => {
    if (node.kind !== 'list')
      return { ok: false, faults: [{ path: '', message: 'must be a list of sections', node }] };
    const rows = node.items.map((item, index) => readRow(fields, item, `[${index}]`));
    const faults = rows.flatMap((row) => (row.ok ? [] : row.faults));
    return faults.length > 0
      ? { ok: false, faults }
      : found(rows.flatMap((row) => (row.ok ? [row.value] : [])));
  };
  return { read };
}

function readRow(fields: FieldTable, node: ConfigNode, path: string): Finding<Record<string, unknown>> {
  if (node.kind !== 'table') return { ok: false, faults: [{ path, message: 'must be a section', node }] };
  const row: Record<string, unknown> = {};
  const faults: FieldFault[] = [];
  for (const [key, inner] of node.entries) {
    const field = own(fields, key);
    const finding: Finding<unknown> = field
      ? field.read(inner)
      : { ok: false, faults: [{ path: '', message: `unknown key${hint(key, fields)}`, node: inner }] };
    if (finding.ok) row[key] = finding.value;
    else faults.push(...finding.faults.map((one) => ({ ...one, path: `${path}.${key}${one.path}` })));
  }
  for (const [key, field] of Object.entries(fields)) {
    if (node.entries.has(key)) continue;
    row[key] = field.default;
    if (field.required) faults.push({ path: `${path}.${key}`, message: 'is missing', node });
  }
  return faults.length > 0 ? { ok: false, faults } : found(row);
}

/** " (did you mean …?)" for a name that is nearly right. */
function hint(name: string, table: Readonly<Record<string, unknown>>): string {
  const near = Object.keys(table).find((known) => distance(known, name) <= 2);
  return near === undefined ? '' : ` (did you mean "${near}"?)`;
}

/** Longest name worth comparing: a key of a hostile file costs nothing. */
const LONGEST_NAME = 40;

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  if (b.length > LONGEST_NAME) return b.length;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, left] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, right] of [...b].entries()) {
      next.push(
        Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (left === right ? 0 : 1)),
      );
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

/** Every field with its dotted key, in the schema's order. */
export function* eachField(schema: Schema): Generator<{ key: string; field: AnyField; text: FieldText }> {
  for (const [name, entry] of Object.entries(schema)) {
    if (entry.type === 'field') yield { key: name, field: entry, text: entry };
    else if (entry.type === 'section')
      for (const [key, field] of Object.entries(entry.fields))
        yield { key: `${name}.${key}`, field, text: field };
  }
}
