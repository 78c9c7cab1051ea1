// Hold and resume as they are heard: baresip and linphone at the other end, tones measured (24.610; MD-2.3.10). Kamailio judges the session timer.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { called } from './scenarios/callee.ts';
import { reply } from './scenarios/caller.ts';
import { Stage } from './scenarios/stage.ts';
import { expect, has, scenario, sdp, send } from './scenarios/xml.ts';
import type { CallObject } from './support/agent.ts';
import { Baresip } from './support/baresip.ts';
import { Kamailio } from './support/kamailio.ts';
import { Linphone } from './support/linphone.ts';
import { freePort, scratch } from './support/process.ts';
import { Sipp } from './support/sipp.ts';
import { cut, level, levelAt, readWav } from './support/tone.ts';

const test = suite('peers/hold-heard');
const FAR_TONE = 440;
/** RTP of a talk is 50 packets a second, a keep-alive one a second here. */
const TALKING = 25;

const folder = scratch();
let stage: Stage;
test.before(async () => {
  stage = await Stage.open({
    playback: `file:${folder.file('{call}.wav')}`,
    media: 'keepalive_interval = 1',
  });
});
test.after(async () => {
  await stage.close();
  folder.remove();
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const whenHold = (id: string, hold: string): Promise<CallObject> =>
  stage.device.whenCall(`the call to be ${hold}`, (call) => call.id === id && call.hold === hold);
const packets = async (id: string) => {
  const { audio } = await stage.device.call(id);
  return { sent: audio?.sent ?? 0, received: audio?.received ?? 0 };
};

/** Packets that went either way in a second. */
async function inASecond(id: string): Promise<{ sent: number; received: number }> {
  const before = await packets(id);
  await pause(1000);
  const after = await packets(id);
  return { sent: after.sent - before.sent, received: after.received - before.received };
}

/** How often the far tone comes and goes in what the device heard: `+` for 0.5 s of it and more, `-` for silence of that length. */
function course(path: string, hertz: number): string {
  const pcm = readWav(path);
  const slices = Math.floor((pcm.samples.length / pcm.rate) * 10);
  const heard = [...Array(slices).keys()].map((at) => {
    const part = cut(pcm, at / 10, (at + 1) / 10);
    const tone = levelAt(part, hertz);
    return tone > -40 && tone > level(part) - 6 ? '+' : '-';
  });
  return heard
    .join('')
    .replace(/\+{1,4}(?=-)|-{1,4}(?=\+)/g, '')
    .replace(/^-+|-+$/g, '')
    .replace(/(.)\1+/g, '$1');
}

test.proof(
  '[MD-2.3.10] the owner holds baresip: no sound either way, keep-alives only; then both hear each other again',
  {
    peers: ['baresip'],
    timeoutMs: 60_000,
    run: () => ownerHolds(true),
    control: () => ownerHolds(false),
  },
);

/** A call with a baresip that answers; in the end the device hangs up. */
async function withBaresip(
  name: string,
  body: (baresip: Baresip, id: string) => Promise<void>,
): Promise<{ readonly id: string }> {
  const baresip = await Baresip.start({
    folder: folder.file(name),
    account: '<sip:bob@127.0.0.1>;regint=0;answermode=auto',
    hertz: FAR_TONE,
  });
  try {
    const { id } = await stage.device.dial(`sip:bob@127.0.0.1:${baresip.port}`);
    await stage.device.whenState(id, 'active');
    await body(baresip, id);
    await stage.device.act(id, 'hangup');
    await stage.device.whenState(id, 'ended');
    return { id };
  } finally {
    await baresip.stop();
  }
}

/** After a hold both talk again. */
async function assertTalking(id: string): Promise<void> {
  await whenHold(id, 'none');
  await pause(300);
  const back = await inASecond(id);
  assert.ok(back.sent > TALKING && back.received > TALKING, JSON.stringify(back));
}

async function ownerHolds(holds: boolean): Promise<void> {
  const { id } = await withBaresip(`baresip-${holds}`, async (_, call) => {
    await pause(1200);
    if (holds) await stage.device.act(call, 'hold');
    await pause(300);
    const held = await inASecond(call);
    assert.ok(held.sent < TALKING && held.sent > 0, `${held.sent} packets left in a second of hold`);
    assert.ok(held.received < TALKING, `${held.received} packets came in a second of hold`);
    await stage.device.act(call, 'resume');
    await assertTalking(call);
  });
  await pause(300);
  assert.is(course(folder.file(`${id}.wav`), FAR_TONE), '+-+');
}

test('[MD-2.3.10] baresip holds us and takes us back', {
  peers: ['baresip'],
  timeoutMs: 60_000,
}, async () => {
  await withBaresip('baresip-holds', async (baresip, id) => {
    await pause(800);
    baresip.command('hold');
    await whenHold(id, 'remote');
    await pause(200);
    assert.ok((await inASecond(id)).sent < TALKING);
    baresip.command('resume');
    await assertTalking(id);
  });
});

test('[MD-2.3.10] linphone pauses and is held, on one call', {
  peers: ['linphone'],
  timeoutMs: 60_000,
}, async () => {
  const linphone = await Linphone.start({ folder: folder.file('linphone'), hertz: FAR_TONE });
  try {
    linphone.command(`call sip:device@${stage.address}`);
    const { id } = await stage.device.whenCall('a ringing call', (call) => call.state === 'ringing');
    await stage.device.act(id, 'answer');
    await stage.device.whenState(id, 'active');
    await pause(500);
    linphone.command('pause');
    await whenHold(id, 'remote');
    await stage.device.act(id, 'hold');
    await whenHold(id, 'both');
    linphone.command('resume');
    await whenHold(id, 'local');
    await stage.device.act(id, 'resume');
    await whenHold(id, 'none');
    await pause(300);
    assert.ok((await inASecond(id)).sent > TALKING);
    await stage.device.act(id, 'hangup');
    await stage.device.whenState(id, 'ended');
  } finally {
    await linphone.stop();
  }
});

/** A proxy that wants sessions of this length at least (RFC 4028 8.1). */
const proxy = (least: number, callee: number): string => `
request_route {
    if (has_totag()) { loose_route(); t_relay(); exit; }
    if (is_method("CANCEL")) { t_relay(); exit; }
    if (is_method("INVITE")) {
        if ($(hdr(Session-Expires){s.int}) < ${least}) {
            append_to_reply("Min-SE: ${least}\\r\\n");
            sl_send_reply("422", "Session Interval Too Small");
            exit;
        }
        record_route();
    }
    $ru = "sip:callee@127.0.0.1:${callee}";
    t_relay();
}
`;

test.proof(
  '[MD-2.2.9] 422 by Kamailio: the call is placed again with its Min-SE, and Kamailio lets it through',
  {
    peers: ['Kamailio', 'SIPp'],
    timeoutMs: 60_000,
    run: () => throughKamailio(1860),
    // Who is content with what we offer asks for nothing.
    control: () => throughKamailio(120),
  },
);

const CONTACT = 'Contact: <sip:callee@[local_ip]:[local_port]>';

async function throughKamailio(least: number): Promise<void> {
  const port = await freePort();
  const users = {};
  const script = proxy(least, port);
  const kamailio = await Kamailio.start({
    folder: folder.file(`kamailio-${least}`),
    realm: 'op.example',
    users,
    script,
  });
  const sipp = await Sipp.start({
    ...{ folder: folder.path, name: `timer-${least}`, port, limitSeconds: 10 },
    scenario: scenario('timer', [
      called({ checks: [has('Session-Expires', `^ *${1860}`), has('Min-SE', '1860')] }),
      send(reply(200, ['[last_Record-Route:]', CONTACT], sdp({ formats: '0' }))),
      expect('ACK'),
      expect('BYE'),
      send(reply(200)),
    ]),
  });
  try {
    const { id } = await stage.device.dial(`sip:callee@127.0.0.1:${kamailio.port}`);
    await stage.device.whenCall(
      'an end or a talk',
      (call) => call.id === id && /active|ended/.test(call.state),
    );
    await pause(300);
    await stage.device.fetch('POST', `calls/${id}/hangup`, {});
    await sipp.succeeded();
  } finally {
    await sipp.stop();
    await kamailio.stop();
  }
}

test.run();
