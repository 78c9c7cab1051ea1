// The program `tandem`.
import { setFlagsFromString } from 'node:v8';
import { main } from './cli/main.ts';

// The nursery of objects stays at its first size: grown, it holds tens of MiB of an idle device.
setFlagsFromString('--semi-space-growth-factor=1');

/** What was said has left: a pipe takes 64 KiB at a time, and an exit would throw the rest away. */
const said = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => {
    stream.write('', () => resolve());
  });

// Who reads no further (`| head`) has what he wanted.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });

// Not awaited here: in the bundle the modules that a command loads stand below this line.
// And an end that is said: what a library may still hold open must not keep the program alive.
void main(process.argv.slice(2)).then(async (code) => {
  await Promise.all([said(process.stdout), said(process.stderr)]);
  process.exit(code);
});
