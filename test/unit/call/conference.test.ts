// A conference made of calls, the peer being parties and focus in one (24.147 5.3.1, RFC 4579).
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import {
  CONFERENCE_EVENTS,
  CONFERENCE_STATES,
  CONFERENCE_TABLE,
  conferenceDiagram,
} from '#src/call/conference/conference-table.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, type PeerCall, sdp, type TestWorld, uri, type WorldOptions } from './harness.ts';
import { clean } from './talk.ts';

const test = suite('call/conference');

const FACTORY = `sip:factory@${PEER.host}:${PEER.port}`;
const FOCUS = `<sip:conf7@${PEER.host}:${PEER.port}>;isfocus`;

interface Focus {
  /** To REFER number n, from 0: its answer, and the fragment of the last NOTIFY. */
  readonly refer?: (n: number) => { readonly status: number; readonly fragment?: string };
  readonly subscribe?: number;
  readonly contact?: string;
  readonly invite?: number;
}

class Site {
  readonly world: TestWorld;
  readonly focus: Focus;
  readonly talks: { readonly call: PeerCall; readonly id: string }[] = [];
  refers: SipRequest[] = [];
  #notes = 0;

  constructor(world: TestWorld, focus: Focus) {
    this.world = world;
    this.focus = focus;
    world.peer.onMessage = (message) => {
      if ('method' in message) void this.#take(message);
    };
  }

  async #take(message: SipRequest): Promise<void> {
    const { peer } = this.world;
    const tag = message.to.tag ?? 'focus';
    if (message.method === 'BYE') await peer.reply(message, 200, { tag });
    if (message.method === 'INVITE' && message.to.tag !== undefined) {
      const direction = String(message.body).includes('sendonly') ? 'recvonly' : 'sendrecv';
      await peer.reply(message, 200, { tag, body: sdp({ direction }) });
    } else if (message.method === 'INVITE') {
      const { invite = 200, contact = FOCUS } = this.focus;
      await peer.reply(message, invite, { tag, ...(invite < 300 ? { body: sdp(), contact } : {}) });
    }
    if (message.method === 'SUBSCRIBE') {
      const { subscribe = 200 } = this.focus;
      await peer.reply(message, subscribe, {
        tag,
        headers: [
          ['Expires', '3600'],
          ['Contact', FOCUS],
        ],
      });
    }
    if (message.method === 'REFER') await this.#refer(message);
  }

  async #refer(message: SipRequest): Promise<void> {
    const { peer } = this.world;
    const { refer = () => ({ status: 202, fragment: '200 OK' }) } = this.focus;
    const { status, fragment } = refer(this.refers.length);
    this.refers.push(message);
    await peer.reply(message, status, { tag: 'refer', headers: [['Contact', FOCUS]] });
    if (fragment === undefined) return;
    await this.notify(
      message,
      'refer',
      `SIP/2.0 ${fragment}\r\n`,
      'message/sipfrag',
      'terminated;reason=noresource',
    );
  }

  async notify(of: SipRequest, event: string, body: string, type: string, state: string): Promise<void> {
    this.#notes += 1;
    await this.world.peer.send(
      this.world.peer.request('NOTIFY', {
        callId: of.callId,
        cseq: this.#notes,
        from: `${of.to.toString()};tag=${event === 'refer' ? 'refer' : 'focus'}`,
        to: of.from.toString(),
        headers: [
          ['Event', event],
          ['Subscription-State', state],
          ['Contact', FOCUS],
          ['Content-Type', type],
        ],
        body,
      }),
    );
  }

  async roster(version: number, ...users: [entity: string, status: string][]): Promise<void> {
    const list = users.map(
      ([entity, status]) =>
        `<user entity="${entity}" state="full"><endpoint entity="${entity}"><status>${status}</status></endpoint></user>`,
    );
    const body = `<conference-info xmlns="urn:ietf:params:xml:ns:conference-info" entity="sip:conf7@x" state="full" version="${version}"><users>${list.join('')}</users></conference-info>`;
    const subscribe = this.world.peer.last('SUBSCRIBE');
    await this.notify(
      subscribe,
      'conference',
      body,
      'application/conference-info+xml',
      'active;expires=3600',
    );
  }

  async talk(name: string): Promise<string> {
    const call = this.world.peer.call(name);
    await call.invite();
    const { id } = this.world.latest();
    this.world.manager.get(id)?.answer();
    await this.world.advance(5);
    await call.ack();
    this.talks.push({ call, id });
    return id;
  }

  get conference() {
    return this.world.manager.list().find(({ direction }) => direction === 'out');
  }

  get details() {
    return this.world.manager.get(this.conference?.id ?? '')?.details.conference;
  }
}

