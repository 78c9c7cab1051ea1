// RFC 4028 4, 5, 7, 9: what Session-Expires and Min-SE say, in both roles. Without state or time.
import { Seconds } from '#src/base/units.ts';
import { hasToken, type SipMessage, type SipRequest, type SipResponse } from '#src/sip/message/message.ts';
import type { HeaderPairs, Refusal } from './facts.ts';

/** `[sip] session_expires`, `[sip] min_se`. */
export interface SessionSettings {
  readonly interval: Seconds;
  readonly least: Seconds;
  /** A peer without session timers is refreshed all the same (34.229-1: after half of the interval). */
  readonly alone: boolean;
}

/** What both sides agreed on. */
export interface SessionTerms {
  readonly interval: Seconds;
  readonly refresher: 'us' | 'them';
}

type Role = 'uac' | 'uas';

export const TIMER_TAG = 'timer';
/** RFC 4028 5: never less, said or not. */
const LEAST = Seconds(90);
/** RFC 4028 gives no upper end. Nobody wants a broken call to stand for longer than a day. */
const MOST = Seconds(86_400);
const TOO_SMALL = 422;

export const SESSION_DEFAULTS: SessionSettings = { interval: Seconds(1800), least: LEAST, alone: false };

/** Undefined: not there, or 0, which means nothing. A value that is no number has met 400 before. */
const sessionExpires = (message: SipMessage) => {
  const field = message.typed('Session-Expires');
  return field && field.value > 0 ? field : undefined;
};

const minSe = (message: SipMessage): Seconds => Seconds(message.typed('Min-SE')?.value ?? 0);

export const knowsTimer = (message: SipMessage): boolean =>
  hasToken(message.supported, TIMER_TAG) || hasToken(message.require, TIMER_TAG);

/** An unknown word is no word: the choice is ours then. */
function refresherOf(message: SipMessage): Role | undefined {
  const word = sessionExpires(message)?.params.get('refresher')?.toLowerCase();
  return word === 'uac' || word === 'uas' ? word : undefined;
}

/** Who refreshes, in our 2xx (RFC 4028 table 2). `undefined` in the request leaves the choice to us. */
interface RefresherRow {
  readonly knows: boolean;
  readonly asked: Role | undefined;
  readonly answer: Role | 'choice';
}

export const REFRESHER_TABLE: readonly RefresherRow[] = [
  // One that does not know the timer cannot refresh, whatever a proxy wrote.
  { knows: false, asked: undefined, answer: 'uas' },
  { knows: false, asked: 'uac', answer: 'uas' },
  { knows: false, asked: 'uas', answer: 'uas' },
  { knows: true, asked: undefined, answer: 'choice' },
  { knows: true, asked: 'uac', answer: 'uac' },
  { knows: true, asked: 'uas', answer: 'uas' },
];

/** In a request of ours: `refresher` is about the request, not about who called (RFC 4028 7.4). */
export function sessionRequestHeaders(
  { interval, least }: Pick<SessionSettings, 'interval' | 'least'>,
  refresher?: Role,
): HeaderPairs {
  return [
    ['Session-Expires', `${interval}${refresher ? `;refresher=${refresher}` : ''}`],
    ['Min-SE', `${least}`],
  ];
}

/** 422 with what we would take. One that does not know the timer cannot be told (RFC 4028 9). */
export function tooSmall(request: SipRequest, { least }: SessionSettings): Refusal | undefined {
  const field = request.typed('Session-Expires');
  if (!field || field.value >= least || !knowsTimer(request)) return undefined;
  return { status: TOO_SMALL, headers: [['Min-SE', `${least}`]] };
}

/** Our 2xx to a request that sets up or refreshes a session: what is agreed, and how the answer says so. */
export function answerSession(
  request: SipRequest,
  settings: SessionSettings,
  current: SessionTerms | undefined,
): { readonly terms: SessionTerms | undefined; readonly headers: HeaderPairs } {
  const asked = sessionExpires(request);
  const knows = knowsTimer(request);
  if (!asked && !knows && !settings.alone && !current) return { terms: undefined, headers: [] };
  const wanted = asked ? Math.min(asked.value, MOST) : (current?.interval ?? settings.interval);
  const interval = Seconds(Math.max(wanted, minSe(request)));
  const row = REFRESHER_TABLE.find((each) => each.knows === knows && each.asked === refresherOf(request));
  const usual: Role = current?.refresher === 'us' ? 'uas' : 'uac';
  const refresher = row === undefined || row.answer === 'choice' ? usual : row.answer;
  return {
    terms: { interval, refresher: refresher === 'uas' ? 'us' : 'them' },
    headers: [
      ['Session-Expires', `${interval};refresher=${refresher}`],
      ...(knows ? [['Require', TIMER_TAG] as const] : []),
    ],
  };
}

/**
 * What a 2xx to a request of ours agrees to; undefined: nothing expires. `asked`: the interval that we wrote. A peer that
 * knows the timer and leaves it out has switched it off (RFC 4028 7.2).
 */
export function agreedSession(
  response: SipResponse,
  asked: Seconds,
  settings: SessionSettings,
): SessionTerms | undefined {
  const field = sessionExpires(response);
  if (field) {
    return {
      interval: Seconds(Math.min(field.value, MOST)),
      refresher: refresherOf(response) === 'uas' ? 'them' : 'us',
    };
  }
  return settings.alone && !knowsTimer(response) ? { interval: asked, refresher: 'us' } : undefined;
}

/**
 * After a 422: the settings of the next try, Session-Expires and Min-SE both as the peer wants them; undefined when that is
 * no more than we offered (34.229-1, RFC 4028 7.3).
 */
export function afterTooSmall(response: SipResponse, settings: SessionSettings): SessionSettings | undefined {
  const least = minSe(response);
  if (response.status !== TOO_SMALL || least <= settings.interval) return undefined;
  return { ...settings, interval: least, least };
}
