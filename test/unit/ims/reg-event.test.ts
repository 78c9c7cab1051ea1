import * as assert from 'uvu/assert';
import type { Registration } from '#src/ims/registration.ts';
import { Dialog } from '#src/sip/dialog/dialog.ts';
import type { SipResponse } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import type { Incoming, UserAgent } from '#src/sip/ua/user-agent.ts';
import { suite } from '#test/support/suite.ts';
import { IMPU, INSTANCE, inTurn, Net, ok, PCSCF, sipUri, status } from './network.ts';

const test = suite('ims/reg-event');

/** A registrar with the notifier's side of the package, spoken by hand. */
class Notifying {
  readonly net = new Net();
  readonly subscribes: Incoming[] = [];
  readonly answers: number[] = [];
  registration!: Registration;
  server!: UserAgent;
  ua!: UserAgent;
  #dialog: Dialog | undefined;
  #version = 0;

  static async start(grant = 600_000, settings: Parameters<Net['device']>[0] = {}): Promise<Notifying> {
    const scene = new Notifying();
    scene.server = await scene.net.server();
    scene.net.answer(
      'REGISTER',
      ok({ expires: grant, headers: [['P-Associated-URI', `<${IMPU}>, <tel:+46701234567>`]] }),
    );
    scene.net.answer('SUBSCRIBE', (incoming) => scene.#subscribed(incoming));
    const device = await scene.net.device(settings);
    scene.registration = device.registration;
    scene.ua = device.ua;
    scene.registration.start();
    await scene.net.pass(2);
    return scene;
  }

  get contact(): string {
    return this.net.of('REGISTER').at(-1)?.request.contacts[0]?.uri.toString() ?? '';
  }

  #subscribed(incoming: Incoming): void {
    this.subscribes.push(incoming);
    const contact = NameAddr.of(sipUri(`sip:${PCSCF}:5061;transport=tls`));
    incoming.respond(200, {
      headers: [
        ['Contact', contact.toString()],
        ['Expires', '600000'],
      ],
    });
    const dialog = Dialog.uas(incoming.request, { localTag: incoming.localTag, contact });
    dialog.confirm();
    dialog.flow = incoming.flow;
    this.#dialog = dialog;
    this.#version = 0;
    // A refresh within the dialog comes to its user.
    this.server.attach(dialog, {
      onRequest: (again) => {
        this.subscribes.push(again);
        again.respond(200, { headers: [['Expires', '600000']] });
      },
    });
  }

  /** Sends a document; `version` undefined counts on. */
  async notify(
    kind: 'full' | 'partial',
    contacts: string,
    options: { version?: number; state?: string; registration?: string } = {},
  ): Promise<void> {
    const dialog = this.#dialog;
    if (!dialog) throw new Error('no subscription');
    const version = options.version ?? this.#version;
    this.#version = version + 1;
    const request = dialog.createRequest('NOTIFY', {
      headers: [
        ['Event', 'reg'],
        ['Subscription-State', options.state ?? 'active;expires=600000'],
      ],
      body: `<?xml version="1.0"?><reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="${version}" state="${kind}">
        <registration aor="${IMPU}" id="r1" state="${options.registration ?? 'active'}">${contacts}</registration></reginfo>`,
      contentType: 'application/reginfo+xml',
    });
    this.server.sendInDialog(dialog, request, {
      onFinal: (response: SipResponse) => void this.answers.push(response.status),
      onFailure: () => void this.answers.push(0),
    });
    await this.net.pass(0.1);
  }

  own(state = 'active', event = 'registered', extra = ''): string {
    return `<contact id="c1" state="${state}" event="${event}" ${extra}><uri>${this.contact}</uri>
      <unknown-param name="+sip.instance">"&lt;${INSTANCE}&gt;"</unknown-param></contact>`;
  }
}

const PHONE = '<contact id="c2" state="active" event="registered"><uri>sip:phone@192.0.2.77</uri></contact>';
const PHONE_GONE =
  '<contact id="c2" state="terminated" event="unregistered"><uri>sip:phone@192.0.2.77</uri></contact>';

