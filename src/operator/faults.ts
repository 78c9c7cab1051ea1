// What the operator does wrong on demand, so that the device's answers to it can be seen.
import type { Seconds } from '#src/base/units.ts';
import type { SipRequest } from '#src/sip/message/message.ts';

/** `once`: the next one only. */
export interface FaultSettings {
  /** Statuses for REGISTER and INVITE. */
  readonly registerStatus: number | undefined;
  readonly inviteStatus: number | undefined;
  readonly retryAfter: Seconds | undefined;
  /** The status is given once, then the request is served again. */
  readonly once: boolean;
  /** Nothing is answered. */
  readonly silent: boolean;
  /** Every nonce is stale once. */
  readonly stale: boolean;
  readonly wrongRspauth: boolean;
  /** Every request waits so long before it is looked at. */
  readonly delay: Seconds | undefined;
}

const NO_FAULTS: FaultSettings = {
  registerStatus: undefined,
  inviteStatus: undefined,
  retryAfter: undefined,
  once: false,
  silent: false,
  stale: false,
  wrongRspauth: false,
  delay: undefined,
};

export interface Refusal {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
}

export class Faults {
  #settings: FaultSettings;

  constructor(settings: Partial<FaultSettings> = {}) {
    this.#settings = { ...NO_FAULTS, ...settings };
  }

  get settings(): FaultSettings {
    return this.#settings;
  }

  set(settings: Partial<FaultSettings>): void {
    this.#settings = { ...this.#settings, ...settings };
  }

  /** The answer this request gets instead of being served. */
  refusal(request: SipRequest): Refusal | undefined {
    const { registerStatus, inviteStatus, retryAfter, once } = this.#settings;
    const { method } = request;
    const key = method === 'REGISTER' ? 'registerStatus' : method === 'INVITE' ? 'inviteStatus' : undefined;
    const status =
      key === 'registerStatus' ? registerStatus : key === 'inviteStatus' ? inviteStatus : undefined;
    if (key === undefined || status === undefined) return undefined;
    if (once) this.set({ [key]: undefined });
    return { status, headers: retryAfter === undefined ? [] : [['Retry-After', String(retryAfter)]] };
  }
}
