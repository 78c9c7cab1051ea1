// Reads the options of a command; whatever it does not know is a mistake of usage.
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { describe } from '#src/base/errors.ts';
import { usage } from './exit.ts';

type Options = NonNullable<ParseArgsConfig['options']>;

/** Throws `cli.usage`. `most` is the number of arguments that are no options. */
export function readOptions<const Known extends Options>(args: readonly string[], options: Known, most = 0) {
  const read = parse(args, options);
  if (read.positionals.length > most) throw usage(`"${read.positionals[most]}" is one argument too many`);
  return read;
}

function parse<const Known extends Options>(args: readonly string[], options: Known) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw usage(describe(error));
  }
}
