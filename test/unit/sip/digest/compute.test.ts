// The published digest vectors, each with its source.
import * as assert from 'uvu/assert';
import { DIGEST_ALGORITHMS, digestAlgorithm } from '#src/sip/digest/algorithms.ts';
import { credentialHash, digestResponse, nonceCount, sessionKey } from '#src/sip/digest/compute.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('sip/digest/compute');

interface Vector {
  readonly source: string;
  readonly algorithm: string;
  readonly username: string;
  readonly realm: string;
  readonly password: string;
  readonly method: string;
  readonly uri: string;
  readonly nonce: string;
  readonly nc?: string;
  readonly cnonce?: string;
  readonly qop?: 'auth' | 'auth-int';
  readonly body?: string;
  readonly response: string;
}

const RFC_2617 = {
  username: 'Mufasa',
  realm: 'testrealm@host.com',
  password: 'Circle Of Life',
  method: 'GET',
  uri: '/dir/index.html',
  nonce: 'dcd98b7102dd2f0e8b11d0f600bfb0c093',
} as const;

const RFC_7616 = {
  username: 'Mufasa',
  realm: 'http-auth@example.org',
  password: 'Circle of Life',
  method: 'GET',
  uri: '/dir/index.html',
  nonce: '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v',
  nc: '00000001',
  cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
  qop: 'auth',
} as const;

// draft-smith-sipping-auth-examples-01: the SIP set that implementers share.
const SMITH = {
  username: 'bob',
  realm: 'biloxi.com',
  password: 'zanzibar',
  method: 'INVITE',
  uri: 'sip:bob@biloxi.com',
  nonce: 'dcd98b7102dd2f0e8b11d0f600bfb0c093',
  nc: '00000001',
  cnonce: '0a4f113b',
} as const;

const SMITH_BODY = [
  'v=0',
  'o=bob 2890844526 2890844526 IN IP4 media.biloxi.com',
  's=-',
  'c=IN IP4 media.biloxi.com',
  't=0 0',
  'm=audio 49170 RTP/AVP 0',
  'a=rtpmap:0 PCMU/8000',
  'm=video 51372 RTP/AVP 31',
  'a=rtpmap:31 H261/90000',
  'm=video 53000 RTP/AVP 32',
  'a=rtpmap:32 MPV/90000',
  '',
].join('\r\n');

const VECTORS: readonly Vector[] = [
  {
    source: 'RFC 2617 3.5',
    ...RFC_2617,
    algorithm: 'MD5',
    nc: '00000001',
    cnonce: '0a4f113b',
    qop: 'auth',
    response: '6629fae49393a05397450978507c4ef1',
  },
  {
    source: 'RFC 7616 3.9.1 MD5',
    ...RFC_7616,
    algorithm: 'MD5',
    response: '8ca523f5e9506fed4657c9700eebdbec',
  },
  {
    source: 'RFC 7616 3.9.1 SHA-256',
    ...RFC_7616,
    algorithm: 'SHA-256',
    response: '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1',
  },
  {
    source: 'IMS downloadable client, RCC.07 2.12.1.1.2',
    algorithm: 'MD5',
    username: 'alice-tablet@operator.example',
    realm: 'operator.example',
    password: 's3cr3t',
    method: 'REGISTER',
    uri: 'sip:operator.example',
    nonce: 'dcd98b7102dd2f0e8b11d0f600bfb0c0',
    nc: '00000001',
    cnonce: '0a4f113b',
    qop: 'auth',
    response: 'fe1d09b7ca7a49fa7624a23983441b3f',
  },
  {
    source: 'draft-smith 3.1 neither algorithm nor qop',
    ...SMITH,
    algorithm: 'MD5',
    response: 'bf57e4e0d0bffc0fbaedce64d59add5e',
  },
  {
    source: 'draft-smith 3.3 auth',
    ...SMITH,
    algorithm: 'MD5',
    qop: 'auth',
    response: '89eb0059246c02b2f6ee02c7961d5ea3',
  },
  {
    source: 'draft-smith 3.5 auth-int',
    ...SMITH,
    algorithm: 'MD5',
    qop: 'auth-int',
    body: SMITH_BODY,
    response: 'bdbeebb2da6adb6bca02599c2239e192',
  },
  {
    source: 'draft-smith 3.4 MD5-sess auth',
    ...SMITH,
    algorithm: 'MD5-sess',
    qop: 'auth',
    response: 'e4e4ea61d186d07a92c9e1f6919902e9',
  },
];

for (const vector of VECTORS) {
  test(vector.source, () => {
    const algorithm = digestAlgorithm(vector.algorithm);
    assert.ok(algorithm);
    if (!algorithm) return;
    const hash = credentialHash(algorithm, vector.username, vector.realm, vector.password);
    const ha1 = sessionKey(algorithm, hash, vector.nonce, vector.cnonce ?? '');
    const body = Buffer.from(vector.body ?? '');
    assert.is(digestResponse({ ...vector, algorithm, ha1, body }), vector.response);
  });
}

test('the intermediate values of the IMS vector', () => {
  const md5 = digestAlgorithm();
  assert.ok(md5);
  if (!md5) return;
  const ha1 = credentialHash(md5, 'alice-tablet@operator.example', 'operator.example', 's3cr3t');
  assert.is(ha1, 'cede9b2b6982b204534deba462d2b9a3');
});

test('names are compared without case, unknown ones are unknown', () => {
  assert.is(digestAlgorithm('sha-256')?.name, 'SHA-256');
  assert.is(digestAlgorithm('md5-SESS')?.name, 'MD5-sess');
  assert.is(digestAlgorithm('AKAv1-MD5'), undefined);
});

test('every row of the algorithm table can be computed', () => {
  const lengths = { md5: 32, sha256: 64, 'sha512-256': 64 };
  for (const algorithm of DIGEST_ALGORITHMS) {
    const hash = credentialHash(algorithm, 'u', 'r', 'p');
    assert.is(hash.length, lengths[algorithm.hash], algorithm.name);
    assert.is(sessionKey(algorithm, hash, 'n', 'c') === hash, !algorithm.session, algorithm.name);
  }
});

test('nc is eight hex digits', () => {
  assert.is(nonceCount(1), '00000001');
  assert.is(nonceCount(0xabcdef), '00abcdef');
});

test.run();
