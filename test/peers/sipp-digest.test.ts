// Challenges of a scripted registrar: which are answered and how, and whether the registrar is believed (33.203 N, RFC 7616).
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { settled, withRegistrar } from './scenarios/registered.ts';
import { deny, grant, leaves, NO_EVENTS } from './scenarios/registrar.ts';
import { action, expect, has, keep, pause, type Step, silence } from './scenarios/xml.ts';
import { until } from './support/process.ts';

const test = suite('peers/sipp-digest');
const peers = ['SIPp'];

const refresh = (checks: readonly string[], timeout = 4000): Step => expect('REGISTER', { checks, timeout });

test('[MD-2.2.3a] a nonce that is stale is replaced, and the count begins again', { peers }, () =>
  withRegistrar(
    [
      {
        method: 'REGISTER',
        // 33.203 N.2.1.1: the private identity is told before there is a challenge.
        first: {
          checks: [has('Authorization', 'username="tablet@op.example"'), has('Authorization', 'response=""')],
        },
        steps: [
          deny(401, [challenge('one')]),
          refresh([has('Authorization', 'nonce="one"'), has('Authorization', 'nc=00000001')]),
          deny(401, [`${challenge('two')}, stale=true`]),
          refresh([
            has('Authorization', 'nonce="two"'),
            has('Authorization', 'nc=00000001'),
            has('Authorization', 'response="[0-9a-f]{32}"'),
          ]),
          grant(2),
          refresh([has('Authorization', 'nonce="two"'), has('Authorization', 'nc=00000002')]),
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
        () => sipp.messages().includes('nc=00000002') || sipp.peer.exitCode !== undefined,
      );
    },
  ),
);

const challenge = (nonce: string, algorithm = 'MD5'): string =>
  `WWW-Authenticate: Digest realm="op.example", nonce="${nonce}", algorithm=${algorithm}, qop="auth"`;

test('[MD-2.2.3a] of several challenges the strongest is answered', { peers }, () =>
  withRegistrar(
    [
      {
        method: 'REGISTER',
        steps: [
          deny(401, [challenge('strong', 'SHA-256'), challenge('weak')]),
          refresh([
            has('Authorization', 'algorithm=SHA-256'),
            has('Authorization', 'nonce="strong"'),
            has('Authorization', 'response="[0-9a-f]{64}"'),
          ]),
          grant(3600),
          ...leaves(),
        ],
      },
      NO_EVENTS,
    ],
    ({ stage }) => stage.device.registered(),
  ),
);

test.proof('[MD-2.2.3a] a password that is refused again and again is told, not tried for ever', {
  peers,
  timeoutMs: 40_000,
  run: () => refused(true),
  control: () => refused(false),
});

const refused = (wrong: boolean): Promise<void> =>
  withRegistrar(
    [
      {
        method: 'REGISTER',
        steps: [
          deny(401, [challenge('one')]),
          refresh([has('Authorization', 'nonce="one"')]),
          ...(wrong
            ? [
                deny(401, [challenge('two')]),
                refresh([has('Authorization', 'nonce="two"')]),
                deny(401, [challenge('three')]),
                refresh([has('Authorization', 'nonce="three"')]),
                deny(401, [challenge('four')]),
                silence(1000),
              ]
            : [grant(3600), ...leaves()]),
        ],
      },
      ...(wrong ? [] : [NO_EVENTS]),
    ],
    async ({ stage }) => {
      const now = await settled(stage, ({ state }) => state === 'failed', 3000);
      assert.equal([now.state, now.error?.id], ['failed', 'auth.rejected']);
    },
  );

const AKA =
  'WWW-Authenticate: Digest realm="op.example", nonce="rJw0AQECAwQFBgcICQoLDA0ODw==", algorithm=AKAv1-MD5, qop="auth"';

test.proof('[MD-1.4.2b] a challenge that only a UICC could answer is never answered', {
  peers,
  timeoutMs: 40_000,
  run: () => akaOnly(AKA),
  control: () => akaOnly(challenge('plain')),
});

const akaOnly = (header: string): Promise<void> =>
  withRegistrar(
    [{ method: 'REGISTER', steps: [deny(401, [header]), silence(1500)] }],
    async ({ stage, registrar: sipp }) => {
      const now = await settled(stage, ({ state }) => state === 'failed', 3000);
      assert.equal([now.state, now.error?.id], ['failed', 'auth.unsupported']);
      await sipp.peer.ended(5000);
      assert.is(sipp.messages().match(/^REGISTER /gm)?.length, 1);
    },
  );

const RSPAUTH = join(import.meta.dirname, 'scenarios/rspauth.sh');

test.proof('[MD-2.2.3a] a registrar that knows the password is believed, another is not', {
  peers,
  timeoutMs: 40_000,
  run: () => rspauth('tablet-secret'),
  control: () => rspauth('guessed'),
});

const rspauth = (password: string): Promise<void> => {
  const proof = `rspauth-${password}`;
  const steps: Step[] = [
    deny(401, ['WWW-Authenticate: Digest realm="op.example", nonce="one", algorithm=MD5, qop="auth"']),
    expect('REGISTER', { checks: [keep('Authorization', '(.*)', 'credentials')] }),
    action(`<exec command="${RSPAUTH} '[$credentials]' ${password} ${proof}"/>`),
    pause(700),
    grant(3600, [`[file name="${proof}"]`]),
    ...leaves(),
  ];
  return withRegistrar([{ method: 'REGISTER', steps }, NO_EVENTS], async ({ stage }) => {
    const state = await until('an end of it', async () => {
      const { registration } = await stage.device.status();
      return (registration.state === 'registered' || registration.state === 'failed') && registration;
    });
    assert.equal([state.state, state.error?.id], ['registered', undefined]);
  });
};

test.run();
