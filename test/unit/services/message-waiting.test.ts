import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { silentLogger } from '#src/base/log.ts';
import { SeededRandom } from '#src/base/random.ts';
import { Seconds } from '#src/base/units.ts';
import type { Registration } from '#src/ims/registration.ts';
import { Mailbox, type MailboxConfig, type MailboxState } from '#src/services/message-waiting/mailbox.ts';
import {
  type MessageSummary,
  parseSummary,
  SUMMARY_LIMITS,
  SUMMARY_TYPE,
  writeSummary,
} from '#src/services/message-waiting/summary.ts';
import { Dialog } from '#src/sip/dialog/dialog.ts';
import { SipRequest } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { IMS_TIMERS } from '#src/sip/transaction/timers.ts';
import type { Incoming, UserAgent } from '#src/sip/ua/user-agent.ts';
import { suite } from '#test/support/suite.ts';
import { IMPU, Net, ok, PCSCF, sipUri, status, uri } from '../ims/network.ts';

const test = suite('services/message-waiting');

// RFC 3842 5.4, with the fields of single messages after the empty line.
const SUMMARY = [
  'Messages-Waiting: yes',
  'Message-Account: sip:+46701234567@op.example',
  'Voice-Message: 2/8 (0/2)',
  'fax-message : 0/1',
  'Carrier-Pigeon: 4/4',
  '',
  'To: <alice@op.example>',
  'From: <bob@op.example>',
  'Subject: carpool tomorrow?',
  'Message-ID: 13784434989@vmail.op.example',
  '',
].join('\r\n');

const read = (text: string): MessageSummary => {
  const result = parseSummary(Buffer.from(text));
  if (!result.ok) throw new Error(result.error);
  return result.value;
};

test('[MD-2.3.5] a summary becomes counts; fields of single messages and unknown classes are passed over', () => {
  assert.equal(read(SUMMARY), {
    waiting: true,
    account: 'sip:+46701234567@op.example',
    messages: [
      { kind: 'voice', new: 2, old: 8, urgent_new: 0, urgent_old: 2 },
      { kind: 'fax', new: 0, old: 1 },
    ],
  });
  assert.equal(read('messages-waiting:no'), { waiting: false, messages: [] });
  // Asterisk ends its lines as it likes.
  assert.equal(read('Messages-Waiting: yes\nVoice-Message: 1/0\n').messages, [
    { kind: 'voice', new: 1, old: 0 },
  ]);
});

test('what is no summary is refused with a reason', () => {
  const bad = [
    '',
    'hello',
    'Messages-Waiting: maybe',
    'Voice-Message: 1/0\r\nMessages-Waiting: yes',
    'Messages-Waiting: yes\r\nVoice-Message: many',
    'Messages-Waiting: yes\r\nVoice-Message: -1/0',
    'Messages-Waiting: yes\r\nVoice-Message: 1/99999999999',
    `Messages-Waiting: yes\r\n${'x'.repeat(SUMMARY_LIMITS.octets)}`,
  ];
  for (const text of bad) assert.not.ok(parseSummary(Buffer.from(text)).ok, text.slice(0, 60));
});

test('what is written is read back, and no input makes the parser throw', () => {
  const count = fc.record({
    kind: fc.constantFrom('voice', 'video', 'fax', 'pager', 'multimedia', 'text', 'none'),
    new: fc.nat(9999),
    old: fc.nat(9999),
  });
  const summary = fc.record({
    waiting: fc.boolean(),
    account: fc.constantFrom('sip:a@b', 'tel:+1'),
    messages: fc.uniqueArray(count, { selector: ({ kind }) => kind }),
  });
  fc.assert(
    fc.property(summary, (value) => {
      assert.equal(read(writeSummary(value as MessageSummary)), JSON.parse(JSON.stringify(value)));
    }),
  );
  const bytes = Buffer.from(SUMMARY);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.uint8Array({ maxLength: 12 }), fc.nat(20), (at, insert, cut) => {
      const mutated = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + cut)]);
      return typeof parseSummary(mutated).ok === 'boolean';
    }),
  );
});

/** A network with a mailbox server, spoken by hand. */
class Voicemail {
  readonly net = new Net();
  readonly told: MailboxState[] = [];
  readonly subscribes: Incoming[] = [];
  readonly answers: number[] = [];
  mailbox!: Mailbox;
  registration!: Registration;
  server!: UserAgent;
  #dialog: Dialog | undefined;
  #flow: Incoming['flow'] | undefined;

