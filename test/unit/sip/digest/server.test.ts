// Client against server: every algorithm with every qop, and each way to be refused.
import * as assert from 'uvu/assert';
import { VirtualClock } from '#src/base/clock.ts';
import { SeededRandom } from '#src/base/random.ts';
import { Milliseconds, Seconds } from '#src/base/units.ts';
import { DIGEST_ALGORITHMS } from '#src/sip/digest/algorithms.ts';
import { DigestClient } from '#src/sip/digest/client.ts';
import { DigestServer, type DigestServerOptions } from '#src/sip/digest/server.ts';
import { type SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { suite } from '#test/support/suite.ts';
import { challenged, credentials, request } from './help.ts';

const test = suite('sip/digest/server');

function setup(options: Partial<DigestServerOptions> = {}, password = 'grün') {
  const clock = new VirtualClock();
  const server = new DigestServer({
    realm: 'operator.example',
    password: (user) => (user === 'alice' ? 'grün' : undefined),
    clock,
    random: new SeededRandom(7),
    ...options,
  });
  const client = new DigestClient({
    credentials: { username: 'alice', password },
    random: new SeededRandom(8),
  });
  const answer = (from: SipRequest, stale = false): SipRequest => {
    const result = client.authorize(from, challenged(from, 401, server.challenge('www', { stale })));
    if (!result.ok) throw result.error;
    return result.value;
  };
  return { clock, server, client, answer };
}

for (const { name } of DIGEST_ALGORITHMS) {
  for (const qop of [[], ['auth'], ['auth-int']] as const) {
    test(`${name} with ${qop[0] ?? 'no qop'}: request, rspauth, next nonce`, () => {
      const { server, client, answer } = setup({ algorithms: [name], qop });
      let current = answer(request('MESSAGE', 'sip:bob@operator.example', 'hello'));
      for (let turn = 0; turn < 3; turn += 1) {
        const verdict = server.verify(current, 'www');
        assert.is(verdict.outcome, 'ok');
        if (verdict.outcome !== 'ok') return;
        const body = Buffer.from('answer');
        const response = SipResponse.reply(current, 200, {
          headers: [verdict.info({ body, nextNonce: true })],
          body,
        });
        assert.ok(client.verify(current, response).ok);
        current = request('MESSAGE', 'sip:bob@operator.example', 'again');
        client.preempt(current);
      }
    });
  }
}

test('the proxy kind uses its own header fields', () => {
  const { server, client } = setup();
  const first = request('INVITE', 'sip:bob@operator.example');
  const next = client.authorize(first, challenged(first, 407, server.challenge('proxy')));
  assert.ok(next.ok);
  if (!next.ok) return;
  assert.is(server.verify(next.value, 'www').outcome, 'missing');
  const verdict = server.verify(next.value, 'proxy');
  assert.is(verdict.outcome, 'ok');
  if (verdict.outcome === 'ok') assert.is(verdict.info()[0], 'Proxy-Authentication-Info');
});

test('a body that was changed on the way fails auth-int', () => {
  const { server, answer } = setup({ qop: ['auth-int'] });
  const next = answer(request('MESSAGE', 'sip:bob@operator.example', 'hello'));
  next.body = Buffer.from('hullo');
  assert.equal(server.verify(next, 'www'), { outcome: 'rejected', reason: 'password' });
});

test('no credentials, and those that only name the user', () => {
  const { server, client } = setup();
  const first = request();
  assert.equal(server.verify(first, 'www'), { outcome: 'missing' });
  client.announce(first);
  assert.equal(server.verify(first, 'www'), { outcome: 'missing', username: 'alice' });
});

test('a wrong password, user, uri, nonce and algorithm are refused', () => {
  const wrong = setup({}, 'rot');
  assert.equal(wrong.server.verify(wrong.answer(request()), 'www'), {
    outcome: 'rejected',
    reason: 'password',
  });
  const { server, answer } = setup();
  const change = (pattern: RegExp, by: string): SipRequest => {
    const next = answer(request());
    next.headers.set('Authorization', (next.header('Authorization') ?? '').replace(pattern, by));
    return next;
  };
  const reason = (from: SipRequest): string => {
    const verdict = server.verify(from, 'www');
    return verdict.outcome === 'rejected' ? verdict.reason : verdict.outcome;
  };
  assert.is(reason(change(/username="alice"/, 'username="mallory"')), 'user');
  assert.is(reason(change(/uri="[^"]*"/, 'uri="sip:elsewhere.example"')), 'uri');
  assert.is(reason(change(/nonce="./, 'nonce="_')), 'nonce');
  assert.is(reason(change(/algorithm=SHA-256/, 'algorithm=SHA-512-256')), 'algorithm');
  assert.is(reason(change(/response="[^"]*"/, 'response="short"')), 'password');
  assert.is(reason(change(/realm="[^"]*"/, 'realm="other"')), 'missing');
});

test('a server may know more names of itself than the Request-URI: SIPp writes the address it sends to', () => {
  const known = new Set(['sip:operator.example', 'sip:192.0.2.7:5060']);
  const { server, client } = setup({ sameUri: (uri) => known.has(uri.toString()) });
  for (const [target, outcome] of [
    ['sip:192.0.2.7:5060', 'ok'],
    ['sip:elsewhere.example', 'rejected'],
  ] as const) {
    // The credentials are worked out for that name, then put into a request to the domain.
    const named = request('REGISTER', target);
    const made = client.authorize(named, challenged(named, 401, server.challenge('www')));
    assert.ok(made.ok);
    const sent = request();
    if (made.ok) sent.headers.set('Authorization', made.value.header('Authorization') ?? '');
    assert.is(server.verify(sent, 'www').outcome, outcome);
  }
});

test('an old nonce is stale, and the client goes on with a new one', () => {
  const { clock, server, answer, client } = setup({ lifetime: Seconds(60) });
  const first = answer(request());
  assert.is(server.verify(first, 'www').outcome, 'ok');
  return clock.advance(Milliseconds(61_000)).then(() => {
    const later = request();
    client.preempt(later);
    assert.equal(server.verify(later, 'www'), { outcome: 'stale', username: 'alice' });
    assert.is(server.verify(answer(later, true), 'www').outcome, 'ok');
  });
});

test('a count that was used is stale; counts may overtake each other', () => {
  const { server, client, answer } = setup();
  const first = answer(request());
  const [second, third] = [request(), request()];
  client.preempt(second);
  client.preempt(third);
  assert.is(server.verify(third, 'www').outcome, 'ok');
  assert.is(server.verify(second, 'www').outcome, 'ok');
  assert.is(server.verify(first, 'www').outcome, 'ok');
  assert.is(server.verify(second, 'www').outcome, 'stale');
  assert.equal(
    credentials(third).map(({ nc }) => nc),
    ['00000003'],
  );
});

test('challenges come in the order of preference', () => {
  const { server } = setup({ algorithms: ['SHA-512-256', 'SHA-256', 'MD5'] });
  const names = server
    .challenge('www', { stale: true })
    .map(([, value]) => /algorithm=([^,]+)/.exec(value)?.[1]);
  assert.equal(names, ['SHA-512-256', 'SHA-256', 'MD5']);
  assert.match(server.challenge('www', { stale: true })[0]?.[1] ?? '', /stale=true/);
});

test.run();
