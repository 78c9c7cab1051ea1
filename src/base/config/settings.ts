// Layers of configuration, each value with its origin: checked whole, told whole, or not taken at all.
import { TandemError } from '../errors.ts';
import type { FieldFault } from './field.ts';
import { type ConfigOf, eachField, type ReadTree, readTree, type Schema } from './schema.ts';
import type { ConfigNode, TableNode } from './toml.ts';

/** Lowest first; a later one wins. */
const ORIGINS = ['default', 'late', 'file', 'operator', 'owner', 'environment'] as const;
export type Origin = (typeof ORIGINS)[number];

export interface Layer {
  readonly origin: Exclude<Origin, 'default'>;
  readonly tree: TableNode;
  /** Where the layer was read, for complaints. */
  readonly file?: string;
}

export interface Problem {
  readonly key: string;
  readonly file?: string;
  readonly line?: number;
  readonly message: string;
}

export interface Setting {
  readonly value: unknown;
  readonly origin: Origin;
  readonly secret: boolean;
  readonly file?: string;
  readonly line?: number;
}

export interface Settings<S extends Schema> {
  readonly schema: S;
  readonly config: ConfigOf<S>;
  /** Every key of the schema, in its order. */
  readonly origins: ReadonlyMap<string, Setting>;
}

/** More rules of one schema, run once every single value is right. */
export type CrossCheck<S extends Schema> = (
  config: ConfigOf<S>,
) => readonly { key: string; message: string }[];

/** Merges layers and checks them. Throws `config.invalid` with every problem in `detail.problems`. */
export function settle<S extends Schema>(
  schema: S,
  layers: readonly Layer[],
  check?: CrossCheck<S>,
): Settings<S> {
  const read = layers.map((layer) => ({ layer, tree: readTree(schema, layer.tree) }));
  const problems = read.flatMap(({ layer, tree }) =>
    tree.faults.map((fault) => problem(layer, fault.key, fault.message, fault.node)),
  );
  if (problems.length > 0) throw invalid(problems);

  const origins = new Map<string, Setting>();
  for (const { key, field } of eachField(schema))
    origins.set(key, { value: field.default, origin: 'default', secret: field.secret === true });
  for (const { layer, tree } of read)
    for (const [key, { value, node }] of tree.values)
      origins.set(key, {
        value,
        origin: layer.origin,
        secret: origins.get(key)?.secret === true,
        ...at(layer, node),
      });

  const config = build(schema, origins);
  const broken = (check?.(config) ?? []).map(({ key, message }) => ({
    key,
    message,
    ...placeOf(key, origins, read),
  }));
  if (broken.length > 0) throw invalid(broken);
  return { schema, config, origins };
}

const at = (layer: Layer, node: ConfigNode): { file?: string; line?: number } => ({
  ...(layer.file === undefined ? {} : { file: layer.file }),
  ...(node.place === undefined ? {} : { line: node.place.line }),
});

const problem = (layer: Layer, key: string, message: string, node: FieldFault['node']): Problem => ({
  key,
  message,
  ...at(layer, node),
});

/** The place of a key that is wrong together with others: its value, else its section, else the head of the file. */
function placeOf(
  key: string,
  origins: ReadonlyMap<string, Setting>,
  read: readonly { layer: Layer; tree: ReadTree }[],
): { file?: string; line?: number } {
  const { file, line } = origins.get(key) ?? {};
  if (file !== undefined && line !== undefined) return { file, line };
  const name = key.split('.')[0] ?? key;
  for (const { layer, tree } of read) {
    const node = tree.sections.get(name);
    if (node && layer.file !== undefined) return at(layer, node);
  }
  const first = read.find(({ layer }) => layer.file !== undefined)?.layer;
  return first?.file === undefined ? {} : { file: first.file, line: 1 };
}

function build<S extends Schema>(schema: S, values: ReadonlyMap<string, Setting>): ConfigOf<S> {
  const config: Record<string, unknown> = {};
  for (const [name, entry] of Object.entries(schema)) {
    if (entry.type === 'section') {
      const inner: Record<string, unknown> = {};
      for (const key of Object.keys(entry.fields)) inner[key] = values.get(`${name}.${key}`)?.value;
      config[name] = inner;
    } else {
      config[name] = values.get(name)?.value ?? (entry.type === 'sections' ? [] : undefined);
    }
  }
  // Built key by key from the schema that ConfigOf is computed from; every value was read by its field.
  return config as ConfigOf<S>;
}

export const sentence = ({ file, line, key, message }: Problem): string =>
  [file, line, ` ${key} ${message}`].filter((part) => part !== undefined).join(':');

export function invalid(problems: readonly Problem[]): TandemError {
  return new TandemError('caller', 'config.invalid', problems.map(sentence).join('\n').trim(), {
    detail: { problems },
  });
}
