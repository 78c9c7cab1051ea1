// The services beside calls, put together: message waiting, calls on other devices, and what the network does by Ut.
import type { Clock } from '#src/base/clock.ts';
import type { Config } from '#src/base/config/rules.ts';
import type { Logger } from '#src/base/log.ts';
import type { Random } from '#src/base/random.ts';
import { Seconds } from '#src/base/units.ts';
import type { CallManager } from '#src/call/manager.ts';
import type { CallWorld } from '#src/call/world.ts';
import type { Registration } from '#src/ims/registration.ts';
import { Federation } from '#src/services/federation/federation.ts';
import { Mailbox } from '#src/services/message-waiting/mailbox.ts';
import type { UtServices } from '#src/services/ut/services.ts';
import { parseUri, type Uri } from '#src/sip/message/uri.ts';
import type { Incoming, UserAgent } from '#src/sip/ua/user-agent.ts';
import { timers } from './parts.ts';
import { utServices } from './ut.ts';

export interface ServiceParts {
  readonly config: Config;
  readonly ua: UserAgent;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly registration: Registration;
  readonly calls: CallManager;
  readonly world: CallWorld;
  readonly ring: (on: boolean) => void;
}

/** Lifetimes: made before the registration starts, stopped before it stops. */
export class Services {
  readonly mailbox: Mailbox;
  readonly federation: Federation;
  readonly ut: UtServices;

  constructor({ config, registration, calls, world, ring, ...base }: ServiceParts) {
    const { sip, mwi, identities } = config;
    const deps = {
      ...base,
      timers: timers(config),
      retry: { base: Seconds(sip.retry_base), max: Seconds(sip.retry_max) },
      home: registration,
    };
    this.mailbox = new Mailbox(deps, {
      policy: mwi.subscribe,
      account: read(mwi.account),
      shared: identities.shared.flatMap((text) => read(text) ?? []),
    });
    this.federation = new Federation(
      { ...deps, calls, world, ring },
      { policy: config.federation.calls, push: config.federation.push },
    );
    this.ut = utServices({
      ...{ config, clock: base.clock, random: base.random, log: base.log },
      identity: () => registration.state.identities.find(({ kind }) => kind === 'default')?.uri,
    });
  }

  /** A request outside a dialog. False: not for any of them. */
  handle(incoming: Incoming): boolean {
    return this.federation.handle(incoming);
  }

  /** Un-subscribes; nobody waits for the answers. */
  stop(): void {
    this.mailbox.stop();
    this.federation.stop();
  }
}

/** The schema has judged it. */
function read(text: string | undefined): Uri | undefined {
  const parsed = text === undefined ? undefined : parseUri(text);
  return parsed?.ok ? parsed.value : undefined;
}
