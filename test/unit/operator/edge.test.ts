// The operator's access edge: SRTP for whoever announced it, and never twice (33.328 7; MD-2.9.2c, d).
import * as assert from 'uvu/assert';
import { sampleSdp, sdpHead } from '#test/support/sdp-samples.ts';
import { suite } from '#test/support/suite.ts';
import { FakeNg } from './fake-ng.ts';
import { ackOf, NUMBER, Scene, type Station } from './stations.ts';

const test = suite('operator/edge');

const CLEAR = sdp('RTP/AVP');
const KEY = 'a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR';
const SECURE = sdp('RTP/SAVP', [KEY]);
const REQUESTED = sdp('RTP/SAVP', [KEY, 'a=3ge2ae:requested']);
const GUEST = 'sip:guest@op.example';
const TYPE = ['Content-Type', 'application/sdp'] as const;

function sdp(protocol: string, more: readonly string[] = []): string {
  return sampleSdp('192.0.2.13', [`m=audio 4000 ${protocol} 8`, ...more]);
}

interface Set {
  readonly scene: Scene;
  readonly ng: FakeNg;
  readonly tablet: Station;
  readonly guest: Station;
}

async function open(
  announced: boolean,
  settings: object = { rtpengine: 'udp:127.0.0.1:2223' },
  guestAnnounced = false,
): Promise<Set> {
  const ng = new FakeNg();
  const scene = await Scene.start({ edge: settings }, { ngSocket: () => ng });
  const tablet = await scene.station({
    host: '192.0.2.12',
    impi: 'tablet@op.example',
    instance: 'urn:uuid:bb',
    transport: 'tcp',
  });
  const guest = await scene.station({ host: '192.0.2.13', impi: 'guest', identity: GUEST });
  const client = announced ? [['Security-Client', 'sdes-srtp;mediasec'] as const] : [];
  await tablet.register([['Supported', 'path, outbound'], ...client]);
  await guest.register(guestAnnounced ? client : []);
  return { scene, ng, tablet, guest };
}

/** The guest calls; what the tablet is offered, and what the guest gets for this answer. */
async function called(
  set: Set,
  offer: string,
  answer: string,
): Promise<{ readonly offered: string; readonly answered: string }> {
  const { guest, tablet } = set;
  const invite = guest.make('INVITE', NUMBER, [TYPE], { body: offer });
  await guest.send(invite);
  await set.scene.pass(1);
  const received = tablet.last('INVITE');
  await answerWith(set, tablet, answer);
  const response = guest.responses('INVITE').at(-1);
  if (!response) throw new Error('no answer');
  await guest.send(ackOf(invite, response, guest));
  return { offered: received.body.toString(), answered: response.body.toString() };
}

async function answerWith({ scene }: Set, station: Station, body: string): Promise<void> {
  await station.reply(station.last('INVITE'), 200, [TYPE], undefined, body);
  await scene.pass(1);
}

test('[MD-2.9.2c] the edge is announced to who asks for it, in 401 and 200, and to nobody else', async () => {
  const { tablet, guest } = await open(true);
  const lists = (station: Station): (string | undefined)[] =>
    station.responses('REGISTER').map((response) => response.header('Security-Server'));
  assert.equal(lists(tablet), ['sdes-srtp;mediasec', 'sdes-srtp;mediasec']);
  assert.equal(lists(guest), [undefined, undefined]);
  const without = await open(true, {});
  assert.equal(lists(without.tablet), [undefined, undefined]);
});

const reaches = async (announced: boolean): Promise<void> => {
  const set = await open(announced);
  const { offered, answered } = await called(set, CLEAR, announced ? SECURE : CLEAR);
  assert.match(offered, /^m=audio 30000 RTP\/SAVP 8\r$/m);
  assert.match(offered, /^a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:[^|\r]*\r$/m);
  assert.match(offered, /^a=3ge2ae:applied\r$/m);
  assert.match(answered, /^m=audio 30000 RTP\/AVP 8\r$/m);
  assert.not.match(answered, /crypto|3ge2ae/);
};

