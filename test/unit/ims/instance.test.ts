import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { SeededRandom } from '#src/base/random.ts';
import { Store } from '#src/base/store.ts';
import { instanceId, memoryStore } from '#src/ims/instance.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('ims/instance');
const UUID = /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('[MD-2.2.1a] made once and kept, different on another device, the configured one wins', () => {
  const store = memoryStore();
  const first = instanceId(undefined, store, new SeededRandom(1));
  assert.match(first, UUID);
  assert.is(instanceId(undefined, store, new SeededRandom(2)), first);
  assert.is.not(instanceId(undefined, memoryStore(), new SeededRandom(3)), first);
  assert.is(
    instanceId('urn:gsma:imei:90420156-025763-0', store, new SeededRandom(1)),
    'urn:gsma:imei:90420156-025763-0',
  );
  assert.is(instanceId('<urn:uuid:a>', store, new SeededRandom(1)), 'urn:uuid:a');
});

test('[MD-2.2.1a] the state folder keeps it over a restart', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-instance-'));
  const made = (seed: number): string => {
    const store = Store.open(join(folder, 'state'));
    try {
      return instanceId(undefined, store, new SeededRandom(seed));
    } finally {
      store.close();
    }
  };
  try {
    assert.is(made(6), made(5));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
