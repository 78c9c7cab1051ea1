// The video line of SDP with SIPp at the other end: 26.114 6.2.3, IR.94, NG.110 2.4.5.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { accept, called, refuse } from './scenarios/callee.ts';
import {
  ack,
  callSetUp,
  hangUp,
  hungUp,
  inDialog,
  invite,
  reply,
  request,
  rings,
} from './scenarios/caller.ts';
import { AUDIO, describe, type VideoLines, VideoStage, videoLines } from './scenarios/video-call.ts';
import { contains, expect, lacks, pause, type Step, scenario, send } from './scenarios/xml.ts';
import { isFeedback, tmmbr } from './support/far-video.ts';
import { annexB, decode, makeFilm, packetsOf } from './support/film.ts';
import { freePort, scratch, until } from './support/process.ts';

const test = suite('peers/video-negotiation');
const peers = ['SIPp'];
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const folder = scratch();
const film = makeFilm(folder.file('device.264'), { frames: 100, every: 25 });
const farFilm = makeFilm(folder.file('far.264'), { picture: 'testsrc2', frames: 25, every: 25 });

let video: VideoStage;
let packets: readonly Buffer[] = [];
test.before(async () => {
  video = await VideoStage.open({ capture: `file:${film}` });
  packets = await packetsOf(farFilm);
});
test.after(async () => {
  await video.close();
  folder.remove();
});

/** Pictures go both ways: the device's film is there, and what the far end sends is shown. */
async function flows(id: string): Promise<void> {
  const { far } = video;
  await far.reached();
  await far.play(packets);
  await until('video of the device', () => far.video.length > 10).catch(() => assert.unreachable('no video'));
  const { body } = await video.stage.device.fetch('GET', `calls/${id}/quality`);
  assert.is((body as { video?: { frames: number } }).video?.frames, 25, JSON.stringify(body)); // the contract's shape
  assert.ok(decode(annexB(far.video.map(({ bytes }) => bytes))).pictures.length > 5);
}

interface Offer {
  readonly name: string;
  readonly lines: VideoLines;
  /** Of the answer's video line. */
  readonly answer: readonly string[];
  readonly never?: readonly string[];
}

const CAPABILITIES = ['a=tcap:1 RTP/AVPF', 'a=pcfg:1 t=1'];
const KEY = 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj';

const OFFERS: readonly Offer[] = [
  {
    name: 'AVP with AVPF as a capability: AVPF, told by acfg',
    lines: { profile: 'RTP/AVP', more: CAPABILITIES },
    answer: ['m=video [1-9][0-9]* RTP/AVPF 104', 'a=acfg:1 t=1', 'a=rtcp-fb:[*104]+ ccm fir'],
  },
  {
    name: 'AVPF directly: AVPF, without words about capabilities',
    lines: { profile: 'RTP/AVPF' },
    answer: ['m=video [1-9][0-9]* RTP/AVPF 104', 'a=rtcp-fb:[*104]+ nack pli', 'a=rtcp-fb:[*104]+ ccm tmmbr'],
    never: ['a=acfg'],
  },
  {
    name: 'plain AVP: AVP, no feedback of AVPF',
    lines: { profile: 'RTP/AVP', feedback: [] },
    answer: ['m=video [1-9][0-9]* RTP/AVP 104'],
    never: ['a=acfg', 'a=rtcp-fb'],
  },
];

const checksOf = ({ answer, never = [] }: Offer): string[] => [...answer.map(contains), ...never.map(lacks)];

for (const [index, offer] of OFFERS.entries())
  test.proof(`[MD-2.4.4a] offered ${offer.name}; pictures flow`, {
    peers: ['SIPp', 'ffmpeg'],
    timeoutMs: 60_000,
    run: async () => {
      await video.called(offer.lines, flows, { checks: checksOf(offer) });
    },
    // Another offer does not get this answer.
    control: async () => {
      const other = OFFERS[(index + 1) % OFFERS.length] ?? offer;
      await video.called(other.lines, () => wait(100), { checks: checksOf(offer) });
    },
  });

