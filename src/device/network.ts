// Watches the addresses of this host: Wi-Fi that comes back with another one, a cable that is pulled (24.229 5.1.1.4).
import type { Clock, Timer } from '#src/base/clock.ts';
import { Signal } from '#src/base/events.ts';
import { Seconds, toMilliseconds } from '#src/base/units.ts';
import { ownAddresses, routeInterface } from '#src/sip/transport/local-address.ts';

/** Whoever talks notices a break of some seconds in any case. */
const INTERVAL = Seconds(1);

/** Documentation addresses (RFC 5737, RFC 3849): what leads to them leads to the world. */
const WORLD = ['203.0.113.1', '2001:db8::1'];

/** The addresses that others can reach, and by which interface the world is reached. */
const networkNow = (): string =>
  [
    ...ownAddresses()
      .filter(({ internal }) => !internal)
      .map((own) => `${own.interface} ${own.address}`)
      .sort(),
    ...WORLD.map((remote) => routeInterface(remote) ?? ''),
  ].join('\n');

export class NetworkWatch {
  /** Addresses came or went. */
  readonly onChange = new Signal<void>();
  readonly #clock: Clock;
  readonly #read: () => string;
  #known: string;
  #timer: Timer | undefined;

  /** `read` gives the same text as long as nothing has changed. */
  constructor(clock: Clock, read: () => string = networkNow) {
    this.#clock = clock;
    this.#read = read;
    this.#known = read();
  }

  start(): void {
    this.#timer = this.#clock.after(toMilliseconds(INTERVAL), () => {
      this.start();
      this.#look();
    });
  }

  #look(): void {
    const now = this.#read();
    if (now === this.#known) return;
    this.#known = now;
    this.onChange.emit();
  }

  stop(): void {
    this.#timer?.cancel();
  }
}

/** Registration first, which moves the calls with it; without one they are told at once. Never rejects. */
export async function followNetwork(parts: {
  readonly sockets: { readdress(): Promise<void> };
  readonly registration: { readonly register: boolean; networkChanged(): void };
  readonly calls: { moved(always: boolean): void };
}): Promise<void> {
  await parts.sockets.readdress();
  if (parts.registration.register) parts.registration.networkChanged();
  else parts.calls.moved(false);
}
