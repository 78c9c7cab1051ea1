import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { configurations } from '#src/sdp/capability-negotiation.ts';
import { MediaDescription } from '#src/sdp/model.ts';
import { parseSdp } from '#src/sdp/parse.ts';
import { suite } from '#test/support/suite.ts';
import { withSession } from './fixtures.ts';

const test = suite('sdp/capability-negotiation');

const of = (...media: string[]) => {
  const parsed = parseSdp(withSession(...media));
  const line = parsed.ok ? parsed.value.media[0] : undefined;
  if (!parsed.ok || !line) throw new Error('unreadable');
  return configurations(parsed.value, line).map(({ media: taken, actual }) => ({
    protocol: taken.media.protocol,
    actual,
    attributes: taken.attributes.map(({ name, value }) => (value === '' ? name : `${name}:${value}`)),
  }));
};
const LINE = 'm=audio 4000 RTP/AVP 0';

test('nothing potential: the line as it stands', () => {
  assert.equal(of(LINE, 'a=tcap:1 RTP/SAVP'), [
    { protocol: 'RTP/AVP', actual: undefined, attributes: ['tcap:1 RTP/SAVP'] },
  ]);
});

test('RFC 5939 4.1: SRTP first, by number; the transports of the session and of the line', () => {
  const found = of(
    'a=tcap:1 RTP/SAVPF RTP/SAVP',
    LINE,
    'a=tcap:5 RTP/AVPF',
    'a=acap:1 crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x',
    'a=pcfg:8 t=5',
    'a=pcfg:1 t=1|2 a=1',
  );
  assert.equal(
    found.map(({ protocol, actual }) => [protocol, actual]),
    [
      ['RTP/SAVPF', '1 t=1 a=1'],
      ['RTP/SAVP', '1 t=2 a=1'],
      ['RTP/AVPF', '8 t=5'],
      ['RTP/AVP', undefined],
    ],
  );
  assert.equal(found[0]?.attributes, ['crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x']);
});

test('a line of many alternatives costs no more than its limit', () => {
  const many = (text: string) => Array.from({ length: 300 }, () => text).join('|');
  let made = 0;
  const splice = MediaDescription.of;
  MediaDescription.of = (...args) => {
    made += 1;
    return splice(...args);
  };
  try {
    const found = of('a=tcap:1 RTP/SAVP', LINE, 'a=acap:1 x:1', `a=pcfg:1 t=${many('1')} a=${many('1')}`);
    assert.is(found.length, 65);
    assert.is(made, 64);
  } finally {
    MediaDescription.of = splice;
  }
});

test('alternatives, optional ones, and deletion of what the line has', () => {
  const found = of(LINE, 'a=ptime:20', 'a=acap:1 ptime:30', 'a=acap:2 x:1', 'a=pcfg:1 a=-m:1,[2,7]|1|9');
  assert.equal(
    found.map(({ actual, attributes }) => [actual, attributes]),
    [
      ['1 a=-m:1,2', ['ptime:30', 'x:1']],
      ['1 a=1', ['ptime:20', 'ptime:30']],
      [undefined, ['ptime:20', 'acap:1 ptime:30', 'acap:2 x:1', 'pcfg:1 a=-m:1,[2,7]|1|9']],
    ],
  );
});

for (const [what, ...rest] of [
  ['a transport that is not there', 'a=tcap:1 RTP/SAVP', 'a=pcfg:1 t=2'],
  ['an attribute that is not there', 'a=acap:1 x:1', 'a=pcfg:1 a=2'],
  ['a mandatory extension', 'a=tcap:1 RTP/SAVP', 'a=pcfg:1 t=1 +foo=1'],
  ['a required extension', 'a=creq:foo', 'a=tcap:1 RTP/SAVP', 'a=pcfg:1 t=1'],
  ['no number', 'a=tcap:1 RTP/SAVP', 'a=pcfg:x t=1'],
] as const) {
  test(`${what}: the configuration is passed over`, () => assert.is(of(LINE, ...rest).length, 1));
}

test('the base is no extension', () => {
  assert.is(of(LINE, 'a=creq:cap-v0', 'a=tcap:1 RTP/SAVP', 'a=pcfg:1 t=1').length, 2);
});

test('whatever stands there, the actual configuration comes last and the list is bounded', () => {
  const text = fc.stringMatching(/^[0-9|,=[\]\-ta:m+ ]{0,60}$/);
  fc.assert(
    fc.property(fc.array(text, { maxLength: 20 }), (values) => {
      const found = of(
        LINE,
        'a=tcap:1 RTP/SAVP RTP/SAVPF',
        'a=acap:1 x:1',
        ...values.map((value) => `a=pcfg:${value}`),
      );
      assert.ok(found.length >= 1 && found.length <= 65);
      assert.is(found.at(-1)?.actual, undefined);
    }),
    { numRuns: 300 },
  );
});

test.run();