test.proof('[MD-2.4.4a] offered SAVPF with keys: SAVPF; what comes is sealed', {
  peers: ['SIPp'],
  timeoutMs: 60_000,
  run: () => sealed('RTP/SAVPF', [KEY]),
  control: () => sealed('RTP/AVPF', []),
});

async function sealed(profile: string, more: readonly string[]): Promise<void> {
  const checks = [contains('m=video [1-9][0-9]* RTP/SAVPF 104'), contains('a=crypto:1 AES_CM_128')];
  await video.called(
    { profile, more },
    async () => {
      await until('video of the device', () => video.far.video.length > 10);
      const shown = decode(annexB(video.far.video.map(({ bytes }) => bytes.subarray(0, -10))));
      assert.is(shown.pictures.length, 0, 'nobody without the key sees a picture');
    },
    { checks },
  );
}

// The device offers.

const OFFERED = [
  'm=audio [1-9][0-9]* RTP/AVP',
  'm=video [1-9][0-9]* RTP/AVP ',
  'a=tcap:1 RTP/AVPF',
  'a=pcfg:1 t=1',
  'a=rtcp-fb:[*0-9]+ trr-int',
  'a=rtcp-fb:[*0-9]+ nack',
  'a=rtcp-fb:[*0-9]+ nack pli',
  'a=rtcp-fb:[*0-9]+ ccm fir',
  'a=rtcp-fb:[*0-9]+ ccm tmmbr',
  'a=extmap:[0-9]+ urn:3gpp:video-orientation',
  'profile-level-id=42[cCeE]01[fF]',
  'sprop-parameter-sets=Z0',
].map(contains);

/** SIPp answers a call of the device; the video section of its answer, with the device's own payload type. */
async function dialled(
  steps: (port: number) => readonly Step[],
  body: (id: string) => Promise<void>,
  dial: object = { video: true },
): Promise<void> {
  video.far.forget();
  const { stage } = video;
  const port = await freePort();
  await stage.play('callee', scenario('callee', steps(port)), async (sipp) => {
    const { id } = await stage.device.dial(`sip:callee@127.0.0.1:${sipp.port}`, dial);
    await body(id);
    if ((await stage.device.call(id)).state !== 'ended') await stage.device.act(id, 'hangup');
  });
}

/** What SIPp answers with; `[$pt]` is the payload type that the device offered first. */
const answered = (profile: string, more: readonly string[], feedback: readonly string[]): string[] =>
  describe([
    ...AUDIO,
    ...videoLines(video.far, { profile, more, feedback }).map((line) => line.replaceAll(/\b104\b/g, '[$pt]')),
  ]);

const keepPayloadType =
  '<ereg regexp="m=video [0-9]+ [A-Z/]+ ([0-9]+)" search_in="msg" check_it="true" assign_to="seen,pt"/>';

const established = (id: string) => video.stage.device.whenState(id, 'active');

/** Packets with the device's number in place of 104: of its SDP, which SIPp has seen. */
const numbered = (): Buffer[] => {
  const number = video.far.video[0]?.bytes.readUInt8(1) ?? 0;
  return packets.map((packet) => {
    const bytes = Buffer.from(packet);
    bytes.writeUInt8((bytes.readUInt8(1) & 0x80) | (number & 0x7f), 1);
    return bytes;
  });
};

/** Pictures flow, and a request that only AVPF has is answered or is not. */
const FEEDBACK = ['nack', 'nack pli', 'ccm fir', 'ccm tmmbr'];
async function taken(
  profile: string,
  more: readonly string[],
  feedback: readonly string[],
  obeys: boolean,
): Promise<void> {
  await dialled(
    () => [
      called({ checks: [keepPayloadType, ...OFFERED] }),
      ...accept({ body: answered(profile, more, feedback) }),
      ...hungUp(),
    ],
    async (id) => {
      await established(id);
      await until('video of the device', () => video.far.video.length > 5);
      await video.far.play(numbered());
      const { body } = await video.stage.device.fetch('GET', `calls/${id}/quality`);
      assert.is((body as { video?: { frames: number } }).video?.frames, 25); // the contract's shape
      video.far.sendRtcp(tmmbr(await video.far.ssrc(), 200_000));
      const told = video.far.feedback('TMMBN', (part) => isFeedback(part, 205, 4), 1500);
      assert.is(await told.then(() => true).catch(() => false), obeys, 'feedback of AVPF');
    },
  );
}

