// RFC 3711 3.3.1: more than 65,536 packets under one key, over a hold too, and SRTCP: sealed and opened by strangers (werift-rtp).
// Forty further early dialogs with keep-alives every 20 ms make the sequence number run.
import { createSocket, type Socket } from 'node:dgram';
import * as assert from 'uvu/assert';
import { RtpHeader } from 'werift-rtp';
import { MAX_PLACES } from '#src/media/path.ts';
import type { AudioStream, StreamConfig } from '#src/media/stream.ts';
import { suite } from '#test/support/suite.ts';
import { Werift } from '#test/support/werift.ts';
import { configTo, eventually, LOCAL, openStream, PCMU, talk, withEngine } from './sound.ts';

const test = suite('media/rollover');

const NUMBERS = 65_536;
const SOUND_OCTETS = 160;
const HEADER = 12;
const KEEP_ALIVE = 20;
const SUITE = 'AES_CM_128_HMAC_SHA1_80';
const [OURS, THEIRS] = [Buffer.alloc(30, 1), Buffer.alloc(30, 2)];
const SRTP = { send: { suite: SUITE, key: OURS }, receive: { suite: SUITE, key: THEIRS } } as const;
const sealer = (): Werift => {
  const made = Werift.of(SUITE, THEIRS, OURS);
  if (!made) throw new Error(`werift has no ${SUITE}`);
  return made;
};

const bound = (port: number): Promise<Socket | undefined> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => resolve(undefined));
    socket.bind(port, LOCAL, () => resolve(socket));
  });

/** The peer: its RTP and its RTCP. */
async function pair(): Promise<readonly [Socket, Socket]> {
  for (;;) {
    const rtp = await bound(0);
    const rtcp = rtp && (await bound(rtp.address().port + 1));
    if (rtp && rtcp) return [rtp, rtcp];
    rtp?.close();
  }
}

interface Far {
  readonly stream: AudioStream;
  readonly rtp: Socket;
  readonly rtcp: Socket;
  readonly config: StreamConfig;
}

async function withFar(use: (far: Far) => Promise<void>): Promise<void> {
  const [rtp, rtcp] = await pair();
  const elsewhere = await pair();
  try {
    await withEngine(async (engine) => {
      const stream = openStream(engine, { capture: 'tone:440' });
      const { port } = elsewhere[0].address();
      const config = configTo(rtp.address().port, {
        srtp: SRTP,
        keepAlive: { phase: 'early', payloadType: KEEP_ALIVE, intervalMs: 20 },
        alsoTo: Array.from({ length: MAX_PLACES }, () => ({ address: LOCAL, port, srtp: SRTP.send })),
      });
      stream.configure(config);
      await use({ stream, rtp, rtcp, config });
    });
  } finally {
    for (const socket of [rtp, rtcp, ...elsewhere]) socket.close();
  }
}

interface Heard {
  /** Of sound, in their order. */
  readonly packets: readonly Buffer[];
  /** The first one after the rollover. */
  readonly wrap: number;
}

/** More than a whole round of numbers, held before its end and after it. */
async function record(): Promise<Heard> {
  const packets: Buffer[] = [];
  await withFar(async ({ stream, rtp, config }) => {
    let [first, last, wraps, held, wrap] = [-1, -1, 0, 0, 0];
    const numbers = (): number => wraps * NUMBERS + last - first;
    rtp.on('message', (packet) => {
      const sequence = packet.readUInt16BE(2);
      if (first < 0) first = sequence;
      if (last > sequence + NUMBERS / 2) [wraps, wrap] = [wraps + 1, packets.length];
      last = sequence;
      // werift takes an empty payload for none.
      if (packet.readUInt8(1) % 128 === KEEP_ALIVE) held += 1;
      else packets.push(packet);
    });
    const hold = async (): Promise<void> => {
      const before = held;
      stream.configure({ ...config, send: false, receive: false });
      await eventually(() => held > before + 5, 5000);
      stream.configure(config);
    };
    await eventually(() => numbers() > 1000, 20_000);
    await hold();
    await eventually(() => wraps > 0, 90_000);
    await talk(300);
    await hold();
    await eventually(() => numbers() > NUMBERS + 500, 90_000);
    assert.is(stream.stats().srtp.failures, 0);
    heard = { packets, wrap };
  });
  if (!heard) throw new Error('nothing was heard');
  return heard;
}
let heard: Heard | undefined;

