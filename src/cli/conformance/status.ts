// The roll-up: from the last run's tests to the status of every row. It claims nothing that no test ran.
import type { RequirementRow } from './rows/row.ts';

export type RowStatus = 'proven' | 'shown' | 'partly' | 'not yet' | 'not applicable';

/** One settled test of build/test-report.ndjson. */
export interface TestOutcome {
  readonly test: string;
  readonly status: 'passed' | 'failed' | 'skipped';
  readonly peers: readonly string[];
}

/** The contract's row. */
export interface ConformanceRow {
  readonly id: string;
  readonly clause: string;
  readonly text: string;
  readonly status: RowStatus;
  readonly tests: readonly string[];
  readonly peers: readonly string[];
}

/** Ids in [brackets] of a test's name: `[MD-2.2.7] …`, `[MD-2.2.6a, MD-2.7b] …`. */
export function idsIn(name: string): string[] {
  return [...name.matchAll(/\[([^\]]+)\]/g)]
    .flatMap(([, inside = '']) => inside.split(/[\s,]+/))
    .filter((id) => id.startsWith('MD-'));
}

/** Every row in the order of the data. Ids that no row has are given back, for a complaint. */
export function conformance(
  rows: readonly RequirementRow[],
  outcomes: readonly TestOutcome[],
): { readonly rows: ConformanceRow[]; readonly unknown: string[] } {
  const byId = new Map<string, TestOutcome[]>(rows.map(({ id }) => [id, []]));
  const unknown = new Set<string>();
  for (const outcome of outcomes)
    for (const id of new Set(idsIn(outcome.test))) {
      const own = byId.get(id);
      if (own) own.push(outcome);
      else unknown.add(id);
    }
  const statuses = new Map<string, RowStatus>();
  const judge = (row: RequirementRow): RowStatus => {
    const known = statuses.get(row.id);
    if (known) return known;
    const children = rows.filter(({ parent }) => parent === row.id);
    const status = statusOf(
      row,
      byId.get(row.id) ?? [],
      children.map((child) => ({ row: child, status: judge(child) })),
    );
    statuses.set(row.id, status);
    return status;
  };
  return {
    rows: rows.map((row) => {
      const own = byId.get(row.id) ?? [];
      return {
        id: row.id,
        clause: row.clause,
        text: row.text,
        status: judge(row),
        tests: [...new Set(own.map(({ test }) => test))],
        peers: [...new Set(own.filter(({ status }) => status === 'passed').flatMap(({ peers }) => peers))],
      };
    }),
    unknown: [...unknown].sort(),
  };
}

interface Child {
  readonly row: RequirementRow;
  readonly status: RowStatus;
}

function statusOf(row: RequirementRow, own: readonly TestOutcome[], children: readonly Child[]): RowStatus {
  if (row.native) return 'not applicable';
  const asked = children.filter(({ status }) => status !== 'not applicable');
  const passed = own.filter(({ status }) => status === 'passed');
  const begun = passed.length > 0 || asked.some(({ status }) => status !== 'not yet');
  const whole = passed.length === own.length && (passed.length > 0 || row.rollUp === true);
  if (!whole || asked.some(({ status }) => status === 'partly' || status === 'not yet'))
    return begun ? 'partly' : 'not yet';
  if (own.length + asked.length === 0) return 'not yet';
  const judged = own.length === 0 || own.some(({ peers }) => peers.length > 0);
  const childrenProven = asked.every((child) => child.status === 'proven' || child.row.operatorOnly === true);
  const stranger = own.length > 0 || asked.some(({ status }) => status === 'proven');
  return judged && childrenProven && stranger && row.operatorOnly !== true ? 'proven' : 'shown';
}
