import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { SystemRandom } from '#src/base/random.ts';
import { Milliseconds, Seconds } from '#src/base/units.ts';
import { DigestServer } from '#src/sip/digest/server.ts';
import { isSipUri } from '#src/sip/message/uri.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import { suite } from '#test/support/suite.ts';
import {
  DEVICE,
  IMPU,
  INSTANCE,
  inTurn,
  Net,
  nothing,
  ok,
  PCSCF,
  PCSCF2,
  sipUri,
  status,
} from './network.ts';

const test = suite('ims/registration');

const PASSWORDS: Readonly<Record<string, string>> = { 'alice-tablet@op.example': 's3cr3t' };

/** A registrar that asks for digest. */
function guarded(net: Net, options: { password?: string; algorithms?: string[]; rspauth?: string } = {}) {
  const server = new DigestServer({
    realm: 'op.example',
    password: (name) => options.password ?? PASSWORDS[name],
    clock: net.clock,
    random: new SystemRandom(),
    ...(options.algorithms ? { algorithms: options.algorithms } : {}),
  });
  return (incoming: Incoming): void => {
    const verdict = server.verify(incoming.request, 'www');
    if (verdict.outcome !== 'ok') {
      incoming.respond(401, { headers: server.challenge('www', { stale: verdict.outcome === 'stale' }) });
      return;
    }
    const [name, value] = verdict.info();
    const told =
      options.rspauth === undefined
        ? value
        : value.replace(/rspauth="[^"]*"/, `rspauth="${options.rspauth}"`);
    ok({ headers: [[name, told]] })(incoming);
  };
}

const times = (net: Net): number[] => net.of('REGISTER').map(({ at }) => Math.round(at * 10) / 10);
const between = (value: number | undefined, low: number, high: number): void =>
  assert.ok(
    value !== undefined && value >= low && value <= high,
    `${value} is not within ${low} and ${high}`,
  );

test('[MD-2.2.2a] the first REGISTER, literally (24.229 5.1.1.2, 33.203 N.2.1.1)', async () => {
  const net = new Net();
  await net.server();
  const { registration } = await net.device();
  registration.start();
  await net.pass(1);
  const [first] = net.of('REGISTER');
  const lines = (first?.text ?? '').split('\r\n');
  const line = (name: string): string | undefined =>
    lines.find((text) => text.startsWith(`${name}: `))?.slice(name.length + 2);
  assert.is(lines[0], 'REGISTER sip:op.example SIP/2.0');
  assert.match(line('Via') ?? '', /^SIP\/2\.0\/TLS 192\.0\.2\.10:\d+;branch=z9hG4bK[0-9a-f]+;keep$/);
  assert.match(line('From') ?? '', /^<sip:\+46701234567@op\.example>;tag=/);
  assert.is(line('To'), '<sip:+46701234567@op.example>');
  assert.is(line('CSeq'), '1 REGISTER');
  assert.is(line('Expires'), '600000');
  assert.is(line('Supported'), 'path, outbound');
  assert.is(
    line('Authorization'),
    'Digest username="alice-tablet@op.example", realm="op.example", uri="sip:op.example", nonce="", response=""',
  );
  assert.match(
    line('Contact') ?? '',
    new RegExp(
      `^<sip:[0-9a-f]{32}@192\\.0\\.2\\.10:\\d+;transport=tls>;\\+sip\\.instance="<${INSTANCE}>";` +
        '\\+g\\.3gpp\\.icsi-ref="urn%3Aurn-7%3A3gpp-service\\.ims\\.icsi\\.mmtel";audio;reg-id=1$',
    ),
  );
  assert.is(line('P-Access-Network-Info'), 'IEEE-802.11;i-wlan-node-id=00112233aabb');
});

test('[MD-2.2.7] signalling compression is nowhere offered, and a compressed hop means nothing', async () => {
  const net = new Net();
  await net.server();
  const { registration } = await net.device();
  net.answer(
    'REGISTER',
    ok({ headers: [['Service-Route', '<sip:orig@192.0.2.9;lr;comp=sigcomp>']], params: ';comp=sigcomp' }),
  );
  registration.start();
  await net.pass(1);
  assert.is(registration.state.state, 'registered');
  for (const { text } of net.received) assert.not.match(text, /sigcomp/i);
});

