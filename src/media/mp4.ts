// Fragmented MP4 of an H.264 stream as a browser plays it: one fragment a frame, no transcoding (ISO/IEC 14496-12, -15).
import { NAL, nalType, type PictureFormat, readSps, splitAnnexB } from './h264.ts';

/** RFC 6184 8.1; the timescale of the film as well. */
export const VIDEO_CLOCK = 90_000;

export interface Frame {
  /** Access unit with start codes. */
  readonly data: Buffer;
  /** RTP timestamp, 90 kHz, 32 bits. */
  readonly timestamp: number;
  readonly key: boolean;
  /** Those of the session description (`sprop-parameter-sets`), for a key frame that brings none. */
  readonly parameterSets?: readonly Buffer[];
  /** To be turned so far clockwise, then mirrored left to right, to be seen upright (26.114 7.4.5); by default it is. */
  readonly rotation?: number;
  readonly mirrored?: boolean;
}

/** What a player must be told before the first frame. */
export interface Film {
  readonly format: PictureFormat;
  readonly sps: Buffer;
  readonly pps: Buffer;
  readonly rotation: number;
  readonly mirrored: boolean;
}

/** `video/mp4; codecs="avc1.42E01F"` (RFC 6381 3.3). */
export const filmType = ({ format }: Film): string => {
  const hex = [format.profileIdc, format.constraints, format.levelIdc].map((octet) =>
    octet.toString(16).padStart(2, '0'),
  );
  return `video/mp4; codecs="avc1.${hex.join('').toUpperCase()}"`;
};

/** The film that a key frame begins: its own parameter sets, else those that the description gave. */
export function filmOf(frame: Frame): Film | undefined {
  const { data, parameterSets = [], rotation = 0, mirrored = false } = frame;
  const units = [...splitAnnexB(data), ...parameterSets];
  const sps = units.find((unit) => nalType(unit) === NAL.sps);
  const pps = units.find((unit) => nalType(unit) === NAL.pps);
  const format = sps && readSps(sps);
  return sps && pps && format ? { format, sps, pps, rotation, mirrored } : undefined;
}

/** Further than this the timestamps of two frames are not apart: the sender has begun anew. */
const LONGEST_FRAME = 10 * VIDEO_CLOCK;
/** Of a frame whose true duration cannot be known: a thirtieth of a second. */
const USUAL_FRAME = VIDEO_CLOCK / 30;

/**
 * Frames in, octets out. A frame goes out when the next one has told how long it lasts. What comes before the first key
 * frame with parameter sets is left out; new sets and another orientation begin a new initialisation segment, with a key frame.
 */
export class Mp4Writer {
  #film: Film | undefined;
  #held: Frame | undefined;
  #last: number | undefined;
  #awaitsKey = true;
  #sequence = 0;
  #time = 0;

  /** Known from the first key frame on. */
  get film(): Film | undefined {
    return this.#film;
  }

  /** A key frame is needed before anything can be written. */
  get awaitsKey(): boolean {
    return this.#awaitsKey;
  }

  /** The picture has turned: it is shown as before until a key frame comes, which whoever asked for the film should ask for. */
  isTurned(frame: Frame): boolean {
    const { rotation = 0, mirrored = false } = frame;
    return this.#film !== undefined && (this.#film.rotation !== rotation || this.#film.mirrored !== mirrored);
  }

