// The media of one call: its sound, its picture, where both are received, and where names in descriptions lead.
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import { randomToken } from '#src/base/random.ts';
import type { Elsewhere } from '#src/media/elsewhere.ts';
import type { AudioAgreement, MediaAgreement, VideoAgreement } from '#src/sdp/agreement.ts';
import type { LocalMedia, LocalPorts } from '#src/sdp/capabilities.ts';
import { Picture } from './picture.ts';
import { notEncrypted, wantedPolicy } from './security.ts';
import { isLiteral, Sound } from './sound.ts';
import type { Gate, Placed, Stage } from './stream-settings.ts';
import type { CallWorld } from './world.ts';

/** RFC 7022 4.2: at least 96 random bits. One name for both streams: they are shown together (RFC 3550 6.5.1). */
const CNAME_OCTETS = 12;

/** What an agreement is applied with. */
export interface Applied {
  readonly stage: Stage;
  /** Other early dialogs: keep-alives go there too. */
  readonly others?: readonly MediaAgreement[];
  /** Before the answer: whether we listen there, and whether our own sound goes out (24.628 4.7.2.1). */
  readonly gate?: Gate;
}

type Numbers = ReadonlyMap<string, string | undefined>;

export class CallMediaSet {
  readonly sound: Sound;
  readonly picture: Picture;
  readonly onTrouble = new Signal<TandemError>();
  /** The audio cannot be: `call.media-address`, its name is unknown; `call.not-encrypted`, though it must be. */
  readonly onUnusable = new Signal<TandemError>();
  /** Sound of the far end that is set came in for the first time; or, with a place, media from another early dialog. */
  readonly onHeard = new Signal<Elsewhere | undefined>();
  readonly #world: CallWorld;
  #address: string | undefined;
  #audio: LocalPorts | undefined;
  #round = 0;

  constructor(world: CallWorld, callId: string) {
    this.#world = world;
    const cname = randomToken(world.random, CNAME_OCTETS);
    this.sound = new Sound(world, callId, cname);
    this.picture = new Picture(world, callId, cname);
    for (const part of [this.sound, this.picture]) {
      part.onTrouble.on((error) => this.onTrouble.emit(error));
      part.onHeard.on((from) => this.onHeard.emit(from));
    }
  }

  /** Where both streams are received; undefined before. */
  get address(): string | undefined {
    return this.#address;
  }

  /** Takes the audio's ports, once. Throws `media.ports`, `media.address`. */
  open(address: string): LocalMedia {
    if (this.#address === undefined) {
      this.#audio = this.sound.open(address);
      this.#address = address;
    }
    return this.#local(address);
  }

