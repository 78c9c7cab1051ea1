// Keys by SDES and nothing else, and what off, optional and required make of a call (NG.110 2.9.2, TS 33.328), judged by SIPp.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { accept, called, refuse } from './scenarios/callee.ts';
import { hungUp, refused } from './scenarios/caller.ts';
import { Stage } from './scenarios/stage.ts';
import { contains, lacks, scenario, sdp } from './scenarios/xml.ts';
import { freePort } from './support/process.ts';

const test = suite('peers/sdes-policy');
const peers = ['SIPp'];

const KEY = 'inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR';
const FINGERPRINT =
  'a=fingerprint:sha-256 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF';
const audio = (protocol: string, more: readonly string[] = []): string[] =>
  sdp({ media: [`m=audio 6000 ${protocol} 0`, 'a=rtpmap:0 PCMU/8000', ...more] });

/** The device dials; SIPp looks at the offer and refuses. */
async function offers(srtp: string, checks: readonly string[], media = ''): Promise<void> {
  const stage = await Stage.open({ srtp, media });
  const port = await freePort();
  try {
    const steps = [called({ checks: [...checks] }), ...refuse(486)];
    await stage.play(
      'offer',
      scenario('offer', steps),
      async () => {
        const { id } = await stage.device.dial(`sip:callee@127.0.0.1:${port}`);
        // A check that did not hold is told by SIPp, not by the end of the call.
        await stage.device.whenState(id, 'ended').catch(() => undefined);
      },
      { port, limitSeconds: 12 },
    );
  } finally {
    await stage.close();
  }
}

const SDES_OFFER = [
  contains('m=audio [0-9]+ RTP/SAVP '),
  contains('a=crypto:1 AEAD_AES_256_GCM inline:[A-Za-z0-9+/]{59}='),
  contains('a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:[A-Za-z0-9+/]{40}'),
  lacks('a=crypto:[^\r\n]*[|]'),
  lacks('fingerprint|a=setup|UDP/TLS'),
];

test.proof('[MD-2.9.2a2] an offer holds keys by SDES, without lifetime, and no fingerprint', {
  peers,
  timeoutMs: 60_000,
  run: () => offers('required', SDES_OFFER),
  control: () => offers('off', SDES_OFFER),
});

const NO_KEY = [contains('m=audio [0-9]+ RTP/AVP '), lacks('crypto'), lacks('inline'), lacks('SAVP')];

test.proof('[MD-2.9.2a2] optional: no key in an offer that goes by clear SIP', {
  peers,
  timeoutMs: 60_000,
  run: () => offers('optional', NO_KEY),
  control: () => offers('required', NO_KEY),
});

test.proof('[MD-2.9.2a3] off: RTP in clear is offered, and nothing else', {
  peers,
  timeoutMs: 60_000,
  run: () => offers('off', NO_KEY),
  control: () => offers('required', NO_KEY),
});

test.proof('[MD-2.9.2a3] required: SRTP is offered, and nothing else', {
  peers,
  timeoutMs: 60_000,
  run: () => offers('required', [contains('m=audio [0-9]+ RTP/SAVP '), lacks('RTP/AVP')]),
  control: () => offers('optional', [contains('m=audio [0-9]+ RTP/SAVP '), lacks('RTP/AVP')]),
});

test(
  '[MD-2.9.2a3] the word for cellular access changes nothing on another one',
  { peers, timeoutMs: 60_000 },
  () => offers('off', NO_KEY, 'srtp_cellular = "required"'),
);

/** SIPp calls with this audio; the device refuses at once. */
async function refuses(srtp: string, offer: readonly string[]): Promise<void> {
  const stage = await Stage.open({ srtp, autoAnswer: 'all' });
  try {
    await stage.called('far', scenario('far', refused('far', 488, { body: offer })), undefined, {
      limitSeconds: 12,
    });
    assert.equal(
      (await stage.device.calls()).filter(({ state }) => state !== 'ended'),
      [],
    );
  } finally {
    await stage.close();
  }
}

for (const protocol of ['UDP/TLS/RTP/SAVP', 'UDP/TLS/RTP/SAVPF', 'RTP/SAVP']) {
  test.proof(`[MD-2.9.2a2] ${protocol} with a fingerprint alone is refused with 488`, {
    peers,
    timeoutMs: 60_000,
    run: () => refuses('optional', audio(protocol, [FINGERPRINT, 'a=setup:actpass'])),
    control: () =>
      refuses('optional', audio('RTP/SAVP', [FINGERPRINT, `a=crypto:1 AES_CM_128_HMAC_SHA1_80 ${KEY}`])),
  });
}

test.proof('[MD-2.9.2a3] required: RTP in clear is refused with 488 at once', {
  peers,
  timeoutMs: 60_000,
  run: () => refuses('required', audio('RTP/AVP')),
  control: () => refuses('optional', audio('RTP/AVP')),
});

/** A call that must be encrypted and is answered in clear does not start. */
async function answeredInClear(srtp: string): Promise<void> {
  const stage = await Stage.open({ srtp });
  const port = await freePort();
  try {
    await stage.play(
      'clear',
      scenario('clear', [called(), ...accept(), ...hungUp()]),
      async () => {
        const { id } = await stage.device.dial(`sip:callee@127.0.0.1:${port}`);
        const ended = await stage.device.whenState(id, 'ended', 6000).catch(() => stage.device.call(id));
        assert.is(ended.state, 'ended');
        assert.match(JSON.stringify(ended.end), /not be encrypted/);
      },
      { port, limitSeconds: 12 },
    );
  } finally {
    await stage.close();
  }
}

test.proof('[MD-2.9.2a3] required: an answer in clear ends the call, and it says why', {
  peers,
  timeoutMs: 60_000,
  run: () => answeredInClear('required'),
  control: () => answeredInClear('off'),
});

test.run();
