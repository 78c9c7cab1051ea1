// One call on the page, and what its owner can do with it.
import { type ComponentChild, Fragment, h } from 'preact';
import { act, confer, pushTo, removeParty, sendDigits, setVideo, transferTo, transferToCall } from './api.ts';
import type { Call, Details, Model } from './model.ts';
import { Screen } from './screen.ts';
import { callWords, deviceName, mediaWords, shortUri, who } from './words.ts';

export type Report = (work: Promise<unknown>) => void;

interface CardOptions {
  readonly call: Call;
  readonly model: Model;
  readonly report: Report;
}

type Button = (words: string, kind: string, work: () => Promise<unknown>) => ComponentChild;

const isHeld = ({ hold }: Call): boolean => hold === 'local' || hold === 'both';

export function CallCard({ call, model, report }: CardOptions & { key: string }): ComponentChild {
  const details = model.details[call.id] ?? {};
  const name = details.conference ? 'Conference' : who(call.remote);
  const button: Button = (words, kind, work) =>
    h(
      'button',
      { type: 'button', class: kind, 'aria-label': `${words}: ${name}`, onClick: () => report(work()) },
      words,
    );
  const others = model.calls.filter(({ id, state }) => id !== call.id && state === 'active');
  return h(
    'article',
    { class: `call ${call.state}${isHeld(call) ? ' held' : ''}`, 'aria-label': name },
    h('h3', null, name),
    h(
      'p',
      null,
      callWords(call),
      call.called_identity === undefined ? '' : ` · for ${shortUri(call.called_identity)}`,
    ),
    h('p', { class: 'hint' }, call.remote.uri, mediaWords(call)),
    h(Told, { call, details }),
    call.state === 'active' && call.video ? h(Screen, { id: call.id, name }) : null,
    h(
      'div',
      { class: 'actions' },
      call.state === 'ringing' ? ringing(call, others, button) : null,
      call.state === 'active' ? active(call, model.canVideo, button) : null,
      call.state === 'ringing' ? null : button('Hang up', 'stop', () => act(call.id, 'hangup')),
    ),
    h(Roster, { call, details, report }),
    call.state === 'active' ? h(More, { call, model, others, report }) : null,
  );
}

/** Who is in a call already says what becomes of that one. */
function ringing(call: Call, others: readonly Call[], button: Button): ComponentChild {
  const talking = others.some((other) => !isHeld(other));
  const answers = talking
    ? [
        button('Hold and answer', 'go', () => act(call.id, 'answer', { others: 'hold' })),
        button('End and answer', 'go', () => act(call.id, 'answer', { others: 'end' })),
      ]
    : [button('Answer', 'go', () => act(call.id, 'answer'))];
  return h(
    Fragment,
    null,
    answers,
    call.video ? button('Without video', 'go', () => act(call.id, 'answer', { video: false })) : null,
    button('Decline', 'stop', () => act(call.id, 'reject')),
  );
}

function active(call: Call, canVideo: boolean, button: Button): ComponentChild {
  return h(
    Fragment,
    null,
    isHeld(call)
      ? button('Resume', 'go', () => act(call.id, 'resume'))
      : button('Hold', '', () => act(call.id, 'hold')),
    !canVideo
      ? null
      : call.video
        ? button('Stop video', '', () => setVideo(call.id, false))
        : button('Start video', '', () => setVideo(call.id, true)),
  );
}

/** What else is known: over whom it came, who is really there, what went wrong. */
function Told({ call, details }: { call: Call; details: Details }): ComponentChild {
  const { diversion = [], connected, told = [], transfer, push, callee_waiting: waits } = details;
  const lines = [
    ...(diversion.length > 0
      ? [`Diverted: ${diversion.map((step) => `${who(step)} (${step.reason})`).join(', then ')}`]
      : []),
    ...(connected && who(connected) !== who(call.remote) ? [`Connected with ${who(connected)}`] : []),
    ...(waits ? ['They are in another call and hear that you wait.'] : []),
    ...(transfer ? [`Transfer to ${shortUri(transfer.to)}: ${transfer.state}`] : []),
    ...(push ? [`Handed to another device: ${push.state}`] : []),
    ...told.map(({ text }) => text),
  ];
  return lines.length === 0
    ? null
    : h(
        'ul',
        { class: 'told' },
        lines.map((line) => h('li', { key: line }, line)),
      );
}

function Roster({ call, details, report }: { call: Call; details: Details; report: Report }): ComponentChild {
  const parties = details.conference?.participants ?? [];
  if (parties.length === 0) return null;
  return h(
    'ul',
    { class: 'roster', 'aria-label': 'In this conference' },
    parties.map((party) =>
      h(
        'li',
        { key: party.uri },
        party.uri === call.identity
          ? `${who(party)} (you): ${party.state}`
          : `${who(party)}: ${party.state} `,
        party.uri === call.identity
          ? null
          : h(
              'button',
              {
                type: 'button',
                'aria-label': `Remove ${who(party)}`,
                onClick: () => report(removeParty(call.id, party.uri)),
              },
              'Remove',
            ),
      ),
    ),
  );
}

/** What is needed now and then: tones, transfer, conference, another device. */
function More({
  call,
  model,
  others,
  report,
}: CardOptions & { readonly others: readonly Call[] }): ComponentChild {
  const devices = (model.status?.federation ?? []).filter(
    ({ self, instance, state }) => !self && instance !== undefined && state === 'active',
  );
  const button = (words: string, work: () => Promise<unknown>): ComponentChild =>
    h('button', { type: 'button', key: words, onClick: () => report(work()) }, words);
  return h(
    'details',
    { class: 'more' },
    h('summary', null, 'More'),
    h(Keypad, { call, report }),
    h(TransferForm, { call, report }),
    h(
      'div',
      { class: 'actions' },
      others.map((other) =>
        button(`Connect them with ${who(other.remote)}`, () => transferToCall(call.id, other.id)),
      ),
      others.length > 0
        ? button('Conference of all', () =>
            confer(
              call.id,
              others.map(({ id }) => id),
            ),
          )
        : null,
      devices.map((device) =>
        button(`Move to: ${deviceName(device, model.phones)}`, () => pushTo(call.id, device.instance ?? '')),
      ),
    ),
  );
}

const KEYS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#'];

function Keypad({ call, report }: { call: Call; report: Report }): ComponentChild {
  return h(
    'div',
    { class: 'keypad', role: 'group', 'aria-label': 'Tones' },
    KEYS.map((key) =>
      h('button', { type: 'button', key, onClick: () => report(sendDigits(call.id, key)) }, key),
    ),
  );
}

function TransferForm({ call, report }: { call: Call; report: Report }): ComponentChild {
  const id = `transfer-${call.id}`;
  return h(
    'form',
    {
      class: 'dial',
      onSubmit: (event: SubmitEvent): void => {
        event.preventDefault();
        const form = event.currentTarget;
        if (!(form instanceof HTMLFormElement)) return;
        const to = String(new FormData(form).get('to') ?? '').trim();
        if (to !== '') report(transferTo(call.id, to));
      },
    },
    h('label', { for: id }, 'Put them through to'),
    h('input', { id, name: 'to', required: true, maxLength: 1024, autoComplete: 'off' }),
    h('button', { type: 'submit' }, 'Transfer'),
  );
}
