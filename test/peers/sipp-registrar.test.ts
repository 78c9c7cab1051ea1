// A scripted registrar: what it grants, refuses and says later, and what the device makes of it (24.229 5.1.1, NG.110 2.2.2).
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { settled, withLonelyRegistrar, withRegistrar } from './scenarios/registered.ts';
import { deny, grant, leaves, NO_EVENTS, registers } from './scenarios/registrar.ts';
import { expect, has, lacks, lacksIn, type Step, silence } from './scenarios/xml.ts';
import type { StatusObject } from './support/agent.ts';
import { freePort, until } from './support/process.ts';
import type { Sipp } from './support/sipp.ts';

const test = suite('peers/sipp-registrar');
const peers = ['SIPp'];
const PUBLIC = 'sip:+46701234567@op.example';

const pcscfAt = (port: number): string => `sip:127.0.0.1:${port};transport=udp`;

const refresh = (checks: readonly string[], timeout = 4000): Step => expect('REGISTER', { checks, timeout });

test.proof('[MD-2.2.2a3] a registration is refreshed at half its time', {
  peers,
  timeoutMs: 40_000,
  run: () => refreshed(4),
  control: () => refreshed(8),
});

const refreshed = (granted: number): Promise<void> =>
  withRegistrar(
    [
      {
        method: 'REGISTER',
        steps: [
          grant(granted),
          silence(1500),
          refresh([has('CSeq', '2 REGISTER')], 2300),
          grant(3600),
          ...leaves(),
        ],
      },
      NO_EVENTS,
    ],
    async ({ stage, registrar: sipp }) => {
      await stage.device.registered();
      await until(
        'the refresh, or the end of SIPp',
        () => refreshes(sipp) > 0 || sipp.peer.exitCode !== undefined,
      );
    },
  );

const refreshes = (sipp: Sipp): number => sipp.messages().split('CSeq: 2 REGISTER').length - 1;

test.proof('[MD-2.2.2a3] after 423 the Min-Expires is asked for, then and in every later REGISTER', {
  peers,
  timeoutMs: 40_000,
  run: () => tooBrief(800_000),
  control: () => tooBrief(700_000),
});

const tooBrief = (least: number): Promise<void> =>
  withRegistrar(
    [
      {
        method: 'REGISTER',
        first: { checks: [has('Expires', '600000')] },
        steps: [
          deny(423, [`Min-Expires: ${least}`]),
          refresh([has('Expires', '800000')]),
          grant(2),
          refresh([has('Expires', '800000')]),
          grant(3600),
          ...leaves(),
        ],
      },
      NO_EVENTS,
    ],
    async ({ stage, registrar: sipp }) => {
      await stage.device.registered();
      await until(
        'the refresh',
        () => sipp.messages().includes('CSeq: 3 REGISTER') || sipp.peer.exitCode !== undefined,
      );
    },
  );

test.proof(
  '[MD-2.2.2a3] a first REGISTER that is answered 403 is told to the owner, and not repeated at once',
  {
    peers,
    timeoutMs: 40_000,
    run: () => forbidden(deny(403)),
    control: () => forbidden(deny(404)),
  },
);

const forbidden = (answer: Step): Promise<void> =>
  withRegistrar(
    [{ method: 'REGISTER', steps: [answer, silence(1000)] }],
    async ({ stage, registrar: sipp }) => {
      const now = await settled(stage, ({ state }) => state === 'failed');
      assert.equal([now.state, now.error?.id], ['failed', 'registration.forbidden']);
      assert.ok(new Date(now.error?.retry_at ?? 0).getTime() > Date.now() + 10_000);
      await sipp.peer.ended(5000);
      assert.is(sipp.messages().match(/^REGISTER /gm)?.length, 1);
    },
  );

test.proof('[MD-2.2.2a3] a refresh that is answered 403 begins the registration afresh', {
  peers,
  timeoutMs: 40_000,
  run: () => afresh(deny(403), 10_000),
  control: () => afresh(grant(3600), 4000),
});

const afresh = (answer: Step, limitMs: number): Promise<void> =>
  withRegistrar(
    [
      { method: 'REGISTER', steps: [grant(2), refresh([has('CSeq', '2 REGISTER')]), answer] },
      registers(),
      NO_EVENTS,
      NO_EVENTS,
    ],
    async ({ stage, registrar: sipp }) => {
      await stage.device.registered();
      const firsts = (): number => sipp.messages().split('CSeq: 1 REGISTER').length - 1;
      // Each stands twice: request and response.
      const again = await until('a new registration', () => firsts() >= 4, limitMs).catch(() => false);
      assert.ok(again);
      await stage.device.registered();
    },
  );

