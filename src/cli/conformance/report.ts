// Reads build/test-report.ndjson, the settled tests of the last run.
import { readFileSync } from 'node:fs';
import { systemCode, TandemError } from '#src/base/errors.ts';
import type { TestOutcome } from './status.ts';

/** Relative to the checkout. */
export const REPORT_PATH = 'build/test-report.ndjson';

/** Throws TandemError `conformance.report` when there is none, or a line cannot be read. */
export function readReport(path: string): TestOutcome[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const missing = systemCode(error) === 'ENOENT';
    throw new TandemError(
      'caller',
      'conformance.report',
      missing ? `There is no ${path}: run scripts/test first.` : `${path} cannot be read.`,
      { cause: error },
    );
  }
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .flatMap((line, index) => readLine(line, `${path}:${index + 1}`));
}

function readLine(line: string, place: string): TestOutcome[] {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch (cause) {
    throw new TandemError('caller', 'conformance.report', `${place}: this is no JSON.`, { cause });
  }
  if (typeof entry !== 'object' || entry === null || !('test' in entry) || !('status' in entry)) return [];
  const { test, status } = entry;
  if (typeof test !== 'string' || (status !== 'passed' && status !== 'failed' && status !== 'skipped'))
    return [];
  const peers = 'peers' in entry && Array.isArray(entry.peers) ? entry.peers.map(String) : [];
  return [{ test, status, peers }];
}
