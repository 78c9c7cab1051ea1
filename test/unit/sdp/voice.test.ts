// Codecs, their parameters and what goes with them on the audio line (MD-2.4.3a, b; 26.114 6.2.2; RFC 7587; RFC 3611).
import * as assert from 'uvu/assert';
import type { AudioCapabilities, Capabilities } from '#src/sdp/capabilities.ts';
import { bandwidthAs } from '#src/sdp/codecs.ts';
import { suite } from '#test/support/suite.ts';
import { A_2_1, withSession } from './fixtures.ts';
import { answered, attributes, capabilities, lines, mediaLines, settled, side } from './sides.ts';

const test = suite('sdp/voice');

const voice = (audio: AudioCapabilities, changes: Partial<Capabilities> = {}) =>
  side(capabilities('off', { audio, ...changes }));

const WANTED = [
  'm=audio 50010 RTP/AVP 96 97 98 99 100 101',
  'b=AS:41',
  'b=RS:0',
  'b=RR:2000',
  'a=rtpmap:96 AMR-WB/16000/1',
  'a=fmtp:96 mode-change-capability=2;max-red=220',
  'a=rtpmap:97 AMR-WB/16000/1',
  'a=fmtp:97 octet-align=1;mode-change-capability=2;max-red=220',
  'a=rtpmap:98 AMR/8000/1',
  'a=fmtp:98 mode-change-capability=2;max-red=220',
  'a=rtpmap:99 AMR/8000/1',
  'a=fmtp:99 octet-align=1;mode-change-capability=2;max-red=220',
  'a=rtpmap:100 telephone-event/16000',
  'a=fmtp:100 0-15',
  'a=rtpmap:101 telephone-event/8000',
  'a=fmtp:101 0-15',
  'a=ptime:20',
  'a=maxptime:240',
  'a=sendrecv',
];
const offersAsWanted = (codecs: AudioCapabilities['codecs']): void => {
  const all = lines(voice({ codecs }).offer());
  assert.equal(all.slice(all.findIndex((line) => line.startsWith('m='))), WANTED);
};

test.proof('[MD-2.4.3a] the offer of 26.114 tables 6.1 and 6.2: wideband first, both forms, no mode-set', {
  run: () => offersAsWanted(['AMR-WB', 'AMR']),
  control: () => offersAsWanted(['AMR', 'AMR-WB']),
});

const SPEECH = /^a=rtpmap:\d+ (?!telephone-event|CN)/;
const oneCodecOf = (...offer: string[]): void => {
  const { answer, media } = answered(voice({ codecs: ['AMR-WB', 'AMR'] }), withSession(...offer));
  assert.equal(
    lines(answer).filter((line) => SPEECH.test(line)),
    ['a=rtpmap:97 AMR/8000/1'],
  );
  assert.match(
    attributes(answer, 'fmtp')[0] ?? '',
    /^a=fmtp:97 mode-set=0,2,4,7;mode-change-capability=2;max-red=220$/,
  );
  assert.equal(
    [media.audio?.codec.amr?.modeChangePeriod, media.audio?.codec.amr?.modeChangeNeighbor],
    [2, true],
  );
};
const RESTRICTED = [
  'm=audio 49152 RTP/AVP 97 98',
  'a=rtpmap:97 AMR/8000/1',
  'a=fmtp:97 mode-set=0,2,4,7; mode-change-period=2; mode-change-neighbor=1; mode-change-capability=2; max-red=0',
  'a=rtpmap:98 AMR/8000/1',
  'a=fmtp:98 mode-set=0,2,4,7; octet-align=1',
];

test.proof('[MD-2.4.3b] one speech codec, the offered mode-set repeated, its rules kept when sending', {
  run: () => oneCodecOf(...RESTRICTED),
  control: () => oneCodecOf(...RESTRICTED.map((line) => line.replaceAll('mode-set=0,2,4,7; ', ''))),
});

test('A.2.1: a gateway that speaks narrowband only', () => {
  const { media } = answered(voice({ codecs: ['AMR-WB', 'AMR'] }), A_2_1);
  assert.is(media.audio?.codec.name, 'AMR');
  assert.is(media.audio?.codec.amr?.maxRed, 0);
});

for (const [set, changes] of [
  ['7', false],
  ['0,2,4,7', true],
] as const) {
  test(`mode-set=${set}: rules of mode change ${changes ? 'hold' : 'mean nothing'}`, () => {
    const offer = withSession(
      'm=audio 4000 RTP/AVP 97',
      'a=rtpmap:97 AMR/8000',
      `a=fmtp:97 mode-set=${set};mode-change-period=2;mode-change-neighbor=1`,
    );
    const amr = answered(voice({ codecs: ['AMR'] }), offer).media.audio?.codec.amr;
    assert.is(amr?.modeChangePeriod === 2 && amr.modeChangeNeighbor === true, changes);
  });
}