test('[MD-2.2.3a] registers with MD5 and with SHA-256, the IMPI as user name', async () => {
  for (const algorithms of [['MD5'], ['SHA-256'], ['SHA-256', 'MD5']]) {
    const net = new Net();
    await net.server();
    net.answer('REGISTER', guarded(net, { algorithms }));
    const { registration } = await net.device();
    registration.start();
    await net.pass(1);
    assert.is(registration.state.state, 'registered', algorithms.join());
    const [, second] = net.of('REGISTER');
    assert.match(
      second?.text ?? '',
      new RegExp(`Authorization: Digest username="alice-tablet@op.example".*algorithm=${algorithms[0]}`),
    );
    assert.is(second?.request.cseq.number, 2);
  }
});

test('[MD-2.2.3a] a wrong password is told, and tried again only after the waits of RFC 5626', async () => {
  const net = new Net();
  await net.server();
  net.answer('REGISTER', guarded(net, { password: 'other' }));
  const { registration } = await net.device();
  registration.start();
  await net.pass(5);
  const { state, error } = registration.state;
  assert.is(state, 'failed');
  assert.is(error?.id, 'auth.rejected');
  assert.match(error?.retry_at ?? '', /^2026-01-01T00:0[01]:\d\d\.\d{3}Z$/);
  const before = net.of('REGISTER').length;
  await net.pass(24);
  assert.is(net.of('REGISTER').length, before);
  await net.pass(40);
  assert.ok(net.of('REGISTER').length > before);
});

test('[MD-2.2.3a] a server that cannot prove the password is refused', async () => {
  const net = new Net();
  await net.server();
  net.answer('REGISTER', guarded(net, { rspauth: '0'.repeat(32) }));
  const { registration, ua } = await net.device();
  registration.start();
  await net.pass(5);
  assert.is(registration.state.state, 'failed');
  assert.is(registration.state.error?.id, 'auth.rspauth');
  assert.is(registration.flow, undefined);
  assert.is(ua.load.dialogs, 0);
});

test('[MD-1.4.2b] a challenge for AKA alone is not answered', async () => {
  const net = new Net();
  await net.server();
  net.answer(
    'REGISTER',
    status(401, [
      ['WWW-Authenticate', 'Digest realm="op.example",nonce="YWJj",algorithm=AKAv1-MD5,qop="auth"'],
    ]),
  );
  const { registration } = await net.device();
  registration.start();
  await net.pass(20);
  assert.is(net.of('REGISTER').length, 1);
  assert.is(registration.state.state, 'failed');
  assert.is(registration.state.error?.id, 'auth.unsupported');
});

test('[MD-2.2.2a3] the refresh rule on the wire: 120 → 60, 360 → 180, 1600 → 1000', async () => {
  for (const [granted, due] of [
    [120, 60],
    [360, 180],
    [1600, 1000],
  ] as const) {
    const net = new Net();
    await net.server();
    net.answer('REGISTER', ok({ expires: granted }));
    const { registration } = await net.device();
    registration.start();
    await net.pass(due - 1);
    assert.is(net.of('REGISTER').length, 1);
    await net.pass(2);
    assert.is(net.of('REGISTER').length, 2, `${granted}`);
    const [first, second] = net.of('REGISTER');
    assert.is(second?.request.callId, first?.request.callId);
    assert.is(second?.request.cseq.number, 2);
  }
});

test('[MD-2.2.2a3] 423: its Min-Expires at once, and in every later REGISTER', async () => {
  const net = new Net();
  await net.server();
  net.answer('REGISTER', inTurn(status(423, [['Min-Expires', '800000']]), ok({ expires: 1600 })));
  const { registration } = await net.device();
  registration.start();
  await net.pass(1100);
  assert.equal(
    net.of('REGISTER').map(({ request }) => request.expires),
    [600_000, 800_000, 800_000],
  );
  assert.is(registration.state.state, 'registered');
});

