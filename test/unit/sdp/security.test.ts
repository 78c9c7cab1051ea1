// Encryption by policy: what is offered, taken and refused (33.328 7.2, 7.3; RFC 4568; MD-2.9.2).
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { withSession } from './fixtures.ts';
import {
  answered,
  attributes,
  BOTH_WAYS,
  capabilities,
  mediaLines,
  refusalOf,
  settled,
  side,
  VIDEO,
} from './sides.ts';

const test = suite('sdp/security');

const KEY = 'd0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj';
const CRYPTO = `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}`;
const offerOf = (protocol: string, ...rest: string[]): Buffer =>
  withSession(`m=audio 4000 ${protocol} 0`, ...rest);
const PLAIN = offerOf('RTP/AVP');
const SECURE = offerOf('RTP/SAVP', CRYPTO);
const BEST_EFFORT = offerOf('RTP/AVP', CRYPTO);
const DTLS = offerOf('UDP/TLS/RTP/SAVPF', 'a=fingerprint:sha-256 00:11', 'a=setup:actpass');

for (const [srtp, e2ae, protocol, kinds] of [
  ['off', false, 'RTP/AVP', []],
  ['off', true, 'RTP/AVP', []],
  ['optional', false, 'RTP/AVP', ['tcap', 'acap', 'pcfg']],
  ['optional', true, 'RTP/SAVP', ['crypto', '3ge2ae']],
  ['required', false, 'RTP/SAVP', ['crypto']],
  ['required', true, 'RTP/SAVP', ['crypto', '3ge2ae']],
] as const) {
  test(`policy ${srtp}, e2ae ${e2ae ? 'agreed' : 'not agreed'}: ${protocol} ${kinds.join(' ')}`, () => {
    const offer = side(capabilities(srtp, { e2ae })).offer();
    assert.match(mediaLines(offer)[0] ?? '', new RegExp(`^m=audio 50010 ${protocol} `));
    for (const name of ['tcap', 'acap', 'pcfg', 'crypto', '3ge2ae']) {
      assert.is(attributes(offer, name).length > 0, (kinds as readonly string[]).includes(name), name);
    }
    assert.not.ok(
      attributes(offer, 'crypto').some((line) => line.includes('|')),
      'no lifetime',
    );
    assert.equal(attributes(offer, '3ge2ae'), e2ae && srtp !== 'off' ? ['a=3ge2ae:requested'] : []);
    assert.equal(attributes(offer, 'fingerprint'), []);
  });
}

for (const [srtp, offer, what, expected] of [
  ['off', PLAIN, 'plain', 'RTP/AVP'],
  ['off', SECURE, 'SRTP', 'RTP/SAVP'],
  ['off', BEST_EFFORT, 'best effort', 'RTP/AVP'],
  ['optional', PLAIN, 'plain', 'RTP/AVP'],
  ['optional', SECURE, 'SRTP', 'RTP/SAVP'],
  ['optional', BEST_EFFORT, 'best effort', 'RTP/AVP'],
  ['required', SECURE, 'SRTP', 'RTP/SAVP'],
  ['required', PLAIN, 'plain', 'encryption-required'],
  ['required', BEST_EFFORT, 'best effort', 'RTP/AVP'],
  ['off', DTLS, 'DTLS', 'dtls-only'],
  ['required', DTLS, 'DTLS', 'dtls-only'],
  ['optional', offerOf('RTP/SAVPF', 'a=fingerprint:sha-256 00:11'), 'DTLS under SAVPF', 'dtls-only'],
  ['optional', offerOf('RTP/SAVP'), 'SRTP without a key', 'encryption-unusable'],
  ['optional', offerOf('RTP/SAVP', `${CRYPTO} UNENCRYPTED_SRTP`), 'SRTP in clear', 'encryption-unusable'],
  ['optional', offerOf('UDP/BFCP'), 'no RTP', 'protocol'],
] as const) {
  test(`policy ${srtp}: ${what} is answered ${expected}`, () => {
    const callee = side(capabilities(srtp));
    const reason = refusalOf(callee, offer);
    if (!expected.startsWith('RTP/')) {
      assert.is(reason, expected);
      return;
    }
    assert.is(callee.audio?.protocol, expected);
    const wanted = expected === 'RTP/SAVP' || srtp === 'required';
    assert.is(callee.audio?.security !== undefined, wanted);
  });
}

