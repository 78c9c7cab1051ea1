// RFC 2782 and RFC 3403: in which order service records are tried.
import type { Random } from '#src/base/random.ts';

export interface SrvRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

export interface NaptrRecord {
  readonly flags: string;
  readonly service: string;
  readonly regexp: string;
  readonly replacement: string;
  readonly order: number;
  readonly preference: number;
}

/**
 * Lowest priority first; within one priority each next record is drawn with a chance in proportion to its weight, those
 * of weight 0 standing first in the draw (RFC 2782, page 3).
 */
export function orderSrv(records: readonly SrvRecord[], random: Random): SrvRecord[] {
  const priorities = [...new Set(records.map(({ priority }) => priority))].sort((a, b) => a - b);
  return priorities.flatMap((priority) =>
    drawByWeight(
      records.filter((record) => record.priority === priority),
      random,
    ),
  );
}

function drawByWeight(records: readonly SrvRecord[], random: Random): SrvRecord[] {
  const left = [...records].sort((a, b) => a.weight - b.weight);
  const drawn: SrvRecord[] = [];
  while (left.length > 0) {
    const total = left.reduce((sum, { weight }) => sum + weight, 0);
    // A whole number between 0 and the total, both included.
    const mark = Math.floor(random.uniform() * (total + 1));
    let sum = 0;
    const at = left.findIndex(({ weight }) => {
      sum += weight;
      return sum >= mark;
    });
    drawn.push(...left.splice(Math.max(0, at), 1));
  }
  return drawn;
}

/** Lowest order first, then lowest preference. */
export const orderNaptr = (records: readonly NaptrRecord[]): NaptrRecord[] =>
  [...records].sort((a, b) => a.order - b.order || a.preference - b.preference);
