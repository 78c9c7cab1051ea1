// Every fuzz target of native/fuzz for a few seconds from its corpus.
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { basename } from 'node:path';
import * as assert from 'uvu/assert';
import { makeNative } from '#test/support/native.ts';
import { suite } from '#test/support/suite.ts';

const SECONDS = 3;
const LIMIT_MS = 590_000;
const test = suite('native/fuzz');
const targets = globSync('native/fuzz/fuzz_*.c').map((file) => basename(file, '.c').replace('fuzz_', ''));
const clang = process.env.FUZZ_CC ?? 'clang';
const hasClang = spawnSync(clang, ['--version']).status === 0;

test('there are targets for RTP, RTCP and RFC 4867, each with a corpus', () => {
  for (const target of ['rtp', 'rtcp', 'amr_payload']) assert.ok(targets.includes(target), target);
  for (const target of targets)
    assert.ok(globSync(`native/fuzz/corpus/${target}/*`).length > 0, `native/fuzz/corpus/${target}`);
});

for (const target of targets.sort()) {
  const title = `${target}: ${SECONDS} s from its corpus find nothing`;
  if (!hasClang) test.skip(title, `${clang} is not installed`);
  else
    test(title, { timeoutMs: LIMIT_MS }, () => {
      const run = makeNative('fuzz', `SECONDS=${SECONDS}`, `TESTS=${target}`);
      assert.ok(run.ok, run.output);
      assert.is(run.tests.length, 1, run.output);
    });
}

test.run();
