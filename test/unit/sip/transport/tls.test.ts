import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { VirtualClock } from '#src/base/clock.ts';
import { Milliseconds } from '#src/base/units.ts';
import type { Target } from '#src/sip/transport/address.ts';
import { matchesIdentity, sipDomains } from '#src/sip/transport/identity.ts';
import { sampleRequest } from '#test/support/sip-samples.ts';
import { suite } from '#test/support/suite.ts';
import { authority, closeAll, failure, issued, next, rawTcp, started, targetOf } from './help.ts';

const test = suite('sip/transport/tls');
test.after.each(closeAll);

const VIA = 'SIP/2.0/TLS placeholder.invalid;branch=z9hG4bKtest';
const ca = authority();

async function serverFor(names: readonly string[], more: Parameters<typeof issued>[2] = {}) {
  const { certificate, key } = issued(ca, names, more);
  const far = await started(['tls:127.0.0.1:0'], { tls: { certificate, key } });
  return { far, target: targetOf(far, 'tls') };
}

const trusting = () => started(['tcp:127.0.0.1:0'], { tls: { ca: ca.certificate } });
const named = (target: Target, serverName: string): Target => ({ ...target, serverName });

test('the name asked for is in the certificate: a DNS name, a SIP URI, an address', async () => {
  const { target } = await serverFor(['sip.example.com', '127.0.0.1']);
  const near = await trusting();
  const flow = await near.send(sampleRequest({ via: VIA }), named(target, 'SIP.Example.com'));
  assert.is(flow.serverName, 'SIP.Example.com');
  await near.send(sampleRequest({ via: VIA }), target);
  assert.is(near.counters.get('sip_connections_opened_total'), 2);
  const { target: byUri } = await serverFor(['sip:example.com', 'other.example.net']);
  await near.send(sampleRequest({ via: VIA }), named(byUri, 'example.com'));
});

test('a certificate for another name is refused, and says for whom it is', async () => {
  const { far, target } = await serverFor(['sip.example.com']);
  const near = await trusting();
  let heard = 0;
  far.onMessage.on(() => {
    heard += 1;
  });
  for (const name of ['pcscf.example.com', 'example.com', '127.0.0.1']) {
    const error = await failure(near.send(sampleRequest({ via: VIA }), named(target, name)));
    assert.equal([error.id, error.fault], ['transport.tls', 'peer']);
    assert.equal([error.detail.reason, error.detail.serverName], ['ERR_TLS_CERT_ALTNAME_INVALID', name]);
    assert.match(error.message, `not for ${name}`);
  }
  assert.is(heard, 0, 'nothing was sent');
  assert.is(near.counters.get('sip_tls_failures_total'), 3);
});

test('an authority we do not know is refused, so is a certificate that is over', async () => {
  const { target } = await serverFor(['sip.example.com']);
  const stranger = await started(['tcp:127.0.0.1:0'], { tls: { ca: authority().certificate } });
  const unknown = await failure(stranger.send(sampleRequest({ via: VIA }), named(target, 'sip.example.com')));
  assert.is(unknown.id, 'transport.tls');
  assert.match(unknown.message, 'no trusted authority');
  const { target: old } = await serverFor(['sip.example.com'], { notAfter: new Date(Date.now() - 1000) });
  const near = await trusting();
  const over = await failure(near.send(sampleRequest({ via: VIA }), named(old, 'sip.example.com')));
  assert.is(over.detail.reason, 'CERT_HAS_EXPIRED');
  assert.match(over.message, 'not valid today');
});

