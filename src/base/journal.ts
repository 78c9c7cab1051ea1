// Rows that are only ever added, newest first to the reader: the call log's table.
import { TandemError } from './errors.ts';
import type { Database } from './sqlite.ts';

export interface JournalQuery {
  /** Rows older than the one with this id. */
  readonly before?: string;
  readonly limit: number;
}

/** Keeps the last `capacity` rows, each as JSON under its id. Every method throws TandemError `store.…`. */
export class Journal<Row extends { readonly id: string }> {
  readonly #database: Database;
  readonly #capacity: number;
  readonly #parse: (value: unknown) => Row | undefined;

  /** `parse` judges a row read back; a row it refuses is `store.corrupt`. */
  constructor(database: Database, capacity: number, parse: (value: unknown) => Row | undefined) {
    this.#database = database;
    this.#capacity = capacity;
    this.#parse = parse;
  }

  /** On the disk when it returns. A row with a known id takes the place of the old one. */
  add(row: Row): void {
    this.#database.transaction(() => {
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
  }

  /** Newest first; undefined when no row has the id `before`. */
  list({ before, limit }: JournalQuery): readonly Row[] | undefined {
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