const site = async (focus: Focus = {}, options: WorldOptions = {}) => {
  const world = await makeWorld({ ...options, config: { conferenceFactory: FACTORY, ...options.config } });
  const made = new Site(world, focus);
  return { made, world, a: await made.talk('a'), b: await made.talk('b') };
};

const byes = (world: TestWorld): string[] => world.peer.requests('BYE').map(({ callId }) => callId);

test('both parties are held, the focus is called, each is referred to with its dialog; our old legs go, the roster comes', async () => {
  const { made, world, a, b } = await site();
  world.conferences.join(a, [b]);
  await world.advance(3_000);
  const order = world.peer
    .requests()
    .map(({ method, callId }) => `${method} ${callId.length > 1 ? '' : callId}`.trim());
  assert.equal(
    order.filter((each) => !each.startsWith('ACK')),
    ['INVITE a', 'INVITE b', 'INVITE', 'SUBSCRIBE', 'REFER', 'BYE a', 'REFER', 'BYE b'],
  );
  const [first] = made.refers;
  assert.is(first?.requestUri.toString(), `sip:conf7@${PEER.host}:${PEER.port}`);
  const replaces = encodeURIComponent(`a;to-tag=from-a;from-tag=${made.talks[0]?.call.toTag}`);
  assert.is(
    first?.header('Refer-To'),
    `<sip:peer@${PEER.host}:${PEER.port};method=INVITE?Replaces=${replaces}&Require=replaces>`,
  );
  assert.is(first?.header('Referred-By'), '<sip:door@192.0.2.1>');
  assert.is.not(first?.callId, made.conference?.id);
  const subscribe = world.peer.last('SUBSCRIBE');
  assert.is(subscribe.header('Event'), 'conference');
  assert.is(subscribe.header('Accept'), 'application/conference-info+xml');
  assert.equal(
    made.details?.participants.map(({ state }) => state),
    ['connected', 'connected'],
  );
  await made.roster(1, ['sip:peer@192.0.2.9', 'connected'], ['sip:door@192.0.2.1', 'connected']);
  assert.equal(made.details, {
    uri: `sip:conf7@${PEER.host}:${PEER.port}`,
    participants: [
      { uri: 'sip:peer@192.0.2.9', state: 'connected' },
      { uri: 'sip:door@192.0.2.1', state: 'connected' },
    ],
  });
  assert.is(world.manager.get(a)?.details.conference_call, made.conference?.id);
  assert.is(made.conference?.state, 'active');
  world.manager.get(made.conference?.id ?? '')?.hangup();
  await world.advance(10);
  assert.is(byes(world).length, 3);
  // The focus says nothing more: we un-subscribe after a while, and do not refresh before.
  await world.advance(33_000);
  assert.is(world.peer.last('SUBSCRIBE').header('Expires'), '0');
  await clean(world);
});

