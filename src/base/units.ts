// Units carried by the type, so that no bare number travels between modules.

declare const unit: unique symbol;
type Quantity<Name extends string> = number & { readonly [unit]: Name };

/** A span of time in milliseconds. */
export type Milliseconds = Quantity<'ms'>;
/** A span of time in whole or fractional seconds. */
export type Seconds = Quantity<'s'>;
/** A frequency or clock rate in hertz. */
export type Hertz = Quantity<'Hz'>;
/** A size in octets. */
export type Octets = Quantity<'octets'>;

// The one place where a bare number is given its unit.
export const Milliseconds = (value: number): Milliseconds => value as Milliseconds;
export const Seconds = (value: number): Seconds => value as Seconds;
export const Hertz = (value: number): Hertz => value as Hertz;
export const Octets = (value: number): Octets => value as Octets;

const MS_PER_SECOND = 1000;

export const toMilliseconds = (span: Seconds): Milliseconds => Milliseconds(span * MS_PER_SECOND);
export const toSeconds = (span: Milliseconds): Seconds => Seconds(span / MS_PER_SECOND);
