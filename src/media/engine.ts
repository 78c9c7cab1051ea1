// The TypeScript face of the native engine: JavaScript sets and asks, and hears what happened.
import { TandemError } from '#src/base/errors.ts';
import type { Logger } from '#src/base/log.ts';
import {
  type Addon,
  type Device,
  ENDPOINT_KINDS,
  type EngineHandle,
  loadAddon,
  type NativeRoom,
} from './addon.ts';
import { captureOf, playbackOf } from './endpoint.ts';
import { mediaError, native, nativeAsync } from './faults.ts';
import { mustBePorts, type PortRange } from './ports.ts';
import { AudioStream } from './stream.ts';
import { VideoStream } from './video.ts';
import { videoCaptureOf } from './video-endpoint.ts';
import { WrittenFiles } from './written-files.ts';

export interface MediaInfo {
  /** The packet thread runs under SCHED_FIFO; false: the host did not allow it, packets may be milliseconds late. */
  readonly realtime: boolean;
  readonly version: string;
}

export interface StreamOptions {
  /** Local IP literal; the stream's sockets are bound to it. */
  readonly address: string;
  readonly ports: PortRange;
  /** As AudioStream.attach takes them; absent: silence, until something is attached. */
  readonly capture?: string;
  readonly playback?: string;
}

/** Exported as metrics under these names. */
export interface MediaCounters {
  /** Streams open now. */
  readonly media_streams_open: number;
  /** Streams opened since the start. */
  readonly media_streams_total: number;
  /** RTP packets sent and received by all streams that ever were. */
  readonly media_rtp_sent_total: number;
  readonly media_rtp_received_total: number;
  /** RFC 3550 losses of all streams. */
  readonly media_rtp_lost_total: number;
  /** Packets that came too late to be played. */
  readonly media_rtp_late_total: number;
  /** Device or file troubles. */
  readonly media_troubles_total: number;
}

/** What is done to the sound of ALSA microphones; nothing unless asked for. */
export interface RoomOptions {
  /** The far voice is taken out of what the microphone hears. */
  readonly echoCancel?: boolean;
  readonly noiseSuppression?: boolean;
  /** An even level, whoever speaks how loud. */
  readonly gainControl?: boolean;
  /** From loudspeaker to microphone, as `measureDelay` found it; absent: found by listening, within a second or two of far speech. */
  readonly delayMs?: number;
}

/** What the audio test found. */
export interface DelayMeasure {
  /** From the moment at which the sound system plays to the one at which it hears. */
  readonly delayMs: number;
  /** 0: a guess, 1: beyond doubt. */
  readonly confidence: number;
  /** Level of the echo against what was played; negative: softer. */
  readonly echoDb: number;
}

/** What a video source would send. */
export interface VideoSource {
  /** Six hexadecimal digits, RFC 6184 8.1. */
  readonly profileLevelId: string;
  /** SPS and PPS without start codes, as sprop-parameter-sets tells them; none when only the first picture will show them. */
  readonly parameterSets: readonly Buffer[];
  readonly width: number;
  readonly height: number;
  readonly framesPerSecond: number;
  /** Some of its slices are larger than a packet: packetization-mode 1 is needed. */
  readonly needsFragments: boolean;
}

const VERSION = '1';
/** TM_ROOM_DELAY_UNKNOWN and TM_ROOM_MAX_DELAY_MS. */
const DELAY_UNKNOWN = -1;
const MAX_DELAY_MS = 500;
/** Confidence from which a measured delay is used. */
const SURE = 0.3;
const NO_TOTALS = { sent: 0, received: 0, lost: 0, late: 0 };

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}
const USUAL_PICTURE: PictureSize = { width: 640, height: 480 };

/** Owns the engine's threads and its streams; keeps the process alive until `close`. */
export class MediaEngine {
  readonly info: MediaInfo;
  readonly #addon: Addon;
  readonly #log: Logger;
  readonly #handle: EngineHandle;
  readonly #streams = new Map<number, AudioStream | VideoStream>();
  readonly #files = new WrittenFiles();
  #opened = 0;
  #troubles = 0;
  #ended = NO_TOTALS;
  #closing: Promise<void> | undefined;
  #destroyed = false;

