// One taxonomy of errors for the whole agent: who is at fault decides what is done about it.

/**
 * Who is at fault: `ours` a defect of Tandem, `caller` the one who called our API or wrote our configuration,
 * `peer` the SIP or RTP party at the other end, `network` no path or no answer, `operator` the operator's service refused.
 */
export type Fault = 'ours' | 'caller' | 'peer' | 'network' | 'operator';

export interface ErrorDetails {
  /** Facts for a program: numbers and strings, never secrets. */
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** Every error that leaves a module. `id` is stable (`area.what`), `message` is a sentence an owner understands. */
export class TandemError extends Error {
  override readonly name = 'TandemError';
  readonly id: string;
  readonly fault: Fault;
  readonly detail: Readonly<Record<string, unknown>>;

  constructor(fault: Fault, id: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.fault = fault;
    this.id = id;
    this.detail = details.detail ?? {};
  }

  static is(value: unknown, id?: string): value is TandemError {
    return value instanceof TandemError && (id === undefined || value.id === id);
  }

  /** Wraps whatever was thrown; a TandemError passes through unchanged. */
  static from(value: unknown, id = 'internal', message = 'Something failed inside Tandem.'): TandemError {
    if (value instanceof TandemError) return value;
    return new TandemError('ours', id, message, { cause: value, detail: { reason: describe(value) } });
  }
}

/** The message of anything that can be thrown. */
export function describe(value: unknown): string {
  return value instanceof Error ? value.message : String(value);
}

/** The `code` of a Node system error (`ECONNREFUSED`), or undefined. */
export function systemCode(value: unknown): string | undefined {
  if (!(value instanceof Error) || !('code' in value)) return undefined;
  return typeof value.code === 'string' ? value.code : undefined;
}
