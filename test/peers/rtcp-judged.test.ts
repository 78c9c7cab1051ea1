// RTCP of our engine as tshark reads it: reports that count what a relay lost, VoIP metrics, reports on hold, BYE at the end.
import { createSocket, type Socket } from 'node:dgram';
import * as assert from 'uvu/assert';
import { silentLogger } from '#src/base/log.ts';
import { MediaEngine } from '#src/media/engine.ts';
import type { AudioStream, StreamConfig } from '#src/media/stream.ts';
import { suite } from '#test/support/suite.ts';
import { Capture, type Packet } from './support/capture.ts';
import { scratch, until } from './support/process.ts';

const test = suite('peers/rtcp-judged');
const LOCAL = '127.0.0.1';
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** One packet of ten, and in every hundred five in a row. */
const isLost = (sequence: number): boolean => sequence % 10 === 3 || sequence % 100 >= 95;

/** Between two streams: RTP of the first loses packets. */
class Relay {
  readonly #rtp = createSocket('udp4');
  readonly #rtcp = createSocket('udp4');
  readonly #first: AudioStream;
  readonly #second: AudioStream;
  lost = 0;

  constructor(first: AudioStream, second: AudioStream) {
    [this.#first, this.#second] = [first, second];
  }

  async open(): Promise<{ readonly port: number; readonly rtcpPort: number }> {
    const bind = (socket: Socket): Promise<void> => new Promise((resolve) => socket.bind(0, LOCAL, resolve));
    await Promise.all([bind(this.#rtp), bind(this.#rtcp)]);
    this.#rtp.on('message', (bytes, from) => {
      const ofFirst = from.port === this.#first.port;
      if (ofFirst && isLost(bytes.readUInt16BE(2))) this.lost += 1;
      else this.#rtp.send(bytes, ofFirst ? this.#second.port : this.#first.port, LOCAL);
    });
    this.#rtcp.on('message', (bytes, from) => {
      const to = from.port === this.#first.rtcpPort ? this.#second.rtcpPort : this.#first.rtcpPort;
      this.#rtcp.send(bytes, to, LOCAL);
    });
    return { port: this.#rtp.address().port, rtcpPort: this.#rtcp.address().port };
  }

  close(): void {
    this.#rtp.close();
    this.#rtcp.close();
  }
}

interface Recorded {
  /** RTCP of the lossy sender, of the one who misses packets. */
  readonly first: readonly Packet[];
  readonly second: readonly Packet[];
  readonly lost: number;
  readonly mosFar: number | undefined;
}

const FIELDS = [
  ...['rtcp.pt', 'rtcp.sdes.text', 'rtcp.ssrc.fraction', 'rtcp.ssrc.cum_nr', 'rtcp.ssrc.jitter'],
  ...['rtcp.xr.voipmetrics.gmin', 'rtcp.xr.voipmetrics.burstdensity', 'rtcp.xr.voipmetrics.moscq'],
  ...['rtcp.ssrc.discarded', '_ws.expert', '_ws.malformed'],
];

/** A call of some reports, half of it on hold. */
async function record(rtcp: NonNullable<StreamConfig['rtcp']>): Promise<Recorded> {
  const folder = scratch();
  const engine = MediaEngine.open({ log: silentLogger() });
  const capture = await Capture.start(folder.file('rtcp.pcapng'));
  const open = (capture: string): AudioStream =>
    engine.openStream({ address: LOCAL, ports: { from: 0, to: 0 }, capture, playback: 'null' });
  const [first, second] = [open('tone:440'), open('tone:880')];
  const relay = new Relay(first, second);
  try {
    const remote = { address: LOCAL, ...(await relay.open()) };
    const configure = (talks: boolean): void => {
      for (const stream of [first, second])
        stream.configure({
          remote,
          codec: { name: 'PCMA', payloadType: 8, clockRate: 8000 },
          ptimeMs: 20,
          send: talks,
          receive: talks,
          rtcp,
          xr: true,
          cname: 'judged@test',
        });
    };
    const sent = (stream: AudioStream): number => stream.stats().rtcpSent;
    const more = async (count: number): Promise<void> => {
      const before = [sent(first), sent(second)] as const;
      const came = (): boolean => sent(first) >= before[0] + count && sent(second) >= before[1] + count;
      if (rtcp.enabled) await until('reports', came, 30_000);
      else await pause(3000);
    };
    configure(true);
    await more(2);
    const { mosFar } = first.stats();
    configure(false);
    // The first two on hold may still be those of a sender (RFC 3550 6.4).
    await more(3);
    const { lost } = relay;
    await Promise.all([first.close(), second.close()]);
    await pause(200);
    await capture.stop();
    const of = ({ rtcpPort }: AudioStream): Packet[] =>
      capture.packets(`udp.srcport == ${rtcpPort}`, FIELDS, ['-d', `udp.port==${rtcpPort},rtcp`]);
    return { first: of(first), second: of(second), lost, mosFar };
  } finally {
    relay.close();
    await engine.close();
    await capture.stop();
    folder.remove();
  }
}

const last = (packets: readonly Packet[], field: string): number =>
  Number(packets.flatMap((packet) => packet[field] ?? []).at(-1));

async function judge(rtcp: NonNullable<StreamConfig['rtcp']>): Promise<void> {
  const { first, second, lost, mosFar } = await record(rtcp);
  for (const packets of [first, second]) {
    assert.ok(packets.length >= 5, `${packets.length} datagrams`);
    for (const packet of packets) {
      const told = JSON.stringify(packet);
      assert.not.ok(packet['_ws.expert'] ?? packet['_ws.malformed'], told);
      assert.match(packet['rtcp.pt']?.[0] ?? '', /^20[01]$/, told);
      assert.is(packet['rtcp.pt']?.[1], '202', told);
      assert.is(packet['rtcp.sdes.text']?.[0], 'judged@test', told);
    }
    // While it talks a sender's report; on hold, at last, a receiver's; BYE ends it.
    assert.is(packets[0]?.['rtcp.pt']?.[0], '200');
    const types = packets.at(-1)?.['rtcp.pt'] ?? [];
    assert.is(types[0], '201', JSON.stringify(types));
    assert.is(types.at(-1), '203', JSON.stringify(types));
  }
  // The relay says how many it lost; the last report may be some packets old.
  const counted = last(second, 'rtcp.ssrc.cum_nr');
  assert.ok(Math.abs(counted - lost) <= 10 && lost > 10, `${counted} of ${lost} lost packets reported`);
  assert.is(last(first, 'rtcp.ssrc.cum_nr'), 0);
  assert.is(last(second, 'rtcp.xr.voipmetrics.gmin'), 16);
  const [good, bad] = [first, second].map((packets) => last(packets, 'rtcp.xr.voipmetrics.moscq'));
  assert.ok((good ?? 0) > (bad ?? 0) && (bad ?? 0) > 1, `MOS ${good} and ${bad}`);
  // What it told the other took over.
  assert.ok(mosFar !== undefined && mosFar < 4.2, `${mosFar}`);
}

test.proof(
  '[MD-2.4.3f] reports with loss and VoIP metrics, on hold too, BYE last: tshark reads them without complaint',
  {
    peers: ['tshark'],
    timeoutMs: 90_000,
    run: () => judge({ enabled: true, senders: 600, receivers: 2000 }),
    // b=RS:0 and b=RR:0: nothing is sent.
    control: () => judge({ enabled: false }),
  },
);

test.run();
