// RFC 3261 19.1, RFC 3966, RFC 8141: what a URI is made of, and when two are the same.
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { Params } from '#src/sip/message/params.ts';
import {
  escapeUser,
  isSipUri,
  parseUri,
  SipUri,
  TelUri,
  type Uri,
  UrnUri,
  uriEquals,
} from '#src/sip/message/uri.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('sip/message/uri');

function uri(text: string): Uri {
  const result = parseUri(text);
  assert.ok(result.ok, text);
  if (!result.ok) throw new Error(text);
  return result.value;
}

const RFC_3261_EXAMPLES = [
  'sip:alice@atlanta.com',
  'sip:alice:secretword@atlanta.com;transport=tcp',
  'sips:alice@atlanta.com?subject=project%20x&priority=urgent',
  'sip:+1-212-555-1212:1234@gateway.com;user=phone',
  'sips:1212@gateway.com',
  'sip:alice@192.0.2.4',
  'sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com',
  'sip:alice;day=tuesday@atlanta.com',
];

for (const text of RFC_3261_EXAMPLES) {
  test(`RFC 3261 19.1.3 ${text}`, () => assert.is(uri(text).toString(), text));
}

test('the parts of a sip URI keep their escapes', () => {
  const value = uri(
    'sips:al%69ce:p%40ss@Example.COM:5061;transport=TCP;lr;maddr=[2001:db8::1]?Route=%3Csip:a%3E',
  );
  assert.ok(isSipUri(value));
  if (!isSipUri(value)) return;
  assert.is(value.scheme, 'sips');
  assert.is(value.user, 'al%69ce');
  assert.is(value.password, 'p%40ss');
  assert.is(value.host, 'Example.COM');
  assert.is(value.port, 5061);
  assert.is(value.transport, 'tcp');
  assert.ok(value.isLoose);
  assert.is(value.params.get('maddr'), '[2001:db8::1]');
  assert.is(value.headers, 'Route=%3Csip:a%3E');
  assert.is(value.bare().toString(), 'sips:al%69ce:p%40ss@Example.COM:5061');
});

test('a changed URI keeps the rest as it came', () => {
  const value = uri('sip:u@h;A=%41;b');
  assert.ok(isSipUri(value));
  if (!isSipUri(value)) return;
  assert.is(value.withParam('transport', 'tls').toString(), 'sip:u@h;A=%41;b;transport=tls');
  assert.is(value.withParam('B', 'x;y').toString(), 'sip:u@h;A=%41;B=x%3By');
  assert.is(value.withoutParam('a').toString(), 'sip:u@h;b');
  assert.is(value.withPort(5070).withScheme('sips').toString(), 'sips:u@h:5070;A=%41;b');
  assert.is(value.toString(), 'sip:u@h;A=%41;b');
});

test('a URI made of parts', () => {
  assert.is(SipUri.of({ host: '2001:db8::1', port: 5060 }).toString(), 'sip:[2001:db8::1]:5060');
  const params = Params.of([['user', 'phone']]);
  assert.is(SipUri.of({ scheme: 'sips', user: '+1', host: 'h', params }).toString(), 'sips:+1@h;user=phone');
  assert.is(escapeUser('jörg @home'), 'j%C3%B6rg%20%40home');
});

test('RFC 3966: global and local numbers', () => {
  for (const text of [
    'tel:+1-201-555-0123',
    'tel:7042;phone-context=example.com',
    'tel:863-1234;phone-context=+1-914-555',
    'tel:*31%23'.replace('%23', '#'),
    'tel:+358-555-1234567;postd=pp22',
  ]) {
    const value = uri(text);
    assert.instance(value, TelUri);
    assert.is(value.toString(), text);
  }
  const number = uri('tel:+1-(201).555-0123;isub=1');
  assert.is(number instanceof TelUri && number.isGlobal, true);
  assert.is(number instanceof TelUri ? number.digits : '', '+12015550123');
});

test('RFC 8141: URNs', () => {
  const value = uri('urn:urn-7:3gpp-service.ims.icsi.mmtel');
  assert.instance(value, UrnUri);
  assert.is(value instanceof UrnUri ? value.nid : '', 'urn-7');
  assert.is(uri('urn:service:sos.police').toString(), 'urn:service:sos.police');
});

test('another scheme is carried', () => {
  const value = uri('HTTP://example.com/a?b=c#d');
  assert.is(value.scheme, 'other');
  assert.is(value.scheme === 'other' ? value.schemeName : '', 'http');
});

const MALFORMED = [
  '',
  'sip',
  'sip:',
  ':a@b',
  'sip:@host',
  'sip:a@',
  'sip:a b@host',
  'sip:a@host:',
  'sip:a@host:99999',
  'sip:a@host:5x',
  'sip:a@b@c',
  'sip:a%4@host',
  'sip:a%zz@host',
  'sip:a@host;',
  'sip:a@host;;lr',
  'sip:a@host;=x',
  'sip:a@host?',
  'sip:a@host?x',
  'sip:a@host?=y',
  'sip:<a>@host',
  'sip:"a"@host',
  'sip:a@ho st',
  'sip:a@[2001:db8::1',
  'sip:a@[192.0.2.1]',
  'sip:a@2001:db8::1',
  'sip:é@host',
  'tel:',
  'tel:+',
  'tel:abcxyz',
  'tel:+12;',
  'tel:+1 2',
  'urn:x',
  'urn::y',
  'urn:a b:c',
  '1x:y',
  'http:',
  'http://a b',
  'http://<x>',
];

