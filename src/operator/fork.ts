// RFC 3261 16.6 to 16.10: one request, several legs: rung together or in turn, one answer, the others released.
import type { Clock, Timer } from '#src/base/clock.ts';
import type { Logger } from '#src/base/log.ts';
import { type Milliseconds, type Seconds, toMilliseconds } from '#src/base/units.ts';
import { hasToken, SipRequest, SipResponse } from '#src/sip/message/message.ts';
import type { Uri } from '#src/sip/message/uri.ts';
import type { TransactionLayer } from '#src/sip/transaction/layer.ts';
import type { ClientTransaction, ServerTransaction } from '#src/sip/transaction/transaction.ts';
import type { Target } from '#src/sip/transport/address.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { Account } from './accounts.ts';
import type { MediaExchange } from './edge/edge.ts';
import { bestOf, RELEASE_REASONS, type ReleaseCause, releasedBy } from './fork-policy.ts';

export interface LegPlan {
  /** Ready to leave: Request-URI, Route and Record-Route of this leg. */
  readonly request: SipRequest;
  readonly to: Target | Flow;
  /** Whose device it is; undefined: of somebody outside. */
  readonly account: Account | undefined;
  /** Called under an identity that is lent to it. */
  readonly lent: Uri | undefined;
  /** Its media pass the access edge. */
  readonly media: MediaExchange | undefined;
}

export interface ForkOptions {
  readonly layer: TransactionLayer;
  readonly clock: Clock;
  readonly log: Logger;
  readonly server: ServerTransaction;
  readonly legs: readonly LegPlan[];
  readonly order: 'parallel' | 'sequence';
  readonly busyEverywhere: boolean;
  readonly ringing: Seconds;
  /** 64 × T1: how long a cancelled leg may take to say so. */
  readonly patience: Milliseconds;
  /** Every answer that makes or belongs to a dialog, with the flow it came over. */
  readonly onDialog: (response: SipResponse, flow: Flow) => void;
  /** The first 180 of any leg. */
  readonly onAlerting?: () => void;
  /** The first 2xx of any leg. */
  readonly onAnswered?: () => void;
  /** The last word of all legs, unless one answered; true: somebody else goes on with the call. */
  readonly onOutcome?: (best: SipResponse, how: ForkOutcome) => boolean;
  /** What the caller sees of an answer. */
  readonly dress?: (response: SipResponse, plan: LegPlan | undefined) => void;
  readonly onEnd: () => void;
}

export interface ForkOutcome {
  /** One of them rang. */
  readonly alerted: boolean;
  /** The legs were released because nobody answered. */
  readonly timedOut: boolean;
}

interface Leg {
  readonly plan: LegPlan;
  transaction: ClientTransaction | undefined;
  /** `cancel-due`: to be cancelled, but no provisional answer came yet (RFC 3261 9.1). */
  state: 'waiting' | 'calling' | 'proceeding' | 'cancel-due' | 'cancelled' | 'done';
  reason: string | undefined;
  /** To tags of its early dialogs. */
  readonly early: Set<string>;
  /** Runs from the CANCEL on. */
  patience: Timer | undefined;
}

const RINGING = 180;
const EARLY_DIALOG_TERMINATED = 199;

export class Fork {
  readonly #options: ForkOptions;
  readonly #legs: readonly Leg[];
  readonly #answers: { readonly response: SipResponse; readonly plan: LegPlan }[] = [];
  #timer: Timer | undefined;
  #answered = false;
  #alerted = false;
  #muted = false;
  #timedOut = false;
  #over = false;

