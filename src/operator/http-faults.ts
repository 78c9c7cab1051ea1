// `POST faults`: what shall go wrong from now on, and what the network does to one registration.
import { Seconds } from '#src/base/units.ts';
import { HttpError, notFound } from '#src/web/errors.ts';
import type { FaultSettings } from './faults.ts';
import type { Binding, BindingEvent } from './location.ts';
import type { Operator } from './operator.ts';

const STATUS = { type: ['integer', 'null'], minimum: 300, maximum: 699 };
const SPAN = { type: ['number', 'null'], minimum: 0, maximum: 2 ** 32 - 1 };
/** A line of a header field. */
const TEXT = { type: ['string', 'null'], minLength: 1, maxLength: 256, pattern: '^[^\\r\\n]*$' };
const FLAG = { type: 'boolean' };
const REMOVALS = ['deactivated', 'rejected', 'probation', 'unregistered', 'expired', 'shortened'] as const;

/** Keys that are left out stay as they are; null takes a fault back. */
export const FAULT_SHAPE = {
  type: 'object',
  additionalProperties: false,
  properties: {
    register_status: STATUS,
    invite_status: STATUS,
    retry_after: SPAN,
    contacts: { type: 'array', items: { type: 'string', minLength: 1, maxLength: 1024 }, maxItems: 20 },
    min_se: SPAN,
    min_expires: SPAN,
    warning: TEXT,
    reason: TEXT,
    alternative: { type: ['string', 'null'], enum: ['emergency', 'restoration', null] },
    once: FLAG,
    silent: FLAG,
    stale: FLAG,
    wrong_rspauth: FLAG,
    delay: SPAN,
    deregister: {
      type: 'object',
      additionalProperties: false,
      required: ['event'],
      properties: {
        /** One of these names the registration. */
        id: { type: 'string' },
        impi: { type: 'string' },
        instance: { type: 'string' },
        event: { type: 'string', enum: REMOVALS },
        /** Of probation. */
        retry_after: SPAN,
        /** Of shortened: the new interval. */
        expires: SPAN,
      },
    },
  },
};

/** As the API names them; null: no such fault. */
export const describeFaults = (settings: FaultSettings): Record<string, unknown> => ({
  register_status: settings.registerStatus ?? null,
  invite_status: settings.inviteStatus ?? null,
  retry_after: settings.retryAfter ?? null,
  contacts: settings.contacts,
  min_se: settings.minSe ?? null,
  min_expires: settings.minExpires ?? null,
  warning: settings.warning ?? null,
  reason: settings.reason ?? null,
  alternative: settings.alternative ?? null,
  once: settings.once,
  silent: settings.silent,
  stale: settings.stale,
  wrong_rspauth: settings.wrongRspauth,
  delay: settings.delay ?? null,
});

/** Throws 404 for a registration that is not there, 400 for one that is not named. */
export function changeFaults(operator: Operator, body: Record<string, unknown>): Record<string, unknown> {
  const { deregister, ...rest } = body;
  const status = (key: string): number | undefined => (typeof rest[key] === 'number' ? rest[key] : undefined);
  const span = (key: string): Seconds | undefined =>
    typeof rest[key] === 'number' ? Seconds(rest[key]) : undefined;
  const line = (key: string): string | undefined => (typeof rest[key] === 'string' ? rest[key] : undefined);
  operator.faults.set({
    ...('register_status' in rest ? { registerStatus: status('register_status') } : {}),
    ...('invite_status' in rest ? { inviteStatus: status('invite_status') } : {}),
    ...('retry_after' in rest ? { retryAfter: span('retry_after') } : {}),
    ...('min_se' in rest ? { minSe: span('min_se') } : {}),
    ...('min_expires' in rest ? { minExpires: span('min_expires') } : {}),
    ...('warning' in rest ? { warning: line('warning') } : {}),
    ...('reason' in rest ? { reason: line('reason') } : {}),
    ...(Array.isArray(rest.contacts) ? { contacts: rest.contacts.map(String) } : {}),
    ...('alternative' in rest ? { alternative: alternativeOf(rest.alternative) } : {}),
    ...('delay' in rest ? { delay: span('delay') } : {}),
    ...(typeof rest.once === 'boolean' ? { once: rest.once } : {}),
    ...(typeof rest.silent === 'boolean' ? { silent: rest.silent } : {}),
    ...(typeof rest.stale === 'boolean' ? { stale: rest.stale } : {}),
    ...(typeof rest.wrong_rspauth === 'boolean' ? { wrongRspauth: rest.wrong_rspauth } : {}),
  });
  // The shape has been checked: an object or nothing.
  if (deregister !== undefined) end(operator, deregister as Record<string, unknown>);
  return describeFaults(operator.faults.settings);
}

const alternativeOf = (value: unknown): FaultSettings['alternative'] =>
  value === 'emergency' || value === 'restoration' ? value : undefined;

function end({ location }: Operator, asked: Record<string, unknown>): void {
  const event = REMOVALS.find((name) => name === asked.event) satisfies BindingEvent | undefined;
  const named = (binding: Binding): boolean =>
    binding.id === asked.id ||
    binding.account.impi === asked.impi ||
    (asked.instance !== undefined && binding.instance === asked.instance);
  if (asked.id === undefined && asked.impi === undefined && asked.instance === undefined) {
    throw new HttpError(400, 'bad-request', 'Say which registration: id, impi or instance.');
  }
  const bindings = location.all.filter(named);
  if (bindings.length === 0 || event === undefined) throw notFound('registration');
  const retryAfter = typeof asked.retry_after === 'number' ? Seconds(asked.retry_after) : undefined;
  for (const binding of bindings) {
    if (event === 'shortened') location.shorten(binding, Seconds(Number(asked.expires ?? 60)));
    else location.remove(binding, event, retryAfter);
  }
}
