// What the network decides and what numbers have set, as the configuration gives it.
import type { OperatorConfig } from '#src/base/config/operator-schema.ts';
import { TandemError } from '#src/base/errors.ts';
import { Seconds } from '#src/base/units.ts';
import { parseUri, type Uri } from '#src/sip/message/uri.ts';
import type { AnnouncementSettings } from './announcement.ts';
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
