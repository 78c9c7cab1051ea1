import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import { type DialingRules, dialTarget } from '#src/call/dial.ts';
import { sameIdentity } from '#src/call/identity.ts';
import { IdentityBook } from '#src/call/identity-book.ts';
import { calledIdentity, callingParty } from '#src/call/party.ts';
import { SipRequest } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { parseUri, type Uri } from '#src/sip/message/uri.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('call/dial');

const IMS: DialingRules = { profile: 'ims', domain: 'op.example' };
const SIP: DialingRules = { profile: 'sip', domain: 'pbx.example' };
const ALONE: DialingRules = { profile: 'sip' };

const uri = (text: string): Uri => {
  const parsed = parseUri(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
};
const address = (text: string): NameAddr => {
  const parsed = NameAddr.parse(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
};

for (const [input, rules, expected] of [
  ['+46701234567', IMS, 'tel:+46701234567'],
  [' +46 (70) 123-45.67 ', IMS, 'tel:+46701234567'],
  ['\u202A+46\u201170\u202C', IMS, 'tel:+4670'],
  ['\u0660\u0667\u0660', IMS, 'tel:070;phone-context=op.example'],
  ['0701234567', IMS, 'tel:0701234567;phone-context=op.example'],
  ['*21#', IMS, 'tel:*21#;phone-context=op.example'],
  ['tel:+46-70-123', IMS, 'tel:+4670123'],
  ['tel:0701-23', IMS, 'tel:070123;phone-context=op.example'],
  ['tel:070;phone-context=+46', IMS, 'tel:070;phone-context=+46'],
  ['sip:alice@example.com;user=phone', IMS, 'sip:alice@example.com;user=phone'],
  ['sips:bob@[2001:db8::1]:5062', IMS, 'sips:bob@[2001:db8::1]:5062'],
  ['SIP:Alice@Example.com', IMS, 'SIP:Alice@Example.com'],
  ['alice', IMS, 'sip:alice@op.example'],
  ['john.doe', IMS, 'sip:john.doe@op.example'],
  ['alice@example.com', IMS, 'sip:alice@example.com'],
  ['+46701234567', SIP, 'sip:+46701234567@pbx.example'],
  ['**620', SIP, 'sip:**620@pbx.example'],
  ['#1', SIP, 'sip:%231@pbx.example'],
  ['192.0.2.7', ALONE, 'sip:192.0.2.7'],
  ['192.0.2.7:5062', SIP, 'sip:192.0.2.7:5062'],
  ['2001:db8::7', ALONE, 'sip:[2001:db8::7]'],
  ['[2001:db8::7]:5062', ALONE, 'sip:[2001:db8::7]:5062'],
  ['door.example.com', ALONE, 'sip:door.example.com'],
  ['door:5062', ALONE, 'sip:door:5062'],
] as const) {
  test(`[MD-2.2.4a] "${input}" (${rules.domain ?? 'no account'}) is ${expected}`, () => {
    assert.is(dialTarget(input, rules).toString(), expected);
  });
}

for (const [input, rules] of [
  ['', IMS],
  ['   ', IMS],
  ['urn:service:counseling', IMS],
  ['http://example.com', IMS],
  ['sip:', IMS],
  ['sip:a b@c', IMS],
  ['sip:a@b?Replaces=x', IMS],
  ['sip:a@b;method=BYE', IMS],
  ['tel:abc', IMS],
  ['+12345678901234567890', ALONE],
  ['0701234567', ALONE],
  ['alice', ALONE],
  ['"Alice" <x>', IMS],
  ['x'.repeat(600), IMS],
] as const) {
  test(`"${input.slice(0, 30)}" cannot be dialled`, () => {
    try {
      dialTarget(input, rules);
    } catch (error) {
      assert.ok(TandemError.is(error, 'call.target'));
      return;
    }
    assert.unreachable();
  });
}

test('a telephone number is the same in its tel and sip forms, names are not', () => {
  assert.ok(sameIdentity(uri('tel:+46-701'), uri('sip:+46701@op.example;user=phone')));
  assert.ok(sameIdentity(uri('sip:a@x'), uri('sip:a@X')));
  assert.not.ok(sameIdentity(uri('sip:+46701@one.example'), uri('sip:+46701@two.example')));
  assert.not.ok(sameIdentity(uri('tel:+46701'), uri('tel:+46702')));
});

const OURS = [
  address('"Home" <sip:+46701@op.example>'),
  address('<tel:+46701>'),
  address('<sip:door@op.example>'),
];

const BOOK = new IdentityBook({ identities: OURS });
const chosen = (book: IdentityBook, wanted?: string): string => book.choose(wanted).identity.uri.toString();

test('[MD-2.4.6.1a] an identity of the subscription may be chosen, no other', () => {
  assert.is(chosen(BOOK), 'sip:+46701@op.example');
  assert.is(chosen(BOOK, 'sip:door@op.example'), 'sip:door@op.example');
  assert.is(chosen(BOOK, '+46701'), 'tel:+46701');
  assert.is(chosen(BOOK, 'sip:+46701@op.example;user=phone'), 'sip:+46701@op.example');
  assert.throws(
    () => BOOK.choose('sip:other@op.example'),
    (error: unknown) => TandemError.is(error, 'call.identity'),
  );
  assert.throws(
    () => BOOK.choose(''),
    (error: unknown) => TandemError.is(error, 'call.identity'),
  );
  assert.throws(
    () => new IdentityBook({ identities: [] }).choose(undefined),
    (error: unknown) => TandemError.is(error, 'call.not-registered'),
  );
});

const invite = (...headers: [string, string][]): SipRequest =>
  SipRequest.create({
    method: 'INVITE',
    uri: uri('sip:dev@192.0.2.1'),
    headers: [
      ['From', '"Eve" <sip:eve@evil.example;transport=udp>;tag=1'],
      ['To', '<sip:door@op.example>'],
      ...headers,
    ],
  });

test('the caller is what the P-CSCF asserts: the number before the name', () => {
  const request = invite(['P-Asserted-Identity', '"Bob" <sip:bob@op.example>, <tel:+46709>']);
  assert.equal(callingParty(request, true), { uri: 'tel:+46709' });
  const phone = invite(
    ['P-Asserted-Identity', '<sip:bob@op.example>'],
    ['P-Asserted-Identity', '"B" <sip:+46709@op.example;user=phone>'],
  );
  assert.equal(callingParty(phone, true), { uri: 'sip:+46709@op.example', name: 'B' });
});

test('an assertion by a stranger is not read', () => {
  const request = invite(['P-Asserted-Identity', '"Bank" <tel:+4680000>']);
  assert.equal(callingParty(request, false), { uri: 'sip:eve@evil.example', name: 'Eve' });
});

test('a display name is one line of printable text', () => {
  const request = invite(['P-Asserted-Identity', '"A\tB\u0007C" <tel:+1>']);
  assert.equal(callingParty(request, true).name, 'A B C');
});

test('[MD-2.3.12] an asserted caller who asks not to be shown is not', () => {
  for (const privacy of ['id', 'user;critical', 'header']) {
    const request = invite(['P-Asserted-Identity', '<tel:+46709>'], ['Privacy', privacy]);
    assert.equal(callingParty(request, true), { uri: 'sip:eve@evil.example', name: 'Eve' });
  }
  const open = invite(['P-Asserted-Identity', '<tel:+46709>'], ['Privacy', 'none']);
  assert.equal(callingParty(open, true), { uri: 'tel:+46709' });
});

test('[MD-2.4.6.2c1] the called identity: P-Called-Party-ID, else To', () => {
  const request = invite(['P-Called-Party-ID', '<tel:+46701>']);
  assert.equal(calledIdentity(request, true, BOOK), {
    identity: 'tel:+46701',
    called: 'tel:+46701',
    active: true,
  });
  assert.equal(calledIdentity(request, false, BOOK), {
    identity: 'sip:door@op.example',
    called: 'sip:door@op.example',
    active: true,
  });
  const nobody = new IdentityBook({ identities: [] });
  assert.equal(calledIdentity(request, true, nobody), {
    identity: 'tel:+46701',
    called: 'tel:+46701',
    active: true,
  });
});

test('a To that is our Contact, as Asterisk writes it, means our usual identity', () => {
  const contact = uri('sip:cac9fb629421221bad84bf733c07bd63@192.0.2.1:5060;transport=tcp');
  const to = 'sip:cac9fb629421221bad84bf733c07bd63@192.0.2.1';
  const request = SipRequest.create({
    method: 'INVITE',
    uri: contact,
    headers: [
      ['From', '<sip:600@pbx.example>;tag=1'],
      ['To', `<${to}>`],
    ],
  });
  const usual = OURS[0]?.uri.toString();
  assert.equal(calledIdentity(request, true, BOOK, contact), {
    identity: usual,
    called: usual,
    active: true,
  });
  assert.is(calledIdentity(request, true, BOOK).called, to);
  assert.is(calledIdentity(request, true, new IdentityBook({ identities: [] }), contact).called, to);
});

test('[MD-2.4.6.2c2] Additional-Identity wins over P-Called-Party-ID, from a trusted hop only', () => {
  const request = invite(
    ['P-Called-Party-ID', '<sip:+46701@op.example>'],
    ['Additional-Identity', '<tel:+22222222>'],
  );
  const { called, identity } = calledIdentity(request, true, BOOK);
  assert.equal([called, identity], ['tel:+22222222', 'tel:+22222222']);
  assert.is(calledIdentity(request, false, BOOK).called, 'sip:door@op.example');
  const book = new IdentityBook({ identities: OURS }, ['sip:+22222222@op.example;user=phone']);
  const { identity: shown } = calledIdentity(request, true, book);
  assert.is(shown, 'sip:+22222222@op.example');
  assert.is(book.choose(shown).additional?.uri.toString(), 'sip:+22222222@op.example;user=phone');
});

test('[MD-2.4.6.2b] an identity that others share: the native one in From, the other beside it', () => {
  const book = new IdentityBook({ identities: OURS }, ['tel:+22221111', 'tel:+46701']);
  const { identity, additional } = book.choose('+22221111');
  assert.equal(
    [identity.uri.toString(), additional?.uri.toString()],
    ['sip:+46701@op.example', 'tel:+22221111'],
  );
  // What is registered needs no permission of others.
  assert.equal(
    book.shared.map(({ uri: each }) => each),
    ['tel:+22221111'],
  );
  assert.is(book.choose('+46701').additional, undefined);
  book.share([]);
  assert.throws(
    () => book.choose('+22221111'),
    (error: unknown) => TandemError.is(error, 'call.identity'),
  );
});

test('an identity that is switched off is used for nothing, and stays off over a restart', () => {
  const kept = new Map<string, string>();
  const memory = {
    get: (key: string) => kept.get(key),
    set: (key: string, value: string) => void kept.set(key, value),
  };
  const book = new IdentityBook({ identities: OURS }, ['tel:+22221111'], memory);
  book.setActive('sip:+46701@op.example', false);
  book.setActive('tel:+22221111', false);
  const again = new IdentityBook({ identities: OURS }, ['tel:+22221111'], memory);
  assert.is(chosen(again), 'tel:+46701');
  assert.is(again.native().uri.toString(), 'sip:+46701@op.example');
  for (const wanted of ['sip:+46701@op.example', '+22221111']) {
    assert.throws(
      () => again.choose(wanted),
      (error: unknown) => TandemError.is(error, 'call.identity-off'),
    );
  }
  again.setActive('tel:+22221111', true);
  assert.is(again.choose('+22221111').additional?.uri.toString(), 'tel:+22221111');
  assert.throws(
    () => again.setActive('tel:+1', false),
    (error: unknown) => TandemError.is(error, 'call.identity'),
  );
  kept.set('identities.off', '{broken');
  assert.equal(new IdentityBook({ identities: OURS }, [], memory).off, []);
});

for (const input of ['\u0000', 'a\u007fb', '\ud800', 'a@b.example;method=BYE', 'a@b.example?Subject=x']) {
  test(`${JSON.stringify(input)} is no address`, () => {
    assert.throws(
      () => dialTarget(input, SIP),
      (error: unknown) => TandemError.is(error, 'call.target'),
    );
  });
}

test.run();
