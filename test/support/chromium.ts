// A headless Chromium that a test drives over the DevTools protocol.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROGRAMS = ['/usr/bin/chromium', '/usr/bin/chromium-browser'];
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--disable-sync',
  '--no-proxy-server',
  '--no-first-run',
  '--remote-debugging-port=0',
  '--window-size=900,1100',
];
const POLL_MS = 50;
const UNTIL_LIMIT_MS = 20_000;

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

/** Of `/json`, as every Chromium gives it. */
interface DevToolsTarget {
  readonly type: string;
  readonly webSocketDebuggerUrl: string;
}

export class Chromium {
  /** Every URL that the page asked for. */
  readonly requests: string[] = [];
  /** What the page wrote to its console as an error, and exceptions nobody caught. */
  readonly errors: string[] = [];
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #socket: WebSocket | undefined;
  #number = 0;

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
  }

  static async open(): Promise<Chromium> {
    const program = PROGRAMS.find((path) => existsSync(path));
    if (program === undefined) throw new Error('Chromium is not installed');
    const folder = mkdtempSync(join(tmpdir(), 'tandem-chromium-'));
    const child = spawn(program, [...FLAGS, `--user-data-dir=${folder}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      // What it puts into the folder for such things it leaves there.
      env: { ...process.env, TMPDIR: folder },
    });
    const browser = new Chromium(child, folder);
    const port = await new Promise<string>((resolve, reject) => {
      let text = '';
      child.stderr.on('data', (part) => {
        text += part;
        const match = /DevTools listening on ws:\/\/[^:]+:(\d+)\//.exec(text);
        if (match?.[1]) resolve(match[1]);
      });
      child.on('exit', () => reject(new Error(`Chromium ended: ${text}`)));
    });
    const targets = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as DevToolsTarget[];
    const page = targets.find(({ type }) => type === 'page');
    if (!page) throw new Error('Chromium has no page');
    await browser.#connect(page.webSocketDebuggerUrl);
    return browser;
  }

  async #connect(url: string): Promise<void> {
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => this.#take(JSON.parse(String(data))));
    await new Promise((resolve) => socket.addEventListener('open', resolve));
    for (const domain of ['Page', 'Runtime', 'Network', 'Log']) await this.#ask(`${domain}.enable`);
  }

  #take(answer: Answer): void {
    if (answer.id !== undefined) this.#waiting.get(answer.id)?.(answer);
    const { method, params = {} } = answer;
    if (method === 'Network.requestWillBeSent') this.requests.push(String(member(params.request, 'url')));
    if (method === 'Runtime.exceptionThrown') this.errors.push(JSON.stringify(params.exceptionDetails));
    if (method === 'Log.entryAdded' && member(params.entry, 'level') === 'error')
      this.errors.push(String(member(params.entry, 'text')));
  }

  async #ask(method: string, params: object = {}): Promise<Readonly<Record<string, unknown>>> {
    this.#number += 1;
    const id = this.#number;
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#socket?.send(JSON.stringify({ id, method, params }));
    });
    this.#waiting.delete(id);
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result ?? {};
  }

  async go(url: string): Promise<void> {
    await this.#ask('Page.navigate', { url });
  }

  async dark(): Promise<void> {
    await this.#ask('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value: 'dark' }],
    });
  }

  /** The value of an expression in the page. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.#ask('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
    return member(result, 'value');
  }

  /** Waits until the expression is true; a wait in vain ends with what the page shows. */
  async until(expression: string): Promise<void> {
    const end = performance.now() + UNTIL_LIMIT_MS;
    for (;;) {
      if ((await this.evaluate(expression).catch(() => false)) === true) return;
      if (performance.now() > end) {
        const shown = await this.text().catch(String);
        throw new Error(
          `never true: ${expression}\nthe page: ${shown}\nits errors: ${this.errors.join('\n')}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  text = async (): Promise<string> => String(await this.evaluate('document.body.innerText'));

  /** Clicks the button with these words. */
  async click(words: string): Promise<void> {
    const find = `[...document.querySelectorAll('button')].find((one) => one.innerText.trim() === ${JSON.stringify(words)})`;
    await this.until(`${find} !== undefined`);
    await this.evaluate(`${find}.click()`);
  }

  async screenshot(): Promise<Buffer> {
    const { data } = await this.#ask('Page.captureScreenshot', {
      format: 'png',
      captureBeyondViewport: true,
    });
    return Buffer.from(String(data), 'base64');
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.on('exit', resolve));
    this.#socket?.close();
    this.#child.kill('SIGTERM');
    await ended;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([name]) => name === key)?.[1]
    : undefined;
}
