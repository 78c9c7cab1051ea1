// The far media end of a call that SIPp signals: sockets that send nothing unless told, and a film of ffmpeg's to be told to.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { freePort, Peer } from './process.ts';

const LOCAL = '127.0.0.1';
/** Of the film, as the descriptions here name them. */
export const H264 = 96;
export const PCMU = 0;

export type Kind = 'audio' | 'video';
type Taker = (packet: Buffer) => void;

const bound = async (port: number, host = LOCAL): Promise<Socket> => {
  const socket = createSocket('udp4').bind(port, host);
  await once(socket, 'listening');
  return socket;
};

/** ffmpeg encodes a test picture and a tone without end; its RTP goes to whoever listens here. */
export class Film {
  readonly #peer: Peer;
  readonly #sockets: readonly Socket[];
  readonly #takers: Readonly<Record<Kind, Set<Taker>>>;

  private constructor(peer: Peer, sockets: readonly Socket[], takers: Readonly<Record<Kind, Set<Taker>>>) {
    this.#peer = peer;
    this.#sockets = sockets;
    this.#takers = takers;
  }

  static async start(): Promise<Film> {
    const takers = { audio: new Set<Taker>(), video: new Set<Taker>() };
    const sockets: Socket[] = [];
    const outputs: string[] = [];
    for (const kind of ['video', 'audio'] as const) {
      const port = await freePort();
      const socket = await bound(port);
      socket.on('message', (packet) => {
        for (const take of takers[kind]) take(packet);
      });
      sockets.push(socket);
      const coded =
        kind === 'video'
          ? `-map 0 -c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -profile:v baseline -g 10 -payload_type ${H264}`
          : `-map 1 -c:a pcm_mulaw -ar 8000 -ac 1 -payload_type ${PCMU}`;
      outputs.push(...coded.split(' '), '-f', 'rtp', `rtp://${LOCAL}:${port}?pkt_size=1200`);
    }
    const inputs =
      '-f lavfi -re -i testsrc=size=160x120:rate=10 -f lavfi -re -i sine=frequency=440:sample_rate=8000';
    const peer = await Peer.start('ffmpeg', ['-v', 'error', ...inputs.split(' '), ...outputs]);
    return new Film(peer, sockets, takers);
  }

  /** From now on; the function returned ends it. */
  play(kind: Kind, take: Taker): () => void {
    this.#takers[kind].add(take);
    return () => this.#takers[kind].delete(take);
  }

  async stop(): Promise<void> {
    await this.#peer.stop();
    for (const socket of this.#sockets) socket.close();
  }
}

/** Ports of a description, RTCP one above each; what comes in is for the capture to see. */
export class FarEnd {
  readonly audio: number;
  readonly video: number;
  readonly #rtp: Readonly<Record<Kind, Socket>>;
  readonly #all: readonly Socket[];
  readonly #film: Film;
  readonly #playing = new Map<Kind, () => void>();

  private constructor(audio: number, video: number, sockets: readonly Socket[], film: Film) {
    [this.audio, this.video] = [audio, video];
    const [forAudio, , forVideo] = sockets;
    if (!forAudio || !forVideo) throw new Error('no sockets');
    this.#rtp = { audio: forAudio, video: forVideo };
    this.#all = sockets;
    this.#film = film;
  }

  /** `host`: its address, that of the machine itself unless it is said. */
  static async open(film: Film, host = LOCAL): Promise<FarEnd> {
    const take = async (): Promise<{ port: number; sockets: Socket[] }> => {
      const port = await freePort(host);
      return { port, sockets: [await bound(port, host), await bound(port + 1, host)] };
    };
    const [audio, video] = [await take(), await take()];
    return new FarEnd(audio.port, video.port, [...audio.sockets, ...video.sockets], film);
  }

  /** Sends the film to this port of the device, from the port of the description. */
  stream(kind: Kind, port: number): void {
    this.hush(kind);
    this.#playing.set(
      kind,
      this.#film.play(kind, (packet) => this.#rtp[kind].send(packet, port, LOCAL)),
    );
  }

  hush(kind: Kind): void {
    this.#playing.get(kind)?.();
    this.#playing.delete(kind);
  }

  close(): void {
    this.hush('audio');
    this.hush('video');
    for (const socket of this.#all) socket.close();
  }
}
