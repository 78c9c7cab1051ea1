// SIPp playing a written scenario; it judges by its exit status.
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, isBound, Peer, until } from './process.ts';

const ELSEWHERE_MS = 300;

/** The method of a request that lets a scenario go on. No SIP element knows it. */
export const GO = 'GO';

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

/** Options under which an ACK may name another INVITE than the last one: SIPp ends such a call from 3.7 on, before it never did. */
export const takesAnyAck = (): readonly string[] =>
  /^ *- cseq\b/m.test(spawnSync('sipp', ['-h'], { encoding: 'utf8' }).stdout)
    ? ['-default_behaviors', 'all,-cseq']
    : [];

export class Sipp {
  readonly peer: Peer;
  readonly host: string;
  readonly port: number;
  readonly #messages: string;
  readonly #errors: string;

  private constructor(peer: Peer, host: string, port: number, messages: string, errors: string) {
    this.peer = peer;
    this.host = host;
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
    // SIPp says nothing when it serves. What another namespace has bound is not seen from here.
    if (options.prefix) await new Promise((resolve) => setTimeout(resolve, ELSEWHERE_MS));
    else if (!options.target)
      await until('SIPp to serve', () => isBound(port) || peer.exitCode !== undefined);
    return new Sipp(peer, host, port, messages, errors);
  }

  /** Every message it sent and received. */
  messages = (): string => readFileSync(this.#messages, 'latin1');

  /** For a test that fails: whether it still plays, its complaints, and what passed last. */
  account = (): string =>
    `SIPp ${this.peer.exitCode === undefined ? 'plays' : `ended with ${this.peer.exitCode}`}\n${readFileSync(this.#errors, 'latin1').slice(0, 2000)}\n${this.messages().slice(-3000)}`;

  /** Each of them, in order. */
  each = (): string[] => this.messages().split(/^-{20,}.*$/m);

  /**
   * Lets a scenario over UDP go on that waits at a `gate`, as soon as the message before the gate is there: the `times`th that is
   * like this. SIPp takes what comes ahead of time for a mistake.
   */
  async go(before: RegExp, times = 1): Promise<void> {
    const message = await until(
      `${before} at SIPp`,
      () => this.each().filter((one) => before.test(one))[times - 1],
    );
    const callId = /^Call-ID: *(\S+)/im.exec(message)?.[1];
    const lines = [
      `${GO} sip:sipp@${this.host}:${this.port} SIP/2.0`,
      `Via: SIP/2.0/UDP ${this.host}:9;branch=z9hG4bK-go-${times}`,
      'From: <sip:test@test.invalid>;tag=go',
      `To: <sip:sipp@${this.host}>`,
      `Call-ID: ${callId}`,
      `CSeq: 1 ${GO}`,
      'Content-Length: 0',
      '',
      '',
    ];
    const socket = createSocket('udp4');
    await new Promise((resolve) => socket.send(lines.join('\r\n'), this.port, this.host, resolve));
    socket.close();
  }

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