test.proof('[MD-2.9.2c] RTP becomes SRTP for a device that announced it', {
  run: () => reaches(true),
  control: () => reaches(false),
});

test('[MD-2.9.2d] a device that announced nothing gets RTP, or SRTP without indication by policy', async () => {
  const plain = await open(false);
  assert.is((await called(plain, CLEAR, CLEAR)).offered, CLEAR);
  assert.equal(plain.ng.commands(), []);
  const forced = await open(false, { rtpengine: 'udp:127.0.0.1:2223', unannounced: true });
  const { offered } = await called(forced, CLEAR, SECURE);
  assert.match(offered, /RTP\/SAVP/);
  assert.not.match(offered, /3ge2ae/);
});

test('encrypted from end to end: passed on, without an indication that others wrote', async () => {
  const set = await open(true);
  const { offered, answered } = await called(set, sdp('RTP/SAVP', [KEY, 'a=3ge2ae:applied']), SECURE);
  assert.is(offered, SECURE);
  assert.is(answered, SECURE);
  assert.equal(set.ng.commands(), []);
});

test('what the device asks for is ended at the edge: the guest gets RTP', async () => {
  const set = await open(true);
  const { tablet, guest, ng } = set;
  const agreed = [
    ['Security-Verify', 'sdes-srtp;mediasec'],
    ['Require', 'mediasec'],
    ['Proxy-Require', 'mediasec'],
  ] as const;
  const invite = tablet.make('INVITE', GUEST, [TYPE, ...agreed], { body: REQUESTED });
  await tablet.send(invite);
  await set.scene.pass(1);
  const received = guest.last('INVITE');
  assert.match(received.body.toString(), /^m=audio 30000 RTP\/AVP 8\r$/m);
  assert.not.match(received.toString(), /crypto|3ge2ae|mediasec/);
  await answerWith(set, guest, CLEAR);
  const answer = tablet.responses('INVITE').at(-1);
  assert.match(answer?.body.toString() ?? '', /^m=audio 30000 RTP\/SAVP 8\r$/m);
  assert.not.match(answer?.body.toString() ?? '', /3ge2ae/);
  assert.is(ng.last('answer')?.['to-tag'], answer?.to.tag);
});

/** Two streams; `more` are lines of each. */
const two = (
  host: string,
  [audio, audioMore = []]: readonly [string, (readonly string[])?],
  [video, videoMore = []]: readonly [string, (readonly string[])?],
): string =>
  [
    ...sdpHead(host),
    ...[`m=audio 4000 ${audio} 8`, ...audioMore, `m=video 4002 ${video} 97`, ...videoMore, ''],
  ].join('\r\n');

/** `m=` line and what follows it. */
const section = (sdp: string, kind: string): string =>
  sdp.split(/^(?=m=)/m).find((one) => one.startsWith(`m=${kind}`)) ?? '';

const eachFeedback = async (announced: boolean): Promise<void> => {
  const set = await open(announced);
  const offer = two('192.0.2.13', ['RTP/AVP'], ['RTP/AVPF']);
  const { offered, answered } = await called(
    set,
    offer,
    announced ? two('192.0.2.12', ['RTP/SAVP', [KEY]], ['RTP/SAVPF', [KEY]]) : offer,
  );
  assert.match(section(offered, 'audio'), /RTP\/SAVP 8[\s\S]*crypto[\s\S]*3ge2ae:applied/);
  assert.match(section(offered, 'video'), /RTP\/SAVPF 97[\s\S]*crypto[\s\S]*3ge2ae:applied/);
  assert.match(section(answered, 'audio'), /RTP\/AVP 8/);
  assert.match(section(answered, 'video'), /RTP\/AVPF 97/);
};
test.proof('[MD-2.9.2c] each stream keeps its own profile, with feedback or without', {
  run: () => eachFeedback(true),
  control: () => eachFeedback(false),
});

