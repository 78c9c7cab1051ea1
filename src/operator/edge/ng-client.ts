// The client of rtpengine's control protocol "ng": a cookie, a blank, a bencoded dictionary, over UDP.
import type { Clock, Timer } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import type { Signal } from '#src/base/events.ts';
import type { Logger } from '#src/base/log.ts';
import { type Random, randomToken } from '#src/base/random.ts';
import { Milliseconds } from '#src/base/units.ts';
import { type Bencoded, type BencodedDictionary, bencode, isDictionary, parseBencode } from './bencode.ts';

/** Datagrams to and from one rtpengine. */
export interface NgSocket {
  readonly onMessage: Signal<Buffer>;
  /** Loss is the client's to mend; what cannot be sent is lost. */
  send(message: Buffer): void;
  close(): void;
}

export interface NgClientOptions {
  readonly socket: NgSocket;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** rtpengine answers within a millisecond, and gives a repeated cookie the answer that it gave before. */
const FIRST_WAIT = Milliseconds(250);
/** The wait doubles: given up after 3.75 s, before a caller sends its INVITE anew by timer B. */
const TRIES = 4;

interface Pending {
  readonly settle: (answer: BencodedDictionary | TandemError) => void;
  timer: Timer;
}

export class NgClient {
  readonly #options: NgClientOptions;
  readonly #pending = new Map<string, Pending>();
  #closed = false;

  constructor(options: NgClientOptions) {
    this.#options = options;
    options.socket.onMessage.on((message) => this.#receive(message.toString('latin1')));
  }

  /**
   * One command, its answer. Rejects with TandemError `edge.timeout` (network: no answer), `edge.refused` (operator:
   * rtpengine's own reason in `detail.reason`), `edge.closed`.
   */
  request(command: string, fields: BencodedDictionary = {}): Promise<BencodedDictionary> {
    if (this.#closed) return Promise.reject(closed());
    const cookie = randomToken(this.#options.random);
    const message = Buffer.from(`${cookie} ${bencode({ ...fields, command })}`, 'latin1');
    return new Promise((resolve, reject) => {
      const settle = (answer: BencodedDictionary | TandemError): void => {
        this.#pending.get(cookie)?.timer.cancel();
        this.#pending.delete(cookie);
        if (answer instanceof TandemError) reject(answer);
        else if (answer.result === 'error') reject(refused(command, answer['error-reason']));
        else resolve(answer);
      };
      this.#try(cookie, { message, settle, tries: 1, wait: FIRST_WAIT });
    });
  }

  close(): void {
    this.#closed = true;
    for (const { settle } of [...this.#pending.values()]) settle(closed());
    this.#options.socket.close();
  }

  #try(
    cookie: string,
    one: { message: Buffer; settle: Pending['settle']; tries: number; wait: Milliseconds },
  ): void {
    const { clock, socket } = this.#options;
    const { message, settle, tries, wait } = one;
    const timer = clock.after(wait, () => {
      if (tries >= TRIES) settle(timeout());
      else this.#try(cookie, { message, settle, tries: tries + 1, wait: Milliseconds(wait * 2) });
    });
    this.#pending.set(cookie, { settle, timer });
    socket.send(message);
  }

  #receive(text: string): void {
    const blank = text.indexOf(' ');
    const pending = this.#pending.get(text.slice(0, Math.max(0, blank)));
    // An answer to a repeated request that was answered already, or nothing of ours.
    if (!pending) return;
    const parsed = parseBencode(text.slice(blank + 1));
    if (parsed.ok && isDictionary(parsed.value)) pending.settle(parsed.value);
    else this.#options.log.warn('edge: an answer of rtpengine cannot be read');
  }
}

const timeout = (): TandemError =>
  new TandemError(
    'network',
    'edge.timeout',
    'rtpengine does not answer: calls are not encrypted for devices.',
  );
const closed = (): TandemError => new TandemError('ours', 'edge.closed', 'The edge is closed.');
const refused = (command: string, reason: Bencoded | undefined): TandemError => {
  const why = typeof reason === 'string' ? reason : 'no reason given';
  return new TandemError('operator', 'edge.refused', `rtpengine refuses "${command}": ${why}.`, {
    detail: { command, reason: why },
  });
};
