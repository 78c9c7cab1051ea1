// The page: registration, calls, dialling, the federation, the log.
import { type ComponentChild, Fragment, h } from 'preact';
import { act, dial, sendDigits, setVideo } from './api.ts';
import { PhoneCard, TryIt } from './demo-view.ts';
import type { Call, Model, Phone, Status } from './model.ts';
import { Screen } from './screen.ts';
import {
  callWords,
  dayTime,
  deviceName,
  duration,
  endWords,
  hostOf,
  mediaWords,
  REGISTRATION,
  shortUri,
  who,
} from './words.ts';

type Report = (work: Promise<unknown>) => void;

export interface ViewOptions {
  readonly model: Model;
  readonly demo: boolean;
  /** Runs something and shows what went wrong with it. */
  readonly report: Report;
  readonly dismiss: () => void;
}

export function View({ model, demo, report, dismiss }: ViewOptions): ComponentChild {
  const live = model.calls.filter(({ state }) => state !== 'ended');
  return h(
    Fragment,
    null,
    h(Header, { model }),
    h(
      'main',
      null,
      model.trouble === undefined
        ? null
        : h(
            'p',
            { class: 'trouble', role: 'alert' },
            model.trouble,
            ' ',
            h('button', { type: 'button', onClick: dismiss }, 'Dismiss'),
          ),
      demo ? h(TryIt, { phones: model.phones, report }) : null,
      h(
        'div',
        { class: 'parties' },
        h(Calls, { title: demo ? 'On this device' : 'Calls', calls: live, canVideo: model.canVideo, report }),
        model.phones
          .filter(({ shares }) => shares)
          .map((phone) => h(PhoneCard, { key: phone.id, phone, report })),
      ),
      h(Dial, { canVideo: model.canVideo, report }),
      // Without a registration there is nobody to share with.
      model.status?.registration.state === 'off'
        ? null
        : h(Federation, { status: model.status, phones: model.phones }),
      h(Log, { rows: model.log }),
    ),
  );
}

function Header({ model }: { model: Model }): ComponentChild {
  const { status } = model;
  const state = status?.registration.state;
  const identity = status?.registration.identities.find(({ kind }) => kind === 'default')?.uri;
  const error = status?.registration.error;
  return h(
    'header',
    null,
    h('h1', null, 'Tandem'),
    h(
      'p',
      { class: `state ${model.connected ? (state ?? '') : 'lost'}`, role: 'status' },
      model.connected ? (state === undefined ? '…' : REGISTRATION[state]) : 'No connection to the device',
      identity === undefined ? null : h('span', { class: 'identity' }, shortUri(identity)),
    ),
    error === undefined
      ? null
      : h(
          'p',
          { class: 'hint' },
          error.message,
          error.retry_at === undefined ? '' : ` Next try ${dayTime(error.retry_at)}.`,
        ),
  );
}

function Calls({
  title,
  calls,
  canVideo,
  report,
}: {
  title: string;
  calls: readonly Call[];
  canVideo: boolean;
  report: Report;
}): ComponentChild {
  return h(
    'section',
    { 'aria-labelledby': 'calls' },
    h('h2', { id: 'calls' }, title),
    h(
      'div',
      { 'aria-live': 'polite' },
      calls.length === 0
        ? h('p', { class: 'hint' }, 'No call.')
        : calls.map((call) => h(CallCard, { key: call.id, call, canVideo, report })),
    ),
  );
}

function CallCard({
  call,
  canVideo,
  report,
}: {
  key: string;
  call: Call;
  canVideo: boolean;
  report: Report;
}): ComponentChild {
  const name = who(call.remote);
  const button = (words: string, kind: string, work: () => Promise<unknown>): ComponentChild =>
    h(
      'button',
      { type: 'button', class: kind, 'aria-label': `${words}: ${name}`, onClick: () => report(work()) },
      words,
    );
  const ringing = (): ComponentChild => [
    button('Answer', 'go', () => act(call.id, 'answer')),
    call.video ? button('Without video', 'go', () => act(call.id, 'answer', { video: false })) : null,
    button('Decline', 'stop', () => act(call.id, 'reject')),
  ];
  const video = (): ComponentChild =>
    call.video
      ? button('Stop video', '', () => setVideo(call.id, false))
      : button('Start video', '', () => setVideo(call.id, true));
  return h(
    'article',
    { class: `call ${call.state}` },
    h('h3', null, name),
    h(
      'p',
      null,
      callWords(call),
      call.called_identity === undefined ? '' : ` · for ${shortUri(call.called_identity)}`,
    ),
    h('p', { class: 'hint' }, call.remote.uri, mediaWords(call)),
    call.state === 'active' && call.video ? h(Screen, { id: call.id, name }) : null,
    h(
      'div',
      { class: 'actions' },
      call.state === 'ringing' ? ringing() : button('Hang up', 'stop', () => act(call.id, 'hangup')),
      call.state === 'active' && canVideo ? video() : null,
      call.state === 'active' ? h(Digits, { call, report }) : null,
    ),
  );
}

