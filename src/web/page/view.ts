// The page: registration, calls, dialling, the other devices, the log.
import { type ComponentChild, Fragment, h } from 'preact';
import { CallCard, type Report } from './call-view.ts';
import { PhoneCard, TryIt } from './demo-view.ts';
import { Dial } from './dial-view.ts';
import { Federation, MailboxNote, OtherCalls } from './federation-view.ts';
import { Log } from './log-view.ts';
import type { Model, Trouble } from './model.ts';
import { ServicesCard } from './services-view.ts';
import { dayTime, REGISTRATION, shortUri, who } from './words.ts';

export interface ViewOptions {
  readonly model: Model;
  readonly demo: boolean;
  /** Runs something and shows what went wrong with it. */
  readonly report: Report;
  readonly dismiss: () => void;
  /** Asks the network for its services again. */
  readonly ask: () => void;
}

export function View({ model, demo, report, dismiss, ask }: ViewOptions): ComponentChild {
  return h(
    Fragment,
    null,
    h(Header, { model }),
    h(
      'main',
      null,
      model.trouble === undefined ? null : h(TroubleNote, { trouble: model.trouble, dismiss }),
      demo ? h(TryIt, { phones: model.phones, report }) : null,
      h(
        'div',
        { class: 'parties' },
        h(Calls, { title: demo ? 'On this device' : 'Calls', model, report }),
        model.phones
          .filter(({ shares }) => shares)
          .map((phone) => h(PhoneCard, { key: phone.id, phone, report })),
      ),
      h(OtherCalls, { model, report }),
      h(Dial, { model, report }),
      // Without a registration there is nobody to share with.
      model.status?.registration.state === 'off' ? null : h(Federation, { model }),
      model.status?.registration.state === 'off' && model.services.state === 'closed'
        ? null
        : h(ServicesCard, { services: model.services, report, ask }),
      h(Log, { rows: model.log, report }),
    ),
  );
}

/** What concerns an emergency cannot be overlooked. */
function TroubleNote({ trouble, dismiss }: { trouble: Trouble; dismiss: () => void }): ComponentChild {
  const urgent = trouble.id.startsWith('call.emergency');
  return h(
    'p',
    { class: urgent ? 'trouble alarm' : 'trouble', role: 'alert' },
    trouble.text,
    ' ',
    h('button', { type: 'button', onClick: dismiss }, 'Dismiss'),
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
    h(MailboxNote, { mailbox: model.mailbox }),
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

/** What was told of a call that ended just now stays readable for so long. */
const JUST_ENDED_MS = 60_000;

function Calls({ title, model, report }: { title: string; model: Model; report: Report }): ComponentChild {
  const live = model.calls.filter(({ state }) => state !== 'ended');
  const sad = model.calls.filter(
    ({ id, end }) =>
      end !== undefined &&
      Date.now() - Date.parse(end.at) < JUST_ENDED_MS &&
      (model.details[id]?.told ?? []).length > 0,
  );
  return h(
    'section',
    { 'aria-labelledby': 'calls' },
    h('h2', { id: 'calls' }, title),
    h(
      'div',
      { 'aria-live': 'polite' },
      live.length === 0
        ? h('p', { class: 'hint' }, 'No call.')
        : live.map((call) => h(CallCard, { key: call.id, call, model, report })),
      sad.map((call) =>
        h(
          'p',
          { key: `told-${call.id}`, class: 'hint' },
          `${who(call.remote)}: ${(model.details[call.id]?.told ?? []).map(({ text }) => text).join(' ')}`,
        ),
      ),
    ),
  );
}
