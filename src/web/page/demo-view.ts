// What the demonstration adds to the page: "Ring me", and the phone that rings along.
import { type ComponentChild, Fragment, h } from 'preact';
import { ring, tellPhone } from './api.ts';
import type { Phone } from './model.ts';
import { endWords, phoneWords, shortUri } from './words.ts';

type Report = (work: Promise<unknown>) => void;

export function TryIt({ phones, report }: { phones: readonly Phone[]; report: Report }): ComponentChild {
  return h(
    'section',
    { 'aria-labelledby': 'try' },
    h('h2', { id: 'try' }, 'Try it'),
    h(
      'p',
      null,
      'Somebody calls the number, and phone and device ring. Answer on either one, and see what the other says.',
    ),
    h('button', { type: 'button', class: 'go', onClick: () => report(ring()) }, 'Ring me'),
    h(
      'div',
      { 'aria-live': 'polite' },
      phones
        .filter(({ shares }) => !shares)
        .map((phone) =>
          h('p', { key: phone.id, class: 'hint' }, `${phone.name} (${shortUri(phone.uri)}): ${said(phone)}`),
        ),
    ),
  );
}

export function PhoneCard({ phone, report }: { key: string; phone: Phone; report: Report }): ComponentChild {
  const name = phone.name.toLowerCase();
  const button = (words: string, kind: string, action: 'answer' | 'decline' | 'hangup'): ComponentChild =>
    h('button', { type: 'button', class: kind, onClick: () => report(tellPhone(phone.id, action)) }, words);
  return h(
    'section',
    { 'aria-labelledby': `phone-${phone.id}` },
    h('h2', { id: `phone-${phone.id}` }, `On the ${name}`),
    h(
      'div',
      { 'aria-live': 'polite' },
      phone.state === 'idle'
        ? h('p', { class: 'hint' }, said(phone))
        : h(
            'article',
            { class: `call ${phone.state}` },
            h('h3', null, shortUri(phone.remote ?? '')),
            h('p', null, DOING[phone.state]),
            h(
              'div',
              { class: 'actions' },
              phone.state === 'ringing'
                ? h(
                    Fragment,
                    null,
                    button(`Answer on the ${name}`, 'go', 'answer'),
                    button(`Decline on the ${name}`, 'stop', 'decline'),
                  )
                : button(`Hang up on the ${name}`, 'stop', 'hangup'),
            ),
          ),
    ),
  );
}

const DOING: Readonly<Record<Exclude<Phone['state'], 'idle'>, string>> = {
  ringing: 'is calling',
  calling: 'is called',
  active: 'in call',
};

const said = (phone: Phone): string =>
  phone.state === 'idle' && phone.last !== undefined
    ? `No call. The last one: ${endWords(phone.last)}.`
    : phoneWords(phone);
