// TS 24.606, RFC 3842: the state of the owner's mailbox, by subscription or as a plain server tells it unasked.
import { Signal } from '#src/base/events.ts';
import { Seconds } from '#src/base/units.ts';
import type { SubscribeParts } from '#src/sip/event/subscriber.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { type Uri, uriEquals } from '#src/sip/message/uri.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import { Watch, type WatchDeps, type WatchPolicy } from '../watch.ts';
import { type MessageSummary, parseSummary, SUMMARY_TYPE } from './summary.ts';

export interface MailboxConfig {
  readonly policy: WatchPolicy;
  /** The message account (24.606 4.5.2); default our own default identity. */
  readonly account?: Uri | undefined;
  /** Identities that others share with us: message waiting is not for them (24.174 4.6). */
  readonly shared: readonly Uri[];
}

/** `known` is false until the network told. */
export interface MailboxState extends MessageSummary {
  readonly known: boolean;
  /** ISO 8601 UTC, of the last word. */
  readonly at?: string;
}

export const MESSAGE_SUMMARY = 'message-summary';
/** RFC 3842 3.4. */
const EXPIRES = Seconds(3600);

export class Mailbox {
  readonly onChange = new Signal<MailboxState>();
  readonly #deps: WatchDeps;
  readonly #watch: Watch;
  #state: MailboxState = { known: false, waiting: false, messages: [] };
  #notices = 0;
  readonly #off: () => void;

  constructor(deps: WatchDeps, config: MailboxConfig) {
    this.#deps = deps;
    this.#watch = new Watch(deps, {
      event: MESSAGE_SUMMARY,
      accept: [SUMMARY_TYPE],
      expires: EXPIRES,
      policy: config.policy,
      wanted: () => !config.shared.some((uri) => uriEquals(uri, this.#parts(config).uri)),
      parts: () => this.#parts(config),
    });
    this.#watch.onNotify.on(({ request }) => void this.#told(request));
    this.#off = deps.ua.onUnaskedNotify((incoming) => this.#unasked(incoming));
  }

  get state(): MailboxState {
    return this.#state;
  }

  get subscription(): Watch['state'] {
    return this.#watch.state;
  }

  /** Documents taken, of a subscription or unasked. */
  get notices(): number {
    return this.#notices;
  }

  /** Un-subscribes. */
  stop(): void {
    this.#off();
    this.#watch.stop();
  }

  /**
   * A NOTIFY that belongs to no subscription: many plain servers tell so (Asterisk does). Only from whom we are
   * registered with. False: not for the mailbox.
   */
  #unasked(incoming: Incoming): boolean {
    const { request, flow } = incoming;
    const { home } = this.#deps;
    // 24.606 knows no unasked NOTIFY.
    if (home.profile !== 'sip' || request.event?.type.toLowerCase() !== MESSAGE_SUMMARY) return false;
    if (!home.trusts(flow)) return false;
    if (request.contentType?.value !== SUMMARY_TYPE) {
      incoming.respond(415, { headers: [['Accept', SUMMARY_TYPE]] });
    } else if (this.#told(request)) incoming.respond(200);
    else incoming.respond(400, { reason: 'Bad Message Summary' });
    return true;
  }

  #parts({ account }: MailboxConfig): SubscribeParts {
    const parts = this.#deps.home.subscribeParts();
    return account ? { ...parts, uri: account, to: NameAddr.of(account) } : parts;
  }

  #told(request: SipRequest): boolean {
    // RFC 6665 4.1.3: pending, or nothing to tell.
    if (request.body.length === 0) return false;
    const { log, clock } = this.#deps;
    const type = request.contentType?.value;
    const parsed = type === SUMMARY_TYPE ? parseSummary(request.body) : undefined;
    if (!parsed?.ok) {
      log.warn({ type, reason: parsed?.error }, 'message waiting: a body could not be read');
      return false;
    }
    this.#notices += 1;
    this.#state = { known: true, ...parsed.value, at: clock.date().toISOString() };
    this.onChange.emit(this.#state);
    return true;
  }
}
