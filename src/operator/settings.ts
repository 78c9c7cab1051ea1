// What the configuration means for each part of the operator: what the network decides, what numbers have set, where it listens.
import { readFileSync } from 'node:fs';
import type { OperatorConfig } from '#src/base/config/operator-schema.ts';
import { describe, TandemError } from '#src/base/errors.ts';
import { Seconds } from '#src/base/units.ts';
import { parseUri, type Uri } from '#src/sip/message/uri.ts';
import { type ListenAddress, parseListen } from '#src/sip/transport/address.ts';
import type { TlsSettings } from '#src/sip/transport/tls.ts';
import type { AnnouncementSettings } from './announcement.ts';
import type { FaultSettings } from './faults.ts';
import type { PolicySettings } from './policy.ts';
import { type Country, countryOf } from './services/countries.ts';
import { DIVERSIONS, type ServiceSet } from './services/service-data.ts';

/** Throws TandemError `config.invalid`. */
export function readUri(text: string): Uri {
  const parsed = parseUri(text);
  if (parsed.ok) return parsed.value;
  throw new TandemError('caller', 'config.invalid', `"${text}" is no URI.`);
}

export function readCountry(text: string): Country {
  const country = countryOf(text);
  if (country) return country;
  throw new TandemError(
    'caller',
    'config.invalid',
    `"${text}" is a country that this operator does not know.`,
  );
}

export function initialPolicy({ policy, emergency }: OperatorConfig): PolicySettings {
  return {
    fork: policy.fork,
    busyEverywhere: policy.busy_everywhere,
    ringing: Seconds(policy.ring_seconds),
    deflection: policy.deflection,
    diversionLimit: policy.diversion_limit,
    dialogEvents: policy.dialog_events,
    messageWaiting: policy.message_waiting,
    country: readCountry(policy.country),
    psap: emergency.psap === undefined ? undefined : readUri(emergency.psap),
    trusted: policy.trusted,
    emergency: emergency.handling,
    emergencyNumbers: emergency.numbers,
  };
}

export function readServices(row: OperatorConfig['services'][number]): ServiceSet {
  const targets = DIVERSIONS.flatMap((name) => {
    const target = row[name];
    return target === undefined ? [] : [[name, readUri(target)] as const];
  });
  return {
    targets: Object.fromEntries(targets),
    noReply: Seconds(row.no_reply_seconds),
    notify: row.notify,
    reveal: row.reveal,
    revealTarget: row.reveal_target,
    barred: new Set(row.barred),
    restrictAnswer: row.restrict_answer,
    restrictCall: row.restrict_call,
  };
}

export const announcementOf = (phone: OperatorConfig['phones'][number]): AnnouncementSettings => ({
  sound: phone.announce_sound,
  seconds: Seconds(phone.announce_seconds),
  status: phone.announce_status,
  reason: phone.announce_reason,
  authorized: phone.announce_authorized === 'none' ? '' : phone.announce_authorized,
});

/** With an address for our own phones where only TLS was asked for. */
export function listenAddresses(config: OperatorConfig): ListenAddress[] {
  const listen = config.listen.sip.map(readListen);
  const needed = config.phones.length > 0 && listen.every(({ transport }) => transport === 'tls');
  return needed ? [...listen, { transport: 'tcp', host: '127.0.0.1', port: 0 }] : listen;
}

function readListen(text: string): ListenAddress {
  const parsed = parseListen(text);
  if (parsed.ok) return parsed.value;
  throw new TandemError('caller', 'config.invalid', `listen.sip: ${parsed.error}.`);
}

export function readTls({ listen }: OperatorConfig): TlsSettings {
  const read = (key: 'certificate' | 'key'): string | undefined => {
    const path = listen[key];
    if (path === undefined) return undefined;
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      throw new TandemError(
        'caller',
        'config.invalid',
        `listen.${key}: cannot be read: ${describe(error)}.`,
        {
          cause: error,
        },
      );
    }
  };
  const certificate = read('certificate');
  const key = read('key');
  return { ...(certificate === undefined ? {} : { certificate }), ...(key === undefined ? {} : { key }) };
}

export function initialFaults({ faults }: OperatorConfig): Partial<FaultSettings> {
  const { register_status, invite_status, retry_after, silent, stale, wrong_rspauth } = faults;
  return {
    registerStatus: register_status,
    inviteStatus: invite_status,
    retryAfter: retry_after === undefined ? undefined : Seconds(retry_after),
    silent,
    stale,
    wrongRspauth: wrong_rspauth,
  };
}
