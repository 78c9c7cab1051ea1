// RFC 3261 8.1, 13.2, 22, RFC 3263 4.3: requests of ours, their tries, forks and ACKs.
import * as assert from 'uvu/assert';
import { SeededRandom } from '#src/base/random.ts';
import { Dialog } from '#src/sip/dialog/dialog.ts';
import { DigestClient } from '#src/sip/digest/client.ts';
import { DigestServer } from '#src/sip/digest/server.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import type { Target } from '#src/sip/transport/address.ts';
import { SENDING_STATES, SENDING_TABLE, sendingRow } from '#src/sip/ua/sending-table.ts';
import { suite } from '#test/support/suite.ts';
import { leaks, NOTHING, type Rig, request, rig, SCRIPT_HOST, send, status } from './help.ts';

const test = suite('sip/ua/sending');
const SCRIPT = `sip:s@${SCRIPT_HOST}`;
const at = (host: string): Target => ({ transport: 'udp', host, port: 5060 });
const credentials = { username: 'alice', password: 'pw' };

const inRig = (title: string, body: (at: Rig) => Promise<void>): void =>
  test(title, async () => {
    const each = await rig();
    await body(each);
    await each.stop();
  });

test('the table: every state is reachable, no row stands twice, over is the end', () => {
  const reached = new Set(['locating', ...SENDING_TABLE.map(({ next }) => next)]);
  for (const state of SENDING_STATES) assert.ok(reached.has(state), state);
  for (const row of SENDING_TABLE)
    assert.is(sendingRow(row.state, row.event), row, `${row.state} ${row.event}`);
  assert.not(SENDING_TABLE.some(({ state }) => state === 'over'));
  assert.ok(SENDING_TABLE.every(({ clause }) => /^RFC \d+ \d/.test(clause)));
});

test('the table: a cancelled request is never tried again, and a 2xx is never lost', () => {
  for (const state of ['cancel held', 'cancelling'] as const)
    assert.is(sendingRow(state, 'again'), undefined);
  for (const state of ['calling', 'proceeding', 'cancel held', 'cancelling', 'answered'] as const) {
    assert.ok(sendingRow(state, '2xx')?.actions.includes('pass'), state);
  }
});

inRig('every kind of final answer comes to the owner once', async ({ alice, script, advance }) => {
  for (const code of [200, 302, 404, 486, 500, 603]) {
    script.answer = (incoming) => script.reply(incoming, code);
    const told = send(alice, request('MESSAGE', SCRIPT));
    await advance(100);
    assert.equal(status(told), [code]);
  }
});

inRig(
  'what leaves carries the product and passes the hook, with the way it goes',
  async ({ alice, script, advance }) => {
    const seen: string[] = [];
    alice.ua.decorate = (message, to) => {
      seen.push(`${'method' in message ? message.method : message.status} ${to.transport}`);
      message.headers.add('P-Test', 'yes');
    };
    send(alice, request('MESSAGE', SCRIPT));
    await advance(10);
    assert.equal(seen, ['MESSAGE udp']);
    assert.is(script.requests[0]?.header('P-Test'), 'yes');
    assert.is(script.requests[0]?.header('User-Agent'), 'Test/1');
  },
);

inRig('the first loose Route decides the way, a strict one does not', async ({ alice, script, advance }) => {
  send(alice, request('MESSAGE', 'sip:far@198.51.100.9', [['Route', `<sip:${SCRIPT_HOST};lr>`]]));
  send(alice, request('MESSAGE', SCRIPT, [['Route', '<sip:198.51.100.9>']]));
  await advance(10);
  assert.equal(
    script.of('MESSAGE').map(({ requestUri }) => requestUri.toString()),
    ['sip:far@198.51.100.9', SCRIPT],
  );
});

inRig('a tel number without a server has no way', async ({ alice, advance }) => {
  const told = send(alice, request('MESSAGE', 'tel:+46701'));
  await advance(10);
  assert.equal(
    told.failures.map(({ id }) => id),
    ['sip.no-route'],
  );
});

