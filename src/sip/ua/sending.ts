// RFC 3261 8.1, 9.1, 13.2, 22; RFC 3263 4.3: one request of ours with all its tries.
import type { Timer } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { Seconds } from '#src/base/units.ts';
import type { DigestClient } from '#src/sip/digest/client.ts';
import { newRound } from '#src/sip/digest/client.ts';
import { SipRequest, type SipResponse } from '#src/sip/message/message.ts';
import type { Uri } from '#src/sip/message/uri.ts';
import type { ClientTransaction, RequestOptions } from '#src/sip/transaction/transaction.ts';
import type { Target } from '#src/sip/transport/address.ts';
import { type Flow, isFlow } from '#src/sip/transport/flow.ts';
import type { AckKeeper } from './ack-keeper.ts';
import { type Core, locate, transactionSpan } from './core.ts';
import { type SendingAction, type SendingEvent, type SendingState, sendingRow } from './sending-table.ts';

export interface SendingHandlers {
  /** Every provisional answer, 100 included; the To tag tells the fork. */
  onProvisional?(response: SipResponse, flow: Flow): void;
  /**
   * The final answer, once; of an INVITE again for the 2xx of every further To tag, each of which wants its ACK. A 2xx
   * that is repeated is acknowledged again by the core and does not come here.
   */
  onFinal(response: SipResponse, flow: Flow): void;
  /**
   * A 2xx to an INVITE outside a dialog that came within 64*T1 after its refusal, from a fork that answered all the same
   * (RFC 3261 16.7): it wants its ACK and a BYE. `request` is the try that it answers, which may be one before a challenge.
   * Nobody listens for one without this.
   */
  onLate?(response: SipResponse, flow: Flow, request: SipRequest): void;
  /**
   * No answer, and nothing left to try: `sip.timeout`, `sip.transport`, `sip.no-route`, `sip.cancelled` (cancelled before
   * anything was sent, or the peer never answered the CANCEL), `auth.rejected`, `auth.unsupported`, `auth.rspauth`, or
   * what the resolver says.
   */
  onFailure(error: TandemError): void;
}

export interface SendingOptions extends RequestOptions {
  /** Answers challenges, and uses earlier ones. */
  readonly digest?: DigestClient | undefined;
  /** Sends over this flow and no other; when it is dead, `targets` or the route are used. */
  readonly flow?: Flow | undefined;
  /** Instead of what RFC 3263 finds for the route. */
  readonly targets?: readonly Target[];
  /** The next hop when the request itself does not tell it: a strict router (RFC 3261 12.2.1.1). */
  readonly hop?: Uri | undefined;
  /** The CSeq of a try after a challenge; default one higher. In a dialog the dialog counts. */
  readonly nextCseq?: () => number;
  /** A challenge that is about to be answered. */
  readonly onChallenge?: (response: SipResponse) => void;
}

export interface Sending {
  /** As last sent: the CSeq of a challenged request has moved on. */
  readonly request: SipRequest;
  readonly state: SendingState;
  /**
   * Takes an INVITE back. The CANCEL is held until a provisional answer came (RFC 3261 9.1); a 2xx that crosses it is
   * passed to `onFinal` and is the owner's to release. `headers` stand in the CANCEL (Reason). No effect on other methods.
   */
  cancel(headers?: readonly (readonly [name: string, value: string])[]): void;
}

/** How long an address that failed is tried last; Retry-After says otherwise. */
const FAILED_SPAN = Seconds(60);

/** A try that was refused: a fork of it may answer all the same. */
interface RefusedTry {
  readonly request: SipRequest;
  readonly timer: Timer;
}

export class OutgoingRequest implements Sending {
  readonly #core: Core;
  readonly #acks: AckKeeper;
  readonly #handlers: SendingHandlers;
  readonly #options: SendingOptions;
  readonly #onSettled: (self: OutgoingRequest) => void;
  readonly #round = newRound();
  readonly #answeredTags = new Set<string>();
  #request: SipRequest;
  #targets: (Target | Flow)[] = [];
  #transaction: ClientTransaction | undefined;
  #state: SendingState = 'locating';
  #response: { readonly message: SipResponse; readonly flow: Flow } | undefined;
  #error: TandemError | undefined;
  #cancelHeaders: readonly (readonly [string, string])[] = [];
  #timer: Timer | undefined;
  /** By branch. */
  readonly #refused = new Map<string, RefusedTry>();
  #unwatch: (() => void) | undefined;
  #fresh: boolean;
  #authorized = false;

