// Transfers of all calls, in every role (RFC 3515, RFC 5589, 24.629): who gets a REFER, a NOTIFY, the owner's wish.
import { TandemError } from '#src/base/errors.ts';
import type { Dialog } from '#src/sip/dialog/dialog.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import type { Call } from '../call.ts';
import { dialTarget } from '../dial.ts';
import { dialledEmergency, emergencyIsDialled, notAllowed } from '../emergency/rules.ts';
import type { CallManager } from '../manager.ts';
import { wrongState } from '../owner-errors.ts';
import { isNamed } from '../replaces.ts';
import type { CallWorld } from '../world.ts';
import type { ReferServer } from './refer-server.ts';
import { Transferee } from './transferee.ts';
import { Transferor, type TransferPlan } from './transferor.ts';
import { DialogUsages } from './usages.ts';

const ACTION = 'transfer';
const BAD_REQUEST = 400;
const FORBIDDEN = 403;

export class Transfers {
  readonly #world: CallWorld;
  readonly #calls: CallManager;
  readonly #transferee: Transferee;
  /** By dialog id. */
  readonly #usages = new Map<string, DialogUsages>();
  /** Of REFERs that came outside the dialog of their call. */
  readonly #outside = new Set<DialogUsages>();
  /** By call id. */
  readonly #running = new Map<string, Transferor>();

  constructor(world: CallWorld, calls: CallManager) {
    this.#world = world;
    this.#calls = calls;
    this.#transferee = new Transferee({
      world,
      identities: calls.identities,
      place: (wanted) => calls.place(wanted),
      keep: (server, dialog, call) => this.#keepServer(server, dialog, call),
    });
    calls.onInDialog = (incoming, call) => this.#take(incoming, call);
  }

  /**
   * `to`: somebody who is called anew. Throws TandemError `call.unknown`, `call.state`, `call.target`, `call.emergency`,
   * `call.emergency-kept`.
   */
  blind(id: string, to: string): Call {
    const { profile, domain } = this.#world.line;
    const { country, emergency } = this.#world.config;
    const call = this.#calls.active(id, ACTION);
    if (dialledEmergency(to, this.#world)) {
      // The other side would call from where it is, and as itself: no help comes here.
      this.#world.alarm?.();
      throw emergency?.allowed ? emergencyIsDialled(to) : notAllowed(to);
    }
    return this.#begin(call, { target: dialTarget(to, { profile, domain, country }) });
  }

  /** `other`: a call of ours whose far end shall talk with that of this one. Throws as `blind`. */
  consultative(id: string, other: string): Call {
    const call = this.#calls.active(id, ACTION);
    if (other === id) throw wrongState(id, ACTION);
    return this.#begin(call, { other: this.#calls.active(other, ACTION) });
  }

  #begin(call: Call, plan: TransferPlan): Call {
    const { dialog } = call;
    if (!dialog) throw wrongState(call.id, ACTION);
    const before = this.#running.get(call.id);
    if (before && !before.isOver) {
      throw new TandemError('caller', 'call.state', 'The call is being passed on already.', {
        detail: { call: call.id },
      });
    }
    const transferor = new Transferor(this.#world, call, dialog, plan, this.#calls, (client) =>
      this.#usagesOf(dialog, call).add(client),
    );
    this.#running.set(call.id, transferor);
    call.onEnded.on(() => this.#running.delete(call.id));
    transferor.begin();
    return call;
  }

  #usagesOf(dialog: Dialog, call: Call): DialogUsages {
    const known = this.#usages.get(dialog.id);
    if (known) return known;
    const usages = new DialogUsages(this.#world.ua, dialog, () => this.#usages.delete(dialog.id));
    this.#usages.set(dialog.id, usages);
    call.onEnded.on(() => usages.outlive());
    return usages;
  }

  /** A request in the dialog of a call that is not for the call itself. */
  #take(incoming: Incoming, call: Call): boolean {
    const { request, dialog } = incoming;
    if (request.method === 'REFER') {
      this.#transferee.take(incoming, call);
      return true;
    }
    return dialog !== undefined && (this.#usages.get(dialog.id)?.take(incoming) ?? false);
  }

  /** A REFER outside every dialog: only of one who can name a call of ours (RFC 4538). False: it is none. */
  handle(incoming: Incoming): boolean {
    const { request, flow } = incoming;
    if (request.method !== 'REFER') return false;
    const { line } = this.#world;
    const call = line.register && !line.trusts(flow) ? undefined : this.#named(request);
    if (request.contacts.length !== 1) incoming.respond(BAD_REQUEST, { reason: 'Missing Contact' });
    else if (!call) incoming.respond(FORBIDDEN);
    else this.#transferee.take(incoming, call);
    return true;
  }

  /** Tandem closes; the calls are over. */
  stop(): void {
    for (const usages of [...this.#usages.values(), ...this.#outside]) usages.stop();
  }

  #named(request: SipRequest): Call | undefined {
    const reference = request.typed('Target-Dialog');
    if (!reference) return undefined;
    return this.#calls.live.find((call) => call.dialogNames.some((name) => isNamed(reference, name)));
  }

  #keepServer(server: ReferServer, dialog: Dialog, call: Call): void {
    if (dialog.id === call.dialog?.id) {
      this.#usagesOf(dialog, call).add(server);
      return;
    }
    const usages = new DialogUsages(this.#world.ua, dialog, () => this.#outside.delete(usages));
    this.#outside.add(usages);
    usages.add(server);
    usages.outlive();
  }
}
