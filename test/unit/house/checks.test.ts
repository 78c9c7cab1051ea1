// The house rules that a program can check.
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as assert from 'uvu/assert';
import { breaches, LAYERS, SIP_LAYERS, sources } from '#test/support/layers.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('house');

const succeeds = (program: string, args: readonly string[]): void => {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  assert.is(status, 0, `${stdout}${stderr}`.slice(-4000));
};

test('the types hold', { timeoutMs: 120_000 }, () => succeeds('node_modules/.bin/tsc', ['-p', '.']));

test('Biome finds nothing to lint or format', { timeoutMs: 120_000 }, () =>
  succeeds('node_modules/.bin/biome', ['check', '--error-on-warnings']),
);

test('a layer imports only from those above it', () => {
  assert.equal([...breaches(sources(), LAYERS, ''), ...breaches(sources(), SIP_LAYERS, 'sip/')], []);
});

test('the layer check sees a breach', () => {
  const wrong = [
    { path: 'sip/ua/x.ts', text: "import { a } from '../../call/y.ts';\nimport '#src/sip/event/z.ts';" },
  ];
  assert.is(breaches(wrong, LAYERS, '').length, 1);
  assert.is(breaches(wrong, SIP_LAYERS, 'sip/').length, 1);
});

test('every folder of code has a README', () => {
  const folders = new Set(
    [...globSync('src/*/**/*.ts'), ...globSync('native/*/**/*.{c,h,cc}')].map((file) => dirname(file)),
  );
  const missing = [...folders].filter(
    (folder) => !existsSync(`${folder}/README.md`) && !existsSync(`${dirname(folder)}/README.md`),
  );
  assert.equal(missing, []);
});

test('relative links in the documents lead somewhere', () => {
  const documents = globSync('**/*.md', { exclude: (name) => name === 'node_modules' || name === 'build' });
  const broken = documents.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)/g)]
      .map((match) => `${dirname(file)}/${match[1]}`)
      .filter((target) => !existsSync(target))
      .map((target) => `${file}: ${target}`),
  );
  assert.equal(broken, []);
});

test('no commit carries a registry or mirror host', () => {
  const addresses = /"resolved":\s*"https?:/;
  assert.not.match(readFileSync('package-lock.json', 'utf8'), addresses);
});

test.run();
