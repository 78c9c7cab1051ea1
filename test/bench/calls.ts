// Calls without media: how many a second the device and the operator take, what 10,000 of them leave behind, and what early
// dialogs cost, beside baresip, sip.js and Kamailio under the same SIPp.
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Device } from '#test/peers/support/agent.ts';
import { Baresip } from '#test/peers/support/baresip.ts';
import { deviceConfig } from '#test/peers/support/configuration.ts';
import { Kamailio } from '#test/peers/support/kamailio.ts';
import { freePort, Peer, scratch, until } from '#test/peers/support/process.ts';
import { type BenchLine, benchLine, median } from './line.ts';
import { ForkingPeer } from './load/forking-peer.ts';
import { callee, caller, registrations } from './load/scenarios.ts';
import { callOften, callOnce, callsPerSecond, serve } from './load/sipp-load.ts';

const HOST = '127.0.0.1';
const BUNDLE = join(import.meta.dirname, '../../dist/tandem.js');
const SIPJS = join(import.meta.dirname, 'load/sipjs-callee.ts');
const QUIET = '--disable-warning=ExperimentalWarning';
const ROUNDS = 3;
const CALLS = 300;
const REGISTRATIONS = 1000;
/** Through a proxy calls may run side by side; a device has one owner. */
const TOGETHER = 8;
const MEMORY = { few: 100, many: 10_000 } as const;
/** Transactions live for 64*T1 after their call; the API tells of it for ten minutes. */
const SETTLE_MS = { few: 36_000, many: 610_000 } as const;
/** Code that is compiled for what is done often, caches of V8. */
const LIVING_MARGIN_MIB = 3;
const SNAPSHOT_SIGNAL = 'SIGUSR2';
const EARLY = [1, 10, 20, 40] as const;
const EARLY_ROUNDS = 7;
const KIB_PER_MIB = 1024;
const DOMAIN = 'op.example';
const SUBSCRIBER = { user: 'load', impi: 'load@op.example', password: 'load-secret' } as const;

type Folder = ReturnType<typeof scratch>;

async function withDevice<Value>(
  folder: Folder,
  body: (device: Device, port: number) => Promise<Value>,
  prefix: readonly string[] = [],
): Promise<Value> {
  const port = await freePort();
  const device = await Device.start(
    deviceConfig({
      profile: 'sip',
      impu: `sip:door@${HOST}`,
      listen: [`udp:${HOST}:${port}`],
      codecs: ['PCMA', 'PCMU'],
      capture: 'null',
      autoAnswer: 'all',
    }),
    folder.file(`device${port}`),
    BUNDLE,
    prefix,
  );
  try {
    return await body(device, port);
  } finally {
    await device.stop();
  }
}

async function withBaresip<Value>(
  folder: Folder,
  body: (baresip: Baresip) => Promise<Value>,
): Promise<Value> {
  const baresip = await Baresip.start({
    folder: folder.file(`baresip${performance.now()}`),
    account: `<sip:bob@${HOST}>;regint=0;answermode=auto`,
  });
  try {
    return await body(baresip);
  } finally {
    await baresip.stop();
  }
}

async function withProgram<Value>(started: Promise<Peer>, body: () => Promise<Value>): Promise<Value> {
  const program = await started;
  try {
    return await body();
  } finally {
    await program.stop();
  }
}

/** One after another. */
const rateOf = (folder: Folder, user: string, port: number): Promise<number> =>
  callsPerSecond({
    folder: folder.file('load'),
    scenario: caller(`sip:${user}@${HOST}:${port}`),
    target: `${HOST}:${port}`,
    calls: CALLS,
    together: 1,
  });

async function agentRates(folder: Folder): Promise<BenchLine[]> {
  const rates = {
    ours: [] as number[],
    baresip: [] as number[],
    sipjs: [] as number[],
    sipp: [] as number[],
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    rates.ours.push(await withDevice(folder, (_device, port) => rateOf(folder, 'door', port)));
    rates.baresip.push(await withBaresip(folder, ({ port }) => rateOf(folder, 'bob', port)));
    const other = await freePort();
    const sipjs = Peer.start(process.execPath, [QUIET, SIPJS, String(other)], { ready: /^ready$/m });
    rates.sipjs.push(await withProgram(sipjs, () => rateOf(folder, 'callee', other)));
    const bare = await freePort();
    rates.sipp.push(
      await withProgram(serve(folder.file('callee'), callee(), bare), () => rateOf(folder, 'callee', bare)),
    );
  }
  const line = (peer: number[], peerName: string): BenchLine =>
    benchLine({
      bench: 'calls',
      metric: 'agent: INVITE to BYE, one after another',
      unit: 'calls/s',
      better: 'higher',
      ours: median(rates.ours),
      peer: median(peer),
      peer_name: peerName,
      limit: median(rates.sipp),
      limit_name: 'SIPp to SIPp',
    });
  return [line(rates.baresip, 'baresip'), line(rates.sipjs, 'sip.js')];
}

