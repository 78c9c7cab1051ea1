// The clause table as text for people.
import type { ConformanceRow, RowStatus } from './status.ts';

const ORDER: readonly RowStatus[] = ['proven', 'shown', 'partly', 'not yet', 'not applicable'];
const TEXT_WIDTH = 72;

export function conformanceText(rows: readonly ConformanceRow[]): string {
  const lines = rows.map((row) => {
    const text = row.text.length > TEXT_WIDTH ? `${row.text.slice(0, TEXT_WIDTH - 1)}…` : row.text;
    const judges = row.peers.length > 0 ? `  [${row.peers.join(', ')}]` : '';
    return `${row.id.padEnd(14)} ${row.status.padEnd(14)} ${text}${judges}`;
  });
  const counts = ORDER.map((status) => `${rows.filter((row) => row.status === status).length} ${status}`);
  return `${lines.join('\n')}\n\n${counts.join(', ')}\n`;
}
