// `GET services`, `POST services/IDENTITY`: diversion, barring and restriction of a number, changed while the network runs.
import { Seconds } from '#src/base/units.ts';
import { parseUri, type Uri } from '#src/sip/message/uri.ts';
import { HttpError, notFound } from '#src/web/errors.ts';
import type { Operator } from './operator.ts';
import { BARRINGS, DIVERSIONS, type ServiceSet } from './services/service-data.ts';

const TARGET = { type: ['string', 'null'], minLength: 1, maxLength: 1024 };
const FLAG = { type: 'boolean' };

/** Keys that are left out stay as they are; null takes a diversion back. */
export const SERVICES_SHAPE = {
  type: 'object',
  additionalProperties: false,
  properties: {
    ...Object.fromEntries(DIVERSIONS.map((name) => [name, TARGET])),
    no_reply_seconds: { type: 'number', minimum: 1, maximum: 180 },
    notify: FLAG,
    reveal: FLAG,
    reveal_target: FLAG,
    /** All that are in force from now on. */
    barred: { type: 'array', items: { type: 'string', enum: BARRINGS }, maxItems: BARRINGS.length },
    restrict_answer: FLAG,
    restrict_call: FLAG,
  },
};

export const describeServices = (set: ServiceSet): Record<string, unknown> => ({
  ...Object.fromEntries(DIVERSIONS.map((name) => [name, set.targets[name]?.toString() ?? null])),
  no_reply_seconds: set.noReply,
  notify: set.notify,
  reveal: set.reveal,
  reveal_target: set.revealTarget,
  barred: [...set.barred],
  restrict_answer: set.restrictAnswer,
  restrict_call: set.restrictCall,
});

export const allServices = ({ services }: Operator): Record<string, unknown>[] =>
  [...services.all].map(([identity, set]) => ({ identity, ...describeServices(set) }));

/** Throws 404 for an identity that no account has. */
export function servedIdentity({ accounts, names }: Operator, text: string): Uri {
  const parsed = parseUri(text);
  const identity = parsed.ok ? names.identity(parsed.value) : undefined;
  if (!identity || accounts.byIdentity(identity).length === 0) throw notFound('identity', { identity: text });
  return identity;
}

/** Throws 400 for a target that is no URI. */
export function changeServices(
  operator: Operator,
  identity: Uri,
  body: Record<string, unknown>,
): Record<string, unknown> {
  const { services } = operator;
  const before = services.of(identity);
  const targets = { ...before.targets };
  for (const name of DIVERSIONS) {
    const asked = body[name];
    if (asked === null) delete targets[name];
    else if (typeof asked === 'string') targets[name] = targetOf(name, asked);
  }
  const flag = (key: string, value: boolean): boolean => (typeof body[key] === 'boolean' ? body[key] : value);
  const { barred, no_reply_seconds: noReply } = body;
  services.set(identity, {
    targets,
    noReply: typeof noReply === 'number' ? Seconds(noReply) : before.noReply,
    notify: flag('notify', before.notify),
    reveal: flag('reveal', before.reveal),
    revealTarget: flag('reveal_target', before.revealTarget),
    barred: Array.isArray(barred) ? new Set(BARRINGS.filter((name) => barred.includes(name))) : before.barred,
    restrictAnswer: flag('restrict_answer', before.restrictAnswer),
    restrictCall: flag('restrict_call', before.restrictCall),
  });
  return describeServices(services.of(identity));
}

function targetOf(name: string, text: string): Uri {
  const parsed = parseUri(text);
  if (parsed.ok && (parsed.value.scheme === 'tel' || 'host' in parsed.value)) return parsed.value;
  throw new HttpError(400, 'bad-request', `${name}: "${text}" is no SIP or tel URI.`);
}
