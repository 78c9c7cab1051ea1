// Registration judged by Kamailio: what it stored, and what it let in.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import type { Device } from './support/agent.ts';
import { Authority } from './support/certificates.ts';
import { type DeviceSettings, IMPU } from './support/configuration.ts';
import { scratch, until } from './support/process.ts';
import { withKamailio } from './support/world.ts';

const test = suite('peers/kamailio-registration');

const stays = async (device: Device, ms: number): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, ms));
  assert.is((await device.status()).registration.state, 'registered');
};

for (const algorithm of ['MD5', 'SHA-256'] as const) {
  test.proof(`[MD-2.2.3a] registers with digest ${algorithm}; a wrong password does not`, {
    peers: ['Kamailio'],
    run: () =>
      withKamailio({ algorithm }, async ({ kamailio, device }) => {
        const status = await (await device('tablet')).registered();
        assert.match(kamailio.locations(), /\+46701234567/);
        assert.is(status.registration.identities[0]?.uri, IMPU);
        assert.ok((status.registration.expires ?? 0) > 3000);
      }),
    control: () =>
      withKamailio({ algorithm }, async ({ device }) => {
        const tablet = await device('tablet', { password: 'wrong' });
        const status = await until('an end of the attempt', async () => {
          const now = await tablet.status();
          return now.registration.state !== 'registering' && now;
        });
        assert.match(
          status.registration.error?.message ?? '',
          /password/i,
          'the owner is told of the password',
        );
        assert.is(status.registration.state, 'registered');
      }),
  });
}

test.proof('[MD-2.2.3a] over TLS the certificate must carry the name of the P-CSCF', {
  peers: ['Kamailio'],
  timeoutMs: 60_000,
  run: () => overTls(['DNS:pcscf.op.example', 'IP:127.0.0.1']),
  control: () => overTls(['DNS:somebody-else.example']),
});

async function overTls(names: readonly string[]): Promise<void> {
  const keys = scratch();
  try {
    const authority = new Authority(keys.path);
    const tls = authority.issue('server', names);
    await withKamailio({ tls }, async ({ kamailio, device }) => {
      const tablet = await device('tablet', {
        pcscf: `sip:127.0.0.1:${kamailio.tlsPort}`,
        ca: authority.certificate,
        listen: ['tls:127.0.0.1:0'],
      });
      const status = await until('an end of the attempt', async () => {
        const now = await tablet.status();
        return now.registration.state !== 'registering' && now;
      });
      assert.is(status.registration.state, 'registered', JSON.stringify(status.registration.error));
      assert.is(status.registration.transport, 'tls');
      assert.match(kamailio.locations(), /Socket:.*tls/);
    });
  } finally {
    keys.remove();
  }
}

test('[MD-2.2.2a] registers over TCP', { peers: ['Kamailio'] }, () =>
  withKamailio({}, async ({ kamailio, device }) => {
    const tablet = await device('tablet', { pcscf: `sip:127.0.0.1:${kamailio.port};transport=tcp` });
    assert.is((await tablet.registered()).registration.transport, 'tcp');
    assert.match(kamailio.locations(), /Socket:.*tcp/);
  }),
);

test('[MD-2.2.4b] registers over IPv6 alone', { peers: ['Kamailio'] }, () =>
  withKamailio({ host: '::1' }, async ({ kamailio, device }) => {
    const tablet = await device('tablet', {
      pcscf: `sip:[::1]:${kamailio.port};transport=udp`,
      listen: ['udp:[::1]:0', 'tcp:[::1]:0'],
      address: '::1',
    });
    await tablet.registered();
    assert.match(kamailio.locations(), /\[::1\]/);
  }),
);

test.proof('[MD-2.2.2a1] the stored contact carries the mmtel ICSI and the instance', {
  peers: ['Kamailio'],
  run: () => storedContact('ims'),
  control: () => storedContact('sip'),
});

const storedContact = (profile: 'ims' | 'sip'): Promise<void> =>
  withKamailio({ onRegister: 'xlog("L_ALERT", "contact: $ct\\n");' }, async ({ kamailio, device }) => {
    await (await device('tablet', { profile })).registered();
    const contact = kamailio.peer.output.match(/contact: (.*)/g)?.at(-1) ?? '';
    assert.match(contact, /\+g\.3gpp\.icsi-ref="urn%3Aurn-7%3A3gpp-service\.ims\.icsi\.mmtel"/);
    assert.match(contact, /;\+sip\.instance="<urn:uuid:[0-9a-f-]{36}>"/);
    assert.match(contact, /;audio/);
  });

