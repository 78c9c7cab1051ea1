// The test operator as a program of its own: configuration text in, HTTP out.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, Peer } from './process.ts';

const MAIN = join(import.meta.dirname, '../../../src/main.ts');

/** The password of an account of these tests. */
export const secretOf = (impi: string): string => `${impi.split('@')[0]}-secret`;

/** `[[accounts]]` of the operator's configuration. */
export const account = (impi: string, impus: readonly string[], role?: 'primary'): string =>
  [
    '[[accounts]]',
    `impi = "${impi}"`,
    `password = "${secretOf(impi)}"`,
    `impus = ${JSON.stringify(impus)}`,
    ...(role ? [`role = "${role}"`] : []),
  ].join('\n');

export class TestOperator {
  readonly peer: Peer;
  /** Of UDP and TCP on 127.0.0.1. */
  readonly port: number;
  readonly #url: string;

  private constructor(peer: Peer, port: number, url: string) {
    this.peer = peer;
    this.port = port;
    this.#url = url;
  }

  /** `config` without `[listen]` and `[web]`; `listen`: more keys of `[listen]`. */
  static async start(file: string, domain: string, config: string, listen = ''): Promise<TestOperator> {
    const port = await freePort();
    writeFileSync(
      file,
      `[listen]\nsip = ["udp:127.0.0.1:${port}", "tcp:127.0.0.1:${port}"]\ndomain = "${domain}"\n${listen}\n[web]\nlisten = "127.0.0.1:0"\n${config}\n`,
    );
    const args = ['--disable-warning=ExperimentalWarning', MAIN, 'operator', '--config', file];
    const peer = await Peer.start(process.execPath, args, { ready: /^listening .*$/m });
    const url = /http:\/\/\S+/.exec(peer.output)?.[0] ?? '';
    return new TestOperator(peer, port, url);
  }

  /** Where softphones send everything. */
  get proxy(): string {
    return `sip:127.0.0.1:${this.port};transport=udp`;
  }

  /** Baresip's account line for a user of this operator. */
  line(impi: string, aor: string, more = ''): string {
    return `<${aor};transport=udp>;auth_user=${impi};auth_pass=${secretOf(impi)};outbound="${this.proxy}"${more}`;
  }

  async get<Value>(path: string): Promise<Value> {
    return (await (await fetch(`${this.#url}/${path}`)).json()) as Value;
  }

  async post(path: string, body: unknown = {}): Promise<void> {
    const answer = await fetch(`${this.#url}/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${await answer.text()}`);
  }

  /** The XCAP root, where `[ut] listen` opens it. */
  get ut(): string {
    return /https?:\/\/\S+/.exec(this.peer.output.replace(this.#url, ''))?.[0] ?? '';
  }

  stop = (): Promise<void> => this.peer.stop();
}
