// `GET policy`, `POST policy`: what the network decides, changed while it runs.
import { TandemError } from '#src/base/errors.ts';
import { Seconds } from '#src/base/units.ts';
import { HttpError } from '#src/web/errors.ts';
import type { Policy, PolicySettings } from './policy.ts';
import { readCountry, readUri } from './settings.ts';

/** Keys that are left out stay as they are. */
export const POLICY_SHAPE = {
  type: 'object',
  additionalProperties: false,
  properties: {
    fork: { type: 'string', enum: ['parallel', 'sequence'] },
    busy_everywhere: { type: 'boolean' },
    ring_seconds: { type: 'number', minimum: 1, maximum: 3600 },
    deflection: { type: 'boolean' },
    diversion_limit: { type: 'integer', minimum: 0, maximum: 20 },
    dialog_events: { type: 'string', enum: ['tell', 'route', 'refuse'] },
    message_waiting: { type: 'boolean' },
    country: { type: 'string', minLength: 1, maxLength: 4 },
    trusted: { type: 'array', items: { type: 'string', minLength: 1, maxLength: 64 }, maxItems: 100 },
    psap: { type: ['string', 'null'], minLength: 1, maxLength: 1024 },
    emergency: { type: 'string', enum: ['route', 'alternative'] },
    emergency_numbers: {
      type: 'array',
      items: { type: 'string', minLength: 1, maxLength: 32 },
      maxItems: 100,
    },
  },
};

export const describePolicy = ({ settings }: Policy): Record<string, unknown> => ({
  fork: settings.fork,
  busy_everywhere: settings.busyEverywhere,
  ring_seconds: settings.ringing,
  deflection: settings.deflection,
  diversion_limit: settings.diversionLimit,
  dialog_events: settings.dialogEvents,
  message_waiting: settings.messageWaiting,
  country: settings.country.iso,
  trusted: settings.trusted,
  psap: settings.psap?.toString() ?? null,
  emergency: settings.emergency,
  emergency_numbers: settings.emergencyNumbers,
});

/** The key of `POST policy`, and how its value becomes a setting. */
const READERS: Readonly<Record<string, (value: unknown) => Partial<PolicySettings>>> = {
  fork: (value) => ({ fork: value === 'sequence' ? 'sequence' : 'parallel' }),
  busy_everywhere: (value) => ({ busyEverywhere: value === true }),
  ring_seconds: (value) => ({ ringing: Seconds(Number(value)) }),
  deflection: (value) => ({ deflection: value === true }),
  diversion_limit: (value) => ({ diversionLimit: Number(value) }),
  dialog_events: (value) => ({
    dialogEvents: value === 'route' || value === 'refuse' ? value : 'tell',
  }),
  message_waiting: (value) => ({ messageWaiting: value === true }),
  country: (value) => ({ country: readCountry(String(value)) }),
  trusted: (value) => ({ trusted: Array.isArray(value) ? value.map(String) : [] }),
  psap: (value) => ({ psap: value === null ? undefined : readUri(String(value)) }),
  emergency: (value) => ({ emergency: value === 'alternative' ? 'alternative' : 'route' }),
  emergency_numbers: (value) => ({ emergencyNumbers: Array.isArray(value) ? value.map(String) : [] }),
};

/** Whole or not at all. Throws 400 for a country or URI that is none. */
export function changePolicy(policy: Policy, body: Record<string, unknown>): Record<string, unknown> {
  try {
    const changes = Object.entries(body).map(([key, value]) => READERS[key]?.(value) ?? {});
    policy.set(Object.assign({}, ...changes) satisfies Partial<PolicySettings>);
  } catch (error) {
    if (error instanceof TandemError) throw new HttpError(400, 'bad-request', error.message);
    throw error;
  }
  return describePolicy(policy);
}