test(
  '[MD-2.2.1a] the instance id outlives a restart, differs on a second device, and a configured one wins',
  {
    peers: ['Kamailio'],
    timeoutMs: 60_000,
  },
  () =>
    withKamailio({}, async ({ kamailio, device }) => {
      const instances = (): string[] => [
        ...new Set(
          [...kamailio.locations().matchAll(/Instance: *"?<?(urn:[^>"\s]+)/g)].map((match) => match[1] ?? ''),
        ),
      ];
      const first = await device('tablet');
      await first.registered();
      const [made] = instances();
      assert.match(made ?? '', /^urn:uuid:/);
      first.peer.signal('SIGKILL');
      await first.peer.ended();
      await (await device('tablet')).registered();
      assert.equal(instances(), [made]);
      const speaker = { impi: 'speaker@op.example', password: 'speaker-secret' };
      await (await device('speaker', speaker)).registered();
      assert.is(instances().length, 2);
      const configured = 'urn:uuid:0f4c0a66-6c3a-4b0e-9d7e-4d0f5f6a7b80';
      await (await device('other', { ...speaker, instance: configured })).registered();
      assert.ok(instances().includes(configured));
    }),
);

test.proof('[MD-2.2.2a4] on SIGTERM the contact is gone, and the other IMPI of the number stays', {
  peers: ['Kamailio'],
  timeoutMs: 60_000,
  run: () => afterSignal('SIGTERM'),
  control: () => afterSignal('SIGKILL'),
});

const afterSignal = (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> =>
  withKamailio({}, async ({ kamailio, device }) => {
    const tablet = await device('tablet');
    const speaker = await device('speaker', { impi: 'speaker@op.example', password: 'speaker-secret' });
    await Promise.all([tablet.registered(), speaker.registered()]);
    const contacts = (): number => [...kamailio.locations().matchAll(/Address: sip/g)].length;
    assert.is(contacts(), 2);
    tablet.peer.signal(signal);
    await tablet.peer.ended();
    assert.is(contacts(), 1);
    await stays(speaker, 200);
  });

test.proof('[MD-1.4.2a] two devices with IMPIs of their own hold the number together', {
  peers: ['Kamailio'],
  timeoutMs: 60_000,
  run: () => secondDevice({ impi: 'speaker@op.example', password: 'speaker-secret' }),
  control: () => secondDevice({ impi: 'stranger@op.example', password: 'unknown' }),
});

const secondDevice = (second: DeviceSettings): Promise<void> =>
  withKamailio({ onRegister: 'xlog("L_ALERT", "user: $aU\\n");' }, async ({ kamailio, device }) => {
    await (await device('tablet')).registered();
    const speaker = await device('speaker', second);
    await until(
      'an end of the attempt',
      async () => (await speaker.status()).registration.state !== 'registering',
    );
    assert.match(kamailio.peer.output, /user: tablet@op\.example/);
    assert.match(kamailio.peer.output, /user: speaker@op\.example/);
    assert.is([...kamailio.locations().matchAll(/Address: sip/g)].length, 2);
  });

test.proof('[MD-2.2.2c] the federation follows who comes and goes', {
  peers: ['Kamailio'],
  timeoutMs: 60_000,
  run: () => federation(true),
  control: () => federation(false),
});

const federation = (reginfo: boolean): Promise<void> =>
  withKamailio({ reginfo }, async ({ device }) => {
    const tablet = await device('tablet');
    await tablet.registered();
    const others = async (): Promise<number> =>
      (await tablet.status()).federation.filter((entry) => !entry.self && entry.state === 'active').length;
    const seen = async (count: number): Promise<boolean> => {
      try {
        await until(`${count} other devices`, async () => (await others()) === count, 5000);
        return true;
      } catch {
        return false;
      }
    };
    assert.ok(await seen(0));
    const speaker = await device('speaker', { impi: 'speaker@op.example', password: 'speaker-secret' });
    await speaker.registered();
    assert.ok(await seen(1), 'the second device is listed');
    await speaker.stop();
    assert.ok(await seen(0), 'and no longer when it has gone');
  });

test(
  '[MD-2.2.2c] a contact that the network removes is registered again',
  {
    peers: ['Kamailio'],
    timeoutMs: 60_000,
  },
  () =>
    withKamailio({ reginfo: true }, async ({ kamailio, device }) => {
      const tablet = await device('tablet', { sip: 'retry_base = 1\nretry_max = 2' });
      await tablet.registered();
      await until('the federation to be known', async () => (await tablet.status()).federation.length > 0);
      kamailio.command('ul.rm', 'location', 's:+46701234567');
      await until('a new registration', () => /Address: sip/.test(kamailio.locations()), 15_000);
      await tablet.registered();
    }),
);

test.run();