test('more calls are brought in, a participant is removed, the focus ends it', async () => {
  const { made, world, a, b } = await site();
  world.conferences.join(a, [b]);
  await world.advance(3_000);
  const id = made.conference?.id ?? '';
  const c = await made.talk('c');
  world.conferences.join(id, [c]);
  await world.advance(3_000);
  assert.is(made.refers.length, 3);
  assert.equal(byes(world), ['a', 'b', 'c']);
  await made.roster(1, ['tel:+46701', 'connected']);
  world.conferences.remove(id, 'tel:+46701');
  await world.advance(50);
  assert.is(made.refers[3]?.header('Refer-To'), `<sip:+46701@${PEER.host};user=phone;method=BYE>`);
  assert.throws(
    () => world.conferences.remove(id, 'sip:nobody@op.example'),
    (error: unknown) => TandemError.is(error, 'call.participant'),
  );
  const invite = world.peer.requests('INVITE').find(({ to }) => to.uri.toString() === FACTORY);
  assert.ok(invite);
  await world.peer.send(
    world.peer.request('BYE', {
      callId: invite.callId,
      cseq: 1,
      from: `<${FACTORY}>;tag=focus`,
      to: invite.from.toString(),
    }),
  );
  assert.is(made.conference?.state, 'ended');
  await made.notify(
    world.peer.last('SUBSCRIBE'),
    'conference',
    '',
    'application/conference-info+xml',
    'terminated;reason=noresource',
  );
  await world.advance(40_000);
  assert.is(world.peer.requests('SUBSCRIBE').length, 1, 'a conference that is over is not asked about again');
  await clean(world);
});

test('a focus that does not serve the roster: what we know ourselves is shown', async () => {
  const { made, world, a, b } = await site({ subscribe: 489 });
  world.conferences.join(a, [b]);
  await world.advance(3_000);
  assert.equal(made.details?.participants.length, 2);
  world.manager.get(made.conference?.id ?? '')?.hangup();
  await world.advance(50);
  await clean(world);
});

