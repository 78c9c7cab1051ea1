// The mailbox by strangers' words: Kamailio's presence_mwi with a PUBLISH of SIPp, and SIPp as the notifier itself (RFC 3842, 24.606).
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { INSTANCE, withRegistrar } from './scenarios/registered.ts';
import { type Branch, deny, notify, reginfo, registers, subscribed } from './scenarios/registrar.ts';
import { body, expect, keep, keepMessage, matches, type Step, scenario, send } from './scenarios/xml.ts';
import type { Device } from './support/agent.ts';
import { IMPU } from './support/configuration.ts';
import { until } from './support/process.ts';
import { Sipp } from './support/sipp.ts';
import { withKamailio } from './support/world.ts';

const test = suite('peers/message-waiting');

const TYPE = 'application/simple-message-summary';
const summary = (waiting: string, counts: string): string[] => [
  `Messages-Waiting: ${waiting}`,
  `Message-Account: ${IMPU}`,
  `Voice-Message: ${counts}`,
];

interface Mailbox {
  readonly known: boolean;
  readonly waiting: boolean;
  readonly messages: readonly unknown[];
}

/** What is shown once it says something, or whatever is shown at the end of the time. */
async function shown(device: Device, fits: (box: Mailbox) => boolean, limitMs = 20_000): Promise<Mailbox> {
  let last: Mailbox = { known: false, waiting: false, messages: [] };
  await until(
    'the mailbox',
    async () => {
      last = (await device.fetch('GET', 'messages-waiting')).body as Mailbox;
      return fits(last);
    },
    limitMs,
  ).catch(() => undefined);
  return last;
}

/** The mailbox server's side of RFC 3903: one PUBLISH. */
const publish = (lines: readonly string[]): string =>
  scenario('publish', [
    send([
      `PUBLISH ${IMPU} SIP/2.0`,
      'Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]',
      'Max-Forwards: 70',
      'From: <sip:voicemail@op.example>;tag=[call_number]',
      `To: <${IMPU}>`,
      'Call-ID: [call_id]',
      'CSeq: 1 PUBLISH',
      'Contact: <sip:voicemail@[local_ip]:[local_port]>',
      'Event: message-summary',
      'Expires: 3600',
      ...body(lines, TYPE),
    ]),
    expect(100, { optional: true }),
    expect(200),
  ]);

const counted = (mwi: 'auto' | 'never'): Promise<void> =>
  withKamailio({ reginfo: true, telling: true }, async ({ kamailio, device, file }) => {
    const tablet = await device('tablet', { mwi });
    await tablet.registered();
    const say = async (name: string, lines: readonly string[]): Promise<void> => {
      const target = `127.0.0.1:${kamailio.port}`;
      const sipp = await Sipp.start({ folder: file('.'), name, scenario: publish(lines), target });
      try {
        await sipp.succeeded();
      } finally {
        await sipp.stop();
      }
    };
    await say('first', summary('yes', '2/8 (1/2)'));
    const first = await shown(tablet, ({ waiting }) => waiting);
    assert.equal(first.messages, [{ kind: 'voice', new: 2, old: 8, urgent_new: 1, urgent_old: 2 }]);
    await say('second', summary('yes', '3/8 (1/2)'));
    const second = await shown(tablet, ({ messages }) => JSON.stringify(messages).includes('"new":3'));
    assert.equal(second.messages, [{ kind: 'voice', new: 3, old: 8, urgent_new: 1, urgent_old: 2 }]);
    assert.match(await tablet.metrics(), /\ntandem_messages_waiting 1\n/);
  });

test.proof('[MD-2.3.5] the counts follow what a mailbox server publishes', {
  peers: ['Kamailio', 'SIPp'],
  timeoutMs: 90_000,
  run: () => counted('auto'),
  control: () => counted('never'),
});

const watcher = {
  checks: [
    keep('From', '(.*)', 'watcher'),
    keep('To', '(.*)', 'watched'),
    keep('Contact', '<([^>]*)>', 'watcherat'),
    keepMessage('subscribe'),
  ],
};

const tells = (lines: readonly string[]): Step[] => [
  subscribed(),
  send([
    'NOTIFY [$watcherat] SIP/2.0',
    'Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-mwi',
    'From:[$watched];tag=notifier',
    'To:[$watcher]',
    'Call-ID: [call_id]',
    'CSeq: 1 NOTIFY',
    'Max-Forwards: 70',
    'Contact: <sip:notifier@[local_ip]:[local_port]>',
    'Event: message-summary',
    'Subscription-State: active;expires=3600',
    ...body(lines, TYPE),
  ]),
  // SIPp judges where it receives.
  expect(200, {
    checks: [
      matches('subscribe', '^SUBSCRIBE sip:\\+46701234567@op\\.example SIP/2\\.0'),
      matches('subscribe', 'Event: message-summary'),
      matches('subscribe', `Accept: ${TYPE}`),
      matches('subscribe', 'P-Preferred-Identity: <sip:\\+46701234567@op\\.example>'),
    ],
  }),
];

/** The reg event package: this device and no other. What is kept of a SUBSCRIBE is kept of every one. */
const ALONE: Branch = {
  method: 'SUBSCRIBE',
  first: watcher,
  steps: [subscribed(), ...notify(1, reginfo(0, [{ id: 'c1', instance: INSTANCE }]))],
};

const told = (lines: readonly string[]): Promise<void> =>
  withRegistrar(
    [
      registers(),
      ALONE,
      // It un-subscribes when it closes.
      { method: 'SUBSCRIBE', steps: [...tells(lines), expect('SUBSCRIBE'), deny(481)] },
    ],
    async ({ stage: { device } }) => {
      const box = await shown(device, ({ known }) => known);
      assert.equal([box.known, box.waiting], [true, true]);
      assert.equal(box.messages, [{ kind: 'voice', new: 1, old: 0 }]);
    },
    { mwi: 'auto' },
  );

test.proof('[MD-2.3.5] a NOTIFY of a stranger is the state of the mailbox', {
  peers: ['SIPp'],
  timeoutMs: 60_000,
  run: () => told(summary('yes', '1/0')),
  control: () => told(summary('no', '0/1')),
});

/** `tries`: how many SUBSCRIBEs the notifier is ready to refuse. */
const asks = (status: number, tries = 1): Promise<void> =>
  withRegistrar(
    [
      registers(),
      ALONE,
      ...Array.from({ length: tries }, () => ({ method: 'SUBSCRIBE', steps: [deny(status)] })),
    ],
    async ({ stage: { device }, registrar }) => {
      await device.registered();
      await until('the SUBSCRIBE', () => subscriptions(registrar.messages()) > 0, 20_000);
      // With this back-off another try would come within a second.
      await until('another SUBSCRIBE', () => subscriptions(registrar.messages()) > 1, 3000).catch(
        () => undefined,
      );
      assert.is(subscriptions(registrar.messages()), 1);
    },
    { mwi: 'auto', sip: 'retry_base = 1\nretry_max = 1' },
  );

/** How many SUBSCRIBEs for the mailbox, each under a Call-ID of its own. */
const subscriptions = (messages: string): number =>
  new Set(
    messages
      .split(/(?=SUBSCRIBE sip:)/)
      .filter((part) => part.startsWith('SUBSCRIBE') && /\nEvent: message-summary/.test(part))
      .map((part) => /\nCall-ID: *(\S+)/.exec(part)?.[1]),
  ).size;

test.proof('[MD-2.3.5] 489 ends it: the mailbox is not asked for again', {
  peers: ['SIPp'],
  timeoutMs: 90_000,
  run: () => asks(489),
  control: () => asks(500, 2),
});

test.run();
