// `GET mailbox`, `POST mailbox`: what the mailboxes of the numbers hold (RFC 3842).
import { MESSAGE_CLASSES, type MessageSummary } from '#src/services/message-waiting/summary.ts';
import { servedIdentity } from './http-services.ts';
import type { Operator } from './operator.ts';

const COUNT = { type: 'integer', minimum: 0, maximum: 999_999 };

export const MAILBOX_SHAPE = {
  type: 'object',
  additionalProperties: false,
  required: ['account', 'new', 'old'],
  properties: {
    account: { type: 'string', minLength: 1, maxLength: 1024 },
    kind: { type: 'string', enum: MESSAGE_CLASSES.map(({ kind }) => kind) },
    new: COUNT,
    old: COUNT,
    urgent_new: COUNT,
    urgent_old: COUNT,
  },
};

/** `account`: an identity of the operator's; `kind` is voice when nothing is said. Something new is waiting. */
export function changeMailbox(operator: Operator, body: Record<string, unknown>): unknown {
  const number = (key: string): number => Number(body[key] ?? 0);
  const kind = MESSAGE_CLASSES.find((each) => each.kind === body.kind)?.kind ?? 'voice';
  const urgent =
    body.urgent_new === undefined && body.urgent_old === undefined
      ? {}
      : { urgent_new: number('urgent_new'), urgent_old: number('urgent_old') };
  const summary: MessageSummary = {
    waiting: number('new') > 0,
    messages: [{ kind, new: number('new'), old: number('old'), ...urgent }],
  };
  operator.events.setMailbox(servedIdentity(operator, String(body.account)), summary);
  return operator.events.mailboxes;
}