  static async start(
    options: {
      refuse?: number;
      config?: Partial<MailboxConfig>;
      settings?: Parameters<Net['device']>[0];
      events?: string;
    } = {},
  ): Promise<Voicemail> {
    const scene = new Voicemail();
    const { net } = scene;
    scene.server = await net.server();
    const headers: [string, string][] = [['P-Associated-URI', `<${IMPU}>`]];
    if (options.events !== undefined) headers.push(['Allow-Events', options.events]);
    net.answer('REGISTER', (incoming) => {
      scene.#flow = incoming.flow;
      ok({ expires: 600_000, headers })(incoming);
    });
    net.answer('SUBSCRIBE', (incoming) => {
      if (incoming.request.event?.type === 'reg') status(489)(incoming);
      else scene.#subscribed(incoming, options.refuse);
    });
    const { ua, registration } = await net.device(options.settings);
    scene.registration = registration;
    scene.mailbox = new Mailbox(
      {
        ...{ ua, clock: net.clock, random: new SeededRandom(5), log: silentLogger(), timers: IMS_TIMERS },
        ...{ retry: { base: Seconds(30), max: Seconds(1800) }, home: registration },
      },
      { policy: 'auto', shared: [], ...options.config },
    );
    scene.mailbox.onChange.on((state) => scene.told.push(state));
    registration.start();
    await net.pass(10);
    return scene;
  }

  #subscribed(incoming: Incoming, refuse: number | undefined): void {
    this.subscribes.push(incoming);
    if (refuse !== undefined) {
      incoming.respond(refuse);
      return;
    }
    const contact = NameAddr.of(sipUri(`sip:${PCSCF}:5061;transport=tls`));
    incoming.respond(200, {
      headers: [
        ['Contact', contact.toString()],
        ['Expires', '3600'],
      ],
    });
    const dialog = Dialog.uas(incoming.request, { localTag: incoming.localTag, contact });
    dialog.confirm();
    dialog.flow = incoming.flow;
    this.#dialog = dialog;
  }

  async notify(body: string, type = SUMMARY_TYPE): Promise<void> {
    const dialog = this.#dialog;
    if (!dialog) throw new Error('no subscription');
    const request = dialog.createRequest('NOTIFY', {
      headers: [
        ['Event', 'message-summary'],
        ['Subscription-State', 'active;expires=3600'],
      ],
      body,
      contentType: type,
    });
    await this.#send(() =>
      this.server.sendInDialog(dialog, request, {
        onFinal: ({ status: code }) => void this.answers.push(code),
        onFailure: () => void this.answers.push(0),
      }),
    );
  }

  /** Outside every dialog, as plain servers do. */
  async tellUnasked(body: string, options: { type?: string; from?: string } = {}): Promise<void> {
    const [register] = this.net.of('REGISTER').slice(-1);
    const contact = register?.request.contacts[0];
    if (!contact) throw new Error('not registered');
    const request = SipRequest.create({
      method: 'NOTIFY',
      uri: contact.uri,
      headers: [
        ['Max-Forwards', '70'],
        ['From', '<sip:asterisk@op.example>;tag=1'],
        ['To', `<${IMPU}>`],
        ['Call-ID', `unasked-${this.answers.length}`],
        ['CSeq', '1 NOTIFY'],
        ['Contact', `<sip:${PCSCF}:5060>`],
        ['Event', 'message-summary'],
        ['Content-Type', options.type ?? SUMMARY_TYPE],
      ],
      body,
    });
    const server = options.from ? await this.net.server(options.from) : this.server;
    await this.#send(() =>
      server.send(
        request,
        {
          onFinal: ({ status: code }) => void this.answers.push(code),
          onFailure: () => void this.answers.push(0),
        },
        options.from ? {} : { flow: this.#flow },
      ),
    );
  }

  async #send(go: () => unknown): Promise<void> {
    go();
    await this.net.pass(0.5);
  }
}

