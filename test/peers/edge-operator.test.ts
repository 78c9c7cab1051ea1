// The test operator's own access edge with a real rtpengine: a softphone that has only RTP, and a device that announced SRTP.
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { SystemClock } from '#src/base/clock.ts';
import { silentLogger } from '#src/base/log.ts';
import { SystemRandom } from '#src/base/random.ts';
import { MediaLeg } from '#src/operator/edge/media-leg.ts';
import { NgClient } from '#src/operator/edge/ng-client.ts';
import { openNgSocket } from '#src/operator/edge/ng-socket.ts';
import { SipRequest } from '#src/sip/message/message.ts';
import { parseUri } from '#src/sip/message/uri.ts';
import { sampleSdp } from '#test/support/sdp-samples.ts';
import { Srtp } from '#test/support/srtp.ts';
import { suite } from '#test/support/suite.ts';
import { type CallObject, Device } from './support/agent.ts';
import { Baresip } from './support/baresip.ts';
import { Authority } from './support/certificates.ts';
import { deviceConfig, IMPU, REALM } from './support/configuration.ts';
import { assertHeard, TONE_LEVEL } from './support/heard.ts';
import { account } from './support/operator.ts';
import { freePort, Peer, scratch, until } from './support/process.ts';
import { Rtpengine } from './support/rtpengine.ts';

const test = suite('peers/edge-operator');
const MAIN = join(import.meta.dirname, '../../src/main.ts');
const DEVICE_TONE = 1000;
const PHONE_TONE = 440;
const GUEST = `sip:guest@${REALM}`;
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const folder = scratch();
test.after(() => folder.remove());
const authority = new Authority(folder.path);
const tls = authority.issue('server', ['IP:127.0.0.1']);

interface Ports {
  readonly sip: number;
  readonly tls: number;
}

async function startOperator(edge: string): Promise<{ peer: Peer; ports: Ports }> {
  const ports = { sip: await freePort(), tls: await freePort() };
  const path = folder.file('operator.toml');
  writeFileSync(
    path,
    `[listen]
sip = ["udp:127.0.0.1:${ports.sip}", "tcp:127.0.0.1:${ports.sip}", "tls:127.0.0.1:${ports.tls}"]
domain = "${REALM}"
certificate = "${tls.certificate}"
key = "${tls.key}"
${account(`tablet@${REALM}`, [IMPU])}
${account('guest', [GUEST])}
[web]
listen = "127.0.0.1:0"
${edge}
`,
  );
  const args = ['--disable-warning=ExperimentalWarning', MAIN, 'operator', '--config', path];
  return { peer: await Peer.start(process.execPath, args, { ready: /^listening .*$/m }), ports };
}

/** The guest calls the device, then the device the guest; each end hears the other, the device by SRTP. */
async function bothWays(withEdge: boolean): Promise<void> {
  const rtpengine = await Rtpengine.start();
  const started: { stop(): Promise<void> }[] = [rtpengine];
  try {
    const edge = withEdge ? `[edge]\nrtpengine = "udp:127.0.0.1:${rtpengine.port}"` : '';
    const { peer, ports } = await startOperator(edge);
    started.unshift(peer);
    const config = deviceConfig({
      pcscf: `sip:127.0.0.1:${ports.tls}`,
      ca: authority.certificate,
      listen: ['tls:127.0.0.1:0'],
      codecs: ['PCMA'],
      playback: `file:${folder.file('{call}.wav')}`,
    });
    const device = await Device.start(config, folder.file('device'));
    started.unshift(device);
    await device.registered();
    const account = `<${GUEST};transport=udp>;auth_user=guest;auth_pass=guest-secret;outbound="sip:127.0.0.1:${ports.sip};transport=udp"`;
    const guest = await Baresip.start({ folder: folder.file('guest'), account, hertz: PHONE_TONE });
    started.unshift(guest);
    await guest.registered();

    const talk = async ({ id }: CallObject): Promise<void> => {
      await guest.event('CALL_ESTABLISHED');
      await wait(4000);
      const during = await device.call(id);
      await device.act(id, 'hangup');
      await guest.event('CALL_CLOSED');
      assert.is(during.audio?.srtp, true, 'SRTP at the device');
      await assertHeard(guest.heard(), DEVICE_TONE, 'at the guest', TONE_LEVEL);
      await assertHeard(folder.file(`${id}.wav`), PHONE_TONE, 'at the device', TONE_LEVEL);
    };
    guest.command('dial', IMPU);
    const incoming = await device.whenCall('a ringing call', ({ state }) => state === 'ringing');
    await device.act(incoming.id, 'answer');
    await talk(incoming);
    guest.events.length = 0;
    const outgoing = await device.dial(GUEST);
    await guest.event('CALL_INCOMING');
    guest.command('accept');
    await talk(outgoing);
    assert.match(rtpengine.peer.output, /delete/i);
  } finally {
    for (const item of started) await item.stop();
  }
}