test('[MD-2.2.2a2] Service-Route is replaced at each 200 and dropped when it is gone', async () => {
  const net = new Net();
  await net.server();
  net.answer(
    'REGISTER',
    inTurn(
      ok({ expires: 120, headers: [['Service-Route', '<sip:orig@192.0.2.8;lr>, <sip:as@192.0.2.9;lr>']] }),
      ok({ expires: 120, headers: [['Service-Route', '<sip:new@192.0.2.8;lr>']] }),
      ok({ expires: 120 }),
    ),
  );
  const { registration } = await net.device();
  const route = (): string[] => registration.route.map(String);
  const pcscf = '<sip:192.0.2.1:5061;transport=tls;lr>';
  registration.start();
  await net.pass(1);
  assert.equal(route(), [pcscf, '<sip:orig@192.0.2.8;lr>', '<sip:as@192.0.2.9;lr>']);
  await net.pass(60);
  assert.equal(route(), [pcscf, '<sip:new@192.0.2.8;lr>']);
  await net.pass(60);
  assert.equal(route(), [pcscf]);
});

test('[MD-2.2.2b] the identities of the 200 with three, then with two', async () => {
  const net = new Net();
  await net.server();
  net.answer(
    'REGISTER',
    inTurn(
      ok({
        expires: 120,
        headers: [['P-Associated-URI', `<${IMPU}>, <tel:+46701234567>, <sip:office@op.example>`]],
      }),
      ok({ expires: 120, headers: [['P-Associated-URI', '<sip:office@op.example>, <tel:+46701234567>']] }),
    ),
  );
  const { registration } = await net.device();
  registration.start();
  await net.pass(1);
  assert.equal(
    registration.state.identities.map(({ uri: text, kind }) => [text, kind]),
    [
      [IMPU, 'default'],
      ['tel:+46701234567', 'irs'],
      ['sip:office@op.example', 'irs'],
    ],
  );
  assert.ok(registration.allows(sipUri(IMPU)));
  await net.pass(60);
  assert.is(registration.identities[0]?.uri.toString(), 'sip:office@op.example');
  assert.not.ok(registration.allows(sipUri(IMPU)));
});

test('GRUUs are kept and used: the public one, the temporary one for privacy', async () => {
  const net = new Net();
  await net.server();
  const pub = `sip:+46701234567@op.example;gr=${INSTANCE}`;
  net.answer('REGISTER', ok({ params: `;pub-gruu="${pub}";temp-gruu="sip:tgruu.7hs@op.example;gr"` }));
  const { registration } = await net.device();
  registration.start();
  await net.pass(1);
  assert.match(
    registration.contact({ privacy: false }).toString(),
    /^<sip:\+46701234567@op\.example;gr=urn:uuid:[^>]+>;\+g\.3gpp\.icsi-ref="[^"]+";audio$/,
  );
  assert.is(registration.contact({ privacy: true }).uri.toString(), 'sip:tgruu.7hs@op.example;gr');
});

test('[MD-2.2.2a3] 403: waits from the base time up, doubling, and tells the owner', async () => {
  const net = new Net();
  await net.server();
  net.answer('REGISTER', status(403));
  const { registration } = await net.device();
  registration.start();
  await net.pass(1);
  assert.is(registration.state.error?.id, 'registration.forbidden');
  await net.pass(1200);
  const at = times(net);
  between((at[1] ?? 0) - (at[0] ?? 0), 30, 60.1);
  between((at[2] ?? 0) - (at[1] ?? 0), 60, 120.1);
  between((at[3] ?? 0) - (at[2] ?? 0), 120, 240.1);
});

test('[MD-2.2.2a3] a refused re-registration (403, 408, 500, 504) begins afresh at once', async () => {
  for (const code of [403, 408, 500, 504]) {
    const net = new Net();
    await net.server();
    net.answer('REGISTER', inTurn(ok({ expires: 120 }), status(code), ok({ expires: 120 })));
    const { registration } = await net.device();
    registration.start();
    await net.pass(62);
    const [first, second, third] = net.of('REGISTER');
    assert.is(second?.request.callId, first?.request.callId);
    assert.is.not(third?.request.callId, first?.request.callId, `${code}`);
    assert.match(third?.text ?? '', /nonce=""/);
    assert.is(registration.state.state, 'registered');
  }
});

