// The access edge with Kamailio as P-CSCF and rtpengine as its gateway: a phone that has only RTP talks with a device that has SRTP.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { Authority } from './support/certificates.ts';
import { IMPU } from './support/configuration.ts';
import { assertHeard, TONE_LEVEL } from './support/heard.ts';
import { scratch, until } from './support/process.ts';
import { Rtpengine } from './support/rtpengine.ts';
import { withKamailio } from './support/world.ts';

const test = suite('peers/edge-kamailio');
const DEVICE_TONE = 1000;
const PHONE_TONE = 440;
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const folder = scratch();
test.after(() => folder.remove());
const authority = new Authority(folder.path);
const tls = authority.issue('server', ['DNS:op.example', 'IP:127.0.0.1']);

interface EdgeOptions {
  /** rtpengine's flags towards the device. */
  readonly towards: string;
  /** The P-CSCF announces the edge, and says `applied`. */
  readonly announces?: boolean;
  readonly srtp?: string;
  readonly e2ae?: boolean;
}

interface Outcome {
  readonly state: string;
  /** Status that refused the call. */
  readonly sip: number | undefined;
  readonly srtp: boolean | undefined;
  /** Suites of which rtpengine read or wrote keys. */
  readonly suites: readonly string[];
}

const ANNOUNCE = `if (is_present_hf("Security-Client")) { append_to_reply("Security-Server: sdes-srtp;mediasec\\r\\n"); }`;

/** The phone calls the device through the edge; each end must hear the other. */
async function reached({ towards, announces = true, srtp, e2ae = true }: EdgeOptions): Promise<Outcome> {
  const rtpengine = await Rtpengine.start();
  try {
    let result: Outcome | undefined;
    await withKamailio(
      {
        tls,
        rtpengine: {
          port: rtpengine.port,
          offer: towards,
          ...(announces ? { indication: 'a=3ge2ae:applied' } : {}),
        },
        ...(announces ? { onRegister: ANNOUNCE } : {}),
      },
      async ({ kamailio, device, softphone, file }) => {
        const tablet = await device('tablet', {
          pcscf: `sip:127.0.0.1:${kamailio.tlsPort}`,
          ca: authority.certificate,
          listen: ['tls:127.0.0.1:0'],
          codecs: ['PCMA', 'PCMU'],
          playback: `file:${file('{call}.wav')}`,
          autoAnswer: 'all',
          srtp: srtp ?? 'optional',
          media: `e2ae = ${e2ae}`,
        });
        await tablet.registered();
        const caller = await softphone('caller', { hertz: PHONE_TONE });
        caller.command('dial', IMPU);
        const over = await until('an end of the attempt', () =>
          caller.events.find(({ type }) => type === 'CALL_ESTABLISHED' || type === 'CALL_CLOSED'),
        );
        const [call] = await tablet.calls();
        if (over.type === 'CALL_CLOSED' || !call) {
          const sip = Number(over.param?.match(/\d{3}/)?.[0]);
          result = { state: call?.state ?? 'none', sip, srtp: undefined, suites: [] };
          return;
        }
        await wait(4000);
        const during = await tablet.call(call.id);
        await tablet.act(call.id, 'hangup');
        await caller.event('CALL_CLOSED');
        await assertHeard(caller.heard(), DEVICE_TONE, 'at the phone', TONE_LEVEL);
        await assertHeard(file(`${call.id}.wav`), PHONE_TONE, 'at the device', TONE_LEVEL);
        const keys = rtpengine.peer.output.matchAll(/a=crypto:\d+ (\S+) inline/g);
        const suites = [...new Set([...keys].map(([, name = '']) => name))];
        result = { state: during.state, sip: undefined, srtp: during.audio?.srtp, suites };
      },
    );
    assert.ok(result);
    return result;
  } finally {
    await rtpengine.stop();
  }
}

const throughEdge = async (towards: string): Promise<void> => {
  const { state, srtp } = await reached({ towards });
  assert.is(state, 'active');
  assert.is(srtp, true);
};

test.proof('[MD-2.9.2c] a phone with RTP alone reaches the device: SRTP at its leg, both tones heard', {
  peers: ['Kamailio', 'rtpengine', 'baresip'],
  timeoutMs: 90_000,
  run: () => throughEdge('RTP/SAVP'),
  control: () => throughEdge('RTP/AVP'),
});

/** What rtpengine offers, by its own names. */
const SUITES = [
  ...['AEAD_AES_256_GCM', 'AEAD_AES_128_GCM', 'AES_256_CM_HMAC_SHA1_80', 'AES_256_CM_HMAC_SHA1_32'],
  ...['AES_192_CM_HMAC_SHA1_80', 'AES_192_CM_HMAC_SHA1_32', 'AES_CM_128_HMAC_SHA1_80'],
  ...['AES_CM_128_HMAC_SHA1_32', 'F8_128_HMAC_SHA1_80', 'F8_128_HMAC_SHA1_32'],
  ...['NULL_HMAC_SHA1_80', 'NULL_HMAC_SHA1_32'],
];

const withSuite = async (offered: string, expected: string): Promise<void> => {
  const others = SUITES.filter((suite) => suite !== offered).map((suite) => `SDES-no-${suite}`);
  const { state, srtp, suites } = await reached({ towards: `RTP/SAVP ${others.join(' ')}` });
  assert.equal([state, srtp, suites], ['active', true, [expected]]);
};

for (const suite of [
  'AES_CM_128_HMAC_SHA1_80',
  'AES_CM_128_HMAC_SHA1_32',
  'AEAD_AES_128_GCM',
  'AEAD_AES_256_GCM',
]) {
  test(
    `[MD-2.9.2a1] ${suite} and no other one with rtpengine: both tones heard`,
    { peers: ['Kamailio', 'rtpengine', 'baresip'], timeoutMs: 60_000 },
    () => withSuite(suite, suite),
  );
}

test.proof('[MD-2.9.2a1] the suite in use is the one that was offered', {
  peers: ['Kamailio', 'rtpengine', 'baresip'],
  timeoutMs: 90_000,
  run: () => withSuite('AES_256_CM_HMAC_SHA1_80', 'AES_256_CM_HMAC_SHA1_80'),
  control: () => withSuite('AES_CM_128_HMAC_SHA1_32', 'AES_256_CM_HMAC_SHA1_80'),
});

const forced = async (towards: string): Promise<void> => {
  const { srtp, state } = await reached({ towards, announces: false, e2ae: false });
  assert.equal([state, srtp], ['active', true]);
};

test.proof('[MD-2.9.2d] a device that announced nothing takes the SRTP that the network gives it', {
  peers: ['Kamailio', 'rtpengine', 'baresip'],
  timeoutMs: 90_000,
  run: () => forced('RTP/SAVP'),
  control: () => forced('RTP/AVP'),
});

const refusedAtOnce = async (srtp: string): Promise<void> => {
  const { state, sip } = await reached({ towards: 'RTP/AVP', announces: false, srtp });
  assert.equal([state, sip], ['ended', 488]);
};

test.proof('[MD-2.9.2d] a device that must have SRTP and is given RTP refuses with 488 at once', {
  peers: ['Kamailio', 'rtpengine', 'baresip'],
  timeoutMs: 90_000,
  run: () => refusedAtOnce('required'),
  control: () => refusedAtOnce('optional'),
});

test.run();
