// SIPp playing a written scenario; it judges by its exit status.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, Peer } from './process.ts';

export interface SippOptions {
  readonly folder: string;
  readonly name: string;
  /** The scenario's XML, without the XML declaration. */
  readonly scenario: string;
  /** Where a calling scenario sends to, `host:port`. */
  readonly target?: string;
  readonly host?: string;
  readonly port?: number;
  readonly transport?: 'u1' | 't1' | 'l1';
  /** `[field]` values: `-key name value`. */
  readonly keys?: Readonly<Record<string, string>>;
  readonly calls?: number;
  readonly limitSeconds?: number;
  readonly more?: readonly string[];
  /** A command that runs it elsewhere, e.g. in a namespace. */
  readonly prefix?: readonly string[];
}

export class Sipp {
  readonly peer: Peer;
  readonly port: number;
  readonly #messages: string;
  readonly #errors: string;

  private constructor(peer: Peer, port: number, messages: string, errors: string) {
    this.peer = peer;
    this.port = port;
    this.#messages = messages;
    this.#errors = errors;
  }

  static async start(options: SippOptions): Promise<Sipp> {
    const host = options.host ?? '127.0.0.1';
    const port = options.port ?? (await freePort(host));
    const file = join(options.folder, `${options.name}.xml`);
    const messages = join(options.folder, `${options.name}.messages`);
    const errors = join(options.folder, `${options.name}.errors`);
    writeFileSync(file, `<?xml version="1.0" encoding="ISO-8859-1" ?>\n${options.scenario}`);
    writeFileSync(messages, '');
    writeFileSync(errors, '');
    const keys = Object.entries(options.keys ?? {}).flatMap(([name, value]) => ['-key', name, value]);
    const [program = 'sipp', ...before] = [...(options.prefix ?? []), 'sipp'];
    const peer = await Peer.start(
      program,
      [
        ...before,
        ...(options.target ? [options.target] : []),
        ...[
          '-sf',
          file,
          '-i',
          host,
          '-p',
          String(port),
          '-m',
          String(options.calls ?? 1),
          '-t',
          options.transport ?? 'u1',
        ],
        ...['-nostdin', '-trace_msg', '-message_file', messages, '-trace_err', '-error_file', errors],
        ...['-timeout', `${options.limitSeconds ?? 20}s`, '-timeout_error', '-recv_timeout', '15000'],
        ...(options.more ?? []),
        ...keys,
      ],
      { cwd: options.folder },
    );
    // A serving scenario has its socket at once; SIPp says nothing when it has.
    await new Promise((resolve) => setTimeout(resolve, 300));
    return new Sipp(peer, port, messages, errors);
  }

  /** Every message it sent and received. */
  messages = (): string => readFileSync(this.#messages, 'latin1');

  /** Waits for the end of the scenario; fails with SIPp's own words when a step did not hold. */
  async succeeded(limitMs = 25_000): Promise<void> {
    const status = await this.peer.ended(limitMs);
    const errors = readFileSync(this.#errors, 'latin1');
    // SIPp 3.7 counts a call whose check failed as a success all the same.
    if (status === 0 && !/regexp match/i.test(errors)) return;
    const assertion = new Error(
      `SIPp ended with ${status}\n${errors.slice(0, 3000)}\n${this.messages().slice(-4000)}`,
    );
    assertion.name = 'AssertionError';
    throw assertion;
  }

  stop = (): Promise<void> => this.peer.stop();
}
