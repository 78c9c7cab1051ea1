// All ad-hoc conferences of the device: the owner's wishes find theirs (24.605, contract `conference`).
import { TandemError } from '#src/base/errors.ts';
import { parseUri, SipUri, type Uri } from '#src/sip/message/uri.ts';
import type { Call } from '../call.ts';
import { sameIdentity } from '../identity.ts';
import type { CallManager } from '../manager.ts';
import { wrongState } from '../owner-errors.ts';
import { identityOf } from '../transfer/refer-headers.ts';
import { sipForm } from '../transfer/refer-to.ts';
import type { CallWorld } from '../world.ts';
import { Conference } from './conference.ts';

const ACTION = 'conference';

export class Conferences {
  readonly #world: CallWorld;
  readonly #calls: CallManager;
  readonly #conferences = new Set<Conference>();

  constructor(world: CallWorld, calls: CallManager) {
    this.#world = world;
    this.#calls = calls;
  }

  /**
   * Makes one of this call and the others; or, when this is the call with a focus, brings the others in. Throws TandemError
   * `call.unknown`, `call.state`, `call.emergency-kept`, `call.identities-differ`, `call.no-conference`.
   */
  join(id: string, others: readonly string[]): Call {
    const call = this.#calls.active(id, ACTION);
    const more = [...new Set(others)].map((other) => this.#calls.active(other, ACTION));
    if (more.includes(call)) throw wrongState(id, ACTION);
    const standing = this.#of(id);
    const parties = standing ? more : [call, ...more];
    for (const party of parties) if (this.#isTaken(party)) throw wrongState(party.id, ACTION);
    this.#checkIdentities([call, ...more]);
    if (standing) {
      standing.add(more);
      return call;
    }
    const conference = new Conference(this.#world, this.#calls, this.#factory, parties);
    this.#conferences.add(conference);
    conference.begin();
    return call;
  }

  /** Throws TandemError `call.unknown`, `call.state`, `call.emergency-kept`, `call.participant`. */
  remove(id: string, participant: string): Call {
    const call = this.#calls.active(id, ACTION);
    const conference = this.#of(id);
    if (!conference) throw wrongState(id, ACTION);
    const wanted = parseUri(participant);
    const known = conference.participants.find(({ uri }) => {
      const parsed = parseUri(uri);
      return uri === participant || (wanted.ok && parsed.ok && sameIdentity(parsed.value, wanted.value));
    });
    const parsed = known ? parseUri(known.uri) : undefined;
    const target = parsed?.ok ? sipForm(parsed.value, this.#world.line.domain) : undefined;
    if (!target) {
      throw new TandemError('caller', 'call.participant', 'Nobody in the conference has this address.', {
        detail: { uri: participant },
      });
    }
    conference.remove(target);
    return call;
  }

  /** Tandem closes; the calls are over. */
  stop(): void {
    for (const conference of this.#conferences) conference.stop();
  }

  #of(id: string): Conference | undefined {
    for (const conference of this.#conferences) {
      if (conference.isOver) this.#conferences.delete(conference);
      else if (conference.callId === id) return conference;
    }
    return undefined;
  }

  #isTaken(call: Call): boolean {
    return [...this.#conferences].some(
      (conference) => !conference.isOver && (conference.callId === call.id || conference.has(call)),
    );
  }

  /** 24.174 4.6.8.2.1: with an identity that others share, every call of the conference runs under the same. */
  #checkIdentities(calls: readonly Call[]): void {
    const chosen = calls.map((call) => identityOf(this.#calls.identities, call).additional?.uri.toString());
    if (new Set(chosen).size <= 1) return;
    throw new TandemError(
      'caller',
      'call.identities-differ',
      'These calls do not run under the same identity.',
    );
  }

  get #factory(): Uri {
    const { config, line } = this.#world;
    const named = config.conferenceFactory;
    const usual =
      line.profile === 'ims' && line.domain !== undefined
        ? `sip:mmtel@conf-factory.${line.domain}`
        : undefined;
    const text = named ?? usual;
    const parsed = text === undefined ? undefined : parseUri(text);
    if (parsed?.ok && parsed.value instanceof SipUri) return parsed.value;
    throw new TandemError(
      'operator',
      'call.no-conference',
      'No conference server is known: set [conference] factory.',
    );
  }
}
