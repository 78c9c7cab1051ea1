// The picture of a transaction's table in the README.
import { rowDiagram } from '#src/base/state-diagram.ts';
import type { Machine } from './table.ts';

export const toMermaid = ({ rows, initial, entry }: Machine): string =>
  rowDiagram(rows, { begin: [`${initial}: ${entry.join(', ')}`], end: ['terminated'] });
