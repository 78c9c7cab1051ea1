// Mutated simservs documents and node selectors: nothing throws, an edit leaves what can be read, and the operator's server stays whole.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import type { Random } from '#src/base/random.ts';
import { serializeXml } from '#src/base/xml.ts';
import { deleteNode, putElement, readNode } from '#src/operator/ut/node.ts';
import { policyFault, schemaFault } from '#src/operator/ut/validate.ts';
import { readDocument, viewOf } from '#src/services/ut/document.ts';
import { edit, type ServicesChange } from '#src/services/ut/edit.ts';
import { formatSelector, parseSelector } from '#src/services/ut/selector.ts';
import { BARRINGS, FORWARDINGS, SWITCHES } from '#src/services/ut/vocabulary.ts';
import { writeFor } from '#src/services/ut/write.ts';
import { readXcapError } from '#src/services/ut/xcap-error.ts';
import { mutate } from './sip.ts';

const FOLDER = 'test/fuzz/corpus/ut';

const ofKind = (ending: string): Buffer[] =>
  readdirSync(FOLDER)
    .filter((file) => file.endsWith(ending))
    .sort()
    .map((file) => readFileSync(join(FOLDER, file)));

export interface UtCorpus {
  readonly documents: readonly Buffer[];
  readonly selectors: readonly Buffer[];
}

/** Documents and error bodies; one selector a line. */
export const loadUtCorpus = (): UtCorpus => ({
  documents: ofKind('.xml'),
  selectors: ofKind('.txt').flatMap((file) =>
    file
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => Buffer.from(line)),
  ),
});

const CHANGES: readonly ServicesChange[] = [
  ...FORWARDINGS.map(({ name }) => ({
    forwarding: { [name]: { active: true, target: 'tel:+46701234567' } },
  })),
  ...FORWARDINGS.map(({ name }) => ({ forwarding: { [name]: { active: false } } })),
  ...BARRINGS.flatMap(({ name }) => [true, false].map((on) => ({ barring: { [name]: on } }))),
  ...SWITCHES.flatMap(({ name }) => [true, false].map((on) => ({ switches: { [name]: on } }))),
  { no_reply_seconds: 42 },
];

const below = (random: Random, limit: number): number => Math.floor(random.uniform() * limit);

export type UtOutcome = 'edited' | 'refused' | 'unread';

/** A document through everything that reads one. */
export function exerciseDocument(bytes: Buffer, random: Random): UtOutcome {
  readXcapError(bytes);
  const read = readDocument(bytes);
  if (!read.ok) return 'unread';
  const root = read.value;
  const text = serializeXml(root);
  schemaFault(root);
  const change = CHANGES[below(random, CHANGES.length)] ?? {};
  const before = viewOf(root);
  try {
    const write = writeFor(root, edit(root, change));
    const after = readDocument(Buffer.from(serializeXml(root)));
    assert.ok(after.ok, 'what was edited cannot be read');
    if (after.ok && write) assert.not.equal(viewOf(after.value), before, 'a write that changes nothing');
    const old = readDocument(Buffer.from(text));
    if (after.ok && old.ok) policyFault(old.value, after.value);
    return 'edited';
  } catch (error) {
    if (TandemError.is(error) && error.fault !== 'ours') return 'refused';
    throw error;
  }
}

/** A selector read, written, read again, and looked up. */
export function exerciseSelector(bytes: Buffer, document: string): UtOutcome {
  const [path = '', query = ''] = bytes.toString('utf8').split('?');
  const read = parseSelector(path, query);
  if (!read.ok) return 'unread';
  const [again = '', bindings = ''] = formatSelector(read.value).slice('/~~/'.length).split('?');
  assert.equal(parseSelector(again, bindings), read);
  const found = readNode(document, read.value);
  const put = putElement(document, read.value, '<busy/>');
  const gone = deleteNode(document, read.value);
  return found.ok || put.ok || gone.ok ? 'edited' : 'refused';
}

/** Names and values that stand in documents; one in place of another leaves XML, and makes other sense. */
const NAMES =
  /busy|no-answer|not-reachable|not-registered|roaming|international-exHC|international|anonymous|rule-deactivated|media|true|false|cfb|cfu|rule66|default-behaviour|NoReplyTimer|forward-to|target|allow|conditions|actions|ruleset|communication-diversion|incoming-communication-barring|outgoing-communication-barring|communication-waiting/g;

function renamed(documents: readonly Buffer[], random: Random): Buffer {
  const text = (documents[below(random, documents.length)] ?? Buffer.alloc(0)).toString('utf8');
  const words = [...new Set(text.match(NAMES))];
  const pick = (): string => words[below(random, words.length)] ?? '';
  const swaps = Array.from({ length: 1 + below(random, 3) }, () => [pick(), pick()] as const);
  return Buffer.from(
    text.replace(NAMES, (word) => swaps.find(([from]) => from === word)?.[1] ?? word),
    'utf8',
  );
}

export function exerciseUt({ documents, selectors }: UtCorpus, random: Random): UtOutcome {
  const [first] = documents;
  const kind = below(random, 4);
  if (kind === 0 || !first) return exerciseDocument(mutate(documents, random), random);
  if (kind === 1) return exerciseDocument(renamed(documents, random), random);
  return exerciseSelector(mutate(selectors, random), first.toString('utf8'));
}
