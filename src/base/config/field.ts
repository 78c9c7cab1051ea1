// One setting as data: what it may be, what it is when nobody says, and how it is told. Check, docs and API come from this.
import type { ConfigNode } from './toml.ts';

/** The JSON Schema of a value, as the OpenAPI description shows it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What a check finds: the value, or what is wrong with it and where (the node that is wrong). */
export type Finding<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly faults: readonly FieldFault[] };

export interface FieldFault {
  /** Under the field itself: `[1].impi`, or empty. */
  readonly path: string;
  readonly message: string;
  readonly node: ConfigNode;
}

export interface FieldText {
  /** One sentence for docs/config.md. */
  readonly doc: string;
  /** Never told by an API, a log or a support bundle. */
  readonly secret?: boolean;
  /** Told in the docs where the default depends on other values. */
  readonly defaultDoc?: string;
  /** Missing is an error (inside a list of tables). */
  readonly required?: boolean;
}

/** `Value` includes undefined when there is no default. */
export interface Field<Value> extends FieldText {
  readonly type: 'field';
  readonly default: Value;
  /** The forms a value may have, for docs. */
  readonly forms: string;
  readonly json: JsonSchema;
  readonly read: (node: ConfigNode) => Finding<Value>;
}

export interface FieldOptions<Default> extends FieldText {
  readonly default?: Default;
}

export const found = <Value>(value: Value): Finding<Value> => ({ ok: true, value });
export const fault = (node: ConfigNode, message: string, path = ''): { ok: false; faults: FieldFault[] } => ({
  ok: false,
  faults: [{ path, message, node }],
});

const KIND_NAMES: Record<ConfigNode['kind'], string> = {
  string: 'a string',
  integer: 'an integer',
  float: 'a number',
  boolean: 'a boolean',
  date: 'a date',
  list: 'a list',
  null: 'null',
  table: 'a table',
};

const wrongType = (node: ConfigNode, wanted: string): Finding<never> =>
  fault(node, `must be ${wanted}, not ${KIND_NAMES[node.kind]}`);

/** The same field, which must be given. */
export const required = <Value>(field: Field<Value>): Field<NonNullable<Value>> =>
  // A missing one is a fault before anybody can read it, so undefined is no value of it.
  ({ ...field, required: true }) as Field<NonNullable<Value>>;

function make<Value, Default>(
  options: FieldOptions<Default>,
  forms: string,
  json: JsonSchema,
  read: (node: ConfigNode) => Finding<Value>,
): Field<Value | Default> {
  const { default: value, ...text } = options;
  // Default is undefined exactly when the option is absent: callers cannot name the type parameter otherwise.
  return { type: 'field', ...text, default: value as Default, forms, json, read };
}

/** A format of text: undefined when the text is right, else what it should be ("must be …"). */
export type TextFormat = ((text: string) => string | undefined) & { readonly forms?: string };

/** Text, with an optional format. Empty text is always wrong. */
export function text<const Default extends string | undefined = undefined>(
  options: FieldOptions<Default> & { readonly format?: TextFormat },
): Field<string | Default> {
  const { format, ...rest } = options;
  return make<string, Default>(rest, format?.forms ?? 'string', { type: 'string', minLength: 1 }, (node) =>
    readText(node, format, options.secret === true),
  );
}

/** How much of a wrong value a complaint repeats. */
const SHOWN_LENGTH = 120;

function readText(node: ConfigNode, format: TextFormat | undefined, secret: boolean): Finding<string> {
  if (node.kind !== 'string') return wrongType(node, 'a string');
  if (node.value === '') return fault(node, 'must not be empty');
  const wrong = format?.(node.value);
  if (wrong === undefined) return found(node.value);
  return fault(node, secret ? wrong : `${wrong}, not "${node.value.slice(0, SHOWN_LENGTH)}"`);
}

/** One of some words. */
export function choice<const Word extends string, const Default extends Word | undefined = undefined>(
  words: readonly Word[],
  options: FieldOptions<Default>,
): Field<Word | Default> {
  const forms = words.map((word) => `"${word}"`).join(', ');
  return make<Word, Default>(options, forms, { type: 'string', enum: words }, (node) => {
    if (node.kind !== 'string') return wrongType(node, 'a string');
    const word = words.find((known) => known === node.value);
    return word === undefined ? fault(node, `must be one of ${forms}, not "${node.value}"`) : found(word);
  });
}

interface Range {
  readonly min: number;
  readonly max?: number;
}

const rangeWords = ({ min, max }: Range): string =>
  max === undefined ? `at least ${min}` : `${min} to ${max}`;

