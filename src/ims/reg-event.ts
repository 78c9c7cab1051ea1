// TS 24.229 5.1.1.3, RFC 3680, NG.110 2.2.2: the subscription to the reg event package.
import type { Clock } from '#src/base/clock.ts';
import { Signal } from '#src/base/events.ts';
import type { Logger } from '#src/base/log.ts';
import type { Random } from '#src/base/random.ts';
import type { NameAddr } from '#src/sip/message/name-addr.ts';
import type { UserAgent } from '#src/sip/ua/user-agent.ts';
import { type FederatedDevice, type OwnChange, type Self } from './federation.ts';
import type { Registration } from './registration.ts';

export interface RegEventDeps {
  readonly ua: UserAgent;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly line: Registration;
  readonly self: Self;
  readonly identity: NameAddr;
}
export class RegEvent {
  readonly onFederation = new Signal<readonly FederatedDevice[]>();
  readonly onOwn = new Signal<OwnChange>();
  federation: readonly FederatedDevice[] = [];
  constructor(_deps: RegEventDeps) {}
  start(): void {}
  stop(): void {}
}