test('[MD-2.2.2a3] 503: up to timer F the same P-CSCF after the wait, beyond it another at once', async () => {
  const pcscf = [sipUri(`sip:${PCSCF}`), sipUri(`sip:${PCSCF2}`)];
  const short = new Net();
  await short.server();
  await short.server(PCSCF2);
  short.answer('REGISTER', inTurn(status(503, [['Retry-After', '100']]), ok()), PCSCF);
  const first = await short.device({ pcscf });
  first.registration.start();
  await short.pass(99);
  assert.is(short.of('REGISTER').length, 1);
  await short.pass(3);
  assert.equal(
    short.of('REGISTER').map(({ host }) => host),
    [PCSCF, PCSCF],
  );

  const long = new Net();
  await long.server();
  await long.server(PCSCF2);
  long.answer('REGISTER', status(503, [['Retry-After', '600']]), PCSCF);
  const second = await long.device({ pcscf });
  second.registration.start();
  await long.pass(2);
  assert.equal(
    long.of('REGISTER').map(({ host }) => host),
    [PCSCF, PCSCF2],
  );
});

test('[MD-2.2.2a3] 503 without Retry-After: the other P-CSCF within five minutes', async () => {
  const net = new Net();
  await net.server();
  await net.server(PCSCF2);
  net.answer('REGISTER', status(503), PCSCF);
  const { registration } = await net.device({ pcscf: [sipUri(`sip:${PCSCF}`), sipUri(`sip:${PCSCF2}`)] });
  registration.start();
  await net.pass(300);
  assert.equal(
    net.of('REGISTER').map(({ host }) => host),
    [PCSCF, PCSCF2],
  );
  assert.is(registration.state.pcscf, `${PCSCF2}:5061`);
});

test('[MD-2.2.2a3] a dead P-CSCF: the next one at once; all dead: the owner is told, and waits grow', async () => {
  const net = new Net();
  await net.server(PCSCF2);
  const pcscf = [sipUri(`sip:${PCSCF}`), sipUri(`sip:${PCSCF2}`)];
  const { registration } = await net.device({ pcscf });
  registration.start();
  await net.pass(5);
  assert.is(registration.state.state, 'registered');
  assert.is(registration.state.pcscf, `${PCSCF2}:5061`);

  const dead = new Net();
  const lost = await dead.device({ pcscf });
  lost.registration.start();
  await dead.pass(10);
  assert.is(lost.registration.state.state, 'failed');
  assert.is(lost.registration.state.error?.id, 'registration.unreachable');
  assert.ok(lost.registration.state.error?.retry_at);
});

test('305 sends the registration to the proxy it names', async () => {
  const net = new Net();
  await net.server();
  await net.server(PCSCF2);
  net.answer('REGISTER', status(305, [['Contact', `<sip:${PCSCF2};transport=tls>`]]), PCSCF);
  const { registration } = await net.device();
  registration.start();
  await net.pass(3);
  assert.is(registration.state.pcscf, `${PCSCF2}:5061`);
});

test('two proxies that point at each other do not keep the device busy', async () => {
  const net = new Net();
  await net.server();
  await net.server(PCSCF2);
  net.answer('REGISTER', status(305, [['Contact', `<sip:${PCSCF2};transport=tls>`]]), PCSCF);
  net.answer('REGISTER', status(305, [['Contact', `<sip:${PCSCF};transport=tls>`]]), PCSCF2);
  const { registration } = await net.device();
  registration.start();
  await net.pass(20);
  assert.ok(net.of('REGISTER').length <= 7, `${net.of('REGISTER').length}`);
  assert.is(registration.state.state, 'failed');
});

test('a lost connection: registered anew on a fresh one, at once when it had been stable', async () => {
  const net = new Net();
  await net.server();
  const { registration } = await net.device();
  registration.start();
  await net.pass(300);
  const old = registration.flow;
  old?.close();
  await net.pass(2);
  assert.is(registration.state.state, 'registered');
  assert.is.not(registration.flow?.id, old?.id);
  const [first, second] = net.of('REGISTER');
  assert.is.not(second?.request.callId, first?.request.callId);
});

