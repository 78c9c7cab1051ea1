// The state folder: one database, the token, and nothing else that lasts.
import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, systemCode, TandemError } from './errors.ts';
import { type Random, randomToken } from './random.ts';
import { Database } from './sqlite.ts';

const MIGRATIONS: readonly string[] = [
  `CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE call_log (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, row TEXT NOT NULL) STRICT;`,
];

const DATABASE = 'tandem.db';
const OWNER_ONLY = 0o600;
const OWNER_FOLDER = 0o700;
const OTHERS = 0o077;
const TOKEN_OCTETS = 32;
/** RFC 6750 2.1; any other could not be said in a request. */
const BEARER = /^[A-Za-z0-9._~+/-]+=*$/;

/** The open state folder. It belongs to this process until `close`. */
export class Store {
  readonly folder: string;
  readonly database: Database;

  private constructor(folder: string, database: Database) {
    this.folder = folder;
    this.database = database;
  }

  /** Opens or makes the folder. Throws TandemError `store.locked`, `store.read-only`, `store.corrupt`, `store.full`, `store.open` … */
  static open(folder: string): Store {
    try {
      makeFolder(resolve(folder));
      // SQLite gives its other files the mode of this one.
      closeSync(openSync(join(folder, DATABASE), 'a', OWNER_ONLY));
    } catch (error) {
      throw folderError(error, folder);
    }
    return new Store(folder, Database.open(join(folder, DATABASE), MIGRATIONS));
  }

  /** A small value kept under a name (the instance id, say). */
  get(key: string): string | undefined {
    const value = this.database.get('SELECT value FROM setting WHERE key = ?', key)?.value;
    return typeof value === 'string' ? value : undefined;
  }

  set(key: string, value: string): void {
    this.database.run(
      'INSERT INTO setting VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
      key,
      value,
    );
  }

  delete(key: string): void {
    this.database.run('DELETE FROM setting WHERE key = ?', key);
  }

  /** The API token kept in `token`, mode 0600; made when there is none, always whole. */
  token(random: Random): string {
    const path = join(this.folder, 'token');
    try {
      return readToken(path) ?? makeToken(path, random);
    } catch (error) {
      throw folderError(error, this.folder);
    }
  }

  close(): void {
    this.database.close();
  }
}

/** With its parents; `recursive` of Node never ends under /proc, and gives ENOENT where a parent cannot be written. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: OWNER_FOLDER });
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST' && statSync(folder).isDirectory()) return;
    const parent = dirname(folder);
    if (code !== 'ENOENT' || parent === folder || existsSync(parent)) throw error;
    makeFolder(parent);
    mkdirSync(folder, { mode: OWNER_FOLDER });
  }
}

function readToken(path: string): string | undefined {
  try {
    const token = readFileSync(path, 'utf8').trim();
    if ((statSync(path).mode & OTHERS) !== 0) chmodSync(path, OWNER_ONLY);
    if (token === '') rmSync(path);
    else if (!BEARER.test(token))
      throw new TandemError(
        'caller',
        'store.token',
        `The file ${path} holds no token: remove it for a new one.`,
        {
          detail: { path },
        },
      );
    return token === '' ? undefined : token;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function makeToken(path: string, random: Random): string {
  const token = randomToken(random, TOKEN_OCTETS);
  const part = `${path}.${randomToken(random)}`;
  writeFileSync(part, `${token}\n`, { mode: OWNER_ONLY, flag: 'wx', flush: true });
  try {
    // Unlike a rename, a link never replaces a token that somebody reads already.
    linkSync(part, path);
  } finally {
    rmSync(part);
  }
  return token;
}

const FOLDER_ERRORS: Readonly<Record<string, string>> = {
  ENOSPC: 'store.full',
  EDQUOT: 'store.full',
  EROFS: 'store.read-only',
  EACCES: 'store.read-only',
  EPERM: 'store.read-only',
};

function folderError(error: unknown, folder: string): TandemError {
  if (TandemError.is(error)) return error;
  const id = FOLDER_ERRORS[systemCode(error) ?? ''] ?? 'store.open';
  const words =
    id === 'store.full'
      ? 'the disk is full'
      : id === 'store.read-only'
        ? 'it cannot be written'
        : describe(error);
  return new TandemError('caller', id, `The state folder ${folder} cannot be used: ${words}.`, {
    cause: error,
    detail: { folder },
  });
}
