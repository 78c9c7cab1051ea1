// What the client commands print for people; `--json` prints the objects instead.
import type { CallDetails } from '#src/call/details.ts';
import { FAILURES } from '#src/call/failures.ts';
import type { CallSnapshot, LogRow } from '#src/call/snapshot.ts';
import type { StatusSnapshot } from '#src/web/ports.ts';

export function statusText(status: StatusSnapshot, calls: readonly CallSnapshot[]): string {
  const { registration, federation } = status;
  const via =
    registration.pcscf === undefined ? '' : ` at ${registration.pcscf} (${registration.transport ?? '?'})`;
  const left = registration.expires === undefined ? '' : `, ${Math.round(registration.expires)} s left`;
  const lines = [
    `version       ${status.version}, up ${Math.round(status.uptime)} s`,
    `listening     ${status.listen.join(' ')}`,
    `registration  ${registration.state}${via}${left}`,
    ...(registration.error
      ? [
          `              ${registration.error.message}${registration.error.retry_at === undefined ? '' : ` next try ${registration.error.retry_at}`}`,
        ]
      : []),
    ...registration.identities.map(
      ({ uri, kind, active }) => `identity      ${uri} (${kind}${active ? '' : ', switched off'})`,
    ),
    ...federation.map(({ uri, instance, self, state }) =>
      `device        ${self ? 'this one' : uri} ${state} ${instance ?? ''}`.trimEnd(),
    ),
    ...calls.filter(({ state }) => state !== 'ended').map((call) => `call          ${callLine(call)}`),
  ];
  return `${lines.map(clean).join('\n')}\n`;
}

const callLine = (call: CallSnapshot): string =>
  `${call.id} ${call.direction === 'in' ? 'from' : 'to'} ${call.remote.uri} ${call.state}${call.end ? ` (${call.end.label})` : ''}${stateText(call)}${mediaText(call)}`;

export const callText = (call: CallSnapshot): string => `${clean(callLine(call))}\n`;

/** What an owner asks of a call that goes on: does it wait, who holds it? */
const stateText = ({ state, waiting, hold }: CallSnapshot): string =>
  state === 'ringing' && waiting ? ', waiting' : state === 'active' ? HOLD_WORDS[hold] : '';

const HOLD_WORDS: Readonly<Record<CallSnapshot['hold'], string>> = {
  none: '',
  local: ', on hold',
  remote: ', put on hold by them',
  both: ', on hold at both ends',
};

/** `, AMR-WB, encrypted, video`: what flows or flowed. */
const mediaText = ({ audio, video }: CallSnapshot): string =>
  [...(audio ? [audio.codec, ...(audio.srtp ? ['encrypted'] : [])] : []), ...(video ? ['video'] : [])]
    .map((word) => `, ${word}`)
    .join('');

/** What the network and the device had to say of a call, a line each. */
export const toldText = ({ told = [] }: CallDetails): string =>
  told.map(({ text }) => `${clean(text)}\n`).join('');

/** The longest label of most days; longer ones push the rest. */
const LABEL_WIDTH = 28;

export const logText = (rows: readonly LogRow[]): string => rows.map(rowText).join('');

function rowText(row: LogRow): string {
  const { start, direction, remote, answered, end, identity, called_identity: called } = row;
  const seconds =
    answered === undefined ? '-' : `${Math.round((Date.parse(end.at) - Date.parse(answered)) / 1000)} s`;
  const name = remote.name === undefined ? remote.uri : `${remote.name} <${remote.uri}>`;
  const label = labelText(end);
  return `${clean(`${start}  ${direction.padEnd(3)}  ${label.padEnd(LABEL_WIDTH)}  ${seconds.padStart(7)}  ${name}  (${called ?? identity})${answered === undefined ? '' : mediaText(row)}`)}\n`;
}

/** `failed: busy (486)`: a number alone tells an owner nothing. */
function labelText({ label, sip }: LogRow['end']): string {
  if (label !== 'failed' || sip === undefined) return label;
  const words = FAILURES[sip]?.brief;
  return words === undefined ? `${label} (${sip})` : `${label}: ${words} (${sip})`;
}

/** What strangers wrote must not steer the terminal. */
export const clean = (text: string): string => text.replace(/\p{Cc}/gu, '?');
