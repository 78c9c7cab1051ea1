// What the tests of any order of events share: a network that is not to be relied on, and an owner who presses what he likes.
import fc from 'fast-check';
import { SeededRandom } from '#src/base/random.ts';
import { Milliseconds } from '#src/base/units.ts';
import type { suite } from '#test/support/suite.ts';
import type { TestWorld } from './harness.ts';

/** A wrong state is an answer, too; anything that is no TandemError is a defect and passes on. */
export function attempt(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'TandemError') throw error;
  }
}

/** From now on packets are lost, repeated and late, each in this share. */
export function trouble(world: TestWorld, seed: number, share: number): void {
  const luck = new SeededRandom(seed);
  world.network.rule = () => {
    const chance = luck.uniform();
    if (chance < share) return { drop: true };
    if (chance < 2 * share) return { copies: 2 };
    return chance < 3 * share ? { delay: Milliseconds(700) } : undefined;
  };
}

/** The same lives in a quiet network and in a bad one. */
export function onBothNetworks<Plan>(
  test: ReturnType<typeof suite>,
  numRuns: number,
  plans: fc.Arbitrary<Plan>,
  lifeOf: (seed: number, loss: number, plan: Plan) => Promise<void>,
): void {
  test('a quiet network', { timeoutMs: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), plans, (seed, plan) => lifeOf(seed, 0, plan)),
      { numRuns, includeErrorInReport: true },
    );
  });

  test('a network that loses, repeats and delays', { timeoutMs: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.double({ min: 0.02, max: 0.3, noNaN: true }), plans, lifeOf),
      { numRuns, includeErrorInReport: true },
    );
  });
}
