// SIP messages: how many a second are read and written, beside the JavaScript libraries and libre in C.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { HEADERS, type HeaderName, type HeaderRow } from '#src/sip/message/headers.ts';
import type { SipMessage } from '#src/sip/message/message.ts';
import { parseMessage } from '#src/sip/message/parse.ts';
import { IMS_INVITE } from './ims-invite.ts';
import { type BenchLine, benchLine, median } from './line.ts';

const GOAL = 1.5;
const ROUNDS = 7;
const ROUND_MS = 200;
/** Messages between two looks at the clock. */
const BATCH = 100;
const LIBRE_SOURCE = new URL('libre-parse.c', import.meta.url).pathname;
const SIZE = `${(IMS_INVITE.length / 1000).toFixed(1)} kB IMS INVITE`;

type Task = () => number;

/** Messages that live on, as in any agent: without one the engine throws its code for them away at each collection. */
const KEPT: SipMessage[] = [];

setFlagsFromString('--expose-gc');
const gc: (options: { readonly type: 'minor' }) => void = runInNewContext('gc');

const require = createRequire(import.meta.url);

function parsed(): SipMessage {
  const result = parseMessage(IMS_INVITE);
  if (!result.ok) throw new Error(result.error.reason);
  return result.value;
}

const rowsPresent = (): readonly HeaderRow[] => {
  const message = parsed();
  return HEADERS.filter((row) => message.headers.has(row.name));
};

/** Ours: as it comes and goes; with every typed value read; changed as a proxy changes it. */
function ownTasks(): Readonly<Record<'plain' | 'typed' | 'proxy', Task>> {
  // The table's own names, which its type lists.
  const names = rowsPresent().map((row) => row.name as HeaderName);
  const kept = parsed();
  for (const name of names) kept.typed(name);
  KEPT.push(kept);
  return {
    plain: () => parsed().toBuffer().length,
    typed: () => {
      const message = parsed();
      let seen = 0;
      for (const name of names) if (message.typed(name) !== undefined) seen += 1;
      if (seen !== names.length) throw new Error('a header field was not read');
      return message.toBuffer().length;
    },
    proxy: () => {
      const message = parsed();
      message.headers.prepend('Via', 'SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bK-bench;rport');
      message.headers.set('Max-Forwards', String((message.maxForwards ?? 70) - 1));
      return message.toBuffer().length;
    },
  };
}

interface SipLibrary {
  parse(bytes: Buffer): { headers: Record<string, unknown> } | undefined;
  stringify(message: unknown): string;
}

interface StringParser {
  parseMessage(text: string, context?: unknown): { toString(): string } | undefined;
}

/** npm `sip`: the only one of the three that writes a message from its parsed form. */
function sipTask(): Task {
  const sip: SipLibrary = require('sip');
  return () => Buffer.from(sip.stringify(present(sip.parse(IMS_INVITE))), 'latin1').length;
}

/** npm `sip` as a proxy. */
function sipProxyTask(): Task {
  const sip: SipLibrary = require('sip');
  return () => {
    const message = present(sip.parse(IMS_INVITE));
    const via = message.headers.via;
    if (!Array.isArray(via)) throw new Error('npm sip read no Via');
    via.unshift({
      version: '2.0',
      protocol: 'UDP',
      host: '203.0.113.1',
      port: 5060,
      params: { branch: 'z9hG4bK-bench', rport: null },
    });
    message.headers['max-forwards'] = Number(message.headers['max-forwards']) - 1;
    return Buffer.from(sip.stringify(message), 'latin1').length;
  };
}

/** `sip.js` and `jssip` give the text back that they were given: their serialising costs nothing. */
function stringTask(parser: StringParser): Task {
  return () =>
    Buffer.from(present(parser.parseMessage(IMS_INVITE.toString('utf8'), {})).toString(), 'utf8').length;
}

function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('the message was not read');
  return value;
}

/** Messages a second of processor time of each task: interleaved rounds, so that all see the same machine; medians. */
function measure<Name extends string>(
  tasks: Readonly<Record<Name, Task>>,
  beside: () => void,
): Record<Name, number> {
  // Object.keys forgets the names that the type knows.
  const names = Object.keys(tasks) as Name[];
  const rates = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (const name of names) rateOf(tasks[name]);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const name of names) rates.get(name)?.push(rateOf(tasks[name]));
    beside();
  }
  const result: Partial<Record<Name, number>> = {};
  for (const name of names) result[name] = median(rates.get(name) ?? []);
  // Every name got its value in the loop above.
  return result as Record<Name, number>;
}