test('one crypto line back: the tag of the offer, a key of our own', () => {
  const offer = offerOf(
    'RTP/SAVP',
    'a=crypto:4 F8_128_HMAC_SHA1_80 inline:unknown0suite',
    `a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|2^20|1:4 FEC_ORDER=FEC_SRTP`,
    `a=crypto:9 AES_CM_128_HMAC_SHA1_32 inline:${KEY}`,
  );
  const callee = side(capabilities('optional'));
  const { answer, media } = answered(callee, offer);
  const [line, ...more] = attributes(answer, 'crypto');
  assert.equal(more, []);
  // The first without key identifiers in every packet.
  assert.match(line ?? '', /^a=crypto:9 AES_CM_128_HMAC_SHA1_32 inline:[A-Za-z0-9+/]{40}$/);
  assert.not.match(line ?? '', KEY);
  assert.equal(media.audio?.security?.receiveKey, Buffer.from(KEY, 'base64'));
  assert.ok(line?.endsWith(media.audio?.security?.sendKey.toString('base64') ?? '-'));
});

test('an MKI is taken when nothing else is there, and told', () => {
  const { media } = answered(side(capabilities('off')), offerOf('RTP/SAVP', `${CRYPTO}|2^20|1:4`));
  assert.equal(media.audio?.security?.receiveMki, Buffer.from([0, 0, 0, 1]));
});

test('e2ae: an offer with the indication is told as applied, the answer carries none', () => {
  const { answer, media } = answered(
    side(capabilities('off')),
    offerOf('RTP/SAVP', CRYPTO, 'a=3ge2ae: applied'),
  );
  assert.is(media.audio?.security?.e2ae, 'applied');
  assert.equal(attributes(answer, '3ge2ae'), []);
});

/** The answer of 34.229-1: indication, lifetime and MKI, under RTP/AVP (corrections 14 of what deployed testers write). */
const loose = (suite: string): string[] => [
  'a=3ge2ae: requested',
  `a=crypto:${suite} inline:${KEY}|2^20|1:4`,
];

test('e2ae: the answer needs no indication, and may come under RTP/AVP with a crypto line', () => {
  for (const protocol of ['RTP/SAVP', 'RTP/AVP']) {
    const caller = side(capabilities('optional', { e2ae: true }));
    const offered = attributes(caller.offer(), 'crypto').find((line) => line.includes('SHA1_80')) ?? '';
    const [, tag] = /^a=crypto:(\d+) /.exec(offered) ?? [];
    const media = settled(caller, offerOf(protocol, ...loose(`${tag} AES_CM_128_HMAC_SHA1_80`)));
    assert.is(media.audio?.security?.e2ae, 'requested');
    assert.is(media.audio?.security?.suite, 'AES_CM_128_HMAC_SHA1_80');
  }
});

for (const [what, answer] of [
  ['plain RTP', PLAIN],
  ['SRTP without a key', offerOf('RTP/SAVP')],
  ['another suite under the tag', offerOf('RTP/SAVP', CRYPTO)],
  ['a tag that was not offered', offerOf('RTP/SAVP', CRYPTO.replace(':1 ', ':77 '))],
] as const) {
  test(`SRTP was offered alone and ${what} came back: no call, and the fault says encryption`, () => {
    const caller = side(capabilities('required'));
    caller.offer();
    const result = caller.answer(answer);
    assert.is(!result.ok && result.error.kind === 'answer' ? result.error.fault.kind : 'taken', 'encryption');
  });
}

