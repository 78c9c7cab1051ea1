import { connect } from 'node:net';
import * as assert from 'uvu/assert';
import { readServices } from '#src/services/ut/document.ts';
import { listenError } from '#src/web/errors.ts';
import { suite } from '#test/support/suite.ts';
import { SAMPLE } from '../services/ut/samples.ts';
import { call, errorId, Rig, STATUS, TOKEN } from './rig.ts';

const test = suite('web/api');
let rig: Rig;
test.before(async () => {
  rig = await Rig.start();
});
test.after(() => rig.stop());

const BEARER = { authorization: `Bearer ${TOKEN}` };
const JSON_BODY = { ...BEARER, 'content-type': 'application/json' };

/** Every route of the contract, with a body that it takes. */
const ROUTES: readonly [method: string, path: string, body?: object][] = [
  ['GET', '/api/v1/status'],
  ['POST', '/api/v1/calls', { to: 'sip:b@op.example' }],
  ['GET', '/api/v1/calls'],
  ['GET', '/api/v1/calls/x'],
  ['GET', '/api/v1/services'],
  ['PATCH', '/api/v1/services', {}],
  ['POST', '/api/v1/calls/x/answer', {}],
  ['POST', '/api/v1/calls/x/reject', {}],
  ['POST', '/api/v1/calls/x/hangup', {}],
  ['POST', '/api/v1/calls/x/hold', {}],
  ['POST', '/api/v1/calls/x/resume', {}],
  ['POST', '/api/v1/calls/x/dtmf', { digits: '1' }],
  ['POST', '/api/v1/calls/x/transfer', { to: 'sip:c@op.example' }],
  ['POST', '/api/v1/calls/x/conference', { calls: ['y'] }],
  ['POST', '/api/v1/calls/x/video', { enabled: true }],
  ['GET', '/api/v1/federation/calls'],
  ['POST', '/api/v1/federation/calls/x/pull', {}],
  ['POST', '/api/v1/calls/x/push', { instance: 'urn:x:y' }],
  ['GET', '/api/v1/log'],
  ['GET', '/api/v1/messages'],
  ['POST', '/api/v1/messages', { to: 'sip:b@op.example', text: 'hi' }],
  ['GET', '/api/v1/identities'],
  ['GET', '/api/v1/buttons'],
  ['POST', '/api/v1/buttons/x/press'],
  ['PATCH', '/api/v1/identities/x', { active: true }],
  ['GET', '/api/v1/config'],
  ['PATCH', '/api/v1/config', {}],
  ['GET', '/api/v1/events'],
  ['GET', '/api/v1/trace'],
  ['GET', '/api/v1/openapi.json'],
  ['GET', '/metrics'],
];

test('every route needs the token', async () => {
  const strangers = [
    {},
    { authorization: 'Bearer wrong' },
    { authorization: `Basic ${TOKEN}` },
    { authorization: 'Bearer' },
    { cookie: 'tandem_80=x' },
  ];
  for (const [method, path, body] of [
    ...ROUTES,
    ['GET', '/'],
    ['GET', '/page.js'],
    ['GET', '/none'],
    ['GET', '/%zz'],
    ['DELETE', '/api/v1/status'],
    ['POST', '/api/v1/link'],
  ] as typeof ROUTES)
    for (const headers of strangers) {
      const answer = await rig.raw(
        method,
        path,
        { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) },
        body ? JSON.stringify(body) : undefined,
      );
      assert.is(answer.status, 401, `${method} ${path}`);
      assert.is(errorId(answer.text), 'unauthorized');
    }
  assert.is(rig.asked.length, 0, 'nothing reached the agent');
});

test('no route is there without a shape of error', async () => {
  for (const [method, path] of [
    ['GET', '/api/v1/none'],
    ['POST', '/api/v1/calls/x/none'],
    ['GET', '/'.repeat(3)],
  ] as const) {
    const answer = await rig.raw(method, path, BEARER);
    assert.is(answer.status, 404, path);
    assert.is(errorId(answer.text), 'not-found');
  }
});

