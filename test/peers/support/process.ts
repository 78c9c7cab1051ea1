// A stranger's program, started by a test: watched, bounded, ended by its own process id.
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const STOP_GRACE_MS = 3000;
const READY_LIMIT_MS = 20_000;
const POLL_MS = 20;

export interface PeerOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What it prints once it serves. */
  readonly ready?: RegExp;
  readonly readyWithinMs?: number;
  /** Keeps standard input open for `write`. */
  readonly stdin?: boolean;
}

/** Waits until `condition` gives a value; fails by name when it does not in time. */
export async function until<Value>(
  what: string,
  condition: () => Value | undefined | false | Promise<Value | undefined | false>,
  limitMs = 8000,
): Promise<Value> {
  const end = performance.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export class Peer {
  readonly name: string;
  output = '';
  exitCode: number | null | undefined;
  readonly #child: ChildProcess;
  readonly #exit: Promise<void>;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    child.stdout?.on('data', (chunk) => (this.output += chunk));
    child.stderr?.on('data', (chunk) => (this.output += chunk));
    this.#exit = new Promise((resolve) => {
      child.on('error', (error) => {
        this.output += `\n${error.message}`;
        this.exitCode = null;
        resolve();
      });
      child.on('exit', (code) => {
        this.exitCode = code;
        resolve();
      });
    });
  }

  static async start(program: string, args: readonly string[], options: PeerOptions = {}): Promise<Peer> {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: [options.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const peer = new Peer(program, child);
    running.add(peer);
    const { ready } = options;
    if (ready) {
      try {
        await until(
          `${program} to be ready (${ready})`,
          () => ready.test(peer.output) || peer.exitCode !== undefined,
          options.readyWithinMs ?? READY_LIMIT_MS,
        );
      } catch (error) {
        await peer.stop();
        throw new Error(`${program} did not start:\n${peer.output}`, { cause: error });
      }
      if (!ready.test(peer.output)) throw new Error(`${program} ended early:\n${peer.output}`);
    }
    return peer;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  signal(name: NodeJS.Signals): void {
    if (this.exitCode === undefined && this.#child.pid) process.kill(this.#child.pid, name);
  }

  async waitFor(pattern: RegExp, limitMs?: number): Promise<RegExpMatchArray> {
    try {
      return await until(
        `${pattern} from ${this.name}`,
        () => this.output.match(pattern) ?? undefined,
        limitMs,
      );
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${this.output.slice(-6000)}`);
    }
  }

  /** Waits for its own end and gives the exit status. */
  async ended(limitMs?: number): Promise<number | null> {
    await until(`${this.name} to end`, () => this.exitCode !== undefined, limitMs);
    return this.exitCode ?? null;
  }

  async stop(): Promise<void> {
    running.delete(this);
    if (this.exitCode !== undefined || !this.#child.pid) return;
    killGroup(this.#child.pid, 'SIGTERM');
    const late = setTimeout(() => killGroup(this.#child.pid, 'SIGKILL'), STOP_GRACE_MS);
    await this.#exit;
    clearTimeout(late);
  }
}

// Everything that a test forgot, or could not reach, ends with the test process.
const running = new Set<Peer>();
process.on('exit', () => {
  for (const peer of running) killGroup(peer.pid, 'SIGKILL');
});

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (!pid) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // Gone already: that is what was wanted.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** Below the ports that the kernel gives to those who ask for any: nobody takes one by chance between look and use. */
const FIRST_PORT = 10_000;
const PORTS = 9_000;

const isFree = async (host: string, port: number): Promise<boolean> => {
  const stream = await new Promise<boolean>((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
  if (!stream) return false;
  return new Promise<boolean>((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    socket.on('error', () => resolve(false));
    socket.bind(port, host, () => socket.close(() => resolve(true)));
  });
};

/** Names a port among test processes, until this one ends: what is found free here is not found free there meanwhile (unix(7), abstract). */
const claim = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen(`\0tandem-test-port-${port}`, () => resolve(true));
    server.unref();
  });

/** A port that is free for UDP and TCP on the address, as is the one above it (SIP over TLS takes that); given once. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + 2 * Math.floor((Math.random() * PORTS) / 2);
    if ((await claim(port)) && (await isFree(host, port)) && (await isFree(host, port + 1))) return port;
  }
}

const LISTENS = '0A';

/** Whether some program has this port now, for UDP or to listen for TCP (proc(5), net/udp and net/tcp). */
export function isBound(port: number): boolean {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return ['udp', 'udp6', 'tcp', 'tcp6'].some((table) =>
    readFileSync(`/proc/net/${table}`, 'latin1')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .some(
        ([, local, , state]) => local?.endsWith(suffix) && (table.startsWith('udp') || state === LISTENS),
      ),
  );
}

/** An address of the loopback that no other test process uses: a capture of it holds what this one causes, and nothing else. */
export const ownAddress = (): string => `127.${1 + (process.pid % 250)}.${(process.pid >> 8) % 256}.9`;

/** A folder for the test, removed by `remove`. */
export function scratch(): { readonly path: string; file(name: string): string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'tandem-test-'));
  return {
    path,
    file: (name) => join(path, name),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}
