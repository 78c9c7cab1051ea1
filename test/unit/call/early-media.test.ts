import * as assert from 'uvu/assert';
import { authorisationOf, EarlyMedia } from '#src/call/early-media.ts';
import { EARLY_MEDIA_MODES, EARLY_RULES, earlyRule } from '#src/call/early-media-table.ts';
import { SipResponse } from '#src/sip/message/message.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, sdp } from './harness.ts';

const test = suite('call/early-media');

const FLAGS = [false, true] as const;
const SITUATIONS = EARLY_MEDIA_MODES.flatMap((mode) =>
  FLAGS.flatMap((heard) =>
    FLAGS.flatMap((authorised) => FLAGS.map((ringing) => ({ mode, heard, authorised, ringing }))),
  ),
);

test('every situation has its rule, and every rule its situation', () => {
  const used = new Set(SITUATIONS.map(earlyRule));
  assert.is(SITUATIONS.length, 24);
  assert.is(used.size, EARLY_RULES.length);
  for (const { clause } of EARLY_RULES) assert.match(clause, /RFC|24\.628|3261/);
});

test('[MD-2.2.8] the three sentences of 24.628 4.7.2.1, in every situation', () => {
  for (const situation of SITUATIONS) {
    const { tone, listen } = earlyRule(situation);
    const { mode, heard, authorised, ringing } = situation;
    const media = mode !== 'never' && (authorised || (heard && mode === 'auto'));
    const where = JSON.stringify(situation);
    assert.is(tone, media || !ringing ? 'none' : 'ringback', where);
    if (media) assert.is.not(listen, 'nobody', where);
    if (mode === 'never') assert.is(listen, 'nobody', where);
  }
});

const answer = (...values: string[]): SipResponse =>
  SipResponse.create({ status: 183, headers: values.map((value) => ['P-Early-Media', value] as const) });

test('P-Early-Media: a direction for each line, the last one for the rest, other words mean nothing', () => {
  assert.is(authorisationOf(answer('sendrecv'), 0), 'sendrecv');
  assert.is(authorisationOf(answer('SendOnly, inactive'), 0), 'sendonly');
  assert.is(authorisationOf(answer('sendonly, inactive'), 1), 'inactive');
  assert.is(authorisationOf(answer('sendonly, inactive'), 4), 'inactive');
  assert.is(authorisationOf(answer('gated, sendrecv'), 0), 'sendrecv');
  assert.is(authorisationOf(answer('supported'), 0), undefined);
  assert.is(authorisationOf(answer(''), 0), undefined);
  assert.is(authorisationOf(answer(), 0), undefined);
});

test('[MD-2.2.8] uplink: only where the latest sendrecv is, and only while that dialog is the one we listen to', () => {
  const early = new EarlyMedia('auto');
  early.note('a', { described: true, ringing: true });
  assert.equal(early.decision, { play: 'a', receive: true, send: false, tone: 'ringback' });
  early.note('a', { authorisation: 'sendrecv' });
  assert.equal(early.decision, { play: 'a', receive: true, send: true, tone: 'none' });
  early.note('b', { described: true, authorisation: 'sendonly' });
  assert.equal(
    early.decision,
    { play: 'b', receive: true, send: false, tone: 'none' },
    'the latest is heard',
  );
  early.note('b', { authorisation: 'sendrecv' });
  assert.equal(early.decision, { play: 'b', receive: true, send: true, tone: 'none' });
  early.note('b', { authorisation: 'inactive' });
  assert.equal(early.decision, { play: 'a', receive: true, send: true, tone: 'none' });
  early.note('a', { authorisation: 'recvonly' });
  assert.equal(early.decision, { play: 'a', receive: true, send: false, tone: 'ringback' });
});

test('[MD-2.2.8] what is received beats what the header says, until that dialog ends', () => {
  const early = new EarlyMedia('auto');
  early.note('a', { described: true, ringing: true, authorisation: 'inactive' });
  early.note('b', { described: true, authorisation: 'inactive' });
  early.hear('b');
  assert.equal(early.decision, { play: 'b', receive: true, send: false, tone: 'none' });
  early.drop('b');
  assert.equal(early.decision, { play: 'a', receive: true, send: false, tone: 'ringback' });
});

test('a dialog that is authorised anew is listened to, though another was heard; one that is heard again wins it back', () => {
  const early = new EarlyMedia('auto');
  early.note('a', { described: true });
  early.hear('a');
  early.note('b', { described: true, authorisation: 'sendonly' });
  assert.is(early.decision.play, 'b');
  early.note('b', { authorisation: 'sendonly' });
  early.hear('a');
  assert.is(early.decision.play, 'a', 'nothing new was said');
});