test('a connection that dies soon is made again after the back-off only', async () => {
  const net = new Net();
  await net.server();
  const { registration } = await net.device();
  registration.start();
  await net.pass(10);
  registration.flow?.close();
  await net.pass(1);
  assert.is(registration.state.state, 'failed');
  assert.is(registration.state.error?.id, 'registration.flow');
  await net.pass(28);
  assert.is(net.of('REGISTER').length, 1);
  await net.pass(32);
  assert.is(registration.state.state, 'registered');
});

test('another address of this host: registered anew from there at once, and whoever has calls is told', async () => {
  const net = new Net();
  await net.server();
  const { ua, registration } = await net.device();
  let moves = 0;
  registration.onMoved.on(() => {
    moves += 1;
  });
  registration.start();
  await net.pass(10);
  registration.networkChanged();
  await net.pass(5);
  assert.is(net.of('REGISTER').length, 1, 'an address that has nothing to do with it');
  const usual = ua.transport.localContact.bind(ua.transport);
  ua.transport.localContact = (to) => ({ ...usual(to), host: '192.0.2.200' });
  registration.networkChanged();
  await net.pass(5);
  assert.is(net.of('REGISTER').length, 2);
  const contact = net.of('REGISTER')[1]?.request.contacts[0]?.uri;
  assert.is(contact && isSipUri(contact) && contact.host, '192.0.2.200');
  assert.is(registration.state.state, 'registered');
  assert.is(moves, 1);
  ua.transport.localContact = (to) => ({ ...usual(to), host: '127.0.0.1' });
  registration.networkChanged();
  await net.pass(5);
  assert.is(net.of('REGISTER').length, 2, 'without a network nothing can be done');
});

test('a network that comes back ends the wait for the next attempt', async () => {
  const net = new Net();
  await net.server();
  net.answer('REGISTER', status(403));
  const { registration } = await net.device();
  registration.start();
  await net.pass(5);
  assert.is(registration.state.state, 'failed');
  const before = net.of('REGISTER').length;
  registration.networkChanged();
  await net.pass(2);
  assert.is(net.of('REGISTER').length, before + 1);
});

test('keep-alives run as the registrar asks, and their silence renews the registration', async () => {
  const net = new Net();
  await net.server();
  net.answer('REGISTER', ok({ headers: [['Flow-Timer', '100']] }));
  const { registration } = await net.device();
  registration.start();
  await net.pass(500);
  const pings = net.network.packets.filter(
    ({ from, bytes }) => from.host === DEVICE && bytes.toString() === '\r\n\r\n',
  );
  between(pings.length, 4, 7);
  assert.is(net.of('REGISTER').length, 1);
  // The far end goes silent without closing: the pong is missing for 10 seconds.
  const flow = registration.flow;
  await net.servers.get(PCSCF)?.transport.stop();
  await net.pass(130);
  assert.not.ok(flow?.alive);
  assert.is(registration.flow, undefined);
  assert.is(registration.state.error?.id, 'registration.unreachable');
});

test('whatever the network does: one REGISTER at a time, an end within 4 seconds, registered once all is well', async () => {
  const statuses = [200, 401, 403, 404, 408, 423, 480, 500, 503, 504, 600, 0];
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom(...statuses), fc.integer({ min: 0, max: 300 })), { maxLength: 12 }),
      fc.array(fc.tuple(fc.constantFrom('close', 'refresh', 'start'), fc.integer({ min: 1, max: 900 })), {
        maxLength: 8,
      }),
      async (answers, events) => {
        const net = new Net();
        await net.server();
        let open = 0;
        const script = answers.map(([code, after]) => (incoming: Incoming): void => {
          if (code === 0) return;
          if (code === 200) ok({ expires: Math.max(30, after) })(incoming);
          else status(code, after % 2 === 0 ? [] : [['Retry-After', String(after)]])(incoming);
        });
        const next = inTurn(...script, ok());
        net.answer('REGISTER', (incoming) => {
          open += 1;
          assert.ok(open <= 1, 'two REGISTERs at a time');
          incoming.onEnd.on(() => {
            open -= 1;
          });
          next(incoming);
          // An answer that never comes ends with the client's timer F.
          if (!incoming.ended) net.clock.after(Milliseconds(127_900), () => (open -= 1));
        });
        const { registration } = await net.device();
        registration.start();
        for (const [event, wait] of events) {
          await net.pass(wait);
          if (event === 'close') registration.flow?.close();
          else if (event === 'refresh') registration.refresh();
          else if (registration.state.state === 'failed') registration.start();
        }
        await net.pass(30_000);
        assert.is(registration.state.state, 'registered');
        let stopped = false;
        void registration.stop().then(() => {
          stopped = true;
        });
        await net.pass(4.01);
        assert.ok(stopped);
        assert.is(registration.state.state, 'off');
      },
    ),
    { numRuns: 25, seed: 110 },
  );
});

