// The services that the network keeps for the number: forwarding, barring, what others see; read and switched by the owner.
import { type ComponentChild, Fragment, h } from 'preact';
import { type ServicesWish, setServices } from './api.ts';
import type { Report } from './call-view.ts';
import type { Service, Services, ServicesState } from './model.ts';
import { shortUri } from './words.ts';

/** In the order of the page. */
const FORWARDINGS = [
  ['unconditional', 'Always'],
  ['busy', 'When busy'],
  ['no_reply', 'When nobody answers'],
  ['not_reachable', 'When not reachable'],
  ['not_logged_in', 'When no device is on'],
] as const;

const BARRINGS = [
  ['all_outgoing', 'No outgoing calls'],
  ['outgoing_international', 'No outgoing calls to other countries'],
  ['outgoing_international_except_home', 'No outgoing calls to other countries, but home'],
  ['all_incoming', 'No incoming calls'],
  ['incoming_roaming', 'No incoming calls while abroad'],
] as const;

const SWITCHES = [
  ['hide_number', 'Hide my number when I call'],
  ['hide_answer', 'Hide my number when I answer'],
  ['call_waiting', 'A second call may ring while I talk'],
] as const;

interface CardOptions {
  readonly services: ServicesState;
  readonly report: Report;
  readonly ask: () => void;
}

export function ServicesCard({ services, report, ask }: CardOptions): ComponentChild {
  return h(
    'section',
    { 'aria-labelledby': 'services' },
    h('h2', { id: 'services' }, 'Services of your number'),
    bodyOf(services, report, ask),
  );
}

function bodyOf(services: ServicesState, report: Report, ask: () => void): ComponentChild {
  switch (services.state) {
    case 'closed':
      return h(
        'p',
        { class: 'hint' },
        'Forwarding, barring and the like are switched elsewhere: on your phone, or where your operator tells.',
      );
    case 'asking':
      return h('p', { class: 'hint' }, 'Asking your operator …');
    case 'failed':
      return h(
        Fragment,
        null,
        h('p', { role: 'status' }, services.text),
        h(
          'div',
          { class: 'actions' },
          h(
            'button',
            { type: 'button', onClick: ask, 'aria-label': 'Ask for the services again' },
            'Try again',
          ),
        ),
      );
    default:
      return h(Known, { services: services.services, report });
  }
}

function Known({ services, report }: { services: Services; report: Report }): ComponentChild {
  const forwardings = FORWARDINGS.filter(([name]) => services.forwarding[name]?.provisioned);
  const barrings = BARRINGS.filter(([name]) => services.barring[name]?.provisioned);
  const switches = SWITCHES.filter(([name]) => services[name].provisioned);
  const none = forwardings.length + barrings.length + switches.length === 0;
  return h(
    Fragment,
    null,
    h(
      'p',
      { class: 'hint' },
      none
        ? 'Your operator has set up none for you.'
        : 'Your operator keeps them; they count for all your devices.',
    ),
    group(
      'Forward calls',
      forwardings.map(([name, words]) => h(Forwarding, { key: name, name, words, services, report })),
    ),
    group(
      'Bar calls',
      barrings.map(([name, words]) =>
        h(Switch, {
          ...{ key: name, words, report, service: services.barring[name] },
          wish: (on: boolean) => ({ barring: { [name]: on } }),
        }),
      ),
    ),
    group(
      'What others see, and waiting calls',
      switches.map(([name, words]) =>
        h(Switch, {
          ...{ key: name, words, report, service: services[name] },
          wish: (on: boolean) => ({ [name]: on }),
        }),
      ),
    ),
  );
}

const group = (title: string, rows: readonly ComponentChild[]): ComponentChild =>
  rows.length === 0 ? null : h('fieldset', { class: 'services' }, h('legend', null, title), rows);

interface SwitchOptions {
  readonly key: string;
  readonly words: string;
  readonly service: Service | undefined;
  readonly report: Report;
  readonly wish: (on: boolean) => ServicesWish;
}

function Switch({ words, service, report, wish }: SwitchOptions): ComponentChild {
  const isOn = service?.active === true;
  return h(
    'label',
    null,
    h('input', {
      type: 'checkbox',
      checked: isOn,
      onChange: ({ currentTarget }: Event & { currentTarget: HTMLInputElement }) => {
        currentTarget.disabled = true;
        const done = setServices(wish(currentTarget.checked))
          .catch((error: unknown) => {
            // It is as it was.
            currentTarget.checked = isOn;
            throw error;
          })
          .finally(() => {
            currentTarget.disabled = false;
          });
        report(done);
      },
    }),
    ` ${words}`,
  );
}

interface ForwardingOptions {
  readonly key: string;
  readonly name: string;
  readonly words: string;
  readonly services: Services;
  readonly report: Report;
}

function Forwarding({ name, words, services, report }: ForwardingOptions): ComponentChild {
  const service = services.forwarding[name];
  const isOn = service?.active === true;
  const shown = service?.target === undefined ? '' : shortUri(service.target);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget;
    if (!(form instanceof HTMLFormElement)) return;
    const fields = new FormData(form);
    const typed = String(fields.get('target') ?? '').trim();
    // What was not touched is written back as it was, with what the short form leaves out.
    const target = typed === shown ? service?.target : typed;
    const seconds = Number(fields.get('seconds'));
    const wish: ServicesWish = {
      forwarding: { [name]: { active: true, ...(target === undefined || target === '' ? {} : { target }) } },
      ...(fields.has('seconds') && seconds !== services.no_reply_seconds
        ? { no_reply_seconds: seconds }
        : {}),
    };
    report(setServices(wish));
  };
  const id = `forward-${name}`;
  return h(
    'form',
    { class: 'forward', onSubmit: submit },
    h('label', { for: id }, words, isOn ? h('strong', null, ` to ${shown}`) : null),
    h('input', {
      // A new one when the network has another target.
      ...{ key: shown, id, name: 'target', required: true, maxLength: 1024, autoComplete: 'off' },
      ...{ placeholder: 'Number or address', defaultValue: shown },
    }),
    name === 'no_reply' && services.no_reply_seconds !== undefined
      ? h(
          'label',
          { class: 'after' },
          'after ',
          h('input', {
            ...{ key: services.no_reply_seconds, type: 'number', name: 'seconds', min: 5, max: 180, step: 1 },
            defaultValue: services.no_reply_seconds,
          }),
          ' s',
        )
      : null,
    h(
      'button',
      { type: 'submit', class: isOn ? '' : 'go', 'aria-label': `${isOn ? 'Change' : 'Turn on'}: ${words}` },
      isOn ? 'Change' : 'Turn on',
    ),
    isOn
      ? h(
          'button',
          {
            type: 'button',
            class: 'stop',
            'aria-label': `Turn off: ${words}`,
            onClick: () => report(setServices({ forwarding: { [name]: { active: false } } })),
          },
          'Turn off',
        )
      : null,
  );
}
