// Video in calls: offered, taken, added, dropped, refused; the audio is never lost for it (IR.94, NG.110 2.4.5).
import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import type { CallConfig } from '#src/call/world.ts';
import type { SipMessage } from '#src/sip/message/message.ts';
import { suite } from '#test/support/suite.ts';
import { makeWorld, PEER, type PeerCall, sdp, type TestWorld } from './harness.ts';
import { clean } from './talk.ts';

const test = suite('call/video');

const camera = { capture: 'v4l2:/dev/video0', sink: 'file:/tmp/{call}.h264' };
const settings = (more: Partial<NonNullable<CallConfig['video']>> = {}): { config: Partial<CallConfig> } => ({
  config: { video: { ...camera, added: 'receive', firAlways: true, ...more } },
});

const H264 = [
  'a=rtpmap:99 H264/90000',
  'a=fmtp:99 profile-level-id=42e01f;packetization-mode=1;sprop-parameter-sets=Z0LADNkDxWhAAAADAEAAAAwDxQqS,aMuMsg==',
];
/** Audio and a video line of a peer. */
const both = (options: { port?: number; direction?: string; audio?: number } = {}): string => {
  const { port = 6000, direction = 'sendrecv', audio = 4000 } = options;
  const line = [`m=video ${port} RTP/AVP 99`, ...H264, `a=${direction}`, ''].join('\r\n');
  return sdp({ port: audio, version: port }) + line;
};

const bodyOf = (message: SipMessage | undefined): string => String(message?.body);
const videoLine = (message: SipMessage | undefined): string =>
  /m=video [^\r]*/.exec(bodyOf(message))?.[0] ?? 'none';
const audioLine = (message: SipMessage | undefined): string =>
  /m=audio [^\r]*/.exec(bodyOf(message))?.[0] ?? 'none';
const ok = (peer: PeerCall) => peer.responses.filter(({ status }) => status === 200).at(-1);

async function rang(world: TestWorld, body: string): Promise<PeerCall> {
  const peer = world.peer.call('a');
  await peer.invite({ body });
  return peer;
}

async function answered(world: TestWorld, body: string, video?: boolean): Promise<PeerCall> {
  const peer = await rang(world, body);
  world.manager.get(world.latest().id)?.answer({ video });
  await world.advance(5);
  await peer.ack();
  return peer;
}

test('[MD-2.9.1b1] a video call rings: its ports stand, keep-alives go out, the camera is off', async () => {
  const world = await makeWorld(settings());
  const peer = await rang(world, both());
  const video = world.media.videos[0];
  assert.is(world.latest().video, true);
  assert.is(video?.last?.remote.port, 6000);
  assert.is(video?.last?.keepAlive?.phase, 'early');
  assert.is(video?.last?.send, false);
  assert.equal(video?.attached, []);
  world.manager.get(world.latest().id)?.answer();
  await world.advance(5);
  assert.match(videoLine(ok(peer)), new RegExp(`^m=video ${video?.port} `));
  assert.equal(video?.attached, [
    { sink: `file:/tmp/${world.latest().id}.h264` },
    { capture: 'v4l2:/dev/video0' },
  ]);
  assert.is(video?.last?.keepAlive?.phase, 'established');
  assert.is(video?.last?.send, true);
  assert.is(video?.last?.receive, true);
  assert.ok((video?.last?.codec.spropParameterSets.length ?? 0) > 0, 'what the peer told of its pictures');
  await peer.ack();
  assert.is(world.latest().video, true);
  await peer.send('BYE');
  assert.is(world.log.rows[0]?.video, true);
  await clean(world);
});

for (const [what, options, answer] of [
  ['the owner wants none', settings(), false],
  ['this device has none', {}, undefined],
] as const) {
  test(`[MD-2.4.5] video is offered and ${what}: port 0 in its place, the audio is on`, async () => {
    const world = await makeWorld(options);
    const peer = await answered(world, both(), answer);
    assert.match(videoLine(ok(peer)), /^m=video 0 /);
    assert.match(audioLine(ok(peer)), /^m=audio 20000 /);
    assert.is(world.latest().video, false);
    assert.is(world.media.videos.filter(({ isOpen }) => isOpen).length, 0, 'its ports are given back');
    assert.is(world.media.streams[0]?.last?.send, true);
    await peer.send('BYE');
    await clean(world);
  });
}