inRig('503 goes to the next address, which Retry-After marks', async ({ alice, bob, script, advance }) => {
  alice.resolver.names.set('two.example', [at(SCRIPT_HOST), bob.target]);
  script.answer = (incoming) => script.reply(incoming, 503, 't', [['Retry-After', '17']]);
  bob.ua.onRequest((incoming) => incoming.respond(200));
  const told = send(alice, request('MESSAGE', 'sip:x@two.example'));
  await advance(100);
  assert.equal(status(told), [200]);
  assert.equal(
    alice.resolver.failed.map(({ target, span }) => [target.host, Number(span)]),
    [[SCRIPT_HOST, 17]],
  );
  assert.is(alice.ua.counters.get('sip_failovers_total'), 1);
});

inRig('the last 503 is the answer when no address is left', async ({ alice, script, advance }) => {
  alice.resolver.names.set('two.example', [at(SCRIPT_HOST), at(SCRIPT_HOST)]);
  script.answer = (incoming) => script.reply(incoming, 503);
  const told = send(alice, request('MESSAGE', 'sip:x@two.example'));
  await advance(100);
  assert.equal(status(told), [503]);
  const branches = new Set(script.of('MESSAGE').map(({ topVia }) => topVia.branch));
  assert.is(branches.size, 2);
});

inRig('a dead port and a silent host go to the next address', async ({ alice, bob, advance }) => {
  bob.ua.onRequest((incoming) => incoming.respond(200));
  alice.resolver.names.set('dead.example', [{ ...bob.target, port: 9 }, bob.target]);
  const dead = send(alice, request('MESSAGE', 'sip:x@dead.example'));
  await advance(100);
  assert.equal(status(dead), [200]);
  alice.resolver.names.set('silent.example', [at(SCRIPT_HOST), bob.target]);
  const silent = send(alice, request('MESSAGE', 'sip:x@silent.example'));
  await advance(32_100);
  assert.equal(status(silent), [200]);
});

inRig('nobody there at all: sip.timeout', async ({ alice, advance }) => {
  const told = send(alice, request('MESSAGE', SCRIPT));
  await advance(32_100);
  assert.equal(
    told.failures.map(({ id }) => id),
    ['sip.timeout'],
  );
});

inRig('an INVITE that rings is not tried elsewhere', async ({ alice, bob, script, advance }) => {
  alice.resolver.names.set('two.example', [at(SCRIPT_HOST), bob.target]);
  script.answer = (incoming) => incoming.method === 'INVITE' && script.reply(incoming, 180);
  const told = send(alice, request('INVITE', 'sip:x@two.example'));
  await advance(200_000);
  assert.is(alice.ua.counters.get('sip_failovers_total'), 0);
  assert.is(told.sending.state, 'proceeding');
});

/** Challenges by a digest server until the credentials are right. */
function guard({ script, clock }: Rig, kind: 'www' | 'proxy', password = 'pw'): void {
  const server = new DigestServer({
    realm: 'r',
    password: () => password,
    clock,
    random: new SeededRandom(3),
  });
  script.answer = (incoming) => {
    if (incoming.method === 'ACK') return;
    const verdict = server.verify(incoming, kind);
    if (verdict.outcome === 'ok') script.reply(incoming, 200, 't', [verdict.info()]);
    else script.reply(incoming, kind === 'www' ? 401 : 407, 't', server.challenge(kind));
  };
}

