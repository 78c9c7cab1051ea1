// The log on the page: what became of each call, and a way to call back.
import { type ComponentChild, h } from 'preact';
import { dial } from './api.ts';
import type { Report } from './call-view.ts';
import type { Call } from './model.ts';
import { dayTime, duration, endWords, who } from './words.ts';

export function Log({ rows, report }: { rows: readonly Call[]; report: Report }): ComponentChild {
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
              ['', 'Who', 'When', 'Length', 'What became of it', ''].map((title, index) =>
                h(
                  'th',
                  { key: index, scope: 'col' },
                  title || h('span', { class: 'unseen' }, index === 0 ? 'Direction' : 'Again'),
                ),
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
                h('td', null, h(CallBack, { row, report })),
              ),
            ),
          ),
        ),
  );
}

/** Under the identity that the call ran under. */
function CallBack({ row, report }: { row: Call; report: Report }): ComponentChild {
  if (/@anonymous\.invalid/i.test(row.remote.uri)) return null;
  const wish = { to: row.remote.uri, video: false, identity: row.identity, hidden: false };
  return h(
    'button',
    {
      type: 'button',
      class: 'again',
      'aria-label': `Call ${who(row.remote)}`,
      onClick: () => report(dial(wish)),
    },
    'Call',
  );
}