for (const text of MALFORMED) {
  test(`malformed: ${JSON.stringify(text)}`, () => assert.not(parseUri(text).ok));
}

// RFC 3261 19.1.4, its own examples first.
const SAME: readonly (readonly [string, string])[] = [
  ['sip:%61lice@atlanta.com;transport=TCP', 'sip:alice@AtLanTa.CoM;Transport=tcp'],
  ['sip:carol@chicago.com', 'sip:carol@chicago.com;newparam=5'],
  ['sip:carol@chicago.com', 'sip:carol@chicago.com;security=on'],
  [
    'sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com',
    'sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com',
  ],
  [
    'sip:alice@atlanta.com?subject=project%20x&priority=urgent',
    'sip:alice@atlanta.com?priority=urgent&subject=project%20x',
  ],
  ['sip:a@[2001:DB8::1]', 'sip:a@[2001:db8::1]'],
  // RFC 3966 5
  ['tel:+1-201-555-0123', 'tel:+12015550123'],
  ['tel:7042;phone-context=example.com;ext=5', 'TEL:7042;ext=5;phone-context=EXAMPLE.com'],
  ['tel:863-1234;phone-context=+1-914-555', 'tel:8631234;phone-context=+1914555'],
  // RFC 8141 3
  ['urn:example:a123%2Cz456', 'URN:EXAMPLE:a123%2cz456'],
];

const DIFFERENT: readonly (readonly [string, string])[] = [
  ['SIP:ALICE@AtLanTa.CoM;Transport=udp', 'sip:alice@AtLanTa.CoM;Transport=UDP'],
  ['sip:bob@biloxi.com', 'sip:bob@biloxi.com:5060'],
  ['sip:bob@biloxi.com', 'sip:bob@biloxi.com;transport=udp'],
  ['sip:bob@biloxi.com', 'sip:bob@biloxi.com:6000;transport=tcp'],
  ['sip:carol@chicago.com', 'sip:carol@chicago.com?Subject=next%20meeting'],
  ['sip:bob@phone21.boxesbybob.com', 'sip:bob@192.0.2.4'],
  ['sip:carol@chicago.com;security=on', 'sip:carol@chicago.com;security=off'],
  ['sip:a@h', 'sips:a@h'],
  ['sip:a@h', 'sip:h'],
  ['sip:a:x@h', 'sip:a:y@h'],
  ['sip:a@h', 'sip:a@h;user=phone'],
  ['sip:a@h', 'sip:a@h;maddr=192.0.2.1'],
  ['sip:a@h', 'sip:a@h;ttl=1'],
  ['sip:a@h', 'sip:a@h;method=INVITE'],
  ['sip:a%3Bb@h', 'sip:a;b@h'],
  ['tel:+1201', 'tel:1201'],
  ['tel:7042;phone-context=a.com', 'tel:7042;phone-context=b.com'],
  ['tel:7042', 'tel:7042;ext=1'],
  ['tel:+1201', 'sip:+1201@h;user=phone'],
  ['urn:example:a123', 'urn:example:A123'],
  ['http://a', 'http://b'],
];

for (const [a, b] of SAME) {
  test(`same: ${a} and ${b}`, () => assert.ok(uriEquals(uri(a), uri(b)) && uriEquals(uri(b), uri(a))));
}
for (const [a, b] of DIFFERENT) {
  test(`different: ${a} and ${b}`, () => assert.not(uriEquals(uri(a), uri(b)) || uriEquals(uri(b), uri(a))));
}

const label = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}[a-z0-9]$/);
const host = fc.oneof(
  label,
  fc.tuple(label, label).map((labels) => labels.join('.')),
  fc.ipV4(),
  fc.ipV6(),
);
const word = fc.stringMatching(/^[A-Za-z0-9._~+-]{1,12}$/);
const sipUri = fc
  .record({
    scheme: fc.constantFrom('sip' as const, 'sips' as const),
    user: fc.option(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).map(escapeUser), {
      nil: undefined,
    }),
    host,
    port: fc.option(fc.integer({ min: 0, max: 65_535 }), { nil: undefined }),
    params: fc.array(fc.tuple(word, fc.option(word, { nil: undefined })), { maxLength: 4 }).map(Params.of),
  })
  .filter(
    ({ params }) =>
      new Set(Array.from(params.entries(), ([name]) => name.toLowerCase())).size === params.size,
  );

test('any URI made is read as it was made', () => {
  fc.assert(
    fc.property(sipUri, (fields) => {
      const made = SipUri.of(fields);
      const read = uri(made.toString());
      assert.ok(isSipUri(read));
      if (!isSipUri(read)) return;
      assert.equal(
        [read.scheme, read.user, read.host, read.port, read.params.toString()],
        [made.scheme, made.user, made.host, made.port, made.params.toString()],
      );
      assert.ok(uriEquals(read, made));
      const unused = 'not-among-these';
      assert.is(read.withParam(unused, 'y').withoutParam(unused).toString(), made.toString());
    }),
  );
});

test('an escaped user part is the text again', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
      assert.is(decodeURIComponent(escapeUser(text)), text.toWellFormed());
    }),
  );
});

test.run();