test.proof(
  '[MD-2.4.4a] our offer is AVP with AVPF as a capability; an answer that takes it (acfg) turns feedback on',
  {
    peers: ['SIPp', 'ffmpeg'],
    timeoutMs: 60_000,
    run: () => taken('RTP/AVPF', ['a=acfg:1 t=1'], FEEDBACK, true),
    control: () => taken('RTP/AVP', [], [], true),
  },
);

test.proof(
  '[MD-2.4.4a] an answer that does not know capabilities (AVP): pictures all the same, no feedback of AVPF',
  {
    peers: ['SIPp', 'ffmpeg'],
    timeoutMs: 60_000,
    run: () => taken('RTP/AVP', [], [], false),
    control: () => taken('RTP/AVPF', ['a=acfg:1 t=1'], FEEDBACK, false),
  },
);

/** 488 for anything that names AVPF, or any video at all. */
async function retried(second: readonly string[], withVideo: boolean): Promise<void> {
  await dialled(
    () => [
      called(),
      ...refuse(488, { headers: ['Warning: 304 127.0.0.1 "Media type not available"'] }),
      called({ checks: [keepPayloadType, ...second] }),
      ...accept({
        body: withVideo ? answered('RTP/AVP', [], []) : describe([...AUDIO, 'm=video 0 RTP/AVP [$pt]']),
      }),
      ...hungUp(),
    ],
    async (id) => {
      await established(id);
      await wait(200);
      assert.is((await video.stage.device.call(id)).state, 'active');
    },
  );
}

test.proof('[MD-2.4.4a] 488: the call is tried again with plain AVP', {
  peers,
  timeoutMs: 60_000,
  run: () => retried([contains('m=video [1-9][0-9]* RTP/AVP '), lacks('a=pcfg'), lacks('a=tcap')], true),
  control: () => retried([contains('a=pcfg')], true),
});

test.proof('[MD-2.4.5] the answer declines the video (port 0): the voice goes on', {
  peers,
  timeoutMs: 60_000,
  run: () => declined('m=video 0 RTP/AVP [$pt]'),
  control: () => declined('m=video 6002 RTP/AVP [$pt]'),
});

async function declined(line: string): Promise<void> {
  await dialled(
    () => [
      called({ checks: [keepPayloadType] }),
      ...accept({
        body: describe([
          ...AUDIO,
          line,
          ...(line.includes(' 0 ')
            ? []
            : ['a=rtpmap:[$pt] H264/90000', 'a=fmtp:[$pt] profile-level-id=42e01f;packetization-mode=1']),
        ]),
      }),
      ...hungUp(),
    ],
    async (id) => {
      await established(id);
      await wait(300);
      const call = await video.stage.device.call(id);
      assert.equal([call.state, 'video' in call && call.video], ['active', false]);
    },
  );
}

// Level.

const LEVELS = [
  { level: '42e00c', name: '1.2', answer: 'profile-level-id=42[cCeE]00[cC]' },
  { level: '42e01f', name: '3.1', answer: 'profile-level-id=42[cCeE]01[fF]' },
];

for (const { level, name, answer } of LEVELS)
  test.proof(
    `[MD-2.4.4b] constrained baseline ${name} offered: answered with that, and no picture beyond it is sent`,
    {
      peers: ['SIPp', 'tshark'],
      timeoutMs: 60_000,
      run: () => levelled(level, answer),
      control: () => levelled(level === '42e00c' ? '42e01f' : '42e00c', answer),
    },
  );

