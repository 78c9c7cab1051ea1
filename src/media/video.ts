// One video stream of a call: H.264 over RTP to and from a peer, a camera or film and a file. Everything timed happens in the engine.
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import type { Addon, EngineHandle, NativeEvent, NativeVideoStats } from './addon.ts';
import { EVENT_KINDS } from './addon.ts';
import type { Elsewhere } from './elsewhere.ts';
import { mediaError, native } from './faults.ts';
import { mustBePorts, type PortRange } from './ports.ts';
import { toNativeVideo, type Unwatched, type VideoStreamConfig } from './video-config.ts';
import { videoCaptureOf, videoSinkOf } from './video-endpoint.ts';
import { toStats, type VideoStats } from './video-stats.ts';
import type { WrittenFiles } from './written-files.ts';

export type { VideoStreamConfig } from './video-config.ts';
export type { VideoStats } from './video-stats.ts';

/** A received picture: an access unit in Annex B, a key frame with its parameter sets before it. */
export interface VideoFrame {
  readonly data: Buffer;
  /** RTP, 90 kHz. */
  readonly timestamp: number;
  readonly key: boolean;
  /** Pixels; 0 while unknown. */
  readonly width: number;
  readonly height: number;
  /** Degrees clockwise that it has to be turned, before it is mirrored (26.114 7.4.5). */
  readonly rotation: number;
  readonly mirrored: boolean;
}

/** How long the close of a stream is asked for again when the engine's queue is full. */
const CLOSE_RETRY_MS = 5;

/**
 * Made by MediaEngine.openVideo. Events come on the JavaScript thread, some time after the fact when that thread is busy; pictures that it
 * does not take in time are left out up to the next key frame. `close` is the only way out; afterwards every other method throws
 * `media.closed`, only `stats` goes on to give the last values.
 */
