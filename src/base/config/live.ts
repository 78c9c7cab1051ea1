// Settings that take effect at once: for every other change the agent begins anew, once no call would suffer.
import type { Config } from './rules.ts';

/** Sections with their keys. */
const LIVE: { readonly call: readonly (keyof Config['call'])[] } = { call: ['dnd', 'dnd_hours'] };

const withoutLive = ({ call, ...rest }: Config): string =>
  JSON.stringify({
    ...rest,
    call: Object.entries(call).filter(([key]) => !LIVE.call.some((live) => live === key)),
  });

/** Whether nothing differs but what can be changed under way. */
export const differsOnlyLive = (before: Config, next: Config): boolean =>
  withoutLive(before) === withoutLive(next);
