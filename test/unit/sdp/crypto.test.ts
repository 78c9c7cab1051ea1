import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { SeededRandom } from '#src/base/random.ts';
import { CRYPTO_LIMITS, formatCrypto, parseCrypto, usableKey } from '#src/sdp/crypto.ts';
import { OFFERED_SUITES, SRTP_SUITES, SUITE_TABLE, suiteNamed } from '#src/sdp/crypto-suites.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('sdp/crypto');

/** RFC 4568 6.1 and 33.328's testers: lines that must be understood. */
const KEY = 'd0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj';
const parsed = (value: string) => {
  const result = parseCrypto(value);
  if (!result.ok) throw new Error(`${result.error.kind}: ${result.error.reason}`);
  return result.value;
};

test('the suites: sizes that add up, each with its clause, each of the offered ones known', () => {
  assert.equal(
    SUITE_TABLE.map(({ name }) => name),
    [...SRTP_SUITES],
  );
  for (const row of SUITE_TABLE) {
    const counter = row.name.includes('_CM_');
    assert.is(row.key, row.name.includes('256') ? 32 : 16, row.name);
    assert.is(row.salt, counter ? 14 : 12, row.name);
    assert.is(row.tag, counter ? (row.name.endsWith('_32') ? 4 : 10) : 16, row.name);
    assert.is(row.rtcpTag, counter ? 10 : 16, row.name);
    assert.match(row.clause, /^RFC \d+ /);
  }
  for (const name of OFFERED_SUITES) assert.ok(suiteNamed(name));
  assert.is(suiteNamed('aead_aes_128_gcm')?.name, 'AEAD_AES_128_GCM');
  assert.is(suiteNamed('F8_128_HMAC_SHA1_80'), undefined);
});

test('RFC 4568 6.1: lifetime, MKI and a parameter', () => {
  const line = parsed(`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|2^20|1:4 FEC_ORDER=FEC_SRTP`);
  assert.is(line.tag, 1);
  assert.is(line.keys[0]?.keySalt.length, 30);
  assert.is(line.keys[0]?.lifetime, 1_048_576n);
  assert.equal(line.keys[0]?.mki, Buffer.from([0, 0, 0, 1]));
  assert.equal(line.parameters, [{ name: 'FEC_ORDER', value: 'FEC_SRTP', optional: false }]);
  assert.is(usableKey(line, SRTP_SUITES)?.suite, 'AES_CM_128_HMAC_SHA1_80');
});

test('RFC 4568 4.1: two keys with their MKIs; the lifetime in either spelling or left out', () => {
  const second = 'QUJjZGVmMTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5';
  const line = parsed(
    `2 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|2^20|1:4;inline:${second}|1048576|2:4 UNENCRYPTED_SRTCP`,
  );
  assert.equal(
    line.keys.map(({ lifetime, mki }) => [lifetime, mki?.readUInt32BE()]),
    [
      [1_048_576n, 1],
      [1_048_576n, 2],
    ],
  );
  assert.is(usableKey(line, SRTP_SUITES), undefined, 'unencrypted RTCP is not taken');
  assert.equal(parsed(`7 AES_CM_128_HMAC_SHA1_32 inline:${KEY}|9:1`).keys[0]?.mki, Buffer.from([9]));
});

for (const [what, value, kind] of [
  ['no tag', `AES_CM_128_HMAC_SHA1_80 inline:${KEY}`, 'tag'],
  ['ten digits of tag', `1234567890 AES_CM_128_HMAC_SHA1_80 inline:${KEY}`, 'tag'],
  ['no key', '1 AES_CM_128_HMAC_SHA1_80', 'key'],
  ['another key method', `1 AES_CM_128_HMAC_SHA1_80 uri:${KEY}`, 'key'],
  ['garbage behind the padding', `1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}==x`, 'key'],
  ['base64 that was cut', '1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspe', 'key'],
  ['a lifetime of nothing', `1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|0`, 'lifetime'],
  ['a lifetime beyond 2^48', `1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|2^49`, 'lifetime'],
  ['an MKI longer than it says', `1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|256:1`, 'mki'],
  ['an MKI of 129 octets', `1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|1:129`, 'mki'],
  ['a third tail', `1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|2^20|2^20|1:4`, 'key'],
  ['a parameter that is none', `1 AES_CM_128_HMAC_SHA1_80 inline:${KEY} =x`, 'parameter'],
  ['too many keys', `1 AES_CM_128_HMAC_SHA1_80 ${`inline:${KEY};`.repeat(20)}inline:${KEY}`, 'too-large'],
  ['too long a line', `1 AES_CM_128_HMAC_SHA1_80 inline:${'A'.repeat(CRYPTO_LIMITS.octets)}`, 'too-large'],
] as const) {
  test(`${what} is refused as ${kind}`, () => {
    const result = parseCrypto(value);
    assert.is(result.ok ? 'taken' : result.error.kind, kind);
  });
}

