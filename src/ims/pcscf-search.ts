// TS 24.229 5.1.1.2.1, RFC 5626 4.5: which P-CSCF the next attempt goes to. A search that was overtaken tells nobody.
import { TandemError } from '#src/base/errors.ts';
import type { Logger } from '#src/base/log.ts';
import type { Seconds } from '#src/base/units.ts';
import type { Pcscf, PcscfList } from './pcscf.ts';

const UNREACHABLE = 'registration.unreachable';

export interface SearchDeps {
  readonly log: Logger;
  /** Called with each P-CSCF before it is tried. */
  readonly prepare: (pcscf: Pcscf) => Promise<void>;
}

export class PcscfSearch {
  readonly #list: PcscfList;
  readonly #deps: SearchDeps;
  /** A search that is older than this no longer matters. */
  #round = 0;
  #current: Pcscf | undefined;

  constructor(list: PcscfList, deps: SearchDeps) {
    this.#list = list;
    this.#deps = deps;
  }

  /** The one on trial. */
  get current(): Pcscf | undefined {
    return this.#current;
  }

  /** A round over all of them. */
  begin(): void {
    this.#list.begin();
  }

  redirect: PcscfList['redirect'] = (proxy) => this.#list.redirect(proxy);

  /** Looks for the next one; undefined when the round is over. */
  next(found: (pcscf: Pcscf | undefined) => void): void {
    this.#round += 1;
    const round = this.#round;
    const settle = (pcscf: Pcscf | undefined): void => {
      if (round !== this.#round) return;
      this.#current = pcscf;
      found(pcscf);
    };
    this.#find().then(settle, (error: unknown) => {
      this.#deps.log.error({ error: TandemError.from(error).id }, 'registration: no P-CSCF could be chosen');
      settle(undefined);
    });
  }

  async #find(): Promise<Pcscf | undefined> {
    const pcscf = await this.#list.next();
    if (pcscf) await this.#deps.prepare(pcscf);
    return pcscf;
  }

  /** What is being looked for is no longer wanted. */
  forget(): void {
    this.#round += 1;
  }

  block(time: Seconds, how: 'hard' | 'soft'): void {
    if (this.#current) this.#list.block(this.#current, time, how);
  }

  /** The next round begins with the same one. */
  stay(): void {
    if (this.#current) this.#list.stay(this.#current);
  }

  closedFor(): Seconds {
    return this.#list.closedFor();
  }

  /** Why a round ended without a registration; `last`: what went wrong before, if anything. */
  unreachable(last: TandemError | undefined): TandemError {
    const failure = this.#list.failure ?? last;
    if (failure?.fault === 'operator') return failure;
    const cause = failure && firstCause(failure);
    const sentence = "The operator's server cannot be reached.";
    const known = cause && cause.id !== UNREACHABLE;
    return new TandemError('network', UNREACHABLE, known ? `${sentence} ${cause.message}` : sentence, {
      cause,
      detail: { ...cause?.detail, reason: cause?.id },
    });
  }
}

/** What began it all: the certificate, the name that nobody knows. A round without a try adds nothing of its own. */
function firstCause(error: TandemError): TandemError {
  return error.cause instanceof TandemError ? firstCause(error.cause) : error;
}
