// The audio of one call: one stream, opened once, set anew by each agreement, closed with the call.
import { isIP } from 'node:net';
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import { randomToken } from '#src/base/random.ts';
import type { AudioAgreement } from '#src/sdp/agreement.ts';
import type { LocalMedia } from '#src/sdp/capabilities.ts';
import type { CallStream, StreamConfiguration } from './media.ts';
import { meanOpinionScore } from './mos.ts';
import type { CallAudioSnapshot } from './snapshot.ts';
import type { CallWorld } from './world.ts';

/** RFC 7022 4.2: at least 96 random bits. */
const CNAME_OCTETS = 12;

export class Sound {
  readonly onDtmf = new Signal<{ readonly digit: string; readonly durationMs: number }>();
  readonly onTrouble = new Signal<TandemError>();
  readonly #world: CallWorld;
  readonly #callId: string;
  readonly #cname: string;
  #stream: CallStream | undefined;
  #local: LocalMedia | undefined;
  #codec: AudioAgreement['codec'] | undefined;
  #last: StreamConfiguration | undefined;
  #round = 0;
  #final: CallAudioSnapshot | undefined;

  constructor(world: CallWorld, callId: string) {
    this.#world = world;
    this.#callId = callId;
    this.#cname = randomToken(world.random, CNAME_OCTETS);
  }

  /** Takes ports and devices. Throws what `CallMedia.openStream` throws. */
  open(address: string): LocalMedia {
    if (this.#local) return this.#local;
    const { media, audio } = this.#world.config;
    const stream = this.#world.media.openStream({
      address,
      ports: media.ports,
      capture: audio.capture,
      playback: audio.playback.replaceAll('{call}', this.#callId),
    });
    stream.onDtmf.on((event) => this.onDtmf.emit(event));
    stream.onTrouble.on((error) => this.onTrouble.emit(error));
    this.#stream = stream;
    this.#local = { address, port: stream.port, rtcpPort: stream.rtcpPort };
    return this.#local;
  }

  /**
   * Sets the stream as agreed; without agreement nothing flows. `early`: we listen but say nothing before the answer.
   * A domain name as address is resolved first; a later agreement overtakes it.
   */
  apply(agreement: AudioAgreement | undefined, early = false): void {
    this.#round += 1;
    if (!agreement) {
      if (this.#last) this.#configure({ ...this.#last, send: false, receive: false });
      return;
    }
    const { address, rtcp } = agreement.remote;
    if (isIP(address) !== 0 && isIP(rtcp.address) !== 0) {
      this.#set(agreement, { address, rtcpAddress: rtcp.address }, early);
      return;
    }
    const round = this.#round;
    Promise.all([this.#resolve(agreement, address), this.#resolve(agreement, rtcp.address)])
      .then(([found, rtcpAddress]) => {
        if (round !== this.#round) return;
        if (found !== undefined) this.#set(agreement, { address: found, rtcpAddress }, early);
        else this.onTrouble.emit(unknownHost(address));
      })
      .catch((cause: unknown) => this.onTrouble.emit(TandemError.from(cause, 'call.media-address')));
  }

  async #resolve(agreement: AudioAgreement, host: string): Promise<string | undefined> {
    return isIP(host) === 0
      ? this.#world.resolveHost(host, agreement.remote.addressType === 'IP4' ? 4 : 6)
      : host;
  }

  #set(
    agreement: AudioAgreement,
    { address, rtcpAddress }: { readonly address: string; readonly rtcpAddress: string | undefined },
    early: boolean,
  ): void {
    const { codec, dtmf, remote } = agreement;
    // RTCP of another family has no way out of our socket.
    const apart = rtcpAddress !== undefined && rtcpAddress !== address && isIP(rtcpAddress) === isIP(address);
    this.#codec = codec;
    this.#configure({
      remote: {
        address,
        port: remote.port,
        ...(apart ? { rtcpAddress } : {}),
        rtcpPort: remote.rtcp.port,
      },
      codec: {
        name: codec.name,
        payloadType: codec.sendPayloadType,
        receivePayloadType: codec.receivePayloadType,
        clockRate: codec.clockRate,
        ...(codec.amr ? { octetAligned: codec.amr.octetAligned } : {}),
        ...(codec.amr?.modeSet ? { modeSet: [...codec.amr.modeSet] } : {}),
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
      send: agreement.send && !early,
      receive: agreement.receive,
      rtcp: agreement.rtcp,
      cname: this.#cname,
    });
  }

  #configure(configuration: StreamConfiguration): void {
    this.#last = configuration;
    try {
      this.#stream?.configure(configuration);
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
    if (!this.#stream || !this.#codec) return this.#final;
    const { sent, received, lost, jitterMs } = this.#stream.stats();
    const mos = meanOpinionScore(this.#codec.name, received, lost);
    return { codec: this.#codec.name, srtp: false, sent, received, lost, jitter_ms: jitterMs, mos };
  }

  /** Gives ports and devices back; the playback file is whole afterwards. */
  async close(): Promise<void> {
    this.#final = this.snapshot;
    this.#round += 1;
    const stream = this.#stream;
    this.#stream = undefined;
    await stream?.close();
  }
}

const unknownHost = (host: string): TandemError =>
  new TandemError(
    'peer',
    'call.media-address',
    'The other side named an audio address that does not exist.',
    {
      detail: { host },
    },
  );
