// One viewer of received video: fragmented MP4 over HTTP, nothing transcoded; who is slow goes on with the next key frame.
import type { ServerResponse } from 'node:http';
import { type Frame, filmType, Mp4Writer } from '#src/media/mp4.ts';
import type { Watched } from './ports.ts';

/** About two seconds of video at the highest rate of level 3.1 calls; a viewer further behind skips. */
const MOST_WAITING = 1024 * 1024;

export class FilmReader {
  readonly #response: ServerResponse;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #watched: Watched;
  readonly #writer = new Mp4Writer();
  readonly #off: (() => void)[];
  #isBehind = false;
  #isTurning = false;

  /** Takes over a response whose headers were not sent: the type of the film is known from its first key frame. */
  constructor(response: ServerResponse, headers: Readonly<Record<string, string>>, watched: Watched) {
    this.#response = response;
    this.#headers = headers;
    this.#watched = watched;
    this.#off = [watched.onFrame.on((frame) => this.#add(frame)), watched.onGone.on(() => this.end())];
    response.on('close', () => this.#leave());
    response.on('drain', () => this.#caughtUp());
    watched.requestKeyFrame();
  }

  #add(frame: Frame): void {
    if (this.#isBehind) return;
    // Once for each turn: the peer's key frames are dear.
    const isTurned = this.#writer.isTurned(frame);
    if (isTurned && !frame.key && !this.#isTurning) this.#watched.requestKeyFrame();
    this.#isTurning = isTurned && !frame.key;
    for (const bytes of this.#writer.add(frame)) this.#write(bytes);
    if (this.#response.writableLength <= MOST_WAITING) return;
    this.#isBehind = true;
    this.#writer.skip();
  }

  /** The network has taken everything: from the next key frame on. */
  #caughtUp(): void {
    if (!this.#isBehind) return;
    this.#isBehind = false;
    this.#watched.requestKeyFrame();
  }

  #write(bytes: Buffer): void {
    const { film } = this.#writer;
    if (!this.#response.headersSent && film)
      this.#response.writeHead(200, { ...this.#headers, 'content-type': filmType(film) });
    this.#response.write(bytes);
  }

  /** The film is over; one that never began has no content. */
  end(): void {
    this.#leave();
    if (!this.#response.headersSent) this.#response.writeHead(204, this.#headers);
    this.#response.end();
  }

  #leave(): void {
    for (const off of this.#off.splice(0)) off();
  }
}