test('without a camera we only watch', async () => {
  const world = await makeWorld(settings({ capture: 'none' }));
  const peer = await answered(world, both());
  assert.match(bodyOf(ok(peer)), /m=video [\s\S]*a=recvonly/);
  assert.is(world.media.videos[0]?.last?.send, false);
  await peer.send('BYE');
});

test('pictures are taken from the engine only while somebody watches', async () => {
  const world = await makeWorld(settings());
  const call = world.manager.dial({ to: `sip:b@${PEER.host}`, video: true });
  const early = call.picture.onFrame.on(() => undefined);
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 200, { body: both() });
  const [video] = world.media.videos;
  assert.is(video?.onFrame.isListenedTo, true);
  early();
  assert.is(video?.onFrame.isListenedTo, false);
  const leave = call.picture.onFrame.on(() => undefined);
  assert.is(video?.onFrame.isListenedTo, true);
  call.hangup();
  await world.advance(5);
  await world.peer.reply(world.peer.last('BYE'), 200);
  assert.is(video?.onFrame.isListenedTo, false, 'the call is over');
  leave();
});

for (const mode of [0, 1] as const)
  test(`a film with slices longer than a packet, agreed on packetization-mode ${mode}`, async () => {
    const source = {
      ...{ profileLevelId: '42e01f', parameterSets: [], width: 320, height: 240 },
      ...{ framesPerSecond: 30, needsFragments: true },
    };
    const world = await makeWorld(settings({ source }));
    world.manager.dial({ to: `sip:b@${PEER.host}`, video: true });
    await world.advance(5);
    const body = both().replace('packetization-mode=1', `packetization-mode=${mode}`);
    await world.peer.reply(world.peer.last('INVITE'), 200, { body });
    const [video] = world.media.videos;
    assert.is(video?.last?.send, mode === 1);
    assert.is(video?.last?.receive, true);
    const told = world.troubles.map(({ id }) => id);
    assert.equal(told, mode === 1 ? [] : ['call.video-mode']);
  });

test('video asked for that this device does not have: refused, and it rings on', async () => {
  const world = await makeWorld();
  const peer = await rang(world, both());
  const noVideo = (error: unknown): boolean => TandemError.is(error, 'call.no-video');
  assert.throws(() => world.manager.get(world.latest().id)?.answer({ video: true }), noVideo);
  assert.is(world.latest().state, 'ringing');
  await peer.cancel();
  assert.throws(() => world.manager.dial({ to: `sip:b@${PEER.host}`, video: true }), noVideo);
  assert.is(world.media.open, 0);
});

test('[MD-2.9.1b1] a video call of ours: offered behind the audio, keep-alives at each early description', async () => {
  const world = await makeWorld(settings());
  world.manager.dial({ to: `sip:b@${PEER.host}`, video: true });
  await world.advance(5);
  const invite = world.peer.last('INVITE');
  assert.match(bodyOf(invite), /m=audio [\s\S]*m=video 30000 /);
  assert.is(world.latest().video, true);
  await world.peer.reply(invite, 183, { body: both() });
  const video = world.media.videos[0];
  assert.is(video?.last?.keepAlive?.phase, 'early');
  assert.is(video?.last?.send, false, 'no picture of ours before the answer');
  assert.equal(video?.attached, []);
  await world.peer.reply(invite, 200, { body: both() });
  assert.is(video?.last?.send, true);
  assert.is(video?.attached.length, 2);
  assert.is(world.latest().video, true);
});

test('the callee takes no video: the call goes on, its ports are given back', async () => {
  const world = await makeWorld(settings());
  world.manager.dial({ to: `sip:b@${PEER.host}`, video: true });
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 200, { body: both({ port: 0 }) });
  assert.is(world.latest().state, 'active');
  assert.is(world.latest().video, false);
  assert.is(world.media.videos[0]?.isOpen, false);
});

