// The video line by 26.114 6.2.3 and its annex A.4 (MD-2.4.4a, b, d, h; MD-2.4.5).
import * as assert from 'uvu/assert';
import { parseFmtp } from '#src/sdp/attributes.ts';
import type { Capabilities } from '#src/sdp/capabilities.ts';
import { h264Parameters, profileLevelId } from '#src/sdp/h264.ts';
import { suite } from '#test/support/suite.ts';
import { A_4_10A, A_4_12, A_4_12AC, A_4_13, A_4_16, withSession } from './fixtures.ts';
import {
  answered,
  attributes,
  BOTH_WAYS,
  capabilities,
  LOCAL,
  lines,
  mediaLines,
  PPS,
  SPS,
  settled,
  side,
  VIDEO,
} from './sides.ts';

const test = suite('sdp/video');

const WITH_VIDEO: Capabilities = capabilities('off', { video: VIDEO });
const device = (changes: Partial<Capabilities> = {}) => side({ ...WITH_VIDEO, ...changes });
const { video: _ports, ...AUDIO_PORTS } = LOCAL;
const videoOf = (body: Buffer): string[] => {
  const all = lines(body);
  return all.slice(all.findIndex((line) => line.startsWith('m=video')));
};
const AUDIO = 'm=audio 4000 RTP/AVP 0';
const h264 = (protocol: string, fmtp: string, ...rest: string[]): Buffer =>
  withSession(AUDIO, `m=video 4002 ${protocol} 99`, 'a=rtpmap:99 H264/90000', `a=fmtp:99 ${fmtp}`, ...rest);

test('our offer, line by line: AVP with AVPF as potential configuration, three payload types', () => {
  assert.equal(videoOf(device().offer(BOTH_WAYS)), [
    'm=video 50012 RTP/AVP 104 105 106',
    'b=AS:550',
    'b=RS:0',
    'b=RR:2500',
    'a=tcap:1 RTP/AVPF',
    'a=pcfg:1 t=1',
    'a=rtpmap:104 H264/90000',
    `a=fmtp:104 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1;max-rcmd-nalu-size=1400;sprop-parameter-sets=${SPS.toString('base64')},${PPS.toString('base64')}`,
    'a=rtpmap:105 H264/90000',
    `a=fmtp:105 profile-level-id=42e01f;packetization-mode=0;level-asymmetry-allowed=1;max-rcmd-nalu-size=1400;sprop-parameter-sets=${SPS.toString('base64')},${PPS.toString('base64')}`,
    'a=rtpmap:106 H264/90000',
    'a=fmtp:106 profile-level-id=42e00c;packetization-mode=0;level-asymmetry-allowed=1;max-rcmd-nalu-size=1400',
    'a=rtcp-fb:* trr-int 5000',
    'a=rtcp-fb:* nack',
    'a=rtcp-fb:* nack pli',
    'a=rtcp-fb:* ccm fir',
    'a=rtcp-fb:* ccm tmmbr',
    'a=rtcp-rsize',
    'a=imageattr:104 send [x=640,y=480] recv [x=640,y=480]',
    'a=imageattr:105 send [x=640,y=480] recv [x=640,y=480]',
    'a=extmap:4 urn:3gpp:video-orientation',
    'a=sendrecv',
  ]);
});

test('the session asks for what its lines add up to', () => {
  assert.ok(lines(device().offer(BOTH_WAYS)).slice(0, 6).includes('b=AS:630'));
});

test('A.4.10a: AVPF by acfg, the only format, feedback and orientation repeated, the size that fits', () => {
  const { answer, media } = answered(device(), A_4_10A);
  const video = videoOf(answer);
  assert.is(video[0], 'm=video 50012 RTP/AVPF 99');
  assert.ok(video.includes('a=acfg:1 t=1'));
  assert.ok(video.some((line) => line.startsWith('a=fmtp:99 profile-level-id=42e00c;packetization-mode=0;')));
  assert.equal(attributes(answer, 'rtcp-fb'), [
    'a=rtcp-fb:* trr-int 5000',
    'a=rtcp-fb:* nack',
    'a=rtcp-fb:* nack pli',
    'a=rtcp-fb:* ccm fir',
    'a=rtcp-fb:* ccm tmmbr',
  ]);
  assert.equal(attributes(answer, 'imageattr'), ['a=imageattr:99 send [x=320,y=240] recv [x=320,y=240]']);
  assert.equal(attributes(answer, 'extmap'), ['a=extmap:4 urn:3gpp:video-orientation']);
  assert.equal(attributes(answer, 'tcap'), []);
  assert.is(media.video?.avpf, true);
  assert.equal(media.video?.cvo, { id: 4 });
  assert.equal(media.video?.imageattr?.receive[0], { width: 272, height: 224 }, 'q=0.6 before the others');
  assert.equal(
    media.video?.codec.spropParameterSets.map((set) => set.toString('hex')),
    ['2742e00c95a0507e807f50', '28ce3a80'],
  );
  assert.is(media.video?.codec.sendProfileLevelId, '42e00c');
  assert.is(media.video?.bandwidthKbps, 315);
  assert.is(media.audio?.protocol, 'RTP/AVP', 'voice stays AVP');
});

