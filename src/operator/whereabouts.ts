// RFC 5626 5.3: over which flow each end of a dialog is reached, so that devices behind NATs and connections are.
import type { Flow } from '#src/sip/transport/flow.ts';

/** Dialog ends that are remembered; the oldest is forgotten. */
const MOST = 20_000;

export class Whereabouts {
  readonly #flows = new Map<string, Flow>();

  note(callId: string, tag: string | undefined, flow: Flow): void {
    if (tag === undefined) return;
    const key = `${callId} ${tag}`;
    this.#flows.delete(key);
    this.#flows.set(key, flow);
    const [oldest] = this.#flows.keys();
    if (this.#flows.size > MOST && oldest !== undefined) this.#flows.delete(oldest);
  }

  /** Undefined when unknown or dead. */
  find(callId: string, tag: string | undefined): Flow | undefined {
    const flow = tag === undefined ? undefined : this.#flows.get(`${callId} ${tag}`);
    return flow?.alive ? flow : undefined;
  }
}