export class VideoStream {
  /** Once: video of the negotiated payload type came in. */
  readonly onFirstPacket = new Signal<void>();
  /** Media comes from a place of `alsoTo`; told at most once a second. */
  readonly onElsewhere = new Signal<Elsewhere>();
  /** Once: a picture that can be decoded came in; its size, 0 when unknown. */
  readonly onFirstFrame = new Signal<{ readonly width: number; readonly height: number }>();
  /** `media.device`, `media.file`, `media.codec`: the call goes on without that end of it. */
  readonly onTrouble = new Signal<TandemError>();
  /** The camera that went away is back, by itself. */
  readonly onRecovered = new Signal<void>();
  /** Every picture that can be decoded. They leave the engine only while somebody listens; who begins to asks for a key frame. */
  readonly onFrame = new Signal<VideoFrame>({ onListened: () => this.#watch() });

  readonly #addon: Addon;
  readonly #engine: EngineHandle;
  readonly #id: number;
  readonly #closed = Promise.withResolvers<void>();
  readonly #files: WrittenFiles;
  readonly #release: (() => void)[] = [];
  #port: number;
  #closing = false;
  #last: NativeVideoStats | undefined;
  #config: Unwatched | undefined;

  constructor(
    addon: Addon,
    engine: EngineHandle,
    opened: { readonly id: number; readonly port: number },
    files: WrittenFiles,
  ) {
    this.#files = files;
    this.#addon = addon;
    this.#engine = engine;
    this.#id = opened.id;
    this.#port = opened.port;
  }

  get port(): number {
    return this.#port;
  }

  get rtcpPort(): number {
    return this.#port + 1;
  }

  /**
   * New ports at another address of this host; all else goes on. At an address of the other IP family nothing is sent until a remote of
   * that family is configured. Throws `media.address`, `media.ports`; nothing was changed then.
   */
  move({ address, ports }: { readonly address: string; readonly ports: PortRange }): void {
    this.#mustBeOpen();
    mustBePorts(ports);
    const to = { address, ...ports };
    this.#port = native(() => this.#addon.move(this.#engine, this.#id, to));
  }

  /**
   * Other ends of the video, at any time; what is absent stays. `capture`: `"v4l2:DEVICE"`, `"file:PATH"` (H.264 Annex B, in a loop),
   * `"none"`; `sink`: `"file:PATH"` (Annex B; replaced when it exists), `"none"`. Throws `media.config`, `media.device`, `media.file`, `media.file-in-use`;
   * then nothing was changed. The camera is open only while something is sent.
   */
  attach(ends: { readonly capture?: string; readonly sink?: string }): void {
    this.#mustBeOpen();
    const wanted = {
      ...(ends.capture === undefined ? {} : { capture: videoCaptureOf(ends.capture) }),
      ...(ends.sink === undefined ? {} : { sink: videoSinkOf(ends.sink) }),
    };
    const { release } = this.#files.take([wanted.sink], () =>
      native(() => this.#addon.attachVideo(this.#engine, this.#id, wanted)),
    );
    if (release) this.#release.push(release);
  }

  /** Sets or changes remote, codec, feedback and directions. Throws `media.address`, `media.argument`. */
  configure(config: VideoStreamConfig): void {
    this.#mustBeOpen();
    this.#configure(toNativeVideo(config));
  }

  #configure(config: Unwatched): void {
    const frames = config.receive && this.onFrame.isListenedTo;
    native(() => this.#addon.configureVideo(this.#engine, this.#id, { ...config, frames }));
    this.#config = config;
  }

  #watch(): void {
    if (this.#closing || !this.#config) return;
    try {
      this.#configure(this.#config);
    } catch (cause) {
      this.onTrouble.emit(TandemError.from(cause, 'media.memory'));
    }
  }

  /** Somebody wants to see it from now on: the peer is asked, by the rules of the key-frame policy. */
  requestKeyFrame(): void {
    if (!this.#closing) this.#addon.requestKeyFrame(this.#engine, this.#id);
  }

  stats(): VideoStats {
    if (!this.#closing) this.#last = this.#snapshot();
    return toStats(this.#last);
  }

  /** RTCP BYE, ports and camera let go, the sink's file finished. Idempotent. */
  close(): Promise<void> {
    if (!this.#closing) {
      this.#last = this.#snapshot();
      this.#closing = true;
      this.#askToClose();
    }
    return this.#closed.promise;
  }

  /** An event of this stream; for MediaEngine only. True: it was the last one. */
  deliver(event: NativeEvent): boolean {
    switch (event.kind) {
      case EVENT_KINDS.firstPacket:
        this.onFirstPacket.emit();
        return false;
      case EVENT_KINDS.elsewhere:
        this.onElsewhere.emit({ address: event.address, port: event.port, present: event.present });
        return false;
      case EVENT_KINDS.firstFrame:
        this.onFirstFrame.emit({ width: event.width, height: event.height });
        return false;
      case EVENT_KINDS.frames:
        this.#takeFrames();
        return false;
      case EVENT_KINDS.trouble:
        this.onTrouble.emit(mediaError(event.code, event.text, event.errno));
        return false;
      case EVENT_KINDS.recovered:
        this.onRecovered.emit();
        return false;
      case EVENT_KINDS.closed:
        this.#closing = true;
        for (const release of this.#release) release();
        this.#closed.resolve();
        return true;
      default:
        return false;
    }
  }

  #takeFrames(): void {
    for (
      let frame = this.#addon.nextFrame(this.#engine, this.#id);
      frame !== undefined && !this.#closing;
      frame = this.#addon.nextFrame(this.#engine, this.#id)
    )
      this.onFrame.emit(frame);
  }

  #askToClose(): void {
    if (!this.#addon.close(this.#engine, this.#id)) setTimeout(() => this.#askToClose(), CLOSE_RETRY_MS);
  }

  #snapshot(): NativeVideoStats | undefined {
    return this.#addon.videoStats(this.#engine, this.#id) ?? this.#last;
  }

  #mustBeOpen(): void {
    if (this.#closing) throw mediaError('closed', 'the stream is closed');
  }
}
