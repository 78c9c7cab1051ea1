// RFC 3680 5.3.2, TS 24.229 5.1.1.7: what the network says about our binding, as an event of the registration.
import { TandemError } from '#src/base/errors.ts';
import type { OwnChange } from './federation.ts';
import type { Outcome } from './outcome.ts';
import type { ContactEvent } from './reg-info.ts';
import type { RegistrationEvent } from './registration-table.ts';

interface Ending {
  readonly event: RegistrationEvent;
  /** Sentence for the owner. */
  readonly message: string;
}

/** Each way a binding may end. A contact that is terminated for a reason of the living ended all the same. */
const ENDINGS: Readonly<Record<ContactEvent, Ending>> = {
  deactivated: { event: 'deactivated', message: 'The operator asks this device to register afresh.' },
  probation: { event: 'probation', message: 'The operator has suspended this device for a while.' },
  rejected: {
    event: 'rejected',
    message: 'The operator has removed this device and forbids it to register.',
  },
  expired: { event: 'expired', message: 'The registration ran out at the operator.' },
  unregistered: { event: 'unregistered', message: 'The operator has removed this device.' },
  registered: { event: 'unregistered', message: 'The operator has removed this device.' },
  created: { event: 'unregistered', message: 'The operator has removed this device.' },
  refreshed: { event: 'unregistered', message: 'The operator has removed this device.' },
  shortened: { event: 'unregistered', message: 'The operator has removed this device.' },
  other: { event: 'unregistered', message: 'The operator has removed this device.' },
};

export function networkInitiated(change: OwnChange): Outcome | undefined {
  if (change.kind === 'none') return undefined;
  if (change.kind === 'shortened') return { event: 'shortened', expires: change.expires };
  const { event, message } = ENDINGS[change.event];
  const error = new TandemError('operator', 'registration.removed', message, {
    detail: { event: change.event },
  });
  return { event, error, ...(change.retryAfter === undefined ? {} : { retryAfter: change.retryAfter }) };
}
