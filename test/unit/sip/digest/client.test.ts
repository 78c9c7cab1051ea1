// RFC 3261 22, RFC 7616, RFC 8760: what the client does with each kind of challenge.
import * as assert from 'uvu/assert';
import { SeededRandom } from '#src/base/random.ts';
import { DigestClient, newRound } from '#src/sip/digest/client.ts';
import { SipResponse } from '#src/sip/message/message.ts';
import { suite } from '#test/support/suite.ts';
import { challenged, credentials, request } from './help.ts';

const test = suite('sip/digest/client');

const client = (realm?: string): DigestClient =>
  new DigestClient({
    credentials: { username: 'alice', password: 's3cr3t', ...(realm ? { realm } : {}) },
    random: new SeededRandom(1),
  });

const www = (value: string): [string, string] => ['WWW-Authenticate', value];
const proxy = (value: string): [string, string] => ['Proxy-Authenticate', value];
const digest = (nonce: string, more = ''): string => `Digest realm="r", nonce="${nonce}", qop="auth"${more}`;

function authorized(
  of: DigestClient,
  from: ReturnType<typeof request>,
  response: SipResponse,
  round = newRound(),
) {
  const result = of.authorize(from, response, round);
  if (!result.ok) throw result.error;
  return result.value;
}

function errorId(of: DigestClient, from: ReturnType<typeof request>, response: SipResponse): string {
  const result = of.authorize(from, response);
  return result.ok ? 'none' : result.error.id;
}

test('the next request has a CSeq one higher and no Via; the first one is left as it was', () => {
  const first = request();
  const next = authorized(client(), first, challenged(first, 401, [www(digest('n1'))]));
  assert.is(next.cseq.number, 2);
  assert.not(next.headers.has('Via'));
  assert.not(first.headers.has('Authorization'));
});

test('everything that the challenge carries is answered, unquoted where the grammar says so', () => {
  const first = request();
  const next = authorized(
    client(),
    first,
    challenged(first, 401, [www(digest('n1', ', opaque="o", algorithm=MD5'))]),
  );
  const value = next.header('Authorization') ?? '';
  assert.match(
    value,
    /^Digest username="alice", realm="r", nonce="n1", uri="sip:operator.example", response="[0-9a-f]{32}"/,
  );
  assert.match(value, /algorithm=MD5, cnonce="[0-9a-f]+", opaque="o", qop=auth, nc=00000001$/);
});

test('without qop there is neither cnonce nor nc, without algorithm none is named', () => {
  const first = request();
  const next = authorized(client(), first, challenged(first, 401, [www('Digest realm="r", nonce="n"')]));
  assert.equal(Object.keys(credentials(next)[0] ?? {}), ['username', 'realm', 'nonce', 'uri', 'response']);
});

test('auth is taken where it is offered, auth-int where nothing else is', () => {
  for (const [offered, chosen] of [
    ['auth,auth-int', 'auth'],
    ['auth-int, auth', 'auth'],
    ['auth-int', 'auth-int'],
    ['x,auth-int', 'auth-int'],
  ]) {
    const first = request();
    const response = challenged(first, 401, [www(`Digest realm="r", nonce="n", qop="${offered}"`)]);
    assert.is(credentials(authorized(client(), first, response))[0]?.qop, chosen);
  }
});

test('the strongest algorithm is taken, of equals the first (RFC 8760 2.4)', () => {
  const cases: [string[], string][] = [
    [['MD5', 'SHA-256'], 'SHA-256'],
    [['SHA-256', 'MD5'], 'SHA-256'],
    [['SHA-512-256', 'SHA-256', 'MD5'], 'SHA-512-256'],
    [['SHA-256', 'SHA-512-256'], 'SHA-256'],
    [['AKAv1-MD5', 'MD5'], 'MD5'],
  ];
  for (const [offered, chosen] of cases) {
    const first = request();
    const headers = offered.map((name) => www(digest(name, `, algorithm=${name}`)));
    const fields = credentials(authorized(client(), first, challenged(first, 401, headers)));
    assert.is(fields.length, 1);
    assert.is(fields[0]?.algorithm, chosen);
    assert.is(fields[0]?.nonce, chosen);
  }
});

