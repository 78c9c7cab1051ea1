// The identities this device may use: those of the registration, and those of others that are shared with us
// (NG.110 2.4.6, 24.174 4.5.3.1 and 4.6; corrections 1.2).
import { TandemError } from '#src/base/errors.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { parseUri, type Uri, uriEquals } from '#src/sip/message/uri.ts';
import { sameIdentity } from './identity.ts';
import type { Line } from './line.ts';
import { shownUri } from './party.ts';

/** As whom a call is made. */
export interface ChosenIdentity {
  /** Of the registration: in From and P-Preferred-Identity. */
  readonly identity: NameAddr;
  /** Not registered here: in Additional-Identity. */
  readonly additional?: NameAddr | undefined;
}

export interface SharedIdentity {
  readonly uri: string;
  readonly active: boolean;
}

/** What keeps the switches over a restart; the store of the device. */
export interface SwitchMemory {
  get(key: string): string | undefined;
  set(key: string, value: string): void;
}

const MEMORY_KEY = 'identities.off';
/** More than any subscription has. */
const MOST_SHARED = 100;

export class IdentityBook {
  readonly #line: Pick<Line, 'identities'>;
  readonly #memory: SwitchMemory | undefined;
  readonly #off: Set<string>;
  #shared: readonly Uri[];

  constructor(
    line: Pick<Line, 'identities'>,
    shared: readonly string[] = [],
    memory: SwitchMemory | undefined = undefined,
  ) {
    this.#line = line;
    this.#memory = memory;
    this.#off = new Set(readList(memory?.get(MEMORY_KEY)));
    this.#shared = urisOf(shared);
  }

  /** In place of those known before: configuration and Ut say who shares. */
  share(identities: readonly string[]): void {
    this.#shared = urisOf(identities);
  }

  /** Without those that are registered as well: these are ours already. */
  get shared(): readonly SharedIdentity[] {
    return this.#sharedOnly.map((uri) => ({ uri: uri.toString(), active: this.isActive(uri) }));
  }

  get #sharedOnly(): readonly Uri[] {
    return this.#shared.filter((uri) => !this.#registered(uri));
  }

  #registered(uri: Uri): NameAddr | undefined {
    const { identities } = this.#line;
    return (
      identities.find((identity) => uriEquals(identity.uri, uri)) ??
      identities.find((identity) => means(identity.uri, uri))
    );
  }

  /** One that is switched off is used neither for calls out nor for calls in (24.174 4.1). */
  isActive(uri: Uri): boolean {
    return !this.#off.has(uri.toString());
  }

  /** URIs that are switched off, as listed. */
  get off(): readonly string[] {
    return [...this.#off];
  }

  /** `id`: the URI as it is listed. Throws TandemError `call.identity` for one that is not known. */
  setActive(id: string, active: boolean): void {
    const known = [...this.#line.identities.map(({ uri }) => uri), ...this.#sharedOnly];
    if (!known.some((uri) => uri.toString() === id)) throw notOurs(id);
    if (active) this.#off.delete(id);
    else this.#off.add(id);
    this.#memory?.set(MEMORY_KEY, JSON.stringify([...this.#off]));
  }

  /** The default identity, if there is one yet. */
  get usual(): NameAddr | undefined {
    return this.#line.identities[0];
  }

  /** The default identity, whatever is switched off: emergency calls use no other (24.174 4.5.3.1). */
  native(): NameAddr {
    const first = this.usual;
    if (!first) {
      throw new TandemError('operator', 'call.not-registered', 'No identity to call with: not registered.');
    }
    return first;
  }

  /**
   * As whom to call. Throws TandemError `call.identity` for what is neither registered nor shared (MD-2.4.6.1a) or is
   * switched off, `call.not-registered` while there is none.
   */
  choose(wanted: string | undefined): ChosenIdentity {
    const native = this.native();
    if (wanted === undefined) {
      const first = this.#line.identities.find(({ uri }) => this.isActive(uri));
      if (!first) throw switchedOff(native.uri.toString());
      return { identity: first };
    }
    const parsed = parseUri(/^[A-Za-z][\w+.-]*:/.test(wanted) ? wanted : `tel:${wanted}`);
    if (!parsed.ok) throw notOurs(wanted);
    const own = this.#registered(parsed.value);
    const shared = own ? undefined : this.#sharedOnly.find((uri) => means(uri, parsed.value));
    const uri = own?.uri ?? shared;
    if (!uri) throw notOurs(wanted);
    if (!this.isActive(uri)) throw switchedOff(wanted);
    // 24.174 4.5.3.1: From is the native identity when the one meant is not registered.
    return own ? { identity: own } : { identity: native, additional: NameAddr.of(uri) };
  }

  /** The identity of ours that a call came for; undefined for one that nobody told us of. */
  find(called: Uri): Uri | undefined {
    return this.#registered(called)?.uri ?? this.#sharedOnly.find((uri) => means(uri, called));
  }

  /** As `GET calls` shows it. */
  shown({ identity, additional }: ChosenIdentity): string {
    return shownUri((additional ?? identity).uri);
  }
}

/** Also as `GET calls` shows it, without `user=phone`. */
const means = (own: Uri, meant: Uri): boolean =>
  sameIdentity(own, meant) || shownUri(own) === shownUri(meant);

const urisOf = (texts: readonly string[]): readonly Uri[] =>
  texts.slice(0, MOST_SHARED).flatMap((text) => {
    const parsed = parseUri(text);
    return parsed.ok ? [parsed.value] : [];
  });

/** What cannot be read was not written by us: nothing is switched off then. */
function readList(text: string | undefined): string[] {
  try {
    const list: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(list) ? list.filter((item) => typeof item === 'string') : [];
  } catch {
    return [];
  }
}

const notOurs = (identity: string): TandemError =>
  new TandemError('caller', 'call.identity', 'This identity does not belong to the account.', {
    detail: { identity },
  });

const switchedOff = (identity: string): TandemError =>
  new TandemError('caller', 'call.identity-off', 'This identity is switched off on this device.', {
    detail: { identity },
  });
