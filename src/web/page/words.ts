// The words of the page.
import { failureWords } from '#src/call/failures.ts';
import type { Call, Mailbox, OtherCall, Outcome, Phone, Status } from './model.ts';

export const REGISTRATION: Readonly<Record<Status['registration']['state'], string>> = {
  off: 'Direct calls, no registration',
  registering: 'Registering …',
  registered: 'Registered',
  failed: 'Not registered',
};

/** The labels of the call log, for people. */
const ENDS: Readonly<Record<string, string>> = {
  answered: 'answered',
  missed: 'missed',
  rejected: 'declined',
  'completed elsewhere': 'answered on another device',
  'rejected/missed': 'declined or missed',
  cancelled: 'hung up before an answer',
  failed: 'failed',
  pulled: 'moved to another device',
};

export function endWords(end: Outcome | undefined): string {
  if (end?.label !== 'failed' || end.sip === undefined) return ENDS[end?.label ?? ''] ?? end?.label ?? '';
  return failureWords(end.sip).brief;
}

export function callWords(call: Call): string {
  if (call.state === 'ended') return endWords(call.end);
  if (call.state === 'ringing') return call.waiting ? 'calls while you are in a call' : 'is calling';
  if (call.state === 'active')
    return `${HELD[call.hold]}in call since ${clockTime(call.answered ?? call.start)}`;
  return call.state === 'early' ? 'ringing there' : 'dialling';
}

const HELD: Readonly<Record<Call['hold'], string>> = {
  none: '',
  local: 'on hold, ',
  remote: 'they have put you on hold, ',
  both: 'on hold at both ends, ',
};

/** A call on another device. */
export const otherWords = (call: OtherCall, device: string): string =>
  call.offered
    ? `${device} hands this call to you`
    : call.state === 'ringing'
      ? `rings on: ${device}`
      : `on: ${device}, since ${clockTime(call.since)}`;

const MESSAGE_KINDS: Readonly<Record<string, string>> = {
  voice: 'voice message',
  video: 'video message',
  fax: 'fax',
  pager: 'page',
  multimedia: 'multimedia message',
  text: 'text message',
};

/** `2 new voice messages`. */
export function mailboxWords({ messages }: Mailbox): string {
  const parts = messages
    .filter((row) => row.new > 0)
    .map((row) => {
      const kind = MESSAGE_KINDS[row.kind.replace(/-message$/, '')] ?? 'message';
      return `${row.new} new ${kind}${row.new === 1 ? '' : 's'}`;
    });
  return parts.length > 0 ? parts.join(', ') : 'messages are waiting';
}

export const mediaWords = ({ audio }: Call): string =>
  audio === undefined ? '' : ` · ${audio.codec}${audio.srtp ? ' · encrypted' : ''}`;

/** What a phone of the demonstration is doing. */
export function phoneWords({ state, remote = '' }: Phone): string {
  if (state === 'idle') return 'No call.';
  if (state === 'ringing') return `${shortUri(remote)} is calling`;
  return `${state === 'active' ? 'in call with' : 'calls'} ${shortUri(remote)}`;
}

type Device = Status['federation'][number];

/** A name that people know a device by; the URI's user part is a random one. */
export function deviceName({ self, instance }: Device, phones: readonly Phone[]): string {
  if (self) return 'This device';
  const known = phones.find((phone) => phone.instance === instance);
  if (known) return known.name;
  // RFC 7254: what has a SIM names itself by its IMEI.
  return /^urn:gsma:imei:/i.test(instance ?? '') ? 'Phone or watch with a SIM' : 'Another device';
}

/** The host of a contact. */
export const hostOf = (uri: string): string =>
  /^sips?:(?:[^@;?]*@)?(\[[^\]]*\]|[^:;?]+)/i.exec(uri)?.[1] ?? '';

/** `+4670…` for number URIs, else the URI without its scheme. */
export const shortUri = (uri: string): string => {
  const [, user = '', host = ''] = /^(?:sips?|tel):([^@;?]+)(?:@([^;?]+))?/i.exec(uri) ?? [];
  return user === '' ? uri : host === '' || /^\+?\d+$/.test(user) ? user : `${user}@${host}`;
};

/** The factory's name in a network (TS 23.003 13.10): a call to it is a conference. */
const FACTORY = /^sips?:[^@]*@conf-factory\./i;

export const who = ({ uri, name }: Call['remote']): string =>
  name ?? (FACTORY.test(uri) ? 'Conference' : shortUri(uri));

const clockTime = (time: string): string => new Date(time).toLocaleTimeString();

/** Today's times without the date. */
export function dayTime(time: string): string {
  const [date, now] = [new Date(time), new Date()];
  return date.toDateString() === now.toDateString()
    ? date.toLocaleTimeString()
    : date.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}

export function duration(call: Call): string {
  if (call.answered === undefined || call.end === undefined) return '';
  const seconds = Math.round((Date.parse(call.end.at) - Date.parse(call.answered)) / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
