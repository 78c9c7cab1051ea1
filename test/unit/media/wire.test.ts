// What a plain UDP socket sees of a stream: the ports it sends from, RTCP while nothing is sent, digits as RFC 4733 writes them.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import * as assert from 'uvu/assert';
import { Signal } from '#src/base/events.ts';
import type { AudioStream, StreamConfig } from '#src/media/stream.ts';
import { suite } from '#test/support/suite.ts';
import { configTo, eventually, LOCAL, openStream, PCMU, withEngine } from './sound.ts';

const test = suite('media/wire');

interface Packet {
  readonly bytes: Buffer;
  readonly from: RemoteInfo;
}

/** A socket that keeps what it hears. */
class Ear {
  readonly #socket: Socket = createSocket('udp4');
  readonly #heard = new Signal<Packet>();
  readonly packets: Packet[] = [];

  get port(): number {
    return this.#socket.address().port;
  }

  async open(host = LOCAL): Promise<number> {
    this.#socket.on('message', (bytes, from) => {
      this.packets.push({ bytes, from });
      this.#heard.emit({ bytes, from });
    });
    await new Promise<void>((resolve) => this.#socket.bind(0, host, resolve));
    return this.#socket.address().port;
  }

  /** Until `count` packets that fit have come, at most `ms`. */
  until(count: number, ms: number, fits: (packet: Packet) => boolean = () => true): Promise<Packet[]> {
    return new Promise((resolve) => {
      const done = (): void => {
        off();
        clearTimeout(timer);
        resolve(this.packets.filter(fits));
      };
      const check = (): void => {
        if (this.packets.filter(fits).length >= count) done();
      };
      const off = this.#heard.on(check);
      const timer = setTimeout(done, ms);
      check();
    });
  }

  /** Sends on what comes, from this socket's own port: an access gateway that is none of the stream's. */
  relayTo(port: number): void {
    this.#heard.on(({ bytes }) => this.#socket.send(bytes, port, LOCAL));
  }

  send(bytes: Buffer, port: number): void {
    this.#socket.send(bytes, port, LOCAL);
  }

  close(): void {
    this.#socket.close();
  }
}

interface Far {
  readonly rtp: Ear;
  readonly rtcp: Ear;
  readonly stream: AudioStream;
  configure(changes?: Partial<StreamConfig>): void;
}

/** A stream whose peer is two ears; `relayed` puts a port of somebody else between. */
async function withFar(use: (far: Far) => Promise<void>, relayed = false): Promise<void> {
  await withEngine(async (engine) => {
    const ears = [new Ear(), new Ear(), new Ear(), new Ear()] as const;
    const [rtp, rtcp, rtpRelay, rtcpRelay] = ears;
    const ports = await Promise.all(ears.map((ear) => ear.open()));
    rtpRelay.relayTo(ports[0] ?? 0);
    rtcpRelay.relayTo(ports[1] ?? 0);
    const port = ports[relayed ? 2 : 0] ?? 0;
    const rtcpPort = ports[relayed ? 3 : 1] ?? 0;
    const stream = openStream(engine, { capture: 'tone:440' });
    const configure = (changes: Partial<StreamConfig> = {}): void =>
      stream.configure(configTo(port, { remote: { address: LOCAL, port, rtcpPort }, ...changes }));
    try {
      await use({ rtp, rtcp, stream, configure });
    } finally {
      for (const ear of ears) ear.close();
    }
  });
}

const samePort = (relayed: boolean): Promise<void> =>
  withFar(async ({ rtp, stream, configure }) => {
    configure();
    const before = await rtp.until(5, 2000);
    configure({ codec: { name: 'PCMA', payloadType: 8, clockRate: 8000 } });
    const isNew = ({ bytes }: Packet): boolean => ((bytes[1] ?? 0) & 0x7f) === 8;
    const after = await rtp.until(5, 2000, isNew);
    assert.ok(before.length >= 5 && after.length >= 5);
    for (const { from } of rtp.packets) assert.is(from.port, stream.port);
  }, relayed);

test.proof('[MD-2.9.1f1] every RTP packet leaves from the port that receives, after a re-INVITE too', {
  run: () => samePort(false),
  control: () => samePort(true),
});

