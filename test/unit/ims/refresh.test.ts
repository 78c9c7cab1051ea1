import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { SeededRandom } from '#src/base/random.ts';
import { Seconds } from '#src/base/units.ts';
import { Backoff, DEFAULT_BACKOFF } from '#src/ims/backoff.ts';
import { refreshAfter } from '#src/ims/refresh.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('ims/refresh');

test('[MD-2.2.2a3] the interval granted decides the moment of the refresh (24.229 5.1.1.4)', () => {
  const table = [
    [120, 60],
    [360, 180],
    [1200, 600],
    [1201, 601],
    [1600, 1000],
    [600_000, 599_400],
  ] as const;
  for (const [granted, due] of table) assert.is(refreshAfter(Seconds(granted)), due, `granted ${granted}`);
});

test('a refresh always comes before the end', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4_000_000 }), (granted) => {
      const due = refreshAfter(Seconds(granted));
      return due > 0 && due < granted;
    }),
  );
});

test('waits double from the base up to the longest, with 50 to 100 % of jitter (RFC 5626 4.5)', () => {
  const backoff = new Backoff(DEFAULT_BACKOFF, new SeededRandom(1));
  const limits = [60, 120, 240, 480, 960, 1800, 1800, 1800];
  for (const upper of limits) {
    const wait = backoff.failed();
    assert.ok(wait >= upper / 2 && wait <= upper, `${wait} of ${upper}`);
  }
  backoff.succeeded();
  assert.ok(backoff.failed() <= 60);
});

test('any settings: never below the base, never above the longest', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 600 }),
      fc.integer({ min: 1, max: 100_000 }),
      fc.integer({ min: 1, max: 200 }),
      fc.integer(),
      (base, extra, rounds, seed) => {
        const max = Seconds(2 * base + extra);
        const backoff = new Backoff({ base: Seconds(base), max }, new SeededRandom(seed));
        return Array.from({ length: rounds }, () => backoff.failed()).every(
          (wait) => wait >= base && wait <= max,
        );
      },
    ),
  );
});

test.run();
