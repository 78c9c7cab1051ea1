// One measured figure, as the contract prints it.
export interface BenchLine {
  readonly bench: string;
  readonly metric: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  readonly ours: number | null;
  readonly peer: number | null;
  readonly peer_name: string | null;
  /** What no program can beat: the bare loop, the kernel, the memory of the runtime alone. */
  readonly limit: number | null;
  readonly limit_name: string | null;
  /** Ours to the peer's (to the limit's where there is no peer), above 1 when ours is better. */
  readonly ratio: number | null;
  readonly goal: string | null;
  readonly met: boolean | null;
}

type Known = Pick<BenchLine, 'bench' | 'metric' | 'unit' | 'better' | 'ours'> & Partial<BenchLine>;

/** Fills what was not measured with null and works the ratio out. */
export function benchLine(known: Known): BenchLine {
  const { ours, better } = known;
  const other = known.peer ?? known.limit ?? null;
  const ratio =
    ours === null || other === null || ours === 0 || other === 0
      ? null
      : better === 'higher'
        ? ours / other
        : other / ours;
  return {
    peer: null,
    peer_name: null,
    limit: null,
    limit_name: null,
    ratio,
    goal: null,
    met: null,
    ...known,
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
