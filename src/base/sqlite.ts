// SQLite with our settings: WAL, full sync, one process at a time; its errors as typed ones.
import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from 'node:sqlite';
import { describe, TandemError } from './errors.ts';

/** Result codes of sqlite.org/rescode.html that an owner can do something about; the low octet is the primary code. */
const CODES: Readonly<Record<number, { id: string; message: string }>> = {
  5: { id: 'store.locked', message: 'The state folder is in use by another Tandem.' },
  6: { id: 'store.locked', message: 'The state folder is in use by another Tandem.' },
  8: { id: 'store.read-only', message: 'The state folder cannot be written.' },
  10: { id: 'store.io', message: 'Reading or writing the state folder failed.' },
  11: { id: 'store.corrupt', message: 'The database in the state folder is damaged.' },
  13: { id: 'store.full', message: 'The disk with the state folder is full.' },
  14: { id: 'store.open', message: 'The database in the state folder cannot be opened.' },
  26: { id: 'store.corrupt', message: 'The database in the state folder is no database.' },
};

const PRIMARY_CODE = 0xff;

/** Whatever SQLite threw, as a TandemError `store.…` with the file in its detail. */
function storeError(error: unknown, file: string): TandemError {
  if (error instanceof TandemError) return error;
  const code =
    error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : 0;
  const known = CODES[code & PRIMARY_CODE];
  return new TandemError(
    known ? 'caller' : 'ours',
    known?.id ?? 'store.failed',
    known?.message ?? 'The database failed.',
    {
      cause: error,
      detail: { file, code, reason: describe(error) },
    },
  );
}

export type Row = Record<string, SQLOutputValue>;

/** One open database. Every method throws TandemError `store.…`. */
export class Database {
  readonly #database: DatabaseSync;
  readonly #file: string;

  private constructor(database: DatabaseSync, file: string) {
    this.#database = database;
    this.#file = file;
  }

  /**
   * Opens `file`, makes it when it is not there, takes it for this process alone and brings it to the last migration.
   * A migration is SQL that leads from version n to n + 1.
   */
  static open(file: string, migrations: readonly string[]): Database {
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(file, { timeout: 0 });
      // Exclusive locking is dropped by the kernel when the process dies: no stale lock can stay behind.
      database.exec(
        'PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON',
      );
      database.exec('BEGIN EXCLUSIVE');
      migrate(database, migrations, file);
      database.exec('COMMIT');
      const check = database.prepare('PRAGMA quick_check(1)').get();
      if (check?.quick_check !== 'ok')
        throw new TandemError('caller', 'store.corrupt', 'The database in the state folder is damaged.', {
          detail: { file, reason: String(check?.quick_check) },
        });
      return new Database(database, file);
    } catch (error) {
      closeQuietly(database);
      throw storeError(error, file);
    }
  }

  run(sql: string, ...values: SQLInputValue[]): void {
    this.#guard(() => this.#database.prepare(sql).run(...values));
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#guard(() => this.#database.prepare(sql).get(...values));
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#guard(() => this.#database.prepare(sql).all(...values));
  }

  /** All of it or nothing. */
  transaction<Value>(body: () => Value): Value {
    return this.#guard(() => {
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        const value = body();
        this.#database.exec('COMMIT');
        return value;
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  close(): void {
    closeQuietly(this.#database);
  }

  #guard<Value>(action: () => Value): Value {
    try {
      return action();
    } catch (error) {
      throw storeError(error, this.#file);
    }
  }
}

function migrate(database: DatabaseSync, migrations: readonly string[], file: string): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.user_version);
  if (version > migrations.length)
    throw new TandemError('caller', 'store.newer', 'The state folder was written by a newer Tandem.', {
      detail: { file, version },
    });
  for (const sql of migrations.slice(version)) database.exec(sql);
  database.exec(`PRAGMA user_version=${migrations.length}`);
}

function closeQuietly(database: DatabaseSync | undefined): void {
  if (database?.isOpen) database.close();
}