  constructor(
    core: Core,
    acks: AckKeeper,
    request: SipRequest,
    handlers: SendingHandlers,
    options: SendingOptions,
    /** No timer and no try is left; a 2xx of another fork may still come. */
    onSettled: (self: OutgoingRequest) => void,
  ) {
    this.#onSettled = onSettled;
    this.#core = core;
    this.#acks = acks;
    this.#request = request;
    this.#handlers = handlers;
    this.#options = options;
    this.#fresh = options.fresh === true;
  }

  get request(): SipRequest {
    return this.#request;
  }

  get state(): SendingState {
    return this.#state;
  }

  begin(): void {
    const { flow, targets } = this.#options;
    const known = flow?.alive ? [flow] : targets;
    if (known && known.length > 0) {
      this.#targets = [...known];
      this.#fire('located');
      return;
    }
    locate(this.#core, this.#request, this.#options.hop).then(
      (found) => {
        this.#targets = found;
        this.#fire('located');
      },
      (error: unknown) => this.#fail(TandemError.from(error, 'sip.no-route')),
    );
  }

  cancel(headers: readonly (readonly [name: string, value: string])[] = []): void {
    if (this.#request.method !== 'INVITE') return;
    this.#cancelHeaders = headers;
    this.#fire('cancel');
  }

  /** Stops every timer; nothing is told any more. */
  abandon(): void {
    this.#timer?.cancel();
    for (const { timer } of this.#refused.values()) timer.cancel();
    this.#unwatch?.();
    this.#transaction?.abandon();
    this.#state = 'over';
  }

  #fail(error: TandemError): void {
    this.#error = error;
    this.#fire('failure');
  }

  #fire(event: SendingEvent): void {
    const row = sendingRow(this.#state, event);
    if (!row) return;
    this.#state = row.next;
    if (event === 'final') this.#watch(this.#request);
    this.#settleWhenDone();
    for (const action of row.actions) this.#perform(action);
  }

  #settleWhenDone(): void {
    const isDone = this.#state === 'over' || this.#state === 'answered';
    if (isDone && this.#refused.size === 0) this.#onSettled(this);
  }

  /** 13.2.2.4: the answers of forks are awaited for 64*T1, refused or not. */
  #watch(request: SipRequest): void {
    const opensDialog = request.method === 'INVITE' && request.to.tag === undefined;
    if (!opensDialog || !this.#handlers.onLate) return;
    const { clock, layer } = this.#core;
    const branch = request.topVia.branch ?? '';
    this.#unwatch ??= layer.onStrayResponse.on(({ response, flow }) => this.#stray(response, flow));
    const timer = clock.after(transactionSpan(this.#core), () => {
      this.#refused.delete(branch);
      if (this.#refused.size > 0) return;
      this.#unwatch?.();
      this.#unwatch = undefined;
      this.#settleWhenDone();
    });
    this.#refused.set(branch, { request, timer });
  }

  #stray(response: SipResponse, flow: Flow): void {
    const found = this.#refused.get(response.topVia.branch ?? '');
    if (!found || response.cseq.method !== 'INVITE' || !response.isSuccess) return;
    const tag = response.to.tag ?? '';
    if (this.#answeredTags.has(tag)) {
      this.#acks.repeat(response);
      return;
    }
    this.#answeredTags.add(tag);
    this.#handlers.onLate?.(response, flow, found.request);
  }

  #perform(action: SendingAction): void {
    switch (action) {
      case 'transmit':
        this.#transmit();
        break;
      case 'pass':
        this.#pass();
        break;
      case 'fail':
        this.#handlers.onFailure(this.#error ?? cancelled('The other side never answered.'));
        break;
      case 'withdraw':
        // Told later, so that `cancel` returns first.
        queueMicrotask(() => this.#handlers.onFailure(cancelled('Cancelled before anything was sent.')));
        break;
      case 'cancel':
        this.#sendCancel();
        break;
      case 'wait':
        this.#timer = this.#core.clock.after(transactionSpan(this.#core), () => this.#fire('give up'));
        break;
      case 'rest':
        this.#timer?.cancel();
        break;
      case 'drop':
        this.#transaction?.abandon();
        break;
    }
  }

  #transmit(): void {
    const { core, to } = { core: this.#core, to: this.#targets[0] };
    if (!to) return;
    if (!this.#authorized) this.#options.digest?.preempt(this.#request);
    this.#authorized = false;
    core.decorate(this.#request, to);
    const { viaParams, prepare } = this.#options;
    const options = {
      fresh: this.#fresh,
      ...(viaParams ? { viaParams } : {}),
      ...(prepare ? { prepare } : {}),
    };
    this.#fresh = false;
    const request = this.#request;
    this.#transaction = core.layer.request(
      request,
      to,
      {
        onResponse: (response, flow) => {
          if (request === this.#request) this.#receive(response, flow);
        },
        onFailure: (error) => {
          if (request === this.#request) this.#undelivered(error);
        },
      },
      options,
    );
  }

  #receive(response: SipResponse, flow: Flow): void {
    this.#response = { message: response, flow };
    if (response.isProvisional) this.#fire('1xx');
    else if (response.isSuccess) this.#succeeded(response);
    else {
      const { request } = this;
      const again = this.#mayRetry() && this.#retry(response, flow);
      if (again) this.#watch(request);
      this.#fire(again ? 'again' : this.#error ? 'failure' : 'final');
    }
  }

  #succeeded(response: SipResponse): void {
    const tag = response.to.tag ?? '';
    if (this.#request.method === 'INVITE') {
      if (this.#answeredTags.has(tag)) {
        this.#acks.repeat(response);
        return;
      }
      this.#answeredTags.add(tag);
    }
    const proof = this.#options.digest?.verify(this.#request, response);
    if (proof && !proof.ok) {
      this.#core.counters.add('sip_bad_server_proofs_total');
      this.#core.log.warn({ method: this.#request.method }, proof.error.message);
      // A call that was answered stands all the same: it must be acknowledged, and its owner sees it.
      if (this.#request.method !== 'INVITE') {
        this.#fail(proof.error);
        return;
      }
    }
    this.#fire('2xx');
  }

  /** Once cancelled, a request is not tried again. */
  #mayRetry(): boolean {
    return this.#state === 'calling' || this.#state === 'proceeding';
  }

  /** Prepares the next try. False: there is none; `#error` says why when the answer itself is not the reason. */
  #retry(response: SipResponse, flow: Flow): boolean {
    const { status } = response;
    if (status === 401 || status === 407) return this.#authorize(response, flow);
    if (status !== 503) return false;
    const target = this.#targets[0];
    if (target && !isFlow(target)) {
      this.#core.resolver.markFailed(target, Seconds(response.retryAfter ?? FAILED_SPAN));
    }
    return this.#nextTarget();
  }

