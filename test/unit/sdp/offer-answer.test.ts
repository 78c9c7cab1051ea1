import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Capabilities, SdpProfile } from '#src/sdp/capabilities.ts';
import { bandwidthAs, CODEC_NAMES, type CodecName } from '#src/sdp/codecs.ts';
import { DIRECTIONS } from '#src/sdp/direction.ts';
import { OfferAnswer } from '#src/sdp/offer-answer.ts';
import { parseSdp } from '#src/sdp/parse.ts';
import { suite } from '#test/support/suite.ts';
import {
  A_1_2,
  A_1_4,
  A_2_1,
  A_2_4,
  MT_OFFER,
  PCMU_OFFER,
  RFC4317_2_1,
  RFC4317_2_4,
  RFC4317_3_1_HOLD,
  withSession,
} from './fixtures.ts';

const test = suite('sdp/offer-answer');

interface AudioChoice {
  readonly codecs: readonly CodecName[];
  readonly profile: SdpProfile;
}

const capable = ({ codecs, profile }: AudioChoice): Capabilities => ({
  audio: { codecs },
  ...{ srtp: 'off', e2ae: false, profile, randomKey: (octets: number) => Buffer.alloc(octets, 7) },
});

const IMS: AudioChoice = { codecs: ['AMR-WB'], profile: 'ims' };
const BOTH: AudioChoice = { codecs: ['AMR-WB', 'PCMU', 'PCMA'], profile: 'ims' };
const SIP: AudioChoice = { codecs: ['PCMA', 'PCMU'], profile: 'sip' };

const side = (capabilities: AudioChoice, address = '192.0.2.10'): OfferAnswer =>
  new OfferAnswer({
    local: { address, port: 50_010, rtcpPort: 50_011 },
    capabilities: capable(capabilities),
    sessionId: '1000',
  });

const answerTo = (capabilities: AudioChoice, offer: Buffer, address?: string) => {
  const result = side(capabilities, address).answerTo(offer);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return { text: result.value.answer.toString(), audio: result.value.media.audio };
};

const refusal = (capabilities: AudioChoice, offer: Buffer, address?: string): string => {
  const result = side(capabilities, address).answerTo(offer);
  if (result.ok) return 'taken';
  if (result.error.kind === 'precondition') return '580';
  return result.error.kind === 'sdp'
    ? result.error.fault.kind
    : `${result.error.rejection.status} ${result.error.rejection.warning.code}`;
};

const lines = (text: string): string[] => text.trim().split('\r\n');

test('the IMS offer, line by line as 26.114 tables 6.1 and 6.2 want it', () => {
  assert.equal(lines(side(IMS).offer().toString()), [
    'v=0',
    'o=- 1000 1 IN IP4 192.0.2.10',
    's=-',
    'c=IN IP4 192.0.2.10',
    'b=AS:41',
    't=0 0',
    'm=audio 50010 RTP/AVP 96 97 100 101',
    'b=AS:41',
    'b=RS:0',
    'b=RR:2000',
    'a=rtpmap:96 AMR-WB/16000/1',
    'a=fmtp:96 mode-change-capability=2;max-red=220',
    'a=rtpmap:97 AMR-WB/16000/1',
    'a=fmtp:97 octet-align=1;mode-change-capability=2;max-red=220',
    'a=rtpmap:100 telephone-event/16000',
    'a=fmtp:100 0-15',
    'a=rtpmap:101 telephone-event/8000',
    'a=fmtp:101 0-15',
    'a=ptime:20',
    'a=maxptime:240',
    'a=sendrecv',
  ]);
});

test('the plain offer: the listed codecs in their order, no RTCP bandwidths, IPv6 written as such', () => {
  const text = side(SIP, '2001:db8::10').offer().toString();
  assert.ok(text.includes('c=IN IP6 2001:db8::10\r\n'));
  assert.ok(text.includes('m=audio 50010 RTP/AVP 8 0 101\r\n'));
  assert.not.ok(text.includes('b=RS'));
});