test('a party that the focus cannot get stays with us, on hold, and the owner is told', async () => {
  const { made, world, a, b } = await site({
    refer: (n) =>
      n === 0 ? { status: 202, fragment: '486 Busy Here' } : { status: 202, fragment: '200 OK' },
  });
  world.conferences.join(a, [b]);
  await world.advance(3_000);
  await world.advance(100);
  assert.equal(byes(world), ['b']);
  assert.is(world.manager.get(a)?.snapshot.state, 'active');
  assert.is(world.manager.get(a)?.snapshot.hold, 'local');
  const told = world.manager.get(made.conference?.id ?? '')?.details.told ?? [];
  assert.match(told[0]?.text ?? '', /could not be brought into the conference \(486/);
  world.manager.releaseAll();
  await world.advance(50);
  await clean(world);
});

for (const [what, focus] of [
  ['the factory refuses', { invite: 503 }],
  ['who answers is no focus', { contact: `<sip:somebody@${PEER.host}:${PEER.port}>` }],
  ['no REFER is taken', { refer: () => ({ status: 403 }) }],
] as const) {
  test(`${what}: told, no call with it is left, and the first call is retrieved`, async () => {
    const { made, world, a, b } = await site(focus);
    world.conferences.join(a, [b]);
    await world.advance(5_000);
    assert.is(made.conference?.state, 'ended');
    assert.is(world.manager.get(a)?.snapshot.hold, 'none');
    assert.is(world.manager.get(b)?.snapshot.hold, 'local', 'nobody can talk in two calls');
    assert.ok(world.troubles.some(({ id }) => id === 'call.conference-failed'));
    assert.equal(
      byes(world).filter((id) => id === 'a' || id === 'b'),
      [],
    );
    world.manager.releaseAll();
    await world.advance(50);
    await clean(world);
  });
}

test('without a factory there is no conference; in IMS it has a usual name', async () => {
  const { world, a, b } = await site({}, { config: { conferenceFactory: undefined } });
  assert.throws(
    () => world.conferences.join(a, [b]),
    (error: unknown) => TandemError.is(error, 'call.no-conference'),
  );
  world.manager.releaseAll();
  await world.advance(50);
  await clean(world);
  const route = [NameAddr.of(uri(`sip:${PEER.host}:${PEER.port};lr`))];
  const ims = await site(
    {},
    { config: { conferenceFactory: undefined }, line: { profile: 'ims', domain: 'op.example', route } },
  );
  ims.world.conferences.join(ims.a, [ims.b]);
  await ims.world.advance(3_000);
  const invite = ims.world.peer.requests('INVITE').find(({ to }) => to.tag === undefined);
  assert.is(invite?.requestUri.toString(), 'sip:mmtel@conf-factory.op.example');
  ims.world.manager.releaseAll();
  await ims.world.advance(50);
});

const refused = (id: string, act: () => unknown): void =>
  assert.throws(act, (error: unknown) => TandemError.is(error, id));

test('what cannot be joined is refused at once', async () => {
  const { made, world, a, b } = await site();
  refused('call.unknown', () => world.conferences.join(a, ['nobody']));
  refused('call.state', () => world.conferences.join(a, [a]));
  refused('call.state', () => world.conferences.remove(a, 'sip:x@y'));
  world.conferences.join(a, [b]);
  refused('call.state', () => world.conferences.join(b, [a]));
  await world.advance(3_000);
  refused('call.state', () => world.conferences.join(made.conference?.id ?? '', [a]));
  world.manager.releaseAll();
  await world.advance(50);
  await clean(world);
});

test.proof(
  '[MD-2.3.3b] an identity that others share goes to the factory and into each REFER; calls under another are not joined',
  (() => {
    const check = async (identity: string | undefined): Promise<void> => {
      const route = [NameAddr.of(uri(`sip:${PEER.host}:${PEER.port};lr`))];
      const world = await makeWorld({
        config: { conferenceFactory: FACTORY, shared: ['sip:boss@op.example'] },
        line: { profile: 'ims', domain: 'op.example', route },
      });
      const made = new Site(world, {});
      const dialled: string[] = [];
      for (const to of ['sip:x@op.example', 'sip:y@op.example']) {
        dialled.push(world.manager.dial({ to, ...(identity ? { identity } : {}) }).id);
        await world.advance(20);
      }
      const [a = '', b = ''] = dialled;
      world.conferences.join(a, [b]);
      await world.advance(6_000);
      assert.is(made.refers.length, 2);
      const factory = world.peer.requests('INVITE').find(({ to }) => to.uri.toString() === FACTORY);
      for (const request of [factory, ...made.refers]) {
        assert.is(request?.header('Additional-Identity'), '<sip:boss@op.example>');
      }
      for (const request of made.refers) assert.is(request.header('Referred-By'), '<sip:boss@op.example>');
      world.manager.releaseAll();
      await world.advance(50);
    };
    return { run: () => check('sip:boss@op.example'), control: () => check(undefined) };
  })(),
);

test('calls under different identities, one of them shared, make no conference', async () => {
  const route = [NameAddr.of(uri(`sip:${PEER.host}:${PEER.port};lr`))];
  const world = await makeWorld({
    config: { conferenceFactory: FACTORY, shared: ['sip:boss@op.example'] },
    line: { profile: 'ims', domain: 'op.example', route },
  });
  new Site(world, {});
  const a = world.manager.dial({ to: 'sip:x@op.example', identity: 'sip:boss@op.example' });
  await world.advance(20);
  const b = world.manager.dial({ to: 'sip:y@op.example' });
  await world.advance(20);
  refused('call.identities-differ', () => world.conferences.join(a.id, [b.id]));
  world.manager.releaseAll();
  await world.advance(50);
});

test('the table: every pair has an outcome, every state an end', () => {
  for (const state of CONFERENCE_STATES) {
    for (const event of CONFERENCE_EVENTS) assert.ok(CONFERENCE_TABLE[state][event], `${state} × ${event}`);
    if (state !== 'over' && state !== 'gathering') {
      const found = CONFERENCE_TABLE[state].ended;
      assert.is(typeof found === 'string' ? found : found.next, 'over', state);
    }
  }
  assert.ok(readFileSync('src/call/conference/README.md', 'utf8').includes(conferenceDiagram()));
});

test.run();
