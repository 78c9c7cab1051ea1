// The event stream (WHATWG HTML 9.2): numbered, kept for a while, resumed by Last-Event-ID.
import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '#src/base/clock.ts';
import { type Random, randomToken } from '#src/base/random.ts';
import { Milliseconds } from '#src/base/units.ts';

/** The contract's, and beside it: calls on other devices, the mailbox, services in the network, what went wrong, `demo` where the demonstration runs. */
export type EventName =
  | 'status'
  | 'call'
  | 'message'
  | 'log'
  | 'config'
  | 'update'
  | 'federation-calls'
  | 'mwi'
  | 'notice'
  | 'services'
  | 'demo';

interface Event {
  readonly number: number;
  readonly text: string;
}

/** Events kept for those who come back. */
const RING = 512;
const MOST_STREAMS = 32;
/** A reader so far behind is dropped; it comes back with Last-Event-ID. */
const MOST_WAITING = 1024 * 1024;
/** Below the idle time-outs of usual proxies. */
const HEARTBEAT = Milliseconds(15_000);
/** What EventSource waits before it comes back, in milliseconds. */
const RETRY = 2000;

export interface EventSources {
  /** Told to a reader who missed more than is kept: the present, in place of the past. */
  snapshot(): readonly { readonly name: EventName; readonly data: unknown }[];
}

export class EventHub {
  readonly #clock: Clock;
  readonly #sources: EventSources;
  /** Ids of an earlier run are not taken for ours. */
  readonly #run: string;
  readonly #ring: Event[] = [];
  readonly #streams = new Set<ServerResponse>();
  #number = 0;
  #heartbeat: Timer | undefined;

  constructor(clock: Clock, random: Random, sources: EventSources) {
    this.#clock = clock;
    this.#run = randomToken(random, 4);
    this.#sources = sources;
  }

  get full(): boolean {
    return this.#streams.size >= MOST_STREAMS;
  }

  get readers(): number {
    return this.#streams.size;
  }

  emit(name: EventName, data: unknown): void {
    const event = this.#make(name, data);
    this.#ring.push(event);
    if (this.#ring.length > RING) this.#ring.shift();
    for (const stream of this.#streams) this.#write(stream, event.text);
  }

  /** Takes over a response whose headers were not sent; what was missed since `lastId` comes first. */
  attach(
    stream: ServerResponse,
    headers: Readonly<Record<string, string>>,
    lastId: string | undefined,
  ): void {
    stream.writeHead(200, { ...headers, 'content-type': 'text/event-stream; charset=utf-8' });
    stream.write(`retry: ${RETRY}\n\n`);
    for (const event of this.#missed(lastId)) stream.write(event.text);
    this.#streams.add(stream);
    stream.on('close', () => this.#detach(stream));
    this.#heartbeat ??= this.#clock.after(HEARTBEAT, () => this.#beat());
  }

  close(): void {
    this.#heartbeat?.cancel();
    for (const stream of this.#streams) stream.end();
    this.#streams.clear();
  }

  #missed(lastId: string | undefined): readonly Event[] {
    if (lastId === undefined) return [];
    const [run, text] = lastId.split('-');
    const last = Number(text);
    const first = this.#ring[0]?.number ?? this.#number + 1;
    if (run === this.#run && Number.isInteger(last) && last <= this.#number && last >= first - 1)
      return this.#ring.filter(({ number }) => number > last);
    return this.#sources
      .snapshot()
      .map(({ name, data }) => ({ number: this.#number, text: this.#format(name, data) }));
  }

  #make(name: EventName, data: unknown): Event {
    this.#number += 1;
    return { number: this.#number, text: this.#format(name, data) };
  }

  // JSON has no bare line feed, so one data line is enough.
  #format(name: EventName, data: unknown): string {
    return `id: ${this.#run}-${this.#number}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
  }

  #write(stream: ServerResponse, text: string): void {
    stream.write(text);
    if (stream.writableLength > MOST_WAITING) stream.destroy();
  }

  #beat(): void {
    this.#heartbeat = undefined;
    for (const stream of this.#streams) this.#write(stream, ': alive\n\n');
    if (this.#streams.size > 0) this.#heartbeat = this.#clock.after(HEARTBEAT, () => this.#beat());
  }

  #detach(stream: ServerResponse): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    this.#heartbeat?.cancel();
    this.#heartbeat = undefined;
  }
}
