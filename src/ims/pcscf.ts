// TS 24.229 5.1.1.2.1, 9.2.1: the P-CSCFs in order of trial, and those that are to be left alone for a while.
import type { Clock } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { Milliseconds, type Seconds, toMilliseconds, toSeconds } from '#src/base/units.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { Params } from '#src/sip/message/params.ts';
import { SipUri } from '#src/sip/message/uri.ts';
import type { Target } from '#src/sip/transport/address.ts';

/** What is needed of the resolver (RFC 3263). */
export interface PcscfResolver {
  resolve(uri: SipUri): Promise<readonly Target[]>;
}

/** One address of a P-CSCF. */
export interface Pcscf {
  /** As configured. */
  readonly uri: SipUri;
  readonly target: Target;
}

/** `soft`: others first. `hard`: not at all before the time is over (its Retry-After). */
interface Block {
  readonly until: number;
  readonly kind: 'soft' | 'hard';
}

const keyOf = ({ target }: Pcscf): string => `${target.transport} ${target.host} ${target.port}`;

/** A P-CSCF without `transport=` speaks TLS; a named transport is honoured. */
export const secured = (uri: SipUri): SipUri =>
  uri.transport === undefined ? uri.withParam('transport', 'tls') : uri;

/** TS 24.229 5.1.2A.1.1: the P-CSCF as first Route, by address and with the port of the registration. */
export function pcscfRoute({ target }: Pcscf): NameAddr {
  const params = Params.of([['transport', target.transport], ['lr']]);
  return NameAddr.of(SipUri.of({ host: target.host, port: target.port, params }));
}

/** Rounds over the configured P-CSCFs: each address at most once a round, the blocked ones last. */
export class PcscfList {
  readonly #uris: readonly SipUri[];
  readonly #resolver: PcscfResolver;
  readonly #asWritten: boolean;
  readonly #clock: Clock;
  readonly #blocks = new Map<string, Block>();
  #named: SipUri | undefined;
  #kept: Pcscf | undefined;
  #pending: SipUri[] = [];
  #ready: Pcscf[] = [];
  #put: Pcscf[] = [];
  #tried = new Set<string>();
  #seen: Pcscf[] = [];
  #failure: TandemError | undefined;

  /** `asWritten`: a URI without `transport=` leaves the choice to RFC 3263. */
  constructor(uris: readonly SipUri[], resolver: PcscfResolver, clock: Clock, asWritten = false) {
    this.#asWritten = asWritten;
    this.#uris = uris;
    this.#resolver = resolver;
    this.#clock = clock;
  }

  /** Starts a round, at the proxy that a 305 named if there is one. */
  begin(): void {
    this.#pending = this.#named ? [this.#named, ...this.#uris] : [...this.#uris];
    this.#named = undefined;
    this.#ready = this.#kept ? [this.#kept] : [];
    this.#kept = undefined;
    this.#seen = [];
    this.#put = [];
    this.#tried = new Set();
    this.#failure = undefined;
  }

  /** RFC 3261 21.3.4: the next round begins there. */
  redirect(uri: SipUri): void {
    this.#named = uri;
  }

  /** The next round begins with the same address: it only asked for patience. */
  stay(pcscf: Pcscf): void {
    this.#kept = pcscf;
  }

  block(pcscf: Pcscf, span: Seconds, kind: 'soft' | 'hard'): void {
    this.#blocks.set(keyOf(pcscf), { until: this.#clock.now() + toMilliseconds(span), kind });
  }

  /** The last reason why a name could not be resolved in this round. */
  get failure(): TandemError | undefined {
    return this.#failure;
  }

  /** The next to try in this round; undefined when all were. Names are looked up only when their turn comes. */
  async next(): Promise<Pcscf | undefined> {
    for (;;) {
      const candidate = this.#ready.shift();
      if (candidate === undefined) {
        const uri = this.#pending.shift();
        if (uri === undefined) break;
        this.#ready = await this.#lookUp(uri);
        continue;
      }
      this.#seen.push(candidate);
      const block = this.#blockOf(candidate);
      if (this.#tried.has(keyOf(candidate)) || block?.kind === 'hard') continue;
      if (block) this.#put.push(candidate);
      else return this.#take(candidate);
    }
    this.#put.sort((a, b) => (this.#blockOf(a)?.until ?? 0) - (this.#blockOf(b)?.until ?? 0));
    const last = this.#put.shift();
    return last && !this.#tried.has(keyOf(last)) ? this.#take(last) : undefined;
  }

  /** How long every address seen in this round wants to be left alone; 0 when one may be tried. */
  closedFor(): Seconds {
    const now = this.#clock.now();
    const ends = this.#seen.map((pcscf) => {
      const block = this.#blockOf(pcscf);
      return block?.kind === 'hard' ? block.until : now;
    });
    return toSeconds(Milliseconds(ends.length === 0 ? 0 : Math.min(...ends) - now));
  }

  #take(pcscf: Pcscf): Pcscf {
    this.#tried.add(keyOf(pcscf));
    return pcscf;
  }

  #blockOf(pcscf: Pcscf): Block | undefined {
    const block = this.#blocks.get(keyOf(pcscf));
    return block && block.until > this.#clock.now() ? block : undefined;
  }

  async #lookUp(configured: SipUri): Promise<Pcscf[]> {
    const uri = this.#asWritten ? configured : secured(configured);
    try {
      return (await this.#resolver.resolve(uri)).map((target) => ({ uri, target }));
    } catch (error) {
      this.#failure = TandemError.from(error);
      return [];
    }
  }
}