test('[MD-2.9.2c] sound encrypted from end to end beside a picture in clear: only the picture is ended at the edge', async () => {
  const set = await open(true);
  const offer = two('192.0.2.13', ['RTP/SAVP', [KEY]], ['RTP/AVP']);
  const answer = two('192.0.2.12', ['RTP/SAVP', [KEY]], ['RTP/SAVP', [KEY]]);
  const { offered, answered } = await called(set, offer, answer);
  const sound = section(offered, 'audio');
  assert.match(sound, /^m=audio 4000 RTP\/SAVP 8\r\nc=IN IP4 192\.0\.2\.13\r\n/, 'to where it always went');
  assert.ok(sound.includes(KEY) && !sound.includes('3ge2ae'));
  assert.match(section(offered, 'video'), /^m=video 30002 RTP\/SAVP 97[\s\S]*3ge2ae:applied/);
  assert.match(
    section(answered, 'audio'),
    /^m=audio 4000 RTP\/SAVP 8\r\nc=IN IP4 192\.0\.2\.12\r\n[\s\S]*crypto:3/,
  );
  assert.match(section(answered, 'video'), /^m=video 30002 RTP\/AVP 97/);
  assert.not.match(section(answered, 'video'), /crypto/);
  // Keys from end to end never come to rtpengine.
  assert.match(String(set.ng.last('offer')?.sdp), /^m=audio 0 RTP\/SAVP 8\r\nm=video 4002/m);
  assert.not.match(String(set.ng.last('answer')?.sdp), /audio [1-9]/);
});

test('[MD-2.9.2c] a device asks for the edge on its sound, its picture goes from end to end', async () => {
  const set = await open(true);
  const { tablet, guest } = set;
  const asked = two('192.0.2.12', ['RTP/SAVP', [KEY, 'a=3ge2ae:requested']], ['RTP/SAVPF', [KEY]]);
  await tablet.send(tablet.make('INVITE', GUEST, [TYPE], { body: asked }));
  await set.scene.pass(1);
  const offered = guest.last('INVITE').body.toString();
  assert.match(section(offered, 'audio'), /^m=audio 30000 RTP\/AVP 8/);
  assert.match(
    section(offered, 'video'),
    /^m=video 4002 RTP\/SAVPF 97\r\nc=IN IP4 192\.0\.2\.12\r\na=crypto:3/,
  );
  assert.not.match(offered, /3ge2ae/);
});

test('[MD-2.9.2c] streams that differ in who is protected are calls of their own at rtpengine, ended together', async () => {
  const set = await open(true, undefined, true);
  const { tablet, guest, scene, ng } = set;
  const asked = two('192.0.2.13', ['RTP/SAVP', [KEY, 'a=3ge2ae:requested']], ['RTP/AVPF']);
  const { offered, answered } = await called(
    set,
    asked,
    two('192.0.2.12', ['RTP/SAVP', [KEY]], ['RTP/SAVPF', [KEY]]),
  );
  for (const kind of ['audio', 'video'])
    assert.match(section(offered, kind), /RTP\/SAVPF? [\s\S]*crypto[\s\S]*3ge2ae:applied/, kind);
  assert.match(section(answered, 'audio'), /RTP\/SAVP 8[\s\S]*crypto/);
  assert.match(section(answered, 'video'), /RTP\/AVPF 97/);
  const calls = ng.requests.filter(({ command }) => command === 'offer').map((one) => one['call-id']);
  assert.is(new Set(calls).size, 2, 'two calls there');
  const invite = tablet.last('INVITE');
  const answer = guest.responses('INVITE').at(-1);
  if (!answer) throw new Error('no answer');
  const routes = invite.recordRoutes.map((route) => ['Route', route.toString()] as const);
  await tablet.send(
    tablet.make(
      'BYE',
      `sip:me@${guest.fields.host}:5060`,
      [['From', answer.to.toString()], ['To', answer.from.toString()], ...routes],
      { callId: invite.callId },
    ),
  );
  await scene.pass(1);
  const deleted = ng.requests.filter(({ command }) => command === 'delete').map((one) => one['call-id']);
  assert.equal([...new Set(deleted)].sort(), [...new Set(calls)].sort());
});

