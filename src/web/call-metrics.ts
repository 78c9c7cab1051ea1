// The quality of live calls as metrics: one sample for each call, gone with it.
import type { CallManager } from '#src/call/manager.ts';
import type { CallQuality } from '#src/call/quality.ts';
import type { Metric } from './metrics.ts';
import { AUDIO_MEASURES, type Measure, VIDEO_MEASURES } from './quality.ts';

interface Live {
  readonly id: string;
  readonly quality: CallQuality;
}

export function callMetrics(calls: CallManager): Metric[] {
  const live = calls
    .list()
    .filter(({ state }) => state === 'active')
    .flatMap(({ id }): Live[] => {
      const quality = calls.get(id)?.quality;
      return quality ? [{ id, quality }] : [];
    });
  return [
    ...metricsOf('audio', AUDIO_MEASURES, live, ({ audio }) => audio),
    ...metricsOf('video', VIDEO_MEASURES, live, ({ video }) => video),
  ];
}

const metricsOf = <Stats>(
  medium: string,
  measures: readonly Measure<Stats>[],
  live: readonly Live[],
  stats: (quality: CallQuality) => Stats | undefined,
): Metric[] =>
  measures.map(({ name, help, read }) => ({
    name: `call_${medium}_${name}`,
    help,
    type: 'gauge',
    samples: live.flatMap(({ id, quality }) => {
      const of = stats(quality);
      const value = of && read(of);
      return value === undefined ? [] : [{ labels: { call: id }, value }];
    }),
  }));
