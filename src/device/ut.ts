// What the configuration means for Ut: whose document, at which server, with which credentials (TS 23.003 13.9, TS 24.623 5.3.1.1).
import { readFileSync } from 'node:fs';
import type { Clock } from '#src/base/clock.ts';
import type { Config } from '#src/base/config/rules.ts';
import { describe, TandemError } from '#src/base/errors.ts';
import type { Logger } from '#src/base/log.ts';
import type { Random } from '#src/base/random.ts';
import { Seconds, toMilliseconds } from '#src/base/units.ts';
import { VERSION } from '#src/base/version.ts';
import { dialTarget } from '#src/call/dial.ts';
import { XcapClient } from '#src/services/ut/client.ts';
import type { ServicesChange } from '#src/services/ut/edit.ts';
import { httpExchange } from '#src/services/ut/http.ts';
import { defaultRoot, documentUrl } from '#src/services/ut/root.ts';
import { UtServices } from '#src/services/ut/services.ts';
import { AUID, FORWARDINGS } from '#src/services/ut/vocabulary.ts';

export interface UtParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The default public identity that the registration gave. */
  readonly identity: () => string | undefined;
}

/** Throws TandemError `config.invalid` when the file of authorities cannot be read. */
export function utServices(parts: UtParts): UtServices {
  const { clock, log, config } = parts;
  return new UtServices({ clock, log, client: config.ut.enabled ? clientFor(parts) : undefined });
}

function clientFor({ config, clock, random, identity }: UtParts): XcapClient {
  const { account, ut } = config;
  const root = ut.root ?? defaultRoot(account.impi ?? '', account.domain ?? '');
  const username = ut.user ?? account.impi;
  const password = ut.password ?? account.password;
  return new XcapClient({
    random,
    exchange: httpExchange({ clock, patience: toMilliseconds(Seconds(ut.timeout)), ca: authorities(ut.ca) }),
    place: () => {
      const xui = ut.identity ?? identity() ?? account.impu ?? '';
      return { document: documentUrl({ root, auid: AUID, xui }), identity: xui };
    },
    credentials: username === undefined || password === undefined ? undefined : { username, password },
    userAgent: `Tandem/${VERSION}`,
  });
}

function authorities(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new TandemError('caller', 'config.invalid', `ut.ca: cannot be read: ${describe(cause)}`, { cause });
  }
}

/** Targets as the owner wrote them become addresses. Throws TandemError `call.target`. */
export function withAddresses(change: ServicesChange, { account, network }: Config): ServicesChange {
  const { forwarding } = change;
  if (!forwarding) return change;
  const rules = {
    profile: 'ims' as const,
    country: network.country,
    ...(account.domain === undefined ? {} : { domain: account.domain }),
  };
  const read = FORWARDINGS.flatMap(({ name }) => {
    const wish = forwarding[name];
    if (!wish) return [];
    return [
      [name, wish.target === undefined ? wish : { ...wish, target: String(dialTarget(wish.target, rules)) }],
    ];
  });
  return { ...change, forwarding: Object.fromEntries(read) };
}
