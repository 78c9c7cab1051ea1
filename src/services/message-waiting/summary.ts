// RFC 3842 5.2: application/simple-message-summary, from bytes to values and back.
import { err, ok, type Result } from '#src/base/result.ts';

export const SUMMARY_TYPE = 'application/simple-message-summary';

/** RFC 3458 6.2 by way of RFC 3842 5.2: the classes of messages, and how they are called here. */
export const MESSAGE_CLASSES = [
  { header: 'Voice-Message', kind: 'voice' },
  { header: 'Video-Message', kind: 'video' },
  { header: 'Fax-Message', kind: 'fax' },
  { header: 'Pager-Message', kind: 'pager' },
  { header: 'Multimedia-Message', kind: 'multimedia' },
  { header: 'Text-Message', kind: 'text' },
  { header: 'None', kind: 'none' },
] as const;
export type MessageKind = (typeof MESSAGE_CLASSES)[number]['kind'];

export interface MessageCount {
  readonly kind: MessageKind;
  readonly new: number;
  readonly old: number;
  /** Of them; absent when the server does not tell. */
  readonly urgent_new?: number;
  readonly urgent_old?: number;
}

export interface MessageSummary {
  readonly waiting: boolean;
  readonly account?: string;
  readonly messages: readonly MessageCount[];
}

export const SUMMARY_LIMITS = { octets: 64 * 1024, account: 1024 } as const;

const STATUS = /^messages-waiting[ \t]*:[ \t]*(yes|no)[ \t]*$/i;
const FIELD = /^([A-Za-z-]{1,40})[ \t]*:[ \t]*(.*)$/;
const COUNTS =
  /^(\d{1,10})[ \t]*\/[ \t]*(\d{1,10})(?:[ \t]*\([ \t]*(\d{1,10})[ \t]*\/[ \t]*(\d{1,10})[ \t]*\))?[ \t]*$/;

/** Reads a body; the error is a sentence. Header fields of single messages, after the first empty line, are passed over. */
export function parseSummary(body: Buffer): Result<MessageSummary, string> {
  if (body.length > SUMMARY_LIMITS.octets) return err(`larger than ${SUMMARY_LIMITS.octets} octets`);
  const [first = '', ...lines] = body.toString('utf8').split(/\r\n|\n|\r/);
  const status = STATUS.exec(first)?.[1];
  if (status === undefined) return err('it does not begin with Messages-Waiting: yes or no');
  const counts = new Map<MessageKind, MessageCount>();
  let account: string | undefined;
  for (const line of lines) {
    if (line.trim() === '') break;
    const [, name = '', value = ''] = FIELD.exec(line) ?? [];
    const key = name.toLowerCase();
    if (key === 'message-account') {
      account = value.trim().slice(0, SUMMARY_LIMITS.account) || undefined;
      continue;
    }
    const known = MESSAGE_CLASSES.find(({ header }) => header.toLowerCase() === key);
    if (!known) continue;
    const numbers = COUNTS.exec(value);
    if (!numbers) return err(`the counts of ${known.header} cannot be read`);
    counts.set(known.kind, readCount(known.kind, numbers));
  }
  const waiting = status.toLowerCase() === 'yes';
  return ok({ waiting, ...(account === undefined ? {} : { account }), messages: [...counts.values()] });
}

function readCount(kind: MessageKind, [, fresh, old, urgentNew, urgentOld]: RegExpExecArray): MessageCount {
  return {
    kind,
    new: Number(fresh),
    old: Number(old),
    ...(urgentNew === undefined ? {} : { urgent_new: Number(urgentNew), urgent_old: Number(urgentOld) }),
  };
}

export function writeSummary({ waiting, account, messages }: MessageSummary): string {
  const lines = messages.map((count) => {
    const header = MESSAGE_CLASSES.find(({ kind }) => kind === count.kind)?.header ?? 'None';
    const urgent = count.urgent_new === undefined ? '' : ` (${count.urgent_new}/${count.urgent_old ?? 0})`;
    return `${header}: ${count.new}/${count.old}${urgent}\r\n`;
  });
  const whose = account === undefined ? '' : `Message-Account: ${account.replace(/[\r\n]/g, '')}\r\n`;
  return `Messages-Waiting: ${waiting ? 'yes' : 'no'}\r\n${whose}${lines.join('')}`;
}