  private constructor(
    addon: Addon,
    options: {
      readonly log: Logger;
      readonly realtime: boolean;
      readonly room: NativeRoom;
      readonly picture: PictureSize;
    },
  ) {
    this.#addon = addon;
    this.#log = options.log;
    this.#handle = native(() =>
      addon.create(options.realtime, () => this.#drain(), options.room, options.picture),
    );
    this.info = { realtime: addon.isRealtime(this.#handle), version: VERSION };
    if (options.realtime && !this.info.realtime)
      this.#log.warn('no real-time priority allowed: sound may stutter when the processor is busy');
  }

  /** Starts the engine's threads. `realtime` (default true) asks for SCHED_FIFO. Throws `media.addon`, `media.thread`. */
  static open(options: {
    readonly log: Logger;
    readonly realtime?: boolean;
    readonly room?: RoomOptions;
    /** The largest picture that is taken from a camera and encoded. */
    readonly picture?: PictureSize;
  }): MediaEngine {
    const { log, realtime = true, room = {}, picture = USUAL_PICTURE } = options;
    return new MediaEngine(loadAddon(), { log, realtime, room: toNativeRoom(room), picture });
  }

  /**
   * Opens ports, and source and sink when told: who has nobody to hear yet attaches them later. Throws `media.config` (a capture or playback that cannot be read), `media.ports`, `media.address`,
   * `media.device`, `media.file`, `media.file-in-use`, `media.limit`.
   */
  openStream(options: StreamOptions): AudioStream {
    if (this.#closing) throw mediaError('closed', 'no stream can be opened any more');
    const { from, to } = options.ports;
    mustBePorts(options.ports);
    const capture = captureOf(options.capture ?? 'null');
    const playback = playbackOf(options.playback ?? 'null');
    const { value: opened, release } = this.#files.take([playback], () =>
      native(() => this.#addon.open(this.#handle, { address: options.address, from, to, capture, playback })),
    );
    const stream = new AudioStream(this.#addon, this.#handle, opened, this.#files, release);
    this.#adopt(opened.id, stream);
    return stream;
  }

  #adopt(id: number, stream: AudioStream | VideoStream): void {
    this.#streams.set(id, stream);
    this.#opened += 1;
    // Whose stream it is tells of it, once.
    stream.onTrouble.on(() => {
      this.#troubles += 1;
    });
  }

  /** Opens ports for video; ends are attached later. Throws `media.ports`, `media.address`, `media.limit`. */
  openVideo(options: { readonly address: string; readonly ports: StreamOptions['ports'] }): VideoStream {
    if (this.#closing) throw mediaError('closed', 'no stream can be opened any more');
    const { from, to } = options.ports;
    mustBePorts(options.ports);
    const opened = native(() => this.#addon.openVideo(this.#handle, { address: options.address, from, to }));
    const stream = new VideoStream(this.#addon, this.#handle, opened, this.#files);
    this.#adopt(opened.id, stream);
    return stream;
  }

  /**
   * What a capture (as VideoStream.attach takes it) would send at a level (`level_idc`, e.g. 31), for the SDP. Takes milliseconds.
   * Throws `media.config`, `media.device`, `media.file`, `media.argument`.
   */
  videoSource(capture: string, level: number): VideoSource {
    const endpoint = videoCaptureOf(capture);
    const source = native(() => this.#addon.describeVideo(this.#handle, { capture: endpoint }, level));
    return {
      profileLevelId: source.profileLevelId.toString(16).padStart(6, '0'),
      parameterSets: source.parameterSets
        .split(',')
        .filter((set) => set !== '')
        .map((set) => Buffer.from(set, 'base64')),
      width: source.width,
      height: source.height,
      framesPerSecond: source.fps,
      needsFragments: source.fragments,
    };
  }

  /** Cameras of this host, by names that stay the same: what goes behind `v4l2:`. */
  cameras(): readonly Device[] {
    return this.#addon.cameras();
  }

  /** Audio devices of this host, by names that stay the same. */
  devices(): { readonly capture: readonly Device[]; readonly playback: readonly Device[] } {
    return { capture: this.#addon.devices(true), playback: this.#addon.devices(false) };
  }

  /**
   * The audio test: plays a chirp of half a second on `playback`, hears it on `capture` (both `"alsa:NAME"`), 1.6 s in all. Calls go on. What
   * is found holds from then on, when it is sure enough; keep it and hand it in as `room.delayMs`. Rejects with `media.config`, `media.device`.
   */
  async measureDelay(options: {
    readonly capture: string;
    readonly playback: string;
  }): Promise<DelayMeasure> {
    if (this.#closing) throw mediaError('closed', 'nothing can be measured any more');
    const [capture, playback] = [
      deviceOf('capture', options.capture),
      deviceOf('playback', options.playback),
    ];
    const measured = await nativeAsync(() => this.#addon.measureDelay(this.#handle, capture, playback));
    const delayMs = Math.round(measured.delayMs);
    const usable = measured.confidence >= SURE && delayMs >= 0 && delayMs <= MAX_DELAY_MS;
    if (usable && !this.#destroyed) this.setDelay(delayMs);
    return measured;
  }

  /** Tells the rooms of all microphones the delay, see `measureDelay`; undefined: it is found by listening. */
  setDelay(delayMs: number | undefined): void {
    native(() => this.#addon.setDelay(this.#handle, delayMs ?? DELAY_UNKNOWN));
  }

  get counters(): MediaCounters {
    const live = [...this.#streams.values()].map(totalsOf);
    const sum = (key: keyof typeof NO_TOTALS): number =>
      live.reduce((total, stats) => total + stats[key], this.#ended[key]);
    return {
      media_streams_open: this.#streams.size,
      media_streams_total: this.#opened,
      media_rtp_sent_total: sum('sent'),
      media_rtp_received_total: sum('received'),
      media_rtp_lost_total: sum('lost'),
      media_rtp_late_total: sum('late'),
      media_troubles_total: this.#troubles,
    };
  }

  /** Closes every stream, then ends the threads. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#streams.values()].map((stream) => stream.close()));
    this.#destroyed = true;
    this.#addon.destroy(this.#handle);
  }

  #drain(): void {
    // A call that was on its way when the engine was destroyed.
    if (this.#destroyed) return;
    for (
      let event = this.#addon.nextEvent(this.#handle);
      event !== undefined;
      event = this.#addon.nextEvent(this.#handle)
    ) {
      const stream = this.#streams.get(event.stream);
      if (!stream?.deliver(event)) continue;
      this.#streams.delete(event.stream);
      const { sent, received, lost, late } = totalsOf(stream);
      this.#ended = {
        sent: this.#ended.sent + sent,
        received: this.#ended.received + received,
        lost: this.#ended.lost + lost,
        late: this.#ended.late + late,
      };
    }
  }
}

function toNativeRoom(room: RoomOptions): NativeRoom {
  const { echoCancel = false, noiseSuppression = false, gainControl = false, delayMs = DELAY_UNKNOWN } = room;
  return { echoCancel, noiseSuppression, gainControl, delayMs };
}

function deviceOf(key: 'capture' | 'playback', text: string): string {
  const endpoint = key === 'capture' ? captureOf(text) : playbackOf(text);
  if (endpoint.kind === ENDPOINT_KINDS.device) return endpoint.name;
  throw new TandemError('caller', 'media.config', `The ${key} of the audio test is no device: ${text}.`, {
    detail: { key },
  });
}

/** Pictures are never late: what comes too late is lost. */
function totalsOf(stream: AudioStream | VideoStream): typeof NO_TOTALS {
  const stats = stream.stats();
  return {
    sent: stats.sent,
    received: stats.received,
    lost: stats.lost,
    late: 'late' in stats ? stats.late : 0,
  };
}
