// Do not disturb: calls do not ring here, and go on ringing elsewhere (details 1.4: never 603 or 600, which end every leg).

export interface QuietHours {
  /** Minutes after midnight, local time; `from` may lie behind `to`: over midnight. */
  readonly from: number;
  readonly to: number;
}

export interface QuietSettings {
  readonly always: boolean;
  readonly hours?: QuietHours | undefined;
}

export const LOUD: QuietSettings = { always: false };

const MINUTES_AN_HOUR = 60;

/** `22:00-07:00`; undefined for another text. */
export function quietHours(text: string): QuietHours | undefined {
  const match = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/.exec(text);
  if (!match) return undefined;
  const [, fromHour, fromMinute, toHour, toMinute] = match.map(Number);
  const minutes = (hour = 0, minute = 0): number => hour * MINUTES_AN_HOUR + minute;
  return { from: minutes(fromHour, fromMinute), to: minutes(toHour, toMinute) };
}

export function isQuiet({ always, hours }: QuietSettings, at: Date): boolean {
  if (always) return true;
  if (!hours) return false;
  const now = at.getHours() * MINUTES_AN_HOUR + at.getMinutes();
  return hours.from <= hours.to ? now >= hours.from && now < hours.to : now >= hours.from || now < hours.to;
}
