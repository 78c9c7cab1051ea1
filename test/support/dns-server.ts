// A little name server on loopback: zones as data, with faults on demand (RFC 1035, 2782, 3403).
import { createSocket, type Socket } from 'node:dgram';
import { packAddress } from '#src/sip/transport/address.ts';

export type DnsRecord =
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | {
      readonly type: 'SRV';
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    }
  | {
      readonly type: 'NAPTR';
      readonly order: number;
      readonly preference: number;
      readonly flags: string;
      readonly service: string;
      readonly replacement: string;
    };

/** `drop` says nothing, `servfail` answers RCODE 2, `refused` RCODE 5. */
export type DnsFault = 'drop' | 'servfail' | 'refused';

export interface DnsServer {
  /** `"127.0.0.1:port"` */
  readonly address: string;
  /** Records by name; change it at will. */
  readonly zone: Map<string, DnsRecord[]>;
  /** Faults by `"TYPE name"`, or by name for every type. */
  readonly faults: Map<string, DnsFault>;
  /** Every question, as `"TYPE name"`. */
  readonly asked: string[];
  close(): Promise<void>;
}

const TYPES: Readonly<Record<DnsRecord['type'], number>> = { A: 1, AAAA: 28, SRV: 33, NAPTR: 35 };
const HEADER_OCTETS = 12;
const CLASS_IN = 1;
const TTL_SECONDS = 60;
/** QR, AA, RD, RA. */
const ANSWER_FLAGS = 0x8580;
const RCODE = { none: 0, servfail: 2, nxdomain: 3, refused: 5 } as const;

const word = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
const text = (value: string): Buffer =>
  Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')]);
const name = (value: string): Buffer =>
  Buffer.concat([...value.split('.').filter(Boolean).map(text), Buffer.from([0])]);

function data(record: DnsRecord): Buffer {
  if ('address' in record) return packAddress(record.address);
  if (record.type === 'SRV') {
    const { priority, weight, port, target } = record;
    return Buffer.concat([word(priority), word(weight), word(port), name(target)]);
  }
  const { order, preference, flags, service, replacement } = record;
  return Buffer.concat([
    word(order),
    word(preference),
    text(flags),
    text(service),
    text(''),
    name(replacement),
  ]);
}

function readQuestion(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = HEADER_OCTETS;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function answer(
  query: Buffer,
  end: number,
  rcode: number,
  type: number,
  records: readonly DnsRecord[],
): Buffer {
  const header = Buffer.alloc(HEADER_OCTETS);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(ANSWER_FLAGS | rcode, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  const ttl = Buffer.alloc(4);
  ttl.writeUInt32BE(TTL_SECONDS, 0);
  const rows = records.map((record) => {
    const value = data(record);
    // The name is a pointer to the question.
    return Buffer.concat([
      word(0xc000 | HEADER_OCTETS),
      word(type),
      word(CLASS_IN),
      ttl,
      word(value.length),
      value,
    ]);
  });
  return Buffer.concat([header, query.subarray(HEADER_OCTETS, end), ...rows]);
}

export async function startDns(zone: Readonly<Record<string, DnsRecord[]>>): Promise<DnsServer> {
  const socket: Socket = createSocket('udp4');
  const records = new Map(Object.entries(zone));
  const faults = new Map<string, DnsFault>();
  const asked: string[] = [];
  socket.on('message', (query, from) => {
    const question = readQuestion(query);
    const type =
      Object.entries(TYPES).find(([, number]) => number === question.type)?.[0] ?? String(question.type);
    const key = `${type} ${question.name}`;
    asked.push(key);
    const fault = faults.get(key) ?? faults.get(question.name);
    if (fault === 'drop') return;
    const known = records.get(question.name);
    const rcode = fault ? RCODE[fault] : known ? RCODE.none : RCODE.nxdomain;
    const found = fault ? [] : (known ?? []).filter((record) => record.type === type);
    socket.send(answer(query, question.end, rcode, question.type, found), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    ...{ zone: records, faults, asked },
    address: `127.0.0.1:${socket.address().port}`,
    close: () => new Promise((resolve) => socket.close(resolve)),
  };
}
