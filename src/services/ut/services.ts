// TS 24.623 5.3.1.2: the owner's services in the network: read, and switched. One after the other, each by one request.
import type { Clock } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import type { Logger } from '#src/base/log.ts';
import { Seconds, toMilliseconds } from '#src/base/units.ts';
import type { XcapClient } from './client.ts';
import { readDocument, type ServicesView, viewOf } from './document.ts';
import { edit, type ServicesChange } from './edit.ts';
import { utError } from './errors.ts';
import { writeFor } from './write.ts';

export interface UtDeps {
  /** Undefined: Ut is not opened on this device. */
  readonly client: XcapClient | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** 24.623 5.3.1.2.2: after a 403 the network is left alone for a while. */
const FORBIDDEN_FOR = toMilliseconds(Seconds(60));
/** The first try, and one more when somebody else wrote meanwhile. */
const TRIES = 2;

export class UtServices {
  readonly onChange = new Signal<ServicesView>();
  readonly #deps: UtDeps;
  /** The last of those who wait: a change reads before it writes, and nobody may come between. */
  #queue: Promise<unknown> = Promise.resolve();
  #forbidden: { readonly error: TandemError; readonly until: number } | undefined;

  constructor(deps: UtDeps) {
    this.#deps = deps;
  }

  get isOpen(): boolean {
    return this.#deps.client !== undefined;
  }

  /** Throws TandemError `ut.…`. */
  read(): Promise<ServicesView> {
    return this.#inTurn(async (client) => (await load(client)).view);
  }

  /** All of the change or nothing of it; gives what the network says afterwards. Throws TandemError `ut.…`. */
  change(change: ServicesChange): Promise<ServicesView> {
    return this.#inTurn(async (client) => {
      for (let tries = 0; tries < TRIES; tries += 1) {
        const { root, view, etag } = await load(client);
        const write = writeFor(root, edit(root, change));
        if (!write) return view;
        const outcome = await client.write(write, etag);
        if (outcome === 'written') {
          const after = (await load(client)).view;
          this.#deps.log.info({ method: write.method }, 'ut: services changed');
          this.onChange.emit(after);
          return after;
        }
      }
      throw utError('changed', 'Somebody else changes your services at the same time. Try again.');
    });
  }

  #inTurn<Value>(work: (client: XcapClient) => Promise<Value>): Promise<Value> {
    const turn = this.#queue.then(() => this.#guarded(work));
    // Who waits next is not concerned with how this one went: that is told to whoever asked for it.
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  async #guarded<Value>(work: (client: XcapClient) => Promise<Value>): Promise<Value> {
    const { client, clock } = this.#deps;
    if (!client)
      throw utError(
        'closed',
        'Your operator lets this device not switch services. Switch them with your phone, or where your operator tells.',
      );
    if (this.#forbidden && clock.now() < this.#forbidden.until) throw this.#forbidden.error;
    try {
      return await work(client);
    } catch (error) {
      if (TandemError.is(error, 'ut.forbidden'))
        this.#forbidden = { error, until: clock.now() + FORBIDDEN_FOR };
      throw error;
    }
  }
}

async function load(client: XcapClient) {
  const { body, etag } = await client.read();
  const root = readDocument(body);
  if (!root.ok)
    throw utError(
      'malformed',
      `The server for your services sends a document that cannot be read: ${root.error}.`,
    );
  return { root: root.value, view: viewOf(root.value), etag };
}
