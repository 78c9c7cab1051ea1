// Two devices in a video call: signalling over the network in memory, pictures through the real engine.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { SystemClock } from '#src/base/clock.ts';
import { silentLogger } from '#src/base/log.ts';
import { SystemRandom } from '#src/base/random.ts';
import { Seconds } from '#src/base/units.ts';
import { CALL_METHODS, understoodTags } from '#src/call/capabilities.ts';
import { CallManager } from '#src/call/manager.ts';
import type { VideoSettings } from '#src/call/world.ts';
import { MediaEngine } from '#src/media/engine.ts';
import { NAL, nalType, splitAnnexB } from '#src/media/h264.ts';
import { type Frame, Mp4Writer } from '#src/media/mp4.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { Resolver } from '#src/sip/resolver/resolver.ts';
import { SIP_TIMERS } from '#src/sip/transaction/timers.ts';
import { MemoryNetwork } from '#src/sip/transport/memory.ts';
import { UserAgent } from '#src/sip/ua/user-agent.ts';
import { suite } from '#test/support/suite.ts';
import { eventually } from '../media/sound.ts';
import { MemoryLog, uri } from './harness.ts';

const test = suite('call/picture');

const HOST = '127.0.0.1';
const FILM = fileURLToPath(new URL('../../../native/test/fixtures/baseline.h264', import.meta.url));

async function device(
  network: MemoryNetwork,
  media: MediaEngine,
  port: number,
  video?: VideoSettings,
  srtp: 'off' | 'required' = 'off',
) {
  const base = { clock: new SystemClock(), random: new SystemRandom(), log: silentLogger() };
  const transport = network.transport([{ transport: 'udp', host: HOST, port }], HOST);
  const resolver = new Resolver(base);
  const ua = new UserAgent({
    ...{ ...base, transport, resolver, timers: SIP_TIMERS, userAgent: '' },
    ...{ allow: CALL_METHODS, supported: understoodTags('off') },
  });
  await ua.start();
  const contact = NameAddr.of(uri(`sip:dev@${HOST}:${port}`));
  const rows = new MemoryLog();
  const calls = new CallManager(
    {
      ...{ ...base, ua, media, resolver, resolveHost: async () => undefined },
      line: {
        ...{ profile: 'ims' as const, register: false, identities: [contact], route: [], flow: undefined },
        ...{ digest: undefined, contact: () => contact, trusts: () => false },
      },
      config: {
        media: { address: HOST, ports: { from: 0, to: 0 }, codecs: ['PCMU'] },
        audio: { capture: 'tone:440', playback: 'null' },
        ...{ ringTime: Seconds(10), waiting: true, autoAnswer: 'all' as const, video },
        security: { srtp, srtpCellular: srtp, e2ae: false, isCellular: () => false },
      },
    },
    rows,
  );
  ua.onRequest((incoming) => void calls.handle(incoming));
  return { ua, calls, rows };
}

test('each sees the film of the other; the sink holds it; watched as MP4; dropped, the voice goes on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-picture-'));
  const media = MediaEngine.open({ log: silentLogger() });
  const network = new MemoryNetwork({ clock: new SystemClock(), random: new SystemRandom() });
  const settings = (name: string): VideoSettings => ({
    ...{ capture: `file:${FILM}`, sink: `file:${join(folder, `${name}-{call}.h264`)}` },
    ...{ added: 'both', firAlways: true, source: media.videoSource(`file:${FILM}`, 31) },
  });
  const caller = await device(network, media, 5060, settings('a'));
  const callee = await device(network, media, 5070, settings('b'));
  try {
    const call = caller.calls.dial({ to: `sip:b@${HOST}:5070`, video: true });
    await eventually(() => call.snapshot.state === 'active');
    assert.is(call.snapshot.video, true);
    const [other] = callee.calls.list();
    const answered = callee.calls.get(other?.id ?? '');
    assert.is(answered?.snapshot.video, true);
    await eventually(() => (call.quality.video?.frames ?? 0) > 5);
    await eventually(() => (answered?.quality.video?.frames ?? 0) > 5);
    const writer = new Mp4Writer();
    let film = 0;
    const off = call.picture.onFrame.on((frame: Frame) => {
      film += writer.add(frame).length;
    });
    call.picture.requestKeyFrame();
    await eventually(() => film > 5);
    off();
    call.video(false);
    await eventually(() => !call.snapshot.video && answered?.snapshot.video === false);
    const heard = call.snapshot.audio?.received ?? 0;
    await eventually(() => (call.snapshot.audio?.received ?? 0) > heard + 10);
    call.hangup();
    await eventually(() => callee.rows.rows.length === 1 && caller.rows.rows.length === 1);
    await Promise.all([caller.calls.close(), callee.calls.close()]);
    for (const file of [`a-${call.id}`, `b-${other?.id}`]) {
      const types = splitAnnexB(readFileSync(join(folder, `${file}.h264`))).map(nalType);
      assert.ok(types.includes(NAL.sps) && types.includes(NAL.idr), file);
    }
    assert.is(media.counters.media_streams_open, 0);
  } finally {
    await Promise.all([caller.ua.stop(), callee.ua.stop()]);
    await media.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

test('to a device without video: a voice call', async () => {
  const media = MediaEngine.open({ log: silentLogger() });
  const network = new MemoryNetwork({ clock: new SystemClock(), random: new SystemRandom() });
  const video = { capture: `file:${FILM}`, sink: 'none', added: 'both', firAlways: true } as const;
  const caller = await device(network, media, 5060, video);
  const callee = await device(network, media, 5070);
  try {
    const call = caller.calls.dial({ to: `sip:b@${HOST}:5070`, video: true });
    await eventually(() => call.snapshot.state === 'active');
    await eventually(() => (call.snapshot.audio?.received ?? 0) > 10);
    assert.is(call.snapshot.video, false);
    await eventually(() => media.counters.media_streams_open === 2);
    await Promise.all([caller.calls.close(), callee.calls.close()]);
  } finally {
    await Promise.all([caller.ua.stop(), callee.ua.stop()]);
    await media.close();
  }
});

for (const peer of ['required', 'off'] as const) {
  test(`encryption required here, ${peer} there: both streams are sealed, and no seal is wrong`, async () => {
    const media = MediaEngine.open({ log: silentLogger() });
    const network = new MemoryNetwork({ clock: new SystemClock(), random: new SystemRandom() });
    const video = { capture: `file:${FILM}`, sink: 'none', added: 'both', firAlways: true } as const;
    const caller = await device(network, media, 5060, video, 'required');
    const callee = await device(network, media, 5070, video, peer);
    try {
      const call = caller.calls.dial({ to: `sip:b@${HOST}:5070`, video: true });
      await eventually(() => (call.quality.video?.frames ?? 0) > 5);
      await eventually(() => (call.snapshot.audio?.received ?? 0) > 10);
      assert.is(call.snapshot.audio?.srtp, true);
      assert.is(call.quality.audio?.srtp.failures, 0);
      assert.ok(call.quality.audio?.srtp.suite);
      assert.is(callee.calls.list()[0]?.audio?.srtp, true);
      await Promise.all([caller.calls.close(), callee.calls.close()]);
    } finally {
      await Promise.all([caller.ua.stop(), callee.ua.stop()]);
      await media.close();
    }
  });
}

test.run();
