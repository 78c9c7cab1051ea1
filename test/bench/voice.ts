// What a voice call in AMR-WB costs: a call between the agent and baresip, the processor time of each; the codec libraries alone; the engine
// with 1 to 32 streams.
import { join } from 'node:path';
import { Device } from '#test/peers/support/agent.ts';
import { Baresip } from '#test/peers/support/baresip.ts';
import { deviceConfig } from '#test/peers/support/configuration.ts';
import { freePort, scratch } from '#test/peers/support/process.ts';
import { costOf, probeCost, processorMs } from './cost.ts';
import { type BenchLine, benchLine, median } from './line.ts';

const BUNDLE = join(import.meta.dirname, '../../dist/tandem.js');
const ROUNDS = 3;
const SETTLE_MS = 7000;
const MEASURED_MS = 5000;
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Spent {
  readonly ours: number;
  readonly theirs: number;
}

/** One call, both ends measured in the same seconds, once our modes have climbed (26.114 7.5.2.1.6). */
async function call(device: Device, port: number, baresip: Baresip): Promise<Spent> {
  baresip.command('dial', `sip:voice@127.0.0.1:${port}`);
  await baresip.event('CALL_ESTABLISHED');
  const { id } = await device.whenCall('the call', ({ state }) => state === 'active');
  await wait(SETTLE_MS);
  const pids = [device.peer.pid, baresip.peer.pid];
  const before = pids.map(processorMs);
  const start = performance.now();
  await wait(MEASURED_MS);
  const seconds = (performance.now() - start) / 1000;
  const [ours = Number.NaN, theirs = Number.NaN] = pids.map(
    (pid, at) => (processorMs(pid) - (before[at] ?? Number.NaN)) / seconds,
  );
  await device.act(id, 'hangup');
  await baresip.event('CALL_CLOSED');
  baresip.events.length = 0;
  return { ours, theirs };
}

export async function run(): Promise<readonly BenchLine[]> {
  const costs = probeCost('voice');
  const libraries = costOf(costs, 'libraries');
  const folder = scratch();
  const port = await freePort();
  const config = deviceConfig({
    ...{ profile: 'sip', impu: 'sip:voice@127.0.0.1', listen: [`udp:127.0.0.1:${port}`] },
    ...{ codecs: ['AMR-WB'], autoAnswer: 'all' },
  });
  const device = await Device.start(config, folder.file('device'), BUNDLE);
  const baresip = await Baresip.start({
    ...{ folder: folder.file('baresip'), modules: ['amr'], rate: 16_000 },
    account: '<sip:bob@127.0.0.1>;regint=0;audio_codecs=AMR-WB/16000/1',
  });
  const spent: Spent[] = [];
  try {
    for (let round = 0; round < ROUNDS; round += 1) spent.push(await call(device, port, baresip));
  } finally {
    await baresip.stop();
    await device.stop();
    folder.remove();
  }
  const known = { bench: 'voice', unit: 'ms/s', better: 'lower' } as const;
  const limit = { limit: libraries, limit_name: 'codec libraries alone' };
  return [
    benchLine({
      ...{ ...known, ...limit, metric: 'processor of one AMR-WB call, the whole agent' },
      ours: median(spent.map(({ ours }) => ours)),
      peer: median(spent.map(({ theirs }) => theirs)),
      peer_name: 'baresip',
    }),
    ...[1, 2, 4, 8, 16, 32].map((streams) =>
      benchLine({
        ...{ ...known, ...limit, metric: `processor for each of ${streams} AMR-WB streams in the engine` },
        ours: costOf(costs, 'streams', streams),
      }),
    ),
  ];
}