async function levelled(level: string, answer: string): Promise<void> {
  await video.called(
    { level },
    async () => {
      await until('video of the device', () => video.far.video.length > 10);
    },
    { checks: [contains(answer)] },
  );
  const rows = video.far.film(
    folder.file('level.pcap'),
    [
      'h264.profile_idc',
      'h264.level_id',
      'h264.pic_width_in_mbs_minus1',
      'h264.pic_height_in_map_units_minus1',
      'h264.constraint_set1_flag',
    ],
    104,
  );
  const sets = rows.filter((row) => row['h264.level_id'] !== undefined);
  assert.ok(sets.length > 0, 'tshark reads an SPS');
  const most = Number.parseInt(level.slice(4), 16);
  for (const row of sets) {
    assert.is(Number(row['h264.profile_idc']?.[0]), 66);
    assert.ok(Number(row['h264.level_id']?.[0]) <= most, `level ${row['h264.level_id']}`);
    const macroblocks =
      (Number(row['h264.pic_width_in_mbs_minus1']?.[0]) + 1) *
      (Number(row['h264.pic_height_in_map_units_minus1']?.[0]) + 1);
    assert.ok(macroblocks <= (most === 12 ? 396 : 3600), `${macroblocks} macroblocks`);
  }
}

/** A film of 640x480 (level 3.0) towards one who takes 1.2 only. */
test.proof(
  '[MD-2.4.4b] a picture that is too large for the level of the other end is not sent; its own comes',
  {
    peers: ['SIPp', 'ffmpeg'],
    timeoutMs: 60_000,
    run: () => tooLarge('42e00c'),
    control: () => tooLarge('42e01f'),
  },
);

async function tooLarge(level: string): Promise<void> {
  const large = makeFilm(folder.file('large.264'), { size: '640x480', level: '3.1', frames: 25 });
  const other = await VideoStage.open({ capture: `file:${large}` });
  try {
    await other.called({ level }, async (id) => {
      await other.far.reached();
      await other.far.play(packets);
      assert.is(other.far.video.length, 0, 'packets beyond the level');
      const { body } = await other.stage.device.fetch('GET', `calls/${id}/quality`);
      assert.is((body as { video?: { frames: number } }).video?.frames, 25); // the contract's shape
    });
  } finally {
    await other.close();
  }
}

// NG.110 2.4.5: inside a call.

const reinvite = (user: string, cseq: number, body: readonly string[], checks: readonly string[]): Step[] => [
  send(request('INVITE', user, { toTag: 'peer', cseq, body })),
  expect(100, { optional: true }),
  expect(200, { checks }),
  ack(user, { cseq }),
];
const OPEN = 'm=audio [1-9][0-9]* .*m=video [1-9][0-9]* ';

/** Audio, then video, then without it, then with it again in the same place. */
async function addedAndDropped(dropped: boolean): Promise<void> {
  const user = `adds${dropped}`;
  const { far, stage } = video;
  far.forget();
  const audio = (version: number): string[] => describe(AUDIO, version);
  const both = (version: number): string[] => describe([...AUDIO, ...videoLines(far)], version);
  const without = describe([...AUDIO, 'm=video 0 RTP/AVPF 104'], 3);
  const seen: (boolean | undefined)[] = [];
  const look = async (on: boolean): Promise<void> => {
    const call = await until(
      `video ${on}`,
      async () => {
        const now = (await stage.device.calls()).find(
          ({ remote, state }) => remote.uri.includes(user) && state === 'active',
        );
        return now && 'video' in now && now.video === on && now;
      },
      3000,
    ).catch(() => undefined);
    assert.ok(call, `the call shows video: ${on}`);
    seen.push(on);
  };
  await stage.called(
    user,
    scenario(user, [
      ...callSetUp(user, { body: audio(1) }),
      pause(500),
      ...reinvite(user, 2, both(2), [contains(OPEN)]),
      pause(1500),
      ...reinvite(user, 3, dropped ? without : both(3), [contains(dropped ? 'm=video 0 ' : OPEN)]),
      pause(1500),
      ...reinvite(user, 4, both(4), [contains(OPEN)]),
      pause(1200),
      ...hangUp(user, 5),
    ]),
    async () => {
      await look(false);
      await look(true);
      await until('video of the device', () => far.video.length > 10);
      await look(false);
      const sent = far.video.length;
      await wait(300);
      assert.ok(far.video.length <= sent + 1, 'no more video');
      await look(true);
      await until('video again', () => far.video.length > sent + 10);
    },
  );
  assert.is((await stage.logged(user)).end?.label, 'answered');
}