function Digits({ call, report }: { call: Call; report: Report }): ComponentChild {
  return h(
    'label',
    { class: 'digits' },
    'Tones ',
    h('input', {
      size: 6,
      inputMode: 'tel',
      autoComplete: 'off',
      onInput: ({ currentTarget }: InputEvent & { currentTarget: HTMLInputElement }) => {
        const digits = currentTarget.value.replace(/[^0-9A-Da-d*#]/g, '');
        currentTarget.value = '';
        if (digits !== '') report(sendDigits(call.id, digits));
      },
    }),
  );
}

function Dial({ canVideo, report }: { canVideo: boolean; report: Report }): ComponentChild {
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget;
    if (!(form instanceof HTMLFormElement)) return;
    const to = String(new FormData(form).get('to') ?? '').trim();
    if (to === '') return;
    const { submitter } = event;
    report(dial(to, submitter instanceof HTMLButtonElement && submitter.name === 'video'));
    form.reset();
  };
  return h(
    'section',
    { 'aria-labelledby': 'dial' },
    h('h2', { id: 'dial' }, 'Call somebody'),
    h(
      'form',
      { class: 'dial', onSubmit: submit },
      h('label', { for: 'to' }, 'Number or address'),
      h('input', {
        id: 'to',
        name: 'to',
        required: true,
        maxLength: 1024,
        autoComplete: 'off',
        placeholder: '+46701234567 or sip:…',
      }),
      h('button', { type: 'submit', class: 'go' }, 'Call'),
      canVideo ? h('button', { type: 'submit', name: 'video', class: 'go' }, 'Video call') : null,
    ),
  );
}

function Federation({
  status,
  phones,
}: {
  status: Status | undefined;
  phones: readonly Phone[];
}): ComponentChild {
  const devices = [...(status?.federation ?? [])].sort((a, b) => Number(b.self) - Number(a.self));
  return h(
    'section',
    { 'aria-labelledby': 'federation' },
    h('h2', { id: 'federation' }, 'Devices that share the number'),
    devices.length === 0
      ? h('p', { class: 'hint' }, 'None known.')
      : h(
          'ul',
          null,
          devices.map((device) =>
            h(
              'li',
              { key: device.instance ?? device.uri },
              h('strong', null, deviceName(device, phones)),
              ' ',
              h('span', { class: 'hint', title: device.uri }, `${device.state}, at ${hostOf(device.uri)}`),
            ),
          ),
        ),
  );
}

function Log({ rows }: { rows: readonly Call[] }): ComponentChild {
  return h(
    'section',
    { 'aria-labelledby': 'log' },
    h('h2', { id: 'log' }, 'Past calls'),
    rows.length === 0
      ? h('p', { class: 'hint' }, 'None yet.')
      : h(
          'table',
          null,
          h(
            'thead',
            null,
            h(
              'tr',
              null,
              ['', 'Who', 'When', 'Length', 'What became of it'].map((title, index) =>
                h('th', { key: index, scope: 'col' }, title || h('span', { class: 'unseen' }, 'Direction')),
              ),
            ),
          ),
          h(
            'tbody',
            null,
            rows.map((row) =>
              h(
                'tr',
                { key: row.id, class: row.end?.label === 'missed' ? 'missed' : '' },
                h(
                  'td',
                  null,
                  h('span', { 'aria-hidden': true }, row.direction === 'in' ? '↙' : '↗'),
                  h('span', { class: 'unseen' }, row.direction === 'in' ? 'received' : 'made'),
                ),
                h('td', { title: row.remote.uri }, who(row.remote)),
                h('td', null, h('time', { dateTime: row.start }, dayTime(row.start))),
                h('td', null, duration(row)),
                h('td', { title: row.end?.label }, endWords(row.end)),
              ),
            ),
          ),
        ),
  );
}