  /** What can be written now, perhaps nothing. */
  add(frame: Frame): readonly Buffer[] {
    const out: Buffer[] = [];
    const duration = this.#since(frame.timestamp);
    if (this.#held) out.push(this.#fragment(this.#held, duration));
    if (this.#sequence > 0) this.#time += duration;
    this.#held = undefined;
    if (frame.key) out.push(...this.#begin(frame));
    if (!this.#awaitsKey) this.#held = frame;
    return out;
  }

  /** Leaves out everything up to the next key frame; its time passes all the same. */
  skip(): void {
    this.#held = undefined;
    this.#awaitsKey = true;
  }

  #since(timestamp: number): number {
    const apart = this.#last === undefined ? 0 : (timestamp - this.#last) | 0;
    this.#last = timestamp;
    return apart > 0 && apart <= LONGEST_FRAME ? apart : USUAL_FRAME;
  }

  #begin(frame: Frame): readonly Buffer[] {
    const { rotation = 0, mirrored = false } = frame;
    const film = filmOf(frame) ?? (this.#film && { ...this.#film, rotation, mirrored });
    if (!film) return [];
    this.#awaitsKey = false;
    if (sameFilm(film, this.#film)) return [];
    this.#film = film;
    return [initSegment(film)];
  }

  #fragment(frame: Frame, duration: number): Buffer {
    this.#sequence += 1;
    return fragment(frame, { sequence: this.#sequence, time: this.#time, duration });
  }
}

const sameFilm = (one: Film, other: Film | undefined): boolean =>
  other !== undefined &&
  one.sps.equals(other.sps) &&
  one.pps.equals(other.pps) &&
  one.rotation === other.rotation &&
  one.mirrored === other.mirrored;

// Boxes (14496-12 4.2). Numbers are big-endian.

const u8 = (...values: readonly number[]): Buffer => Buffer.from(values);
const u16 = (...values: readonly number[]): Buffer => {
  const out = Buffer.alloc(2 * values.length);
  for (const [at, value] of values.entries()) out.writeUInt16BE(value, 2 * at);
  return out;
};
const u32 = (...values: readonly number[]): Buffer => {
  const out = Buffer.alloc(4 * values.length);
  for (const [at, value] of values.entries()) out.writeUInt32BE(value >>> 0, 4 * at);
  return out;
};
const u64 = (value: number): Buffer => {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(BigInt(value));
  return out;
};
const word = (text: string): Buffer => Buffer.from(text, 'latin1');
const zeros = (count: number): Buffer => Buffer.alloc(count);

const box = (type: string, ...parts: readonly Buffer[]): Buffer => {
  const size = parts.reduce((sum, part) => sum + part.length, 8);
  return Buffer.concat([u32(size), word(type), ...parts]);
};
/** A box with version and flags. */
const full = (type: string, version: number, flags: number, ...parts: readonly Buffer[]): Buffer =>
  box(type, u32(version * 2 ** 24 + flags), ...parts);

const TRACK = 1;
/** 1.0 in fixed point 16.16, and the identity matrix (8.2.2). */
const ONE = 0x0001_0000;
const UNITY = u32(ONE, 0, 0, 0, ONE, 0, 0, 0, 0x4000_0000);

/** 8.3.2, 6.2.2: how a picture of this size is laid upon the screen, moved back to where its corner was. */
function layout({ format: { width, height }, rotation, mirrored }: Film): Buffer {
  // x' = a x + c y + tx, y' = b x + d y + ty; turned clockwise.
  const turns: Readonly<Record<number, readonly [number, number, number, number]>> = {
    90: [0, 1, -1, 0],
    180: [-1, 0, 0, -1],
    270: [0, -1, 1, 0],
  };
  const [a, b, c, d] = turns[rotation] ?? [1, 0, 0, 1];
  const flip = mirrored ? -1 : 1;
  const [ax, cx] = [a * flip, c * flip];
  const tx = (ax < 0 ? width : 0) + (cx < 0 ? height : 0);
  const ty = (b < 0 ? width : 0) + (d < 0 ? height : 0);
  return u32(ax * ONE, b * ONE, 0, cx * ONE, d * ONE, 0, tx * ONE, ty * ONE, 0x4000_0000);
}
/** `und` in three times five bits (8.4.2). */
const NO_LANGUAGE = 0x55c4;
const DPI_72 = 0x0048_0000;

/** `ftyp` and `moov`: what comes before the first fragment. */
function initSegment(film: Film): Buffer {
  const { width, height } = film.format;
  const mvhd = full(
    'mvhd',
    0,
    0,
    u32(0, 0, VIDEO_CLOCK, 0, ONE),
    u16(0x0100),
    zeros(10),
    UNITY,
    zeros(24),
    u32(TRACK + 1),
  );
  const tkhd = full(
    'tkhd',
    0,
    // Enabled, in the film, in its preview (8.3.2).
    7,
    u32(0, 0, TRACK, 0, 0),
    zeros(16),
    layout(film),
    u32(width * ONE, height * ONE),
  );
  const media = box(
    'mdia',
    full('mdhd', 0, 0, u32(0, 0, VIDEO_CLOCK, 0), u16(NO_LANGUAGE, 0)),
    full('hdlr', 0, 0, u32(0), word('vide'), zeros(12), word('Tandem\0')),
    box('minf', full('vmhd', 0, 1, zeros(8)), dataHere(), sampleTable(film)),
  );
  return Buffer.concat([
    box('ftyp', word('iso5'), u32(1), word('iso5iso6mp41avc1')),
    box('moov', mvhd, box('trak', tkhd, media), box('mvex', full('trex', 0, 0, u32(TRACK, 1, 0, 0, 0)))),
  ]);
}

/** 8.7.1: the data are in this file. */
const dataHere = (): Buffer => box('dinf', full('dref', 0, 0, u32(1), full('url ', 0, 1)));

/** Empty tables: every sample is in a fragment (8.5). */
const sampleTable = (film: Film): Buffer =>
  box(
    'stbl',
    full('stsd', 0, 0, u32(1), sampleEntry(film)),
    full('stts', 0, 0, u32(0)),
    full('stsc', 0, 0, u32(0)),
    full('stsz', 0, 0, u32(0, 0)),
    full('stco', 0, 0, u32(0)),
  );

/** 14496-15 5.4.2.1. */
function sampleEntry(film: Film): Buffer {
  const { width, height } = film.format;
  return box(
    'avc1',
    zeros(6),
    u16(1),
    zeros(16),
    u16(width, height),
    u32(DPI_72, DPI_72, 0),
    u16(1),
    zeros(32),
    u16(0x0018, 0xffff),
    decoderConfiguration(film),
  );
}

/** Profiles whose record has more to say (14496-15 5.3.3.1.2). */
const HIGH: readonly number[] = [100, 110, 122, 144];

function decoderConfiguration({ format, sps, pps }: Film): Buffer {
  const { profileIdc, constraints, levelIdc } = format;
  return box(
    'avcC',
    // Lengths of four octets; one set of each kind.
    u8(1, profileIdc, constraints, levelIdc, 0xff, 0xe1),
    u16(sps.length),
    sps,
    u8(1),
    u16(pps.length),
    pps,
    // 4:2:0 with eight bits, no extension: all that a telephone sends.
    ...(HIGH.includes(profileIdc) ? [u8(0xfd, 0xf8, 0xf8, 0)] : []),
  );
}

/** 8.8.3.1: depends on nothing; depends on others and is no point to begin at. */
const KEY_SAMPLE = 0x0200_0000;
const OTHER_SAMPLE = 0x0101_0000;
const DEFAULT_BASE_IS_MOOF = 0x02_0000;
/** Data offset, and for each sample duration, size and flags (8.8.8.1). */
const RUN_FLAGS = 0x0701;

interface Place {
  readonly sequence: number;
  readonly time: number;
  readonly duration: number;
}

/** `moof` and `mdat` of one frame; parameter sets and delimiters are not part of a sample (14496-15 5.3.2). */
function fragment({ data, key }: Frame, { sequence, time, duration }: Place): Buffer {
  const left: readonly number[] = [NAL.sps, NAL.pps, NAL.delimiter];
  const units = splitAnnexB(data).filter((unit) => !left.includes(nalType(unit)));
  const sample = Buffer.concat(units.flatMap((unit) => [u32(unit.length), unit]));
  const moof = (offset: number): Buffer =>
    box(
      'moof',
      full('mfhd', 0, 0, u32(sequence)),
      box(
        'traf',
        full('tfhd', 0, DEFAULT_BASE_IS_MOOF, u32(TRACK)),
        full('tfdt', 1, 0, u64(time)),
        full('trun', 0, RUN_FLAGS, u32(1, offset, duration, sample.length, key ? KEY_SAMPLE : OTHER_SAMPLE)),
      ),
    );
  return Buffer.concat([moof(moof(0).length + 8), box('mdat', sample)]);
}