test('keys stay while nothing asks for new ones, hold and resume; a re-key changes them, both ways', () => {
  const caller = side(capabilities('required'));
  const callee = side(capabilities('optional'), { address: '192.0.2.20', port: 6000, rtcpPort: 6001 });
  settled(caller, answered(callee, caller.offer()).answer);
  const [first, theirs] = [caller.audio?.security, callee.audio?.security];
  assert.equal(first?.sendKey, theirs?.receiveKey);
  assert.equal(first?.receiveKey, theirs?.sendKey);
  assert.not.equal(first?.sendKey, first?.receiveKey);
  for (const direction of ['sendonly', 'sendrecv'] as const) {
    settled(caller, answered(callee, caller.offer(direction)).answer);
    assert.equal(caller.audio?.security, first);
    assert.equal(callee.audio?.security, theirs);
  }
  settled(callee, answered(caller, callee.offer()).answer);
  assert.equal(caller.audio?.security?.sendKey, first?.sendKey);
  settled(caller, answered(callee, caller.offer('sendrecv', { rekey: true })).answer);
  assert.not.equal(caller.audio?.security?.sendKey, first?.sendKey);
  assert.equal(caller.audio?.security?.sendKey, callee.audio?.security?.receiveKey);
});

test('the dialogs of a fork offer the same key, each with its own answer', () => {
  const first = side(capabilities('required'));
  const offer = first.offer();
  const second = first.fork();
  const callees = [1, 2].map(() => side(capabilities('optional')));
  settled(first, answered(callees[0] ?? side(), offer).answer);
  settled(second, answered(callees[1] ?? side(), offer).answer);
  assert.equal(first.audio?.security?.sendKey, second.audio?.security?.sendKey);
  assert.not.equal(first.audio?.security?.receiveKey, second.audio?.security?.receiveKey);
});

test('opportunistic: a peer that negotiates capabilities takes SRTP by acfg, one that does not stays plain', () => {
  const caller = side(capabilities('optional'));
  const callee = side(capabilities('optional'));
  const { answer } = answered(callee, caller.offer());
  assert.match(mediaLines(answer)[0] ?? '', / RTP\/SAVP /);
  assert.match(attributes(answer, 'acfg')[0] ?? '', /^a=acfg:1 t=1 a=1$/);
  assert.ok(settled(caller, answer).audio?.security);
  assert.equal(attributes(caller.offer('sendonly'), 'tcap'), [], 'in a session the profile stands alone');

  const other = side(capabilities('optional'));
  other.offer();
  assert.is(settled(other, PLAIN).audio?.security, undefined);
});

test('opportunistic: whoever wants no encryption leaves a potential one aside', () => {
  const { media } = answered(side(capabilities('off')), side(capabilities('optional')).offer());
  assert.is(media.audio?.protocol, 'RTP/AVP');
  assert.is(refusalOf(side(capabilities('required')), side(capabilities('optional')).offer()), 'taken');
});

test('after a 488 the offer may be tried plain, unless encryption is a must', () => {
  const caller = side(capabilities('optional'));
  caller.offer();
  assert.is(caller.mayRetryPlain, true);
  caller.rollback();
  const plain = caller.offer('sendrecv', { plain: true });
  for (const name of ['tcap', 'acap', 'pcfg', 'crypto']) assert.equal(attributes(plain, name), []);
  assert.is(caller.mayRetryPlain, false);
  for (const own of [capabilities('required'), capabilities('optional', { e2ae: true })]) {
    const strict = side(own);
    strict.offer();
    assert.is(strict.mayRetryPlain, false);
    assert.match(mediaLines(strict.offer('sendrecv', { plain: true }))[0] ?? '', /SAVP/);
  }
});

test('after a 488 the offer may be tried with SRTP alone, where it left the choice', () => {
  const caller = side(capabilities('optional'));
  assert.is(caller.mayRetryProtected, false);
  caller.offer();
  assert.is(caller.mayRetryProtected, true);
  caller.rollback();
  const alone = caller.offer('sendrecv', { protected: true });
  assert.match(mediaLines(alone)[0] ?? '', /RTP\/SAVP /);
  assert.ok(attributes(alone, 'crypto').length > 0);
  const { answer, media } = answered(side(capabilities('off')), alone);
  assert.is(media.audio?.protocol, 'RTP/SAVP');
  settled(caller, answer);
  assert.is(caller.audio?.protocol, 'RTP/SAVP');
  for (const own of [
    capabilities('off'),
    capabilities('required'),
    capabilities('optional', { e2ae: true }),
  ]) {
    const other = side(own);
    const usual = other.offer();
    assert.is(other.mayRetryProtected, false);
    other.rollback();
    assert.equal(mediaLines(other.offer('sendrecv', { protected: true })), mediaLines(usual));
  }
});