test('a change within the call goes the same way from either side, and BYE ends it at rtpengine', async () => {
  const set = await open(true);
  const { tablet, guest, ng } = set;
  await called(set, CLEAR, SECURE);
  const invite = tablet.last('INVITE');
  const answer = guest.responses('INVITE').at(-1);
  if (!answer) throw new Error('no answer');
  const routes = invite.recordRoutes.map((route) => ['Route', route.toString()] as const);
  const within = (method: string, cseq: number, body?: string) =>
    tablet.make(
      method,
      `sip:me@${guest.fields.host}:5060`,
      [
        ['From', answer.to.toString()],
        ['To', answer.from.toString()],
        ...routes,
        ...(body === undefined ? [] : [TYPE]),
      ],
      { callId: invite.callId, cseq, ...(body === undefined ? {} : { body }) },
    );
  await tablet.send(within('INVITE', 1, sdp('RTP/SAVP', [KEY, 'a=inactive'])));
  await set.scene.pass(1);
  const again = guest.last('INVITE').body.toString();
  assert.match(again, /RTP\/AVP 8/);
  assert.not.match(again, /crypto|3ge2ae/);
  assert.equal(
    [ng.last('offer')?.['from-tag'], ng.last('offer')?.['to-tag']],
    [answer.to.tag, answer.from.tag],
  );
  await answerWith(set, guest, sdp('RTP/AVP', ['a=inactive']));
  assert.match(tablet.responses('INVITE').at(-1)?.body.toString() ?? '', /RTP\/SAVP 8/);
  await tablet.send(within('BYE', 2));
  await set.scene.pass(1);
  assert.is(ng.commands().at(-1), 'delete');
  assert.is(ng.last('delete')?.['call-id'], ng.last('offer')?.['call-id']);
});

test('a refused leg is forgotten at rtpengine', async () => {
  const set = await open(true);
  await set.guest.send(set.guest.make('INVITE', NUMBER, [TYPE], { body: CLEAR }));
  await set.scene.pass(1);
  await set.tablet.reply(set.tablet.last('INVITE'), 486);
  await set.scene.pass(1);
  assert.equal(set.ng.commands(), ['offer', 'delete']);
});

test('a call that is given up before rtpengine has answered is forgotten there', async () => {
  const set = await open(true);
  set.ng.lose = 1;
  const invite = set.guest.make('INVITE', NUMBER, [TYPE], { body: CLEAR });
  await set.guest.send(invite);
  await set.guest.send(
    set.guest.make(
      'CANCEL',
      NUMBER,
      [
        ['Via', invite.topVia.toString()],
        ['From', invite.from.toString()],
      ],
      { callId: invite.callId },
    ),
  );
  await set.scene.pass(5);
  assert.is(set.guest.statuses('INVITE').at(-1), 487);
  assert.is(set.tablet.requests('INVITE').length, 0);
  assert.equal([set.ng.commands()[0], set.ng.commands().at(-1)], ['offer', 'delete']);
});

test('without rtpengine the device is not called in clear: the caller gets 480', async () => {
  const set = await open(true);
  set.ng.lose = 99;
  await set.guest.send(set.guest.make('INVITE', NUMBER, [TYPE], { body: CLEAR }));
  await set.scene.pass(5);
  assert.is(set.guest.statuses('INVITE').at(-1), 480);
  assert.is(set.tablet.requests('INVITE').length, 0);
});

test.run();