interface Server {
  readonly port: number;
  readonly user: string;
  stop(): Promise<void>;
}

async function startOperator(folder: Folder): Promise<Server> {
  const port = await freePort();
  const config = folder.file(`operator${port}.toml`);
  writeFileSync(
    config,
    `[listen]
sip = ["udp:${HOST}:${port}"]
domain = "${DOMAIN}"
[[accounts]]
impi = "${SUBSCRIBER.impi}"
password = "${SUBSCRIBER.password}"
impus = ["sip:${SUBSCRIBER.user}@${DOMAIN}"]
[web]
listen = "${HOST}:0"
`,
  );
  const program = await Peer.start(process.execPath, [QUIET, BUNDLE, 'operator', '--config', config], {
    ready: /^listening .*$/m,
  });
  return { port, user: SUBSCRIBER.impi, stop: () => program.stop() };
}

async function startKamailio(folder: Folder): Promise<Server> {
  const kamailio = await Kamailio.start({
    folder: folder.file(`kamailio${performance.now()}`),
    realm: DOMAIN,
    users: { [SUBSCRIBER.user]: SUBSCRIBER.password },
  });
  return { port: kamailio.port, user: SUBSCRIBER.user, stop: () => kamailio.stop() };
}

async function serverRates(
  folder: Folder,
  start: (folder: Folder) => Promise<Server>,
): Promise<{ readonly calls: number; readonly registrations: number }> {
  const server = await start(folder);
  try {
    const target = `${HOST}:${server.port}`;
    const uri = `sip:${SUBSCRIBER.user}@${DOMAIN}`;
    const register = registrations({
      uri,
      domain: DOMAIN,
      user: server.user,
      password: SUBSCRIBER.password,
    });
    const port = await freePort();
    const load = { folder: folder.file('load'), target };
    const bindings = await callsPerSecond({
      ...load,
      scenario: register,
      calls: REGISTRATIONS,
      together: TOGETHER,
    });
    // The last binding is the callee's.
    await callOnce({ ...load, scenario: register, port });
    const calls = await withProgram(serve(folder.file('callee'), callee(), port), () =>
      callsPerSecond({ ...load, scenario: caller(uri), calls: CALLS, together: TOGETHER }),
    );
    return { calls, registrations: bindings };
  } finally {
    await server.stop();
  }
}

async function operatorRates(folder: Folder): Promise<BenchLine[]> {
  const ours: { readonly calls: number; readonly registrations: number }[] = [];
  const theirs: typeof ours = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    ours.push(await serverRates(folder, startOperator));
    theirs.push(await serverRates(folder, startKamailio));
  }
  const line = (metric: string, unit: string, of: (rates: (typeof ours)[number]) => number): BenchLine =>
    benchLine({
      bench: 'calls',
      metric,
      unit,
      better: 'higher',
      ours: median(ours.map(of)),
      peer: median(theirs.map(of)),
      peer_name: 'Kamailio',
    });
  return [
    line('operator: calls through it', 'calls/s', ({ calls }) => calls),
    line('operator: registrations with digest', 'registrations/s', ({ registrations: bindings }) => bindings),
  ];
}

/** VmRSS in MiB. */
function resident(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / KIB_PER_MIB;
}

