// Two devices call each other: signalling over the network in memory, sound through the real engine.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { SystemClock } from '#src/base/clock.ts';
import { silentLogger } from '#src/base/log.ts';
import { SystemRandom } from '#src/base/random.ts';
import { Seconds } from '#src/base/units.ts';
import { CALL_METHODS, understoodTags } from '#src/call/capabilities.ts';
import { CallManager } from '#src/call/manager.ts';
import { MediaEngine } from '#src/media/engine.ts';
import type { CodecName } from '#src/sdp/codecs.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { Resolver } from '#src/sip/resolver/resolver.ts';
import { SIP_TIMERS } from '#src/sip/transaction/timers.ts';
import { MemoryNetwork } from '#src/sip/transport/memory.ts';
import { UserAgent } from '#src/sip/ua/user-agent.ts';
import { suite } from '#test/support/suite.ts';
import { assertHeard, eventually, talk } from '../media/sound.ts';
import { MemoryLog, uri } from './harness.ts';

const test = suite('call/sound');

const HOST = '127.0.0.1';
const TALK_MS = 1_000;

interface Side {
  readonly port: number;
  readonly hertz: number;
  readonly codecs: readonly CodecName[];
}

async function device(network: MemoryNetwork, media: MediaEngine, folder: string, side: Side) {
  const clock = new SystemClock();
  const random = new SystemRandom();
  const log = silentLogger();
  const transport = network.transport([{ transport: 'udp', host: HOST, port: side.port }], HOST);
  const resolver = new Resolver({ clock, random });
  const ua = new UserAgent({
    ...{ transport, resolver, clock, random, log, timers: SIP_TIMERS, userAgent: '' },
    ...{ allow: CALL_METHODS, supported: understoodTags('off') },
  });
  await ua.start();
  const contact = NameAddr.of(uri(`sip:dev@${HOST}:${side.port}`));
  const rows = new MemoryLog();
  const calls = new CallManager(
    {
      ...{ ua, media, clock, random, log, resolver, resolveHost: async () => undefined },
      line: {
        ...{ profile: 'ims' as const, register: false, identities: [contact], route: [], flow: undefined },
        ...{ digest: undefined, contact: () => contact, trusts: () => false },
      },
      config: {
        media: { address: HOST, ports: { from: 0, to: 0 }, codecs: side.codecs },
        audio: { capture: `tone:${side.hertz}`, playback: `file:${join(folder, `${side.port}-{call}.wav`)}` },
        ...{ ringTime: Seconds(10), waiting: true, autoAnswer: 'all' as const },
      },
    },
    rows,
  );
  ua.onRequest((incoming) => void calls.handle(incoming));
  return { ua, calls, rows, file: (id: string) => join(folder, `${side.port}-${id}.wav`) };
}

for (const codecs of [['AMR-WB'], ['PCMA', 'PCMU']] as const) {
  test(`${codecs[0]}: each hears the other's tone, a digit arrives, the files are whole at the end`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tandem-call-'));
    const media = MediaEngine.open({ log: silentLogger() });
    const network = new MemoryNetwork({ clock: new SystemClock(), random: new SystemRandom() });
    const caller = await device(network, media, folder, { port: 5060, hertz: 440, codecs });
    const callee = await device(network, media, folder, { port: 5070, hertz: 1000, codecs });
    try {
      const digits: string[] = [];
      callee.calls.onDtmf.on(({ digit }) => digits.push(digit));
      const call = caller.calls.dial({ to: `sip:b@${HOST}:5070` });
      await eventually(() => call.snapshot.state === 'active');
      await eventually(() => (call.snapshot.audio?.received ?? 0) > 10);
      await talk(TALK_MS);
      const [other] = callee.calls.list();
      assert.is(call.snapshot.audio?.codec, codecs[0]);
      assert.is(call.snapshot.audio?.lost, 0);
      call.sendDtmf('5');
      await eventually(() => digits.length > 0);
      assert.equal(digits, ['5']);
      await talk(TALK_MS);
      call.hangup();
      await eventually(() => callee.rows.rows.length === 1 && caller.rows.rows.length === 1);
      await Promise.all([caller.calls.close(), callee.calls.close()]);
      assertHeard(caller.file(call.id), 1000);
      assertHeard(callee.file(other?.id ?? ''), 440);
      assert.is(media.counters.media_streams_open, 0);
      assert.ok((callee.rows.rows[0]?.audio?.received ?? 0) > 50);
    } finally {
      await Promise.all([caller.ua.stop(), callee.ua.stop()]);
      await media.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

test.run();
