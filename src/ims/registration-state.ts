// What the status tells of the registration.
import type { Seconds } from '#src/base/units.ts';
import type { Identity } from './identities.ts';
import type { RegistrationPhase } from './registration-table.ts';

/** `registered` while a binding lives, `failed` while waiting to try again. */
export type RegistrationWord = 'off' | 'registering' | 'registered' | 'failed';

export interface RegistrationState {
  readonly state: RegistrationWord;
  /** Seconds left. */
  readonly expires?: Seconds;
  /** Address and port. */
  readonly pcscf?: string;
  readonly transport?: 'udp' | 'tcp' | 'tls';
  readonly identities: readonly Identity[];
  /** `retry_at` in ISO 8601, UTC. */
  readonly error?: { readonly id: string; readonly message: string; readonly retry_at?: string };
}

export const REGISTRATION_WORDS: Readonly<Record<RegistrationPhase, RegistrationWord>> = {
  off: 'off',
  selecting: 'registering',
  registering: 'registering',
  registered: 'registered',
  refreshing: 'registered',
  waiting: 'failed',
  stopped: 'failed',
  closing: 'registering',
  leaving: 'registered',
};