test('[MD-2.2.2a3] a short Retry-After is waited for, at the same P-CSCF', { peers }, () =>
  withRegistrar(
    [{ method: 'REGISTER', steps: [deny(503, ['Retry-After: 1']), silence(700)] }, registers(), NO_EVENTS],
    ({ stage }) => stage.device.registered(),
  ),
);

test('[MD-2.2.2a3] the second P-CSCF is used when the first is dead', { peers }, async () => {
  const dead = await freePort();
  await withRegistrar(
    [registers(), NO_EVENTS],
    async ({ stage, registrar: sipp }) => {
      const now = await settled(stage, ({ state }) => state === 'registered', 8000);
      assert.is(now.pcscf, `127.0.0.1:${sipp.port}`);
    },
    {},
    (own) => [pcscfAt(dead), own],
  );
});

test.proof('[MD-2.2.2a3] the second P-CSCF is used when the first has a long Retry-After', {
  peers,
  timeoutMs: 40_000,
  run: () => busyFirst('Retry-After: 3600', 10_000),
  control: () => busyFirst('Retry-After: 25', 2000),
});

async function busyFirst(header: string, limitMs: number): Promise<void> {
  await withLonelyRegistrar([registers(), NO_EVENTS], async (second) => {
    await withRegistrar(
      [{ method: 'REGISTER', steps: [deny(503, [header])] }],
      async ({ stage }) => {
        const now = await settled(stage, ({ state }) => state === 'registered', limitMs);
        assert.is(now.pcscf, `127.0.0.1:${second.port}`);
      },
      // 64 × T1 is 32 seconds here: the border between a short Retry-After and a long one.
      { timers: { t1: 500, t2: 4000, t4: 5000 } },
      (own) => [own, pcscfAt(second.port)],
    );
  });
}

test('305 names the proxy to use', { peers }, async () => {
  await withLonelyRegistrar([registers(), NO_EVENTS], async (second) => {
    const contact = `Contact: <sip:127.0.0.1:${second.port};transport=udp>`;
    await withRegistrar([{ method: 'REGISTER', steps: [deny(305, [contact])] }], async ({ stage }) => {
      const now = await settled(stage, ({ state }) => state === 'registered');
      assert.is(now.pcscf, `127.0.0.1:${second.port}`);
    });
  });
});

const associated = (...uris: string[]): string =>
  `P-Associated-URI: ${uris.map((uri) => `<${uri}>`).join(', ')}`;
const SECOND = 'sip:second@op.example';
const THIRD = 'tel:+46701234567';

test.proof('[MD-2.2.2b] the identities are those of the last 200: three, then two', {
  peers,
  timeoutMs: 40_000,
  run: () => identities([PUBLIC, THIRD]),
  control: () => identities([PUBLIC, SECOND, THIRD]),
});

const identities = (later: readonly string[]): Promise<void> =>
  withRegistrar(
    [
      {
        method: 'REGISTER',
        steps: [
          grant(4, [associated(PUBLIC, SECOND, THIRD)]),
          refresh([]),
          grant(3600, [associated(...later)]),
          ...leaves(),
        ],
      },
      NO_EVENTS,
    ],
    async ({ stage }) => {
      const listed = (now: StatusObject['registration']): string[] => now.identities.map(({ uri }) => uri);
      const three = await settled(stage, (now) => now.identities.length === 3);
      assert.equal(listed(three), [PUBLIC, SECOND, THIRD]);
      assert.is(three.identities.find(({ kind }) => kind === 'default')?.uri, PUBLIC);
      const two = await settled(stage, (now) => now.identities.length === 2);
      assert.equal(listed(two), [PUBLIC, THIRD]);
      // What is not listed any more is barred.
      const answer = await stage.device.fetch('POST', 'calls', { to: '+46709999999', identity: SECOND });
      assert.ok(answer.status >= 400, `status ${answer.status}`);
    },
  );

test('[MD-2.2.7] nothing that the device sends wishes compression', { peers }, () =>
  withRegistrar(
    [
      {
        method: 'REGISTER',
        first: { checks: [lacks('[Ss]ig[Cc]omp'), lacksIn('Via', 'comp=')] },
        steps: [
          grant(3600, ['Service-Route: <sip:[local_ip]:[local_port];lr;comp=sigcomp>']),
          expect('REGISTER', { checks: [lacks('[Ss]ig[Cc]omp')] }),
          deny(200),
        ],
      },
      { method: 'SUBSCRIBE', first: { checks: [lacks('[Ss]ig[Cc]omp')] }, steps: [deny(489)] },
    ],
    async ({ stage, registrar: sipp }) => {
      await stage.device.registered();
      await until('the SUBSCRIBE', () => /^SUBSCRIBE /m.test(sipp.messages()));
    },
  ),
);

test.run();
