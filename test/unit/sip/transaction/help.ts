// Two transaction layers joined by a network in memory, under virtual time.
import { VirtualClock } from '#src/base/clock.ts';
import type { TandemError } from '#src/base/errors.ts';
import { silentLogger } from '#src/base/log.ts';
import { SeededRandom } from '#src/base/random.ts';
import type { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { TransactionLayer } from '#src/sip/transaction/layer.ts';
import { SIP_TIMERS, type TimerSettings } from '#src/sip/transaction/timers.ts';
import type { ClientHandlers, ServerTransaction } from '#src/sip/transaction/transaction.ts';
import type { Target, TransportName } from '#src/sip/transport/address.ts';
import { MemoryNetwork } from '#src/sip/transport/memory.ts';

export interface Bench {
  readonly clock: VirtualClock;
  readonly network: MemoryNetwork;
  readonly near: TransactionLayer;
  readonly far: TransactionLayer;
  readonly target: Target;
  readonly incoming: ServerTransaction[];
  readonly acks: SipRequest[];
  readonly responses: SipResponse[];
  readonly failures: TandemError[];
  readonly handlers: ClientHandlers;
  readonly stop: () => Promise<void>;
}

/** `near` asks, `far` answers; both listen on UDP and TCP. */
export async function bench(
  transport: TransportName = 'udp',
  timers: TimerSettings = SIP_TIMERS,
  seed = 1,
): Promise<Bench> {
  const clock = new VirtualClock();
  const random = new SeededRandom(seed);
  const network = new MemoryNetwork({ clock, random });
  const listen = (host: string) =>
    (['udp', 'tcp', 'tls'] as const).map((each) => ({ transport: each, host, port: 5060 }));
  const nearSide = network.transport(listen('192.0.2.1'));
  const farSide = network.transport(listen('192.0.2.2'));
  await nearSide.start();
  await farSide.start();
  const parts = { clock, random, timers, log: silentLogger() };
  const near = new TransactionLayer({ ...parts, transport: nearSide });
  const far = new TransactionLayer({ ...parts, transport: farSide });
  const incoming: ServerTransaction[] = [];
  const acks: SipRequest[] = [];
  const responses: SipResponse[] = [];
  const failures: TandemError[] = [];
  far.onRequest.on((transaction) => incoming.push(transaction));
  far.onAck.on(({ request }) => acks.push(request));
  return {
    ...{ clock, network, near, far, incoming, acks, responses, failures },
    target: { transport, host: '192.0.2.2', port: 5060 },
    handlers: {
      onResponse: (response) => void responses.push(response),
      onFailure: (error) => void failures.push(error),
    },
    stop: async () => {
      near.stop();
      far.stop();
      await nearSide.stop();
      await farSide.stop();
    },
  };
}

/** When packets of a kind left, in milliseconds. */
export function departures(network: MemoryNetwork, clock: VirtualClock, start: RegExp): number[] {
  const times: number[] = [];
  const before = network.rule;
  network.rule = (packet) => {
    if (start.test(packet.bytes.toString('latin1'))) times.push(clock.now());
    return before?.(packet);
  };
  return times;
}
