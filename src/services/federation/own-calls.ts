// The calls of this device, as the federation needs to know them.
import type { Call } from '#src/call/call.ts';
import type { EndedCall } from '#src/call/ended-call.ts';
import type { CallManager } from '#src/call/manager.ts';
import type { OwnCall } from './federation-call.ts';

/** Live ones and those remembered: a document may come late. */
export const ownCalls = (calls: CallManager): readonly OwnCall[] =>
  known(calls).map((call) => ({
    callId: call.sipCallId,
    localTags: call.dialogNames.map(({ localTag }) => localTag),
    live: !call.ended,
  }));

export const known = (calls: CallManager): readonly (Call | EndedCall)[] =>
  calls.list().flatMap(({ id }) => calls.get(id) ?? []);
