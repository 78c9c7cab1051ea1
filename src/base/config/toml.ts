// TOML 1.0 text to a tree in which every value knows its line, so that a complaint can name it.
import { type AST, parseTOML } from 'toml-eslint-parser';
import { describe } from '../errors.ts';
import { err, ok, type Result } from '../result.ts';

/** Where a value stands; a value that came from no file has no place. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A value of a configuration source, with its place. */
export type ConfigNode = { readonly place: Place | undefined } & (
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'integer' | 'float'; readonly value: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'date'; readonly value: Date }
  | { readonly kind: 'list'; readonly items: readonly ConfigNode[] }
  | { readonly kind: 'null' }
  | TableNode
);

export interface TableNode {
  readonly kind: 'table';
  readonly place: Place | undefined;
  readonly entries: Map<string, ConfigNode>;
}

export interface TomlFault {
  readonly message: string;
  readonly place: Place | undefined;
}

/** Reads TOML text. A syntax error is one fault with its line; the text is read to its end or not at all. */
export function readToml(text: string): Result<TableNode, TomlFault> {
  try {
    const program = parseTOML(text, { tomlVersion: '1.0' });
    return ok(fromTopLevel(program.body[0]));
  } catch (error) {
    return err({ message: describe(error), place: faultPlace(error) });
  }
}

/** A tree from JSON (the owner's settings, a PATCH body): the same shape, without places. */
export function fromJson(value: unknown): ConfigNode {
  const place = undefined;
  if (typeof value === 'string') return { kind: 'string', value, place };
  if (typeof value === 'number') return { kind: Number.isInteger(value) ? 'integer' : 'float', value, place };
  if (typeof value === 'boolean') return { kind: 'boolean', value, place };
  if (Array.isArray(value)) return { kind: 'list', items: value.map(fromJson), place };
  if (typeof value !== 'object' || value === null) return { kind: 'null', place };
  const entries = new Map(Object.entries(value).map(([key, item]) => [key, fromJson(item)]));
  return { kind: 'table', entries, place };
}

/** The parser's error carries 1-based line and 0-based column. */
function faultPlace(error: unknown): Place | undefined {
  if (!(error instanceof Error) || !('lineNumber' in error) || !('column' in error)) return undefined;
  const { lineNumber, column } = error;
  return typeof lineNumber === 'number' && typeof column === 'number'
    ? { line: lineNumber, column: column + 1 }
    : undefined;
}

const placeOf = (node: AST.TOMLNode): Place => ({
  line: node.loc.start.line,
  column: node.loc.start.column + 1,
});

function fromTopLevel(top: AST.TOMLTopLevelTable): TableNode {
  const root: TableNode = { kind: 'table', place: { line: 1, column: 1 }, entries: new Map() };
  for (const item of top.body) {
    if (item.type === 'TOMLKeyValue') addPair(root, item);
    else addTable(root, item);
  }
  return root;
}

function addTable(root: TableNode, table: AST.TOMLTable): void {
  let current = root;
  const steps = table.resolvedKey;
  for (const [index, step] of steps.entries()) {
    if (typeof step === 'number') continue;
    current =
      typeof steps[index + 1] === 'number'
        ? element(current, step, steps[index + 1], table)
        : inner(current, step, table);
  }
  for (const pair of table.body) addPair(current, pair);
}

/** The table `key` inside `parent`, made when it is not there. */
function inner(parent: TableNode, key: string, at: AST.TOMLNode): TableNode {
  const known = parent.entries.get(key);
  if (known?.kind === 'table') return known;
  const made: TableNode = { kind: 'table', place: placeOf(at), entries: new Map() };
  parent.entries.set(key, made);
  return made;
}

/** Element `index` of the array of tables `key`, made when it is the next one. */
function element(parent: TableNode, key: string, index: unknown, at: AST.TOMLNode): TableNode {
  const known = parent.entries.get(key);
  const items = known?.kind === 'list' ? known.items : [];
  const there = items[Number(index)];
  if (there?.kind === 'table') return there;
  const made: TableNode = { kind: 'table', place: placeOf(at), entries: new Map() };
  parent.entries.set(key, { kind: 'list', items: [...items, made], place: known?.place ?? placeOf(at) });
  return made;
}

function addPair(table: TableNode, pair: AST.TOMLKeyValue): void {
  const names = pair.key.keys.map((key) => (key.type === 'TOMLBare' ? key.name : key.value));
  const last = names.pop() ?? '';
  let current = table;
  for (const name of names) current = inner(current, name, pair);
  current.entries.set(last, fromContent(pair.value, pair));
}

/** `at` is the node whose place is told: the key for a value beside it. */
function fromContent(node: AST.TOMLContentNode, at: AST.TOMLNode = node): ConfigNode {
  const place = placeOf(at);
  if (node.type === 'TOMLArray') {
    return { kind: 'list', place, items: node.elements.map((item) => fromContent(item)) };
  }
  if (node.type === 'TOMLInlineTable') {
    const table: TableNode = { kind: 'table', place, entries: new Map() };
    for (const pair of node.body) addPair(table, pair);
    return table;
  }
  switch (node.kind) {
    case 'string':
      return { kind: 'string', value: node.value, place };
    case 'integer':
      return { kind: 'integer', value: node.value, place };
    case 'float':
      return { kind: 'float', value: node.value, place };
    case 'boolean':
      return { kind: 'boolean', value: node.value, place };
    default:
      return { kind: 'date', value: node.value, place };
  }
}
