// A seeded run of mutated documents and selectors. TANDEM_FUZZ_COUNT sets how many; a failure names the seed.
import * as assert from 'uvu/assert';
import { SeededRandom } from '#src/base/random.ts';
import { exerciseUt, loadUtCorpus, type UtOutcome } from '#test/fuzz/ut.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('services/ut/fuzz');

const EVERYDAY_COUNT = 1_500;
const SEED = 0x0755;
/** Far above what one costs, so that only a hang meets it. */
const LIMIT_MS_EACH = 40;
const count = Number(process.env.TANDEM_FUZZ_COUNT ?? EVERYDAY_COUNT);

test(`${count} mutated documents and selectors neither throw nor hang`, {
  timeoutMs: count * LIMIT_MS_EACH,
}, () => {
  const corpus = loadUtCorpus();
  const tally: Record<UtOutcome, number> = { edited: 0, refused: 0, unread: 0 };
  for (let index = 0; index < count; index += 1) {
    try {
      tally[exerciseUt(corpus, new SeededRandom(SEED + index))] += 1;
    } catch (error) {
      throw new Error(`seed ${SEED + index}`, { cause: error });
    }
  }
  console.log(`fuzz: ${JSON.stringify(tally)}`);
  // Mutations that nothing survives would try nothing.
  for (const [name, times] of Object.entries(tally)) assert.ok(times > 0, name);
});

test.run();