test('[MD-2.2.2c] the SUBSCRIBE, literally: to the default identity, along the route, for 600000 s', async () => {
  const { net } = await Notifying.start();
  const [first] = net.of('SUBSCRIBE');
  const text = first?.text ?? '';
  assert.match(text, /^SUBSCRIBE sip:\+46701234567@op\.example SIP\/2\.0\r\n/);
  assert.match(text, /\r\nRoute: <sip:192\.0\.2\.1:5061;transport=tls;lr>\r\n/);
  assert.match(text, /\r\nFrom: <sip:\+46701234567@op\.example>;tag=/);
  assert.match(text, /\r\nTo: <sip:\+46701234567@op\.example>\r\n/);
  assert.match(text, /\r\nEvent: reg\r\n/);
  assert.match(text, /\r\nExpires: 600000\r\n/);
  assert.match(text, /\r\nAccept: application\/reginfo\+xml\r\n/);
  assert.match(text, /\r\nP-Preferred-Identity: <sip:\+46701234567@op\.example>\r\n/);
  assert.match(text, /\r\nP-Access-Network-Info: IEEE-802\.11;/);
  assert.match(text, /\r\nContact: <sip:[0-9a-f]{32}@192\.0\.2\.10:\d+;transport=tls>/);
});

test('[MD-2.2.2c] the list of devices follows within one NOTIFY', async () => {
  const scene = await Notifying.start();
  const seen: number[] = [];
  scene.registration.onFederation.on((devices) => seen.push(devices.length));
  await scene.notify('full', scene.own() + PHONE);
  assert.equal(
    scene.registration.federation.map(({ uri, self }) => [uri, self]),
    [
      [scene.contact, true],
      ['sip:phone@192.0.2.77', false],
    ],
  );
  await scene.notify('partial', PHONE_GONE);
  assert.is(scene.registration.federation.length, 1);
  await scene.notify('partial', PHONE);
  assert.equal(seen, [2, 1, 2]);
  assert.equal(scene.answers, [200, 200, 200]);
});

test('[MD-2.2.2c] a lost document is noticed, and the full state asked for in the same dialog', async () => {
  const scene = await Notifying.start();
  await scene.notify('full', scene.own());
  assert.is(scene.subscribes.length, 1);
  await scene.notify('partial', PHONE, { version: 3 });
  assert.is(scene.subscribes.length, 2);
  assert.is(scene.subscribes[1]?.request.callId, scene.subscribes[0]?.request.callId);
  await scene.notify('full', scene.own() + PHONE);
  assert.is(scene.registration.federation.length, 2);
});

test('[MD-2.2.2c] deactivated: a new initial registration at once, and a new subscription', async () => {
  const scene = await Notifying.start();
  await scene.notify('full', scene.own() + PHONE);
  const [first] = scene.net.of('REGISTER');
  await scene.notify('partial', scene.own('terminated', 'deactivated'));
  await scene.net.pass(1);
  const second = scene.net.of('REGISTER').at(-1);
  assert.is.not(second?.request.callId, first?.request.callId);
  assert.is(second?.request.expires, 600_000);
  assert.is(scene.registration.state.state, 'registered');
  assert.is(scene.subscribes.length, 2);
  assert.is.not(scene.subscribes[1]?.request.callId, scene.subscribes[0]?.request.callId);
});

test('[MD-2.2.2c] probation: registers again after its retry-after', async () => {
  const scene = await Notifying.start();
  await scene.notify('full', scene.own());
  await scene.notify('partial', scene.own('terminated', 'probation', 'retry-after="75"'));
  assert.is(scene.registration.state.state, 'failed');
  assert.is(scene.registration.state.error?.id, 'registration.removed');
  await scene.net.pass(74);
  assert.is(scene.net.of('REGISTER').length, 1);
  await scene.net.pass(2);
  assert.is(scene.registration.state.state, 'registered');
});