test('the wrong method, media type, size, JSON', async () => {
  const wrong = await rig.raw('DELETE', '/api/v1/status', BEARER);
  assert.equal([wrong.status, errorId(wrong.text), wrong.headers.allow], [405, 'method', 'GET, HEAD']);
  const table: readonly [number, Record<string, string>, string | Buffer][] = [
    [415, { ...BEARER, 'content-type': 'text/plain' }, '{"to":"x"}'],
    [415, { ...BEARER, 'content-type': 'application/x-www-form-urlencoded' }, 'to=x'],
    [415, BEARER, '{"to":"x"}'],
    [413, JSON_BODY, JSON.stringify({ to: 'x'.repeat(100_000) })],
    [400, JSON_BODY, '{"to":'],
    [400, JSON_BODY, '{"to":"x"} x'],
    [400, JSON_BODY, Buffer.from([0x22, 0xff, 0x22])],
    [400, JSON_BODY, '{"to":"x","__proto__":{"video":true}}'],
    [400, JSON_BODY, '[]'],
    [400, JSON_BODY, 'null'],
    [400, JSON_BODY, '"x"'],
    [400, JSON_BODY, ''],
  ];
  for (const [status, headers, body] of table) {
    const answer = await rig.raw('POST', '/api/v1/calls', headers, body);
    assert.is(answer.status, status, `${JSON.stringify(headers)} ${body.toString().slice(0, 50)}`);
    assert.ok(errorId(answer.text));
  }
});

test('bytes that are no HTTP get the shape as well', async () => {
  const text = await new Promise<string>((resolve) => {
    const socket = connect(Number(new URL(rig.server.url).port), '127.0.0.1', () =>
      socket.write('NOT HTTP AT ALL\r\n\r\n'),
    );
    let all = '';
    socket.on('data', (part) => {
      all += part;
    });
    socket.on('close', () => resolve(all));
  });
  assert.match(text, /^HTTP\/1\.1 400 /);
  assert.is(errorId(text.split('\r\n\r\n')[1] ?? ''), 'bad-request');
});

test('unknown keys and wrong types are 400; nothing is coerced', async () => {
  rig.calls.set('x', call('x'));
  rig.asked.length = 0;
  const table: readonly [string, string, object][] = [
    ['POST', 'calls', {}],
    ['POST', 'calls', { to: 5 }],
    ['POST', 'calls', { to: '' }],
    ['POST', 'calls', { to: ['sip:x'] }],
    ['POST', 'calls', { to: 'sip:x', nope: 1 }],
    ['POST', 'calls', { to: 'sip:x', video: 'true' }],
    ['POST', 'calls', { to: 'sip:x', video: 1 }],
    ['POST', 'calls', { to: 'sip:x', privacy: null }],
    ['POST', 'calls/x/answer', { others: 'x' }],
    ['POST', 'calls/x/reject', { a: 1 }],
    ['POST', 'calls/x/dtmf', { digits: 12 }],
    ['POST', 'calls/x/dtmf', { digits: '12x' }],
    ['POST', 'calls/x/dtmf', {}],
    ['POST', 'messages', { to: 'x' }],
    ['PATCH', 'identities/x', { active: 'yes' }],
    ['PATCH', 'config', { nope: 1 }],
    ['PATCH', 'config', { call: { nope: 1 } }],
    ['PATCH', 'config', { call: { waiting: 'yes' } }],
  ];
  for (const [method, path, body] of table) {
    const answer = await rig.api(method, path, body);
    assert.is(answer.status, 400, `${path} ${JSON.stringify(body)}`);
    assert.ok(errorId(JSON.stringify(answer.body)));
  }
  assert.is(rig.asked.length, 0, 'nothing reached the agent');
});

test('what is wrong with a request is told in words', async () => {
  for (const [method, path, body, sentence] of [
    ['POST', 'calls', {}, '"to" is missing.'],
    ['POST', 'calls', { to: 5 }, '"to" must be a string.'],
    ['POST', 'calls', { to: '' }, '"to" is empty.'],
    ['POST', 'calls', { to: 'x', colour: 1 }, '"colour" is unknown.'],
    ['POST', 'calls', [], 'What is sent must be an object.'],
    ['POST', 'calls/x/answer', { others: 'x' }, '"others" must be "hold" or "end".'],
    ['POST', 'calls/x/transfer', {}, '"to" is missing, or "call" is missing.'],
    [
      'PATCH',
      'config',
      { call: { dnd: 'yes' } },
      '"call.dnd" must be a boolean, or "call.dnd" must be an object.',
    ],
    ['PATCH', 'config', { call: { x: 1 } }, '"call.x" is unknown.'],
    ['GET', 'trace?format=x', undefined, '"format" must be "ladder" or "pcap".'],
  ] as const) {
    const answer = await rig.api(method, path, body);
    const { message } = (answer.body as { error: { message: string } }).error;
    assert.equal([answer.status, message], [400, sentence], `${path} ${JSON.stringify(body)}`);
  }
});