test('after a 488 in a session: what is in force would read the same, only added video is worth a second try', () => {
  for (const srtp of ['off', 'optional', 'required'] as const) {
    const own = capabilities(srtp, { video: VIDEO });
    const caller = side(own);
    const callee = side(capabilities(srtp, { video: VIDEO }));
    settled(caller, answered(callee, caller.offer(BOTH_WAYS)).answer);
    assert.is(caller.video?.avpf, true);
    caller.offer('sendonly');
    assert.is(caller.mayRetryPlain, false, srtp);

    const voice = side(own);
    const other = side(capabilities(srtp, { video: VIDEO }));
    settled(voice, answered(other, voice.offer({ audio: 'sendrecv', video: 'none' })).answer);
    voice.offer(BOTH_WAYS);
    assert.is(voice.mayRetryPlain, srtp !== 'required', srtp);
    voice.rollback();
    voice.offer(BOTH_WAYS, { plain: true });
    assert.is(voice.mayRetryPlain, false, srtp);
  }
});

test('two audio lines, SRTP and plain: the protected one unless the owner wants none', () => {
  const offer = withSession('m=audio 4002 RTP/AVP 0', 'm=audio 4000 RTP/SAVP 0', CRYPTO);
  const ports = (srtp: 'off' | 'optional' | 'required') =>
    mediaLines(answered(side(capabilities(srtp)), offer).answer);
  assert.equal(ports('off'), ['m=audio 50010 RTP/AVP 0', 'm=audio 0 RTP/SAVP 0']);
  assert.equal(ports('optional'), ['m=audio 0 RTP/AVP 0', 'm=audio 50010 RTP/SAVP 0']);
  assert.equal(ports('required'), ['m=audio 0 RTP/AVP 0', 'm=audio 50010 RTP/SAVP 0']);
});

test('both streams are protected, each with keys of its own', () => {
  const caller = side(capabilities('required', { video: VIDEO }));
  const callee = side(capabilities('required', { video: VIDEO }));
  const media = settled(
    caller,
    answered(callee, caller.offer({ audio: 'sendrecv', video: 'sendrecv' })).answer,
  );
  assert.is(media.video?.protocol, 'RTP/SAVPF');
  assert.ok(media.audio?.security && media.video?.security);
  assert.not.equal(media.audio?.security?.sendKey, media.video?.security?.sendKey);
  assert.not.equal(media.audio?.security?.receiveKey, media.video?.security?.receiveKey);
});

test('a required policy declines video in clear and keeps the protected audio', () => {
  const offer = withSession(
    'm=audio 4000 RTP/SAVP 0',
    CRYPTO,
    'm=video 4002 RTP/AVPF 99',
    'a=rtpmap:99 H264/90000',
    'a=fmtp:99 profile-level-id=42e00c',
  );
  const { answer, media } = answered(side(capabilities('required', { video: VIDEO })), offer);
  assert.is(media.video, undefined);
  assert.match(mediaLines(answer)[1] ?? '', /^m=video 0 /);
  assert.ok(answered(side(capabilities('optional', { video: VIDEO })), offer).media.video);
});

const sdesOnly = (protocol: string, ...rest: string[]): void => {
  const offer = side(capabilities('required')).offer();
  assert.ok(attributes(offer, 'crypto').length > 0 && attributes(offer, 'fingerprint').length === 0);
  assert.is(refusalOf(side(capabilities('optional')), offerOf(protocol, ...rest)), 'dtls-only');
};
test.proof('[MD-2.9.2a2] keys by SDES and nothing else: no fingerprint of ours, DTLS alone is refused', {
  run: () => sdesOnly('UDP/TLS/RTP/SAVP', 'a=fingerprint:sha-256 00:11'),
  control: () => sdesOnly('RTP/SAVP', CRYPTO),
});

const startsProtectedOnly = (answer: Buffer): void => {
  const caller = side(capabilities('required'));
  caller.offer();
  assert.not.ok(caller.answer(answer).ok);
};
test.proof('a call that must be encrypted does not start in clear', {
  run: () => startsProtectedOnly(PLAIN),
  control: () => {
    const caller = side(capabilities('off'));
    caller.offer();
    assert.not.ok(caller.answer(PLAIN).ok);
  },
});

test.run();
