// The trace as text: one line a message, an arrow for its direction.
import type { TraceEntry, TracePoint } from './ring.ts';

const ARROW_WIDTH = 30;

/** Ends with a line feed, unless there is nothing to show. */
export function ladder(entries: readonly TraceEntry[]): string {
  return entries.map(line).join('');
}

function line(entry: TraceEntry): string {
  const time = entry.at.toISOString().slice(11, 23);
  const label = ` ${clean(entry.summary)} `;
  const rest = Math.max(2, ARROW_WIDTH - label.length);
  const shaft = `${'-'.repeat(Math.floor(rest / 2))}${label}${'-'.repeat(Math.ceil(rest / 2))}`;
  const arrow = entry.direction === 'out' ? `${shaft}>` : `<${shaft}`;
  const [local, remote] = [point(entry.local).padEnd(21), point(entry.remote).padEnd(21)];
  return `${time} ${local} ${arrow} ${remote} ${entry.transport} (${clean(entry.cseq)}) ${clean(entry.callId)}\n`;
}

const point = ({ host, port }: TracePoint): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** What a stranger wrote must not steer a terminal. */
const clean = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?');