test('unknown query parameters and values are 400', async () => {
  for (const path of [
    'status?x=1',
    'calls?limit=1',
    'log?limit=0',
    'log?limit=-1',
    'log?limit=1.5',
    'log?limit=ten',
    'log?limit=1&limit=2',
    'log?before=',
    'trace?format=xml',
    'trace?x',
    'events?token=x',
  ]) {
    const answer = await rig.api('GET', path);
    assert.is(answer.status, 400, path);
  }
});

test('calls: made, listed, acted on; 404, 409, 503', async () => {
  rig.calls.clear();
  rig.asked.length = 0;
  const made = await rig.api('POST', 'calls', { to: 'sip:b@op.example', privacy: true });
  assert.equal([made.status, made.body], [201, call('new', 'dialing')]);
  assert.equal(rig.asked, [['dial', { to: 'sip:b@op.example', privacy: true }]]);
  rig.calls.set('x', call('x'));
  assert.equal((await rig.api('GET', 'calls')).body, [call('new', 'dialing'), call('x')]);
  assert.equal((await rig.api('GET', 'calls/x')).body, call('x'));
  assert.is((await rig.api('GET', 'calls/none')).status, 404);
  assert.is((await rig.api('POST', 'calls/none/hangup')).status, 404);
  assert.is((await rig.api('POST', 'calls/none/hold')).status, 404);
  assert.is((await rig.api('POST', 'calls/x/hangup')).status, 409);
  assert.is((await rig.api('POST', 'calls/x/hold')).status, 409);
  assert.equal((await rig.api('POST', 'calls/x/answer', { video: true })).body, call('x', 'active'));
  assert.equal(rig.asked.at(-1), ['answer', 'x', { video: true }]);
  assert.equal((await rig.api('POST', 'calls/x/hold')).body, call('x', 'active'));
  assert.equal((await rig.api('POST', 'calls/x/resume')).body, call('x', 'active'));
  assert.is((await rig.api('POST', 'calls/x/resume', { now: true })).status, 400);
  assert.is((await rig.api('POST', 'calls/x/video', { enabled: false })).status, 200);
  assert.equal(rig.asked.at(-1), ['video', 'x', false]);
  assert.is((await rig.api('POST', 'calls/x/video', {})).status, 400);
  assert.is((await rig.api('POST', 'calls/x/dtmf', { digits: '1*a' })).status, 200);
  assert.equal(rig.asked.at(-1), ['dtmf', 'x', '1*A']);
  assert.equal((await rig.api('POST', 'calls/x/hangup', {})).body, call('x', 'ended'));
  assert.is((await rig.api('POST', 'calls', { to: 'bad' })).status, 400);
  assert.is((await rig.api('POST', 'calls', { to: 'offline' })).status, 503);
  assert.is((await rig.api('POST', 'calls', { to: 'sip:x', video: true })).status, 201);
  assert.equal(rig.asked.at(-1), ['dial', { to: 'sip:x', video: true }]);
});

test('our own defect is 500 and tells nothing of the inside', async () => {
  const answer = await rig.api('POST', 'calls', { to: 'defect' });
  assert.is(answer.status, 500);
  assert.not.match(JSON.stringify(answer.body), /secret inside/);
});

test('what the contract knows and we cannot do is 503, not 404', async () => {
  for (const [method, path, body] of ROUTES.filter(([, path]) => /messages$/.test(path))) {
    const answer = await rig.raw(
      method,
      path,
      body ? JSON_BODY : BEARER,
      body ? JSON.stringify(body) : undefined,
    );
    assert.equal([answer.status, errorId(answer.text)], [503, 'not-available'], path);
  }
});

