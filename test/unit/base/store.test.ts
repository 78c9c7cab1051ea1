import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import { Journal } from '#src/base/journal.ts';
import { SeededRandom } from '#src/base/random.ts';
import { Store } from '#src/base/store.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('base/store');
const folders: string[] = [];
const fresh = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-store-'));
  folders.push(folder);
  return folder;
};
test.after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

const idOf = (action: () => unknown): string | undefined => {
  try {
    action();
  } catch (error) {
    return TandemError.is(error) ? error.id : String(error);
  }
  return undefined;
};

interface Named {
  readonly id: string;
  readonly n?: number;
}
const parse = (value: unknown): Named | undefined =>
  typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string'
    ? { ...value, id: value.id }
    : undefined;

test('values outlive the process', () => {
  const folder = join(fresh(), 'state');
  const first = Store.open(folder);
  first.set('instance', 'urn:uuid:1');
  first.set('instance', 'urn:uuid:2');
  first.close();
  const second = Store.open(folder);
  assert.is(second.get('instance'), 'urn:uuid:2');
  second.delete('instance');
  assert.is(second.get('instance'), undefined);
  second.close();
  assert.is(statSync(folder).mode & 0o777, 0o700);
});

test('a second one on the same folder is refused until the first is closed', () => {
  const folder = fresh();
  const first = Store.open(folder);
  assert.is(
    idOf(() => Store.open(folder)),
    'store.locked',
  );
  first.close();
  Store.open(folder).close();
});

test('a damaged database is told, not repaired in silence', () => {
  const folder = fresh();
  writeFileSync(
    join(folder, 'tandem.db'),
    'this is no database, and it is long enough to be taken for one'.repeat(100),
  );
  assert.is(
    idOf(() => Store.open(folder)),
    'store.corrupt',
  );
});

test('a full disk is told', () => {
  const store = Store.open(fresh());
  // The page limit gives the very code of a full disk.
  const pages = Number(store.database.get('PRAGMA page_count')?.page_count);
  store.database.get(`PRAGMA max_page_count=${pages}`);
  assert.is(
    idOf(() => store.set('big', 'x'.repeat(100_000))),
    'store.full',
  );
  assert.is(store.get('big'), undefined);
  store.close();
});

test('a state folder that is a file is told', () => {
  const path = join(fresh(), 'file');
  writeFileSync(path, '');
  assert.is(
    idOf(() => Store.open(path)),
    'store.open',
  );
});

test('a folder that cannot be made is told, its parents are made where they can be', () => {
  const error = idOf(() => Store.open('/proc/tandem/state'));
  assert.is(error, 'store.open');
  const deep = join(fresh(), 'a/b/c');
  Store.open(deep).close();
  assert.is(statSync(deep).mode & 0o777, 0o700);
});

test('a token that no request could carry is told', () => {
  const folder = fresh();
  const store = Store.open(folder);
  writeFileSync(join(folder, 'token'), 'two words\n');
  assert.is(
    idOf(() => store.token(new SeededRandom(1))),
    'store.token',
  );
  store.close();
});

test('a database of a newer version is not touched', () => {
  const folder = fresh();
  const store = Store.open(folder);
  store.database.get('PRAGMA user_version=99');
  store.close();
  assert.is(
    idOf(() => Store.open(folder)),
    'store.newer',
  );
});

test('the token is made once, for the owner alone', () => {
  const folder = fresh();
  const store = Store.open(folder);
  const token = store.token(new SeededRandom(1));
  assert.match(token, /^[0-9a-f]{64}$/);
  assert.is(store.token(new SeededRandom(2)), token);
  const path = join(folder, 'token');
  assert.is(readFileSync(path, 'utf8').trim(), token);
  assert.is(statSync(path).mode & 0o777, 0o600);
  chmodSync(path, 0o644);
  store.token(new SeededRandom(3));
  assert.is(statSync(path).mode & 0o777, 0o600);
  store.close();
});

test('the journal gives newest first, in pages', () => {
  const store = Store.open(fresh());
  const journal = new Journal(store.database, 100, parse);
  for (const id of ['a', 'b', 'c']) journal.add({ id });
  assert.equal(
    journal.list({ limit: 2 })?.map(({ id }) => id),
    ['c', 'b'],
  );
  assert.equal(
    journal.list({ limit: 2, before: 'b' })?.map(({ id }) => id),
    ['a'],
  );
  assert.is(journal.list({ limit: 2, before: 'nobody' }), undefined);
  journal.add({ id: 'a', n: 2 });
  assert.equal(journal.list({ limit: 9 })?.at(-1), { id: 'a', n: 2 });
  store.close();
});

test('the journal forgets the oldest beyond its capacity', () => {
  const store = Store.open(fresh());
  const journal = new Journal(store.database, 3, parse);
  for (const id of ['a', 'b', 'c', 'd', 'e']) journal.add({ id });
  assert.equal(
    journal.list({ limit: 9 })?.map(({ id }) => id),
    ['e', 'd', 'c'],
  );
  store.close();
});

test.run();
