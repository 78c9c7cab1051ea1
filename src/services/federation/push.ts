// A call is handed to another device of the number: it is asked, by REFER, to take our place in it (RFC 3515, RFC 3891).
import type { Timer } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { Seconds, toMilliseconds } from '#src/base/units.ts';
import type { Call } from '#src/call/call.ts';
import type { CallManager } from '#src/call/manager.ts';
import { wrongState } from '#src/call/owner-errors.ts';
import { nameOf } from '#src/call/replaces.ts';
import { ReferClient, type ReferOutcome } from '#src/call/transfer/refer-client.ts';
import { publicTarget, referHeaders } from '#src/call/transfer/refer-headers.ts';
import type { CallWorld } from '#src/call/world.ts';
import type { FederatedDevice } from '#src/ims/federation.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { parseUri } from '#src/sip/message/uri.ts';

export interface PushParts {
  readonly world: CallWorld;
  readonly calls: CallManager;
  readonly devices: () => readonly FederatedDevice[];
}

/** The far end ends our leg once the other device is in; if it forgets to, we do. */
const BYE_PATIENCE = Seconds(5);
/** Where nothing more is told: how long a BYE still counts as its doing. */
const UNTOLD = Seconds(60);

/** Of the call's details. */
export interface PushState {
  readonly instance: string;
  readonly state: 'asked' | 'ringing' | 'done' | 'failed';
  readonly status?: number;
}

export class Push {
  readonly #parts: PushParts;
  /** By call id. */
  readonly #running = new Map<string, ReferClient>();
  /** Calls whose end is the other device's doing. */
  readonly #leaving = new Set<string>();

  constructor(parts: PushParts) {
    this.#parts = parts;
  }

  /**
   * Asks the device; the call goes on until the far end lets our leg go. Throws TandemError `call.unknown`, `call.state`,
   * `call.emergency-kept`, `federation.unknown-device`, `federation.self`. What becomes of it stands in the details.
   */
  begin(id: string, instance: string): Call {
    const { world, calls } = this.#parts;
    const call = calls.active(id, 'push');
    const { dialog } = call;
    if (!dialog || this.#running.has(id)) throw wrongState(id, 'push');
    const device = this.#device(instance);
    const target = parseUri(device.gruu ?? device.uri);
    if (!target.ok) throw unknownDevice(instance);
    const identity = calls.identities.native();
    const client = new ReferClient(world, {
      outside: {
        target: target.value,
        identity: NameAddr.of(identity.uri),
        contact: (way) => world.line.contact({ privacy: false, ...(way ? { to: way } : {}) }),
      },
    });
    this.#running.set(id, client);
    const end = (): void => void this.#running.delete(id);
    client.onOver.on(end);
    call.onEnded.on(({ end: { by } }) => {
      // The far end's BYE may overtake what the other device tells.
      if (this.#leaving.delete(id) && by === 'remote') note(call, { instance, state: 'done' });
    });
    client.onProgress.on(({ status }) => note(call, { instance, state: 'ringing', status }));
    client.onOutcome.on((outcome) => this.#concluded(call, instance, outcome));
    note(call, { instance, state: 'asked' });
    this.#leaves(call, true);
    client.send(
      referHeaders(world, calls.identities, call, {
        target: publicTarget(world, call, dialog),
        replaces: nameOf(dialog),
      }),
    );
    return call;
  }

  isLeaving(id: string): boolean {
    return this.#leaving.has(id);
  }

  #leaves(call: Call, on: boolean): void {
    if (on) this.#leaving.add(call.id);
    else this.#leaving.delete(call.id);
    call.pulled = on;
  }

  #device(instance: string): FederatedDevice {
    const wanted = instance.toLowerCase();
    const found = this.#parts.devices().find((each) => each.instance?.toLowerCase() === wanted);
    if (!found) throw unknownDevice(instance);
    if (found.self) {
      throw new TandemError('caller', 'federation.self', 'The call is on this device already.', {
        detail: { instance },
      });
    }
    return found;
  }

  #concluded(call: Call, instance: string, outcome: ReferOutcome): void {
    if (call.publicState !== 'active') return;
    const status = 'status' in outcome ? { status: outcome.status } : {};
    if (outcome.kind === 'succeeded') {
      note(call, { instance, state: 'done', ...status });
      this.#later(call, BYE_PATIENCE, () => call.hangup());
    } else if (outcome.kind === 'accepted' || outcome.kind === 'unknown') {
      this.#later(call, UNTOLD, () => {
        this.#leaves(call, false);
        note(call, { instance, state: 'failed' });
      });
    } else {
      this.#leaves(call, false);
      note(call, { instance, state: 'failed', ...status });
      call.notes.tell(
        `The other device did not take the call${'status' in outcome ? ` (${outcome.status})` : ''}.`,
      );
    }
  }

  /** Unless the call has ended by then, as it should. */
  #later(call: Call, span: Seconds, act: () => void): void {
    const timer: Timer = this.#parts.world.clock.after(toMilliseconds(span), () => {
      if (call.publicState === 'active') act();
    });
    call.onEnded.on(() => timer.cancel());
  }
}

const note = (call: Call, push: PushState): void => call.notes.set({ push });

const unknownDevice = (instance: string): TandemError =>
  new TandemError('caller', 'federation.unknown-device', 'There is no such device of this number.', {
    detail: { instance },
  });
