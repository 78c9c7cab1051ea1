// One audio stream of a call: RTP to and from a peer, a source and a sink. Everything timed happens in the engine.
import type { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import {
  type Addon,
  type EngineHandle,
  EVENT_KINDS,
  type NativeEvent,
  type NativeStats,
  TONE_NUMBERS,
} from './addon.ts';
import type { Elsewhere } from './elsewhere.ts';
import { captureOf, playbackOf } from './endpoint.ts';
import { mediaError, native } from './faults.ts';
import { mustBePorts, type PortRange } from './ports.ts';
import { type StreamConfig, toNativeConfig } from './stream-config.ts';
import { EMPTY_STATS, type StreamStats, toStats } from './stream-stats.ts';
import type { WrittenFiles } from './written-files.ts';

export type { StreamConfig } from './stream-config.ts';
export type { StreamStats } from './stream-stats.ts';

/** Call progress, TS 22.001 annex F; `ring` is the device's own. */
export type Tone = keyof typeof TONE_NUMBERS;

/** How long the close of a stream is asked for again when the engine's queue is full. */
const CLOSE_RETRY_MS = 5;

/**
 * Made by MediaEngine.openStream. Events come on the JavaScript thread, some time after the fact when that thread is busy.
 * `close` is the only way out; afterwards every other method throws `media.closed`, only `stats` goes on to give the last values.
 */
export class AudioStream {
  /** A key was pressed at the other end; told when it is released. */
  readonly onDtmf = new Signal<{ readonly digit: string; readonly durationMs: number }>();
  /** Once for each remote: sound of the negotiated codec came in. */
  readonly onFirstPacket = new Signal<void>();
  /** Media comes from a place of `alsoTo`; told at most once a second. */
  readonly onElsewhere = new Signal<Elsewhere>();
  /** `media.device`, `media.file`: the call goes on without that end of it. `media.limit`: digits were not sent. */
  readonly onTrouble = new Signal<TandemError>();
  /** The device that went away is back, by itself. */
  readonly onRecovered = new Signal<void>();

  readonly #addon: Addon;
  readonly #engine: EngineHandle;
  readonly #id: number;
  readonly #closed = Promise.withResolvers<void>();
  readonly #files: WrittenFiles;
  readonly #release: (() => void)[] = [];
  #port: number;
  #closing = false;
  #last: NativeStats;

  constructor(
    addon: Addon,
    engine: EngineHandle,
    opened: { readonly id: number; readonly port: number },
    files: WrittenFiles,
    release?: () => void,
  ) {
    this.#files = files;
    if (release) this.#release.push(release);
    this.#addon = addon;
    this.#engine = engine;
    this.#id = opened.id;
    this.#port = opened.port;
    this.#last = EMPTY_STATS;
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
   * Other ends of the sound, at any time; what is absent stays. `capture`: `"alsa:NAME"`, `"file:PATH"` (WAV that loops), `"tone:HZ"`,
   * `"null"`; `playback`: `"alsa:NAME"`, `"file:PATH"` (WAV, 16 kHz mono; replaced when it exists), `"null"`. A file that is replaced is
   * whole soon afterwards. Throws `media.config`, `media.device`, `media.file`, `media.file-in-use`; then nothing was changed.
   */
  attach(ends: { readonly capture?: string; readonly playback?: string }): void {
    this.#mustBeOpen();
    const { capture, playback } = ends;
    const wanted = {
      ...(capture === undefined ? {} : { capture: captureOf(capture) }),
      ...(playback === undefined ? {} : { playback: playbackOf(playback) }),
    };
    const { release } = this.#files.take([wanted.playback], () =>
      native(() => this.#addon.attach(this.#engine, this.#id, wanted)),
    );
    if (release) this.#release.push(release);
  }

  /** Sets or changes remote, codec and directions, from the next packet on. Throws `media.codec`, `media.address`, `media.argument`. */
  configure(config: StreamConfig): void {
    this.#mustBeOpen();
    const nativeConfig = toNativeConfig(config);
    native(() => this.#addon.configure(this.#engine, this.#id, nativeConfig));
  }

  /** Queues digits (0-9 * # A-D). Throws `media.argument`: no digit, or no telephone-event negotiated. */
  sendDtmf(digits: string, options: { readonly durationMs?: number; readonly gapMs?: number } = {}): void {
    this.#mustBeOpen();
    native(() =>
      this.#addon.sendDtmf(this.#engine, this.#id, digits, options.durationMs ?? 0, options.gapMs ?? 0),
    );
  }

  /**
   * Begins a tone at the playback device, `none` ends it; possible from the opening on. `waiting` lies over the far sound, the others take its
   * place, `ringback` until the first sound of the peer. Recordings to a file hold the far sound only.
   */
  tone(tone: Tone): void {
    this.#mustBeOpen();
    native(() => this.#addon.tone(this.#engine, this.#id, TONE_NUMBERS[tone]));
  }

  stats(): StreamStats {
    if (!this.#closing) this.#last = this.#snapshot();
    return toStats(this.#last);
  }

  /** RTCP BYE, ports and device let go, the sink's file finished. Idempotent. */
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
      case EVENT_KINDS.dtmf:
        this.onDtmf.emit({ digit: event.digit, durationMs: event.durationMs });
        return false;
      case EVENT_KINDS.trouble:
        this.onTrouble.emit(mediaError(event.code, event.text, event.errno));
        return false;
      case EVENT_KINDS.recovered:
        this.onRecovered.emit();
        return false;
      default:
        this.#closing = true;
        for (const release of this.#release) release();
        this.#closed.resolve();
        return true;
    }
  }

  #askToClose(): void {
    if (!this.#addon.close(this.#engine, this.#id)) setTimeout(() => this.#askToClose(), CLOSE_RETRY_MS);
  }

  #snapshot(): NativeStats {
    return this.#addon.stats(this.#engine, this.#id) ?? this.#last;
  }

  #mustBeOpen(): void {
    if (this.#closing) throw mediaError('closed', 'the stream is closed');
  }
}
