// A thin wrapper around uvu: every test is reported by name, a skip carries its reason, a hang fails by name,
// and a proof must turn red when the thing it proves is broken.
import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';
import { suite as uvuSuite } from 'uvu';

export interface TestOptions {
  /** Strangers' programs that judge in this test, e.g. `['Kamailio']`; our own operator is none. */
  readonly peers?: readonly string[];
  /** A test that takes longer has hung. Default 60 seconds. */
  readonly timeoutMs?: number;
}

export interface Proof extends TestOptions {
  /** Must pass. */
  readonly run: () => void | Promise<void>;
  /** The same check with the feature off or the peer wrong: must fail with an assertion. */
  readonly control: () => void | Promise<void>;
}

type Body = () => void | Promise<void>;

export interface TestReport {
  readonly file: string;
  readonly suite: string;
  readonly test: string;
  readonly status: 'started' | 'passed' | 'failed' | 'skipped';
  readonly ms?: number;
  readonly peers?: readonly string[];
  /** Why it was skipped, or how it failed. */
  readonly reason?: string;
}

const DEFAULT_TIMEOUT_MS = 60_000;
const reportPath = process.env.TANDEM_TEST_REPORT;
const file = relative(process.cwd(), process.argv[1] ?? '');

function report(entry: Omit<TestReport, 'file'>): void {
  if (reportPath) appendFileSync(reportPath, `${JSON.stringify({ file, ...entry })}\n`);
}

/** Runs `body`, failing when it has not ended in time. */
async function bounded(body: Body, limit: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const hang = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`hung: not finished after ${limit} ms`)), limit);
  });
  try {
    await Promise.race([Promise.resolve().then(body), hang]);
  } finally {
    clearTimeout(timer);
  }
}

const isAssertion = (error: unknown): boolean =>
  error instanceof Error &&
  (error.name.startsWith('Assertion') || ('code' in error && error.code === 'ERR_ASSERTION'));

async function provenBy(proof: Proof): Promise<void> {
  await proof.run();
  try {
    await proof.control();
  } catch (error) {
    if (isAssertion(error)) return;
    throw new Error('the negative control broke instead of failing its assertion', { cause: error });
  }
  throw new Error('the negative control passed: this test proves nothing');
}

/** Makes a suite; call `run()` on it at the end of the file. */
export function suite(name: string) {
  const inner = uvuSuite(name);

  const add = (title: string, options: TestOptions, body: Body): void => {
    const peers = options.peers ? { peers: options.peers } : {};
    inner(title, async () => {
      const start = performance.now();
      const entry = { suite: name, test: title, ...peers };
      report({ ...entry, status: 'started' });
      try {
        await bounded(body, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
        report({ ...entry, status: 'passed', ms: Math.round(performance.now() - start) });
      } catch (error) {
        const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
        report({ ...entry, status: 'failed', ms: Math.round(performance.now() - start), reason });
        throw error;
      }
    });
  };

  const test = (title: string, first: TestOptions | Body, second?: Body): void => {
    if (typeof first === 'function') add(title, {}, first);
    else if (second) add(title, first, second);
  };

  return Object.assign(test, {
    /** A test of a requirement row: it passes, and its negative control fails. */
    proof: (title: string, proof: Proof): void => add(title, proof, () => provenBy(proof)),
    /** Named and counted, with the reason. */
    skip: (title: string, reason: string): void => {
      inner.skip(title, () => undefined);
      report({ suite: name, test: title, status: 'skipped', reason });
    },
    before: inner.before,
    after: inner.after,
    run: (): void => inner.run(),
  });
}