/** `renewed`: who listens begins anew at the rollover, as if the counter did. */
async function opened(renewed: boolean): Promise<void> {
  const { packets, wrap } = heard ?? (await record());
  assert.ok(wrap > 10 && packets.length > wrap + 10, `${wrap} of ${packets.length} packets`);
  let stranger = sealer();
  for (const [at, packet] of packets.entries()) {
    if (renewed && at === wrap) stranger = sealer();
    assert.is(stranger.open(packet)?.length, HEADER + SOUND_OCTETS, `packet ${at} of ${packets.length}`);
  }
}

test.proof(
  '[MD-2.9.2a1] more than 65,536 packets over a hold: every one is opened by werift, with its own count of rollovers',
  {
    timeoutMs: 200_000,
    run: () => opened(false),
    control: () => opened(true),
  },
);

const received = (jump: number): Promise<void> =>
  withFar(async ({ stream, rtp, config }) => {
    const stranger = sealer();
    const payload = Buffer.alloc(SOUND_OCTETS, 0xd5);
    const send = (sequenceNumber: number): void => {
      const header = new RtpHeader({
        payloadType: PCMU.payloadType,
        ssrc: 7,
        sequenceNumber: sequenceNumber % NUMBERS,
        timestamp: (sequenceNumber * SOUND_OCTETS) % 2 ** 32,
      });
      rtp.send(stranger.seal(payload, header), stream.port, LOCAL);
    };
    const start = NUMBERS - 60;
    for (let at = 0; at < 120; at += 1) {
      send(start + at + (at > 60 ? jump : 0));
      if (at % 20 === 0) await talk(20);
      if (at !== 90) continue;
      await eventually(() => stream.stats().received === at + 1);
      stream.configure({ ...config, send: false });
      await talk(60);
      stream.configure(config);
    }
    await eventually(() => stream.stats().received + stream.stats().srtp.failures === 120);
    assert.is(stream.stats().srtp.failures, 0);
  });

test.proof('[MD-2.9.2a1] what werift seals across a rollover is opened, after a hold too', {
  timeoutMs: 60_000,
  run: () => received(0),
  // Half of the numbers left out: nobody can tell which rollover it is (RFC 3711 3.3.1).
  control: () => received(NUMBERS / 2 + 200),
});

const reports = (theirs: Buffer): Promise<void> =>
  withFar(async ({ stream, rtcp }) => {
    const stranger = Werift.of(SUITE, theirs, OURS);
    const opened: (Buffer | undefined)[] = [];
    rtcp.on('message', (packet) => opened.push(stranger?.openRtcp(packet)));
    await eventually(() => opened.length > 0, 10_000);
    for (const packet of opened) {
      assert.ok(packet, 'SRTCP that werift reads');
      assert.ok([200, 201].includes(packet?.readUInt8(1) ?? 0), 'SR or RR first');
      assert.is(packet?.readUInt32BE(4), stream.stats().ssrc);
    }
    const report = Buffer.from('80c9000100000007', 'hex');
    for (let time = 0; time < 5; time += 1)
      rtcp.send(stranger?.sealRtcp(report) ?? report, stream.rtcpPort, LOCAL);
    await eventually(() => stream.stats().rtcpReceived === 5);
    assert.is(stream.stats().srtp.failures, 0);
  });

test.proof('[MD-2.9.2a1] SRTCP: werift opens ours, and we open what it seals', {
  timeoutMs: 30_000,
  run: () => reports(THEIRS),
  control: () => reports(Buffer.alloc(30, 9)),
});

test.run();
