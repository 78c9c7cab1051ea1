// Emergency numbers, however they are dialled; what is sent and what is not; the call-back.
import { spawnSync } from 'node:child_process';
import * as assert from 'uvu/assert';
import { VirtualClock } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { silentLogger } from '#src/base/log.ts';
import { Milliseconds } from '#src/base/units.ts';
import { emergencyOf } from '#src/call/emergency/detect.ts';
import { civicOf, pidfLo } from '#src/call/emergency/location.ts';
import { COUNTRIES, EVERYWHERE, numbersOf } from '#src/call/emergency/numbers.ts';
import type { EmergencySettings } from '#src/call/emergency/rules.ts';
import { isQuiet, quietHours } from '#src/call/quiet.ts';
import { Prompt } from '#src/device/prompt.ts';
import { parseMultipart } from '#src/sip/message/multipart.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { suite } from '#test/support/suite.ts';
import { FakeMedia, makeWorld, PEER, sdp, type TestWorld, uri } from './harness.ts';

const test = suite('call/emergency');

const RULES = { domain: 'op.example', numbers: ['7112'] };

const FOUND: readonly (readonly [dialled: string, country: string | undefined, urn: string])[] = [
  ['112', undefined, 'urn:service:sos'],
  ['1 1-2', 'SE', 'urn:service:sos'],
  ['911', 'SE', 'urn:service:sos'],
  ['110', undefined, 'urn:service:sos'],
  ['110', 'DE', 'urn:service:sos.police'],
  ['110', '49', 'urn:service:sos.police'],
  ['999', 'GB', 'urn:service:sos'],
  ['000', 'au', 'urn:service:sos'],
  ['118', 'IT', 'urn:service:sos.ambulance'],
  ['119', 'JP', 'urn:service:sos'],
  ['144', '+41', 'urn:service:sos.ambulance'],
  ['7112', 'SE', 'urn:service:sos'],
  ['tel:112', 'SE', 'urn:service:sos'],
  ['TEL:112;phone-context=op.example', 'SE', 'urn:service:sos'],
  ['sip:112@anywhere.example', 'SE', 'urn:service:sos'],
  ['sip:112@192.0.2.7', 'SE', 'urn:service:sos'],
  ['sips:%3112@op.example', 'SE', 'urn:service:sos'],
  ['sip:110@op.example;user=phone', 'DE', 'urn:service:sos.police'],
  ['112@op.example', 'SE', 'urn:service:sos'],
  ['sip:112;phone-context=op.example@op.example;user=phone', 'SE', 'urn:service:sos'],
  ['\uFF11\uFF11\uFF12', 'SE', 'urn:service:sos'],
  ['\u0661\u0662\u0663', 'EG', 'urn:service:sos.ambulance'],
  ['1\u20111\u20132', 'SE', 'urn:service:sos'],
  ['\u202A112\u202C', 'SE', 'urn:service:sos'],
  ['112#', 'SE', 'urn:service:sos'],
  ['112,', 'SE', 'urn:service:sos'],
  ['sip:112%3Bphone-context=+46@op.example', 'SE', 'urn:service:sos'],
  ['sip:1%E2%80%8B12@op.example', 'SE', 'urn:service:sos'],
  [`sip:112@op.example;x=${'a'.repeat(2000)}`, 'SE', 'urn:service:sos'],
  [`${' '.repeat(2000)}112`, 'SE', 'urn:service:sos'],
  ['urn:service:sos', 'SE', 'urn:service:sos'],
  ['URN:service:SOS.Fire', 'SE', 'urn:service:sos.fire'],
];

for (const [dialled, country, urn] of FOUND) {
  test(`[MD-2.6b] ${dialled} in ${country ?? 'an unknown country'} is an emergency`, () =>
    assert.is(emergencyOf(dialled, { ...RULES, country })?.urn.toString(), urn));
}

