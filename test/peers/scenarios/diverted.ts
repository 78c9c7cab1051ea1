// The caller of a diverted call (TS 24.604 4.5.2.6.2.2): what it is told, until it hangs up.
import { ack, inDialog, invite } from './caller.ts';
import { expect, has, type Step } from './xml.ts';

export interface Diverted {
  readonly called: string;
  readonly target: string;
  readonly cause: number;
  /** Escaped Reason in the entry of the called. */
  readonly reason?: string;
}

const escaped = (text: string): string => text.replace(/[+.?]/g, '\\$&');

/** 181 and the answers name both, with the cause. */
export function divertedCaller({ called, target, cause, reason = '' }: Diverted): Step[] {
  const first = `<${escaped(called)}${escaped(reason)}>;index=1, `;
  const history = `${first}<${escaped(target)};cause=${cause}>;index=1\\.1;mp=1`;
  const next = { device: called, uri: '[next_url]', headers: ['[routes]'] };
  return [
    invite('caller', { device: called }),
    expect(100, { optional: true }),
    expect(180, { optional: true }),
    expect(181, { checks: [has('History-Info', history), has('P-Asserted-Identity', escaped(called))] }),
    expect(180, { optional: true }),
    expect(200, {
      rrs: true,
      checks: [has('History-Info', history), has('P-Asserted-Identity', escaped(target))],
    }),
    ack('caller', next),
    inDialog('BYE', 'caller', { ...next, cseq: 2 }),
    expect(200),
  ];
}
