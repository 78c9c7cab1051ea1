// Received video of a call on the page: the film of the API played as it comes (W3C Media Source Extensions).
import { Component, type ComponentChild, h } from 'preact';
import { videoPath } from './api.ts';

/** Further behind than this the picture jumps to the present; seconds. */
const MOST_BEHIND = 0.7;
/** What has been shown is forgotten after so long; seconds. */
const KEPT = 20;
/** Before the stream is asked for again when it broke or held nothing. */
const RETRY_MS = 1_000;

/** Plays until `stop`. */
class Film {
  readonly #element: HTMLVideoElement;
  readonly #path: string;
  readonly #abort = new AbortController();

  constructor(element: HTMLVideoElement, path: string) {
    this.#element = element;
    this.#path = path;
    void this.#run();
  }

  stop(): void {
    this.#abort.abort();
    this.#element.removeAttribute('src');
    this.#element.load();
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      // A film that breaks is begun anew; why it broke, the call itself shows.
      await this.#play().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  async #play(): Promise<void> {
    const { signal } = this.#abort;
    const response = await fetch(this.#path, { signal });
    const type = response.headers.get('content-type') ?? '';
    if (response.status !== 200 || !response.body || !MediaSource.isTypeSupported(type)) return;
    const source = new MediaSource();
    const url = URL.createObjectURL(source);
    this.#element.src = url;
    try {
      await new Promise((resolve) => source.addEventListener('sourceopen', resolve, { once: true }));
      await this.#feed(source.addSourceBuffer(type), response.body.getReader());
    } finally {
      URL.revokeObjectURL(url);
    }
  }

  async #feed(
    buffer: SourceBuffer,
    reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
  ): Promise<void> {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      await changed(buffer, () => buffer.appendBuffer(read.value ?? new Uint8Array()));
      await this.#keepUp(buffer);
    }
  }

  /** The present is what counts: no pause, and no growing delay. */
  async #keepUp(buffer: SourceBuffer): Promise<void> {
    const { buffered } = buffer;
    if (buffered.length === 0) return;
    const element = this.#element;
    const end = buffered.end(buffered.length - 1);
    const start = buffered.start(buffered.length - 1);
    if (element.currentTime < start || end - element.currentTime > MOST_BEHIND)
      element.currentTime = Math.max(start, end - 0.1);
    if (element.paused) void element.play().catch(() => undefined);
    if (element.currentTime - buffered.start(0) > 2 * KEPT)
      await changed(buffer, () => buffer.remove(0, element.currentTime - KEPT));
  }
}

/** Waits until the buffer has done what `act` asks. */
function changed(buffer: SourceBuffer, act: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    buffer.addEventListener('updateend', () => resolve(), { once: true });
    buffer.addEventListener('error', () => reject(new Error('not playable')), { once: true });
    act();
  });
}

export class Screen extends Component<{ readonly id: string; readonly name: string }> {
  #film: Film | undefined;
  #element: HTMLVideoElement | null = null;

  override componentDidMount(): void {
    if (this.#element) this.#film = new Film(this.#element, videoPath(this.props.id));
  }

  override componentWillUnmount(): void {
    this.#film?.stop();
  }

  override shouldComponentUpdate(): boolean {
    return false;
  }

  override render(): ComponentChild {
    return h('video', {
      muted: true,
      playsInline: true,
      'aria-label': `Video of ${this.props.name}`,
      ref: (element: HTMLVideoElement | null) => {
        this.#element = element;
      },
    });
  }
}
