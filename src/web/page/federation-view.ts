// The devices that share the number, their calls, and the mailbox.
import { type ComponentChild, h } from 'preact';
import { declineOffer, pull } from './api.ts';
import type { Report } from './call-view.ts';
import type { Mailbox, Model, OtherCall } from './model.ts';
import { deviceName, hostOf, mailboxWords, otherWords, who } from './words.ts';

export function OtherCalls({ model, report }: { model: Model; report: Report }): ComponentChild {
  if (model.others.length === 0) return null;
  return h(
    'section',
    { 'aria-labelledby': 'others' },
    h('h2', { id: 'others' }, 'On your other devices'),
    h(
      'div',
      { 'aria-live': 'polite' },
      model.others.map((call) => h(OtherCard, { key: call.id, call, model, report })),
    ),
  );
}

function OtherCard({
  call,
  model,
  report,
}: {
  key: string;
  call: OtherCall;
  model: Model;
  report: Report;
}): ComponentChild {
  const name = who(call.remote);
  const device = model.status?.federation.find(({ instance }) => instance === call.instance);
  const button = (words: string, kind: string, work: () => Promise<unknown>): ComponentChild =>
    h(
      'button',
      { type: 'button', class: kind, 'aria-label': `${words}: ${name}`, onClick: () => report(work()) },
      words,
    );
  return h(
    'article',
    { class: `call ${call.offered ? 'ringing' : call.state}` },
    h('h3', null, name),
    h('p', null, otherWords(call, device ? deviceName(device, model.phones) : 'Another device')),
    h(
      'div',
      { class: 'actions' },
      call.pullable || call.offered ? button('Take it here', 'go', () => pull(call.id)) : null,
      call.offered ? button('Leave it there', 'stop', () => declineOffer(call.id)) : null,
    ),
  );
}

export function MailboxNote({ mailbox }: { mailbox: Mailbox | undefined }): ComponentChild {
  if (!mailbox?.known || !mailbox.waiting) return null;
  return h('p', { class: 'mailbox', role: 'status' }, `✉ ${mailboxWords(mailbox)}`);
}

export function Federation({ model }: { model: Model }): ComponentChild {
  const devices = [...(model.status?.federation ?? [])].sort((a, b) => Number(b.self) - Number(a.self));
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
              h('strong', null, deviceName(device, model.phones)),
              ' ',
              h('span', { class: 'hint', title: device.uri }, `${device.state}, at ${hostOf(device.uri)}`),
            ),
          ),
        ),
  );
}
