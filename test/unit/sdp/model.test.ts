import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { SeededRandom } from '#src/base/random.ts';
import { parseCandidate, parseFmtp, parseRtcp, parseRtpMap } from '#src/sdp/attributes.ts';
import { common, DIRECTIONS, mirrored } from '#src/sdp/direction.ts';
import { formatSdp } from '#src/sdp/format.ts';
import { SDP_LIMITS } from '#src/sdp/model.ts';
import { parseSdp } from '#src/sdp/parse.ts';
import { STATIC_PAYLOAD_TYPES, staticPayloadType } from '#src/sdp/payload-types.ts';
import { suite } from '#test/support/suite.ts';
import * as fixtures from './fixtures.ts';

const test = suite('sdp/model');

const parsed = (body: Buffer | string) => {
  const result = parseSdp(Buffer.from(body));
  if (!result.ok) throw new Error(`${result.error.kind}: ${result.error.reason}`);
  return result.value;
};

const documents = Object.entries(fixtures).filter((entry): entry is [string, Buffer] =>
  Buffer.isBuffer(entry[1]),
);

for (const [name, body] of documents) {
  test(`${name} leaves as it came, octet by octet`, () => {
    assert.equal(formatSdp(parsed(body)), body);
  });
}

test('unknown lines and octets that are no UTF-8 survive in their places', () => {
  const body = Buffer.concat([
    Buffer.from('v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=\r\ni='),
    Buffer.from([0xff, 0xfe, 0xc3]),
    Buffer.from('\r\nx=what is this\r\nt=0 0\r\nm=audio 1 RTP/AVP 0\r\nq=odd\r\na=x-own:1\r\n'),
  ]);
  assert.equal(formatSdp(parsed(body)), body);
});

test('LF alone, blank lines and missing o=, s=, t= are taken', () => {
  const sdp = parsed('v=0\nc=IN IP4 192.0.2.1\n\nm=audio 4000 RTP/AVP 0\n');
  assert.is(sdp.media[0]?.media.port, 4000);
  assert.is(sdp.origin, undefined);
  assert.is(sdp.media[0]?.rtpMap(0)?.name, 'PCMU');
});

for (const [what, body, kind] of [
  ['nothing', '', 'version'],
  ['another version', 'v=1\r\n', 'version'],
  ['no version', 'o=- 1 1 IN IP4 192.0.2.1\r\n', 'version'],
  ['a line without =', 'v=0\r\nhello\r\n', 'syntax'],
  ['a media line without formats', 'v=0\r\nm=audio 1 RTP/AVP\r\n', 'media-line'],
  ['a port above 65535', 'v=0\r\nm=audio 65536 RTP/AVP 0\r\n', 'media-line'],
  ['a port that is none', 'v=0\r\nm=audio -1 RTP/AVP 0\r\n', 'media-line'],
  ['an address of the wrong family', 'v=0\r\nc=IN IP4 ::1\r\n', 'connection'],
  ['another network', 'v=0\r\nc=ATM NSAP 47\r\n', 'connection'],
  ['too many lines', `v=0\r\n${'a=x\r\n'.repeat(SDP_LIMITS.lines)}`, 'too-large'],
  ['too many media', `v=0\r\n${'m=audio 1 RTP/AVP 0\r\n'.repeat(SDP_LIMITS.media + 1)}`, 'too-large'],
  ['too many octets', `v=0\r\na=${'x'.repeat(SDP_LIMITS.octets)}\r\n`, 'too-large'],
] as const) {
  test(`${what} is refused as ${kind}`, () => {
    const result = parseSdp(Buffer.from(body));
    assert.is(result.ok ? 'taken' : result.error.kind, kind);
  });
}

test('typed views: connection, origin, bandwidth, direction', () => {
  const sdp = parsed(
    'v=0\r\no=- 18446744073709551615 2 IN IP6 2001:db8::1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\nb=as:64\r\nt=0 0\r\na=recvonly\r\n' +
      'm=audio 5000/2 RTP/AVP 0\r\nc=IN IP4 sip.example.com\r\nb=RS:0\r\nm=video 0 RTP/AVP 31\r\na=inactive\r\n',
  );
  const [audio, video] = sdp.media;
  if (!audio || !video) throw new Error('two media expected');
  assert.is(sdp.origin?.sessionId, '18446744073709551615');
  assert.equal(sdp.connectionOf(audio), {
    addressType: 'IP4',
    address: 'sip.example.com',
    unspecified: false,
  });
  assert.equal(sdp.connectionOf(video)?.address, '2001:db8::1');
  assert.is(sdp.bandwidth('AS'), 64);
  assert.is(audio.bandwidth('RS'), 0);
  assert.is(audio.bandwidth('RR'), undefined);
  assert.is(audio.media.ports, 2);
  assert.is(sdp.directionOf(audio), 'recvonly');
  assert.is(sdp.directionOf(video), 'inactive');
});

