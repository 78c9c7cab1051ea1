// The words of the page.
import type { Call, Status } from './model.ts';

export const REGISTRATION: Readonly<Record<Status['registration']['state'], string>> = {
  off: 'Direct calls, no registration',
  registering: 'Registering …',
  registered: 'Registered',
  failed: 'Not registered',
};

export function callWords(call: Call): string {
  if (call.state === 'ended') return call.end?.label ?? 'ended';
  if (call.state === 'ringing') return call.waiting ? 'calls while you are in a call' : 'is calling';
  if (call.state === 'active') return `in call since ${clockTime(call.answered ?? call.start)}`;
  return call.state === 'early' ? 'is rung' : 'is dialled';
}

/** `+4670…` for number URIs, else the URI without its scheme. */
export const shortUri = (uri: string): string => {
  const [, user = '', host = ''] = /^(?:sips?|tel):([^@;?]+)(?:@([^;?]+))?/i.exec(uri) ?? [];
  return user === '' ? uri : host === '' || /^\+?\d+$/.test(user) ? user : `${user}@${host}`;
};

export const who = ({ uri, name }: Call['remote']): string => name ?? shortUri(uri);

export const clockTime = (time: string): string => new Date(time).toLocaleTimeString();
export const dayTime = (time: string): string => new Date(time).toLocaleString();

export function duration(call: Call): string {
  if (call.answered === undefined || call.end === undefined) return '';
  const seconds = Math.round((Date.parse(call.end.at) - Date.parse(call.answered)) / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