for (const [what, tail, usable] of [
  ['an unknown parameter with a dash', ' -SNOM=1', true],
  ['an unknown parameter without', ' SNOM=1', false],
  ['a derivation rate of never', ' KDR=0', true],
  ['a derivation rate', ' KDR=10', false],
  ['no encryption', ' UNENCRYPTED_SRTP', false],
  ['no authentication', ' UNAUTHENTICATED_SRTP', false],
  ['no authentication behind a dash', ' -UNAUTHENTICATED_SRTP', false],
  ['a window', ' WSH=128', true],
  ['a window too small', ' WSH=32', false],
  ['a key for FEC, which is not used', ` FEC_KEY=inline:${KEY}`, true],
] as const) {
  test(`${what} makes the line ${usable ? 'usable' : 'unusable'}`, () => {
    const line = parsed(`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}${tail}`);
    assert.is(usableKey(line, SRTP_SUITES) !== undefined, usable);
  });
}

test('a key of the wrong length, several keys without MKI, a suite not allowed: unusable', () => {
  const usable = (value: string, allowed = SRTP_SUITES.slice()): boolean =>
    usableKey(parsed(value), allowed) !== undefined;
  assert.not.ok(usable(`1 AEAD_AES_128_GCM inline:${KEY}`), '30 octets for 28');
  assert.not.ok(usable(`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY};inline:${KEY}`));
  assert.not.ok(usable(`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|1:4;inline:${KEY}|2:2`));
  assert.not.ok(usable(`1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}`, ['AEAD_AES_128_GCM']));
  assert.not.ok(usable(`1 AES_192_CM_HMAC_SHA1_80 inline:${KEY}`));
  assert.ok(usable(`1 aes_cm_128_hmac_sha1_80 inline:${KEY}`), 'case does not count');
});

test('what we write we read, without lifetime, MKI or parameter', () => {
  const octets = fc.uint8Array({ minLength: 46, maxLength: 46 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 999_999_999 }),
      fc.constantFrom(...SUITE_TABLE),
      octets,
      (tag, row, bytes) => {
        const key = Buffer.from(bytes).subarray(0, row.key + row.salt);
        const text = formatCrypto(tag, row.name, key);
        assert.not.ok(text.includes('|'));
        const line = parsed(text);
        assert.is(line.tag, tag);
        assert.equal(usableKey(line, SRTP_SUITES), { suite: row.name, key: { keySalt: key } });
      },
    ),
  );
});

test('mutated lines never throw, and a usable key always has the length of its suite', () => {
  const random = new SeededRandom(4568);
  const pick = (count: number): number => Math.floor(random.uniform() * count);
  const seeds = [
    `1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|2^20|1:4 FEC_ORDER=FEC_SRTP`,
    `2 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|2^20|1:4;inline:${KEY}|1048576|2:4 -X=1 WSH=64`,
    `3 AEAD_AES_256_GCM inline:${Buffer.alloc(44, 3).toString('base64')} KDR=0`,
  ];
  const letters = ' \t;|:=^-+/0129AZaz';
  let usable = 0;
  for (let round = 0; round < 20_000; round += 1) {
    let text = seeds[pick(seeds.length)] ?? '';
    for (let count = pick(4); count > 0; count -= 1) {
      const at = pick(text.length);
      text = `${text.slice(0, at)}${letters[pick(letters.length)]}${text.slice(at + pick(3))}`;
    }
    const result = parseCrypto(text);
    if (!result.ok) continue;
    const found = usableKey(result.value, SRTP_SUITES);
    if (!found) continue;
    usable += 1;
    const row = suiteNamed(found.suite);
    assert.is(found.key.keySalt.length, (row?.key ?? 0) + (row?.salt ?? 0), text);
  }
  assert.ok(usable > 1_000, 'most mutations leave a line that can be used');
});

test.run();