test('AMR has eight modes: mode 8 belongs to AMR-WB alone', () => {
  const offer = withSession('m=audio 4000 RTP/AVP 97', 'a=rtpmap:97 AMR/8000', 'a=fmtp:97 mode-set=8');
  const result = voice({ codecs: ['AMR'] }).answerTo(offer);
  assert.is(!result.ok && result.error.kind === 'rejected' && result.error.rejection.reason, 'codec');
});

test('an answer with several codecs is used at its first one, and the next offer names that one alone', () => {
  const caller = voice({ codecs: ['AMR-WB', 'AMR', 'PCMU'] });
  caller.offer();
  const answer = withSession('m=audio 4000 RTP/AVP 97 98 0 101', 'a=rtpmap:101 telephone-event/8000');
  assert.is(settled(caller, answer).audio?.codec.name, 'AMR-WB');
  assert.is(caller.reofferNeeded, true);
  const again = caller.offer();
  assert.equal(mediaLines(again), ['m=audio 50010 RTP/AVP 97 100 101']);
  settled(caller, withSession('m=audio 4000 RTP/AVP 97'));
  assert.is(caller.reofferNeeded, false);
});

test('telephone events and comfort noise beside one codec are no second codec; the noise is never ours', () => {
  const caller = voice({ codecs: ['PCMU'], dtx: true });
  assert.equal(mediaLines(caller.offer()), ['m=audio 50010 RTP/AVP 0 101']);
  settled(caller, withSession('m=audio 4000 RTP/AVP 0 13 101', 'a=rtpmap:101 telephone-event/8000'));
  assert.is(caller.reofferNeeded, false);
});

for (const dtx of [true, false]) {
  test(`silence ${dtx ? 'may' : 'may not'} be left out: usedtx ${dtx ? 'is' : 'is not'} there`, () => {
    const offer = withSession('m=audio 4000 RTP/AVP 0 13');
    const { answer } = answered(voice({ codecs: ['PCMU'], dtx }), offer);
    assert.is(mediaLines(answer)[0], 'm=audio 50010 RTP/AVP 0');
    const opus = attributes(voice({ codecs: ['opus'], dtx }).offer(), 'fmtp')[0];
    assert.is(opus, `a=fmtp:103 useinbandfec=1${dtx ? ';usedtx=1' : ''}`);
  });
}

test('G.722 by its number alone, with the clock of 8 kHz', () => {
  const { answer, media } = answered(voice({ codecs: ['G722'] }), withSession('m=audio 4000 RTP/AVP 9'));
  assert.is(media.audio?.codec.clockRate, 8000);
  assert.ok(lines(answer).includes('a=rtpmap:9 G722/8000'));
});

test('Opus with two channels in its map, what the peer would like, and events of each clock', () => {
  const offer = withSession(
    'm=audio 4000 RTP/AVP 111 101 102',
    'a=rtpmap:111 OPUS/48000/2',
    'a=fmtp:111 useinbandfec=1; stereo=0; maxaveragebitrate=20000',
    'a=rtpmap:101 telephone-event/8000',
    'a=rtpmap:102 telephone-event/48000',
  );
  const { media } = answered(voice({ codecs: ['opus', 'PCMU'] }), offer);
  const opus = { inbandFec: true, dtx: false, stereo: false, maxAverageBitrate: 20_000 };
  assert.equal(media.audio?.codec.opus, opus);
  assert.is(media.audio?.dtmf?.clockRate, 48000);
  const mono = withSession('m=audio 4000 RTP/AVP 111', 'a=rtpmap:111 opus/48000');
  assert.not.ok(voice({ codecs: ['opus'] }).answerTo(mono).ok, 'RFC 7587 7: always two');
});

test('b=AS by codec', () => {
  assert.is(bandwidthAs('AMR', 'IP4'), 29);
  assert.is(bandwidthAs('AMR', 'IP4', undefined, true), 30);
  assert.is(bandwidthAs('AMR', 'IP6'), 37);
  assert.is(bandwidthAs('G722', 'IP4'), 80);
});

for (const [offered, own, agreed] of [
  ['a=rtcp-xr:voip-metrics', true, true],
  ['a=rtcp-xr:rcvr-rtt=all voip-metrics', true, true],
  ['a=rtcp-xr:rcvr-rtt', true, false],
  ['a=rtcp-xr:voip-metrics', false, false],
] as const) {
  test(`${offered}, ${own ? 'wanted' : 'not wanted'} here: ${agreed ? 'agreed' : 'not agreed'}`, () => {
    const { answer, media } = answered(
      voice({ codecs: ['PCMU'], voipMetrics: own }),
      withSession('m=audio 4000 RTP/AVP 0', offered),
    );
    assert.is(media.audio?.voipMetrics, agreed);
    assert.equal(attributes(answer, 'rtcp-xr'), agreed ? ['a=rtcp-xr:voip-metrics'] : []);
  });
}

test.run();