for (const [method, kind] of [
  ['INVITE', 'proxy'],
  ['INVITE', 'www'],
  ['REGISTER', 'www'],
  ['MESSAGE', 'proxy'],
] as const) {
  inRig(`${method} challenged by ${kind}`, async (each) => {
    guard(each, kind);
    const digest = new DigestClient({ credentials, random: new SeededRandom(5) });
    const told = send(each.alice, request(method, SCRIPT), { digest });
    await each.advance(100);
    assert.equal(status(told), [200]);
    const sent = each.script.of(method);
    assert.equal(
      sent.map(({ cseq }) => cseq.number),
      [1, 2],
    );
    assert.is(new Set(sent.map(({ topVia }) => topVia.branch)).size, 2);
    assert.is(new Set(sent.map(({ callId, from }) => `${callId} ${from.tag}`)).size, 1);
    assert.is(told.sending.request.cseq.number, 2);
    const again = send(each.alice, request(method, SCRIPT), { digest });
    await each.advance(100);
    assert.equal(status(again), [200]);
    assert.is(each.script.of(method).length, 3);
  });
}

inRig('a wrong password: three tries, then auth.rejected', async (each) => {
  guard(each, 'www', 'other');
  const digest = new DigestClient({ credentials, random: new SeededRandom(5) });
  const told = send(each.alice, request('REGISTER', SCRIPT), { digest });
  await each.advance(100);
  assert.equal(
    told.failures.map(({ id }) => id),
    ['auth.rejected'],
  );
  assert.is(each.script.of('REGISTER').length, 4);
});

inRig(
  'without credentials the 401 is the answer; AKA is not supported',
  async ({ alice, script, advance }) => {
    script.answer = (incoming) =>
      script.reply(incoming, 401, 't', [
        ['WWW-Authenticate', 'Digest realm="r", nonce="n", algorithm=AKAv1-MD5'],
      ]);
    const plain = send(alice, request('REGISTER', SCRIPT));
    const digest = new DigestClient({ credentials, random: new SeededRandom(5) });
    const asked = send(alice, request('REGISTER', SCRIPT), { digest });
    await advance(100);
    assert.equal(status(plain), [401]);
    assert.equal(
      asked.failures.map(({ id }) => id),
      ['auth.unsupported'],
    );
  },
);

inRig('a server that cannot prove itself: auth.rspauth', async ({ alice, script, advance }) => {
  script.answer = (incoming) =>
    incoming.headers.has('Authorization')
      ? script.reply(incoming, 200, 't', [['Authentication-Info', `rspauth="${'0'.repeat(32)}"`]])
      : script.reply(incoming, 401, 't', [['WWW-Authenticate', 'Digest realm="r", nonce="n", qop="auth"']]);
  const digest = new DigestClient({ credentials, random: new SeededRandom(5) });
  const told = send(alice, request('REGISTER', SCRIPT), { digest });
  await advance(100);
  assert.equal(told.final, []);
  assert.equal(
    told.failures.map(({ id }) => id),
    ['auth.rspauth'],
  );
});

inRig('over TCP the answer to a challenge uses the same connection, and dies with it', async (each) => {
  guard(each, 'www');
  const digest = new DigestClient({ credentials, random: new SeededRandom(5) });
  const told = send(each.alice, request('REGISTER', `${SCRIPT};transport=tcp`), { digest });
  await each.advance(100);
  assert.equal(status(told), [200]);
  assert.is(each.alice.ua.transport.counters.get('sip_connections_opened_total'), 1);
});

inRig('40 forks: each provisional with its own tag, each 2xx once, each acknowledged', async (each) => {
  const { alice, script, advance } = each;
  const tags = Array.from({ length: 40 }, (_, index) => `fork${index}`);
  script.answer = (incoming) => {
    if (incoming.method !== 'INVITE') return;
    for (const tag of tags) script.reply(incoming, 180, tag);
    for (const tag of tags) script.reply(incoming, 200, tag);
  };
  const told = send(alice, request('INVITE', SCRIPT));
  await advance(50);
  assert.equal(
    told.provisional.map(({ to }) => to.tag),
    tags,
  );
  assert.equal(
    told.final.map(({ to }) => to.tag),
    tags,
  );
  for (const response of told.final) {
    alice.ua.ack(Dialog.uac(told.sending.request, response), told.sending.request);
  }
  await advance(50);
  assert.equal(
    script.of('ACK').map(({ to }) => to.tag),
    tags,
  );
  await advance(100_000);
  assert.equal(leaks(each), NOTHING);
});