  constructor(options: ForkOptions) {
    this.#options = options;
    this.#legs = options.legs.map((plan) => ({
      plan,
      transaction: undefined,
      state: 'waiting',
      reason: undefined,
      early: new Set(),
      patience: undefined,
    }));
  }

  /** Legs still rung or to be rung. */
  get pending(): number {
    return this.#legs.filter(({ state }) => state !== 'done').length;
  }

  start(): void {
    if (this.#options.order === 'sequence') this.#next();
    else for (const leg of this.#legs) this.#call(leg);
    if (this.#options.order === 'parallel') this.#ring(() => this.release('timeout'));
  }

  /** The call goes on elsewhere (24.604 4.5.2.6.3): the legs are released, and only a 2xx still reaches the caller. */
  leave(cause: ReleaseCause): void {
    this.#muted = true;
    for (const leg of this.#legs) this.#endEarly(leg);
    this.release(cause);
  }

  /** Ends every leg that is left; the caller's CANCEL is one cause. */
  release(cause: ReleaseCause): void {
    this.#timer?.cancel();
    this.#timedOut ||= cause === 'timeout';
    for (const leg of this.#legs) this.#cancel(leg, RELEASE_REASONS[cause]);
    this.#settle();
  }

  #ring(action: () => void): void {
    this.#timer?.cancel();
    if (this.#options.server.request.method !== 'INVITE') return;
    this.#timer = this.#options.clock.after(toMilliseconds(this.#options.ringing), action);
  }

  /** In sequence: the next leg, when the one before has not answered in time or has refused. */
  #next(): void {
    const leg = this.#legs.find(({ state }) => state === 'waiting');
    if (!leg) return;
    this.#call(leg);
    this.#ring(() => {
      this.#cancel(leg, RELEASE_REASONS.timeout);
      this.#next();
    });
  }

  #call(leg: Leg): void {
    leg.state = 'calling';
    const { layer } = this.#options;
    leg.transaction = layer.request(leg.plan.request, leg.plan.to, {
      onResponse: (response, flow) => void this.#through(leg, response, flow),
      onFailure: (error) => {
        this.#options.log.info({ error: error.id }, 'operator: a leg failed');
        this.#conclude(leg, SipResponse.reply(this.#options.server.request, 408));
      },
    });
  }

  async #through(leg: Leg, response: SipResponse, flow: Flow): Promise<void> {
    const { media } = leg.plan;
    // Without the edge nothing waits: what comes in one turn is handled in it.
    this.#receive(leg, media ? await media.response(response) : response, flow);
  }

  #receive(leg: Leg, response: SipResponse, flow: Flow): void {
    const { status } = response;
    if (response.to.tag !== undefined && status > 100 && status < 300) this.#options.onDialog(response, flow);
    if (status < 200) {
      if (leg.state === 'calling') leg.state = 'proceeding';
      else if (leg.state === 'cancel-due') this.#sendCancel(leg);
      if (status > 100 && !this.#answered && !this.#muted) this.#forward(response, leg.plan);
      if (status > 100 && response.to.tag !== undefined) leg.early.add(response.to.tag);
      if (status === EARLY_DIALOG_TERMINATED && response.to.tag !== undefined)
        leg.early.delete(response.to.tag);
      if (status === RINGING && !this.#alerted) {
        this.#alerted = true;
        this.#options.onAlerting?.();
      }
      return;
    }
    if (status < 300) {
      // 16.7 step 10: every 2xx goes back at once, late ones too.
      const first = !this.#answered;
      this.#answered = true;
      this.#forward(response, leg.plan);
      leg.state = 'done';
      leg.patience?.cancel();
      if (first) this.#options.onAnswered?.();
      if (first) this.release('answered');
      else this.#settle();
      return;
    }
    if (leg.state !== 'done') this.#conclude(leg, response);
  }

  #conclude(leg: Leg, response: SipResponse): void {
    leg.state = 'done';
    leg.patience?.cancel();
    leg.plan.media?.failed();
    this.#answers.push({ response, plan: leg.plan });
    const { busyEverywhere } = this.#options;
    const cause = this.#answered
      ? undefined
      : releasedBy(response.status, { busyEverywhere, primary: leg.plan.account?.role === 'primary' });
    if (!cause && this.pending > 0 && !this.#answered) this.#endEarly(leg);
    if (cause) this.release(cause);
    else {
      // The end of one that was cancelled for its time says nothing of the one that is rung now.
      if (this.#options.order === 'sequence' && !this.#answered && !this.#isRinging) this.#next();
      this.#settle();
    }
  }

  get #isRinging(): boolean {
    return this.#legs.some(({ state }) => state === 'calling' || state === 'proceeding');
  }

  /** RFC 6228 6: a caller who understands it hears that early dialogs are gone while others go on. */
  #endEarly(leg: Leg): void {
    const { request } = this.#options.server;
    const told = request.method === 'INVITE' && hasToken(request.supported, '199');
    for (const toTag of told ? leg.early : [])
      this.#options.server.respond(SipResponse.reply(request, EARLY_DIALOG_TERMINATED, { toTag }));
    leg.early.clear();
  }

  #cancel(leg: Leg, reason: string | undefined): void {
    if (leg.state === 'waiting') {
      leg.state = 'done';
      leg.plan.media?.failed();
    }
    if (this.#options.server.request.method !== 'INVITE') return;
    leg.reason = reason;
    if (leg.state === 'calling') leg.state = 'cancel-due';
    else if (leg.state === 'proceeding') this.#sendCancel(leg);
  }

  #sendCancel(leg: Leg): void {
    leg.state = 'cancelled';
    const { transaction } = leg;
    if (!transaction) return;
    const cancel = cancelOf(transaction.request, leg.reason);
    // Its own answer tells nothing: the INVITE's final one does (RFC 3261 9.1).
    const ignore = (): void => undefined;
    this.#options.layer.request(cancel, transaction.flow ?? leg.plan.to, {
      onResponse: ignore,
      onFailure: ignore,
    });
    leg.patience = this.#options.clock.after(this.#options.patience, () => {
      // RFC 3261 9.1: a cancelled leg that says nothing more is over.
      transaction.abandon();
      this.#conclude(leg, SipResponse.reply(this.#options.server.request, 487));
    });
  }

  #settle(): void {
    if (this.#over || this.pending > 0) return;
    this.#over = true;
    this.#timer?.cancel();
    if (!this.#answered && !this.#muted) this.#conclusion();
    this.#options.onEnd();
  }

  #conclusion(): void {
    const best = bestOf(this.#answers.map(({ response }) => response));
    const from = this.#answers.find(({ response }) => response === best)?.plan;
    const response = best ?? SipResponse.reply(this.#options.server.request, 480);
    if (!this.#options.onOutcome?.(response, { alerted: this.#alerted, timedOut: this.#timedOut }))
      this.#forward(response, from);
  }

  /** Without our own Via, when it has one. */
  #forward(response: SipResponse, plan: LegPlan | undefined): void {
    const { server, dress } = this.#options;
    const copy = response.clone();
    if (copy.vias.length > server.request.vias.length) copy.headers.removeFirst('Via');
    dress?.(copy, plan);
    server.respond(copy);
  }
}

/** RFC 3261 9.1: the CANCEL of a request as it was sent. */
function cancelOf(request: SipRequest, reason: string | undefined): SipRequest {
  const routes = request.headers.getAll('Route').map((value): [string, string] => ['Route', value]);
  return SipRequest.create({
    method: 'CANCEL',
    uri: request.requestUri,
    headers: [
      ['Via', request.topVia.toString()],
      ['Max-Forwards', '70'],
      ...routes,
      ['From', request.from.toString()],
      ['To', request.to.toString()],
      ['Call-ID', request.callId],
      ['CSeq', `${request.cseq.number} CANCEL`],
      ...(reason === undefined ? [] : [['Reason', reason] as [string, string]]),
    ],
  });
}