  #authorize(response: SipResponse, flow: Flow): boolean {
    const { digest, nextCseq } = this.#options;
    if (!digest) return false;
    const next = digest.authorize(this.#request, response, this.#round);
    if (!next.ok) {
      this.#error = next.error;
      return false;
    }
    if (nextCseq) next.value.headers.set('CSeq', `${nextCseq()} ${this.#request.method}`);
    this.#options.onChallenge?.(response);
    this.#core.counters.add('sip_challenges_answered_total');
    this.#request = next.value;
    this.#authorized = true;
    // The connection that carried the challenge carries the answer to it; UDP may have to give way to size.
    if (flow.alive && flow.transport !== 'udp') this.#targets = [flow, ...this.#targets.slice(1)];
    return true;
  }

  #nextTarget(): boolean {
    if (this.#targets.length < 2) return false;
    this.#targets.shift();
    this.#core.counters.add('sip_failovers_total');
    const next = this.#request.clone();
    next.headers.remove('Via');
    this.#request = next;
    return true;
  }

  #undelivered(error: TandemError): void {
    const target = this.#targets[0];
    if (target && !isFlow(target)) this.#core.resolver.markFailed(target, FAILED_SPAN);
    if (this.#state === 'calling' && this.#nextTarget()) this.#fire('again');
    else this.#fail(error);
  }

  #pass(): void {
    const { message, flow } = this.#response ?? {};
    if (!message || !flow) return;
    if (message.isProvisional) this.#handlers.onProvisional?.(message, flow);
    else this.#handlers.onFinal(message, flow);
  }

  /** 9.1: the same Request-URI, Route, From, To, Call-ID, CSeq number and top Via. */
  #sendCancel(): void {
    const transaction = this.#transaction;
    const to = transaction?.flow ?? this.#targets[0];
    if (!transaction || !to) return;
    const { request } = transaction;
    const cancel = SipRequest.create({
      method: 'CANCEL',
      uri: request.requestUri,
      headers: [
        ['Via', request.topVia.toString()],
        ['Max-Forwards', '70'],
        ...request.headers.getAll('Route').map((route) => ['Route', route] as const),
        ['From', request.header('From') ?? ''],
        ['To', request.header('To') ?? ''],
        ['Call-ID', request.callId],
        ['CSeq', `${request.cseq.number} CANCEL`],
        ...this.#cancelHeaders,
        ['Content-Length', '0'],
      ],
    });
    const { log } = this.#core;
    this.#core.layer.request(cancel, to, {
      // The answer to the INVITE is what counts (9.1).
      onResponse: (response) => log.debug({ status: response.status }, 'CANCEL answered'),
      onFailure: (error) => log.debug({ err: error }, 'CANCEL not answered'),
    });
  }
}

const cancelled = (message: string): TandemError => new TandemError('caller', 'sip.cancelled', message);
