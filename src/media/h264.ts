// What a player must know of an H.264 stream: its NAL units and what a sequence parameter set says (ITU-T H.264 7.3, Annex B).

/** H.264 table 7-1. */
export const NAL = { idr: 5, sps: 7, pps: 8, delimiter: 9 } as const;
const TYPE_MASK = 0x1f;

export const nalType = (unit: Buffer): number => (unit[0] ?? 0) & TYPE_MASK;

/** The NAL units of an access unit with start codes (Annex B); empty ones are left out. */
export function splitAnnexB(bytes: Buffer): readonly Buffer[] {
  const units: Buffer[] = [];
  let start = -1;
  for (let at = bytes.indexOf(START_CODE); at >= 0; at = bytes.indexOf(START_CODE, at + START_CODE.length)) {
    if (start >= 0) push(units, bytes.subarray(start, at));
    start = at + START_CODE.length;
  }
  if (start >= 0) push(units, bytes.subarray(start));
  return units;
}

const START_CODE = Buffer.from([0, 0, 1]);

/** Zero octets behind a unit belong to the next start code or to nothing (B.1.1). */
function push(units: Buffer[], unit: Buffer): void {
  let end = unit.length;
  while (end > 0 && unit[end - 1] === 0) end -= 1;
  if (end > 0) units.push(unit.subarray(0, end));
}

export interface PictureFormat {
  readonly profileIdc: number;
  /** The constraint flags, one octet. */
  readonly constraints: number;
  readonly levelIdc: number;
  /** Pixels that are shown. */
  readonly width: number;
  readonly height: number;
}

/** Profiles whose SPS tells chroma and scaling (7.3.2.1.1). */
const WITH_CHROMA: readonly number[] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
const CHROMA_444 = 3;
const CHROMA_420 = 1;
/** 16 pixels. */
const MACROBLOCK = 16;
/** Level 6.2 has fewer; more is nonsense that must not be believed. */
const MOST_PIXELS = 16_384;

/** Reads a sequence parameter set (with its NAL header); undefined when it is none or makes no sense. */
export function readSps(unit: Buffer): PictureFormat | undefined {
  if (nalType(unit) !== NAL.sps || unit.length < 5) return undefined;
  const bits = new BitReader(withoutEmulation(unit.subarray(1)));
  const profileIdc = bits.take(8);
  const constraints = bits.take(8);
  const levelIdc = bits.take(8);
  bits.unsigned();
  const chroma = WITH_CHROMA.includes(profileIdc) ? chromaOf(bits) : CHROMA_420;
  bits.unsigned();
  skipOrder(bits);
  bits.unsigned();
  bits.take(1);
  const across = bits.unsigned() + 1;
  const down = bits.unsigned() + 1;
  const frames = bits.take(1);
  if (frames === 0) bits.take(1);
  bits.take(1);
  const crop = cropOf(bits, chroma, frames);
  const width = across * MACROBLOCK - crop.across;
  const height = down * MACROBLOCK * (2 - frames) - crop.down;
  const sane = width > 0 && height > 0 && width <= MOST_PIXELS && height <= MOST_PIXELS;
  return bits.isBroken || !sane ? undefined : { profileIdc, constraints, levelIdc, width, height };
}

function chromaOf(bits: BitReader): number {
  const chroma = bits.unsigned();
  if (chroma === CHROMA_444) bits.take(1);
  bits.unsigned();
  bits.unsigned();
  bits.take(1);
  if (bits.take(1) === 1) skipScaling(bits, chroma === CHROMA_444 ? 12 : 8);
  return chroma;
}

/** 7.3.2.1.1.1 */
function skipScaling(bits: BitReader, lists: number): void {
  for (let list = 0; list < lists; list += 1) {
    if (bits.take(1) === 0) continue;
    let [last, next] = [8, 8];
    for (let at = 0; at < (list < 6 ? 16 : 64) && !bits.isBroken; at += 1) {
      if (next !== 0) next = (last + bits.signed() + 256) % 256;
      if (next !== 0) last = next;
    }
  }
}

function skipOrder(bits: BitReader): void {
  const kind = bits.unsigned();
  if (kind === 0) bits.unsigned();
  if (kind !== 1) return;
  bits.take(1);
  bits.signed();
  bits.signed();
  for (let left = bits.unsigned(); left > 0 && !bits.isBroken; left -= 1) bits.signed();
}

/** Table 6-1: cropping counts in chroma samples. */
function cropOf(bits: BitReader, chroma: number, frames: number): { across: number; down: number } {
  if (bits.take(1) === 0) return { across: 0, down: 0 };
  const [left, right, top, bottom] = [bits.unsigned(), bits.unsigned(), bits.unsigned(), bits.unsigned()];
  const stepAcross = chroma === 1 || chroma === 2 ? 2 : 1;
  const stepDown = (chroma === 1 ? 2 : 1) * (2 - frames);
  return { across: (left + right) * stepAcross, down: (top + bottom) * stepDown };
}

/** 7.4.1.1: a 3 behind two zeros is not data. */
function withoutEmulation(bytes: Buffer): Buffer {
  const out = Buffer.alloc(bytes.length);
  let [length, zeros] = [0, 0];
  for (const octet of bytes) {
    if (zeros >= 2 && octet === 3) {
      zeros = 0;
      continue;
    }
    zeros = octet === 0 ? zeros + 1 : 0;
    out[length] = octet;
    length += 1;
  }
  return out.subarray(0, length);
}

/** Reads past the end give zeros and mark the reader as broken. */
class BitReader {
  readonly #bytes: Buffer;
  #at = 0;
  isBroken = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  take(count: number): number {
    let value = 0;
    for (let left = count; left > 0; left -= 1) value = value * 2 + this.#bit();
    return value;
  }

  /** ue(v), 9.1. */
  unsigned(): number {
    let zeros = 0;
    while (this.#bit() === 0) {
      zeros += 1;
      if (this.isBroken || zeros > 31) {
        this.isBroken = true;
        return 0;
      }
    }
    return 2 ** zeros - 1 + this.take(zeros);
  }

  /** se(v), 9.1.1. */
  signed(): number {
    const code = this.unsigned();
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  }

  #bit(): number {
    const octet = this.#bytes[this.#at >> 3];
    if (octet === undefined) this.isBroken = true;
    const bit = ((octet ?? 0) >> (7 - (this.#at & 7))) & 1;
    this.#at += 1;
    return bit;
  }
}