/** In processor time of every thread, garbage collection too: what else runs on the machine does not count. */
function rateOf(task: Task): number {
  // Nobody pays for the garbage of the task before. (A full collection would throw optimised code away.)
  gc({ type: 'minor' });
  const start = process.cpuUsage();
  let count = 0;
  let spent = 0;
  while (spent < ROUND_MS) {
    for (let index = 0; index < BATCH; index += 1) task();
    count += BATCH;
    const { user, system } = process.cpuUsage(start);
    spent = (user + system) / 1000;
  }
  return (count * 1000) / spent;
}

/** The C side: compiled once, then run for one round at a time. */
class Libre {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tandem-bench-'));
  readonly #plain: number[] = [];
  readonly #typed: number[] = [];
  #usable: boolean;

  constructor() {
    const flags = ['-O2', '-I/usr/include/re', LIBRE_SOURCE, '-o', this.#file('libre-parse'), '-lre', '-lm'];
    this.#usable = existsSync('/usr/include/re/re.h');
    if (!this.#usable) {
      this.#skip('libre-dev is not installed');
      return;
    }
    writeFileSync(this.#file('invite.sip'), IMS_INVITE);
    const built = spawnSync('cc', flags, { encoding: 'utf8' });
    if (built.status !== 0) this.#skip(built.stderr || 'no C compiler');
  }

  round(): void {
    if (!this.#usable) return;
    const words = [this.#file('invite.sip'), '1', String(ROUND_MS)];
    const run = spawnSync(this.#file('libre-parse'), words, { encoding: 'utf8' });
    if (run.status !== 0) {
      this.#skip(run.stderr);
      return;
    }
    const [plain, typed] = run.stdout.trim().split(' ').map(Number);
    this.#plain.push(plain ?? 0);
    this.#typed.push(typed ?? 0);
  }

  /** Medians in messages a second; null where it could not be measured. */
  get rates(): { readonly plain: number | null; readonly typed: number | null } {
    return this.#usable
      ? { plain: median(this.#plain), typed: median(this.#typed) }
      : { plain: null, typed: null };
  }

  close(): void {
    rmSync(this.#folder, { recursive: true });
  }

  #file(name: string): string {
    return join(this.#folder, name);
  }

  #skip(reason: string): void {
    this.#usable = false;
    console.error(`bench sip: libre is not measured: ${reason}`);
  }
}

function line(
  metric: string,
  ours: number,
  name: string | null,
  peer: number | null,
  goal: number | null,
): BenchLine {
  const base = benchLine({
    bench: 'sip',
    metric,
    unit: 'messages/s of processor',
    better: 'higher',
    ours,
    peer,
    peer_name: name,
  });
  if (goal === null || base.ratio === null) return base;
  return { ...base, goal: `>= ${goal} x ${name}`, met: base.ratio >= goal };
}

export async function run(): Promise<BenchLine[]> {
  const c = new Libre();
  const tasks = {
    ...ownTasks(),
    sip: sipTask(),
    sipProxy: sipProxyTask(),
    'sip.js': stringTask(require('sip.js/lib/core/messages/parser.js').Parser),
    jssip: stringTask(require('jssip/lib/Parser.js')),
  };
  const rates = measure(tasks, () => c.round());
  const libre = c.rates;
  c.close();
  const plain = `parse + serialise, ${SIZE}`;
  return [
    line(plain, rates.plain, 'sip', rates.sip, GOAL),
    line(plain, rates.plain, 'sip.js', rates['sip.js'], GOAL),
    line(plain, rates.plain, 'jssip', rates.jssip, GOAL),
    line(plain, rates.plain, 'libre', libre.plain, GOAL),
    line(`the same, every header field read typed`, rates.typed, 'libre', libre.typed, null),
    line(`the same, every header field read typed`, rates.typed, 'sip', rates.sip, GOAL),
    line(`the same, Via pushed and Max-Forwards lowered`, rates.proxy, 'sip', rates.sipProxy, GOAL),
  ];
}