for (const [dialled, country] of [
  ['110', 'SE'],
  ['999', 'DE'],
  ['1120', undefined],
  ['+46112', 'SE'],
  ['0112', 'SE'],
  ['10.1.1.1', 'ZA'],
  ['112#5', 'SE'],
  ['\u0662\u0661\u0661', 'SE'],
  ['sip:110@192.0.2.7', undefined],
  ['sip:alice112@op.example', undefined],
  ['urn:service:counseling', undefined],
  ['urn:uuid:112', undefined],
  ['sip:%@op.example', undefined],
  ['', undefined],
  ['1'.repeat(1000), undefined],
] as const) {
  test(`${dialled.slice(0, 30)} in ${country ?? 'an unknown country'} is none`, () =>
    assert.is(emergencyOf(dialled, { ...RULES, country }), undefined));
}

test('every row of the table is a country once, its numbers short, and 112 works in each', () => {
  assert.is(new Set(COUNTRIES.map(({ country }) => country)).size, COUNTRIES.length);
  for (const { country, numbers } of COUNTRIES) {
    assert.match(country, /^[A-Z]{2}$/);
    for (const text of Object.values(numbers)) assert.match(text, /^\d{2,5}(?: \d{2,5})*$/);
    for (const number of EVERYWHERE) assert.ok(numbersOf(country).has(number));
  }
});

const NATIVE = NameAddr.of(uri('sip:+4670@op.example'));
const PLACE = {
  point: { latitude: 59.334, longitude: 18.063, uncertainty: 30 },
  civic: civicOf(['HNO=1', 'country=SE', 'A3=Malmö & "Lund"', 'RD=Storgatan']),
};

const account = (
  emergency?: Partial<EmergencySettings>,
  profile: 'ims' | 'sip' = 'ims',
): Promise<TestWorld> =>
  makeWorld({
    line: {
      profile,
      domain: profile === 'ims' ? 'op.example' : PEER.host,
      instance: 'urn:uuid:00000000-0000-4000-8000-000000000001',
      identities: [NATIVE, NameAddr.of(uri('sip:second@op.example'))],
      route: profile === 'ims' ? [NameAddr.of(uri(`sip:${PEER.host}:${PEER.port};lr`))] : [],
    },
    config: {
      shared: ['tel:+22221111'],
      privacy: { calls: 'id', answers: false },
      ...(emergency
        ? { emergency: { allowed: true, numbers: [], country: 'SE', place: { civic: [] }, ...emergency } }
        : {}),
    },
  });

const refusedAt = async (to: string, allowed: boolean): Promise<void> => {
  const world = await account(allowed ? {} : undefined);
  let refused: unknown;
  try {
    world.manager.dial({ to });
  } catch (error) {
    refused = error;
  }
  await world.advance(60_000);
  assert.ok(TandemError.is(refused, 'call.emergency'), 'not refused');
  assert.match(refused.message, /telephone/);
  assert.equal(world.peer.received, []);
  assert.is(world.media.open, 0);
  assert.equal(
    world.troubles.map(({ id }) => id),
    ['call.emergency'],
  );
};

for (const to of ['112', 'tel:110', 'sip:911@op.example', 'urn:service:sos', 'urn:service:sos.police']) {
  test.proof(`[MD-2.6b] ${to} where it is not allowed: nothing is sent, and it is told at once`, {
    run: () => refusedAt(to, false),
    control: () => refusedAt(to, true),
  });
}

