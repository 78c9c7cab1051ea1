// The program `tandem`.
import { main } from './cli/main.ts';

process.exitCode = await main(process.argv.slice(2));
// Whatever a library may still hold open must not keep an ended program alive.
process.exit();