test('A.4.12ac: the better level of two', () => {
  const { answer, media } = answered(device(), A_4_12AC);
  assert.is(mediaLines(answer)[1], 'm=video 50012 RTP/AVPF 99');
  assert.is(media.video?.codec.sendProfileLevelId, '42e01f');
});

test('A.4.12: AVPF offered directly, level 1.1; a set that is no base64 does no harm', () => {
  const { answer, media } = answered(device(), A_4_12);
  assert.is(mediaLines(answer)[1], 'm=video 50012 RTP/AVPF 99');
  assert.equal(attributes(answer, 'acfg'), []);
  assert.is(media.video?.codec.receiveProfileLevelId, '42e00b');
});

test('A.4.13: asymmetric levels, each direction by what the receiver names', () => {
  const { media } = answered(device(), A_4_13);
  assert.is(media.video?.codec.sendProfileLevelId, '42e01f');
  assert.is(media.video?.codec.receiveProfileLevelId, '42e01f');
  const small = answered(device({ video: { ...VIDEO, profileLevelId: '42e00c' } }), A_4_13);
  assert.is(small.media.video?.codec.sendProfileLevelId, '42e00c');
  assert.is(small.media.video?.codec.receiveProfileLevelId, '42e00c');
});

test('A.4.16: H.265 is passed over, H.264 taken', () => {
  assert.is(mediaLines(answered(device(), A_4_16).answer)[1], 'm=video 50012 RTP/AVPF 100');
});

for (const [fmtp, profile, level] of [
  ['profile-level-id=42e01f', 'constrained-baseline', 31],
  ['profile-level-id=42C01E', 'constrained-baseline', 30],
  ['profile-level-id=42800d', 'baseline', 13],
  ['profile-level-id=4d801f', 'constrained-baseline', 31],
  ['profile-level-id=42f00b', 'constrained-baseline', 10.5],
  ['', 'baseline', 10],
  ['profile-level-id=4d001f', undefined, undefined],
  ['profile-level-id=64001f', undefined, undefined],
  ['profile-level-id=640c1f', undefined, undefined],
  ['profile-level-id=42e0', undefined, undefined],
  ['profile-level-id=42e0ff', undefined, undefined],
  ['profile-level-id=42e01f;packetization-mode=2', undefined, undefined],
] as const) {
  test(`RFC 6184 table 5: "${fmtp}" is ${profile ?? 'nothing of ours'}`, () => {
    const found = h264Parameters(parseFmtp(`99 ${fmtp}`));
    assert.is(found?.profile, profile);
    assert.is(found?.level, level);
  });
}

test('level 1b is written with the third constraint flag', () => {
  assert.is(profileLevelId(10.5), '42f00b');
  assert.is(profileLevelId(31), '42e01f');
});

for (const [what, fmtp, send, receive] of [
  ['no asymmetry: the lower of both', 'profile-level-id=42e00d', '42e00d', '42e00d'],
  ['no asymmetry, higher than ours', 'profile-level-id=42e028', '42e01f', '42e01f'],
  ['asymmetry', 'profile-level-id=42e00d;level-asymmetry-allowed=1', '42e00d', '42e01f'],
  ['Baseline is repeated as such', 'profile-level-id=42801f', '42e01f', '42801f'],
] as const) {
  test(`levels of an answer: ${what}`, () => {
    const { media } = answered(device(), h264('RTP/AVP', fmtp));
    assert.is(media.video?.codec.sendProfileLevelId, send);
    assert.is(media.video?.codec.receiveProfileLevelId, receive);
  });
}

test('mode 1 before mode 0, wherever it stands', () => {
  const offer = withSession(
    AUDIO,
    'm=video 4002 RTP/AVP 98 99',
    ...['a=rtpmap:98 H264/90000', 'a=fmtp:98 profile-level-id=42e01f'],
    ...['a=rtpmap:99 H264/90000', 'a=fmtp:99 profile-level-id=42e01f;packetization-mode=1'],
  );
  assert.is(answered(device(), offer).media.video?.codec.packetizationMode, 1);
});

