// The audio of one call: its ports from the INVITE on, its devices from the answer on, set anew by each agreement.
import { isIP } from 'node:net';
import type { Timer } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import { Milliseconds } from '#src/base/units.ts';
import type { Elsewhere } from '#src/media/elsewhere.ts';
import type { AudioAgreement } from '#src/sdp/agreement.ts';
import type { LocalPorts } from '#src/sdp/capabilities.ts';
import { attachWritten } from './file-name.ts';
import type { CallStream, StreamConfig, StreamStats, Tone } from './media.ts';
import { OwnPlace } from './own-place.ts';
import type { CallAudioSnapshot } from './snapshot.ts';
import {
  alsoTo,
  flowing,
  type Gate,
  keepAlive,
  type Placed,
  remoteOf,
  type Stage,
  securityOf,
} from './stream-settings.ts';
import type { CallWorld } from './world.ts';

/** Of the room: there is one, whatever the number of calls. */
export const isSoundDevice = (end: string): boolean => end.startsWith('alsa:');
/** How long the busy tone is heard after a call that was refused. */
const BUSY_TONE = Milliseconds(3_000);
/** Outside the scale, which begins at 1: nothing was heard yet. */
const UNRATED = 0;

export class Sound {
  readonly onDtmf = new Signal<{ readonly digit: string; readonly durationMs: number }>();
  readonly onTrouble = new Signal<TandemError>();
  /** See CallMediaSet. */
  readonly onHeard = new Signal<Elsewhere | undefined>();
  readonly #world: CallWorld;
  readonly #callId: string;
  readonly #cname: string;
  #stream: CallStream | undefined;
  #agreement: AudioAgreement | undefined;
  #last: StreamConfig | undefined;
  readonly #place = new OwnPlace();
  #isSilent = false;
  #plays = false;
  #captures = false;
  #tone: Tone = 'none';
  /** The stream before this one. */
  #released: Promise<void> | undefined;
  #final: CallAudioSnapshot | undefined;
  #finalStats: StreamStats | undefined;
  #tail: { readonly timer: Timer; readonly end: () => void } | undefined;

  constructor(world: CallWorld, callId: string, cname: string) {
    this.#world = world;
    this.#callId = callId;
    this.#cname = cname;
  }

  /** Takes ports. Throws what `CallMedia.openStream` throws. */
  open(address: string): LocalPorts {
    const stream = this.#world.media.openStream({ address, ports: this.#world.config.media.ports });
    stream.onDtmf.on((event) => this.onDtmf.emit(event));
    stream.onTrouble.on((error) => this.onTrouble.emit(error));
    stream.onFirstPacket.on(() => this.onHeard.emit(undefined));
    stream.onElsewhere.on((from) => this.onHeard.emit(from));
    this.#stream = stream;
    this.#place.opened(address);
    return { port: stream.port, rtcpPort: stream.rtcpPort };
  }

