// TS 24.229 7.2A.18.11: why this device ends a call or takes it back, as a Reason of the protocol RELEASE_CAUSE.
import type { HeaderPairs } from './facts.ts';
import type { Line } from './line.ts';
import type { CallEvent } from './table.ts';

interface ReleaseCause {
  readonly event: CallEvent;
  readonly cause: number;
  readonly text: string;
}

/** What the owner does; nothing else that ends a call at this side has a value there. */
const RELEASE_CAUSES: readonly ReleaseCause[] = [{ event: 'hangup', cause: 1, text: 'User ends call' }];

/** Header fields of the CANCEL or BYE; only the network of an IMS account knows what to make of it. */
export function releaseCause({ profile }: Line, event: CallEvent): HeaderPairs {
  const found = RELEASE_CAUSES.find((each) => each.event === event);
  if (profile !== 'ims' || !found) return [];
  return [['Reason', `RELEASE_CAUSE;cause=${found.cause};text="${found.text}"`]];
}
