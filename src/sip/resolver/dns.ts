// The questions that RFC 3263 asks of the DNS, through Node's resolver, with two kinds of bad answer told apart.
import { promises } from 'node:dns';
import { describe, systemCode, TandemError } from '#src/base/errors.ts';
import { type Seconds, toMilliseconds } from '#src/base/units.ts';
import type { NaptrRecord, SrvRecord } from './order.ts';
import { systemHosts } from './system-hosts.ts';

export type Family = 'ipv4' | 'ipv6';

/** No records is an empty list; a server that fails or is silent is a rejection with TandemError `dns.failed`. */
export interface Dns {
  naptr(name: string): Promise<NaptrRecord[]>;
  srv(name: string): Promise<SrvRecord[]>;
  addresses(name: string, family: Family): Promise<string[]>;
}

export interface NodeDnsOptions {
  /** `"address:port"`; the system's servers and host table when absent. */
  readonly server?: string | undefined;
  /** How long one server has for one answer, the first time. */
  readonly timeout: Seconds;
  readonly tries: number;
}

/** RFC 1035: the name exists without such records, or does not exist. `EBADRESP` stands for neither. */
const NO_RECORDS: ReadonlySet<string> = new Set(['ENODATA', 'ENOTFOUND', 'EBADNAME']);
const NUMBER_OF_FAMILY = { ipv4: 4, ipv6: 6 } as const;

export class NodeDns implements Dns {
  readonly #resolver: promises.Resolver;
  readonly #ownServer: boolean;

  constructor(options: NodeDnsOptions) {
    this.#resolver = new promises.Resolver({
      timeout: toMilliseconds(options.timeout),
      tries: options.tries,
      maxTimeout: toMilliseconds(options.timeout),
    });
    this.#ownServer = options.server !== undefined;
    if (options.server !== undefined) this.#resolver.setServers([options.server]);
  }

  naptr(name: string): Promise<NaptrRecord[]> {
    return ask(name, 'NAPTR', () => this.#resolver.resolveNaptr(name));
  }

  srv(name: string): Promise<SrvRecord[]> {
    return ask(name, 'SRV', () => this.#resolver.resolveSrv(name));
  }

  /** With the system's servers the host table counts as well (`localhost`, `.local`). */
  addresses(name: string, family: Family): Promise<string[]> {
    const four = family === 'ipv4';
    return ask(name, four ? 'A' : 'AAAA', async () => {
      if (this.#ownServer)
        return await (four ? this.#resolver.resolve4(name) : this.#resolver.resolve6(name));
      return [...(await systemHosts.addresses(name, NUMBER_OF_FAMILY[family]))];
    });
  }
}

async function ask<Item>(name: string, type: string, query: () => Promise<Item[]>): Promise<Item[]> {
  try {
    return await query();
  } catch (error) {
    const code = systemCode(error) ?? describe(error);
    if (NO_RECORDS.has(code)) return [];
    throw new TandemError('network', 'dns.failed', `The name server gave no answer for ${name}.`, {
      cause: error,
      detail: { name, type, code },
    });
  }
}