test('without a word about keep-alives none are sent', async () => {
  const net = new Net();
  await net.server();
  const { registration } = await net.device();
  registration.start();
  await net.pass(2000);
  assert.not.ok(net.network.packets.some(({ bytes }) => bytes.toString() === '\r\n\r\n'));
});

test('[MD-2.2.2a4] de-registration: Expires 0, the instance, no reg-id, over the protected flow, within 4 seconds', async () => {
  const net = new Net();
  await net.server();
  net.answer('REGISTER', guarded(net));
  const { registration } = await net.device();
  registration.start();
  await net.pass(2);
  let stopped = 0;
  const start = net.clock.now();
  void registration.stop().then(() => {
    stopped = net.clock.now() - start;
  });
  await net.pass(5);
  const last = net.of('REGISTER').at(-1);
  assert.is(last?.request.expires, 0);
  assert.match(last?.text ?? '', new RegExp(`\\+sip\\.instance="<${INSTANCE}>"`));
  assert.not.match(last?.text ?? '', /reg-id/);
  assert.match(last?.text ?? '', /Authorization: Digest username="alice-tablet@op.example".*nc=00000002/);
  assert.match(last?.text ?? '', /Via: SIP\/2\.0\/TLS/);
  between(stopped, 1, 1000);
  assert.is(registration.state.state, 'off');
});

test('[MD-2.2.2a4] a network that is silent does not hold up the end', async () => {
  const net = new Net();
  await net.server();
  net.answer('REGISTER', inTurn(ok(), nothing));
  const { registration } = await net.device();
  registration.start();
  await net.pass(2);
  let stopped = false;
  void registration.stop().then(() => {
    stopped = true;
  });
  await net.pass(4.1);
  assert.ok(stopped);
});

test('stopped while the first REGISTER is out: its answer is awaited and the binding removed', async () => {
  const net = new Net();
  await net.server();
  let late: Incoming | undefined;
  net.answer(
    'REGISTER',
    inTurn((incoming) => {
      late = incoming;
    }, ok()),
  );
  const { registration } = await net.device();
  registration.start();
  await net.pass(1);
  void registration.stop();
  await net.pass(0.5);
  assert.is(net.of('REGISTER').length, 1);
  if (late) ok()(late);
  await net.pass(1);
  assert.is(net.of('REGISTER').at(-1)?.request.expires, 0);
  assert.is(registration.state.state, 'off');
});

test('one procedure at a time: nothing is sent while a REGISTER has no answer', async () => {
  const net = new Net();
  await net.server();
  net.answer('REGISTER', inTurn(ok({ expires: 120 }), nothing));
  const { registration } = await net.device();
  registration.start();
  await net.pass(61);
  assert.is(net.of('REGISTER').length, 2);
  registration.refresh();
  registration.start();
  await net.pass(50);
  assert.is(net.of('REGISTER').length, 2);
});

test('a 200 that grants nothing is no registration', async () => {
  const net = new Net();
  await net.server();
  net.answer('REGISTER', ok({ expires: 0 }));
  const { registration } = await net.device();
  registration.start();
  await net.pass(2);
  assert.is(registration.state.state, 'failed');
  assert.is(registration.state.error?.id, 'registration.empty');
});

test('P-Access-Network-Info stays away from unprotected signalling', async () => {
  const net = new Net();
  await net.server();
  const { registration } = await net.device({ pcscf: [sipUri(`sip:${PCSCF};transport=udp`)] });
  registration.start();
  await net.pass(2);
  assert.is(registration.state.transport, 'udp');
  assert.not.match(net.of('REGISTER')[0]?.text ?? '', /P-Access-Network-Info/);
  assert.match(net.of('REGISTER')[0]?.text ?? '', /Via: SIP\/2\.0\/UDP [^\r]*;keep;rport/);
});

