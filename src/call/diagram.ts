// The picture of the call table in the README; what changes nothing is left out.
import { tableDiagram } from '#src/base/state-diagram.ts';
import { CALL_EVENTS, CALL_TABLE } from './table.ts';

export const callDiagram = (): string =>
  tableDiagram(CALL_TABLE, { begin: ['new'], end: ['ended'], events: CALL_EVENTS });
