// Whatever is offered, the answer is one: a line for a line, formats and tags of the offer, and a usable agreement.
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { SeededRandom } from '#src/base/random.ts';
import { CODEC_NAMES } from '#src/sdp/codecs.ts';
import { DIRECTIONS } from '#src/sdp/direction.ts';
import type { SessionDescription } from '#src/sdp/model.ts';
import { parseSdp } from '#src/sdp/parse.ts';
import { suite } from '#test/support/suite.ts';
import * as fixtures from './fixtures.ts';
import { BOTH_WAYS, capabilities, LOCAL, settled, side, VIDEO } from './sides.ts';

const test = suite('sdp/property');

const parsed = (body: Buffer): SessionDescription => {
  const result = parseSdp(body);
  if (!result.ok) throw new Error(result.error.reason);
  return result.value;
};

const setting = fc.record({
  srtp: fc.constantFrom('off' as const, 'optional' as const, 'required' as const),
  e2ae: fc.boolean(),
  profile: fc.constantFrom('ims' as const, 'sip' as const),
  codecs: fc.uniqueArray(fc.constantFrom(...CODEC_NAMES), { minLength: 1 }),
  dtx: fc.boolean(),
  video: fc.boolean(),
  late: fc.boolean(),
});
type Setting = typeof setting extends fc.Arbitrary<infer Value> ? Value : never;

const sideOf = ({ srtp, e2ae, profile, codecs, dtx, video }: Setting, address: string) =>
  side(
    capabilities(srtp, {
      e2ae,
      profile,
      audio: { codecs, dtx, voipMetrics: dtx },
      ...(video ? { video: VIDEO } : {}),
    }),
    { ...LOCAL, address },
  );

/** RFC 3264 6 and RFC 4568 5.1.2 on the text alone. */
function checkAnswer(offer: SessionDescription, answer: SessionDescription): void {
  assert.is(answer.media.length, offer.media.length);
  for (const [at, line] of answer.media.entries()) {
    const offered = offer.media[at];
    assert.is(line.media.kind, offered?.media.kind);
    if (line.media.port === 0) continue;
    assert.not.equal(offered?.media.port, 0, 'a closed line stays closed');
    for (const type of line.payloadTypes) assert.ok(offered?.payloadTypes.includes(type), `format ${type}`);
    const keys = line.attributes.filter(({ name }) => name === 'crypto');
    assert.ok(keys.length <= 1, 'one crypto line at most');
    const tag = keys[0]?.value.split(' ').slice(0, 2).join(' ');
    if (tag !== undefined) {
      const texts = offered?.attributes.map(({ value }) => value) ?? [];
      assert.ok(
        texts.some((value) => value.includes(`${tag} `)),
        'tag and suite of the offer',
      );
    }
    assert.is(line.media.protocol.includes('SAVP') ? keys.length : 1, 1, 'SRTP with a key');
  }
}

test('two of us: the answer is valid, both sides agree alike, in every setting', () => {
  let protectedCalls = 0;
  const direction = fc.constantFrom(...DIRECTIONS);
  fc.assert(
    fc.property(setting, setting, direction, direction, (a, b, offered, wish) => {
      const caller = sideOf(a, '192.0.2.10');
      const callee = sideOf(b, '192.0.2.20');
      const offer = caller.offer({ audio: offered, video: a.late ? 'none' : offered });
      const answer = callee.answerTo(offer, { audio: wish, video: wish });
      if (!answer.ok) {
        const shared = a.codecs.some((name) => b.codecs.includes(name));
        const clear = a.srtp === 'off' && b.srtp === 'required';
        assert.ok(!shared || clear, 'refused without need');
        return;
      }
      checkAnswer(parsed(offer), parsed(answer.value.answer));
      const ours = settled(caller, answer.value.answer);
      const theirs = answer.value.media;
      for (const kind of ['audio', 'video'] as const) {
        const [mine, far] = [ours[kind], theirs[kind]];
        assert.is(mine === undefined, far === undefined, kind);
        assert.is(mine?.protocol, far?.protocol);
        assert.is(mine?.send, far?.receive);
        assert.is(mine?.codec.sendPayloadType, far?.codec.receivePayloadType);
        assert.equal(mine?.security?.sendKey, far?.security?.receiveKey);
        assert.equal(mine?.security?.receiveKey, far?.security?.sendKey);
        if (a.srtp === 'required' || b.srtp === 'required')
          assert.ok(!mine || mine.security, 'never in clear');
      }
      if (ours.audio?.security) protectedCalls += 1;
      assert.equal(ours.video?.feedback, theirs.video?.feedback);
      assert.equal(ours.video?.cvo, theirs.video?.cvo);
      // And once more, from the other side.
      const again = callee.offer({ audio: 'sendrecv', video: b.late ? 'none' : 'sendrecv' });
      const back = caller.answerTo(again, BOTH_WAYS);
      assert.ok(back.ok, 'a re-offer is taken');
      if (back.ok) {
        checkAnswer(parsed(again), parsed(back.value.answer));
        assert.equal(
          settled(callee, back.value.answer).audio?.security?.sendKey,
          theirs.audio?.security?.sendKey,
        );
      }
    }),
    { numRuns: 400 },
  );
  assert.ok(protectedCalls > 20);
});

test('mutated offers and answers never throw, and whatever is answered is an answer', () => {
  const random = new SeededRandom(26_114);
  const pick = (count: number): number => Math.floor(random.uniform() * count);
  const seeds = [
    ...Object.values(fixtures).filter((entry): entry is Buffer => Buffer.isBuffer(entry)),
    ...(['off', 'optional', 'required'] as const).map((srtp) =>
      side(capabilities(srtp, { video: VIDEO, e2ae: srtp === 'required' })).offer(BOTH_WAYS),
    ),
  ];
  const words = [
    'RTP/SAVP',
    'RTP/AVPF',
    '*',
    '0',
    '99',
    '=',
    ';',
    ',',
    '|',
    '[x=',
    ' ',
    '\r\na=',
    '\r\nm=video 4 ',
  ];
  const end = performance.now() + 3_000;
  let taken = 0;
  for (let round = 0; performance.now() < end || round < 1_000; round += 1) {
    let text = (seeds[pick(seeds.length)] ?? Buffer.alloc(0)).toString('latin1');
    for (let count = pick(6); count > 0; count -= 1) {
      const at = pick(text.length);
      const other = pick(text.length);
      const put = pick(2) === 0 ? (words[pick(words.length)] ?? '') : text.slice(other, other + pick(40));
      text = text.slice(0, at) + put + text.slice(at + pick(20));
    }
    const body = Buffer.from(text, 'latin1');
    const srtp = (['off', 'optional', 'required'] as const)[pick(3)] ?? 'off';
    const own = capabilities(srtp, {
      video: VIDEO,
      audio: { codecs: CODEC_NAMES, dtx: true, voipMetrics: true },
    });
    const answer = side(own).answerTo(body, BOTH_WAYS);
    if (answer.ok) {
      taken += 1;
      checkAnswer(parsed(body), parsed(answer.value.answer));
      if (srtp === 'required') assert.ok(answer.value.media.audio?.security);
    }
    const caller = side(own);
    caller.offer(BOTH_WAYS);
    caller.answer(body);
  }
  assert.ok(taken > 100);
});

test.run();
