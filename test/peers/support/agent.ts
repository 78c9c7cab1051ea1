// The device under test, used only through its contract: command line, configuration file, HTTP.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Peer, until } from './process.ts';

const MAIN = join(import.meta.dirname, '../../../src/main.ts');

export interface CallObject {
  readonly id: string;
  readonly direction: 'in' | 'out';
  readonly state: 'dialing' | 'early' | 'ringing' | 'active' | 'ended';
  readonly waiting: boolean;
  readonly hold: string;
  readonly remote: { readonly uri: string; readonly name?: string };
  readonly identity: string;
  readonly called_identity?: string;
  readonly video: boolean;
  readonly dialogs: readonly { readonly remote_tag: string; readonly state: string }[];
  readonly audio?: {
    readonly codec: string;
    readonly srtp: boolean;
    readonly sent: number;
    readonly received: number;
    readonly lost: number;
  };
  readonly end?: {
    readonly by: string;
    readonly sip?: number;
    readonly reason?: { readonly protocol: string; readonly cause: number; readonly text?: string };
    readonly label: string;
  };
}

export interface StatusObject {
  readonly version: string;
  readonly listen: readonly string[];
  readonly registration: {
    readonly state: 'off' | 'registering' | 'registered' | 'failed';
    readonly expires?: number;
    readonly pcscf?: string;
    readonly transport?: string;
    readonly identities: readonly { readonly uri: string; readonly kind: string; readonly active: boolean }[];
    readonly error?: { readonly id: string; readonly message: string; readonly retry_at?: string };
  };
  readonly federation: readonly {
    readonly uri: string;
    readonly instance: string;
    readonly self: boolean;
    readonly state: string;
  }[];
}

/** `tandem run` with a configuration text; `[web]` is added when the text has none. */
export class Device {
  readonly peer: Peer;
  readonly state: string;
  readonly url: string;
  readonly token: string;

  private constructor(peer: Peer, state: string, url: string, token: string) {
    this.peer = peer;
    this.state = state;
    this.url = url;
    this.token = token;
  }

  static command(config: string, folder: string, main = MAIN): string[] {
    mkdirSync(folder, { recursive: true });
    const path = join(folder, 'tandem.toml');
    writeFileSync(path, config.includes('[web]') ? config : `${config}\n[web]\nlisten = "127.0.0.1:0"\n`);
    return [
      '--disable-warning=ExperimentalWarning',
      main,
      'run',
      '--config',
      path,
      '--state',
      join(folder, 'state'),
    ];
  }

  /** `main`: another program than the sources, e.g. the bundle. `prefix`: a command that runs it elsewhere, e.g. in a namespace. */
  static async start(
    config: string,
    folder: string,
    main = MAIN,
    prefix: readonly string[] = [],
  ): Promise<Device> {
    const [program = process.execPath, ...args] = [
      ...prefix,
      process.execPath,
      ...Device.command(config, folder, main),
    ];
    const peer = await Peer.start(program, args, { ready: /^listening .*$/m, readyWithinMs: 30_000 });
    const state = join(folder, 'state');
    const { url } = JSON.parse(readFileSync(join(state, 'agent.json'), 'utf8')) as { url: string };
    return new Device(peer, state, url, readFileSync(join(state, 'token'), 'utf8').trim());
  }

  /** One request to the API; the body of any answer. */
  async fetch(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${this.url}/api/v1/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  }

  /** The messages of a call, or all that are kept, as they are drawn. */
  async ladder(id?: string): Promise<string> {
    const which = id === undefined ? '' : `&call=${id}`;
    const answer = await fetch(`${this.url}/api/v1/trace?format=ladder${which}`, {
      headers: { authorization: `Bearer ${this.token}` },
    });
    return answer.text();
  }

  /** The page for Prometheus. */
  async metrics(): Promise<string> {
    const answer = await fetch(`${this.url}/metrics`, { headers: { authorization: `Bearer ${this.token}` } });
    return answer.text();
  }

  async #must<Value>(method: string, path: string, body?: unknown): Promise<Value> {
    const answer = await this.fetch(method, path, body);
    if (answer.status >= 300)
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    // The shapes are the contract's; a wrong one fails the assertion that reads it.
    return answer.body as Value;
  }

  status = (): Promise<StatusObject> => this.#must('GET', 'status');
  calls = (): Promise<CallObject[]> => this.#must('GET', 'calls');
  call = (id: string): Promise<CallObject> => this.#must('GET', `calls/${id}`);
  log = (): Promise<CallObject[]> => this.#must('GET', 'log');
  dial = (to: string, more: object = {}): Promise<CallObject> => this.#must('POST', 'calls', { to, ...more });
  act = (id: string, action: string, body: object = {}): Promise<CallObject> =>
    this.#must('POST', `calls/${id}/${action}`, body);

  /** Ends what has not ended; one that ends by itself meanwhile is no matter. */
  async hangUpAll(): Promise<void> {
    for (const call of await this.calls())
      if (call.state !== 'ended') await this.fetch('POST', `calls/${call.id}/hangup`, {});
  }

  registered = (limitMs?: number): Promise<StatusObject> =>
    until(
      'registration',
      async () => {
        const status = await this.status();
        return status.registration.state === 'registered' && status;
      },
      limitMs,
    );

  /** The first call that fits. */
  whenCall = (what: string, fits: (call: CallObject) => boolean, limitMs?: number): Promise<CallObject> =>
    until(what, async () => (await this.calls()).find(fits), limitMs);

  whenState = (id: string, state: CallObject['state'], limitMs?: number): Promise<CallObject> =>
    until(
      `call ${id} to be ${state}`,
      async () => {
        const call = await this.call(id);
        return call.state === state && call;
      },
      limitMs,
    );

  stop = (): Promise<void> => this.peer.stop();
}
