// The program as its users start it.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MAIN = join(import.meta.dirname, '../../../src/main.ts');
const NODE_OPTIONS = ['--disable-warning=ExperimentalWarning', MAIN];

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A folder of its own for one test file, with nothing of the user's environment that Tandem reads. */
export class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), 'tandem-cli-'));
  readonly #started: Program[] = [];
  #count = 0;

  path(name: string): string {
    return join(this.folder, name);
  }

  config(text: string): string {
    this.#count += 1;
    const path = this.path(`config-${this.#count}.toml`);
    writeFileSync(path, text);
    return path;
  }

  start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
    const runtime = this.path('runtime');
    mkdirSync(runtime, { recursive: true });
    const {
      TANDEM_URL: _url,
      TANDEM_TOKEN: _token,
      NOTIFY_SOCKET: _socket,
      PORT: _port,
      ...rest
    } = process.env;
    const program = new Program(args, { ...rest, XDG_RUNTIME_DIR: runtime, ...env });
    this.#started.push(program);
    return program;
  }

  run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
    return this.start(args, env).ended;
  }

  async close(): Promise<void> {
    for (const program of this.#started) program.kill('SIGKILL');
    await Promise.all(this.#started.map(({ ended }) => ended));
    rmSync(this.folder, { recursive: true });
  }
}

export class Program {
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  #out = '';
  #err = '';
  #over = false;
  #wake: () => void = () => undefined;

  constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    const child = spawn(process.execPath, [...NODE_OPTIONS, ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stdout.on('data', (part) => {
      this.#out += part;
      this.#wake();
    });
    child.stderr.on('data', (part) => {
      this.#err += part;
      this.#wake();
    });
    this.ended = new Promise((resolve) => {
      child.on('close', (code) => {
        this.#over = true;
        this.#wake();
        resolve({ code, out: this.#out, err: this.#err });
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get out(): string {
    return this.#out;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for something in its output; what it said instead is in the error. */
  async says(what: RegExp, where: 'out' | 'err' = 'out'): Promise<RegExpExecArray> {
    for (;;) {
      const match = what.exec(where === 'out' ? this.#out : this.#err);
      if (match) return match;
      if (this.#over) throw new Error(`it ended without saying ${what}: ${this.#out}${this.#err}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** A device that needs nothing but loopback. */
export const QUIET = `profile = "sip"
[sip]
listen = ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"]
[media]
address = "127.0.0.1"
[audio]
capture = "tone:440"
playback = "null"
[web]
listen = "127.0.0.1:0"
`;