test('b=AS counts headers and the highest mode', () => {
  assert.is(bandwidthAs('AMR-WB', 'IP4'), 41);
  assert.is(bandwidthAs('AMR-WB', 'IP6'), 49);
  assert.is(bandwidthAs('AMR-WB', 'IP6', [0, 1, 2]), 38);
  assert.is(bandwidthAs('PCMU', 'IP4'), 80);
});

test('A.1.2 is answered with one speech codec, bandwidth-efficient', () => {
  const { text, audio } = answerTo(BOTH, A_1_2);
  assert.ok(text.includes('m=audio 50010 RTP/AVP 97\r\n'), text);
  assert.ok(text.includes('a=fmtp:97 mode-change-capability=2;max-red=220\r\n'));
  assert.not.ok(/tcap|pcfg|acfg/.test(text));
  assert.is(audio?.codec.amr?.octetAligned, false);
});

test('A.1.4: octet-aligned only is taken, the profile named in the offer is repeated', () => {
  const { text, audio } = answerTo(BOTH, A_1_4);
  assert.ok(text.includes('m=audio 50010 RTP/AVPF 97\r\n'));
  assert.ok(text.includes('a=fmtp:97 octet-align=1;mode-change-capability=2;max-red=220\r\n'));
  assert.is(audio?.codec.amr?.octetAligned, true);
});

test('A.2.4: the offered mode-set is repeated, its restrictions bind our sending', () => {
  const { text, audio } = answerTo(IMS, A_2_4);
  assert.ok(text.includes('a=fmtp:98 mode-set=0,1,2;mode-change-capability=2;max-red=220\r\n'), text);
  assert.not.ok(text.includes('mode-change-period'));
  assert.ok(text.includes('b=AS:30\r\n'));
  assert.equal(audio?.codec.amr, {
    octetAligned: false,
    modeSet: [0, 1, 2],
    modeChangePeriod: 2,
    modeChangeNeighbor: true,
    modeChangeCapability: 2,
    maxRed: 0,
  });
});

test('the tester of 34.229 over IPv6: its telephone-event of the same clock rate comes along', () => {
  const { text, audio } = answerTo(IMS, MT_OFFER, '2001:db8::10');
  assert.ok(text.includes('m=audio 50010 RTP/AVP 97 98\r\n'), text);
  assert.ok(text.includes('a=rtpmap:98 telephone-event/16000\r\n'));
  assert.ok(text.includes('b=RS:0\r\nb=RR:2000\r\n'));
  assert.equal(audio?.dtmf, { sendPayloadType: 98, receivePayloadType: 98, clockRate: 16000 });
});

test('further lines are declined with port 0, order kept, the audio never lost', () => {
  const offer = withSession(
    'm=application 7000 UDP/BFCP *',
    'm=video 51372 RTP/AVP 31 32',
    'm=text 11000 RTP/AVP 98',
    'a=rtpmap:98 t140/1000',
    'm=audio 49170 RTP/AVP 0',
    'm=message 7394 TCP/MSRP *',
  );
  const text = answerTo(BOTH, offer).text;
  assert.equal(
    lines(text).filter((line) => line.startsWith('m=')),
    [
      'm=application 0 UDP/BFCP *',
      'm=video 0 RTP/AVP 31 32',
      'm=text 0 RTP/AVP 98',
      'm=audio 50010 RTP/AVP 0',
      'm=message 0 TCP/MSRP *',
    ],
  );
});

test('RFC 4317 2.1 and 2.4: the first audio line with a codec of ours', () => {
  assert.ok(answerTo(SIP, RFC4317_2_1).text.includes('m=audio 50010 RTP/AVP 0\r\n'));
  const two = answerTo(SIP, RFC4317_2_4).text;
  assert.equal(
    lines(two).filter((line) => line.startsWith('m=')),
    ['m=audio 50010 RTP/AVP 0', 'm=audio 0 RTP/AVP 98'],
  );
});