test('calls on other devices are listed and taken; what cannot be taken is 404 or 409', async () => {
  rig.federationCalls = [
    {
      ...{ id: 'f1', instance: 'urn:uuid:2', uri: 'sip:phone@192.0.2.5', direction: 'in', state: 'active' },
      ...{ remote: { uri: 'sip:b@op.example' }, since: '2026-01-01T00:00:00.000Z', pullable: true },
    },
    {
      ...{ id: 'ringing', uri: 'sip:phone@192.0.2.5', direction: 'out', state: 'ringing' },
      ...{ remote: { uri: 'sip:b@op.example' }, since: '2026-01-01T00:00:01.000Z', pullable: false },
    },
  ];
  assert.equal((await rig.api('GET', 'federation/calls')).body, rig.federationCalls);
  const taken = await rig.api('POST', 'federation/calls/f1/pull');
  assert.equal([taken.status, taken.body], [200, call('pulled', 'dialing')]);
  const wrong = await rig.api('POST', 'federation/calls/ringing/pull', {});
  assert.is(wrong.status, 409);
  assert.match(JSON.stringify(wrong.body), /federation\.not-pullable/);
  const unknown = await rig.api('POST', 'federation/calls/nobody/pull');
  assert.is(unknown.status, 404);
  assert.match(JSON.stringify(unknown.body), /federation\.unknown/);
  assert.is((await rig.api('POST', 'federation/calls/f1/pull', { now: true })).status, 400);
  assert.is((await rig.api('POST', 'federation/calls/f1/decline')).status, 200);
  assert.is((await rig.api('POST', 'federation/calls/nobody/decline')).status, 404);
});

test('a call is pushed to a device of the number, and to no other', async () => {
  rig.calls.set('p1', call('p1', 'active'));
  const pushed = await rig.api('POST', 'calls/p1/push', { instance: 'urn:uuid:2' });
  assert.equal([pushed.status, pushed.body], [200, call('p1', 'active')]);
  assert.equal(rig.asked.at(-1), ['push', 'p1', 'urn:uuid:2']);
  assert.is((await rig.api('POST', 'calls/p1/push', { instance: 'urn:uuid:nobody' })).status, 404);
  assert.is((await rig.api('POST', 'calls/nobody/push', { instance: 'urn:uuid:2' })).status, 404);
  assert.is((await rig.api('POST', 'calls/p1/push', {})).status, 400);
});

test('the mailbox is shown as the network told', async () => {
  assert.equal((await rig.api('GET', 'messages-waiting')).body, {
    known: false,
    waiting: false,
    messages: [],
  });
  rig.mailbox = {
    ...{ known: true, waiting: true, account: 'sip:box@op.example', at: '2026-01-01T00:00:00.000Z' },
    messages: [{ kind: 'voice', new: 2, old: 8, urgent_new: 0, urgent_old: 2 }],
  };
  assert.equal((await rig.api('GET', 'messages-waiting')).body, rig.mailbox);
});

test('services in the network are shown and switched, and what the network says no to is told', async () => {
  assert.is((await rig.api('GET', 'services')).status, 503);
  assert.is((await rig.api('PATCH', 'services', { call_waiting: true })).status, 409);
  const read = readServices(Buffer.from(SAMPLE));
  if (!read.ok) throw new Error(read.error);
  rig.services = read.value;
  const { status, body } = await rig.api('GET', 'services');
  assert.is(status, 200);
  const { switches, ...view } = read.value;
  assert.equal(body, { open: true, ...view, ...switches });
  const wish = { forwarding: { busy: { active: true, target: '070' } }, barring: { all_incoming: true } };
  assert.is((await rig.api('PATCH', 'services', { ...wish, hide_number: true })).status, 200);
  assert.equal(rig.asked.at(-1), ['services', { ...wish, switches: { hide_number: true } }]);
  for (const wrong of [
    { forwarding: { never: {} } },
    { forwarding: { busy: { active: 1 } } },
    { no_reply_seconds: 4 },
    { barring: { all_incoming: 'yes' } },
    { anything: true },
  ])
    assert.is((await rig.api('PATCH', 'services', wrong)).status, 400, JSON.stringify(wrong));
});

test('a button is pressed, and none that nobody knows', async () => {
  assert.equal((await rig.api('GET', 'buttons')).body, ['bell']);
  assert.is((await rig.api('POST', 'buttons/bell/press')).status, 201);
  assert.is((await rig.api('POST', 'buttons/other/press')).status, 404);
  assert.is((await rig.api('POST', 'buttons/bell/press', { hard: true })).status, 400);
});

