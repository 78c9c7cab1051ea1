// RFC 3261 20.10, 25.1: addresses, parameters, quoting, Via. Bytes in are bytes out.
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { quote, splitList, unquote } from '#src/sip/message/chars.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { toOctets, toText } from '#src/sip/message/octets.ts';
import { Params } from '#src/sip/message/params.ts';
import { SipUri } from '#src/sip/message/uri.ts';
import { Via } from '#src/sip/message/via.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('sip/message/name-addr');

function address(text: string): NameAddr {
  const result = NameAddr.parse(text);
  assert.ok(result.ok, text);
  if (!result.ok) throw new Error(text);
  return result.value;
}

test('display name, URI and parameters', () => {
  const value = address('"A. G. \\"Bell\\"" <sip:agb@bell-telephone.com;lr> ;tag=a48s; x="q;,<>"');
  assert.is(value.displayName, 'A. G. "Bell"');
  assert.is(value.uri.toString(), 'sip:agb@bell-telephone.com;lr');
  assert.is(value.tag, 'a48s');
  assert.is(value.params.get('X'), 'q;,<>');
});

test('without brackets the parameters belong to the field', () => {
  const value = address('sip:+12125551212@server.phone2net.com;tag=887s');
  assert.is(value.uri.toString(), 'sip:+12125551212@server.phone2net.com');
  assert.is(value.tag, '887s');
  assert.is(address('tel:+1201;phone-context=a').params.get('phone-context'), 'a');
});

test('the display name is UTF-8, and octets that are none stay as they are', () => {
  const octets = toOctets('"Jörg à" <sip:j@h>');
  assert.is(address(octets).displayName, 'Jörg à');
  assert.is(address(octets).toString(), octets);
  assert.is(address('"J\xf6rg" <sip:j@h>').displayName, 'J\xf6rg');
  assert.is(address(toOctets('Zoë à <sip:j@h>')).displayName, 'Zoë à');
});

for (const text of [
  '',
  '<>',
  '<sip:a@b',
  'sip:a@b>',
  '"a <sip:a@b>',
  '"a" sip:a@b',
  '< sip:a@b>',
  '<sip:a@b >',
  'A, B <sip:a@b>',
  'a@b',
  '<sip:a@b> x',
  '<sip:a@b>;',
  '<sip:a@b>;;a',
  '<sip:a@b>;=x',
  '<sip:a@b>;a="b',
  'sip:a@b?x=y',
  '*',
]) {
  test(`malformed: ${JSON.stringify(text)}`, () => assert.not(NameAddr.parse(text).ok));
}

test('an address with another tag', () => {
  const value = address('"Bob" <sip:bob@b>;tag=1;x=2');
  assert.is(value.withTag('9').toString(), '"Bob" <sip:bob@b>;tag=9;x=2');
  assert.is(address('sip:bob@b').withTag('9').toString(), '<sip:bob@b>;tag=9');
});

test('parameters keep their order and are found in any case', () => {
  const parsed = Params.parse(';B=2;a;C="x y"');
  assert.ok(parsed.ok);
  if (!parsed.ok) return;
  const params = parsed.value;
  assert.equal(
    [...params.entries()],
    [
      ['B', '2'],
      ['a', ''],
      ['C', 'x y'],
    ],
  );
  assert.is(params.with('c', 'z').toString(), ';B=2;a;c=z');
  assert.is(params.without('b').with('d', 'e f').toString(), ';a;C="x y";d="e f"');
  assert.is(params.withQuoted('i', '<urn:x>').get('i'), '<urn:x>');
  assert.is(
    Params.of([
      ['h', '2001:db8::1'],
      ['t', 'abc'],
    ]).toString(),
    ';h="2001:db8::1";t=abc',
  );
});

test('a repeated parameter gives all its values', () => {
  const parsed = Params.parse(';+g.3gpp.icsi-ref="a";+g.3gpp.icsi-ref="b"');
  assert.equal(parsed.ok ? parsed.value.all('+g.3gpp.icsi-ref') : [], ['a', 'b']);
});

test('a Via in all its parts', () => {
  const parsed = Via.parse(
    'SIP/2.0/tls [2001:db8::1]:5061;branch=z9hG4bKa;rport=1234;received=192.0.2.1;keep;ttl=16;maddr=m',
  );
  assert.ok(parsed.ok);
  if (!parsed.ok) return;
  const via = parsed.value;
  assert.is(via.transport, 'TLS');
  assert.is(via.sentBy, '[2001:db8::1]:5061');
  assert.is(via.rport, 1234);
  assert.is(via.received, '192.0.2.1');
  assert.is(via.ttl, 16);
  assert.is(via.maddr, 'm');
  assert.ok(via.hasUniqueBranch && via.wantsRport && via.params.has('keep'));
  assert.is(via.withParam('rport', '9').toString().includes(';rport=9;'), true);
});

for (const text of [
  '',
  'SIP/2.0/UDP',
  'SIP/2.0/UDP ',
  'SIP/2.0 h',
  'SIP/2.0/UDP h:x',
  'SIP/2.0/UDP h;;a',
  'UDP h',
  'SIP/2.0/UDP/x h',
]) {
  test(`malformed Via: ${JSON.stringify(text)}`, () => assert.not(Via.parse(text).ok));
}

test('a comma list is cut outside quotes and brackets only', () => {
  assert.equal(splitList('"a,b" <sip:a,b@c>;x="d,\\"e", f ,, g'), ['"a,b" <sip:a,b@c>;x="d,\\"e"', 'f', 'g']);
  assert.is(splitList('"a, b'), undefined);
  assert.is(splitList('<a, b'), undefined);
});

const anyText = fc.string({ unit: 'grapheme', maxLength: 20 });
const octets = fc.uint8Array({ maxLength: 30 }).map((bytes) =>
  Buffer.from(bytes)
    .toString('latin1')
    .replace(/[\r\n\0]/g, '.'),
);

test('what is quoted is the same unquoted, for any octets', () => {
  fc.assert(fc.property(octets, (text) => assert.is(unquote(quote(text)), text)));
});

test('text goes through octets and comes back', () => {
  fc.assert(fc.property(anyText, (text) => assert.is(toText(toOctets(text)), text.toWellFormed())));
});

test('an address made is read as it was made', () => {
  const name = anyText.map((text) => text.toWellFormed().replace(/[\r\n\0]/g, '.'));
  const token = fc.stringMatching(/^[a-z][a-z0-9.-]{0,8}$/);
  const pairs = fc.uniqueArray(fc.tuple(token, octets), { maxLength: 5, selector: ([key]) => key });
  fc.assert(
    fc.property(name, pairs, (displayName, params) => {
      const uri = SipUri.of({ user: 'u', host: 'h.example' });
      const made = NameAddr.of(uri, { displayName, params: Params.of(params) });
      const read = address(made.toString());
      assert.is(read.displayName, displayName === '' ? undefined : displayName);
      assert.equal([...read.params.entries()], params);
      assert.is(read.toString(), made.toString());
    }),
  );
});

test('any comma list of addresses is cut into the same addresses', () => {
  const one = octets.map((displayName) => `${quote(displayName)} <sip:a@b>;x=${quote(displayName)}`);
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 6 }), (all) =>
      assert.equal(splitList(all.join(',')), all),
    ),
  );
});

test.run();