test('[MD-2.6b] allowed: the service URN in Request-URI and To, the native identity, nobody hidden', async () => {
  const world = await account({});
  const call = world.manager.dial({ to: '112', identity: 'tel:+22221111', privacy: true });
  await world.advance(5);
  const invite = world.peer.last('INVITE');
  assert.is(invite.requestUri.toString(), 'urn:service:sos');
  assert.is(invite.to.uri.toString(), 'urn:service:sos');
  assert.is(invite.from.uri.toString(), 'sip:+4670@op.example');
  assert.is(invite.header('P-Preferred-Identity'), '<sip:+4670@op.example>');
  for (const name of ['Additional-Identity', 'Privacy', 'Geolocation', 'Geolocation-Routing'])
    assert.is(invite.header(name), undefined, name);
  assert.is(invite.contentType?.value, 'application/sdp');
  assert.is(call.snapshot.remote.uri, 'urn:service:sos');
  await world.peer.reply(invite, 200, { body: sdp() });
  const kept = (error: unknown): boolean => TandemError.is(error, 'call.emergency-kept');
  assert.throws(() => call.hold(), kept);
  // Neither is it passed on, by the owner nor by who answered it, nor drawn into a conference.
  for (const action of [
    () => world.transfers.blind(call.id, 'sip:bob@op.example'),
    () => world.transfers.consultative(call.id, 'another'),
    () => world.conferences.join(call.id, []),
  ])
    assert.throws(action, kept);
  assert.is(call.snapshot.state, 'active');
});

test('[MD-2.6b] with a place: Geolocation, a PIDF-LO that xmllint reads, in a part that may be left unread', async () => {
  const world = await account({ place: PLACE });
  world.manager.dial({ to: '112' });
  await world.advance(5);
  const invite = world.peer.last('INVITE');
  assert.is(invite.contentType?.value, 'multipart/mixed');
  const parts = parseMultipart(invite.body, invite.contentType?.params.get('boundary') ?? '');
  assert.ok(parts.ok);
  const [description, location] = parts.value;
  assert.is(description?.headers.get('Content-Type'), 'application/sdp');
  assert.is(location?.headers.get('Content-Type'), 'application/pidf+xml');
  assert.is(location?.headers.get('Content-Disposition'), 'render;handling=optional');
  const id = location?.headers.get('Content-ID')?.slice(1, -1);
  assert.match(id ?? '', /^[\w-]+@op\.example$/);
  assert.is(invite.header('Geolocation'), `<cid:${id}>`);
  assert.is(invite.header('Geolocation-Routing'), 'yes');
  const text = (path: string): string => {
    const found = spawnSync('xmllint', ['--xpath', `string(${path})`, '-'], { input: location?.body });
    assert.is(found.status, 0, found.stderr.toString());
    return found.stdout.toString().trim();
  };
  const named = (name: string): string => `//*[local-name()='${name}']`;
  assert.is(
    text("/*[local-name()='presence' and namespace-uri()='urn:ietf:params:xml:ns:pidf']/@entity"),
    'sip:+4670@op.example',
  );
  assert.is(text(`${named('Circle')}/${named('pos').slice(2)}`), '59.334 18.063');
  assert.is(text(named('radius')), '30');
  assert.is(text(named('A3')), 'Malmö & "Lund"');
  assert.is(text(`name(${named('civicAddress')}/*[1])`), 'ca:country');
  assert.is(text(named('deviceID')), 'urn:uuid:00000000-0000-4000-8000-000000000001');
  assert.is(text(named('timestamp')), '2026-01-01T00:00:00.000Z');
});

test('a point without its uncertainty is a point', () => {
  const { latitude, longitude } = PLACE.point;
  const fields = { entity: 'sip:a@b', device: 'urn:x:y', at: new Date(0) };
  assert.match(
    pidfLo({ point: { latitude, longitude }, civic: [] }, fields),
    /<gml:Point [^>]*><gml:pos>59\.334 18\.063<\/gml:pos><\/gml:Point>/,
  );
});

test('a plain registrar gets the number', async () => {
  const world = await account({}, 'sip');
  world.manager.dial({ to: '112' });
  world.manager.dial({ to: 'urn:service:sos.fire' });
  await world.advance(5);
  assert.equal(
    world.peer.requests('INVITE').map(({ requestUri }) => requestUri.toString()),
    [`sip:112@${PEER.host}`, `sip:112@${PEER.host}`],
  );
});