test('several challenges in one header line are read too', () => {
  const first = request();
  const value =
    'Digest realm="a, b", nonce="1", algorithm=MD5, Digest realm="a, b", nonce="2", algorithm=SHA-256';
  const next = authorized(client(), first, challenged(first, 401, [www(value)]));
  assert.equal(
    credentials(next).map(({ realm, nonce }) => [realm, nonce]),
    [['a, b', '2']],
  );
});

test('several proxies get an answer each, one for each realm', () => {
  const first = request('INVITE', 'sip:bob@b.example');
  const of = client();
  const round = newRound();
  const second = authorized(
    of,
    first,
    challenged(first, 407, [
      proxy('Digest realm="one", nonce="1", algorithm=MD5'),
      proxy('Digest realm="two", nonce="2", algorithm=MD5'),
      proxy('Digest realm="two", nonce="3", algorithm=SHA-256'),
    ]),
    round,
  );
  assert.equal(
    credentials(second, 'Proxy-Authorization').map(({ realm, nonce }) => `${realm} ${nonce}`),
    ['one 1', 'two 3'],
  );
  const third = authorized(
    of,
    second,
    challenged(second, 407, [proxy('Digest realm="three", nonce="4"')]),
    round,
  );
  assert.equal(
    credentials(third, 'Proxy-Authorization').map(({ realm }) => realm),
    ['one', 'two', 'three'],
  );
  assert.is(round.rejections, 0);
});

test('a proxy and the server behind it: both header fields', () => {
  const of = client();
  const first = request('INVITE', 'sip:bob@b.example');
  const second = authorized(of, first, challenged(first, 407, [proxy(digest('p'))]));
  const third = authorized(of, second, challenged(second, 401, [www(digest('w'))]));
  assert.is(credentials(third)[0]?.nonce, 'w');
  assert.equal(
    credentials(third, 'Proxy-Authorization').map(({ nonce, nc }) => [nonce, nc]),
    [['p', '00000002']],
  );
});

test('a known challenge is answered before it is asked, nc counting up', () => {
  const of = client();
  const first = request();
  authorized(of, first, challenged(first, 401, [www(digest('n'))]));
  for (const nc of ['00000002', '00000003']) {
    const later = request();
    of.preempt(later);
    assert.equal(
      credentials(later).map((each) => [each.nonce, each.nc]),
      [['n', nc]],
    );
  }
});

test('REGISTER, other requests and proxies keep nonce, cnonce and count apart (TS 33.203 N.2.1.2)', () => {
  const of = client();
  const register = request();
  const invite = request('INVITE', 'sip:bob@b.example');
  authorized(of, register, challenged(register, 401, [www(digest('reg'))]));
  authorized(of, invite, challenged(invite, 407, [proxy(digest('inv'))]));
  const again = request();
  of.preempt(again);
  assert.equal(
    credentials(again).map(({ nonce, nc }) => [nonce, nc]),
    [['reg', '00000002']],
  );
  assert.equal(credentials(again, 'Proxy-Authorization'), []);
  const message = request('MESSAGE', 'sip:carol@c.example');
  of.preempt(message);
  assert.equal(credentials(message), []);
  const [sent] = credentials(message, 'Proxy-Authorization');
  assert.equal([sent?.nonce, sent?.nc], ['inv', '00000002']);
  assert.is.not(sent?.cnonce, credentials(again)[0]?.cnonce);
});

test('what one peer asked for is not shown to another', () => {
  const of = client();
  const first = request('MESSAGE', 'sip:bob@b.example');
  authorized(of, first, challenged(first, 401, [www(digest('n'))]));
  assert.ok(of.knows(request('MESSAGE', 'sip:bob@b.example')));
  assert.not(of.knows(request('MESSAGE', 'sip:carol@c.example')));
  of.reset();
  assert.not(of.knows(request('MESSAGE', 'sip:bob@b.example')));
});

test('stale: tried again with the new nonce and not counted as a refusal', () => {
  const of = client();
  const round = newRound();
  let current = request();
  for (let turn = 0; turn < 5; turn += 1) {
    const response = challenged(current, 401, [www(digest(`n${turn}`, ', stale=TRUE'))]);
    current = authorized(of, current, response, round);
    assert.equal(
      credentials(current).map(({ nonce, nc }) => [nonce, nc]),
      [[`n${turn}`, '00000001']],
    );
  }
  assert.is(round.rejections, 0);
});

