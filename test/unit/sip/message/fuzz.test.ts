// A seeded run of mutated messages. TANDEM_FUZZ_COUNT sets how many; a failure names the seed and the bytes.
import { SeededRandom } from '#src/base/random.ts';
import { exercise, loadCorpus, mutate, type Outcome } from '#test/fuzz/sip.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('sip/message/fuzz');

const EVERYDAY_COUNT = 20_000;
const SEED = 0x51b;
/** Far above what a message costs, so that only a hang meets it. */
const LIMIT_MS_EACH = 20;
const count = Number(process.env.TANDEM_FUZZ_COUNT ?? EVERYDAY_COUNT);

test(`${count} mutated messages neither throw nor hang`, { timeoutMs: count * LIMIT_MS_EACH }, () => {
  const corpus = loadCorpus();
  const tally: Record<Outcome, number> = { read: 0, answered: 0, dropped: 0 };
  for (let index = 0; index < count; index += 1) {
    // A seed for each, so that one failure can be run alone.
    const random = new SeededRandom(SEED + index);
    const bytes = mutate(corpus, random);
    try {
      tally[exercise(bytes, random)] += 1;
    } catch (error) {
      throw new Error(`seed ${SEED + index}: ${JSON.stringify(bytes.toString('latin1'))}`, { cause: error });
    }
  }
  console.log(`fuzz: ${JSON.stringify(tally)}`);
});

test.run();