test.proof('[MD-2.4.5] video added, dropped and added again inside a call; the voice goes on', {
  peers,
  timeoutMs: 60_000,
  run: () => addedAndDropped(true),
  control: () => addedAndDropped(false),
});

/** The device adds video and drops it. */
async function deviceAdds(takes: boolean): Promise<void> {
  const { far, stage } = video;
  const user = `owner${takes}`;
  far.forget();
  const answers = (lines: readonly string[], version: number): Step =>
    send(reply(200, [`Contact: <sip:${user}@[local_ip]:[local_port]>`], describe(lines, version)));
  const numbered = videoLines(far, { profile: 'RTP/AVP', feedback: [] }).map((line) =>
    line.replaceAll(/\b104\b/g, '[$pt]'),
  );
  await stage.called(
    user,
    scenario(user, [
      ...callSetUp(user, { body: describe(AUDIO) }),
      expect('INVITE', { checks: [keepPayloadType, contains(OPEN)] }),
      answers([...AUDIO, ...(takes ? numbered : ['m=video 0 RTP/AVP [$pt]'])], 2),
      expect('ACK'),
      expect('INVITE', { checks: [contains('m=audio [1-9][0-9]* .*m=video 0 ')] }),
      answers([...AUDIO, 'm=video 0 RTP/AVP [$pt]'], 3),
      expect('ACK'),
      ...hungUp(),
    ]),
    async () => {
      const { id } = await stage.call(user, 'active');
      await stage.device.act(id, 'video', { enabled: true });
      const flowing = until('video of the device', () => far.video.length > 10, 2000);
      assert.ok(await flowing.catch(() => false), 'video of the device');
      await stage.device.act(id, 'video', { enabled: false });
      await wait(500);
      assert.is((await stage.call(user, 'active')).state, 'active');
      await stage.device.act(id, 'hangup');
    },
  );
}

test.proof('[MD-2.4.5] the owner adds video to a call and drops it: one line that stays in its place', {
  peers,
  timeoutMs: 60_000,
  run: () => deviceAdds(true),
  control: () => deviceAdds(false),
});

const MANY = (far: readonly string[]): string[] =>
  describe([
    'm=text 6004 RTP/AVP 98',
    'a=rtpmap:98 t140/1000',
    ...AUDIO,
    'm=application 6006 TCP/BFCP *',
    ...far,
    'm=video 6010 RTP/AVP 105',
    'a=rtpmap:105 VP8/90000',
  ]);

test.proof(
  '[MD-2.4.5] audio and video are taken, text, application and a second video declined; the order stays',
  {
    peers,
    timeoutMs: 60_000,
    run: () => many(videoLines(video.far)),
    control: () => many(['m=video 6002 RTP/AVP 104', 'a=rtpmap:104 VP8/90000']),
  },
);

async function many(lines: readonly string[]): Promise<void> {
  const user = `many${lines.length}`;
  const order = 'm=text 0 .*m=audio [1-9][0-9]* .*m=application 0 .*m=video [1-9][0-9]* .*m=video 0 ';
  await video.stage.called(
    user,
    scenario(user, [
      invite(user, { body: MANY(lines) }),
      ...rings({ optional: true }),
      expect(200, { checks: [contains(order)] }),
      ack(user),
      inDialog('BYE', user, { cseq: 2 }),
      expect(200),
    ]),
  );
}

test.run();