const RTCP_TYPES = [200, 201];
/** RFC 3550 6.2: half of 5 s at first, times 1.5 at most. */
const FIRST_REPORT_MS = 4500;
/** Long enough for what was sent on this host before. */
const SILENCE_MS = 200;

const rtcpOnHold = (relayed: boolean): Promise<void> =>
  withFar(async ({ rtp, rtcp, stream, configure }) => {
    configure({ send: false, receive: false });
    const [report] = await rtcp.until(1, FIRST_REPORT_MS);
    assert.ok(report, 'a report came');
    assert.is(rtp.packets.length, 0);
    assert.ok(RTCP_TYPES.includes(report?.bytes[1] ?? 0));
    assert.is(report?.from.port, stream.port + 1);
    assert.ok(report?.bytes.includes('unit@test'), 'with its CNAME');
  }, relayed);

test.proof('[MD-2.9.1g1] RTCP goes on while the call is held, from the port beside the one of RTP', {
  run: () => rtcpOnHold(false),
  control: () => rtcpOnHold(true),
});

const EVENT_TYPE = 101;

/** Digits of the finished events, each told once however often its end packet is repeated. */
function digitsOf(packets: readonly Packet[]): string {
  const ended = new Map<number, string>();
  for (const { bytes } of packets) {
    const end = ((bytes[13] ?? 0) & 0x80) !== 0;
    if (end) ended.set(bytes.readUInt32BE(4), '0123456789*#ABCD'[bytes[12] ?? 0] ?? '?');
  }
  return [...ended.values()].join('');
}

const digits = (negotiated: number): Promise<void> =>
  withFar(async ({ rtp, stream, configure }) => {
    configure({ codec: PCMU, dtmf: { payloadType: negotiated, clockRate: 8000 } });
    stream.sendDtmf('19#');
    const isEvent = ({ bytes }: Packet): boolean => ((bytes[1] ?? 0) & 0x7f) === EVENT_TYPE;
    // 100 ms each in packets of 20 ms, the last one three times.
    const events = await rtp.until(21, 1500, isEvent);
    assert.is(digitsOf(events), '19#');
    assert.ok(events.every(({ bytes }) => bytes.length === 16));
  });

test.proof('[MD-2.4.3g] digits leave as telephone events of the negotiated payload type', {
  run: () => digits(EVENT_TYPE),
  control: () => digits(EVENT_TYPE + 1),
});

/** How many reports a third place hears of a stream that sends and says goodbye. */
async function reportsElsewhere(enabled: boolean): Promise<number> {
  const elsewhere = new Ear();
  const rtcpPort = await elsewhere.open('127.0.0.2');
  await withFar(async ({ rtp, rtcp, stream, configure }) => {
    const remote = { address: LOCAL, port: rtp.port, rtcpAddress: '127.0.0.2', rtcpPort };
    configure({ remote, rtcp: { enabled } });
    await rtp.until(1, 2000);
    await stream.close();
    await elsewhere.until(1, enabled ? 2000 : SILENCE_MS);
    assert.is(rtcp.packets.length, 0);
  });
  elsewhere.close();
  return elsewhere.packets.length;
}

test('RTCP goes where a=rtcp says, and with both bandwidths zero nowhere', async () => {
  assert.is(await reportsElsewhere(true), 1);
  assert.is(await reportsElsewhere(false), 0);
});

/** An RTP packet of 20 ms of G.711. */
function soundPacket(payloadType: number, sequence: number): Buffer {
  const packet = Buffer.alloc(172, 0xff);
  packet.set([0x80, payloadType], 0);
  packet.writeUInt16BE(sequence, 2);
  packet.writeUInt32BE(sequence * 160, 4);
  packet.writeUInt32BE(7, 8);
  return packet;
}

test('what is received has the payload type that we named, what is sent the one of the peer', () =>
  withFar(async ({ rtp, stream, configure }) => {
    configure({ codec: { name: 'PCMA', payloadType: 96, receivePayloadType: 97, clockRate: 8000 } });
    const [sent] = await rtp.until(1, 2000);
    assert.is((sent?.bytes[1] ?? 0) & 0x7f, 96);
    for (let sequence = 0; sequence < 10; sequence += 1)
      rtp.send(soundPacket(sequence < 5 ? 96 : 97, sequence), stream.port);
    await eventually(() => stream.stats().received === 5);
    assert.is(stream.stats().discarded, 5);
  }));

test.run();
