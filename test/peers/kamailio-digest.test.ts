// Digest as Kamailio checks it: nonces that grow old, counts of their own for INVITE; and whose certificate is believed.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import type { Device } from './support/agent.ts';
import { Authority } from './support/certificates.ts';
import { REALM } from './support/configuration.ts';
import { scratch, until } from './support/process.ts';
import { withKamailio } from './support/world.ts';

const test = suite('peers/kamailio-digest');

const NOTE = 'xlog("L_ALERT", "noted $rm $(hdr(Authorization)) $(hdr(Proxy-Authorization))\\n");';
const EXPIRES = 10;

/** What was noted of a method: its nonce and count, in order. */
const noted = (output: string, method: string): { nonce: string; count: number }[] =>
  [...output.matchAll(new RegExp(`noted ${method} .*`, 'g'))].flatMap(([line]) => {
    const [, nonce] = line.match(/[ ,]nonce="([^"]+)"/) ?? [];
    const [, count] = line.match(/[ ,]nc=([0-9a-f]+)/) ?? [];
    return nonce && count ? [{ nonce, count: Number.parseInt(count, 16) }] : [];
  });

const stale = (nonceExpire: number): Promise<void> =>
  withKamailio({ nonceExpire, maxExpires: EXPIRES, onEvery: NOTE }, async ({ kamailio, device }) => {
    const tablet = await device('tablet');
    await tablet.registered();
    await until('the refresh', () => noted(kamailio.peer.output, 'REGISTER').length >= 2, 9000);
    await new Promise((resolve) => setTimeout(resolve, 500));
    // It tried the nonce it had, with the next count; was told that it is stale; took the new one and began again.
    const [first, second, third] = noted(kamailio.peer.output, 'REGISTER');
    assert.equal([second?.nonce, second?.count], [first?.nonce, 2]);
    assert.ok(third && third.nonce !== first?.nonce && third.count === 1, JSON.stringify(third));
    const { registration } = await tablet.status();
    assert.is(registration.state, 'registered');
    assert.ok((registration.expires ?? 0) > EXPIRES / 2 - 1);
    assert.is(registration.error, undefined);
  });

test.proof('[MD-2.2.3a] a nonce that Kamailio calls stale is replaced, and the registration goes on', {
  peers: ['Kamailio'],
  timeoutMs: 60_000,
  run: () => stale(2),
  control: () => stale(60),
});

/** Two calls, each refused by Kamailio for want of a callee. */
const counts = (authInvite: boolean): Promise<void> =>
  withKamailio({ authInvite, nonceCount: true, onEvery: NOTE }, async ({ kamailio, device }) => {
    const tablet = await device('tablet');
    await tablet.registered();
    await refused(tablet);
    await refused(tablet);
    const [registers, invites] = [
      noted(kamailio.peer.output, 'REGISTER'),
      noted(kamailio.peer.output, 'INVITE'),
    ];
    assert.ok(invites.length >= 2, `${invites.length} INVITEs with credentials`);
    assert.ok(
      invites.every(({ nonce }) => registers.every((register) => register.nonce !== nonce)),
      'nonces of their own',
    );
    assert.is(invites[0]?.count, 1);
    // Kamailio takes each count of a nonce once, and only a higher one.
    for (const [at, { nonce, count }] of invites.entries()) {
      const earlier = invites.slice(0, at).filter((one) => one.nonce === nonce);
      assert.is(count, earlier.length + 1);
    }
  });

async function refused(tablet: Device): Promise<void> {
  const { id } = await tablet.dial(`sip:nobody@${REALM}`);
  const ended = await tablet.whenState(id, 'ended');
  assert.is(ended.end?.sip, 480, 'Kamailio has let it in');
}

test.proof('[MD-2.2.3a] a 407 to INVITE is answered with a nonce and a count of its own', {
  peers: ['Kamailio'],
  timeoutMs: 60_000,
  run: () => counts(true),
  control: () => counts(false),
});

async function trusting(whom: 'authority' | 'other'): Promise<void> {
  const keys = scratch();
  try {
    const authority = new Authority(keys.path);
    const other = new Authority(keys.path, 'other');
    const tls = authority.issue('server', ['IP:127.0.0.1']);
    await withKamailio({ tls }, async ({ kamailio, device }) => {
      const tablet = await device('tablet', {
        pcscf: `sip:127.0.0.1:${kamailio.tlsPort}`,
        ca: whom === 'authority' ? authority.certificate : other.certificate,
        listen: ['tls:127.0.0.1:0'],
      });
      const { registration } = await until('an end of the attempt', async () => {
        const now = await tablet.status();
        return now.registration.state !== 'registering' && now;
      });
      if (registration.state === 'failed') {
        // Told, and nothing said before the handshake.
        assert.match(registration.error?.message ?? '', /certificate/i, 'the owner is told');
        assert.not.match(kamailio.locations(), /Address: sip/, 'nothing was registered');
      }
      assert.is(registration.state, 'registered', registration.error?.message);
    });
  } finally {
    keys.remove();
  }
}

test.proof('[MD-2.2.3a] a certificate of an authority that is not ours is refused', {
  peers: ['Kamailio'],
  timeoutMs: 60_000,
  run: () => trusting('authority'),
  control: () => trusting('other'),
});

test.run();
