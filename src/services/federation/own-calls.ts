// The calls of this device, as the federation needs to know them.
import type { CallManager } from '#src/call/manager.ts';
import type { OwnCall } from './federation-call.ts';

/** Live ones and those remembered: a document may come late. */
export const ownCalls = (calls: CallManager): readonly OwnCall[] =>
  [...calls.all].map((call) => ({
    callId: call.sipCallId,
    localTags: call.dialogNames.map(({ localTag }) => localTag),
    live: !call.ended,
    answered: call.wasAnswered,
  }));