test('a failed emergency call is told, whatever failed', async () => {
  for (const status of [380, 403, 503, 600]) {
    const world = await account({});
    const call = world.manager.dial({ to: '112' });
    await world.advance(5);
    await world.peer.reply(world.peer.last('INVITE'), status);
    await world.advance(40_000);
    assert.is(call.snapshot.state, 'ended', `${status}`);
    assert.ok(world.troubles.some(({ id }) => id === 'call.emergency-failed'));
    assert.match((call.details.told ?? []).map(({ text }) => text).join(), /Use a telephone/);
  }
});

test('an emergency call that the owner gives up is no failure', async () => {
  const world = await account({});
  const call = world.manager.dial({ to: '112' });
  await world.advance(5);
  call.hangup();
  assert.equal(world.troubles, []);
});

const callBack = async (headers: [string, string][]): Promise<void> => {
  const world = await makeWorld({ config: { waiting: false } });
  world.manager.quiet = { always: true };
  world.manager.dial({ to: `sip:bob@${PEER.host}:${PEER.port}` });
  await world.advance(5);
  const peer = world.peer.call('a');
  await peer.invite({ body: sdp(), headers });
  assert.equal(peer.statuses().at(-1), 180);
  assert.is(world.latest().state, 'ringing');
};

test.proof('[MD-2.6c] a call-back rings in spite of do-not-disturb and of another call', {
  run: () => callBack([['Priority', 'psap-callback']]),
  control: () => callBack([['Priority', 'urgent']]),
});

test('do not disturb: 480, so that the other devices ring on, and a missed call in the log', async () => {
  const world = await makeWorld();
  world.manager.quiet = { always: true };
  const peer = world.peer.call('a');
  await peer.invite({ body: sdp() });
  await peer.ack();
  assert.equal(peer.statuses().at(-1), 480);
  assert.is(world.log.rows[0]?.end.label, 'missed');
  world.manager.quiet = { always: false };
  const next = world.peer.call('b');
  await next.invite({ body: sdp() });
  assert.equal(next.statuses().at(-1), 180);
});

test('quiet hours, also over midnight', () => {
  const at = (text: string): Date => new Date(`2026-01-01T${text}:00`);
  const night = { always: false, hours: quietHours('22:00-07:00') };
  const noon = { always: false, hours: quietHours('12:00-13:30') };
  assert.equal(
    ['21:59', '22:00', '00:00', '06:59', '07:00'].map((time) => isQuiet(night, at(time))),
    [false, true, true, true, false],
  );
  assert.equal(
    ['11:59', '12:00', '13:29', '13:30'].map((time) => isQuiet(noon, at(time))),
    [false, true, true, false],
  );
  for (const text of ['24:00-01:00', '1:00-2:00', '01:00', '01:60-02:00'])
    assert.is(quietHours(text), undefined);
});

test('the loudspeaker gives an alarm of its own, one at a time; a file hears none', async () => {
  const clock = new VirtualClock(new Date(0));
  const media = new FakeMedia();
  const prompt = new Prompt({ media, clock, playback: 'alsa:default', log: silentLogger() });
  prompt.alarm();
  prompt.alarm();
  assert.is(media.open, 1);
  assert.equal(media.streams[0]?.tones, ['congestion']);
  assert.equal(media.streams[0]?.attached, [{ playback: 'alsa:default' }]);
  await clock.advance(Milliseconds(3_000));
  assert.is(media.open, 0);
  media.deviceFailure = new TandemError('caller', 'media.device', 'Gone.');
  prompt.alarm();
  await clock.advance(Milliseconds(3_000));
  assert.is(media.open, 0);
  new Prompt({ media, clock, playback: 'file:/tmp/a.wav', log: silentLogger() }).alarm();
  assert.is(media.streams.length, 2);
  media.deviceFailure = undefined;
  prompt.alarm();
  prompt.ring(true);
  assert.is(media.open, 2);
  prompt.stop();
  assert.is(media.open, 0);
  await clock.advance(Milliseconds(3_000));
  assert.is(media.open, 0);
});

test.run();