test('profile sip: a plain registrar gets a plain REGISTER, and requests need no Route', async () => {
  const net = new Net();
  await net.server();
  net.answer('REGISTER', guarded(net));
  const { registration } = await net.device({
    profile: 'sip',
    pcscf: [sipUri(`sip:${PCSCF};transport=tcp`)],
  });
  registration.start();
  await net.pass(2);
  const [first] = net.of('REGISTER');
  assert.not.match(first?.text ?? '', /Authorization|icsi|P-Access/);
  assert.is(first?.request.expires, 3600);
  assert.is(registration.state.state, 'registered');
  assert.equal(registration.route, []);
  assert.ok(registration.flow?.alive);
});

test('where we do not listen, the Contact names our end of the connection, from the first REGISTER on', async () => {
  const net = new Net();
  await net.server();
  net.answer('REGISTER', ok({ expires: 120 }));
  const { registration } = await net.device({ expires: Seconds(120) }, undefined, ['udp']);
  registration.start();
  await net.pass(100);
  const hosts = net.of('REGISTER').map(({ request }) => {
    const at = request.contacts[0]?.uri;
    return isSipUri(at) ? [at.hostPort, at.transport, request.topVia.sentBy] : [];
  });
  const port = registration.flow?.local.port;
  assert.is(hosts.length, 2);
  for (const each of hosts) assert.equal(each, [`${DEVICE}:${port}`, 'tls', `${DEVICE}:${port}`]);
});

test('profile sip: a registrar that says nothing of keep-alives gets some, and owes no answer', async () => {
  for (const transport of ['udp', 'tcp']) {
    const net = new Net();
    await net.server();
    const { registration } = await net.device({
      profile: 'sip',
      pcscf: [sipUri(`sip:${PCSCF};transport=${transport}`)],
    });
    registration.start();
    await net.pass(300);
    const pings = net.network.packets.filter(
      ({ from, bytes }) => from.host === DEVICE && bytes.toString() === '\r\n\r\n',
    );
    assert.ok(pings.length >= 10, `${pings.length} by ${transport}`);
    assert.is(net.of('REGISTER').length, 1);
    assert.is(registration.state.state, 'registered');
  }
});

test('a Contact rewritten by a border controller is known by its user part among others', async () => {
  const net = new Net();
  await net.server();
  net.answer('REGISTER', (incoming) => {
    const own = incoming.request.contacts[0]?.uri;
    const user = isSipUri(own) ? own.user : '';
    const list = `<sip:other@198.51.100.7>;expires=30, <sip:${user}@203.0.113.5:4711>;expires=1000`;
    incoming.respond(200, { headers: [['Contact', list]] });
  });
  const { registration } = await net.device({
    profile: 'sip',
    pcscf: [sipUri(`sip:${PCSCF};transport=udp`)],
  });
  registration.start();
  await net.pass(1);
  between(registration.state.expires, 998, 1000);
});

test('without a registrar the state is off, and the contact is our address', async () => {
  const net = new Net();
  await net.server();
  const { registration } = await net.device({ profile: 'sip', register: false, pcscf: [] });
  registration.start();
  await net.pass(10);
  assert.is(registration.state.state, 'off');
  assert.is(net.received.length, 0);
  assert.match(
    registration.contact({ privacy: false, to: { transport: 'udp', host: PCSCF, port: 5060 } }).toString(),
    /^<sip:[0-9a-f]{32}@192\.0\.2\.10:5060>$/,
  );
  await registration.stop();
});

test('the state of the status: expires counts down, transport and P-CSCF are named', async () => {
  const net = new Net();
  await net.server();
  net.answer('REGISTER', ok({ expires: 1600 }));
  const { registration } = await net.device({ expires: Seconds(1600) });
  registration.start();
  await net.pass(100);
  const { state, expires, pcscf, transport, error } = registration.state;
  assert.equal(
    { state, pcscf, transport, error },
    { state: 'registered', pcscf: `${PCSCF}:5061`, transport: 'tls', error: undefined },
  );
  between(expires, 1499, 1501);
});

test.run();