test.proof(
  "the operator's edge with rtpengine: a guest with RTP alone, called and calling, SRTP at the device",
  {
    peers: ['rtpengine', 'baresip'],
    timeoutMs: 90_000,
    run: () => bothWays(true),
    control: () => bothWays(false),
  },
);

const RTP_PACKET = Buffer.from('80000001000000a0000000071234', 'hex');
const EDGE_SUITE = 'AES_CM_128_HMAC_SHA1_80';
const FAR_KEY = Buffer.alloc(30, 7);

function message(from: string, to: string, body: readonly string[]): SipRequest {
  const target = parseUri('sip:x@127.0.0.1');
  if (!target.ok) throw new Error('no URI');
  return SipRequest.create({
    method: 'INVITE',
    uri: target.value,
    headers: [
      ['From', `<sip:a@127.0.0.1>;tag=${from}`],
      ['To', `<sip:b@127.0.0.1>${to && `;tag=${to}`}`],
      ['Call-ID', 'streams'],
      ['CSeq', '1 INVITE'],
      ['Content-Type', 'application/sdp'],
    ],
    body: sampleSdp('127.0.0.1', body),
  });
}

/** A leg whose sound asks for the edge, and whose picture goes from end to end; what comes to the other side of the sound. */
async function streamByStream(asks: string): Promise<void> {
  const rtpengine = await Rtpengine.start();
  const [device, far] = [createSocket('udp4'), createSocket('udp4')];
  const came: Buffer[] = [];
  far.on('message', (packet) => came.push(packet));
  const ng = new NgClient({
    socket: openNgSocket(`udp:127.0.0.1:${rtpengine.port}`, silentLogger()),
    clock: new SystemClock(),
    random: new SystemRandom(),
    log: silentLogger(),
  });
  try {
    for (const socket of [device, far]) await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
    const leg = new MediaLeg({
      ...{ ng, log: silentLogger(), id: 'streams', callerTag: 'a', onEnd: () => undefined },
      sides: { caller: { secure: true, indicated: true }, called: { secure: false, indicated: false } },
    });
    const crypto = `a=crypto:1 ${EDGE_SUITE} inline:${FAR_KEY.toString('base64')}`;
    const picture = ['m=video 4002 RTP/SAVPF 97', 'a=rtpmap:97 H264/90000', crypto];
    const offer = message('a', '', [
      ...[`m=audio ${device.address().port} RTP/SAVP 0`, crypto, ...(asks ? [asks] : [])],
      ...picture,
    ]);
    await leg.offer('caller', offer);
    const offered = offer.body.toString();
    assert.match(offered, /^m=audio \d+ RTP\/AVP 0/m, 'sound in clear');
    assert.match(offered, /^m=video 4002 RTP\/SAVPF 97\r\nc=IN IP4 127\.0\.0\.1/m, 'the picture as it was');
    assert.is(offered.match(/a=crypto/g)?.length, 1);
    leg.meets('b');
    const answer = message('a', 'b', [`m=audio ${far.address().port} RTP/AVP 0`, ...picture]);
    await leg.answer('called', answer);
    const answered = answer.body.toString();
    const [, port, key = ''] =
      /m=audio (\d+) RTP\/SAVP 0[\s\S]*?a=crypto:1 \S+ inline:(\S{40})/.exec(answered) ?? [];
    assert.ok(port, answered);
    assert.is.not(key, FAR_KEY.toString('base64'));
    const sealed = new Srtp(EDGE_SUITE, FAR_KEY).protect(RTP_PACKET);
    await until('the packet beyond the edge', () => {
      device.send(sealed, Number(port), '127.0.0.1');
      return came.length > 0;
    });
    assert.equal(came[0]?.subarray(12), RTP_PACKET.subarray(12), 'opened by the edge');
    leg.end();
  } finally {
    ng.close();
    device.close();
    far.close();
    await rtpengine.stop();
  }
}

test.proof('[MD-2.9.2c] rtpengine takes the stream that asks for it, and leaves alone the one beside it', {
  peers: ['rtpengine'],
  run: () => streamByStream('a=3ge2ae:requested'),
  control: () => streamByStream(''),
});

test.run();
