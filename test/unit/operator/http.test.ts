import * as assert from 'uvu/assert';
import { SystemClock } from '#src/base/clock.ts';
import { operatorSchema } from '#src/base/config/operator-schema.ts';
import { settle } from '#src/base/config/settings.ts';
import { fromJson } from '#src/base/config/toml.ts';
import { TandemError } from '#src/base/errors.ts';
import { silentLogger } from '#src/base/log.ts';
import { SystemRandom } from '#src/base/random.ts';
import { Operator } from '#src/operator/operator.ts';
import { suite } from '#test/support/suite.ts';
import { FakeMedia } from '../call/harness.ts';

const test = suite('operator/http');

async function start(web: Readonly<Record<string, unknown>> = {}): Promise<Operator> {
  const tree = fromJson({
    listen: { sip: ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0'], domain: 'op.example' },
    phones: [{ id: 'phone', uri: 'sip:friend@op.example' }],
    web: { listen: '127.0.0.1:0', ...web },
  });
  if (tree.kind !== 'table') throw new Error('no table');
  const { config } = settle(operatorSchema, [{ origin: 'file', file: 'test.toml', tree }]);
  return Operator.start(config, {
    clock: new SystemClock(),
    random: new SystemRandom(),
    log: silentLogger(),
    media: new FakeMedia(),
  });
}

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

async function ask(
  operator: Operator,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const response = await fetch(`${operator.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

const idOf = (reply: Reply): unknown => (reply.body as { error?: { id?: string } }).error?.id;

test('registrations, phones and faults, under both names', async () => {
  const operator = await start();
  try {
    for (const path of ['/registrations', '/api/v1/registrations']) {
      const { status, body } = await ask(operator, path);
      assert.is(status, 200);
      assert.ok(Array.isArray(body));
    }
    const told = await ask(operator, '/phones/phone/decline', { status: 603 });
    assert.is(told.status, 200);
    assert.is((told.body as { behaviour: string }).behaviour, 'decline');
    const faults = await ask(operator, '/api/v1/faults', {
      register_status: 503,
      retry_after: 5,
      once: true,
    });
    assert.equal(faults.body, {
      ...{ register_status: 503, invite_status: null, retry_after: 5, once: true },
      ...{ silent: false, stale: false, wrong_rspauth: false, delay: null },
      ...{ contacts: [], min_se: null, min_expires: null, warning: null, reason: null, alternative: null },
    });
    assert.is(
      ((await ask(operator, '/faults', { register_status: null })).body as { register_status: null })
        .register_status,
      null,
    );
  } finally {
    await operator.stop();
  }
});

test('wrong requests are named: unknown key 400, unknown phone or registration 404', async () => {
  const operator = await start();
  try {
    assert.is((await ask(operator, '/phones/phone/call', {})).status, 400);
    assert.is((await ask(operator, '/faults', { register_status: '503' })).status, 400);
    assert.is((await ask(operator, '/faults', { nonsense: 1 })).status, 400);
    assert.is(idOf(await ask(operator, '/phones/nobody/answer', {})), 'not-found');
    assert.is((await ask(operator, '/faults', { deregister: { id: 'c99', event: 'rejected' } })).status, 404);
    assert.is((await ask(operator, '/faults', { deregister: { event: 'rejected' } })).status, 400);
    assert.is((await ask(operator, '/nowhere')).status, 404);
  } finally {
    await operator.stop();
  }
});

test('with a token nothing is open; without one only loopback serves', async () => {
  const operator = await start({ token: 'abcdefgh12345678' });
  try {
    assert.is((await ask(operator, '/registrations')).status, 401);
    const right = { authorization: 'Bearer abcdefgh12345678' };
    assert.is((await ask(operator, '/registrations', undefined, right)).status, 200);
  } finally {
    await operator.stop();
  }
  try {
    await start({ listen: '0.0.0.0:0' });
    assert.unreachable();
  } catch (error) {
    assert.ok(TandemError.is(error, 'config.invalid'));
  }
});

test('services, policy and conferences are changed and told while the network runs', async () => {
  const operator = await start();
  try {
    const path = `/services/${encodeURIComponent('sip:friend@op.example')}`;
    const before = (await ask(operator, path)).body as Record<string, unknown>;
    assert.equal([before.cfu, before.barred, before.notify], [null, [], true]);
    const set = (await ask(operator, path, { cfu: 'sip:b@op.example', barred: ['baic'] })).body;
    assert.equal(set, { ...before, cfu: 'sip:b@op.example', barred: ['baic'] });
    // What is not named stays; null takes back.
    const again = (await ask(operator, path, { cfu: null })).body;
    assert.equal(again, { ...before, barred: ['baic'] });
    assert.is((await ask(operator, path, { cfu: 'no uri' })).status, 400);
    assert.is((await ask(operator, path, { barred: ['everything'] })).status, 400);
    assert.is((await ask(operator, '/services/sip:nobody@op.example', {})).status, 404);
    const policy = (await ask(operator, '/policy', { fork: 'sequence', country: 'de' })).body as Record<
      string,
      unknown
    >;
    assert.equal([policy.fork, policy.country, policy.busy_everywhere], ['sequence', 'DE', false]);
    assert.is((await ask(operator, '/policy', { fork: 'parallel', country: 'XX' })).status, 400);
    assert.is(
      ((await ask(operator, '/policy')).body as { fork: string }).fork,
      'sequence',
      'whole or not at all',
    );
    assert.equal((await ask(operator, '/conferences')).body, []);
  } finally {
    await operator.stop();
  }
});

test.run();
