// Calling somebody from the page, the buttons of the device, and peace from calls.
import { type ComponentChild, h } from 'preact';
import { dial, press, setQuiet } from './api.ts';
import type { Report } from './call-view.ts';
import type { Model } from './model.ts';
import { shortUri } from './words.ts';

export function Dial({ model, report }: { model: Model; report: Report }): ComponentChild {
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget;
    if (!(form instanceof HTMLFormElement)) return;
    const fields = new FormData(form);
    const to = String(fields.get('to') ?? '').trim();
    if (to === '') return;
    const { submitter } = event;
    const identity = String(fields.get('identity') ?? '');
    const wish = {
      to,
      video: submitter instanceof HTMLButtonElement && submitter.name === 'video',
      identity: identity === '' ? undefined : identity,
      hidden: fields.has('hidden'),
    };
    // What was typed stays when it could not be called.
    report(
      dial(wish).then((call) => {
        form.reset();
        return call;
      }),
    );
  };
  const identities = (model.status?.registration.identities ?? []).filter(({ active }) => active);
  // A number has a sip: and a tel: address; two that read alike are shown whole.
  const nameOf = (uri: string): string =>
    identities.some((other) => other.uri !== uri && shortUri(other.uri) === shortUri(uri))
      ? uri
      : shortUri(uri);
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
      model.canVideo ? h('button', { type: 'submit', name: 'video', class: 'go' }, 'Video call') : null,
      h(
        'div',
        { class: 'options' },
        identities.length > 1
          ? h(
              'label',
              null,
              'Call as ',
              h(
                'select',
                { name: 'identity' },
                identities.map(({ uri, kind }) =>
                  h('option', { key: uri, value: kind === 'default' ? '' : uri }, nameOf(uri)),
                ),
              ),
            )
          : null,
        h('label', null, h('input', { type: 'checkbox', name: 'hidden' }), ' Hide my number'),
      ),
    ),
    model.buttons.length === 0
      ? null
      : h(
          'div',
          { class: 'actions', role: 'group', 'aria-label': 'Buttons' },
          model.buttons.map((name) =>
            h('button', { type: 'button', key: name, onClick: () => report(press(name)) }, name),
          ),
        ),
    h(
      'div',
      { class: 'options' },
      h(
        'label',
        null,
        h('input', {
          type: 'checkbox',
          checked: model.quiet,
          onChange: ({ currentTarget }: Event & { currentTarget: HTMLInputElement }) =>
            report(setQuiet(currentTarget.checked)),
        }),
        ' Do not disturb: calls ring on the other devices only',
      ),
    ),
  );
}