test('[MD-2.3.5] the SUBSCRIBE, literally: to our own identity along the route; what comes is the state', async () => {
  const scene = await Voicemail.start();
  const [first] = scene.subscribes;
  const text = first?.request.toBuffer().toString() ?? '';
  assert.match(text, /^SUBSCRIBE sip:\+46701234567@op\.example SIP\/2\.0\r\n/);
  assert.match(text, /\r\nRoute: <sip:192\.0\.2\.1:5061;transport=tls;lr>\r\n/);
  assert.match(text, /\r\nEvent: message-summary\r\n/);
  assert.match(text, /\r\nExpires: 3600\r\n/);
  assert.match(text, /\r\nAccept: application\/simple-message-summary\r\n/);
  assert.match(text, /\r\nP-Preferred-Identity: <sip:\+46701234567@op\.example>\r\n/);
  assert.is(scene.mailbox.state.known, false);
  await scene.notify(SUMMARY);
  assert.equal(scene.answers, [200]);
  const { at, ...state } = scene.mailbox.state;
  assert.match(at ?? '', /^2026-/);
  assert.equal(state, { known: true, ...read(SUMMARY) });
  await scene.notify('Messages-Waiting: no\r\nVoice-Message: 0/10\r\n');
  assert.equal(
    scene.told.map(({ waiting }) => waiting),
    [true, false],
  );
  // Garbage changes nothing.
  await scene.notify('Messages-Waiting: perhaps');
  await scene.notify(SUMMARY, 'text/plain');
  assert.is(scene.mailbox.state.waiting, false);
  assert.is(scene.told.length, 2);
});

test.proof('[MD-2.3.5] 489, 405 and 403 end it until the next registration; 500 is tried again', {
  run: async () => {
    for (const code of [489, 405, 403]) {
      const scene = await Voicemail.start({ refuse: code });
      await scene.net.pass(7200);
      assert.is(scene.subscribes.length, 1, String(code));
      void scene.registration.stop();
      await scene.net.pass(5);
      scene.registration.start();
      await scene.net.pass(10);
      assert.is(scene.subscribes.length, 2, `${code}, registered anew`);
    }
  },
  control: async () => {
    const scene = await Voicemail.start({ refuse: 500 });
    await scene.net.pass(7200);
    assert.is(scene.subscribes.length, 1);
  },
});

test('[MD-2.3.5] one subscription, to the default identity; none for what others share with us', async () => {
  const others = ['sip:+46700000001@op.example', 'sip:+46700000002@op.example'].map(uri);
  const scene = await Voicemail.start({ config: { shared: others } });
  assert.equal(
    scene.subscribes.map(({ request }) => request.requestUri.toString()),
    [IMPU],
  );
  const shared = await Voicemail.start({ config: { shared: others, account: others[1] } });
  assert.equal(shared.subscribes, []);
});

test('[MD-2.3.5] a configured message account is asked instead', async () => {
  const scene = await Voicemail.start({ config: { account: uri('sip:mwi@vm.op.example') } });
  const [first] = scene.subscribes;
  assert.is(first?.request.requestUri.toString(), 'sip:mwi@vm.op.example');
  assert.is(first?.request.to.uri.toString(), 'sip:mwi@vm.op.example');
  assert.is(first?.request.from.uri.toString(), IMPU);
});

const PLAIN = { profile: 'sip' as const };

test('a plain registrar is asked when it announces the package, and never by setting', async () => {
  assert.is((await Voicemail.start({ settings: PLAIN })).subscribes.length, 0);
  assert.is(
    (await Voicemail.start({ settings: PLAIN, events: 'presence, Message-Summary' })).subscribes.length,
    1,
  );
  assert.is((await Voicemail.start({ config: { policy: 'never' } })).subscribes.length, 0);
  assert.is((await Voicemail.start({ settings: PLAIN, config: { policy: 'always' } })).subscribes.length, 1);
});

test('an unasked NOTIFY counts from whom we are registered with, for a plain account only', async () => {
  const scene = await Voicemail.start({ settings: PLAIN });
  await scene.tellUnasked('Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n');
  assert.equal(scene.answers, [200]);
  assert.equal(scene.mailbox.state.messages, [{ kind: 'voice', new: 1, old: 0 }]);
  await scene.tellUnasked('Messages-Waiting: what');
  await scene.tellUnasked('Messages-Waiting: no\r\n', { type: 'text/plain' });
  await scene.tellUnasked('Messages-Waiting: no\r\n', { from: '192.0.2.66' });
  assert.equal(scene.answers, [200, 400, 415, 481]);
  assert.is(scene.mailbox.state.waiting, true);
  const ims = await Voicemail.start();
  await ims.tellUnasked('Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n');
  assert.equal([ims.answers, ims.mailbox.state.known], [[481], false]);
});

test('it un-subscribes when the device closes', async () => {
  const scene = await Voicemail.start();
  await scene.notify(SUMMARY);
  scene.mailbox.stop();
  void scene.registration.stop();
  await scene.net.pass(5);
  const last = scene.net
    .sent()
    .filter(({ method, event }) => method === 'SUBSCRIBE' && event?.type !== 'reg')
    .at(-1);
  assert.is(last?.expires, 0);
});

test.run();
