// `tandem operator --config FILE`: the test operator.
import { SystemClock } from '#src/base/clock.ts';
import { loadFile } from '#src/base/config/load.ts';
import { checkOperator, operatorSchema } from '#src/base/config/operator-schema.ts';
import { createLogger } from '#src/base/log.ts';
import { SystemRandom } from '#src/base/random.ts';
import { Operator } from '#src/operator/operator.ts';
import { EXIT, type ExitCode, usage } from './exit.ts';
import { readOptions } from './options.ts';
import { logLevel } from './run.ts';
import { untilTold } from './signals.ts';

export async function operatorCommand(args: readonly string[]): Promise<ExitCode> {
  const { values } = readOptions(args, { config: { type: 'string' }, log: { type: 'string' } });
  if (values.config === undefined) throw usage('which configuration? tandem operator --config FILE');
  const log = createLogger({ level: logLevel(values.log) });
  const { config } = await loadFile(values.config, operatorSchema, checkOperator);
  const told = untilTold(log);
  const operator = await Operator.start(config, {
    clock: new SystemClock(),
    random: new SystemRandom(),
    log,
  });
  process.stdout.write(`listening ${operator.listening.join(' ')}\n`);
  await told;
  await operator.stop();
  return EXIT.done;
}
