// SRTP and keep-alives as a plain UDP socket sees them: opened by a decryptor of other hands (werift-rtp) and by the tests' own (node:crypto).
import { createSocket, type Socket } from 'node:dgram';
import * as assert from 'uvu/assert';
import { RtpHeader, SrtpSession } from 'werift-rtp';
import type { StreamConfig } from '#src/media/stream.ts';
import { type SrtpSuite, SUITE_TABLE } from '#src/sdp/crypto-suites.ts';
import { Srtp } from '#test/support/srtp.ts';
import { suite } from '#test/support/suite.ts';
import { configTo, eventually, LOCAL, openStream, PCMU, withEngine } from './sound.ts';

const test = suite('media/secure');

const keyOf = (name: SrtpSuite, fill: number): { readonly suite: SrtpSuite; readonly key: Buffer } => {
  const row = SUITE_TABLE.find((one) => one.name === name);
  return { suite: name, key: Buffer.alloc((row?.key ?? 0) + (row?.salt ?? 0), fill) };
};
const keysOf = (name: SrtpSuite): NonNullable<StreamConfig['srtp']> => ({
  send: keyOf(name, 1),
  receive: keyOf(name, 2),
});
const KEEP_ALIVE = { phase: 'established', payloadType: 20, intervalMs: 50 } as const;

interface Far {
  readonly packets: Buffer[];
  send(packet: Buffer): void;
}

/** A stream with `changes` that talks to a UDP socket. */
async function withFar(
  changes: Partial<StreamConfig>,
  use: (far: Far, stream: ReturnType<typeof openStream>) => Promise<void>,
): Promise<void> {
  const socket: Socket = createSocket('udp4');
  const packets: Buffer[] = [];
  socket.on('message', (packet) => packets.push(packet));
  await new Promise<void>((done) => socket.bind(0, LOCAL, done));
  try {
    await withEngine(async (engine) => {
      const stream = openStream(engine, { capture: 'tone:440' });
      stream.configure(configTo(socket.address().port, changes));
      await use({ packets, send: (packet) => socket.send(packet, stream.port, LOCAL) }, stream);
    });
  } finally {
    await new Promise<void>((done) => socket.close(() => done()));
  }
}

const isKeepAlive = (packet: Buffer): boolean => packet.length === 12 && packet.readUInt16BE(0) === 0x80_14;

const onHold = (keepAlive: StreamConfig['keepAlive']): Promise<void> =>
  withFar({ send: false, receive: false, ...(keepAlive && { keepAlive }) }, async ({ packets }, stream) => {
    await eventually(() => packets.length >= 4, 1000);
    const first = packets[0]?.readUInt16BE(2) ?? 0;
    for (const [at, packet] of packets.entries()) {
      assert.ok(isKeepAlive(packet), packet.toString('hex'));
      assert.is(packet.readUInt16BE(2), first + at);
      assert.is(packet.readUInt32BE(8), stream.stats().ssrc);
    }
  });

test.proof('[MD-2.9.1a2] on hold: 12 octets of payload type 20 under our SSRC, the sequence running', {
  run: () => onHold(KEEP_ALIVE),
  control: () => onHold(undefined),
});

test('another payload type where 20 is taken', () =>
  withFar(
    { send: false, receive: false, keepAlive: { ...KEEP_ALIVE, payloadType: 21 } },
    async ({ packets }) => {
      await eventually(() => packets.length >= 2, 1000);
      assert.is(packets[0]?.readUInt8(1), 21);
    },
  ));

/** RFC 5764 4.1.2 and RFC 7714 14.2: werift knows these two. */
const WERIFT_PROFILES: Partial<Record<SrtpSuite, 1 | 7>> = {
  AES_CM_128_HMAC_SHA1_80: 1,
  AEAD_AES_128_GCM: 7,
};

function weriftOf(name: SrtpSuite): SrtpSession | undefined {
  const profile = WERIFT_PROFILES[name];
  const { send, receive } = keysOf(name);
  return profile === undefined
    ? undefined
    : new SrtpSession({
        keys: {
          localMasterKey: receive.key.subarray(0, 16),
          localMasterSalt: receive.key.subarray(16),
          remoteMasterKey: send.key.subarray(0, 16),
          remoteMasterSalt: send.key.subarray(16),
        },
        profile,
      });
}

const PACKETS = 10;

/** Both ways, with strangers' SRTP at the other end; `srtp` is what the stream was told. */
const talks = (name: SrtpSuite, srtp: StreamConfig['srtp']): Promise<void> =>
  withFar({ keepAlive: KEEP_ALIVE, ...(srtp && { srtp }) }, async ({ packets, send }, stream) => {
    await eventually(() => packets.length >= PACKETS);
    const judge = new Srtp(name, keysOf(name).send.key);
    const stranger = weriftOf(name);
    for (const packet of packets) {
      const opened = judge.open(packet);
      assert.ok(opened, 'made with the key that was agreed');
      assert.ok(isKeepAlive(opened ?? Buffer.alloc(0)) || opened?.length === 172);
      // werift takes an empty payload for none, so it gets the sound only.
      if (stranger && opened?.length === 172) assert.equal(stranger.decrypt(packet), opened);
    }
    const own = new Srtp(name, keysOf(name).receive.key);
    const payload = Buffer.alloc(160, 0xd5);
    const header = (sequenceNumber: number): RtpHeader =>
      new RtpHeader({
        payloadType: PCMU.payloadType,
        ssrc: 7,
        sequenceNumber,
        timestamp: sequenceNumber * 160,
      });
    for (let sequence = 0; sequence < PACKETS; sequence += 1) {
      const plain = Buffer.concat([header(sequence).serialize(header(sequence).serializeSize), payload]);
      send(stranger ? stranger.encrypt(payload, header(sequence)) : own.protect(plain));
    }
    await eventually(() => stream.stats().received === PACKETS);
    send(Buffer.concat([header(99).serialize(12), payload]));
    await eventually(() => stream.stats().srtp.failures === 1);
    assert.equal(stream.stats().srtp, { suite: name, failures: 1 });
    assert.is(stream.stats().received, PACKETS);
  });

for (const { name } of SUITE_TABLE)
  test.proof(`[MD-2.9.2a1] ${name}: what leaves is opened by strangers, what they protect is heard`, {
    run: () => talks(name, keysOf(name)),
    control: () => talks(name, undefined),
  });

test('keys that cannot be are refused', () =>
  withFar({}, async (_far, stream) => {
    const srtp = keysOf('AEAD_AES_128_GCM');
    const short = { ...srtp, send: { ...srtp.send, key: Buffer.alloc(27) } };
    assert.throws(() => stream.configure(configTo(9, { srtp: short })), /27 octets/);
    const mki = { ...srtp, receive: { ...srtp.receive, mki: Buffer.alloc(129) } };
    assert.throws(() => stream.configure(configTo(9, { srtp: mki })), /129 octets/);
  }));

test.run();
