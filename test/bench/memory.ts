// Resident memory, idle and in a call, beside bare Node and baresip.
import { readFileSync } from 'node:fs';
import { Peer } from '#test/peers/support/process.ts';
import { type BenchLine, benchLine, median } from './line.ts';
import { withPair } from './pair.ts';

const ROUNDS = 3;
const SETTLE_MS = 3000;
const KIB_PER_MIB = 1024;

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, SETTLE_MS));

/** VmRSS in MiB. */
function resident(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / KIB_PER_MIB;
}

async function bareNode(): Promise<number> {
  const node = await Peer.start(process.execPath, ['-e', 'setInterval(() => undefined, 1000)']);
  await settle();
  const size = resident(node.pid);
  await node.stop();
  return size;
}

export async function run(): Promise<readonly BenchLine[]> {
  const sizes = {
    idle: [] as number[],
    call: [] as number[],
    peerIdle: [] as number[],
    peerCall: [] as number[],
    node: [] as number[],
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    sizes.node.push(await bareNode());
    await withPair(async ({ device, devicePort, baresip }) => {
      await settle();
      sizes.idle.push(resident(device.peer.pid));
      sizes.peerIdle.push(resident(baresip.peer.pid));
      baresip.command('dial', `sip:door@127.0.0.1:${devicePort}`);
      const call = await device.whenCall('ringing', (one) => one.state === 'ringing');
      await device.act(call.id, 'answer');
      await baresip.event('CALL_ESTABLISHED');
      await settle();
      sizes.call.push(resident(device.peer.pid));
      sizes.peerCall.push(resident(baresip.peer.pid));
    });
  }
  const line = (metric: string, ours: number[], peer: number[]): BenchLine =>
    benchLine({
      bench: 'memory',
      metric,
      unit: 'MiB',
      better: 'lower',
      ours: median(ours),
      peer: median(peer),
      peer_name: 'baresip',
      limit: median(sizes.node),
      limit_name: 'bare Node',
    });
  return [line('idle', sizes.idle, sizes.peerIdle), line('in a call', sizes.call, sizes.peerCall)];
}