test('a certificate of the openssl tool with a chain over an intermediate authority is taken', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-tls-'));
  const run = (...args: string[]): void =>
    void execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'ignore'] });
  try {
    const make = (name: string, signer: string | undefined, ...more: string[]): void => {
      const by = signer === undefined ? [] : ['-CA', `${signer}.pem`, '-CAkey', `${signer}.key`];
      run(
        ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.pem`],
        ...['-subj', `/CN=${name}`, '-days', '2', ...by, ...more.flatMap((each) => ['-addext', each])],
      );
    };
    make('root', undefined, 'basicConstraints=critical,CA:TRUE');
    make('between', 'root', 'basicConstraints=critical,CA:TRUE');
    make('leaf', 'between', 'subjectAltName=DNS:sip.example.com', 'basicConstraints=critical,CA:FALSE');
    const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
    const far = await started(['tls:127.0.0.1:0'], {
      tls: { certificate: read('leaf.pem') + read('between.pem'), key: read('leaf.key') },
    });
    const near = await started([], { tls: { ca: read('root.pem') } });
    const message = next(far.onMessage);
    await near.send(sampleRequest({ via: VIA }), named(targetOf(far, 'tls'), 'sip.example.com'));
    await message;
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a second connection resumes the session of the first', async () => {
  const { far, target } = await serverFor(['sip.example.com']);
  const near = await trusting();
  const to = named(target, 'sip.example.com');
  const arrived = next(far.onMessage);
  const first = await near.send(sampleRequest({ via: VIA }), to);
  const { flow } = await arrived;
  // An answer behind the handshake: by now the session ticket has come.
  const back = next(near.onMessage);
  await far.send(sampleRequest({ via: VIA, callId: 'back' }), flow);
  await back;
  assert.is(near.counters.get('sip_tls_resumed_total'), 0);
  const second = await near.send(sampleRequest({ via: VIA }), to, { fresh: true });
  assert.is.not(second, first);
  assert.is(near.counters.get('sip_tls_resumed_total'), 1);
  // What was proven for one name serves no other.
  await failure(near.send(sampleRequest({ via: VIA }), named(target, 'other.example.com')));
});

test('without a certificate a TLS address has one of its own making, which a checking peer refuses', async () => {
  const far = await started(['tls:127.0.0.1:0']);
  const near = await trusting();
  const error = await failure(near.send(sampleRequest({ via: VIA }), targetOf(far, 'tls')));
  assert.equal([error.id, error.detail.reason], ['transport.tls', 'DEPTH_ZERO_SELF_SIGNED_CERT']);
});

test('a server that accepts and then says nothing fails the handshake in time', async () => {
  const clock = new VirtualClock();
  const mute = await started(['tcp:127.0.0.1:0']);
  const near = await started([], { clock, tls: { ca: ca.certificate } });
  const accepted = next(mute.onFlow);
  const attempt = failure(
    near.send(sampleRequest({ via: VIA }), {
      ...targetOf(mute, 'tcp'),
      transport: 'tls',
      serverName: 'x.example',
    }),
  );
  await accepted;
  // The client hello is under way; our side waits for an answer.
  while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(Milliseconds(8000));
  await clock.advance(Milliseconds(8000));
  const error = await attempt;
  assert.equal([error.id, error.detail.reason], ['transport.tls', 'ETIMEDOUT']);
});

test('plain text on a TLS port harms nobody', async () => {
  const { far, target } = await serverFor(['sip.example.com']);
  const peer = await rawTcp(target);
  peer.socket.write('OPTIONS sip:x SIP/2.0\r\n\r\n');
  await peer.closed;
  const reset = connect(target.port, target.host);
  reset.on('connect', () => reset.resetAndDestroy()).on('error', () => undefined);
  const near = await trusting();
  const message = next(far.onMessage);
  await near.send(sampleRequest({ via: VIA }), named(target, 'sip.example.com'));
  await message;
  assert.ok(far.counters.get('sip_tls_failures_total') >= 1);
});

test('RFC 5922: which names count', () => {
  const cert = (subjectaltname: string | undefined, CN?: string) => ({ subjectaltname, subject: { CN } });
  const domains = (text: string | undefined, CN?: string): string[] => sipDomains(cert(text, CN));
  assert.equal(domains('DNS:a.example, DNS:b.example'), ['a.example', 'b.example']);
  assert.equal(domains('DNS:host.example, URI:sip:domain.example'), ['domain.example'], '7.1: SIP URIs win');
  assert.equal(
    domains('URI:sip:user@domain.example, DNS:host.example'),
    ['host.example'],
    'a user is no domain',
  );
  assert.equal(domains('URI:https://x.example, DNS:host.example'), ['host.example']);
  assert.equal(domains(undefined, 'common.example'), ['common.example']);
  assert.equal(
    domains('IP Address:192.0.2.1', 'common.example'),
    [],
    'with alternatives the CN does not count',
  );
  assert.equal(domains('DNS:"a.example, DNS:evil.example"'), ['a.example, DNS:evil.example']);
  const matches = (text: string, wanted: string): boolean => matchesIdentity(cert(text), wanted);
  assert.ok(matches('DNS:Sip.Example.COM', 'sip.example.com.'));
  assert.not.ok(matches('DNS:*.example.com', 'sip.example.com'), '7.2: no wildcards');
  assert.ok(matches('IP Address:2001:DB8:0:0:0:0:0:1', '2001:db8::1'));
  assert.not.ok(matches('DNS:192.0.2.1', '192.0.2.1'));
});

test.run();
