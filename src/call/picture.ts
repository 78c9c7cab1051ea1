// The video of one call: ports from the description on, camera and sink from the answer on, pictures handed to whoever watches.
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import type { Elsewhere } from '#src/media/elsewhere.ts';
import type { Frame } from '#src/media/mp4.ts';
import type { VideoAgreement } from '#src/sdp/agreement.ts';
import type { LocalPorts } from '#src/sdp/capabilities.ts';
import { attachWritten } from './file-name.ts';
import type { CallVideoStream, VideoStats, VideoStreamConfig } from './media.ts';
import { OwnPlace } from './own-place.ts';
import { silenced } from './sound.ts';
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
import { isTooLarge, tooLarge } from './video-policy.ts';
import type { CallWorld } from './world.ts';

export class Picture {
  readonly onTrouble = new Signal<TandemError>();
  /** Pictures of another early dialog come in. */
  readonly onHeard = new Signal<Elsewhere>();
  /** As they came, with the parameter sets that the description told; the engine hands out only what somebody watches. */
  readonly onFrame = new Signal<Frame>({ onListened: () => this.#watch() });
  /** No more pictures: the video was dropped, or the call is over. */
  readonly onGone = new Signal<void>();
  readonly #world: CallWorld;
  readonly #callId: string;
  readonly #cname: string;
  #stream: CallVideoStream | undefined;
  #ports: LocalPorts | undefined;
  #agreement: VideoAgreement | undefined;
  #last: VideoStreamConfig | undefined;
  readonly #place = new OwnPlace();
  #isAttached = false;
  #isSilent = false;
  #unwatch: (() => void) | undefined;
  #finalStats: VideoStats | undefined;
  /** Of streams that were dropped during the call. */
  readonly #closing = new Set<Promise<void>>();

  constructor(world: CallWorld, callId: string, cname: string) {
    this.#world = world;
    this.#callId = callId;
    this.#cname = cname;
  }

  /** Undefined while there is none. */
  get ports(): LocalPorts | undefined {
    return this.#ports;
  }

  /** Takes ports, once. Throws what `CallMedia.openVideo` throws; false when the engine has no video. */
  open(address: string): boolean {
    if (this.#stream) return true;
    const stream = this.#world.media.openVideo?.({ address, ports: this.#world.config.media.ports });
    if (!stream) return false;
    stream.onTrouble.on((error) => this.onTrouble.emit(error));
    stream.onElsewhere.on((from) => this.onHeard.emit(from));
    this.#stream = stream;
    this.#place.opened(address);
    this.#ports = { port: stream.port, rtcpPort: stream.rtcpPort };
    this.#watch();
    return true;
  }

  /** This host has another address. Throws what `CallVideoStream.move` throws. */
  move(address: string): void {
    const stream = this.#stream;
    if (!stream) return;
    stream.move({ address, ports: this.#world.config.media.ports });
    this.#place.moved(address);
    this.#ports = { port: stream.port, rtcpPort: stream.rtcpPort };
  }

  #watch(): void {
    this.#unwatch?.();
    this.#unwatch = this.onFrame.isListenedTo
      ? this.#stream?.onFrame.on((frame) => {
          const parameterSets = this.#agreement?.codec.spropParameterSets ?? [];
          this.onFrame.emit({ ...frame, parameterSets });
        })
      : undefined;
  }

  /** Camera and sink. What cannot be had is told, and the call goes on without it: audio is never lost for video. */
  #attach(): void {
    const { video } = this.#world.config;
    const stream = this.#stream;
    if (this.#isAttached || !stream || !video) return;
    this.#isAttached = true;
    const ends = [
      () => attachWritten(video.sink, this.#callId, (sink) => stream.attach({ sink })),
      () => stream.attach({ capture: video.capture }),
    ];
    for (const attach of ends) {
      try {
        attach();
      } catch (cause) {
        this.onTrouble.emit(TandemError.from(cause, 'media.device'));
      }
    }
  }

  /** `early`: no picture of ours before the answer. */
  set(
    placed: Placed<VideoAgreement>,
    stage: Stage,
    others: readonly Placed<VideoAgreement>[] = [],
    gate?: Gate,
  ): void {
    const { agreement } = placed;
    const { codec, cvo, bandwidthKbps, imageattr } = agreement;
    const before = this.#agreement?.codec.packetizationMode;
    this.#agreement = agreement;
    if (stage === 'established') this.#attach();
    const isCarried = !isTooLarge(this.#world, agreement);
    if (!isCarried && codec.packetizationMode !== before) this.onTrouble.emit(tooLarge());
    this.#configure({
      remote: remoteOf(placed),
      codec: {
        payloadType: codec.sendPayloadType,
        receivePayloadType: codec.receivePayloadType,
        packetizationMode: codec.packetizationMode,
        sendProfileLevelId: codec.sendProfileLevelId,
        receiveProfileLevelId: codec.receiveProfileLevelId,
        spropParameterSets: codec.spropParameterSets,
        ...(codec.maxNalUnitOctets === undefined ? {} : { maxNalUnitOctets: codec.maxNalUnitOctets }),
      },
      feedback: agreement.feedback,
      avpf: agreement.avpf,
      firAlways: this.#world.config.video?.firAlways ?? true,
      ...(cvo ? { cvo } : {}),
      ...(bandwidthKbps === undefined ? {} : { bandwidthKbps }),
      ...(imageattr ? { sizes: imageattr.receive } : {}),
      ...flowing(
        { ...agreement, send: agreement.send && isCarried },
        stage,
        gate && { ...gate, send: false },
      ),
      rtcp: agreement.rtcp,
      cname: this.#cname,
      ...securityOf(agreement),
      ...keepAlive(this.#world.config.media.keepAlive, agreement, stage),
      ...alsoTo(others),
    });
  }

  mute(): void {
    if (!this.#last) return;
    const { keepAlive: _, alsoTo: __, ...rest } = this.#last;
    this.#configure({ ...rest, send: false, receive: false });
  }

  silence(on: boolean): void {
    this.#isSilent = on;
    if (this.#last) this.#configure(this.#last);
  }

  #configure(configuration: VideoStreamConfig): void {
    this.#last = configuration;
    if (!this.#place.reaches(configuration.remote.address)) return;
    try {
      this.#stream?.configure(silenced(configuration, this.#isSilent));
    } catch (cause) {
      this.onTrouble.emit(TandemError.from(cause, 'call.media'));
    }
  }

  /** Agreed, and not stopped in both directions. */
  get isOn(): boolean {
    return this.#stream !== undefined && this.#agreement !== undefined;
  }

  /** Somebody wants to see it from now on. */
  requestKeyFrame(): void {
    this.#stream?.requestKeyFrame();
  }

  /** After the call the last ones. */
  get stats(): VideoStats | undefined {
    return this.#stream && this.#agreement ? this.#stream.stats() : this.#finalStats;
  }

  /** Gives ports and camera back; video may come again. */
  drop(): void {
    const stream = this.#stream;
    if (!stream) return;
    this.#finalStats = this.stats;
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#stream = undefined;
    this.#ports = undefined;
    this.#agreement = undefined;
    this.#last = undefined;
    this.#isAttached = false;
    this.onGone.emit();
    const closed = stream
      .close()
      .catch((cause: unknown) => this.onTrouble.emit(TandemError.from(cause, 'call.media')))
      .finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }

  /** Everything that was ever opened is given back; the sink's file is whole afterwards. */
  async close(): Promise<void> {
    this.drop();
    await Promise.all(this.#closing);
  }
}