/** A number in a range; `whole` wants an integer. */
export function number<const Default extends number | undefined = undefined>(
  options: FieldOptions<Default> & Range & { readonly whole?: boolean },
): Field<number | Default> {
  const { min, max, whole, ...rest } = options;
  const range = max === undefined ? { min } : { min, max };
  const noun = whole ? 'an integer' : 'a number';
  const json = {
    type: whole ? 'integer' : 'number',
    minimum: min,
    ...(max === undefined ? {} : { maximum: max }),
  };
  return make<number, Default>(
    rest,
    `${whole ? 'integer' : 'number'}, ${rangeWords(range)}`,
    json,
    (node) => {
      if (node.kind !== 'integer' && (whole || node.kind !== 'float')) return wrongType(node, noun);
      if (!Number.isFinite(node.value) || node.value < min || (max !== undefined && node.value > max))
        return fault(node, `must be ${rangeWords(range)}, not ${node.value}`);
      return found(node.value);
    },
  );
}

export function flag<const Default extends boolean | undefined = undefined>(
  options: FieldOptions<Default>,
): Field<boolean | Default> {
  return make<boolean, Default>(options, 'true, false', { type: 'boolean' }, (node) =>
    node.kind === 'boolean' ? found(node.value) : wrongType(node, 'a boolean'),
  );
}

/** A list of what `item` reads; every wrong element is told. */
export function list<Item, const Default extends readonly NonNullable<Item>[] | undefined = undefined>(
  item: Field<Item>,
  options: FieldOptions<Default> & { readonly minLength?: number },
): Field<readonly NonNullable<Item>[] | Default> {
  const { minLength, ...rest } = options;
  const json = {
    type: 'array',
    items: item.json,
    ...(minLength === undefined ? {} : { minItems: minLength }),
  };
  return make<readonly NonNullable<Item>[], Default>(rest, `list of ${item.forms}`, json, (node) => {
    if (node.kind !== 'list') return wrongType(node, 'a list');
    if (node.items.length < (minLength ?? 0)) return fault(node, `must hold at least ${minLength} element`);
    return readItems(node.items, item);
  });
}

function readItems<Item>(
  items: readonly ConfigNode[],
  item: Pick<Field<Item>, 'read'>,
): Finding<NonNullable<Item>[]> {
  const values: NonNullable<Item>[] = [];
  const faults: FieldFault[] = [];
  for (const [index, node] of items.entries()) {
    const finding = item.read(node);
    if (!finding.ok) faults.push(...finding.faults.map((one) => ({ ...one, path: `[${index}]${one.path}` })));
    else if (finding.value !== undefined && finding.value !== null) values.push(finding.value);
  }
  return faults.length > 0 ? { ok: false, faults } : found(values);
}

/** One value or a list of them; always a list to the reader. */
export function oneOrMany<Item, const Default extends readonly NonNullable<Item>[] | undefined = undefined>(
  item: Field<Item>,
  options: FieldOptions<Default>,
): Field<readonly NonNullable<Item>[] | Default> {
  const many = list(item, { doc: options.doc, minLength: 1 });
  const json = { oneOf: [item.json, many.json] };
  return make<readonly NonNullable<Item>[], Default>(
    options,
    `${item.forms}, or a list of them`,
    json,
    (node) => {
      const finding = node.kind === 'list' ? many.read(node) : readItems([node], item);
      if (finding.ok) return found(finding.value ?? []);
      const faults =
        node.kind === 'list' ? finding.faults : finding.faults.map((one) => ({ ...one, path: '' }));
      return { ok: false, faults };
    },
  );
}

/** A list of what `item` reads, or one word that stands for something else. */
export function listOr<Item, const Word extends string>(
  word: Word,
  item: Field<Item>,
  options: FieldOptions<readonly NonNullable<Item>[]> & { readonly default: readonly NonNullable<Item>[] },
): Field<Word | readonly NonNullable<Item>[]> {
  const json = { oneOf: [{ const: word }, { type: 'array', items: item.json }] };
  const { default: value, ...rest } = options;
  return make<Word | readonly NonNullable<Item>[], Word | readonly NonNullable<Item>[]>(
    { ...rest, default: value },
    `the word "${word}", or a list of which each is ${item.forms}`,
    json,
    (node) => {
      if (node.kind === 'string' && node.value === word) return found(word);
      if (node.kind !== 'list') return wrongType(node, `a list or "${word}"`);
      // ["all"] is what one writes first.
      const isBracketed = node.items.some((each) => each.kind === 'string' && each.value === word);
      return isBracketed ? wrongType(node, `"${word}" without brackets`) : readItems(node.items, item);
    },
  );
}
