// ./scripts/bench [NAME...] [--json]: runs the benchmarks and prints a table or JSON lines.
import type { BenchLine } from './line.ts';

/** Each name loads its module only when it runs. */
const BENCHES: Readonly<Record<string, () => Promise<{ run(): Promise<readonly BenchLine[]> }>>> = {
  sip: () => import('./sip.ts'),
  pacing: () => import('./pacing.ts'),
  jitter: () => import('./jitter.ts'),
  memory: () => import('./memory.ts'),
  setup: () => import('./setup.ts'),
  srtp: () => import('./srtp.ts'),
  nal: () => import('./nal.ts'),
  echo: () => import('./echo.ts'),
  voice: () => import('./voice.ts'),
  video: () => import('./video.ts'),
  latency: () => import('./latency.ts'),
  calls: () => import('./calls.ts'),
};

const number = (value: number | null): string =>
  value === null ? '-' : Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);

function row(line: BenchLine): string[] {
  return [
    line.bench,
    line.metric,
    line.unit,
    number(line.ours),
    line.peer_name ? `${number(line.peer)} ${line.peer_name}` : '-',
    line.limit_name ? `${number(line.limit)} ${line.limit_name}` : '-',
    line.ratio === null ? '-' : line.ratio.toFixed(2),
    line.goal ?? '-',
    line.met === null ? '-' : line.met ? 'met' : 'NOT MET',
  ];
}

function table(lines: readonly BenchLine[]): string {
  const rows = [['bench', 'metric', 'unit', 'ours', 'peer', 'limit', 'ratio', 'goal', ''], ...lines.map(row)];
  const widths =
    rows[0]?.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0))) ?? [];
  return rows
    .map((cells) =>
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const words = process.argv.slice(2);
const json = words.includes('--json');
const names = words.filter((word) => word !== '--json');
const unknown = names.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  console.error(
    `bench: no benchmark named ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(', ')}`,
  );
  process.exit(2);
}
const lines: BenchLine[] = [];
for (const name of names.length > 0 ? names : Object.keys(BENCHES)) {
  console.error(`bench: ${name} …`);
  const load = BENCHES[name];
  if (!load) continue;
  const measured = await (await load()).run();
  if (json) for (const line of measured) console.log(JSON.stringify(line));
  lines.push(...measured);
}
if (!json) console.log(table(lines));