test('two that send at once: the one authorised later is listened to, and no flutter', () => {
  const early = new EarlyMedia('auto');
  early.note('a', { described: true });
  early.note('b', { described: true, authorisation: 'sendonly' });
  early.hear('a');
  assert.is(early.decision.play, 'a', 'it alone sends');
  early.hear('b', true);
  assert.is(early.decision.play, 'b');
  early.hear('a', true);
  assert.is(early.decision.play, 'b');
  early.hear('a');
  assert.is(early.decision.play, 'a', 'the other one fell silent');
});

test('"header": what is not authorised is not heard; "never": nothing is', () => {
  for (const [mode, receive] of [
    ['header', true],
    ['never', false],
  ] as const) {
    const early = new EarlyMedia(mode);
    early.note('a', { described: true, ringing: true });
    early.hear('a');
    assert.equal(early.decision, { play: 'a', receive: false, send: false, tone: 'ringback' }, mode);
    early.note('a', { authorisation: 'sendrecv' });
    assert.equal(
      early.decision,
      { play: 'a', receive, send: receive, tone: receive ? 'none' : 'ringback' },
      mode,
    );
  }
});

test('[MD-2.2.8] in a call: ringback, early media of the dialog that sends, and the microphone only where it may', async () => {
  const world = await makeWorld({
    config: { audio: { capture: 'alsa:mic', playback: 'alsa:speaker' } },
  });
  const call = world.manager.dial({ to: `sip:bob@${PEER.host}:${PEER.port}` });
  await world.advance(5);
  const invite = world.peer.last('INVITE');
  const [stream] = world.media.streams;
  if (!stream) throw new Error('no stream');
  await world.peer.reply(invite, 180, { tag: 'a' });
  assert.equal(stream.tones, ['ringback']);
  await world.peer.reply(invite, 183, { tag: 'b', body: sdp({ port: 5002, payload: '8 101' }) });
  await world.peer.reply(invite, 183, { tag: 'c', body: sdp({ port: 5003 }) });
  assert.is(stream.last?.remote.port, 5002);
  stream.onElsewhere.emit({ address: PEER.host, port: 5003, present: false });
  assert.is(stream.last?.remote.port, 5003, 'it is the one that sends');
  assert.equal(
    stream.last?.alsoTo?.map(({ port }) => port),
    [5002],
  );
  assert.equal(stream.tones, ['ringback', 'none']);
  assert.is(stream.last?.send, false);
  assert.throws(() => call.sendDtmf('1'));
  await world.peer.reply(invite, 183, {
    tag: 'b',
    headers: [['P-Early-Media', 'sendrecv']],
  });
  assert.is(stream.last?.remote.port, 5002);
  assert.is(stream.last?.send, true);
  call.sendDtmf('1');
  assert.equal(stream.digits, ['1']);
  await world.peer.reply(invite, 199, { tag: 'b' });
  assert.is(stream.last?.remote.port, 5003);
  assert.is(stream.last?.send, false);
  assert.is(stream.tones.at(-1), 'ringback');
  stream.onFirstPacket.emit();
  assert.is(stream.tones.at(-1), 'none');
  await world.peer.reply(invite, 200, { tag: 'c', body: sdp({ port: 5003 }) });
  assert.is(call.snapshot.state, 'active');
  assert.is(stream.last?.send, true);
});

test('a 180 without a tag, or of a dialog too many, rings as well', async () => {
  const world = await makeWorld({ config: { audio: { capture: 'null', playback: 'alsa:x' } } });
  world.manager.dial({ to: `sip:bob@${PEER.host}:${PEER.port}` });
  await world.advance(5);
  const invite = world.peer.last('INVITE');
  const [stream] = world.media.streams;
  await world.peer.reply(invite, 180, { untagged: true });
  assert.is(stream?.tones.at(-1), 'ringback');
  await world.peer.reply(invite, 200, { untagged: true, body: sdp() });
  assert.is(stream?.tones.at(-1), 'none');
});

test('the one called is told of a waiting call: the owner sees it', async () => {
  const world = await makeWorld();
  const call = world.manager.dial({ to: `sip:bob@${PEER.host}:${PEER.port}` });
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 180, {
    headers: [['Alert-Info', '<urn:alert:service:call-waiting>']],
  });
  assert.is(call.details.callee_waiting, true);
});

test.run();
