// A packet file (libpcap format, link type RAW): each message as one UDP datagram between the real addresses.
// TCP and TLS messages are shown the same way, which is the only thing that is not as it was on the wire.
import { isIPv6 } from 'node:net';
import type { TraceEntry, TracePoint } from './ring.ts';

export const PCAP_TYPE = 'application/vnd.tcpdump.pcap';

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const SNAP_LENGTH = 262_144;
/** LINKTYPE_RAW: the packet begins with its IP header. */
const LINK_RAW = 101;
const UDP = 17;
const HOP_LIMIT = 64;
const UDP_HEADER = 8;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
/** A longer message is cut: its packet says how long it was. */
const MOST_PAYLOAD = 65_535 - IPV4_HEADER - UDP_HEADER;

export function pcap(entries: readonly TraceEntry[]): Buffer {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(MAGIC_MICROSECONDS, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(SNAP_LENGTH, 16);
  head.writeUInt32LE(LINK_RAW, 20);
  return Buffer.concat([head, ...entries.map(record)]);
}

function record(entry: TraceEntry): Buffer {
  const [from, to] = entry.direction === 'out' ? [entry.local, entry.remote] : [entry.remote, entry.local];
  const payload = entry.bytes.subarray(0, MOST_PAYLOAD);
  const packet = isIPv6(from.host) || isIPv6(to.host) ? ipv6(from, to, payload) : ipv4(from, to, payload);
  const head = Buffer.alloc(16);
  const time = entry.at.getTime();
  head.writeUInt32LE(Math.floor(time / 1000), 0);
  head.writeUInt32LE((time % 1000) * 1000, 4);
  head.writeUInt32LE(packet.length, 8);
  head.writeUInt32LE(packet.length + entry.bytes.length - payload.length, 12);
  return Buffer.concat([head, packet]);
}

function udp(from: TracePoint, to: TracePoint, payload: Buffer, pseudo: Buffer): Buffer {
  const datagram = Buffer.alloc(UDP_HEADER + payload.length);
  datagram.writeUInt16BE(from.port, 0);
  datagram.writeUInt16BE(to.port, 2);
  datagram.writeUInt16BE(datagram.length, 4);
  payload.copy(datagram, UDP_HEADER);
  // RFC 768: a sum of zero is sent as all ones.
  datagram.writeUInt16BE(checksum(Buffer.concat([pseudo, datagram])) || 0xffff, 6);
  return datagram;
}

/** RFC 791. */
function ipv4(from: TracePoint, to: TracePoint, payload: Buffer): Buffer {
  const [source, target] = [octets4(from.host), octets4(to.host)];
  const length = UDP_HEADER + payload.length;
  const pseudo = Buffer.concat([source, target, Buffer.from([0, UDP, length >> 8, length & 0xff])]);
  const head = Buffer.alloc(IPV4_HEADER);
  head.writeUInt8(0x45, 0);
  head.writeUInt16BE(IPV4_HEADER + length, 2);
  head.writeUInt8(HOP_LIMIT, 8);
  head.writeUInt8(UDP, 9);
  source.copy(head, 12);
  target.copy(head, 16);
  head.writeUInt16BE(checksum(head), 10);
  return Buffer.concat([head, udp(from, to, payload, pseudo)]);
}

/** RFC 8200. */
function ipv6(from: TracePoint, to: TracePoint, payload: Buffer): Buffer {
  const [source, target] = [octets6(from.host), octets6(to.host)];
  const length = UDP_HEADER + payload.length;
  const pseudo = Buffer.concat([
    source,
    target,
    Buffer.from([0, 0, length >> 8, length & 0xff, 0, 0, 0, UDP]),
  ]);
  const head = Buffer.alloc(IPV6_HEADER);
  head.writeUInt8(0x60, 0);
  head.writeUInt16BE(length, 4);
  head.writeUInt8(UDP, 6);
  head.writeUInt8(HOP_LIMIT, 7);
  source.copy(head, 8);
  target.copy(head, 24);
  return Buffer.concat([head, udp(from, to, payload, pseudo)]);
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt8(at) * 256 + (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const octets4 = (host: string): Buffer => {
  const parts = host
    .replace(/^::ffff:/i, '')
    .split('.')
    .map(Number);
  return parts.length === 4 ? Buffer.from(parts) : Buffer.alloc(4);
};

/** An IPv4 address among IPv6 ones is written as a mapped one. */
function octets6(host: string): Buffer {
  const out = Buffer.alloc(16);
  if (!isIPv6(host)) {
    out.writeUInt16BE(0xffff, 10);
    octets4(host).copy(out, 12);
    return out;
  }
  const [head = '', tail] = host.replace(/%.*$/, '').split('::');
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  for (const [index, group] of left.entries()) out.writeUInt16BE(group, index * 2);
  for (const [index, group] of right.entries()) out.writeUInt16BE(group, 16 - (right.length - index) * 2);
  return out;
}

const groups = (text: string): number[] =>
  text
    .split(':')
    .filter(Boolean)
    .flatMap((part) => {
      if (!part.includes('.')) return [Number.parseInt(part, 16)];
      const quad = octets4(part);
      return [quad.readUInt16BE(0), quad.readUInt16BE(2)];
    });