test('488 to a video call: again as plain RTP/AVP, then without video, then it has failed', async () => {
  const world = await makeWorld(settings());
  world.manager.dial({ to: `sip:b@${PEER.host}`, video: true });
  await world.advance(5);
  const [first] = world.peer.requests('INVITE');
  assert.match(bodyOf(first), /a=tcap:/);
  if (first) await world.peer.reply(first, 488);
  const second = world.peer.last('INVITE');
  assert.is(second.cseq.number, 2);
  assert.is(second.callId, first?.callId);
  assert.is(second.from.tag, first?.from.tag);
  assert.not.match(bodyOf(second), /a=tcap:/);
  assert.match(videoLine(second), /^m=video 30000 RTP\/AVP /);
  await world.peer.reply(second, 488);
  const third = world.peer.last('INVITE');
  assert.is(third.cseq.number, 3);
  assert.is(videoLine(third), 'none');
  assert.is(world.latest().state, 'dialing');
  await world.peer.reply(third, 488);
  assert.is(world.peer.requests('INVITE').length, 3);
  assert.is(world.latest().end?.sip, 488);
  await clean(world);
});

test('488 to a voice call stays what it is', async () => {
  const world = await makeWorld(settings());
  world.manager.dial({ to: `sip:b@${PEER.host}` });
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 488);
  assert.is(world.peer.requests('INVITE').length, 1);
  assert.is(world.latest().end?.sip, 488);
});

test('hung up while it is offered anew: CANCEL, and nothing is left', async () => {
  const world = await makeWorld(settings());
  const call = world.manager.dial({ to: `sip:b@${PEER.host}`, video: true });
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 488);
  await world.peer.reply(world.peer.last('INVITE'), 180);
  call.hangup();
  await world.advance(5);
  await world.peer.reply(world.peer.last('CANCEL'), 200);
  await world.peer.reply(world.peer.last('INVITE'), 487);
  assert.is(world.latest().end?.label, 'cancelled');
  await clean(world);
});

for (const [added, direction, send] of [
  ['receive', 'recvonly', false],
  ['both', 'sendrecv', true],
] as const) {
  test(`[MD-2.4.5] the peer adds video, set to ${added}`, async () => {
    const world = await makeWorld(settings({ added }));
    const peer = await answered(world, sdp());
    assert.is(world.media.videos.length, 0, 'no port for what nobody wants');
    await peer.send('INVITE', both());
    assert.match(bodyOf(ok(peer)), new RegExp(`m=video 30000 [\\s\\S]*a=${direction}`));
    assert.match(audioLine(ok(peer)), /^m=audio 20000 /);
    assert.is(world.media.videos[0]?.last?.send, send);
    assert.is(world.media.videos[0]?.last?.keepAlive?.phase, 'established');
    assert.is(world.latest().video, true);
    await peer.ack();
    await peer.send('INVITE', both({ port: 0 }));
    assert.match(videoLine(ok(peer)), /^m=video 0 /);
    assert.is(world.latest().video, false);
    assert.is(world.media.videos[0]?.isOpen, false);
    assert.is(world.media.streams[0]?.last?.send, true, 'the audio never stopped');
    await peer.ack();
    await peer.send('BYE');
    await clean(world);
  });
}

test('the peer adds video that is refused by setting: port 0, the audio is on', async () => {
  const world = await makeWorld(settings({ added: 'refuse' }));
  const peer = await answered(world, sdp());
  await peer.send('INVITE', both());
  assert.match(videoLine(ok(peer)), /^m=video 0 /);
  assert.is(world.media.videos.length, 0);
  assert.is(world.latest().video, false);
});

test('[MD-2.4.5] we add video and drop it again', async () => {
  const world = await makeWorld(settings());
  const peer = await answered(world, sdp());
  const call = world.manager.get(world.latest().id);
  call?.video(true);
  await world.advance(5);
  const added = world.peer.last('INVITE');
  assert.match(videoLine(added), /^m=video 30000 /);
  assert.match(audioLine(added), /^m=audio 20000 /);
  assert.is(world.latest().video, false, 'not before the peer has agreed');
  await world.peer.reply(added, 200, { body: both() });
  assert.is(world.latest().video, true);
  assert.is(world.media.videos[0]?.last?.send, true);
  call?.video(false);
  await world.advance(5);
  const dropped = world.peer.last('INVITE');
  assert.match(videoLine(dropped), /^m=video 0 /);
  await world.peer.reply(dropped, 200, { body: both({ port: 0 }) });
  assert.is(world.latest().video, false);
  assert.is(world.media.videos[0]?.isOpen, false);
  call?.video(true);
  await world.advance(5);
  assert.match(videoLine(world.peer.last('INVITE')), /^m=video 30002 /, 'in the old place, with new ports');
  assert.is((bodyOf(world.peer.last('INVITE')).match(/m=video/g) ?? []).length, 1);
  await world.peer.reply(world.peer.last('INVITE'), 200, { body: both() });
  await peer.send('BYE');
  await clean(world);
});

