// What an owner is told who asks something of a call that is not there, or not in a state for it.
import { TandemError } from '#src/base/errors.ts';
import type { PublicCallState } from './snapshot.ts';

export const unknownCall = (id: string): TandemError =>
  new TandemError('caller', 'call.unknown', 'There is no such call.', { detail: { id } });

export const wrongState = (call: string, action: string, state?: PublicCallState): TandemError =>
  new TandemError('caller', 'call.state', 'The call is not in a state for this.', {
    detail: { call, ...(state === undefined ? {} : { state }), action },
  });