test('[MD-2.2.2c] rejected: stops, tells, and releases what was made under the registration', async () => {
  const scene = await Notifying.start();
  let released = 0;
  scene.registration.onReleased.on(() => {
    released += 1;
  });
  let forbidden = 0;
  scene.registration.onRejected.on(() => {
    forbidden += 1;
  });
  await scene.notify('full', scene.own() + PHONE);
  await scene.notify('partial', scene.own('terminated', 'rejected'));
  assert.is(scene.registration.state.state, 'failed');
  assert.match(scene.registration.state.error?.message ?? '', /forbids/);
  assert.is(scene.registration.state.error?.retry_at, undefined);
  assert.equal([released, forbidden], [1, 1]);
  await scene.net.pass(7200);
  assert.is(scene.net.of('REGISTER').length, 1);
  assert.equal(scene.registration.federation, []);
  scene.registration.start();
  await scene.net.pass(1);
  assert.is(scene.registration.state.state, 'registered');
});

test('[MD-2.2.2c] unregistered: dropped, and registered again after the back-off', async () => {
  const scene = await Notifying.start();
  await scene.notify('full', scene.own());
  await scene.notify('partial', scene.own('terminated', 'unregistered'));
  assert.is(scene.registration.state.state, 'failed');
  await scene.net.pass(29);
  assert.is(scene.net.of('REGISTER').length, 1);
  await scene.net.pass(32);
  assert.is(scene.registration.state.state, 'registered');
});

test('[MD-2.2.2c] shortened: refreshed at half of the new interval; others being shortened is not our matter', async () => {
  const scene = await Notifying.start();
  await scene.notify('full', scene.own() + PHONE);
  await scene.notify('partial', PHONE.replace('event="registered"', 'event="shortened" expires="10"'));
  await scene.notify('partial', scene.own('active', 'shortened', 'expires="60"'));
  assert.is(Math.round(scene.registration.state.expires ?? 0), 60);
  await scene.net.pass(29);
  assert.is(scene.net.of('REGISTER').length, 1);
  await scene.net.pass(2);
  assert.is(scene.net.of('REGISTER').length, 2);
  assert.is(scene.net.of('REGISTER')[1]?.request.callId, scene.net.of('REGISTER')[0]?.request.callId);
});

test('what the network says while a REGISTER is out waits for its answer', async () => {
  const scene = await Notifying.start(120);
  await scene.notify('full', scene.own());
  let late: Incoming | undefined;
  scene.net.answer(
    'REGISTER',
    inTurn((incoming) => {
      late = incoming;
    }, ok()),
  );
  await scene.net.pass(60);
  assert.is(scene.net.of('REGISTER').length, 2);
  await scene.notify('partial', scene.own('terminated', 'deactivated'));
  assert.is(scene.net.of('REGISTER').length, 2);
  if (late) ok()(late);
  await scene.net.pass(1);
  assert.is(scene.net.of('REGISTER').length, 3);
  assert.is(scene.registration.state.state, 'registered');
});

test('a registrar without the package: 489 leaves the registration alone, and is not asked again', async () => {
  const net = new Net();
  await net.server();
  net.answer('SUBSCRIBE', status(489));
  const { registration } = await net.device();
  registration.start();
  await net.pass(4000);
  assert.is(registration.state.state, 'registered');
  assert.is(net.of('SUBSCRIBE').length, 1);
  assert.equal(registration.federation, []);
});

test('profile sip: the package only where the registrar announces it', async () => {
  for (const [headers, count] of [
    [[], 0],
    [[['Allow-Events', 'presence, reg']], 1],
  ] as const) {
    const net = new Net();
    await net.server();
    net.answer('REGISTER', ok({ headers }));
    const { registration } = await net.device({ profile: 'sip' });
    registration.start();
    await net.pass(2);
    assert.is(net.of('SUBSCRIBE').length, count);
    assert.not.match(net.of('SUBSCRIBE')[0]?.text ?? '', /P-Preferred-Identity/);
  }
});

test('a document that cannot be read changes nothing, and the full state is asked for', async () => {
  const scene = await Notifying.start();
  await scene.notify('full', scene.own() + PHONE);
  await scene.notify('partial', '<contact>');
  assert.is(scene.registration.federation.length, 2);
  assert.is(scene.answers.at(-1), 200);
  assert.is(scene.subscribes.length, 2);
});

test.run();
