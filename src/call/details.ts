// What there is to tell of a call beside the contract's call object (`GET calls/ID/details`).
import type { Clock } from '#src/base/clock.ts';
import type { FailureDetails } from './failure-details.ts';
import { printableLine } from './party.ts';
import type { CallParty } from './snapshot.ts';

/** A sentence for the owner, and when it came. */
export interface Told {
  /** ISO 8601 UTC. */
  readonly at: string;
  readonly text: string;
}

/** A step on the way of a diverted call: whom it was for, and why it went on from there. */
export interface DiversionStep extends CallParty {
  /** RFC 4458: a SIP status that stands for a reason. */
  readonly cause?: number;
  readonly reason: string;
}

/** The far end of this call is passed on to somebody else, by us or at its own word by us to them. */
export interface TransferState {
  readonly to: string;
  readonly state: 'trying' | 'ringing' | 'done' | 'failed';
  /** What the call there met, last. */
  readonly status?: number;
}

export interface ConferenceDetails {
  readonly uri: string;
  readonly participants: readonly { readonly uri: string; readonly name?: string; readonly state: string }[];
}

/** Every member is there only when there is something to tell. */
export interface CallDetails {
  /** In the order of the call's way. */
  readonly diversion?: readonly DiversionStep[];
  /** Who is really at the other end (TIP, RFC 4916), when the network said so. */
  readonly connected?: CallParty;
  readonly transfer?: TransferState;
  /** Of our call with a conference server. */
  readonly conference?: ConferenceDetails;
  /** The call with the conference server that this one has become a part of. */
  readonly conference_call?: string;
  /** Who had us place this call (Referred-By). */
  readonly referred_by?: string;
  /** The call is being handed to another device of ours, or was. */
  readonly push?: {
    readonly instance: string;
    readonly state: 'asked' | 'ringing' | 'done' | 'failed';
    readonly status?: number;
  };
  /** The device of ours that has the call now, where dialog information told. */
  readonly taken_by?: { readonly uri: string; readonly instance?: string };
  readonly told?: readonly Told[];
  /** The person called is in another call and hears that this one waits (24.615 4.5.5.3). */
  readonly callee_waiting?: boolean;
  /** What the refusal of an outgoing call said. */
  readonly failure?: FailureDetails;
  /** What the network says about how the call is to be shown. */
  readonly hints?: readonly string[];
}

/** A hostile peer must not fill the memory; the first sentences say what matters. */
const MOST_TOLD = 32;
const MOST_LENGTH = 400;

/** The notes of one call; every part of it may add to them. */
export class DetailNotes {
  readonly #clock: Clock;
  readonly #changed: () => void;
  readonly #told: Told[] = [];
  #members: Omit<CallDetails, 'told'> = {};

  /** `changed` is called when there is more to tell. */
  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  /** A sentence for the owner, once. */
  tell(sentence: string): void {
    const text = printableLine(sentence, MOST_LENGTH);
    if (text === undefined || this.#told.length >= MOST_TOLD) return;
    if (this.#told.some((told) => told.text === text)) return;
    this.#told.push({ at: this.#clock.date().toISOString(), text });
    this.#changed();
  }

  /** Puts members in place of what they were. */
  set(members: Omit<CallDetails, 'told'>): void {
    this.#members = { ...this.#members, ...members };
    this.#changed();
  }

  get snapshot(): CallDetails {
    return { ...this.#members, ...(this.#told.length > 0 ? { told: [...this.#told] } : {}) };
  }
}