  /** This host has another address. Throws what `CallStream.move` throws. */
  move(address: string): LocalPorts | undefined {
    const stream = this.#stream;
    stream?.move({ address, ports: this.#world.config.media.ports });
    this.#place.moved(address);
    return stream && { port: stream.port, rtcpPort: stream.rtcpPort };
  }

  /**
   * Microphone and loudspeaker, or the files in their place. A device that cannot be had is told and the call goes on
   * without it; `media.file` is thrown: the owner named a file that cannot be.
   */
  attach(): void {
    const { capture, playback } = this.#world.config.audio;
    if (!this.#plays) this.#plays = this.#attach({ playback });
    if (!this.#captures) this.#captures = this.#attach({ capture });
  }

  #attach(end: { readonly capture: string } | { readonly playback: string }): boolean {
    const stream = this.#stream;
    try {
      if ('capture' in end) stream?.attach(end);
      else attachWritten(end.playback, this.#callId, (playback) => stream?.attach({ playback }));
      return stream !== undefined;
    } catch (cause) {
      const error = TandemError.from(cause, 'media.device');
      if (error.id !== 'media.device') throw error;
      this.onTrouble.emit(error);
      return false;
    }
  }

  get #isHeard(): boolean {
    return isSoundDevice(this.#world.config.audio.playback);
  }

  /** The loudspeaker alone, for the ring tone; a file holds the far sound and nothing else. */
  ring(): void {
    if (!this.#isHeard) return;
    this.#plays ||= this.#attach({ playback: this.#world.config.audio.playback });
    if (this.#plays) this.tone('ring');
  }

  tone(tone: Tone): void {
    if (tone === this.#tone || !this.#isHeard || !this.#plays) return;
    this.#tone = tone;
    try {
      this.#stream?.tone(tone);
    } catch (cause) {
      this.onTrouble.emit(TandemError.from(cause, 'call.media'));
    }
  }

  /** Sets the stream as agreed. `early`: we say nothing before the answer. */
  set(
    placed: Placed<AudioAgreement>,
    stage: Stage,
    others: readonly Placed<AudioAgreement>[] = [],
    gate?: Gate,
  ): void {
    const { agreement } = placed;
    const { codec, dtmf } = agreement;
    this.#agreement = agreement;
    this.#configure({
      remote: remoteOf(placed),
      codec: {
        name: codec.name,
        payloadType: codec.sendPayloadType,
        receivePayloadType: codec.receivePayloadType,
        clockRate: codec.clockRate,
        ...(codec.amr ? { octetAligned: codec.amr.octetAligned } : {}),
        ...(codec.amr?.modeSet ? { modeSet: [...codec.amr.modeSet] } : {}),
        ...(this.#world.config.audio.dtx ? { dtx: true } : {}),
        ...(codec.opus?.inbandFec ? { fec: true } : {}),
        ...bitRate(codec.opus?.maxAverageBitrate),
      },
      ...(dtmf
        ? {
            dtmf: {
              payloadType: dtmf.sendPayloadType,
              receivePayloadType: dtmf.receivePayloadType,
              clockRate: dtmf.clockRate,
            },
          }
        : {}),
      ptimeMs: agreement.ptime,
      ...flowing(agreement, stage, gate),
      rtcp: agreement.rtcp,
      cname: this.#cname,
      xr: agreement.voipMetrics,
      ...securityOf(agreement),
      ...keepAlive(this.#world.config.media.keepAlive, agreement, stage),
      ...alsoTo(others),
    });
  }

  /** Nothing flows until the next agreement. */
  mute(): void {
    if (!this.#last) return;
    const { keepAlive: _, alsoTo: __, ...rest } = this.#last;
    this.#configure({ ...rest, send: false, receive: false });
  }

  silence(on: boolean): void {
    this.#isSilent = on;
    if (this.#last) this.#configure(this.#last);
  }

  #configure(configuration: StreamConfig): void {
    this.#last = configuration;
    if (!this.#place.reaches(configuration.remote.address)) return;
    try {
      this.#stream?.configure(silenced(configuration, this.#isSilent));
    } catch (cause) {
      this.onTrouble.emit(TandemError.from(cause, 'call.media'));
    }
  }

  /** Throws TandemError `call.no-dtmf` when the peer takes no telephone events. */
  sendDtmf(digits: string): void {
    if (!this.#stream || !this.#last?.dtmf) {
      throw new TandemError('peer', 'call.no-dtmf', 'The other side takes no tones in this call.');
    }
    this.#stream.sendDtmf(digits);
  }

  /** After the call its last state. */
  get snapshot(): CallAudioSnapshot | undefined {
    if (!this.#stream || !this.#agreement) return this.#final;
    const { codec, security } = this.#agreement;
    const { sent, received, lost, jitterMs, mosLocal = UNRATED } = this.#stream.stats();
    return {
      codec: codec.name,
      srtp: security !== undefined,
      sent,
      received,
      lost,
      jitter_ms: jitterMs,
      mos: mosLocal,
    };
  }

  get stats(): StreamStats | undefined {
    return this.#stream && this.#agreement ? this.#stream.stats() : this.#finalStats;
  }

  /** Gives ports and devices back before anything was agreed; they can be taken anew, also those of the other IP family. */
  async release(): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#plays = false;
    this.#captures = false;
    this.#tone = 'none';
    this.#agreement = undefined;
    this.#last = undefined;
    this.#released = stream?.close();
    await this.#released;
  }

  /** Gives ports and devices back, after the busy tone if that is due; the playback file is whole afterwards. */
  async close(busy: boolean): Promise<void> {
    this.#final = this.snapshot;
    this.#finalStats = this.stats;
    const stream = this.#stream;
    if (busy && this.#plays && this.#isHeard) await this.#playBusy();
    this.#stream = undefined;
    await Promise.all([stream?.close(), this.#released]);
  }

  async #playBusy(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.tone('busy');
    this.#tail = { timer: this.#world.clock.after(BUSY_TONE, resolve), end: resolve };
    await promise;
    this.#tail = undefined;
  }

  /** No more busy tone. */
  hush(): void {
    this.#tail?.timer.cancel();
    this.#tail?.end();
  }
}

/** What is agreed stays agreed; only nobody hears or sees it. */
export const silenced = <Config extends { readonly send: boolean; readonly receive: boolean }>(
  configuration: Config,
  isSilent: boolean,
): Config => (isSilent ? { ...configuration, send: false, receive: false } : configuration);

/** RFC 7587 6.1: 6 to 510 kbit/s; a peer may write anything. */
const OPUS_RATES = { least: 6_000, most: 510_000 } as const;

const bitRate = (wanted: number | undefined): { readonly maxBitRate?: number } =>
  wanted === undefined ? {} : { maxBitRate: Math.min(OPUS_RATES.most, Math.max(OPUS_RATES.least, wanted)) };

/** True for what needs no look-up. */
export const isLiteral = (host: string): boolean => isIP(host) !== 0;
