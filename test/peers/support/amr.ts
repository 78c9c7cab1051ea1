// AMR and AMR-WB as the far end's own hands know them (RFC 4867 4.3, 4.4, 5.3): payloads taken apart, put together, stored for ffmpeg.
import * as assert from 'uvu/assert';

export type AmrName = 'AMR' | 'AMR-WB';
export type Form = 'bandwidth-efficient' | 'octet-aligned';

interface AmrRow {
  /** Speech bits of each frame type, SID last (RFC 4867 tables 1a, 1b; 26.101, 26.201). */
  readonly bits: readonly number[];
  readonly samplesPerFrame: number;
  readonly storageHead: string;
}

export const AMR: Readonly<Record<AmrName, AmrRow>> = {
  AMR: { bits: [95, 103, 118, 134, 148, 159, 204, 244, 39], samplesPerFrame: 160, storageHead: '#!AMR\n' },
  'AMR-WB': {
    bits: [132, 177, 253, 285, 317, 365, 397, 461, 477, 40],
    samplesPerFrame: 320,
    storageHead: '#!AMR-WB\n',
  },
};

/** Frame type of a silence description, and the highest speech mode before it. */
export const silenceType = (name: AmrName): number => AMR[name].bits.length - 1;
export const NO_DATA = 15;
export const NO_REQUEST = 15;

export interface Frame {
  readonly type: number;
  /** `0` and `1`; empty for NO_DATA. */
  readonly bits: string;
}

const binary = (value: number, width: number): string => value.toString(2).padStart(width, '0');
const toBits = (octets: Buffer): string => [...octets].map((octet) => binary(octet, 8)).join('');
function toOctets(bits: string): Buffer {
  const octets = Buffer.alloc(Math.ceil(bits.length / 8));
  for (const [index] of octets.entries())
    octets.writeUInt8(Number.parseInt(bits.slice(index * 8, index * 8 + 8).padEnd(8, '0'), 2), index);
  return octets;
}

/** The frames of a payload; throws when it is not of this form. */
export function unpack(name: AmrName, form: Form, payload: Buffer): Frame[] {
  const all = toBits(payload);
  const aligned = form === 'octet-aligned';
  let at = aligned ? 8 : 4;
  const types: number[] = [];
  for (let more = true; more; ) {
    more = all[at] === '1';
    types.push(Number.parseInt(all.slice(at + 1, at + 5), 2));
    at += aligned ? 8 : 6;
  }
  return types.map((type) => {
    const length = AMR[name].bits[type] ?? 0;
    const bits = all.slice(at, at + length);
    assert.is(bits.length, length, `a frame of type ${type} is cut short`);
    at += aligned ? Math.ceil(length / 8) * 8 : length;
    return { type, bits };
  });
}

/** A payload of these frames that asks for a mode. */
export function pack(form: Form, frames: readonly Frame[], request = NO_REQUEST): Buffer {
  const aligned = form === 'octet-aligned';
  const padded = (bits: string): string =>
    aligned ? bits.padEnd(Math.ceil(bits.length / 8) * 8, '0') : bits;
  const table = frames.map(({ type }, index) =>
    // F, FT, Q.
    padded(`${index < frames.length - 1 ? 1 : 0}${binary(type, 4)}1`),
  );
  return toOctets([padded(binary(request, 4)), ...table, ...frames.map(({ bits }) => padded(bits))].join(''));
}

/** A file that ffmpeg decodes. */
export const stored = (name: AmrName, frames: readonly Frame[]): Buffer =>
  Buffer.concat([
    Buffer.from(AMR[name].storageHead),
    ...frames.flatMap(({ type, bits }) => [Buffer.from([(type << 3) | 4]), toOctets(bits)]),
  ]);

/** How tshark is told the form: SDP does not tell it. */
export const tsharkForm = (form: Form): string[] => [
  '-o',
  `amr.encoding.version:${form === 'octet-aligned' ? 'RFC 3267 octet aligned' : 'RFC 3267 BW-efficient'}`,
];
