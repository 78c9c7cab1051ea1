// Reads configuration files: the device's, in its layers, and any other of the same machinery.
import { readFile } from 'node:fs/promises';
import { describe } from '../errors.ts';
import { agentSchema, type RawConfig } from './agent-schema.ts';
import { isPort, splitHostPort } from './formats.ts';
import { RESTRICTIONS } from './restrictions.ts';
import { type Config, complete, RULES } from './rules.ts';
import type { Schema } from './schema.ts';
import { type CrossCheck, invalid, type Layer, type Settings, settle } from './settings.ts';
import { fromJson, readToml, type TableNode } from './toml.ts';

/** The device's configuration with the origin of each value. */
export interface AgentSettings {
  readonly settings: Settings<typeof agentSchema>;
  readonly config: Config;
}

export interface AgentSources {
  readonly file: string;
  /** Settings of the owner by section and key, as `PATCH config` gave them. */
  readonly owner?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Reads the device's configuration. Throws `config.invalid`; nothing is taken of a file that has a fault. */
export async function loadAgent(sources: AgentSources): Promise<AgentSettings> {
  const layers: Layer[] = [{ origin: 'file', file: sources.file, tree: await readTomlFile(sources.file) }];
  const owner = fromJson(sources.owner ?? {});
  if (owner.kind === 'table') layers.push({ origin: 'owner', tree: owner });
  return checkAgent(layers, sources.env ?? {});
}

/** The same from layers that are read already. */
function checkAgent(layers: readonly Layer[], env: AgentSources['env'] = {}): AgentSettings {
  const below = settle(agentSchema, layers, crossCheck);
  const port = portLayer(below.config.web.listen, env?.PORT);
  const settings = port === undefined ? below : settle(agentSchema, [...layers, port], crossCheck);
  return { settings, config: complete(settings.config) };
}

const crossCheck: CrossCheck<typeof agentSchema> = (config: RawConfig) => [
  ...RULES.flatMap(({ key, broken }) => {
    const message = broken(config);
    return message === undefined ? [] : [{ key, message }];
  }),
  ...RESTRICTIONS.filter(({ demanded }) => demanded(config)).map(({ key, lacks }) => ({
    key,
    message: `cannot be honoured: this version ${lacks}`,
  })),
];

/** The variable PORT replaces the port of `[web] listen`. */
function portLayer(listen: string, port: string | undefined): Layer | undefined {
  if (port === undefined || port === '') return undefined;
  if (!isPort(port))
    throw invalid([{ key: 'web.listen', message: `cannot take the port of the variable PORT: "${port}"` }]);
  const host = splitHostPort(listen)?.host ?? '127.0.0.1';
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const tree = fromJson({ web: { listen: address } });
  return tree.kind === 'table' ? { origin: 'environment', tree } : undefined;
}

/** Reads one file by a schema of its own. */
export async function loadFile<S extends Schema>(
  file: string,
  schema: S,
  check?: CrossCheck<S>,
): Promise<Settings<S>> {
  return settle(schema, [{ origin: 'file', file, tree: await readTomlFile(file) }], check);
}

/** A configuration file is small; more is a mistake. */
const MOST_OCTETS = 1024 * 1024;

async function readTomlFile(file: string): Promise<TableNode> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw invalid([{ key: 'file', file, message: `cannot be read: ${describe(error)}` }]);
  }
  if (bytes.length > MOST_OCTETS) throw invalid([{ key: 'file', file, message: 'is larger than 1 MiB' }]);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw invalid([{ key: 'file', file, message: 'is not UTF-8' }]);
  }
  const tree = readToml(text);
  if (tree.ok) return tree.value;
  const { key, line } = faultyLine(text.split('\n'), tree.error.place?.line);
  throw invalid([
    { key, file, message: `is not TOML: ${tree.error.message}`, ...(line === undefined ? {} : { line }) },
  ]);
}

/** The key and line of a syntax error; a value that is missing altogether is noticed only on a later line. */
function faultyLine(
  lines: readonly string[],
  line: number | undefined,
): { key: string; line: number | undefined } {
  const keyOf = (text = ''): string | undefined => /^\s*([A-Za-z0-9_.-]+)\s*=/.exec(text)?.[1];
  if (line === undefined) return { key: 'file', line };
  let open = line - 2;
  while (open > 0 && lines[open]?.trim() === '') open -= 1;
  if (/=\s*$/.test(lines[open] ?? '')) return { key: keyOf(lines[open]) ?? 'file', line: open + 1 };
  return { key: keyOf(lines[line - 1]) ?? 'file', line };
}
