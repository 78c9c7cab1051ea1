// The program `tandem`.
import { setFlagsFromString } from 'node:v8';
import { main } from './cli/main.ts';

// The nursery of objects stays at its first size: grown, it holds tens of MiB of an idle device.
setFlagsFromString('--semi-space-growth-factor=1');
// Not awaited here: in the bundle the modules that a command loads stand below this line.
// And an end that is said: what a library may still hold open must not keep the program alive.
void main(process.argv.slice(2)).then((code) => process.exit(code));
