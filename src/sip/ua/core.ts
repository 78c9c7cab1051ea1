// RFC 3261 8: what the parts of the user agent core share.
import type { Clock } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import type { Logger } from '#src/base/log.ts';
import type { Random } from '#src/base/random.ts';
import { Milliseconds, type Seconds } from '#src/base/units.ts';
import type { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { SipUri, type Uri } from '#src/sip/message/uri.ts';
import type { TransactionLayer } from '#src/sip/transaction/layer.ts';
import type { TimerSettings } from '#src/sip/transaction/timers.ts';
import type { Target } from '#src/sip/transport/address.ts';
import type { CounterSet } from '#src/sip/transport/counters.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { UaCounter } from './counters.ts';

/** What the core needs of RFC 3263; `Resolver` is one. */
export interface TargetResolver {
  resolve(uri: SipUri | Target): Promise<Target[]>;
  markFailed(target: Target, span: Seconds): void;
}

/** Called with each message just before it leaves, CANCEL and its answers apart: the place to add header fields. */
export type Decorate = (message: SipRequest | SipResponse, to: Target | Flow) => void;

export interface Core {
  readonly layer: TransactionLayer;
  readonly resolver: TargetResolver;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: TimerSettings;
  readonly log: Logger;
  readonly counters: CounterSet<UaCounter>;
  readonly decorate: Decorate;
}

/** RFC 3261: 64*T1, the length of a transaction. */
export const transactionSpan = ({ timers }: Pick<Core, 'timers'>): Milliseconds =>
  Milliseconds(64 * timers.t1);

/** 8.1.2: where a request goes: its first loose Route, else its Request-URI. */
export function nextHop(request: SipRequest): Uri {
  const first = request.routes[0]?.uri;
  return first instanceof SipUri && first.isLoose ? first : request.requestUri;
}

/** The addresses of the next hop in order of trial; rejects with a TandemError when there is none. */
export async function locate(
  core: Core,
  request: SipRequest,
  hop: Uri = nextHop(request),
): Promise<Target[]> {
  if (!(hop instanceof SipUri)) {
    throw new TandemError(
      'caller',
      'sip.no-route',
      `There is no way to ${hop.toString()} without a server.`,
      {
        detail: { uri: hop.toString() },
      },
    );
  }
  const targets = await core.resolver.resolve(hop);
  if (targets.length > 0) return targets;
  throw new TandemError('network', 'sip.no-route', `No address was found for ${hop.host}.`, {
    detail: { host: hop.host },
  });
}