test('the zero address is known in both families', () => {
  for (const address of ['IP4 0.0.0.0', 'IP6 ::', 'IP6 0:0:0:0:0:0:0:0']) {
    assert.is(parsed(`v=0\r\nc=IN ${address}\r\n`).ownConnection?.unspecified, true, address);
  }
});

test('attribute values: rtpmap, fmtp, rtcp, candidate', () => {
  assert.equal(parseRtpMap('97 AMR-WB/16000/1'), {
    payloadType: 97,
    name: 'AMR-WB',
    clockRate: 16000,
    channels: 1,
  });
  assert.is(parseRtpMap('128 X/8000'), undefined);
  assert.is(parseRtpMap('97 X'), undefined);
  assert.equal(
    parseFmtp('97 mode-set=0,2,4; Octet-Align=1 ;x')?.parameters,
    new Map([
      ['mode-set', '0,2,4'],
      ['octet-align', '1'],
      ['x', ''],
    ]),
  );
  assert.equal(
    parseFmtp('97 mode-change-period=2, mode-change-neighbor=1')?.parameters.get('mode-change-neighbor'),
    '1',
  );
  assert.equal(parseRtcp('53020 IN IP6 2001:2345:6789:ABCD:EF01:2345:6789:ABCD'), {
    port: 53020,
    address: '2001:2345:6789:ABCD:EF01:2345:6789:ABCD',
  });
  assert.is(parseRtcp('x'), undefined);
  assert.is(parseCandidate('1 1 UDP 2130706431 192.0.2.1 8998 typ host')?.type, 'host');
  assert.is(parseCandidate('1 1 UDP 2130706431 192.0.2.1 8998'), undefined);
});

test('the static payload types: numbers once only, each with its clause', () => {
  assert.is(new Set(STATIC_PAYLOAD_TYPES.map((row) => row.payloadType)).size, STATIC_PAYLOAD_TYPES.length);
  for (const row of STATIC_PAYLOAD_TYPES) {
    assert.match(row.clause, /^RFC \d+ /);
    assert.is(staticPayloadType(row.payloadType)?.name, row.name);
  }
  assert.is(staticPayloadType(96), undefined);
});

test('directions: mirroring twice changes nothing, common is the narrower', () => {
  for (const direction of DIRECTIONS) {
    assert.is(mirrored(mirrored(direction)), direction);
    assert.is(common(direction, 'inactive'), 'inactive');
    assert.is(common(direction, 'sendrecv'), direction);
  }
  assert.is(common('sendonly', 'recvonly'), 'inactive');
});

test('any description of printable lines makes the round trip', () => {
  const value = fc.stringMatching(/^[ -~]{0,40}$/);
  const entry = fc.tuple(fc.constantFrom('i', 'u', 'e', 'p', 'b', 'k', 'a', 'z', 'x', 'Q'), value);
  const media = fc.tuple(
    fc.nat(65_535),
    fc.array(fc.nat(127), { minLength: 1, maxLength: 5 }),
    fc.array(entry),
  );
  fc.assert(
    fc.property(fc.array(entry), fc.array(media, { maxLength: 4 }), (session, streams) => {
      const lines = ['v=0', ...session.map(([type, text]) => `${type}=${text}`)];
      for (const [port, formats, rest] of streams) {
        lines.push(
          `m=audio ${port} RTP/AVP ${formats.join(' ')}`,
          ...rest.map(([type, text]) => `${type}=${text}`),
        );
      }
      const body = Buffer.from(lines.map((text) => `${text}\r\n`).join(''));
      assert.equal(formatSdp(parsed(body)), body);
    }),
    { numRuns: 200 },
  );
});

test('mutated descriptions never throw, and what is taken can be read in every view', () => {
  const random = new SeededRandom(4711);
  const pick = (count: number): number => Math.floor(random.uniform() * count);
  const end = performance.now() + 2_000;
  let rounds = 0;
  while (performance.now() < end || rounds < 1_000) {
    rounds += 1;
    const [, original] = documents[pick(documents.length)] ?? [];
    const body = Buffer.from(original ?? '');
    for (let count = pick(8); count >= 0; count -= 1) {
      const at = pick(body.length);
      if (pick(3) === 0) body.copyWithin(at, pick(body.length), pick(body.length));
      else body[at] = pick(2) === 0 ? pick(256) : ' \r\n=:/;,0'.charCodeAt(pick(9));
    }
    const result = parseSdp(body.subarray(0, pick(4) === 0 ? pick(body.length) : body.length));
    if (!result.ok) continue;
    for (const media of result.value.media) {
      void [media.rtcp, media.candidates, media.ptime, media.maxprate, result.value.directionOf(media)];
      for (const type of media.payloadTypes) void [media.rtpMap(type), media.fmtp(type)];
    }
    const again = parseSdp(formatSdp(result.value));
    assert.ok(again.ok, 'what we write we can read');
  }
});

test.run();