inRig(
  'a repeated 2xx is acknowledged again with the very same ACK, and not told twice',
  async ({ alice, script, advance }) => {
    let invite: SipRequest | undefined;
    script.answer = (incoming) => {
      if (incoming.method !== 'INVITE') return;
      invite = incoming;
      script.reply(incoming, 200, 'one');
    };
    const told = send(alice, request('INVITE', SCRIPT));
    await advance(10);
    if (invite) script.reply(invite, 200, 'one');
    await advance(10);
    assert.is(script.of('ACK').length, 0, 'the owner has not acknowledged yet');
    const [response] = told.final;
    assert.ok(response);
    if (!response || !invite) return;
    alice.ua.ack(Dialog.uac(told.sending.request, response), told.sending.request, { body: 'v=0' });
    await advance(10);
    for (let turn = 0; turn < 3; turn += 1) script.reply(invite, 200, 'one');
    await advance(10);
    assert.is(told.final.length, 1);
    const acks = script.of('ACK').map((ack) => ack.toString());
    assert.is(acks.length, 4);
    assert.is(new Set(acks).size, 1);
    assert.match(acks[0] ?? '', /\r\n\r\nv=0$/);
  },
);

inRig('behind a strict router ACK and BYE go to it, and not to the loose one after it', async (each) => {
  const { alice, script, advance } = each;
  script.answer = (incoming) => {
    const path = `<sip:192.0.2.2;lr>, <sip:${SCRIPT_HOST}>`;
    if (incoming.method !== 'ACK') script.reply(incoming, 200, 't', [['Record-Route', path]]);
  };
  const told = send(alice, request('INVITE', SCRIPT));
  await advance(20);
  const [response] = told.final;
  assert.ok(response);
  if (!response) return;
  const dialog = Dialog.uac(told.sending.request, response);
  alice.ua.ack(dialog, told.sending.request);
  const done: number[] = [];
  alice.ua.sendInDialog(dialog, dialog.createRequest('BYE'), {
    onFinal: ({ status }) => done.push(status),
    onFailure: () => assert.unreachable(),
  });
  await advance(20);
  assert.equal(done, [200]);
  for (const method of ['ACK', 'BYE']) {
    assert.is(script.of(method).at(0)?.requestUri.toString(), `sip:${SCRIPT_HOST}`);
    assert.is(script.of(method).at(0)?.routes.join(), `<sip:192.0.2.2;lr>,<sip:script@${SCRIPT_HOST}>`);
  }
});

inRig('the ACK carries the credentials and CSeq of the INVITE and takes the route', async (each) => {
  const { alice, script, advance } = each;
  script.answer = (incoming) => {
    if (incoming.method !== 'INVITE') return;
    const ready = incoming.headers.has('Proxy-Authorization');
    if (ready) script.reply(incoming, 200, 't', [['Record-Route', `<sip:${SCRIPT_HOST};lr>`]]);
    else script.reply(incoming, 407, 't', [['Proxy-Authenticate', 'Digest realm="r", nonce="n"']]);
  };
  const digest = new DigestClient({ credentials, random: new SeededRandom(5) });
  const told = send(alice, request('INVITE', SCRIPT), { digest });
  await advance(20);
  const [response] = told.final;
  if (response) alice.ua.ack(Dialog.uac(told.sending.request, response), told.sending.request);
  await advance(20);
  const ack = script.of('ACK').at(-1);
  assert.equal(ack?.cseq, { number: 2, method: 'ACK' });
  assert.is(ack?.header('Proxy-Authorization'), told.sending.request.header('Proxy-Authorization'));
  assert.is(ack?.header('Route'), `<sip:${SCRIPT_HOST};lr>`);
});

test.run();
