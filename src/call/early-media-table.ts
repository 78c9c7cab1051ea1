// What a caller hears before the answer, as one table over all early dialogs (24.628 4.7.2.1, RFC 5009 8; IR.92 2.2.7).

/** `auto`: received media wins, then P-Early-Media; `header`: P-Early-Media alone; `never`: the local ringback tone. */
export const EARLY_MEDIA_MODES = ['auto', 'header', 'never'] as const;
export type EarlyMediaMode = (typeof EARLY_MEDIA_MODES)[number];

/** The early dialogs of one INVITE, taken together. */
export interface EarlySituation {
  readonly mode: EarlyMediaMode;
  /** Sound of one of them really comes in. */
  readonly heard: boolean;
  /** `sendrecv` or `sendonly` is the latest P-Early-Media of one of them. */
  readonly authorised: boolean;
  /** One of them sent a 180. */
  readonly ringing: boolean;
}

/**
 * Whom we listen to: the dialog that is heard, the one that was authorised last, the first that described its media
 * (should it send), or nobody, whatever comes.
 */
export type Listening = 'heard' | 'authorised' | 'first' | 'nobody';

export interface EarlyRule {
  readonly when: Partial<Omit<EarlySituation, 'mode'>> & { readonly modes: readonly EarlyMediaMode[] };
  readonly listen: Listening;
  readonly tone: 'ringback' | 'none';
  readonly clause: string;
}

/** The first rule that fits holds. */
export const EARLY_RULES: readonly EarlyRule[] = [
  {
    when: { modes: ['auto'], heard: true },
    listen: 'heard',
    tone: 'none',
    clause: '24.628 4.7.2.1: media that is received beats local tones, whatever the header says',
  },
  {
    when: { modes: ['auto', 'header'], authorised: true },
    listen: 'authorised',
    tone: 'none',
    clause: '24.628 4.7.2.1: no local tone while one dialog has sendrecv or sendonly',
  },
  {
    when: { modes: ['auto'], ringing: true },
    listen: 'first',
    tone: 'ringback',
    clause: '24.628 4.7.2.1: a 180, nothing authorised, nothing received',
  },
  {
    when: { modes: ['auto'] },
    listen: 'first',
    tone: 'none',
    clause: 'RFC 3261 20.37, 21.1.5: progress without a 180 is no ringing',
  },
  {
    when: { modes: ['header', 'never'], ringing: true },
    listen: 'nobody',
    tone: 'ringback',
    clause: 'RFC 5009 8: what is not authorised is not played; the owner wants none',
  },
  {
    when: { modes: ['header', 'never'] },
    listen: 'nobody',
    tone: 'none',
    clause: 'RFC 5009 8: what is not authorised is not played; the owner wants none',
  },
];

const fits = ({ when }: EarlyRule, situation: EarlySituation): boolean =>
  when.modes.includes(situation.mode) &&
  (['heard', 'authorised', 'ringing'] as const).every(
    (fact) => when[fact] === undefined || when[fact] === situation[fact],
  );

/** Throws when the table has a gap, which its test rules out. */
export function earlyRule(situation: EarlySituation): EarlyRule {
  const rule = EARLY_RULES.find((each) => fits(each, situation));
  if (!rule) throw new Error('the table of early media has a gap');
  return rule;
}
