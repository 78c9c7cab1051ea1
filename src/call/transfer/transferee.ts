// The transferee (RFC 3515 2.4.2, RFC 5589 5, 24.629 4.5.2.2): a REFER to us is judged, the call that it asks for is
// placed and told of.
import { TandemError } from '#src/base/errors.ts';
import type { Dialog } from '#src/sip/dialog/dialog.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import type { Call } from '../call.ts';
import type { HeaderPairs } from '../facts.ts';
import type { IdentityBook } from '../identity-book.ts';
import type { OutgoingCall } from '../outgoing-call.ts';
import { shownUri } from '../party.ts';
import type { CallWorld } from '../world.ts';
import { termsOf } from './refer-headers.ts';
import { acceptRefer, ReferServer, referDialog } from './refer-server.ts';
import { type ReferTarget, readReferTo } from './refer-to.ts';

const FORBIDDEN = 403;
const REQUEST_PENDING = 491;
const SERVICE_UNAVAILABLE = 503;
const DECLINE = 603;
const FINAL = 200;

export interface TransfereeParts {
  readonly world: CallWorld;
  readonly identities: IdentityBook;
  /** Throws what `CallManager.place` throws. */
  readonly place: (wanted: Omit<OutgoingCall, 'callId'>) => Call;
  /** The dialog's usages get what is told there. */
  readonly keep: (server: ReferServer, dialog: Dialog, call: Call) => void;
}

export class Transferee {
  readonly #parts: TransfereeParts;
  /** By the id of the call in which we were asked: how often, and whether that is still going on. */
  readonly #asked = new Map<string, { count: number; pending: boolean }>();

  constructor(parts: TransfereeParts) {
    this.#parts = parts;
  }

  /** Answers a REFER that came in the dialog of this call, or outside it with its name (RFC 4538). */
  take(incoming: Incoming, call: Call): void {
    const { world } = this.#parts;
    const refused = this.#refusal(call);
    if (refused !== undefined) {
      incoming.respond(refused);
      return;
    }
    const wanted = readReferTo(incoming.request);
    if (!wanted.ok) {
      incoming.respond(wanted.error.status, { reason: wanted.error.reason });
      return;
    }
    const server = acceptRefer(incoming, world, () => this.#server(incoming, call));
    this.#place(incoming, call, wanted.value, server);
  }

  #refusal(call: Call): number | undefined {
    if (this.#parts.world.config.transfers === 'refuse') return DECLINE;
    if (call.publicState !== 'active' || call.isEmergency) return FORBIDDEN;
    return this.#asked.get(call.id)?.pending ? REQUEST_PENDING : undefined;
  }

  #server(incoming: Incoming, call: Call): ReferServer {
    const { world, keep } = this.#parts;
    const { request } = incoming;
    const asked = this.#asked.get(call.id)?.count ?? 0;
    const dialog = incoming.dialog ?? referDialog(incoming, world);
    const first = asked === 0 || incoming.dialog === undefined;
    const server = new ReferServer(world, dialog, { cseq: request.cseq.number, first });
    keep(server, dialog, call);
    return server;
  }

  #place(incoming: Incoming, call: Call, wanted: ReferTarget, server: ReferServer | undefined): void {
    const { place } = this.#parts;
    const asked = { count: (this.#asked.get(call.id)?.count ?? 0) + 1, pending: true };
    this.#asked.set(call.id, asked);
    call.onEnded.on(() => this.#asked.delete(call.id));
    const done = (status: number, reason?: string): void => {
      asked.pending = false;
      server?.report(status, reason);
    };
    let placed: Call;
    try {
      placed = place(this.#outgoing(incoming, call, wanted));
    } catch (cause) {
      const error = TandemError.from(cause, 'call.transfer');
      call.notes.tell(`The other side wanted to pass you on, which failed: ${error.message}`);
      done(SERVICE_UNAVAILABLE);
      return;
    }
    const referredBy = incoming.request.typed('Referred-By');
    call.notes.set({ transfer: { to: placed.snapshot.remote.uri, state: 'trying' } });
    placed.notes.set({ referred_by: referredBy ? shownUri(referredBy.uri) : call.snapshot.remote.uri });
    placed.onResponse.on(({ status, reason }) => {
      if (status === 100) return;
      if (status < FINAL) server?.report(status, reason);
      else if (asked.pending && status < 300) done(status, reason);
      const state = status < FINAL ? 'ringing' : status < 300 ? 'done' : 'failed';
      call.notes.set({ transfer: { to: placed.snapshot.remote.uri, state, status } });
    });
    placed.onEnded.on(({ end }) => {
      if (!asked.pending) return;
      asked.pending = false;
      server?.reportEnd(end);
      const { uri } = placed.snapshot.remote;
      call.notes.set({
        transfer: { to: uri, state: 'failed', ...(end.sip === undefined ? {} : { status: end.sip }) },
      });
    });
  }

  #outgoing(incoming: Incoming, call: Call, wanted: ReferTarget): Omit<OutgoingCall, 'callId'> {
    const { world, identities } = this.#parts;
    const referredBy = incoming.request.header('Referred-By');
    const headers: HeaderPairs = [
      ...wanted.headers,
      // RFC 3892 2.1: as it came.
      ...(referredBy === undefined ? [] : ([['Referred-By', referredBy]] as const)),
    ];
    return { target: wanted.uri, ...termsOf(world, identities, call), headers };
  }
}
