// A typed emitter. A listener that throws stops neither the other listeners nor the one who emits.

type Listener<Value> = (value: Value) => void;

export interface SignalOptions {
  /** What a listener throws; without it, an uncaught exception. */
  readonly onError?: (error: unknown) => void;
  /** The first listener came; the last one went. */
  readonly onListened?: (isListenedTo: boolean) => void;
}

/** One kind of event. `on` returns the function that takes the listener off again. */
export class Signal<Value> {
  readonly #listeners = new Set<Listener<Value>>();
  readonly #onError: (error: unknown) => void;
  readonly #onListened: ((isListenedTo: boolean) => void) | undefined;

  constructor({ onError = rethrowLater, onListened }: SignalOptions = {}) {
    this.#onError = onError;
    this.#onListened = onListened;
  }

  get isListenedTo(): boolean {
    return this.#listeners.size > 0;
  }

  on(listener: Listener<Value>): () => void {
    const wasListenedTo = this.isListenedTo;
    this.#listeners.add(listener);
    if (!wasListenedTo) this.#onListened?.(true);
    return () => {
      if (this.#listeners.delete(listener) && !this.isListenedTo) this.#onListened?.(false);
    };
  }

  /** Lets go of every listener, when nothing will be told any more. */
  clear(): void {
    if (!this.isListenedTo) return;
    this.#listeners.clear();
    this.#onListened?.(false);
  }

  emit(value: Value): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(value);
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}

// Not swallowed: it ends as an uncaught exception, outside the emitter's stack.
function rethrowLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
