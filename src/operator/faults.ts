// What the operator does wrong on demand, so that the device's answers to it can be seen.
import type { Seconds } from '#src/base/units.ts';
import type { SipRequest } from '#src/sip/message/message.ts';

/** `once`: the next one only. */
export interface FaultSettings {
  /** Statuses for REGISTER and INVITE. */
  readonly registerStatus: number | undefined;
  readonly inviteStatus: number | undefined;
  readonly retryAfter: Seconds | undefined;
  /** Contacts of a 3xx. */
  readonly contacts: readonly string[];
  /** Of a 422 (RFC 4028). */
  readonly minSe: Seconds | undefined;
  /** Of a 423 (RFC 3261 10.3). */
  readonly minExpires: Seconds | undefined;
  /** Text of a Warning 399. */
  readonly warning: string | undefined;
  /** A whole Reason value: `Q.850;cause=21`. */
  readonly reason: string | undefined;
  /** What the body of a 380 or 504 says (24.229 7.6). */
  readonly alternative: 'emergency' | 'restoration' | undefined;
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
  contacts: [],
  minSe: undefined,
  minExpires: undefined,
  warning: undefined,
  reason: undefined,
  alternative: undefined,
  once: false,
  silent: false,
  stale: false,
  wrongRspauth: false,
  delay: undefined,
};

export interface Refusal {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly alternative: FaultSettings['alternative'];
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
    const { registerStatus, inviteStatus, once, alternative } = this.#settings;
    const { method } = request;
    const key = method === 'REGISTER' ? 'registerStatus' : method === 'INVITE' ? 'inviteStatus' : undefined;
    const status =
      key === 'registerStatus' ? registerStatus : key === 'inviteStatus' ? inviteStatus : undefined;
    if (key === undefined || status === undefined) return undefined;
    if (once) this.set({ [key]: undefined });
    return { status, headers: headersOf(this.#settings), alternative };
  }
}

/** What a refusal carries, whatever its status: who breaks rules must be able to break them all. */
function headersOf(settings: FaultSettings): [string, string][] {
  const { retryAfter, contacts, minSe, minExpires, warning, reason } = settings;
  const rows: [string, string | number | undefined][] = [
    ['Retry-After', retryAfter],
    ['Contact', contacts.length > 0 ? contacts.map((uri) => `<${uri}>`).join(', ') : undefined],
    ['Min-SE', minSe],
    ['Min-Expires', minExpires],
    ['Warning', warning === undefined ? undefined : `399 operator ${quoted(warning)}`],
    ['Reason', reason],
  ];
  return rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
}

const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
