// The picture of the call table, as Mermaid; the README holds it and a test compares.
import { CALL_EVENTS, CALL_STATES, CALL_TABLE } from './table.ts';

/** One arrow for each pair of states, its events joined; what stays in its state with nothing done is left out. */
export function callDiagram(): string {
  const arrows = CALL_STATES.flatMap((from) => {
    const events = new Map<string, string[]>();
    for (const event of CALL_EVENTS) {
      const outcome = CALL_TABLE[from][event];
      if (typeof outcome === 'string') continue;
      events.set(outcome.next, [...(events.get(outcome.next) ?? []), event]);
    }
    return [...events].map(([next, names]) => `  ${from} --> ${next}: ${names.join(', ')}`);
  });
  return ['stateDiagram-v2', '  [*] --> new', ...arrows, '  ended --> [*]'].join('\n');
}