  /** Video comes and goes during a call; descriptions are written with whatever there is at that time. */
  #local(address: string): LocalMedia {
    const { picture } = this;
    return {
      address,
      port: this.#audio?.port ?? 0,
      rtcpPort: this.#audio?.rtcpPort ?? 0,
      get video() {
        return picture.ports;
      },
    };
  }

  /**
   * We are to be reached at another address: ports there in place of the old ones. Undefined: it is the one in use, or no ports were taken yet.
   * Throws `media.ports`, `media.address`; the streams are as before then, as far as they go.
   */
  move(address: string): LocalMedia | undefined {
    if (this.#address === undefined || this.#address === address) return undefined;
    this.#audio = this.sound.move(address);
    this.#address = address;
    this.picture.move(address);
    return this.#local(address);
  }

  /**
   * Ports and devices anew, at an address of any family, while nothing is agreed. Undefined: the call ended meanwhile.
   * Throws `media.ports`, `media.address`; there are no ports then.
   */
  async reopen(address: string): Promise<LocalMedia | undefined> {
    const hasVideo = this.picture.ports !== undefined;
    this.#round += 1;
    const round = this.#round;
    await Promise.all([this.sound.release(), this.picture.close()]);
    if (round !== this.#round) return undefined;
    this.#audio = this.sound.open(address);
    this.#address = address;
    this.sound.attach();
    if (hasVideo) this.openVideo();
    return this.#local(address);
  }

  /** Takes the video's ports beside those of the audio. False when there are none: the call goes on without video. */
  openVideo(): boolean {
    if (this.#address === undefined || !this.#world.config.video) return false;
    try {
      return this.picture.open(this.#address);
    } catch (cause) {
      this.onTrouble.emit(TandemError.from(cause, 'media.ports'));
      return false;
    }
  }

  /**
   * Sets both streams as agreed; what is not agreed is muted, and a picture that an established call does not have gives
   * its ports back. Domain names are resolved first; a later agreement overtakes them.
   */
  apply(media: MediaAgreement | undefined, applied: Applied): void {
    this.#round += 1;
    const all = media ? [media, ...(applied.others ?? [])] : [];
    const names = new Map(all.flatMap(namesIn).map(({ host, family }) => [host, family] as const));
    if (names.size === 0) {
      this.#set(media, applied, new Map());
      return;
    }
    const round = this.#round;
    Promise.all(
      [...names].map(async ([host, family]) => [host, await this.#world.resolveHost(host, family)] as const),
    )
      .then((found) => {
        if (round === this.#round) this.#set(media, applied, new Map(found));
      })
      .catch((cause: unknown) => this.onTrouble.emit(TandemError.from(cause, 'call.media-address')));
  }

  #set(media: MediaAgreement | undefined, applied: Applied, numbers: Numbers): void {
    this.#setAudio(media?.audio, applied, numbers);
    this.#setVideo(media?.video, applied, numbers);
  }

  #setAudio(
    agreement: AudioAgreement | undefined,
    { stage, others = [], gate }: Applied,
    numbers: Numbers,
  ): void {
    const placed = agreement && place(agreement, numbers);
    if (agreement && !this.#mayGo(agreement)) {
      this.sound.mute();
      this.onUnusable.emit(notEncrypted('nothing was agreed'));
    } else if (placed) {
      const also = others.flatMap(({ audio }) => this.#further(audio, numbers));
      this.sound.set(placed, stage, also, gate);
    } else {
      this.sound.mute();
      if (agreement) this.onUnusable.emit(unknownHost(agreement.remote.address));
    }
  }

  #setVideo(
    agreement: VideoAgreement | undefined,
    { stage, others = [], gate }: Applied,
    numbers: Numbers,
  ): void {
    const placed = agreement && place(agreement, numbers);
    if (agreement && !this.#mayGo(agreement)) {
      this.picture.mute();
      this.onTrouble.emit(notEncrypted('nothing was agreed for the video'));
    } else if (placed) {
      const also = others.flatMap(({ video }) => this.#further(video, numbers));
      this.picture.set(placed, stage, also, gate);
    } else {
      this.picture.mute();
      if (agreement) this.onTrouble.emit(unknownHost(agreement.remote.address));
      else if (stage === 'established') this.picture.drop();
    }
  }

  /** Another early dialog, where its media may go at all. */
  #further<Kind extends AudioAgreement | VideoAgreement>(
    agreement: Kind | undefined,
    numbers: Numbers,
  ): readonly Placed<Kind>[] {
    return agreement && this.#mayGo(agreement) ? [place(agreement, numbers) ?? []].flat() : [];
  }

  /** The negotiation sees to it; this is where it would show if it did not. */
  #mayGo({ security }: AudioAgreement | VideoAgreement): boolean {
    return security !== undefined || wantedPolicy(this.#world, this.#address ?? '') !== 'required';
  }

  /** Held by the owner: nothing of the call is heard on either side, RTCP and keep-alives go on (24.610). */
  silence(on: boolean): void {
    this.sound.silence(on);
    this.picture.silence(on);
  }

  /** The call is over: nothing is sent any more, and nothing that is still being looked up will be. */
  mute(): void {
    this.#round += 1;
    this.sound.mute();
    this.picture.mute();
  }

  /** Gives everything back; files are whole afterwards. */
  async close(busy: boolean): Promise<void> {
    this.#round += 1;
    await Promise.all([this.sound.close(busy), this.picture.close()]);
  }
}

function namesIn({ audio, video }: MediaAgreement): { readonly host: string; readonly family: 4 | 6 }[] {
  return [audio, video].flatMap((agreement) => {
    if (!agreement) return [];
    const { address, addressType, rtcp } = agreement.remote;
    const family = addressType === 'IP4' ? 4 : 6;
    return [address, rtcp.address]
      .filter((host) => !isLiteral(host))
      .map((host) => ({ host, family }) as const);
  });
}

function place<Kind extends AudioAgreement | VideoAgreement>(
  agreement: Kind,
  numbers: Numbers,
): Placed<Kind> | undefined {
  const number = (host: string): string | undefined => (isLiteral(host) ? host : numbers.get(host));
  const address = number(agreement.remote.address);
  return address === undefined
    ? undefined
    : { agreement, address, rtcpAddress: number(agreement.remote.rtcp.address) };
}

const unknownHost = (host: string): TandemError =>
  new TandemError('peer', 'call.media-address', 'The other side named a media address that does not exist.', {
    detail: { host },
  });
