// Prometheus text exposition format 0.0.4.

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Metric {
  /** Without the prefix `tandem_`; a counter ends in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly samples: readonly Sample[];
}

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** The whole page. A metric without a sample is left out, as Prometheus wants it. */
export function prometheusText(metrics: readonly Metric[]): string {
  return metrics
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, help, type, samples }) => {
      const full = `tandem_${name}`;
      const lines = samples.map(({ labels, value }) => `${full}${labelText(labels)} ${numberText(value)}`);
      return [`# HELP ${full} ${escapeHelp(help)}`, `# TYPE ${full} ${type}`, ...lines, ''].join('\n');
    })
    .join('');
}

/** Counters as the protocol layers hand them out. */
export const counters = (
  readings: readonly { readonly name: string; readonly help: string; readonly value: number }[],
): Metric[] =>
  readings.map(({ name, help, value }) => ({ name, help, type: 'counter', samples: [{ value }] }));

function labelText(labels: Sample['labels']): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}="${escapeLabel(value)}"`);
  return pairs.length > 0 ? `{${pairs.join(',')}}` : '';
}

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const escapeLabel = (text: string): string => escapeHelp(text).replaceAll('"', '\\"');
const numberText = (value: number): string =>
  value === Number.POSITIVE_INFINITY ? '+Inf' : value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
