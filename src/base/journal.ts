// Rows that are only ever added, newest first to the reader: the call log's table.
import { TandemError } from './errors.ts';
import type { Database } from './sqlite.ts';

export interface JournalQuery {
  /** Rows older than the one with this id. */
  readonly before?: string;
  readonly limit: number;
}

/** Rows that wait in memory while the disk takes none; the oldest go first. */
const MOST_WAITING = 1000;

/**
 * Keeps the last `capacity` rows, each as JSON under its id. Every method throws TandemError `store.…`. A row that could
 * not be written (the disk is full) is listed all the same, and written with the next one or when somebody reads.
 */
export class Journal<Row extends { readonly id: string }> {
  readonly #database: Database;
  readonly #capacity: number;
  readonly #parse: (value: unknown) => Row | undefined;
  /** Not on the disk; oldest first. */
  #waiting: Row[] = [];

  /** `parse` judges a row read back; a row it refuses is `store.corrupt`. */
  constructor(database: Database, capacity: number, parse: (value: unknown) => Row | undefined) {
    this.#database = database;
    this.#capacity = capacity;
    this.#parse = parse;
  }

  /** On the disk when it returns; when it throws, it waits. A row with a known id takes the place of the old one. */
  add(row: Row): void {
    this.#waiting = [...this.#waiting.filter(({ id }) => id !== row.id), row].slice(-MOST_WAITING);
    this.#writeWaiting();
  }

  #writeWaiting(): void {
    this.#database.transaction(() => {
      for (const row of this.#waiting)
        this.#database.run(
          'INSERT INTO call_log (id, row) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET row = excluded.row',
          row.id,
          JSON.stringify(row),
        );
      this.#database.run(
        'DELETE FROM call_log WHERE seq <= (SELECT max(seq) FROM call_log) - ?',
        this.#capacity,
      );
    });
    this.#waiting = [];
  }

  /** Newest first; undefined when no row has the id `before`. */
  list({ before, limit }: JournalQuery): readonly Row[] | undefined {
    this.#tryWaiting();
    const waiting = this.#waiting.toReversed();
    const at = waiting.findIndex(({ id }) => id === before);
    if (before !== undefined && at < 0) return this.#written({ before, limit });
    const rows = waiting.slice(at + 1, at + 1 + limit);
    return [...rows, ...(this.#written({ limit: limit - rows.length }) ?? [])];
  }

  #tryWaiting(): void {
    if (this.#waiting.length === 0) return;
    try {
      this.#writeWaiting();
    } catch {
      // Told by `add`; they are listed from memory.
    }
  }

  #written({ before, limit }: JournalQuery): readonly Row[] | undefined {
    let below = Number.MAX_SAFE_INTEGER;
    if (before !== undefined) {
      const seq = this.#database.get('SELECT seq FROM call_log WHERE id = ?', before)?.seq;
      if (typeof seq !== 'number') return undefined;
      below = seq;
    }
    return this.#database
      .all('SELECT row FROM call_log WHERE seq < ? ORDER BY seq DESC LIMIT ?', below, limit)
      .map(({ row }) => this.#read(row));
  }

  #read(text: unknown): Row {
    const row = this.#parse(typeof text === 'string' ? JSON.parse(text) : undefined);
    if (row === undefined)
      throw new TandemError('ours', 'store.corrupt', 'A row of the call log cannot be read.');
    return row;
  }
}
