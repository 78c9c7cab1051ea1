// The program `tandem`.
import { main } from './cli/main.ts';

// Not awaited here: in the bundle the modules that a command loads stand below this line.
// And an end that is said: what a library may still hold open must not keep the program alive.
void main(process.argv.slice(2)).then((code) => process.exit(code));
