// Opus packets in and out of Ogg (RFC 3533, RFC 7845), one packet a page where we write.
import type { VoicePacket } from './strangers.ts';

const POLYNOMIAL = 0x04c11db7;
const SERIAL = 0x5eed;
const TICKS_A_PACKET = 960;

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index << 24;
  for (let bit = 0; bit < 8; bit += 1) value = value < 0 ? (value << 1) ^ POLYNOMIAL : value << 1;
  return value >>> 0;
});

function checksum(page: Buffer): number {
  let sum = 0;
  for (const octet of page) sum = ((sum << 8) ^ (TABLE[((sum >>> 24) ^ octet) & 0xff] ?? 0)) >>> 0;
  return sum;
}

function page(number: number, flags: number, position: number, packet: Buffer): Buffer {
  const lacing = [...Array(Math.floor(packet.length / 255)).fill(255), packet.length % 255];
  const head = Buffer.alloc(27 + lacing.length);
  head.write('OggS', 0);
  head.writeUInt8(flags, 5);
  head.writeBigUInt64LE(BigInt(position), 6);
  head.writeUInt32LE(SERIAL, 14);
  head.writeUInt32LE(number, 18);
  head.writeUInt8(lacing.length, 26);
  Buffer.from(lacing).copy(head, 27);
  const whole = Buffer.concat([head, packet]);
  whole.writeUInt32LE(checksum(whole), 22);
  return whole;
}

/** A mono stream of 20 ms packets. */
export function toOgg(packets: readonly VoicePacket[]): Buffer {
  const head = Buffer.alloc(19);
  head.write('OpusHead', 0);
  head.writeUInt8(1, 8);
  head.writeUInt8(1, 9);
  head.writeUInt32LE(16_000, 12);
  const tags = Buffer.concat([Buffer.from('OpusTags'), Buffer.from([1, 0, 0, 0, 0x74, 0, 0, 0, 0])]);
  return Buffer.concat([
    page(0, 2, 0, head),
    page(1, 0, 0, tags),
    ...packets.map(({ payload }, index) =>
      page(index + 2, index + 1 === packets.length ? 4 : 0, (index + 1) * TICKS_A_PACKET, payload),
    ),
  ]);
}

/** The packets of a stranger's stream, each `ticks` long; the two headers are left out. */
export function fromOgg(file: Buffer, ticks: number): VoicePacket[] {
  const packets: Buffer[] = [];
  let open: Buffer[] = [];
  for (let at = 0; at < file.length; ) {
    const segments = file.readUInt8(at + 26);
    let body = at + 27 + segments;
    for (let segment = 0; segment < segments; segment += 1) {
      const length = file.readUInt8(at + 27 + segment);
      open.push(file.subarray(body, body + length));
      body += length;
      if (length === 255) continue;
      packets.push(Buffer.concat(open));
      open = [];
    }
    at = body;
  }
  return packets
    .slice(2)
    .map((payload, index) => ({ timestamp: index * ticks, marker: index === 0, payload }));
}
