import * as assert from 'uvu/assert';
import { IdentitySet } from '#src/ims/identities.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { parseUri, type Uri } from '#src/sip/message/uri.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('ims/identities');

function address(text: string): NameAddr {
  const result = NameAddr.parse(text);
  if (!result.ok) throw new Error(text);
  return result.value;
}
function uri(text: string): Uri {
  const result = parseUri(text);
  if (!result.ok) throw new Error(text);
  return result.value;
}

const IMPU = address('<sip:+46701234567@op.example>');

test('[MD-2.2.2b] every URI of P-Associated-URI is an identity, the first the default', () => {
  const set = new IdentitySet(IMPU, [
    address('<sip:office@op.example>'),
    IMPU,
    address('<tel:+46701234567>'),
  ]);
  assert.equal(set.list(), [
    { uri: 'sip:office@op.example', kind: 'default', active: true },
    { uri: 'sip:+46701234567@op.example', kind: 'irs', active: true },
    { uri: 'tel:+46701234567', kind: 'irs', active: true },
  ]);
  assert.is(set.default?.uri.toString(), 'sip:office@op.example');
});

test('[MD-2.2.2b] an identity the network does not list is barred, the registered one included', () => {
  const set = new IdentitySet(IMPU, [address('<sip:office@op.example>')]);
  assert.not.ok(set.allows(IMPU.uri));
  assert.ok(set.allows(uri('sip:office@OP.example')));
  assert.not.ok(set.allows(uri('tel:+46701234567')));
});

test('an empty or absent header leaves the registered identity alone', () => {
  for (const associated of [[], undefined]) {
    const set = new IdentitySet(IMPU, associated);
    assert.equal(set.list(), [{ uri: 'sip:+46701234567@op.example', kind: 'default', active: true }]);
    assert.ok(set.allows(IMPU.uri));
  }
});

test('the reg event package is asked for at the first SIP URI', () => {
  const set = new IdentitySet(IMPU, [address('<tel:+46701234567>'), IMPU]);
  assert.is(set.subscribed?.uri.toString(), 'sip:+46701234567@op.example');
});

test.run();
