// A conference with SIPp as its server and as both parties: the order, every REFER, the roster, who hangs up (24.147 5.3.1, RFC 4575).
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { callSetUp, reply } from './scenarios/caller.ts';
import { answer, CONTACT, notify, opens } from './scenarios/several.ts';
import { Stage } from './scenarios/stage.ts';
import { contains, expect, go, has, label, type Step, scenario, sdp, send } from './scenarios/xml.ts';
import { freePort, until } from './support/process.ts';

const test = suite('peers/sipp-conference');
const peers = ['SIPp'];

let stage: Stage;
let port = 0;
test.before(async () => {
  port = await freePort();
  stage = await Stage.open({
    autoAnswer: 'all',
    more: `[conference]\nfactory = "sip:factory@127.0.0.1:${port}"`,
  });
});
test.after(() => stage.close());

const roster = (version: number, state: string, users: string): string[] => [
  '<?xml version="1.0"?>',
  `<conference-info xmlns="urn:ietf:params:xml:ns:conference-info" entity="sip:conf7@127.0.0.1" state="${state}" version="${version}">`,
  `<users state="${state}">${users}</users></conference-info>`,
];
const user = (name: string, status: string): string =>
  `<user entity="sip:${name}@127.0.0.1" state="full"><endpoint entity="sip:${name}@127.0.0.1"><status>${status}</status></endpoint></user>`;
const fragment = (line: string): string[] => [line, ''];
const CONFERENCE_INFO = 'application/conference-info+xml';
const SIPFRAG = 'message/sipfrag;version=2.0';

/** A NOTIFY of the roster, with this one or these in it. */
const tells = (version: number, state: 'full' | 'partial', users: string): Step[] =>
  notify(version, 'conference', 'active;expires=3600', CONFERENCE_INFO, roster(version, state, users));
const TAKEN = answer('202 Accepted', [CONTACT]);
/** The NOTIFY that ends a transfer with this status line. */
const ends = (cseq: number, line: string): Step[] =>
  notify(cseq, 'refer', 'terminated;reason=noresource', SIPFRAG, fragment(line));
/** The device hangs up. */
const LEFT = [expect('BYE'), send(reply(200), { next: 'end' })];

/** `final`: what every REFER ends with. */
function focus(final: string, contact: string): string {
  return scenario('focus', [
    opens('INVITE', 'call', [has('Supported', 'replaces')]),
    opens('SUBSCRIBE', 'roster', [
      has('Event', 'conference'),
      has('Accept', 'application/conference-info\\+xml'),
    ]),
    opens(
      'REFER',
      'party',
      [
        has('Referred-By', '<sip:device@127.0.0.1>'),
        has(
          'Refer-To',
          '<sip:[^>]*method=(INVITE\\?Replaces=[^&>]*%3Bto-tag%3D[^&>]*%3Bfrom-tag%3D[^&>]*&Require=replaces|BYE)>',
        ),
      ],
      true,
    ),

    label('call'),
    answer('200 OK', [contact], sdp()),
    expect('ACK'),
    ...LEFT,

    label('roster'),
    answer('200 OK', ['Expires: 3600', CONTACT]),
    ...tells(1, 'full', user('one', 'connected')),
    ...tells(2, 'partial', user('two', 'alerting')),
    ...tells(3, 'partial', user('two', 'connected')),
    go('end'),

    label('party'),
    TAKEN,
    ...notify(1, 'refer', 'active;expires=60', SIPFRAG, fragment('SIP/2.0 100 Trying')),
    ...ends(2, final),
    label('end'),
  ]);
}

/** A re-INVITE of the device, answered. */
const changed = (
  name: string,
  offered: string,
  direction: 'recvonly' | 'sendrecv',
  version: number,
): Step[] => [
  expect('INVITE', { checks: [contains(offered)] }),
  send(reply(200, [`Contact: <sip:${name}@[local_ip]:[local_port]>`], sdp({ direction, version }))),
  expect('ACK'),
];

/** A party that is held, perhaps retrieved, and hung up by the device. */
const party = (name: string, isRetrieved: boolean): string =>
  scenario(name, [
    ...callSetUp(name),
    ...changed(name, 'a=sendonly', 'recvonly', 2),
    ...(isRetrieved ? changed(name, 'a=sendrecv', 'sendrecv', 3) : []),
    expect('BYE'),
    send(reply(200)),
  ]);

async function detailsOf(
  id: string,
): Promise<{ conference?: { participants: { uri: string; state: string }[] }; told?: { text: string }[] }> {
  return Object((await stage.device.fetch('GET', `calls/${id}/details`)).body);
}

/** Both call; they are joined; `then` sees the call with the focus, which is over afterwards. */
async function conference(
  final: string,
  then: (id: string, parties: readonly string[]) => Promise<void>,
  {
    dialogs,
    retrieved,
    contact = CONTACT,
  }: { readonly dialogs: number; readonly retrieved?: string; readonly contact?: string },
): Promise<void> {
  await stage.play(
    'focus',
    focus(final, contact),
    async () => {
      // On a quick machine a party is up, and joined, before SIPp's own start counts as over.
      const ends = ['one', 'two'].map((name) =>
        stage.alongside(name, party(name, name === retrieved), async () => undefined),
      );
      // What becomes of them is looked at last.
      for (const end of ends) end.catch(() => undefined);
      const parties = await Promise.all(['one', 'two'].map((name) => stage.call(name, 'active')));
      const [a, b] = parties.map(({ id }) => id);
      if (!a || !b) throw new Error('two calls');
      const before = (await stage.device.calls()).map(({ id }) => id);
      await stage.device.act(a, 'conference', { calls: [b] });
      const call = await stage.device.whenCall('the call with the focus', ({ id }) => !before.includes(id));
      await then(call.id, [a, b]);
      await Promise.all(ends);
    },
    { port, calls: dialogs, more: ['-timeout', '25s'] },
  );
}

