// RFC 3262 4: reliable provisional responses at the calling side, acknowledged one by one in their own dialog.
import { hasToken, type SipResponse } from '#src/sip/message/message.ts';
import type { SendingOptions, UserAgent } from '#src/sip/ua/user-agent.ts';
import type { Leg } from './dialogs.ts';

/**
 * `plain` it is not reliable · `next` new and in its order, to be acknowledged · `again` known, `gap` one before it is
 * missing: both are dropped, and come again until they are acknowledged in their turn.
 */
export type Arrival = 'plain' | 'next' | 'again' | 'gap';

export interface PrackHandlers {
  /** The 2xx, which may carry P-Early-Media. */
  onAcknowledged(leg: Leg, response: SipResponse): void;
  /** Refused with this status, or (408) not answered. */
  onRefused(leg: Leg, status: number): void;
}

const REQUEST_TIMEOUT = 408;

/** RFC 3262 4: a 101 to 199 with `Require: 100rel` and RSeq. */
export const isReliable = (response: SipResponse): boolean =>
  response.isProvisional && response.rseq !== undefined && hasToken(response.require, '100rel');

export class Pracks {
  readonly #ua: UserAgent;
  readonly #sending: () => SendingOptions;
  readonly #handlers: PrackHandlers;
  /** RSeq of the last one that was acknowledged. */
  readonly #last = new WeakMap<Leg, number>();

  constructor(ua: UserAgent, sending: () => SendingOptions, handlers: PrackHandlers) {
    this.#ua = ua;
    this.#sending = sending;
    this.#handlers = handlers;
  }

  arrival(leg: Leg, response: SipResponse): Arrival {
    const { rseq } = response;
    if (rseq === undefined || !isReliable(response)) return 'plain';
    const last = this.#last.get(leg);
    // The first one may begin anywhere.
    if (last === undefined || rseq === last + 1) return 'next';
    return rseq <= last ? 'again' : 'gap';
  }

  /** Of one whose arrival was `next`. */
  acknowledge(leg: Leg, response: SipResponse): void {
    const { rseq, cseq } = response;
    if (rseq === undefined) return;
    this.#last.set(leg, rseq);
    const headers = [['RAck', `${rseq} ${cseq.number} ${cseq.method}`]] as const;
    const request = leg.dialog.createRequest('PRACK', { headers });
    this.#ua.sendInDialog(
      leg.dialog,
      request,
      {
        onFinal: (answer) => {
          if (answer.isSuccess) this.#handlers.onAcknowledged(leg, answer);
          else this.#handlers.onRefused(leg, answer.status);
        },
        onFailure: () => this.#handlers.onRefused(leg, REQUEST_TIMEOUT),
      },
      this.#sending(),
    );
  }
}
