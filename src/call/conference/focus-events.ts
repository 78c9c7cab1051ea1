// Our subscription to the `conference` package of a focus (RFC 4575, 24.147 5.3.1.2): beside the call, outside its dialog.
import type { Timer } from '#src/base/clock.ts';
import { Signal } from '#src/base/events.ts';
import { Seconds, toMilliseconds } from '#src/base/units.ts';
import { Subscription } from '#src/sip/event/subscriber.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import type { Uri } from '#src/sip/message/uri.ts';
import { SIP_TIMERS } from '#src/sip/transaction/timers.ts';
import type { HeaderPairs } from '../facts.ts';
import { literalTarget } from '../way.ts';
import type { CallWorld } from '../world.ts';
import { CONFERENCE_INFO_TYPE, parseConferenceInfo } from './conference-info.ts';
import { Roster } from './roster.ts';

export interface FocusEventsParts {
  readonly world: CallWorld;
  readonly focus: Uri;
  readonly identity: NameAddr;
  readonly headers: HeaderPairs;
}

/** A focus that never tells all is not asked for ever. */
const MOST_GAPS = 3;
const EXPIRES = Seconds(3600);
/** After the conference: how long the focus may take to end the subscription itself. */
const LAST_WORD = Seconds(32);

export class FocusEvents {
  readonly roster = new Roster();
  /** The roster has changed. */
  readonly onChange = new Signal<void>();
  readonly #world: CallWorld;
  readonly #subscription: Subscription;
  #known = false;
  /** Documents in a row that could not be fitted in, each of which had us ask for all. */
  #gaps = 0;
  #left = false;
  #timer: Timer | undefined;

  constructor({ world, focus, identity, headers }: FocusEventsParts) {
    this.#world = world;
    const { ua, clock, random, log, line } = world;
    const address = NameAddr.of(focus);
    this.#subscription = new Subscription({
      ua,
      clock,
      random,
      log,
      timers: SIP_TIMERS,
      event: 'conference',
      accept: [CONFERENCE_INFO_TYPE],
      expires: EXPIRES,
      parts: () => {
        const way = line.flow ?? literalTarget(line.route[0]?.uri ?? focus);
        return {
          uri: focus,
          from: identity,
          to: address,
          contact: line.contact({ privacy: false, ...(way ? { to: way } : {}) }),
          routes: line.route,
          headers,
          digest: line.digest,
          flow: line.flow,
        };
      },
    });
    this.#subscription.onNotify.on((request) => this.#notified(request));
    this.#subscription.onState.on(({ state }) => {
      if (state === 'subscribing') this.roster.restart();
      // A conference that is left is not subscribed to again.
      if (this.#left && state !== 'unsubscribing') this.#end();
    });
  }

  /** The focus has told who is there. */
  get isKnown(): boolean {
    return this.#known;
  }

  start(): void {
    this.#subscription.start();
  }

  /** The focus ends it with the conference; what it forgets we end. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    if (this.#subscription.state !== 'active' && this.#subscription.state !== 'refreshing') {
      this.#end();
      return;
    }
    this.#timer = this.#world.clock.after(toMilliseconds(LAST_WORD), () => this.#subscription.stop());
  }

  /** Without a word. */
  drop(): void {
    this.#left = true;
    this.#end();
  }

  #end(): void {
    this.#timer?.cancel();
    this.#subscription.drop();
  }

  #notified(request: SipRequest): void {
    if (request.body.length === 0 || request.contentType?.value !== CONFERENCE_INFO_TYPE) return;
    const info = parseConferenceInfo(request.body);
    if (!info.ok) {
      this.#world.log.warn({ why: info.error }, 'a conference document cannot be read');
      return;
    }
    const change = this.roster.apply(info.value);
    this.#gaps = change === 'gap' ? this.#gaps + 1 : 0;
    if (change === 'gap' && this.#gaps <= MOST_GAPS) this.#subscription.refresh();
    if (change === 'gap' || change === 'stale') return;
    this.#known = true;
    this.onChange.emit();
  }
}
