// TS 24.229 5.1.1.2, RFC 3261 10.2: the REGISTER requests of one registration, one at a time, under one Call-ID.
import { type Random, randomToken, randomUuid } from '#src/base/random.ts';
import { Milliseconds, type Seconds, toSeconds } from '#src/base/units.ts';
import { DigestClient } from '#src/sip/digest/client.ts';
import type { SipResponse } from '#src/sip/message/message.ts';
import type { NameAddr } from '#src/sip/message/name-addr.ts';
import type { Target } from '#src/sip/transport/address.ts';
import { type Flow, isFlow } from '#src/sip/transport/flow.ts';
import type { Sending, UserAgent } from '#src/sip/ua/user-agent.ts';
import { MediaSecurity } from './media-security.ts';
import { type Attempt, type Outcome, readFailure, readRefusal } from './outcome.ts';
import { registerRequest } from './register-request.ts';
import type { RegistrationConfig } from './registration-config.ts';

/** RFC 3261 table 4: timer F is 64 × T1. */
const TIMER_F = 64;

export interface ProcedureDeps {
  readonly ua: UserAgent;
  readonly random: Random;
  readonly config: RegistrationConfig;
}

export interface Register {
  /** An address for an initial registration, which gets a connection of its own; the registered flow later. */
  readonly to: Target | Flow;
  /** The Contact for a way; asked again when the flow is known. */
  readonly contact: (way: Target | Flow) => NameAddr;
  readonly expires: Seconds;
  readonly redirects: number;
}

export type Answer =
  | { readonly ok: true; readonly response: SipResponse; readonly flow: Flow }
  | { readonly ok: false; readonly outcome: Outcome };

export class Procedure {
  /** Of this registration; calls use it too. */
  readonly digest: DigestClient;
  readonly security: MediaSecurity;
  readonly #deps: ProcedureDeps;
  readonly #callId: string;
  readonly #fromTag: string;
  #cseq = 0;
  #sending: Sending | undefined;
  #turn = 0;
  #flow: Flow | undefined;
  #unwatch: (() => void) | undefined;

  constructor(deps: ProcedureDeps) {
    this.#deps = deps;
    const { userName, password, profile, mediaSecurity } = deps.config;
    this.security = new MediaSecurity(profile === 'ims' && mediaSecurity === true);
    this.#callId = randomUuid(deps.random);
    this.#fromTag = randomToken(deps.random);
    this.digest = new DigestClient({ credentials: { username: userName, password }, random: deps.random });
  }

  /** The connection made for the initial request, or the flow of the last answer. */
  get flow(): Flow | undefined {
    return this.#flow;
  }

  /** Sends, and tells the answer once; not at all after `abandon`. */
  send(register: Register, done: (answer: Answer) => void): void {
    const { config, ua } = this.#deps;
    const request = registerRequest({
      domain: config.domain,
      identity: config.identity,
      displayName: config.displayName,
      contact: register.contact(register.to),
      expires: register.expires,
      callId: this.#callId,
      fromTag: this.#fromTag,
      cseq: this.#cseq + 1,
      allow: ua.allow,
    });
    const initial = !isFlow(register.to);
    if (initial && config.profile === 'ims') this.digest.announce(request);
    this.#turn += 1;
    const turn = this.#turn;
    const attempt: Attempt = {
      requested: register.expires,
      redirects: register.redirects,
      patience: toSeconds(Milliseconds(TIMER_F * config.timers.t1)),
    };
    this.#watch(register.to);
    const conclude = (answer: Answer): void => {
      if (turn !== this.#turn) return;
      this.#noteSent();
      this.#unwatch?.();
      done(answer);
    };
    this.#sending = ua.send(
      request,
      {
        onFinal: (response, flow) => {
          if (turn === this.#turn) this.#flow = flow;
          if (response.isSuccess) this.security.accepted(response);
          else if (turn === this.#turn && this.security.mends(response)) {
            this.#noteSent();
            this.send(register, done);
            return;
          }
          conclude(
            response.isSuccess
              ? { ok: true, response, flow }
              : { ok: false, outcome: readRefusal(response, attempt) },
          );
        },
        onFailure: (error) => conclude({ ok: false, outcome: readFailure(error) }),
      },
      {
        digest: this.digest,
        viaParams: [['keep']],
        onChallenge: (response) => this.security.challenged(response),
        // Where we do not listen, the Contact names our end of the connection, which exists only now.
        prepare: (sent, flow) => {
          if (turn !== this.#turn) return;
          sent.headers.set('Contact', register.contact(flow).toString());
          this.security.announce(sent, flow.secure);
        },
        ...(isFlow(register.to) ? { flow: register.to } : { targets: [register.to], fresh: true }),
      },
    );
    this.#noteSent();
  }

  /** What is still out no longer matters. */
  abandon(): void {
    this.#turn += 1;
    this.#sending = undefined;
    this.#unwatch?.();
  }

  /** An attempt that fails without an answer has left a connection behind. */
  #watch(to: Target | Flow): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
    if (isFlow(to)) return;
    this.#unwatch = this.#deps.ua.transport.onFlow.on((flow) => {
      const { host, port } = flow.remote;
      if (flow.transport === to.transport && host === to.host && port === to.port) this.#flow ??= flow;
    });
  }

  /** A challenge answered on the way has used up a CSeq. */
  #noteSent(): void {
    this.#cseq = Math.max(this.#cseq, this.#sending?.request.cseq.number ?? 0);
  }
}
