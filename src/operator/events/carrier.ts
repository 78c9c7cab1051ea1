// RFC 6665 4.2: the dialogs of subscriptions that end at the operator, on the transactions of its proxy.
import { type Random, randomToken } from '#src/base/random.ts';
import { type Dialog, dialogId } from '#src/sip/dialog/dialog.ts';
import type { Asking, DialogCarrier } from '#src/sip/event/notifier.ts';
import { type SipRequest, SipResponse } from '#src/sip/message/message.ts';
import type { TransactionLayer } from '#src/sip/transaction/layer.ts';
import type { ServerTransaction } from '#src/sip/transaction/transaction.ts';
import type { Flow } from '#src/sip/transport/flow.ts';

interface Carried {
  readonly dialog: Dialog;
  readonly onRequest: (asking: Asking) => void;
}

const OUT_OF_ORDER = 500;

export class Carrier implements DialogCarrier {
  readonly #layer: TransactionLayer;
  readonly #random: Random;
  readonly #dialogs = new Map<string, Carried>();
  /** By dialog: over which flow the subscriber was heard last. */
  readonly #flows = new Map<string, Flow>();

  constructor({ layer, random }: { readonly layer: TransactionLayer; readonly random: Random }) {
    this.#layer = layer;
    this.#random = random;
  }

  /** A first SUBSCRIBE, as a notifier takes it. */
  asking(server: ServerTransaction, localTag = randomToken(this.#random)): Asking {
    const { request, flow } = server;
    const id = dialogId(request.callId, localTag, request.from.tag ?? '');
    this.#flows.set(id, flow);
    return {
      request,
      flow,
      localTag,
      respond: (answer, { reason, headers = [], body } = {}) => {
        const response =
          typeof answer === 'number'
            ? SipResponse.reply(request, answer, {
                toTag: localTag,
                headers,
                ...(reason === undefined ? {} : { reason }),
                ...(body === undefined ? {} : { body }),
              })
            : answer;
        server.respond(response);
        // Who was refused has no dialog that would be let go.
        if (!response.isSuccess && !this.owns(request)) this.#flows.delete(id);
        return true;
      },
    };
  }

  owns(request: SipRequest): boolean {
    return this.#find(request) !== undefined;
  }

  /** A request in one of these dialogs. */
  inDialog(server: ServerTransaction): void {
    const { request } = server;
    const known = this.#find(request);
    if (!known) return;
    if (known.dialog.receive(request) === 'out-of-order')
      server.respond(SipResponse.reply(request, OUT_OF_ORDER));
    else known.onRequest(this.asking(server, known.dialog.localTag));
  }

  attach(dialog: Dialog, { onRequest }: { onRequest(asking: Asking): void }): void {
    this.#dialogs.set(dialog.id, { dialog, onRequest });
  }

  detach(dialog: Dialog): void {
    this.#dialogs.delete(dialog.id);
    this.#flows.delete(dialog.id);
  }

  sendInDialog(
    dialog: Dialog,
    request: SipRequest,
    handlers: Parameters<DialogCarrier['sendInDialog']>[2],
  ): void {
    // It is there: a dialog is attached by the SUBSCRIBE that `asking` took.
    const flow = this.#flows.get(dialog.id);
    if (!flow) return;
    this.#layer.request(request, flow, {
      onResponse: (response, from) => {
        if (response.isProvisional) return;
        dialog.update(response);
        handlers.onFinal(response, from);
      },
      onFailure: (error) => handlers.onFailure(error),
    });
  }

  #find(request: SipRequest): Carried | undefined {
    return this.#dialogs.get(dialogId(request.callId, request.to.tag ?? '', request.from.tag ?? ''));
  }
}