for (const [what, status, body] of [
  ['declines it', 200, both({ port: 0 })],
  ['refuses the re-INVITE', 488, undefined],
] as const) {
  test(`we add video and the peer ${what}: voice goes on`, async () => {
    const world = await makeWorld(settings());
    await answered(world, sdp());
    world.manager.get(world.latest().id)?.video(true);
    await world.advance(5);
    for (let left = 3; left > 0 && world.media.videos[0]?.isOpen; left -= 1)
      await world.peer.reply(world.peer.last('INVITE'), status, body === undefined ? {} : { body });
    assert.is(world.latest().state, 'active');
    assert.is(world.latest().video, false);
    assert.is(world.media.videos[0]?.isOpen, false);
    assert.is(world.media.streams[0]?.last?.send, true);
  });
}

test('held: the video is held with the audio, and comes back', async () => {
  const world = await makeWorld(settings());
  await answered(world, both());
  const call = world.manager.get(world.latest().id);
  void call?.hold();
  await world.advance(5);
  const held = world.peer.last('INVITE');
  assert.match(bodyOf(held), /m=audio [\s\S]*a=sendonly[\s\S]*m=video [\s\S]*a=sendonly/);
  await world.peer.reply(held, 200, {
    body: both({ direction: 'recvonly' }).replace('a=sendrecv', 'a=recvonly'),
  });
  assert.is(world.media.videos[0]?.last?.receive, false);
  void call?.resume();
  await world.advance(5);
  await world.peer.reply(world.peer.last('INVITE'), 200, { body: both() });
  assert.is(world.media.videos[0]?.last?.receive, true);
});

test('no camera at the moment: told, and the call goes on', async () => {
  const world = await makeWorld(settings());
  const peer = await rang(world, both());
  const video = world.media.videos[0];
  if (video) video.failure = new TandemError('caller', 'media.device', 'The camera is busy.');
  world.manager.get(world.latest().id)?.answer();
  await peer.ack();
  assert.is(world.latest().state, 'active');
  assert.is(world.latest().video, true);
  assert.equal([...new Set(world.troubles.map(({ id }) => id))], ['media.device']);
});

test('[MD-2.4.5] audio, video, text and application: the order is kept, what we do not know gets port 0', async () => {
  const world = await makeWorld(settings());
  const more = 'm=text 7000 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\nm=application 7002 UDP/BFCP *\r\n';
  const peer = await answered(world, both() + more);
  const lines = (bodyOf(ok(peer)).match(/m=[^\r]*/g) ?? []).map((line) => line.split(' ', 2).join(' '));
  assert.equal(lines, ['m=audio 20000', 'm=video 30000', 'm=text 0', 'm=application 0']);
});

test('[MD-2.4.5] video asked for while a hold is under way: offered after it, and what the peer says to it is told', async () => {
  for (const [status, kept] of [
    [200, true],
    [488, false],
    [606, false],
  ] as const) {
    const world = await makeWorld(settings());
    const peer = world.peer.call('audio');
    await peer.invite();
    const call = world.manager.get(world.latest().id);
    call?.answer();
    await world.advance(5);
    await peer.ack();
    void call?.hold();
    await world.advance(5);
    const hold = world.peer.last('INVITE');
    assert.not.match(bodyOf(hold), /m=video/);
    call?.video(true);
    await world.peer.reply(hold, 200, { body: sdp({ direction: 'recvonly', version: 2 }) });
    await world.advance(5);
    for (let left = 3; left > 0 && /m=video [1-9]/.test(bodyOf(world.peer.last('INVITE'))); left -= 1) {
      const added = world.peer.last('INVITE');
      assert.match(bodyOf(added), /a=sendonly[\s\S]*m=video [1-9]/);
      const body = both({ direction: 'recvonly' }).replace('a=sendrecv', 'a=recvonly');
      await world.peer.reply(added, status, status === 200 ? { body } : {});
      await world.advance(5);
      if (status === 200) break;
    }
    assert.is(world.latest().video, kept, `${status}`);
    assert.is(call?.details.told?.some(({ text }) => /no video/.test(text)) ?? false, !kept);
    assert.is(world.latest().hold, 'local');
  }
});

test.run();
