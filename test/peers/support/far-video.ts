// The far end of a video stream, played by hand: two sockets, ffmpeg's packets to the device, tshark as the reader of what came from it.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type Packet, packets as read } from './capture.ts';
import { until } from './process.ts';

const LOCAL = '127.0.0.1';
const CLOCK = 90_000;
/** SSRC of the far end. */
export const FAR_SSRC = 0x0a0b0c0d;
const KEEP_ALIVE = 20;

export interface Heard {
  readonly at: number;
  readonly bytes: Buffer;
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function bound(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 22 }).bind(0, LOCAL);
  await once(socket, 'listening');
  return socket;
}

const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** RFC 3550 6.4.2, 6.5: an empty RR and an SDES with the CNAME `far`, before any feedback. */
const compound = (...messages: readonly Buffer[]): Buffer =>
  Buffer.concat([
    hex('80 c9 0001'),
    word(FAR_SSRC),
    hex('81 ca 0003'),
    word(FAR_SSRC),
    hex('01 03 66 61 72 00 00 00'),
    ...messages,
  ]);

/** RFC 5104 4.3.1: FMT 4, PT 206, media SSRC 0; SSRC, number, 24 bits reserved. */
export const fir = (target: number, number: number): Buffer =>
  compound(hex('84 ce 0004'), word(FAR_SSRC), word(0), word(target), Buffer.from([number, 0, 0, 0]));
/** RFC 4585 6.3.1: FMT 1, PT 206. */
export const pli = (target: number): Buffer => compound(hex('81 ce 0002'), word(FAR_SSRC), word(target));
/** RFC 4585 6.2.1: FMT 1, PT 205; packet id, mask of the 16 behind it. */
export const nack = (target: number, sequence: number): Buffer =>
  compound(hex('81 cd 0003'), word(FAR_SSRC), word(target), word((sequence & 0xffff) * 0x10000));
/** RFC 5104 4.2.1: FMT 3, PT 205; SSRC, exponent 6 bits, mantissa 17, overhead 9. */
export function tmmbr(target: number, bitsPerSecond: number, overhead = 40): Buffer {
  let exponent = 0;
  while (Math.floor(bitsPerSecond / 2 ** exponent) >= 2 ** 17) exponent += 1;
  const entry = exponent * 2 ** 26 + Math.floor(bitsPerSecond / 2 ** exponent) * 2 ** 9 + overhead;
  return compound(hex('83 cd 0004'), word(FAR_SSRC), word(0), word(target), word(entry));
}

export class FarVideo {
  readonly port: number;
  readonly rtcpPort: number;
  /** Video of the device, without keep-alives. */
  readonly video: Heard[] = [];
  readonly keepAlives: Heard[] = [];
  readonly rtcp: Heard[] = [];
  readonly #rtp: Socket;
  readonly #control: Socket;
  /** Where the device sends from. */
  #device = 0;
  #deviceControl = 0;
  #sequence = 100;

