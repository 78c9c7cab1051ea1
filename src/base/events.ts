// A typed emitter. A listener that throws stops neither the other listeners nor the one who emits.

type Listener<Value> = (value: Value) => void;

/** One kind of event. `on` returns the function that takes the listener off again. */
export class Signal<Value> {
  readonly #listeners = new Set<Listener<Value>>();
  readonly #onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void = rethrowLater) {
    this.#onError = onError;
  }

  on(listener: Listener<Value>): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
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
