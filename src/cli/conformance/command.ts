// `tandem conformance [--json]`.
import { join } from 'node:path';
import { EXIT, type ExitCode } from '../exit.ts';
import { readOptions } from '../options.ts';
import { conformanceText } from './print.ts';
import { REPORT_PATH, readReport } from './report.ts';
import { ROWS } from './rows.ts';
import { conformance } from './status.ts';

/** The checkout: from the sources or from the bundle in `dist/`. */
const checkout = (): string => {
  const here = import.meta.dirname;
  return here.endsWith('dist') ? join(here, '..') : join(here, '../../..');
};

export async function conformanceCommand(args: readonly string[]): Promise<ExitCode> {
  const { values } = readOptions(args, { json: { type: 'boolean' }, report: { type: 'string' } });
  const { rows, unknown } = conformance(ROWS, readReport(values.report ?? join(checkout(), REPORT_PATH)));
  process.stdout.write(values.json ? `${JSON.stringify(rows, undefined, 2)}\n` : conformanceText(rows));
  for (const id of unknown) process.stderr.write(`tandem: a test names ${id}, which no row has\n`);
  return EXIT.done;
}