async function joined(contact: string, limitMs: number): Promise<void> {
  await conference(
    'SIP/2.0 200 OK',
    async (id, parties) => {
      const both = until(
        'both in the roster',
        async () => {
          const { conference } = await detailsOf(id);
          return (
            conference?.participants.filter(({ state }) => state === 'connected').length === 2 || undefined
          );
        },
        limitMs,
      );
      assert.ok(await both.catch(() => false), 'both are in the roster');
      assert.equal((await detailsOf(id)).conference?.participants, [
        { uri: 'sip:one@127.0.0.1', state: 'connected' },
        { uri: 'sip:two@127.0.0.1', state: 'connected' },
      ]);
      for (const party of parties) await stage.device.whenState(party, 'ended');
      await stage.device.act(id, 'remove', { uri: 'sip:two@127.0.0.1' });
      await new Promise((resolve) => setTimeout(resolve, 500));
      await stage.device.act(id, 'hangup');
    },
    { dialogs: 5, contact },
  );
}

test.proof(
  '[MD-2.3.3a] two calls become a conference: REFERs with Replaces, the roster, somebody removed, our old legs ended',
  {
    peers,
    timeoutMs: 60_000,
    run: () => joined(CONTACT, 10_000),
    // No focus: it is not joined.
    control: () => joined(CONTACT.replace(';isfocus', ''), 1_500),
  },
);

test('a focus that cannot get them: the parties stay with us, and the owner is told', {
  peers,
  timeoutMs: 60_000,
}, async () => {
  await conference(
    'SIP/2.0 486 Busy Here',
    async (id, [a = '', b = '']) => {
      await stage.device.whenState(id, 'ended');
      const told = (await detailsOf(id)).told ?? [];
      assert.match(told.map(({ text }) => text).join('\n'), /486/);
      for (const party of [a, b]) {
        assert.is((await stage.device.call(party)).state, 'active');
        await stage.device.act(party, 'hangup');
      }
    },
    { dialogs: 4, retrieved: 'one' },
  );
});

const BOSS = 'sip:boss@op.example';

/** SIPp as the network of an IMS device: both parties, factory and focus. All that comes must name the identity. */
function network(): string {
  const named = has('Additional-Identity', `^ *<${BOSS}>$`);
  const contact = 'Contact: <sip:party@[local_ip]:[local_port]>';
  return scenario('network', [
    opens('INVITE', 'call', [
      named,
      '<ereg regexp="factory" search_in="hdr" header="To:" assign_to="isfactory"/>',
    ]),
    opens('SUBSCRIBE', 'roster', [named]),
    opens('REFER', 'party', [named, has('Referred-By', `<${BOSS}>`)], true),

    label('call'),
    go('factory', 'isfactory'),
    answer('200 OK', [contact], sdp()),
    expect('ACK'),
    // Held: the first for the second, the second for the conference.
    expect('INVITE', { checks: [contains('a=sendonly')] }),
    send(reply(200, [contact], sdp({ direction: 'recvonly', version: 2 }))),
    expect('ACK'),
    ...LEFT,

    label('factory'),
    answer('200 OK', [CONTACT], sdp()),
    expect('ACK'),
    ...LEFT,

    label('roster'),
    answer('200 OK', ['Expires: 3600', CONTACT]),
    ...tells(1, 'full', user('one', 'connected') + user('two', 'connected')),
    go('end'),

    label('party'),
    TAKEN,
    ...ends(1, 'SIP/2.0 200 OK'),
    label('end'),
  ]);
}

/** Both are called under an identity outside our own, if it is given, and joined. */
async function conferenceAs(identity: string | undefined, limitMs: number): Promise<void> {
  const at = await freePort();
  const ims = await Stage.open({
    profile: 'ims',
    impu: 'sip:device@127.0.0.1',
    pcscf: `sip:127.0.0.1:${at};transport=udp`,
    account: 'register = false',
    more: `[conference]\nfactory = "sip:factory@127.0.0.1:${at}"\n[identities]\nshared = ["${BOSS}"]`,
  });
  try {
    await ims.play(
      'network',
      network(),
      async () => {
        const parties: string[] = [];
        for (const name of ['one', 'two']) {
          const { id } = await ims.device.dial(
            `sip:${name}@127.0.0.1:${at}`,
            identity === undefined ? {} : { identity },
          );
          const { state } = await ims.device.whenCall(
            'an outcome',
            (call) => call.id === id && (call.state === 'active' || call.state === 'ended'),
          );
          assert.is(state, 'active');
          parties.push(id);
        }
        const [a = '', b] = parties;
        await ims.device.act(a, 'conference', { calls: [b] });
        for (const party of parties) {
          const ended = await ims.device.whenState(party, 'ended', limitMs).catch(() => undefined);
          assert.is(ended?.end?.by, 'local', 'the party is in the conference, our leg is gone');
        }
        const call = await ims.device.whenCall(
          'the call with the focus',
          ({ id, state }) => !parties.includes(id) && state === 'active',
        );
        await ims.device.act(call.id, 'hangup');
      },
      // Three calls, a subscription, two REFERs.
      { port: at, calls: 6 },
    );
  } finally {
    await ims.close();
  }
}

test.proof(
  '[MD-2.3.3b] under an identity outside our own: calls, factory, roster and every REFER name the same',
  {
    peers,
    timeoutMs: 60_000,
    run: () => conferenceAs(BOSS, 10_000),
    control: () => conferenceAs(undefined, 1_500),
  },
);

test.run();