for (const [what, offer, address, expected] of [
  ['no codec in common', A_2_1, undefined, '488 305'],
  ['no audio at all', withSession('m=video 51372 RTP/AVP 31'), undefined, '488 304'],
  ['audio closed from the start', withSession('m=audio 0 RTP/AVP 0'), undefined, '488 304'],
  ['SRTP only', withSession('m=audio 4000 RTP/SAVP 0'), undefined, '488 302'],
  ['the other address family', PCMU_OFFER, '2001:db8::10', '488 301'],
  [
    'AMR-WB with interleaving only',
    withSession('m=audio 4000 RTP/AVP 97', 'a=rtpmap:97 AMR-WB/16000', 'a=fmtp:97 interleaving=30'),
    undefined,
    '488 305',
  ],
  [
    'two channels only',
    withSession('m=audio 4000 RTP/AVP 97', 'a=rtpmap:97 AMR-WB/16000/2'),
    undefined,
    '488 305',
  ],
  [
    'a multicast address',
    Buffer.from('v=0\r\nc=IN IP4 239.1.2.3/127\r\nm=audio 4000 RTP/AVP 0\r\n'),
    undefined,
    '488 330',
  ],
  [
    'a broadcast address',
    Buffer.from('v=0\r\nc=IN IP4 255.255.255.255\r\nm=audio 4000 RTP/AVP 0\r\n'),
    undefined,
    '488 330',
  ],
  [
    'an IPv6 multicast address',
    Buffer.from('v=0\r\nc=IN IP6 FF02::1\r\nm=audio 4000 RTP/AVP 0\r\n'),
    '2001:db8::10',
    '488 330',
  ],
  ['no address', Buffer.from('v=0\r\nm=audio 4000 RTP/AVP 0\r\n'), undefined, '488 301'],
] as const) {
  test(`${what}: ${expected}`, () => assert.is(refusal(BOTH, offer, address), expected));
}

test('SRTP beside plain RTP: the plain line is taken', () => {
  const offer = withSession('m=audio 4000 RTP/SAVP 0', 'm=audio 4002 RTP/AVP 0');
  assert.equal(
    lines(answerTo(BOTH, offer).text).filter((line) => line.startsWith('m=')),
    ['m=audio 0 RTP/SAVP 0', 'm=audio 50010 RTP/AVP 0'],
  );
});

test('RTCP of the last port goes to the same one, and never to a group', () => {
  const offer = Buffer.from('v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 65535 RTP/AVP 0\r\n');
  assert.equal(answerTo(SIP, offer).audio?.remote.rtcp, { address: '192.0.2.1', port: 65_535 });
  const group = withSession('m=audio 4000 RTP/AVP 0', 'a=rtcp:4009 IN IP4 224.0.0.1');
  const remote = answerTo(SIP, group).audio?.remote;
  assert.equal(remote?.rtcp, { address: remote?.address, port: 4009 });
});

test('a domain name in c= is handed on as it is', () => {
  const offer = Buffer.from('v=0\r\nc=IN IP4 media.example.com\r\nm=audio 4000 RTP/AVP 0\r\n');
  assert.is(answerTo(SIP, offer).audio?.remote.address, 'media.example.com');
});

test('a=rtcp is honoured, else the next port; rtcp-mux is not taken up', () => {
  const { audio, text } = answerTo(
    SIP,
    withSession('m=audio 4000 RTP/AVP 0', 'a=rtcp:5555 IN IP4 192.0.2.7', 'a=rtcp-mux'),
  );
  assert.equal(audio?.remote.rtcp, { address: '192.0.2.7', port: 5555 });
  assert.not.ok(text.includes('rtcp-mux'));
  assert.equal(answerTo(SIP, PCMU_OFFER).audio?.remote.rtcp, { address: '192.0.2.1', port: 49171 });
});

for (const [lineA, lineB, enabled, written] of [
  ['b=RS:0', 'b=RR:0', false, ['b=RS:0', 'b=RR:0']],
  ['b=RS:600', 'b=RR:2000', true, ['b=RS:0', 'b=RR:2000']],
  ['b=RS:0', 'b=RR:1000', true, ['b=RS:0', 'b=RR:1000']],
] as const) {
  test(`${lineA} ${lineB} in the offer: RTCP ${enabled ? 'on' : 'off'}`, () => {
    const { audio, text } = answerTo(BOTH, withSession('m=audio 4000 RTP/AVP 0', lineA, lineB));
    assert.is(audio?.rtcp.enabled, enabled);
    assert.equal(
      lines(text).filter((line) => /^b=R/.test(line)),
      written,
    );
  });
}