test('a source that needs fragments: mode 0 is watched, never sent', () => {
  const film = () => device({ video: { ...VIDEO, needsFragments: true } });
  const modeOf = (mode: number) => h264('RTP/AVP', `profile-level-id=42e01f;packetization-mode=${mode}`);
  for (const [mode, direction] of [
    [0, 'recvonly'],
    [1, 'sendrecv'],
  ] as const) {
    const callee = film();
    const { answer, media } = answered(callee, modeOf(mode));
    assert.ok(videoOf(answer).includes(`a=${direction}`), `mode ${mode}`);
    assert.is(media.video?.send, mode === 1);
    assert.ok(videoOf(callee.offer(BOTH_WAYS)).includes(`a=${direction}`), 'offered anew');
  }
  assert.equal(
    attributes(film().offer(BOTH_WAYS), 'sendrecv').length,
    2,
    'a first offer leaves it to the peer',
  );
});

test('two of us: AVPF by capability negotiation, what one sends the other receives', () => {
  const caller = device();
  const callee = side(WITH_VIDEO, { ...LOCAL, address: '192.0.2.20' });
  const { answer, media } = answered(callee, caller.offer(BOTH_WAYS));
  const { video } = settled(caller, answer);
  assert.is(video?.protocol, 'RTP/AVPF');
  assert.equal(video?.feedback, {
    ...{ nack: true, pli: true, fir: true, tmmbr: true, rsize: true },
    trrIntMs: 5000,
  });
  assert.is(video?.codec.sendPayloadType, media.video?.codec.receivePayloadType);
  assert.equal(video?.codec.spropParameterSets, [SPS, PPS]);
  assert.is(mediaLines(caller.offer('sendonly'))[1], 'm=video 50012 RTP/AVPF 104', 'the one in use alone');
});

test('a peer that ignores capability negotiation: plain AVP, no feedback', () => {
  const caller = device();
  caller.offer(BOTH_WAYS);
  const { video } = settled(caller, h264('RTP/AVP', 'profile-level-id=42e00c'));
  assert.is(video?.protocol, 'RTP/AVP');
  assert.is(video?.avpf, false);
  assert.is(video?.feedback.fir, false);
  assert.is(video?.cvo, undefined);
  assert.is(video?.codec.receivePayloadType, 105, 'ours with the mode of the answer');
});

test('feedback lines under AVP, as baresip writes them: honoured when both wrote them, early ones not', () => {
  const { answer, media } = answered(
    device(),
    h264('RTP/AVP', 'profile-level-id=42e01f', 'a=rtcp-fb:* nack pli'),
  );
  assert.equal(attributes(answer, 'rtcp-fb'), ['a=rtcp-fb:* nack pli']);
  assert.is(media.video?.feedback.pli, true);
  assert.is(media.video?.feedback.fir, false);
  assert.is(media.video?.avpf, false);
});

test('parameter sets of another profile than the line says are not told (RFC 6184 8.1)', () => {
  const high = Buffer.from('Z2QAHqzZQKAv+XARAAADAAEAAAMAPA8WLZY=', 'base64');
  const offer = side(capabilities('off', { video: { ...VIDEO, spropParameterSets: [high, PPS] } })).offer(
    BOTH_WAYS,
  );
  assert.is(attributes(offer, 'fmtp').filter((line) => line.includes('sprop-parameter-sets')).length, 0);
});

test('what was agreed beside AVP stays agreed when we hold; without it no line of it is offered', () => {
  for (const lines of [['a=rtcp-fb:* nack pli'], []]) {
    const own = device();
    answered(own, h264('RTP/AVP', 'profile-level-id=42e01f', ...lines));
    const offer = own.offer('sendonly');
    assert.match(mediaLines(offer)[1] ?? '', /^m=video \d+ RTP\/AVP \d+$/);
    assert.is(attributes(offer, 'rtcp-fb').includes('a=rtcp-fb:* nack pli'), lines.length > 0);
    const { video } = settled(own, h264('RTP/AVP', 'profile-level-id=42e01f', ...lines));
    assert.is(video?.feedback.pli, lines.length > 0);
    assert.is(video?.feedback.fir, false);
  }
});

for (const [what, answer, kind] of [
  ['port 0', withSession(AUDIO, 'm=video 0 RTP/AVP 104'), 'declined'],
  ['another codec', withSession(AUDIO, 'm=video 4002 RTP/AVP 31'), 'codec'],
  ['a profile that was not offered', h264('RTP/SAVPF', 'profile-level-id=42e01f'), 'protocol'],
] as const) {
  test(`video answered with ${what}: the call goes on without, and it is told`, () => {
    const caller = device();
    caller.offer(BOTH_WAYS);
    const media = settled(caller, answer);
    assert.is(media.video, undefined);
    assert.is(media.audio?.codec.name, 'PCMU');
    assert.is(caller.videoFault?.kind, kind);
  });
}

