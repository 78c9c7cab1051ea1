// The local call log: one row for each ended call, newest first, kept over a restart (NG.110 2.7, MD-2.7c).
import { Journal, type JournalQuery } from '#src/base/journal.ts';
import type { Database } from '#src/base/sqlite.ts';
import { CALL_LABELS } from './labels.ts';
import type { LogRow } from './snapshot.ts';

/** Rows kept; the oldest go first. */
const LOG_CAPACITY = 10_000;

export interface CallLogStore {
  /** Throws TandemError `store.full` or another `store.…`; the call is over all the same, and its row is listed and written later. */
  add(row: LogRow): void;
  /** Newest first; undefined when no row has the id `before`. */
  list(query: JournalQuery): readonly LogRow[] | undefined;
}

export const openCallLog = (database: Database): CallLogStore =>
  new Journal<LogRow>(database, LOG_CAPACITY, readLogRow);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

/** Judges a row that was written by this or an older Tandem. */
export function readLogRow(value: unknown): LogRow | undefined {
  return isLogRow(value) ? value : undefined;
}

function isLogRow(value: unknown): value is LogRow {
  if (!isObject(value) || !isObject(value.remote) || !isObject(value.end)) return false;
  const texts = [value.id, value.identity, value.start, value.remote.uri, value.end.at, value.end.by];
  return (
    texts.every((text) => typeof text === 'string') &&
    (value.direction === 'in' || value.direction === 'out') &&
    value.state === 'ended' &&
    CALL_LABELS.some((label) => isObject(value.end) && value.end.label === label)
  );
}
