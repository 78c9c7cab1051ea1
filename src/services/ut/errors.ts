// What can go wrong at Ut, whose fault it is, and the ids of it.
import { type ErrorDetails, type Fault, TandemError } from '#src/base/errors.ts';

/** The end of the id, and who is at fault. */
const FAULTS = {
  closed: 'caller',
  'not-provisioned': 'operator',
  target: 'caller',
  seconds: 'caller',
  alone: 'operator',
  unreachable: 'network',
  timeout: 'network',
  'too-large': 'operator',
  malformed: 'operator',
  unauthorized: 'operator',
  forbidden: 'operator',
  absent: 'operator',
  conflict: 'operator',
  changed: 'operator',
  refused: 'operator',
  defect: 'ours',
} as const satisfies Readonly<Record<string, Fault>>;

export type UtFault = keyof typeof FAULTS;

export const utError = (fault: UtFault, message: string, details?: ErrorDetails): TandemError =>
  new TandemError(FAULTS[fault], `ut.${fault}`, message, details);