test('a third refusal with a fresh nonce is final', () => {
  const of = client();
  const round = newRound();
  let current = request();
  for (const nonce of ['1', '2', '3']) {
    current = authorized(of, current, challenged(current, 401, [www(digest(nonce))]), round);
  }
  const last = of.authorize(current, challenged(current, 401, [www(digest('4'))]), round);
  assert.not(last.ok);
  if (!last.ok) assert.is(last.error.id, 'auth.rejected');
});

test('the same nonce again means the password is wrong', () => {
  const of = client();
  const first = request();
  const second = authorized(of, first, challenged(first, 401, [www(digest('n'))]));
  assert.is(errorId(of, second, challenged(second, 401, [www(digest('n'))])), 'auth.rejected');
});

test('a server that says stale for ever does not keep us for ever', () => {
  const of = client();
  const round = newRound();
  let current = request();
  for (let turn = 0; turn < 8; turn += 1) {
    current = authorized(
      of,
      current,
      challenged(current, 401, [www(digest(`${turn}`, ', stale=true'))]),
      round,
    );
  }
  assert.not(of.authorize(current, challenged(current, 401, [www(digest('x', ', stale=true'))]), round).ok);
});

test('what cannot be answered is auth.unsupported', () => {
  const cases = [
    'Digest realm="r", nonce="n", algorithm=AKAv1-MD5',
    'Digest realm="r", nonce="n", qop="token"',
    'Digest realm="r", algorithm=MD5',
    'Basic realm="r"',
    'Digest realm="broken',
    'Negotiate',
    '',
  ];
  for (const value of cases) {
    const first = request();
    assert.is(
      errorId(client(), first, challenged(first, 401, value ? [www(value)] : [])),
      'auth.unsupported',
      value,
    );
  }
  const first = request();
  assert.is(errorId(client('mine'), first, challenged(first, 401, [www(digest('n'))])), 'auth.unsupported');
});

test('the identity is announced by an empty nonce and response', () => {
  const first = request();
  client().announce(first);
  assert.is(
    first.header('Authorization'),
    'Digest username="alice", realm="operator.example", uri="sip:operator.example", nonce="", response=""',
  );
  const of = client();
  const next = authorized(of, first, challenged(first, 401, [www(digest('n'))]));
  assert.is(credentials(next).length, 1);
  assert.is(credentials(next)[0]?.nonce, 'n');
});

test('nextnonce is used with a count that starts again', () => {
  const of = client();
  const first = request();
  const second = authorized(of, first, challenged(first, 401, [www(digest('n'))]));
  assert.ok(
    of.verify(second, SipResponse.reply(second, 200, { headers: [['Authentication-Info', 'nextnonce="m"']] }))
      .ok,
  );
  const third = request();
  of.preempt(third);
  assert.equal(
    credentials(third).map(({ nonce, nc }) => [nonce, nc]),
    [['m', '00000001']],
  );
});

test('a wrong rspauth is auth.rspauth, and the challenge is forgotten', () => {
  const of = client();
  const first = request();
  const second = authorized(of, first, challenged(first, 401, [www(digest('n'))]));
  const info = `rspauth="${'0'.repeat(32)}", qop=auth`;
  const result = of.verify(
    second,
    SipResponse.reply(second, 200, { headers: [['Authentication-Info', info]] }),
  );
  assert.not(result.ok);
  if (!result.ok) assert.is(result.error.id, 'auth.rspauth');
  assert.not(of.knows(request()));
});

test('quotes and backslashes in a name or realm are escaped on the wire and plain in the hash', () => {
  const of = new DigestClient({
    credentials: { username: 'a"b\\c', password: 'p' },
    random: new SeededRandom(1),
  });
  const first = request();
  const next = authorized(of, first, challenged(first, 401, [www('Digest realm="x\\"y", nonce="n"')]));
  assert.match(next.header('Authorization') ?? '', /username="a\\"b\\\\c", realm="x\\"y"/);
});

test.run();
