// SRTP with strangers at the other end: ffmpeg encrypts and decrypts beside SIPp, baresip talks; forged and repeated packets.
import { randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { ack, hungUp, invite, rings } from './scenarios/caller.ts';
import { Stage } from './scenarios/stage.ts';
import { contains, expect, lacks, scenario, sdp } from './scenarios/xml.ts';
import type { CallObject } from './support/agent.ts';
import { Baresip } from './support/baresip.ts';
import { srtpEar, srtpTone } from './support/ffmpeg-srtp.ts';
import { assertHeard, TONE_LEVEL } from './support/heard.ts';
import { freePort, type Peer, scratch, until } from './support/process.ts';
import { SrtpSocket, type Trouble } from './support/srtp-socket.ts';
import { cut, level, levelAt, type Pcm } from './support/tone.ts';

const test = suite('peers/srtp-judged');

const DEVICE_TONE = 1000;
const FAR_TONE = 440;
const RTP_HEADER = 12;
const PCMU_20_MS = 160;
const PACKETS_A_SECOND = 50;
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const newKey = (): string => randomBytes(30).toString('base64');

const folder = scratch();
test.after(() => folder.remove());

interface Talk {
  readonly call: CallObject;
  readonly socket: SrtpSocket;
  /** What the device heard, and what ffmpeg did. */
  readonly atDevice: string;
  readonly atFfmpeg: string;
  /** Packets whose seal was wrong or that came again, as the device counts them. */
  readonly failures: number;
}

interface TalkOptions {
  readonly suite?: string;
  readonly trouble?: Trouble;
  /** Whether ffmpeg encrypts, and reads, with keys of the call. */
  readonly keys?: 'of the call' | 'others';
  readonly seconds?: number;
}

/** SIPp calls the device with SDES, ffmpeg is its media. */
async function talk(options: TalkOptions): Promise<Talk> {
  const { suite = 'AES_CM_128_HMAC_SHA1_80', trouble, keys = 'of the call', seconds = 4 } = options;
  const name = randomBytes(4).toString('hex');
  const atDevice = folder.file(`${name}.wav`);
  const stage = await Stage.open({ autoAnswer: 'all', playback: `file:${atDevice}` });
  const socket = await SrtpSocket.open(trouble);
  const peers: Peer[] = [];
  const key = newKey();
  const [ear, mouth] = [await freePort(), await freePort()];
  try {
    const crypto = `a=crypto:7 ${suite} inline:${key}`;
    const media = [`m=audio ${socket.port} RTP/SAVP 0`, 'a=rtpmap:0 PCMU/8000', crypto];
    let atFfmpeg = '';
    let call: CallObject | undefined;
    let failures = 0;
    await stage.called(
      'far',
      scenario('far', [
        invite('far', { body: sdp({ media }) }),
        ...rings({ optional: true }),
        expect(200, {
          checks: [
            contains('m=audio [0-9]+ RTP/SAVP 0'),
            contains(`a=crypto:7 ${suite} inline:[A-Za-z0-9+/]{40}`),
            lacks('a=crypto:[^7]'),
            lacks('fingerprint'),
          ],
        }),
        ack('far'),
        ...hungUp(),
      ]),
      async (sipp) => {
        const { id } = await stage.call('far', 'active');
        const answer = await until('the answer', () =>
          sipp
            .messages()
            .match(/m=audio (\d+) RTP\/SAVP 0\r?\n[\s\S]*?a=crypto:7 \S+ inline:(\S{40})/g)
            ?.at(-1),
        );
        const [, port = '', theirs = ''] = answer.match(/audio (\d+)[\s\S]*inline:(\S{40})/) ?? [];
        const used = (one: string): string => (keys === 'others' ? newKey() : one);
        const listening = await srtpEar(folder.path, ear, { suite, key: used(theirs) });
        peers.push(listening.peer);
        atFfmpeg = listening.wav;
        socket.between(Number(port), mouth, ear);
        peers.push(await srtpTone(socket.port, mouth, FAR_TONE, { suite, key: used(key) }));
        const enough = PACKETS_A_SECOND * seconds;
        await until(
          'so long a talk',
          () => socket.count >= enough && socket.received.length >= enough,
          4000 * seconds,
        );
        // Both sides count the same packets.
        socket.between(Number(port), 0, ear);
        failures = await settledFailures(stage, id);
        call = await stage.device.call(id);
        await stage.device.act(id, 'hangup');
      },
    );
    for (const peer of peers) await peer.stop();
    assert.ok(call, 'there was a call');
    return { call, socket, atDevice, atFfmpeg, failures };
  } finally {
    for (const peer of peers) await peer.stop();
    socket.close();
    await stage.close();
  }
}

async function srtpFailures({ device }: Stage, id: string): Promise<number> {
  const { body } = await device.fetch('GET', `calls/${id}/quality`);
  return (body as { audio?: { srtp_failures?: number } }).audio?.srtp_failures ?? Number.NaN;
}

/** Once nothing is on its way any more. */
async function settledFailures(stage: Stage, id: string): Promise<number> {
  for (let before = Number.NaN; ; ) {
    await wait(200);
    const now = await srtpFailures(stage, id);
    if (Object.is(now, before)) return now;
    before = now;
  }
}

/** G.711 of these payloads, as it would sound to who listens on the wire (G.711 table 2a). */
function asPlainSound(payloads: readonly Buffer[]): Pcm {
  const samples = Int16Array.from(Buffer.concat([...payloads]), (octet) => {
    const bits = ~octet & 0xff;
    const magnitude = ((((bits & 0x0f) << 3) + 0x84) << ((bits & 0x70) >> 4)) - 0x84;
    return bits & 0x80 ? -magnitude : magnitude;
  });
  return { rate: 8000, samples };
}

const TAGS = { AES_CM_128_HMAC_SHA1_80: 10, AES_CM_128_HMAC_SHA1_32: 4 };

for (const [name, tag] of Object.entries(TAGS)) {
  const bothWays = async (keys: 'of the call' | 'others'): Promise<void> => {
    const { call, socket, atDevice, atFfmpeg } = await talk({ suite: name, keys });
    const sound = socket.received.filter((packet) => (packet[1] ?? 0) % 128 === 0);
    const sizes = new Set(sound.map((packet) => packet.length));
    assert.equal([...sizes], [RTP_HEADER + PCMU_20_MS + tag], 'header, sound and tag');
    const wire = asPlainSound(sound.map((packet) => packet.subarray(RTP_HEADER, RTP_HEADER + PCMU_20_MS)));
    assert.ok(levelAt(cut(wire, 1, 2), DEVICE_TONE) < level(cut(wire, 1, 2)) - 20, 'noise on the wire');
    assert.is((call.audio as { srtp?: boolean } | undefined)?.srtp, true);
    await assertHeard(atFfmpeg, DEVICE_TONE, 'at ffmpeg', TONE_LEVEL);
    await assertHeard(atDevice, FAR_TONE, 'at the device', TONE_LEVEL);
  };
  test.proof(`[MD-2.9.2a1] ${name} with ffmpeg, called by SIPp: both tones heard, noise on the wire`, {
    peers: ['SIPp', 'ffmpeg'],
    timeoutMs: 60_000,
    run: () => bothWays('of the call'),
    control: () => bothWays('others'),
  });
}

/** One bit of the sound is another one. */
const forged = (packet: Buffer): Buffer => {
  const copy = Buffer.from(packet);
  copy.writeUInt8(copy.readUInt8(40) ^ 0x10, 40);
  return copy;
};

const refused = async (trouble: Trouble): Promise<void> => {
  const { call, socket, atDevice, failures } = await talk({ trouble });
  assert.ok(socket.count > 100, `${socket.count} packets`);
  const bad = Math.floor(socket.count / 10);
  assert.ok(Math.abs(failures - bad) <= 2, `${failures} refused of ${bad} forged or repeated`);
  assert.ok((call.audio?.received ?? 0) <= socket.count, `${call.audio?.received} of ${socket.count}`);
  await assertHeard(atDevice, FAR_TONE, 'at the device', TONE_LEVEL);
};

test.proof('[MD-2.9.2a1] a forged packet before the true one is dropped and counted; the true one is heard', {
  peers: ['SIPp', 'ffmpeg'],
  timeoutMs: 60_000,
  run: () => refused((packet, at) => (at % 10 === 5 ? [forged(packet), packet] : [packet])),
  control: () => refused((packet) => [packet]),
});

test.proof('[MD-2.9.2a1] a packet that comes again is dropped and counted', {
  peers: ['SIPp', 'ffmpeg'],
  timeoutMs: 60_000,
  run: () => {
    let kept: Buffer | undefined;
    // Again five packets later: within the window.
    return refused((packet, at) => {
      const again = at % 10 === 9 && kept ? [packet, kept] : [packet];
      if (at % 10 === 4) kept = packet;
      return again;
    });
  },
  control: () => refused((packet) => [packet]),
});

/** baresip with its own libsrtp; both ways, each end hears the other. */
async function withBaresip(mediaenc: string, srtp: string): Promise<void> {
  const name = randomBytes(4).toString('hex');
  const stage = await Stage.open({
    playback: `file:${folder.file(`${name}-{call}.wav`)}`,
    srtp,
  });
  const baresip = await Baresip.start({
    folder: folder.file(`baresip-${name}`),
    account: `<sip:bob@127.0.0.1>;regint=0${mediaenc}`,
    hertz: FAR_TONE,
  });
  const over = (): boolean =>
    baresip.events.some(({ type }) => type === 'CALL_ESTABLISHED' || type === 'CALL_CLOSED');
  const talks = async (id: string): Promise<void> => {
    await wait(3500);
    const call = await stage.device.call(id);
    assert.is(call.state, 'active');
    assert.is((call.audio as { srtp?: boolean } | undefined)?.srtp, true);
    await stage.device.act(id, 'hangup');
    await baresip.event('CALL_CLOSED');
    await assertHeard(baresip.heard(), DEVICE_TONE, 'at baresip', TONE_LEVEL);
    await assertHeard(folder.file(`${name}-${id}.wav`), FAR_TONE, 'at the device', TONE_LEVEL);
  };
  try {
    baresip.command('dial', `sip:device@${stage.address}`);
    const incoming = await stage.device.whenCall('a call', () => true);
    if (incoming.state === 'ringing') await stage.device.act(incoming.id, 'answer');
    await until('an end of the attempt', over);
    await talks(incoming.id);
    baresip.events.length = 0;
    const outgoing = await stage.device.dial(`sip:bob@127.0.0.1:${baresip.port}`);
    await baresip.event('CALL_INCOMING');
    baresip.command('accept');
    await stage.device.whenState(outgoing.id, 'active');
    await talks(outgoing.id);
  } finally {
    await baresip.stop();
    await stage.close();
  }
}

test.proof(
  '[MD-2.9.2a1] [MD-2.9.2b3] SRTP with baresip from end to end, calling and called: both tones heard',
  {
    peers: ['baresip'],
    timeoutMs: 60_000,
    run: () => withBaresip(';mediaenc=srtp-mand', 'required'),
    control: () => withBaresip('', 'optional'),
  },
);

test.run();