  private constructor(rtp: Socket, control: Socket) {
    [this.#rtp, this.#control] = [rtp, control];
    [this.port, this.rtcpPort] = [rtp.address().port, control.address().port];
    rtp.on('message', (bytes, from) => {
      this.#device = from.port;
      const isKeepAlive = bytes.length === 12 && (bytes.readUInt8(1) & 127) === KEEP_ALIVE;
      (isKeepAlive ? this.keepAlives : this.video).push({ at: performance.now(), bytes });
    });
    control.on('message', (bytes, from) => {
      this.#deviceControl = from.port;
      this.rtcp.push({ at: performance.now(), bytes });
    });
  }

  static open = async (): Promise<FarVideo> => new FarVideo(await bound(), await bound());

  close(): void {
    this.#rtp.close();
    this.#control.close();
  }

  /** The next call is another one. */
  forget(): void {
    this.#device = 0;
    this.#deviceControl = 0;
    for (const heard of [this.video, this.keepAlives, this.rtcp]) heard.length = 0;
  }

  /** The device has shown where it is: its first packet came. */
  reached = (): Promise<unknown> => until('a packet of the device', () => this.#device > 0);

  /** SSRC of the device's video. */
  ssrc = (): Promise<number> => until('video of the device', () => this.video[0]?.bytes.readUInt32BE(8));

  /** One packet with the far end's own SSRC and the next number. */
  send(packet: Buffer, ssrc = FAR_SSRC): void {
    const bytes = Buffer.from(packet);
    bytes.writeUInt16BE(this.#sequence, 2);
    bytes.writeUInt32BE(ssrc, 8);
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.#rtp.send(bytes, this.#device, LOCAL);
  }

  /** A packet with a number that was left out before. */
  sendAs(packet: Buffer, sequence: number): void {
    const next = this.#sequence;
    this.#sequence = sequence;
    this.send(packet);
    this.#sequence = next;
  }

  /** The number of a packet that is not sent: it is lost. */
  lose(): void {
    this.#sequence = (this.#sequence + 1) & 0xffff;
  }

  get nextSequence(): number {
    return this.#sequence;
  }

  /** At the pace of the timestamps. */
  async play(
    packets: readonly Buffer[],
    each: (packet: Buffer, index: number) => void = (packet) => this.send(packet),
  ): Promise<void> {
    const start = performance.now();
    const first = packets[0]?.readUInt32BE(4) ?? 0;
    for (const [index, packet] of packets.entries()) {
      const due = (((packet.readUInt32BE(4) - first) >>> 0) / CLOCK) * 1000;
      const early = due - (performance.now() - start);
      if (early > 1) await wait(early);
      each(packet, index);
    }
  }

  sendRtcp = (bytes: Buffer): void => {
    this.#control.send(bytes, this.#deviceControl || this.#device + 1, LOCAL);
  };

  /** RTCP of the device as tshark reads it: the named fields of each packet. */
  reports(path: string, fields: readonly string[], from = 0): Packet[] {
    writePcap(path, this.rtcp.slice(from), this.rtcpPort);
    return read(path, 'rtcp', fields, ['-d', `udp.port==${this.rtcpPort},rtcp`]);
  }

  /** Video of the device as tshark reads it. */
  film(path: string, fields: readonly string[], payloadType: number): Packet[] {
    writePcap(path, this.video, this.port);
    const as = ['-d', `udp.port==${this.port},rtp`, '-o', `h264.dynamic.payload.type:${payloadType}`];
    return read(path, 'rtp', fields, as);
  }

  /** Waits for RTCP that fits; `from`: only what came after so many. */
  feedback = (what: string, fits: (bytes: Buffer) => boolean, limitMs = 5000, from = 0): Promise<Heard> =>
    until(what, () => this.rtcp.slice(from).find(({ bytes }) => parts(bytes).some(fits)), limitMs);

  /** Feedback of one kind (RFC 4585 6.1), the packets alone. */
  messages = (type: 205 | 206, format: number): { readonly at: number; readonly bytes: Buffer }[] =>
    this.rtcp.flatMap(({ at, bytes }) =>
      parts(bytes)
        .filter((part) => isFeedback(part, type, format))
        .map((part) => ({ at, bytes: part })),
    );
}

export const isFeedback = (part: Buffer, type: 205 | 206, format: number): boolean =>
  part.readUInt8(1) === type && (part.readUInt8(0) & 31) === format;

/** The packets of a compound one. */
export function parts(compound: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + 4 <= compound.length; ) {
    const length = 4 * (compound.readUInt16BE(at + 2) + 1);
    found.push(compound.subarray(at, at + length));
    at += length;
  }
  return found;
}

/** A packet file of UDP datagrams to one port: IPv4 without link layer. */
export function writePcap(path: string, heard: readonly Heard[], port: number): void {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(65535, 16);
  head.writeUInt32LE(101, 20); // LINKTYPE_RAW
  const records = heard.flatMap(({ at, bytes }) => {
    const record = Buffer.alloc(16 + 28);
    const length = 28 + bytes.length;
    record.writeUInt32LE(Math.floor(at / 1000), 0);
    record.writeUInt32LE(Math.floor((at % 1000) * 1000), 4);
    record.writeUInt32LE(length, 8);
    record.writeUInt32LE(length, 12);
    record.writeUInt8(0x45, 16);
    record.writeUInt16BE(length, 18);
    record.writeUInt8(64, 24);
    record.writeUInt8(17, 25);
    record.writeUInt32BE(0x7f000001, 28);
    record.writeUInt32BE(0x7f000001, 32);
    record.writeUInt16BE(port, 36);
    record.writeUInt16BE(port, 38);
    record.writeUInt16BE(8 + bytes.length, 40);
    return [record, bytes];
  });
  writeFileSync(path, Buffer.concat([head, ...records]));
}
