// Whatever is offered, the answer is one: a line for a line, formats and tags of the offer, and a usable agreement.
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { CODEC_NAMES } from '#src/sdp/codecs.ts';
import { DIRECTIONS } from '#src/sdp/direction.ts';
import { checkAnswer, fuzzSdp, parsed } from '#test/fuzz/sdp.ts';
import { suite } from '#test/support/suite.ts';
import { BOTH_WAYS, capabilities, LOCAL, settled, side, VIDEO } from './sides.ts';

const test = suite('sdp/property');

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
  const { taken } = fuzzSdp({ seconds: 3, least: 1_000, seed: 26_114 });
  assert.ok(taken > 100);
});

test.run();
