// An emulated machine with Debian's own kernel, whose drivers play a sound card and a camera: runs programs there, one after the other.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Peer, scratch } from './process.ts';

/** Kept between runs: a kernel and its modules, made from Debian's package without installing it. */
const CACHE = 'build/guest';
const LIMIT_MS = 240_000;
const NO_KERNEL = 3;

/**
 * Time in there is counted in instructions, not in seconds: however busy the host is, no beat comes late. One instruction in 4 ns is
 * about a small board.
 */
const MACHINE = ['-M', 'q35', '-cpu', 'max', '-icount', 'shift=2,sleep=off', '-m', '512', '-nic', 'none'];
const CONSOLE = ['-nographic', '-no-reboot', '-append', 'console=ttyS0 quiet panic=-1 random.trust_cpu=on'];

/** Why no such machine can be had here; undefined: it can. */
export function guestLack(): string | undefined {
  if (process.arch !== 'x64') return `the emulated machine is an x86-64, this one is ${process.arch}`;
  for (const tool of ['qemu-system-x86_64', 'busybox', 'cpio', 'depmod', 'dpkg-deb'])
    if (spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0) return `${tool} is not installed`;
  if (existsSync(join(CACHE, 'vmlinuz'))) return undefined;
  const kernel = spawnSync('sh', ['-c', 'apt-cache show "linux-image-$(dpkg --print-architecture)"']);
  return kernel.status === 0 ? undefined : 'no kernel of Debian to be had here';
}

export interface GuestRun {
  /** Lines `ok NAME` and `not ok NAME` of all programs. */
  readonly passed: readonly string[];
  readonly failed: readonly string[];
  readonly output: string;
}

/** Boots, runs the programs of native/test/kernel, powers off. Throws when the machine does not get to its end. */
export async function runInGuest(programs: readonly string[]): Promise<GuestRun | { readonly lack: string }> {
  const made = spawnSync('make', ['-C', 'native', 'kernel-programs'], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`the programs could not be built:\n${made.stdout}${made.stderr}`);
  mkdirSync(CACHE, { recursive: true });
  const folder = scratch();
  try {
    const initial = folder.file('initramfs.gz');
    const paths = programs.map((name) => join('build/native/release/test/kernel', name));
    const built = spawnSync('test/peers/support/guest', [CACHE, initial, ...paths], { encoding: 'utf8' });
    if (built.status === NO_KERNEL) return { lack: built.stderr.trim() };
    if (built.status !== 0 || !existsSync(initial)) throw new Error(`no root file system:\n${built.stderr}`);
    const machine = await Peer.start('qemu-system-x86_64', [
      ...MACHINE,
      ...CONSOLE,
      ...['-kernel', join(CACHE, 'vmlinuz'), '-initrd', initial],
    ]);
    try {
      await machine.ended(LIMIT_MS);
      if (!/guest: done/.test(machine.output))
        throw new Error(`it did not get to its end:\n${machine.output}`);
      const lines = (word: string): string[] =>
        [...machine.output.matchAll(new RegExp(`^${word} (.*?)\\r?$`, 'gm'))].map(([, name]) => name ?? '');
      return { passed: lines('ok'), failed: lines('not ok'), output: machine.output };
    } finally {
      await machine.stop();
    }
  } finally {
    folder.remove();
  }
}
