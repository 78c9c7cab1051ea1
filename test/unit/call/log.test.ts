import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import type { JournalQuery } from '#src/base/journal.ts';
import { Store } from '#src/base/store.ts';
import { openCallLog, readLogRow } from '#src/call/log.ts';
import type { LogRow } from '#src/call/snapshot.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('call/log');

const caught = (body: () => void): unknown => {
  try {
    body();
    return undefined;
  } catch (error) {
    return error;
  }
};

const row = (id: string): LogRow => ({
  id,
  direction: 'in',
  state: 'ended',
  waiting: false,
  hold: 'none',
  remote: { uri: 'tel:+46701234567', name: 'Anna' },
  identity: 'sip:home@op.example',
  called_identity: 'sip:alias@op.example',
  video: false,
  dialogs: [{ remote_tag: 'a', state: 'terminated' }],
  audio: { codec: 'AMR-WB', srtp: false, sent: 10, received: 11, lost: 0, jitter_ms: 1, mos: 4.4 },
  start: '2026-01-01T00:00:00.000Z',
  answered: '2026-01-01T00:00:03.000Z',
  end: { at: '2026-01-01T00:01:00.000Z', by: 'remote', label: 'answered' },
});

test('[MD-2.7c] rows survive a restart as they were, newest first, page by page', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-log-'));
  try {
    const store = Store.open(folder);
    const log = openCallLog(store.database);
    for (const id of ['one', 'two', 'three']) log.add(row(id));
    store.close();
    const again = Store.open(folder);
    const kept = openCallLog(again.database);
    assert.equal(kept.list({ limit: 10 }), [row('three'), row('two'), row('one')]);
    assert.equal(
      kept.list({ limit: 1 })?.map(({ id }) => id),
      ['three'],
    );
    assert.equal(
      kept.list({ before: 'three', limit: 10 })?.map(({ id }) => id),
      ['two', 'one'],
    );
    assert.is(kept.list({ before: 'nobody', limit: 10 }), undefined);
    again.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('rows that find the disk full are listed, and written once there is room', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-log-'));
  try {
    const store = Store.open(folder);
    const log = openCallLog(store.database);
    log.add(row('before'));
    // The page limit gives the very code of a full disk.
    const { page_count: pages } = store.database.get('PRAGMA page_count') ?? {};
    const long = (id: string): LogRow => ({
      ...row(id),
      remote: { uri: 'sip:a@b.example', name: 'x'.repeat(9000) },
    });
    store.database.get(`PRAGMA max_page_count=${Number(pages)}`);
    for (const id of ['one', 'two', 'three']) {
      const error = caught(() => log.add(long(id)));
      assert.is(TandemError.is(error) && error.id, 'store.full');
    }
    const ids = (query: JournalQuery) => log.list(query)?.map(({ id }) => id);
    assert.equal(ids({ limit: 10 }), ['three', 'two', 'one', 'before']);
    assert.equal(ids({ limit: 2 }), ['three', 'two']);
    assert.equal(ids({ before: 'two', limit: 10 }), ['one', 'before']);
    assert.equal(ids({ before: 'three', limit: 1 }), ['two']);
    assert.equal(ids({ before: 'before', limit: 10 }), []);
    assert.is(ids({ before: 'nobody', limit: 10 }), undefined);
    store.database.get('PRAGMA max_page_count=1000000');
    log.add(row('after'));
    store.close();
    const again = Store.open(folder);
    assert.equal(
      openCallLog(again.database)
        .list({ limit: 10 })
        ?.map(({ id }) => id),
      ['after', 'three', 'two', 'one', 'before'],
    );
    again.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a row that is none is not read', () => {
  assert.ok(readLogRow(row('a')));
  for (const value of [
    undefined,
    null,
    1,
    {},
    { ...row('a'), end: undefined },
    { ...row('a'), direction: 'up' },
  ]) {
    assert.is(readLogRow(value), undefined);
  }
  assert.is(readLogRow({ ...row('a'), end: { ...row('a').end, label: 'odd' } }), undefined);
});

test.run();
