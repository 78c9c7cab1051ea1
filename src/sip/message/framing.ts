// RFC 3261 18.3, 7.5 and RFC 5626 4.4.1, 5.4: messages and keep-alives cut out of a byte stream.
import { CR, LF } from './chars.ts';
import {
  DEFAULT_LIMITS,
  type MessageFault,
  type MessageLimits,
  measureBody,
  oversizedHead,
} from './parse.ts';

/**
 * `pong` is a CRLF between messages, `ping` a second one right behind it: a CRLFCRLF gives both, in this order, so that
 * neither depends on how the stream was cut. After a `fault` the connection must close; nothing more comes.
 */
export type FramedEvent =
  | { readonly kind: 'message'; readonly bytes: Buffer }
  | { readonly kind: 'ping' }
  | { readonly kind: 'pong' }
  | { readonly kind: 'fault'; readonly fault: MessageFault };

const PING: FramedEvent = { kind: 'ping' };
const PONG: FramedEvent = { kind: 'pong' };
const HEAD_END = Buffer.from('\r\n\r\n', 'latin1');
const FIRST_CAPACITY = 4096;

/** Holds at most one message that is not whole (bounded by the limits) and the chunk at hand. */
export class StreamFramer {
  readonly #limits: MessageLimits;
  #buffer = Buffer.alloc(0);
  /** The octets not yet given out are those from `#start` to `#end`. */
  #start = 0;
  #end = 0;
  /** How far, from `#start`, the end of the head was looked for. */
  #searched = 0;
  /** Octets of the message at `#start` once its head is whole; 0 before. */
  #expected = 0;
  /** CRLFs since the last message. */
  #crlfs = 0;
  #dead = false;

  constructor(limits: Partial<MessageLimits> = {}) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /** Octets held back for a message that is not whole. */
  get pending(): number {
    return this.#end - this.#start;
  }

  /** Takes the next octets and gives what became whole. The bytes of a message are a copy, the receiver's to keep. */
  push(chunk: Buffer): FramedEvent[] {
    const events: FramedEvent[] = [];
    if (this.#dead) return events;
    this.#append(chunk);
    for (let event = this.#next(); event; event = this.#next()) {
      events.push(event);
      if (event.kind === 'fault') {
        this.#dead = true;
        this.#release();
        return events;
      }
    }
    this.#compact();
    return events;
  }

  #next(): FramedEvent | undefined {
    return this.#nextCrlf() ?? this.#nextMessage();
  }

  #nextCrlf(): FramedEvent | undefined {
    if (this.#expected > 0 || this.pending < 2) return undefined;
    if (this.#buffer[this.#start] !== CR || this.#buffer[this.#start + 1] !== LF) return undefined;
    this.#start += 2;
    this.#crlfs += 1;
    return this.#crlfs % 2 === 0 ? PING : PONG;
  }

  #nextMessage(): FramedEvent | undefined {
    if (this.#expected === 0) {
      const fault = this.#readHead();
      if (fault) return { kind: 'fault', fault };
    }
    if (this.#expected === 0 || this.pending < this.#expected) return undefined;
    const end = this.#start + this.#expected;
    const bytes = Buffer.from(this.#buffer.subarray(this.#start, end));
    this.#start = end;
    this.#expected = 0;
    this.#searched = 0;
    this.#crlfs = 0;
    return { kind: 'message', bytes };
  }

  /** Looks for the end of the head in what is new, and learns the length of the message from it. */
  #readHead(): MessageFault | undefined {
    const held = this.#buffer.subarray(this.#start, this.#end);
    const at = held.indexOf(HEAD_END, this.#searched);
    const { head } = this.#limits;
    if (at < 0 ? held.length >= head : at + HEAD_END.length > head) return oversizedHead(held, this.#limits);
    // Three octets of the end may be here already.
    this.#searched = Math.max(0, held.length - HEAD_END.length + 1);
    if (at < 0) return undefined;
    const body = measureBody(held.subarray(0, at + 2), this.#limits);
    if (!body.ok) return body.error;
    this.#expected = at + HEAD_END.length + body.value;
    return undefined;
  }

  #append(chunk: Buffer): void {
    const needed = this.#end + chunk.length;
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2, FIRST_CAPACITY));
      this.#buffer.copy(grown, 0, 0, this.#end);
      this.#buffer = grown;
    }
    chunk.copy(this.#buffer, this.#end);
    this.#end = needed;
  }

  /** Moves the rest to the front: it is part of the last chunk, so all moves together are linear in what came. */
  #compact(): void {
    if (this.#start === this.#end) this.#release();
    else if (this.#start > 0) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
  }

  /** An idle connection holds no memory. */
  #release(): void {
    this.#buffer = Buffer.alloc(0);
    this.#start = 0;
    this.#end = 0;
  }
}
