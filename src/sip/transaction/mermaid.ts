// The picture of a state table, made from the table so that it cannot lie.
import type { Machine } from './table.ts';

/** A Mermaid state diagram; rows that change nothing and do nothing are left out. */
export function toMermaid(machine: Machine): string {
  const lines = machine.rows
    .filter((row) => row.actions.length > 0 || row.next !== row.state)
    .map(({ state, event, next, actions }) => {
      const doing = actions.length > 0 ? ` / ${actions.join(', ')}` : '';
      return `  ${state} --> ${next === 'terminated' ? '[*]' : next}: ${event}${doing}`;
    });
  const entry = `  [*] --> ${machine.initial}: ${machine.entry.join(', ')}`;
  return ['stateDiagram-v2', entry, ...lines].join('\n');
}
