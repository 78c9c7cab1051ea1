// RFC 3312 6, 24.229 5.1.4.1: a re-INVITE of theirs whose conditions are not met: our answer goes ahead in a reliable 183, the
// final response waits for their resources.
import type { Timer } from '#src/base/clock.ts';
import { toMilliseconds } from '#src/base/units.ts';
import { hasToken, type SipRequest } from '#src/sip/message/message.ts';
import type { AnswerFields, Incoming } from '#src/sip/ua/user-agent.ts';
import { CONDITIONS_PATIENCE } from './alerting.ts';
import type { Leg } from './dialogs.ts';
import type { HeaderPairs, Refusal } from './facts.ts';
import { conditionHeaders } from './headers.ts';
import type { CallWorld } from './world.ts';

const PROGRESS = 183;

/** RFC 3312 11: conditions cannot be told of without reliable responses. */
export const RELIABILITY_REQUIRED: Refusal = { status: 421, headers: [['Require', '100rel']] };

export const takesReliable = (request: SipRequest): boolean =>
  hasToken([...request.typed('Supported'), ...request.require], '100rel');

/** CANCEL; no PRACK came; the conditions were not met in time. */
export type HeldBackEnd = 'cancelled' | 'unheard' | 'unmet';

export class HeldBack {
  readonly leg: Leg;
  readonly incoming: Incoming;
  readonly #patience: Timer;

  /** Sends the 183. */
  constructor(
    { clock }: CallWorld,
    parts: {
      readonly leg: Leg;
      readonly incoming: Incoming;
      readonly headers: HeaderPairs;
      readonly body: Buffer;
      readonly onEnd: (how: HeldBackEnd) => void;
    },
  ) {
    const { leg, incoming, headers, body, onEnd } = parts;
    this.leg = leg;
    this.incoming = incoming;
    this.#patience = clock.after(toMilliseconds(CONDITIONS_PATIENCE), () => onEnd('unmet'));
    incoming.onCancel.on(() => onEnd('cancelled'));
    incoming.onPrackTimeout.on(() => onEnd('unheard'));
    incoming.respondReliably(PROGRESS, { headers: [...headers, ...conditionHeaders(body)], body });
  }

  /** The caller has our answer, and its resources. */
  get isReady(): boolean {
    return !this.incoming.holdsSuccess && this.leg.offers.preconditions !== 'unmet';
  }

  /** Whether this PRACK is for the 183. */
  acknowledge(prack: SipRequest): boolean {
    return this.incoming.acknowledgeProvisional(prack);
  }

  /** The final response. */
  finish(status: number, fields: AnswerFields): void {
    this.#patience.cancel();
    this.incoming.respond(status, fields);
  }
}
