// RFC 4235 4.1: the calls of this device as dialog information.
import type { Call } from '#src/call/call.ts';
import type { CallEnd, CallSnapshot } from '#src/call/snapshot.ts';
import type { DialogInfoEntry, DialogInfoEvent, DialogTarget } from '../dialog-info/dialog-info.ts';

/**
 * `target`: where this device is reached. One entry for each dialog that lives; one for an INVITE of ours that nobody
 * has answered yet. None once it has ended.
 */
export function ownEntries(call: Call, target: DialogTarget): readonly DialogInfoEntry[] {
  const { snapshot, replaces } = call;
  if (snapshot.state === 'ended') return [];
  const { identity, remote, direction } = snapshot;
  const common = {
    direction: direction === 'out' ? ('initiator' as const) : ('recipient' as const),
    ...(replaces ? { replaces } : {}),
    local: { identity: { uri: identity }, target },
    remote: { identity: remote },
  };
  const live = call.dialogNames.filter(({ state }) => state !== 'terminated');
  if (live.length === 0) return [{ id: call.id, callId: call.sipCallId, state: 'trying', ...common }];
  const confirmed = call.dialog;
  return live.map(({ callId, localTag, remoteTag, state }, index) => {
    const isConfirmed = state === 'confirmed';
    const contact = isConfirmed ? confirmed?.remoteTarget.toString() : undefined;
    return {
      // The first one goes on under the name of the INVITE (3.7.1).
      id: index === 0 ? call.id : `${call.id}-${index}`,
      ...{ callId, localTag, remoteTag, ...common },
      state: isConfirmed ? 'confirmed' : 'early',
      remote: {
        identity: remote,
        ...(contact === undefined ? {} : { target: { uri: contact, params: {} } }),
      },
    };
  });
}

/** 4.1.2: of a call that was answered. */
const EVENTS: Readonly<Record<CallEnd['by'], DialogInfoEvent>> = {
  local: 'local-bye',
  remote: 'remote-bye',
  network: 'error',
};
const REQUEST_TIMEOUT = 408;

/** Why a dialog that was told of is no more. */
export function endingOf(snapshot: CallSnapshot | undefined): Pick<DialogInfoEntry, 'event' | 'code'> {
  const end = snapshot?.end;
  if (!snapshot || !end) return {};
  if (end.label === 'pulled') return { event: 'replaced' };
  if (snapshot.answered !== undefined) return { event: EVENTS[end.by] };
  if (end.sip === REQUEST_TIMEOUT) return { event: 'timeout', code: end.sip };
  if (end.sip !== undefined) return { event: 'rejected', code: end.sip };
  return { event: 'cancelled' };
}