for (const [offered, answered, held] of [
  ['sendrecv', 'sendrecv', false],
  ['sendonly', 'recvonly', true],
  ['recvonly', 'sendonly', false],
  ['inactive', 'inactive', true],
] as const) {
  test(`${offered} is answered ${answered}`, () => {
    const { text, audio } = answerTo(SIP, withSession('m=audio 4000 RTP/AVP 0', `a=${offered}`));
    assert.ok(text.includes(`a=${answered}\r\n`));
    assert.is(audio?.heldByPeer, held);
    assert.is(audio?.send, answered === 'sendrecv' || answered === 'sendonly');
    assert.is(audio?.receive, answered === 'sendrecv' || answered === 'recvonly');
  });
}

test('the zero address is hold: nothing is sent, ours is a valid address', () => {
  const { text, audio } = answerTo(SIP, Buffer.from('v=0\r\nc=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 0\r\n'));
  assert.ok(text.includes('c=IN IP4 192.0.2.10\r\n'));
  assert.is(audio?.send, false);
  assert.is(audio?.heldByPeer, true);
});

test('the version of o= rises by one only when something changed', () => {
  const ours = side(SIP);
  const version = (body: Buffer): string | undefined => {
    const result = ours.answerTo(body);
    if (!result.ok) throw new Error('refused');
    return / (\d+) IN IP4 192/.exec(result.value.answer.toString())?.[1];
  };
  assert.is(version(PCMU_OFFER), '1');
  assert.is(version(PCMU_OFFER), '1');
  assert.is(version(RFC4317_3_1_HOLD), '2');
  assert.is(version(PCMU_OFFER), '3');
});

test('a refused re-offer leaves what was in force', () => {
  const ours = side(SIP);
  assert.ok(ours.answerTo(PCMU_OFFER).ok);
  assert.not.ok(ours.answerTo(A_2_1).ok);
  assert.is(ours.audio?.codec.name, 'PCMU');
});

test('a re-offer that closes the audio is answered, and there is no stream', () => {
  const ours = side(SIP);
  assert.ok(ours.answerTo(PCMU_OFFER).ok);
  const closed = ours.answerTo(withSession('m=audio 0 RTP/AVP 0'));
  assert.ok(closed.ok && closed.value.media.audio === undefined);
});

test('a re-offer keeps the numbers that the peer gave, and the places of the lines', () => {
  const ours = side(IMS);
  const offer = withSession(
    'm=video 4002 RTP/AVP 31',
    'm=audio 4000 RTP/AVP 110 98',
    'a=rtpmap:110 AMR-WB/16000',
    'a=rtpmap:98 telephone-event/16000',
  );
  assert.ok(ours.answerTo(offer).ok);
  const text = ours.offer('sendrecv').toString();
  assert.ok(text.includes('m=video 0 RTP/AVP 31\r\nm=audio 50010 RTP/AVP 110 '), text);
  const media = parseSdp(Buffer.from(text));
  if (!media.ok) throw new Error('unreadable');
  const audio = media.value.media[1];
  assert.is(audio?.rtpMap(98)?.name, 'telephone-event');
  assert.is(new Set(audio?.payloadTypes).size, audio?.payloadTypes.length);
});

const settle = (capabilities: AudioChoice, answer: Buffer) => {
  const ours = side(capabilities);
  ours.offer();
  return ours.answer(answer);
};

test('an answer may use its own numbers: we send by its, receive by ours', () => {
  const result = settle(
    IMS,
    withSession(
      'm=audio 4000 RTP/AVP 105 106',
      'a=rtpmap:105 AMR-WB/16000',
      'a=rtpmap:106 telephone-event/16000',
    ),
  );
  if (!result.ok) throw new Error('refused');
  assert.is(result.value.audio?.codec.sendPayloadType, 105);
  assert.is(result.value.audio?.codec.receivePayloadType, 96);
  assert.equal(result.value.audio?.dtmf, { sendPayloadType: 106, receivePayloadType: 100, clockRate: 16000 });
});

