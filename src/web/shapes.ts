// The contract's objects as JSON Schemas: what a body is checked against, and what openapi.json shows.

import { agentSchema } from '#src/base/config/agent-schema.ts';
import type { FieldTable } from '#src/base/config/schema.ts';
import { MESSAGE_CLASSES } from '#src/services/message-waiting/summary.ts';
import { BARRINGS, FORWARDINGS, NO_REPLY_RANGE, SWITCHES } from '#src/services/ut/vocabulary.ts';
import { AUDIO_MEASURES, VIDEO_MEASURES } from './quality.ts';

type JsonSchema = Readonly<Record<string, unknown>>;

const text = { type: 'string' };
const whole = { type: 'integer' };
const real = { type: 'number' };
const flag = { type: 'boolean' };
const time = { type: 'string', format: 'date-time' };
const word = (...words: readonly string[]): JsonSchema => ({ type: 'string', enum: words });
const list = (items: JsonSchema): JsonSchema => ({ type: 'array', items });

/** An object that knows no other keys; a key that ends in `?` may be missing. */
export function shape(members: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const entries = Object.entries(members);
  const required = entries.map(([key]) => key).filter((key) => !key.endsWith('?'));
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([key, value]) => [key.replace(/\?$/, ''), value])),
    additionalProperties: false,
    ...(required.length > 0 ? { required } : {}),
  };
}

/** What a request may carry in one line of text. */
const line = { type: 'string', minLength: 1, maxLength: 1024 };

const party = shape({ uri: text, 'name?': text });
const reason = shape({ protocol: text, 'cause?': whole, 'text?': text });
const callMembers = {
  id: text,
  direction: word('in', 'out'),
  waiting: flag,
  hold: word('none', 'local', 'remote', 'both'),
  remote: party,
  identity: text,
  'called_identity?': text,
  video: flag,
  dialogs: list(shape({ remote_tag: text, state: text })),
  'audio?': shape({
    codec: text,
    srtp: flag,
    sent: whole,
    received: whole,
    lost: whole,
    jitter_ms: real,
    mos: real,
  }),
  start: time,
  'answered?': time,
};
const end = shape({
  at: time,
  by: word('local', 'remote', 'network'),
  'sip?': whole,
  'reason?': reason,
  label: word(
    'answered',
    'missed',
    'rejected',
    'completed elsewhere',
    'rejected/missed',
    'cancelled',
    'failed',
    'pulled',
  ),
});

export const call = shape({
  ...callMembers,
  state: word('dialing', 'early', 'ringing', 'active', 'ended'),
  'end?': end,
});
const logRow = shape({ ...callMembers, state: word('ended'), end });
export const calls = list(call);
export const log = list(logRow);

/** A call on another device, seen from there. */
const federationCall = shape({
  id: text,
  'instance?': text,
  uri: text,
  'direction?': word('in', 'out'),
  state: word('ringing', 'active'),
  remote: party,
  since: time,
  pullable: flag,
  'offered?': flag,
});
export const federationCalls = list(federationCall);
/** `known` is false until the network told. */
export const mailbox = shape({
  known: flag,
  waiting: flag,
  'account?': text,
  messages: list(
    shape({
      kind: word(...MESSAGE_CLASSES.map(({ kind }) => kind)),
      new: whole,
      old: whole,
      'urgent_new?': whole,
      'urgent_old?': whole,
    }),
  ),
  'at?': time,
});

const identityMembers = { uri: text, kind: word('default', 'irs', 'shared', 'delegated'), active: flag };
export const identity = shape({ id: text, ...identityMembers });
export const identities = list(identity);
export const status = shape({
  version: text,
  uptime: real,
  listen: list(text),
  registration: shape({
    state: word('off', 'registering', 'registered', 'failed'),
    'expires?': real,
    'pcscf?': text,
    'transport?': text,
    identities: list(shape(identityMembers)),
    'error?': shape({ id: text, message: text, 'retry_at?': time }),
  }),
  federation: list(shape({ uri: text, 'instance?': text, self: flag, state: text })),
});

export const error = shape({
  error: shape({ id: text, message: text, detail: { type: 'object', additionalProperties: true } }),
});

export const dial = shape({ to: line, 'identity?': line, 'video?': flag, 'privacy?': flag });
export const message = shape({
  to: line,
  text: { type: 'string', minLength: 1, maxLength: 10_000 },
  'identity?': line,
});
export const activation = shape({ active: flag });
export const push = shape({ instance: line });

const measures = (table: readonly { readonly name: string }[]): JsonSchema =>
  shape(Object.fromEntries(table.map(({ name }) => [`${name}?`, real])));