test('an identity is switched, and none that nobody knows', async () => {
  const identity = `identities/${encodeURIComponent('sip:a@op.example')}`;
  rig.asked.length = 0;
  const answer = await rig.api('PATCH', identity, { active: false });
  assert.is(answer.status, 200);
  assert.equal(answer.body, {
    id: 'sip:a@op.example',
    uri: 'sip:a@op.example',
    kind: 'default',
    active: true,
  });
  assert.equal(rig.asked, [['identity', 'sip:a@op.example', false]]);
  assert.is((await rig.api('PATCH', 'identities/none', { active: true })).status, 404);
  assert.is((await rig.api('PATCH', identity, {})).status, 400);
  assert.is((await rig.api('PATCH', identity, { active: 1 })).status, 400);
});

test('status, identities, log, config', async () => {
  assert.equal((await rig.api('GET', 'status')).body, STATUS);
  assert.equal((await rig.api('GET', 'identities')).body, [
    { id: 'sip:a@op.example', uri: 'sip:a@op.example', kind: 'default', active: true },
  ]);
  rig.asked.length = 0;
  assert.equal((await rig.api('GET', 'log')).body, []);
  assert.is((await rig.api('GET', 'log?before=a&limit=1000')).status, 200);
  assert.is((await rig.api('GET', 'log?before=nobody')).status, 404);
  assert.equal(rig.asked, [
    ['log', undefined, 100],
    ['log', 'a', 1000],
    ['log', 'nobody', 100],
  ]);
  assert.equal((await rig.api('PATCH', 'config', { call: { waiting: false, ring_seconds: null } })).body, {
    call: { waiting: false, ring_seconds: null },
  });
});

test('metrics are Prometheus text with help', async () => {
  const { text, headers } = await rig.raw('GET', '/metrics', BEARER);
  assert.match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/);
  assert.match(text, /^# HELP tandem_calls_total Calls\.\\nAll\.$/m);
  assert.match(text, /^# TYPE tandem_calls_total counter$/m);
  assert.match(text, /^tandem_calls_total\{direction="in\\""\} 2$/m);
});

test('every answer carries the security headers', async () => {
  for (const [path, headers] of [
    ['/api/v1/status', BEARER],
    ['/none', BEARER],
    ['/', {}],
  ] as const) {
    const answer = await rig.raw('GET', path, headers);
    assert.match(String(answer.headers['content-security-policy']), /default-src 'none'/);
    assert.is(answer.headers['x-content-type-options'], 'nosniff');
    assert.is(answer.headers['access-control-allow-origin'], undefined);
  }
});

test('openapi.json describes every route', async () => {
  const { body } = await rig.api('GET', 'openapi.json');
  // The tests below read it like any JSON.
  const api = body as {
    openapi: string;
    paths: Record<
      string,
      Record<string, { operationId: string; parameters?: { name: string; in: string }[]; responses: object }>
    >;
  };
  assert.match(api.openapi, /^3\.0\./);
  for (const [method, path] of ROUTES) {
    const known = Object.keys(api.paths).some(
      (one) =>
        method.toLowerCase() in (api.paths[one] ?? {}) &&
        new RegExp(`^${one.replace(/\{\w+\}/g, '[^/]+')}$`).test(path),
    );
    assert.ok(known, `${method} ${path}`);
  }
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation) => ({ path, operation })),
  );
  const ids = operations.map(({ operation }) => operation.operationId);
  assert.is(new Set(ids).size, ids.length);
  for (const { path, operation } of operations) {
    const wanted = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const given = (operation.parameters ?? []).filter((one) => one.in === 'path').map(({ name }) => name);
    assert.equal(given, wanted, path);
    assert.ok(Object.keys(operation.responses).length > 1);
  }
  assert.not.match(JSON.stringify(body), /"const"/);
});

test('a web address that is taken is called so', () => {
  const taken = Object.assign(new Error('listen'), { code: 'EADDRINUSE' });
  const error = listenError('127.0.0.1:8080', taken);
  assert.is(error.id, 'web.listen');
  assert.is(error.message, 'The web address 127.0.0.1:8080 is already in use by another program.');
  assert.equal(error.detail, { address: '127.0.0.1:8080', code: 'EADDRINUSE' });
});

test.run();
