// The party that is about to be passed on waits on hold (RFC 5589 7.1, 24.147 5.3.1.5.3).
import { TandemError } from '#src/base/errors.ts';
import type { Call } from '../call.ts';
import type { CallManager } from '../manager.ts';

const isHeld = (call: Call): boolean => ['local', 'both'].includes(call.snapshot.hold);

/** Whether it is us who put it there; a party that does not agree is passed on from where it is. */
export async function holdParty(call: Call): Promise<boolean> {
  if (isHeld(call) || call.publicState !== 'active') return false;
  // Firmly, for another call is talked in.
  await call.hold(true);
  return isHeld(call);
}

/** Whoever is talked with meanwhile is held. Not waited for: how it goes is told as every change of a hold is. */
export async function retrieveParty(calls: CallManager, call: Call): Promise<void> {
  if (!isHeld(call) || call.publicState !== 'active') return;
  try {
    await calls.resume(call);
  } catch (error) {
    call.onTrouble.emit(TandemError.from(error, 'call.transfer'));
  }
}