test('an answer without rtpmap lines is read by the offer', () => {
  const result = settle(IMS, withSession('m=audio 4000 RTP/AVP 97 100'));
  assert.is(result.ok && result.value.audio?.codec.amr?.octetAligned, true);
  assert.is(result.ok && result.value.audio?.dtmf?.sendPayloadType, 100);
});

test('an answer with several codecs: the first', () => {
  const result = settle(BOTH, withSession('m=audio 4000 RTP/AVP 8 0'));
  assert.is(result.ok && result.value.audio?.codec.name, 'PCMA');
});

for (const [what, answer, kind] of [
  ['port 0', withSession('m=audio 0 RTP/AVP 0'), 'declined'],
  ['a codec not offered', withSession('m=audio 4000 RTP/AVP 18'), 'codec'],
  ['two lines for one', withSession('m=audio 4000 RTP/AVP 0', 'm=video 0 RTP/AVP 31'), 'media-count'],
  ['another profile', withSession('m=audio 4000 RTP/SAVP 0'), 'protocol'],
  ['multicast', Buffer.from('v=0\r\nc=IN IP4 224.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n'), 'connection'],
  ['another family', Buffer.from('v=0\r\nc=IN IP6 ::1\r\nm=audio 4000 RTP/AVP 0\r\n'), 'connection'],
] as const) {
  test(`an answer with ${what} is unusable: ${kind}`, () => {
    const result = settle(BOTH, answer);
    assert.is(result.ok || result.error.kind === 'sdp' ? 'other' : result.error.fault.kind, kind);
  });
}

test('each dialog of a fork settles the same offer for itself', () => {
  const first = side(BOTH);
  first.offer();
  const second = first.fork();
  assert.ok(first.answer(withSession('m=audio 4000 RTP/AVP 0')).ok);
  assert.ok(second.answer(withSession('m=audio 4002 RTP/AVP 8')).ok);
  assert.is(first.audio?.codec.name, 'PCMU');
  assert.is(second.audio?.codec.name, 'PCMA');
});

test('packet time: the wish of the peer, whole frames, maxprate first', () => {
  const ptime = (...rest: string[]): number | undefined =>
    answerTo(SIP, withSession('m=audio 4000 RTP/AVP 0', ...rest)).audio?.ptime;
  assert.is(ptime(), 20);
  assert.is(ptime('a=ptime:30'), 40);
  assert.is(ptime('a=ptime:80', 'a=maxptime:60'), 60);
  assert.is(ptime('a=ptime:20', 'a=maxprate:25'), 40);
  assert.is(ptime('a=ptime:10', 'a=maxptime:10'), 20);
  assert.is(ptime('a=ptime:240'), 80, 'no more than four frames in a packet');
});

test('two of us agree from any codecs and directions, and each sends what the other receives', () => {
  const codecs = fc.uniqueArray(fc.constantFrom(...CODEC_NAMES), { minLength: 1 });
  const setting = fc.record({ codecs, profile: fc.constantFrom('ims' as const, 'sip' as const) });
  fc.assert(
    fc.property(
      setting,
      setting,
      fc.constantFrom(...DIRECTIONS),
      fc.constantFrom(...DIRECTIONS),
      (a, b, offered, wish) => {
        const caller = side(a);
        const callee = side(b);
        const answered = callee.answerTo(caller.offer(offered), wish);
        const shared = a.codecs.filter((name: CodecName) => b.codecs.includes(name));
        assert.is(answered.ok, shared.length > 0);
        if (!answered.ok) return;
        const settled = caller.answer(answered.value.answer);
        if (!settled.ok) throw new Error('our own answer is unusable');
        const theirs = answered.value.media.audio;
        assert.is(settled.value.audio?.codec.name, shared[0]);
        assert.is(settled.value.audio?.codec.sendPayloadType, theirs?.codec.receivePayloadType);
        assert.is(settled.value.audio?.codec.receivePayloadType, theirs?.codec.sendPayloadType);
        assert.is(settled.value.audio?.send, theirs?.receive);
        assert.is(settled.value.audio?.receive, theirs?.send);
      },
    ),
    { numRuns: 300 },
  );
});

test.run();