/** What lives in the JavaScript heap after a collection, in MiB: the device writes it down when it is asked by a signal. */
async function living(device: Device, folder: string): Promise<number> {
  const written = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.heapsnapshot'));
  const before = new Set(written());
  device.peer.signal(SNAPSHOT_SIGNAL);
  const [name = ''] = await until(
    'a heap snapshot',
    () => {
      const fresh = written().filter((each) => !before.has(each));
      return fresh.length > 0 && statSync(join(folder, fresh[0] ?? '')).size > 0 && fresh;
    },
    60_000,
  );
  const path = join(folder, name);
  let size = -1;
  await until(
    'the whole of it',
    async () => {
      const last = size;
      size = statSync(path).size;
      await new Promise((resolve) => setTimeout(resolve, 1000));
      return size === last;
    },
    60_000,
  );
  const { snapshot, nodes }: Snapshot = JSON.parse(readFileSync(path, 'utf8'));
  rmSync(path);
  const { node_fields: fields } = snapshot.meta;
  const at = fields.indexOf('self_size');
  let octets = 0;
  for (let index = at; index < nodes.length; index += fields.length) octets += nodes[index] ?? 0;
  return octets / KIB_PER_MIB / KIB_PER_MIB;
}

interface Snapshot {
  readonly snapshot: { readonly meta: { readonly node_fields: readonly string[] } };
  readonly nodes: readonly number[];
}

async function memory(folder: Folder): Promise<BenchLine[]> {
  const here = folder.file('snapshots');
  mkdirSync(here);
  const prefix = ['env', '-C', here, `NODE_OPTIONS=--heapsnapshot-signal=${SNAPSHOT_SIGNAL}`];
  return withDevice(
    folder,
    async (device, port) => {
      const load = {
        folder: folder.file('load'),
        scenario: caller(`sip:door@${HOST}:${port}`),
        target: `${HOST}:${port}`,
        together: 1,
      };
      const after = async (
        calls: number,
        settle: number,
      ): Promise<{ readonly rss: number; readonly live: number }> => {
        await callOften({ ...load, calls });
        await new Promise((resolve) => setTimeout(resolve, settle));
        // In this order: the snapshot takes memory itself.
        const rss = resident(device.peer.pid);
        return { rss, live: await living(device, here) };
      };
      const few = await after(MEMORY.few, SETTLE_MS.few);
      const many = await after(MEMORY.many - MEMORY.few, SETTLE_MS.many);
      const line = (metric: string, which: 'rss' | 'live', margin?: number): BenchLine =>
        benchLine({
          bench: 'calls',
          metric: `${metric} once ${MEMORY.many} calls are forgotten`,
          unit: 'MiB',
          better: 'lower',
          ours: many[which],
          limit: few[which],
          limit_name: `after ${MEMORY.few} calls`,
          ...(margin === undefined
            ? {}
            : {
                goal: `that after ${MEMORY.few} calls, by ${margin} MiB`,
                met: many[which] <= few[which] + margin,
              }),
        });
      return [line('living JavaScript memory', 'live', LIVING_MARGIN_MIB), line('resident memory', 'rss')];
    },
    prefix,
  );
}

async function earlyDialogs(folder: Folder): Promise<BenchLine[]> {
  const peer = await ForkingPeer.open();
  try {
    const ours = new Map<number, number[]>();
    const theirs = new Map<number, number[]>();
    await withDevice(folder, (device) =>
      withBaresip(folder, async (baresip) => {
        for (const callees of EARLY) {
          for (let round = 0; round < EARLY_ROUNDS; round += 1) {
            const ourSpan = peer.nextCall(callees);
            const call = await device.dial(peer.uri);
            ours.set(callees, [...(ours.get(callees) ?? []), await ourSpan]);
            await device.whenState(call.id, 'active');
            await device.act(call.id, 'hangup');
            await device.whenState(call.id, 'ended');
            const theirSpan = peer.nextCall(callees);
            const gone = peer.ended();
            baresip.command('dial', peer.uri);
            theirs.set(callees, [...(theirs.get(callees) ?? []), await theirSpan]);
            await baresip.event('CALL_ESTABLISHED');
            baresip.command('hangup');
            await gone;
            baresip.events.length = 0;
          }
        }
      }),
    );
    return EARLY.map((callees) =>
      benchLine({
        bench: 'calls',
        metric: `180 of ${callees} early dialog${callees === 1 ? '' : 's'} and the 200, to the ACK`,
        unit: 'ms',
        better: 'lower',
        ours: median(ours.get(callees) ?? []),
        peer: median(theirs.get(callees) ?? []),
        peer_name: 'baresip',
      }),
    );
  } finally {
    peer.close();
  }
}

export async function run(): Promise<readonly BenchLine[]> {
  const folder = scratch();
  try {
    return [
      ...(await agentRates(folder)),
      ...(await operatorRates(folder)),
      ...(await earlyDialogs(folder)),
      ...(await memory(folder)),
    ];
  } finally {
    folder.remove();
  }
}