/** What was not measured is absent. */
export const quality = shape({
  'audio?': measures(AUDIO_MEASURES),
  'video?': measures(VIDEO_MEASURES),
});
export const digits = list(shape({ digit: text, duration_ms: real, at: time }));
/** Each member is there only when there is something to tell. */
export const details = shape({
  'diversion?': list(shape({ uri: text, 'name?': text, 'cause?': whole, reason: text })),
  'connected?': party,
  'told?': list(shape({ at: time, text })),
  'hints?': list(text),
  'callee_waiting?': flag,
  'transfer?': shape({ to: text, state: word('trying', 'ringing', 'done', 'failed'), 'status?': whole }),
  'referred_by?': text,
  'push?': shape({ instance: text, state: word('asked', 'ringing', 'done', 'failed'), 'status?': whole }),
  'taken_by?': shape({ uri: text, 'instance?': text }),
  'failure?': shape({
    status: whole,
    'phrase?': text,
    'warnings?': list(shape({ code: whole, text })),
    'reasons?': list(reason),
    'retry_after?': whole,
    'contacts?': list(party),
    'unsupported?': list(text),
    'alternative_service?': shape({ 'type?': text, 'action?': text, 'reason?': text }),
  }),
  'conference?': shape({ uri: text, participants: list(shape({ uri: text, 'name?': text, state: text })) }),
  'conference_call?': text,
});
const service = shape({ provisioned: flag, active: flag });
const forwarding = shape({ provisioned: flag, active: flag, 'target?': text });
const each = (
  rows: readonly { readonly name: string }[],
  member: JsonSchema,
  mark = '',
): Record<string, JsonSchema> => Object.fromEntries(rows.map(({ name }) => [name + mark, member]));
/** The services in the network; only `open` where they are switched elsewhere. */
export const services = {
  oneOf: [
    shape({ open: { const: false } }),
    shape({
      open: { const: true },
      forwarding: shape(each(FORWARDINGS, forwarding)),
      'no_reply_seconds?': whole,
      barring: shape(each(BARRINGS, service)),
      ...each(SWITCHES, service),
    }),
  ],
};
export const servicesChange = shape({
  'forwarding?': shape(each(FORWARDINGS, shape({ 'active?': flag, 'target?': line }), '?')),
  'no_reply_seconds?': { ...whole, minimum: NO_REPLY_RANGE.least, maximum: NO_REPLY_RANGE.most },
  'barring?': shape(each(BARRINGS, flag, '?')),
  ...each(SWITCHES, flag, '?'),
});
export const buttons = list(text);
export const delay = shape({ delay_ms: real, confidence: real, echo_db: real, kept: flag });

/** Bodies of `POST calls/ID/ACTION`. */
export const ACTIONS = {
  answer: shape({ 'video?': flag, 'others?': word('hold', 'end') }),
  reject: shape({}),
  hangup: shape({}),
  hold: shape({}),
  resume: shape({}),
  // RFC 4733 2.3.1: the digits, *, #, A to D.
  dtmf: shape({ digits: { type: 'string', pattern: '^[0-9A-Da-d*#]{1,64}$' } }),
  transfer: { oneOf: [shape({ to: line }), shape({ call: line })] },
  conference: shape({ calls: { type: 'array', items: line, minItems: 1 } }),
  video: shape({ enabled: flag }),
  // An addition to the contract: a participant of a conference.
  remove: shape({ uri: line }),
} as const;
export type ActionName = keyof typeof ACTIONS;

/** `?limit=N` is text on the wire; nothing is coerced. */
export const page = shape({
  'before?': line,
  'limit?': { type: 'string', pattern: '^(?:[1-9][0-9]{0,2}|1000)$' },
});
export const trace = shape({ 'format?': word('ladder', 'pcap'), 'call?': line });
export const link = shape({ url: text });
export const nothing = shape({});

/** One key of `GET config`: its value (never of a secret) and where it comes from. */
export const setting = shape({
  'value?': {},
  origin: word('default', 'late', 'file', 'operator', 'owner', 'environment'),
  'secret?': flag,
  'set?': flag,
});

/** A row of `[[name]]`. */
const rowShape = (fields: FieldTable): JsonSchema =>
  shape(
    Object.fromEntries(
      Object.entries(fields).map(([key, field]) => [key + (field.required ? '' : '?'), field.json]),
    ),
  );

/** Sections of keys; `profile` stands alone. */
function configShape(leaf: (json: JsonSchema) => JsonSchema, mark: string): JsonSchema {
  return shape(
    Object.fromEntries(
      Object.entries(agentSchema).map(([name, entry]): [string, JsonSchema] => [
        name + (entry.type === 'sections' ? '?' : mark),
        entry.type === 'field'
          ? leaf(entry.json)
          : entry.type === 'sections'
            ? leaf(list(rowShape(entry.fields)))
            : shape(
                Object.fromEntries(
                  Object.entries(entry.fields).map(([key, field]) => [key + mark, leaf(field.json)]),
                ),
              ),
      ]),
    ),
  );
}

export const config = configShape(() => setting, '');
/** null takes the owner's value back. */
export const configChange = configShape(
  (json) => ({ anyOf: [json, { type: 'object', nullable: true, maxProperties: 0 }] }),
  '?',
);