test('[MD-2.4.5] audio, video, text and application: the rest port 0, the order kept, video only by wish', () => {
  const offer = withSession(
    'm=application 7000 UDP/BFCP *',
    'm=text 11000 RTP/AVP 98',
    AUDIO,
    'm=video 4002 RTP/AVP 31 99',
    'a=rtpmap:99 H264/90000',
    'a=fmtp:99 profile-level-id=42e01f',
    'm=audio 4004 RTP/AVP 0',
    'm=video 4006 RTP/AVP 99',
    'a=rtpmap:99 H264/90000',
  );
  const rest = ['m=application 0 UDP/BFCP *', 'm=text 0 RTP/AVP 98', 'm=audio 50010 RTP/AVP 0'];
  assert.equal(mediaLines(answered(device(), offer).answer), [
    ...rest,
    'm=video 50012 RTP/AVP 99',
    'm=audio 0 RTP/AVP 0',
    'm=video 0 RTP/AVP 99',
  ]);
  for (const other of [side(capabilities()), side(WITH_VIDEO, AUDIO_PORTS)]) {
    assert.is(mediaLines(answered(other, offer).answer)[3], 'm=video 0 RTP/AVP 31 99');
  }
  const unwanted = device().answerTo(offer, { audio: 'sendrecv', video: 'none' });
  assert.is(unwanted.ok && unwanted.value.media.video, undefined);
});

test('video comes and goes by re-offer: its index stays, a declined slot is used again', () => {
  const caller = device();
  const callee = side(WITH_VIDEO, { ...LOCAL, address: '192.0.2.20' });
  const exchange = (offerer: typeof caller, answerer: typeof callee, video: 'sendrecv' | 'none') => {
    const offer = offerer.offer({ audio: 'sendrecv', video });
    settled(offerer, answered(answerer, offer).answer);
    return mediaLines(offer).map((line) => line.split(' ').slice(0, 2).join(' '));
  };
  assert.equal(exchange(caller, callee, 'none'), ['m=audio 50010']);
  assert.equal(exchange(caller, callee, 'sendrecv'), ['m=audio 50010', 'm=video 50012']);
  assert.is(callee.video?.index, 1);
  assert.equal(exchange(callee, caller, 'none'), ['m=audio 50010', 'm=video 0']);
  assert.is(caller.video, undefined);
  assert.equal(exchange(caller, callee, 'sendrecv'), ['m=audio 50010', 'm=video 50012']);
  assert.is(callee.video?.send, true);
});

test('video that comes late: ports and camera are handed in for a call that began without', () => {
  const caller = side(capabilities(), AUDIO_PORTS);
  settled(caller, answered(side(), caller.offer()).answer);
  assert.equal(mediaLines(caller.offer(BOTH_WAYS)).length, 1);
  caller.provideVideo({ port: 50_012, rtcpPort: 50_013 }, VIDEO);
  assert.is(mediaLines(caller.offer(BOTH_WAYS)).length, 2);
});

test('a keep-alive number that neither line uses: 20, else another that stands for nothing', () => {
  assert.is(answered(device(), A_4_12).media.video?.keepAlivePayloadType, 20);
  const taken = withSession('m=audio 4000 RTP/AVP 0 20 21', 'a=rtpmap:20 X/8000', 'a=rtpmap:21 Y/8000');
  assert.is(answered(device(), taken).media.audio?.keepAlivePayloadType, 22);
});

/** What a caller and a callee agree upon. */
function agreedVideo(options: { readonly plain?: boolean; readonly callee?: Partial<Capabilities> } = {}) {
  const caller = device();
  const callee = side({ ...WITH_VIDEO, ...options.callee }, { ...LOCAL, address: '192.0.2.20' });
  const offer = caller.offer(BOTH_WAYS, { plain: options.plain ?? false });
  return settled(caller, answered(callee, offer).answer).video;
}

const negotiatesFeedback = (plain: boolean): void => {
  const video = agreedVideo({ plain });
  assert.is(video?.protocol, 'RTP/AVPF');
  assert.ok(video?.feedback.fir && video.feedback.pli && video.feedback.nack && video.feedback.tmmbr);
};
test.proof('[MD-2.4.4a] AVPF and its messages by capability negotiation', {
  run: () => negotiatesFeedback(false),
  control: () => negotiatesFeedback(true),
});

const brings = (callee: Partial<Capabilities>): void => {
  assert.equal(agreedVideo({ callee })?.codec.spropParameterSets, [SPS, PPS]);
};
test.proof('[MD-2.4.4d] the parameter sets of the peer come with its description', {
  run: () => brings({ video: VIDEO }),
  control: () => brings({ video: { ...VIDEO, spropParameterSets: [] } }),
});

const orients = (callee: Partial<Capabilities>): void =>
  assert.equal(agreedVideo({ callee })?.cvo, { id: 4 });
test.proof('[MD-2.4.4h] orientation when both sides have it', {
  run: () => orients({ video: VIDEO }),
  control: () => orients({ video: { ...VIDEO, orientation: false } }),
});

test.run();
