// Capability negotiation: what else a line could be, in the offerer's order of preference (RFC 5939 3).
import { parseDecimal } from './attributes.ts';
import { attribute, type Line, MediaDescription, type SessionDescription } from './model.ts';

/** Configurations that are looked at for one line: numbers multiply quickly. */
const CONFIGURATION_LIMIT = 64;
const CAPABILITY_LIMIT = 256;
/** Extensions that we know: only the base (RFC 5939 3.3.1). */
const SUPPORTED = 'cap-v0';
const CAPABILITY_ATTRIBUTES: readonly string[] = ['tcap', 'acap', 'pcfg', 'creq', 'csup', 'acfg'];

export interface Configuration {
  /** The line as it would read under this configuration. */
  readonly media: MediaDescription;
  /** What `a=acfg` says when it is taken; undefined for the line as it stands. */
  readonly actual?: string;
}

/** Potential configurations first, lowest number first, then the actual one (RFC 5939 3.6.2). */
export function configurations(
  session: SessionDescription,
  media: MediaDescription,
): readonly Configuration[] {
  const actual = { media };
  const potential = media.attributes.filter(({ name }) => name === 'pcfg').slice(0, CONFIGURATION_LIMIT);
  if (potential.length === 0 || requiresMore(session, media)) return [actual];
  const capabilities = { transports: transports(session, media), attributes: attributes(session, media) };
  const numbered = potential
    .flatMap(({ value }) => choices(value))
    .sort((a, b) => a.number - b.number)
    .slice(0, CONFIGURATION_LIMIT)
    .map((choice) => configure(media, choice, capabilities))
    .filter((configuration) => configuration !== undefined);
  return [...numbered, actual];
}

/** The transports that our own line offered beside its actual one. */
export function potentialProtocols(session: SessionDescription, media: MediaDescription): readonly string[] {
  return media.has('pcfg') ? [...transports(session, media).values()] : [];
}

/** RFC 5939 3.3.2: a required extension that is not known forbids the whole negotiation. */
const requiresMore = (session: SessionDescription, media: MediaDescription): boolean =>
  [...session.attributes, ...media.attributes]
    .filter(({ name }) => name === 'creq')
    .some(({ value }) => value.split(',').some((tag) => tag.trim() !== SUPPORTED));

/** `a=tcap:1 RTP/SAVPF RTP/SAVP`: numbered upwards from the first. The session's count for every line. */
function transports(session: SessionDescription, media: MediaDescription): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  for (const { name, value } of [...session.attributes, ...media.attributes]) {
    if (name !== 'tcap') continue;
    const [first = '', ...protocols] = value.trim().split(/[ \t]+/);
    const number = parseDecimal(first);
    if (number === undefined) continue;
    for (const [at, protocol] of protocols.entries()) {
      if (found.size >= CAPABILITY_LIMIT) return found;
      found.set(number + at, protocol.toUpperCase());
    }
  }
  return found;
}

/** `a=acap:1 crypto:…` */
function attributes(session: SessionDescription, media: MediaDescription): ReadonlyMap<number, Line> {
  const found = new Map<number, Line>();
  for (const { name, value } of [...session.attributes, ...media.attributes]) {
    if (name !== 'acap' || found.size >= CAPABILITY_LIMIT) continue;
    const split = /^\s*([0-9]+)[ \t]+(.+)$/.exec(value);
    const number = parseDecimal(split?.[1] ?? '');
    if (number !== undefined && split?.[2]) found.set(number, attribute(split[2].trim()));
  }
  return found;
}

interface Capabilities {
  readonly transports: ReadonlyMap<number, string>;
  readonly attributes: ReadonlyMap<number, Line>;
}

interface Choice {
  readonly number: number;
  /** '' for the line's own. */
  readonly transport: string;
  readonly set: string;
}

/** `1 t=1|2 a=-m:1,[2]|3`: every combination, with `+name=…` extensions making the whole unusable (3.5.1). */
function choices(value: string): readonly Choice[] {
  const [first = '', ...parts] = value.trim().split(/[ \t]+/);
  const number = parseDecimal(first);
  if (number === undefined) return [];
  let protocols: readonly string[] = [''];
  let sets: readonly string[] = [''];
  for (const part of parts) {
    const name = part.slice(0, Math.max(0, part.indexOf('=')));
    const alternatives = part.slice(name.length + 1).split('|', CONFIGURATION_LIMIT);
    if (name === 't') protocols = alternatives;
    else if (name === 'a') sets = alternatives;
    // A mandatory extension; others may be passed over.
    else if (name.startsWith('+')) return [];
  }
  return protocols
    .flatMap((transport) => sets.map((set) => ({ number, transport, set })))
    .slice(0, CONFIGURATION_LIMIT);
}

function configure(
  media: MediaDescription,
  choice: Choice,
  capabilities: Capabilities,
): Configuration | undefined {
  const { number, transport, set } = choice;
  const protocol =
    transport === '' ? media.media.protocol : capabilities.transports.get(parseDecimal(transport) ?? -1);
  const added = attributeSet(set, capabilities.attributes);
  if (protocol === undefined || !added) return undefined;
  const kept = media.lines
    .slice(1)
    .filter((entry) => entry.type !== 'a' || (!added.deletes && !isCapability(entry)));
  const actual = [
    `${number}`,
    ...(transport === '' ? [] : [`t=${transport}`]),
    ...(set === '' ? [] : [`a=${added.taken}`]),
  ];
  return {
    media: MediaDescription.of({ ...media.media, protocol }, [...kept, ...added.lines]),
    actual: actual.join(' '),
  };
}

const isCapability = ({ value }: Line): boolean =>
  CAPABILITY_ATTRIBUTES.some((name) => value.startsWith(`${name}:`));

/** `-m:1,[2]`: what it deletes and adds; undefined when a mandatory capability is not there. */
function attributeSet(
  text: string,
  known: ReadonlyMap<number, Line>,
): { readonly deletes: boolean; readonly lines: readonly Line[]; readonly taken: string } | undefined {
  const [, deletion = '', list = ''] = /^(?:-(ms|sm|m|s)(?::|$))?(.*)$/.exec(text) ?? [];
  const prefix = deletion === '' ? '' : `-${deletion}`;
  const lines: Line[] = [];
  const taken: string[] = [];
  // Optional ones stand in brackets, which may hold several.
  for (const [, optional, mandatory] of list.matchAll(/\[([^\]]*)\]|([^,[\]]+)/g)) {
    for (const item of (optional ?? mandatory ?? '').split(',')) {
      if (taken.length >= CAPABILITY_LIMIT) return undefined;
      const line = known.get(parseDecimal(item.trim()) ?? -1);
      if (line) {
        lines.push(line);
        taken.push(item.trim());
      } else if (mandatory !== undefined) return undefined;
    }
  }
  const chosen = [prefix, taken.join(',')].filter((part) => part !== '').join(':');
  return { deletes: deletion.includes('m'), lines, taken: chosen };
}
