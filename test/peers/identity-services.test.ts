// Who is shown to whom, over whom a call came, and why it was refused: SIPp as the network (24.607, 24.608, 24.604, 24.611).
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { accept, called, refuse, refuseThrough, respond } from './scenarios/callee.ts';
import {
  ack,
  ackRefusal,
  cancel,
  cancelTaken,
  hangUp,
  hungUp,
  invite,
  reply,
  rings,
} from './scenarios/caller.ts';
import { withRegistrar } from './scenarios/registered.ts';
import { type Branch, brings, NO_EVENTS, outgoing, registers } from './scenarios/registrar.ts';
import { Stage } from './scenarios/stage.ts';
import { differs, expect, has, lacksIn, matches, pause, type Step, scenario, send } from './scenarios/xml.ts';
import type { CallObject } from './support/agent.ts';
import { REALM } from './support/configuration.ts';
import { Sipp } from './support/sipp.ts';
import { withKamailio } from './support/world.ts';

const test = suite('peers/identity-services');
const peers = ['SIPp'];

const SHARED = '+22221111';
const NATIVE = 'sip:+46701234567@op.example';

interface Details {
  readonly diversion?: readonly { readonly uri: string; readonly cause?: number; readonly reason: string }[];
  readonly connected?: { readonly uri: string; readonly name?: string };
  readonly told?: readonly { readonly text: string }[];
}

let stage: Stage;
test.before(async () => {
  stage = await Stage.open({ more: '[identity]\nhide_when_called = true' });
});
test.after(() => stage.close());

const detailsOf = async (id: string, on = stage): Promise<Details> => {
  const { status, body } = await on.device.fetch('GET', `calls/${id}/details`);
  assert.is(status, 200);
  return (body ?? {}) as Details;
};
const toldOf = async (id: string, on = stage): Promise<string> =>
  ((await detailsOf(id, on)).told ?? []).map(({ text }) => text).join('\n');

/** The device dials SIPp; the call that came of it. */
async function dial(
  user: string,
  steps: readonly Step[],
  act: (call: CallObject) => Promise<unknown> = async () => undefined,
): Promise<CallObject> {
  let id = '';
  await stage.play(user, scenario(user, steps), async (sipp) => {
    const call = await stage.device.dial(`sip:${user}@127.0.0.1:${sipp.port}`);
    id = call.id;
    await act(call);
  });
  return stage.device.whenState(id, 'ended');
}

const CAUSES: readonly (readonly [id: string, cause: number, words: string])[] = [
  ['MD-2.3.1b1', 302, 'always'],
  ['MD-2.3.1b2', 404, 'not logged in'],
  ['MD-2.3.1b3', 486, 'busy'],
  ['MD-2.3.1b4', 503, 'not reachable'],
  ['MD-2.3.1b5', 408, 'no answer'],
];

const forwarded = async (user: string, cause: number, words: string): Promise<void> => {
  const history = (why: number): string =>
    `History-Info: <sip:bob@op.example>;index=1, "Eva" <sip:eva@op.example;cause=${why}>;index=1.1;mp=1`;
  const call = await dial(user, [
    called(),
    respond(181, { headers: [history(cause)] }),
    respond(180, { headers: [history(cause)] }),
    ...refuse(486),
  ]);
  const { diversion } = await detailsOf(call.id);
  assert.equal(diversion, [{ uri: 'sip:bob@op.example', cause, reason: words }]);
  assert.match(await toldOf(call.id), new RegExp(`forwarded to Eva .*: ${words}\\.`));
};

for (const [id, cause, words] of CAUSES) {
  test.proof(`[${id}] a call that is forwarded with cause ${cause} is told to the caller: ${words}`, {
    peers,
    timeoutMs: 40_000,
    run: () => forwarded(`forward${cause}`, cause, words),
    control: () => forwarded(`forwardnot${cause}`, cause === 302 ? 408 : 302, words),
  });
}

const divertedAway = async (history: readonly string[]): Promise<void> => {
  const user = 'diverter';
  let id = '';
  await stage.called(
    user,
    scenario(user, [
      invite(user, { headers: history }),
      ...rings(),
      pause(200),
      cancel(user, ['Reason: SIP;cause=302;text="Moved Temporarily"']),
      cancelTaken(),
      expect(487),
      ackRefusal(user),
    ]),
    async () => {
      id = (await stage.call(user, 'ringing')).id;
    },
  );
  const call = await stage.device.whenState(id, 'ended');
  assert.is(call.end?.label, 'missed');
  assert.ok(call.dialogs.every(({ state }) => state === 'terminated'));
  const { diversion } = await detailsOf(id);
  assert.equal(diversion, [{ uri: 'sip:boss@op.example', cause: 408, reason: 'no answer' }]);
};

test.proof(
  '[MD-2.3.8] a ringing leg that is diverted away ends without a trace, and says over whom it came',
  {
    peers,
    timeoutMs: 40_000,
    run: () =>
      divertedAway([
        'History-Info: <sip:boss@op.example>;index=1',
        'History-Info: <sip:device@127.0.0.1;cause=408>;index=1.1;mp=1',
      ]),
    control: () => divertedAway([]),
  },
);

const barred = async (user: string, status: number, warning: readonly string[]): Promise<void> => {
  const call = await dial(user, [called(), ...refuse(status, { headers: warning })]);
  assert.is(call.end?.label, 'failed');
  assert.is(call.end?.sip, status);
  assert.match(await toldOf(call.id), /International calls are barred/);
  assert.is(call.end?.reason?.text, 'International calls are barred');
};

for (const [id, status] of [
  ['MD-2.3.1c1', 603],
  ['MD-2.3.1c2', 403],
] as const) {
  test.proof(`[${id}] a barred call (${status}) is told in the words of the network`, {
    peers,
    timeoutMs: 40_000,
    run: () =>
      barred(`barred${status}`, status, ['Warning: 399 as.op.example "International calls are barred"']),
    control: () => barred(`refused${status}`, status, []),
  });
}

const restricted = async (user: string, on: Stage): Promise<void> => {
  const hidden = [has('Privacy', '^ *id *$')];
  await on.called(
    user,
    scenario(user, [
      invite(user),
      ...rings({ checks: hidden }),
      expect(200, { checks: hidden }),
      ack(user),
      ...hangUp(user),
    ]),
    () => on.answer(user),
  );
};

const withOpenStage = async (body: (open: Stage) => Promise<void>): Promise<void> => {
  const open = await Stage.open();
  try {
    await body(open);
  } finally {
    await open.close();
  }
};

test.proof('[MD-2.3.7] who is hidden when called says so in 180 and 200', {
  peers,
  timeoutMs: 40_000,
  run: () => restricted('restricted', stage),
  control: () => withOpenStage((open) => restricted('open', open)),
});

test('[MD-2.3.1a] another From in an UPDATE is who is there now, and whom the BYE is to', {
  peers,
}, async () => {
  const user = 'changing';
  const call = await dial(
    user,
    [
      called({ checks: [has('Supported', 'from-change')] }),
      ...accept(),
      send([
        'UPDATE [$target] SIP/2.0',
        'Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-UPDATE1',
        'From: "Eva" <sip:eva@op.example>;tag=callee',
        'To:[$from]',
        'Call-ID: [call_id]',
        'CSeq: 1 UPDATE',
        'Max-Forwards: 70',
        'Contact: <sip:callee@[local_ip]:[local_port]>',
        'Content-Length: 0',
        '',
      ]),
      expect(200),
      expect('BYE', { checks: [has('To', 'sip:eva@op.example>;tag=callee')] }),
      send(reply(200)),
    ],
    async ({ id }) => {
      await stage.device.whenState(id, 'active');
      for (let tries = 0; tries < 50 && !(await detailsOf(id)).connected; tries += 1)
        await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal((await detailsOf(id)).connected, { uri: 'sip:eva@op.example', name: 'Eva' });
      await stage.device.act(id, 'hangup');
    },
  );
  assert.match(call.remote.uri, /changing/);
});

// A registered device: what a P-CSCF says is believed.

const ANSWERED = (headers: readonly string[]): Branch => outgoing([...accept({ headers }), ...hungUp()]);

const connectedBy = (headers: readonly string[]): Promise<void> =>
  withRegistrar([registers(), NO_EVENTS, ANSWERED(headers)], async ({ stage: own }) => {
    await own.device.registered();
    const { id } = await own.device.dial('+46709999999');
    await own.device.whenState(id, 'active');
    const { connected } = await detailsOf(id, own);
    await own.device.act(id, 'hangup');
    await own.device.whenState(id, 'ended');
    assert.equal(connected, { uri: 'tel:+46708888888', name: 'Reception' });
  });

test.proof('[MD-2.3.1a] the identity that the network asserts in the 200 is shown as connected', {
  peers,
  timeoutMs: 40_000,
  run: () => connectedBy(['P-Asserted-Identity: <sip:desk@op.example>, "Reception" <tel:+46708888888>']),
  control: () => connectedBy([]),
});

/** One INVITE of the device, refused with this answer. */
const refusedOut = (checks: readonly string[], status: number, headers: readonly string[] = []): Branch =>
  outgoing([respond(status, { headers }), expect('ACK', { checks })]);

const asSomebodyElse = (identity: string | undefined): Promise<void> =>
  withRegistrar(
    [
      registers([`P-Associated-URI: <${NATIVE}>`]),
      NO_EVENTS,
      refusedOut(
        [
          matches('invite', `Additional-Identity: <tel:[+]22221111>`),
          matches('invite', `From: <${NATIVE.replace('+', '[+]')}>;tag=`),
          matches('invite', `P-Preferred-Identity: <${NATIVE.replace('+', '[+]')}>`),
          differs('invite', 'Privacy:'),
        ],
        403,
        ['Warning: 399 as.op.example "Identity not allowed"'],
      ),
    ],
    async ({ stage: own }) => {
      const { registration } = await own.device.registered();
      assert.equal(
        registration.identities.map(({ uri, kind }) => [uri, kind]),
        [
          [NATIVE, 'default'],
          [`tel:${SHARED}`, 'shared'],
        ],
      );
      const { id } = await own.device.dial('+11112222', identity === undefined ? {} : { identity });
      const call = await own.device.whenState(id, 'ended');
      assert.is(call.identity, `tel:${SHARED}`);
      assert.match(await toldOf(id, own), /Identity not allowed/);
    },
    { more: `[identities]\nshared = ["tel:${SHARED}"]` },
  );

test.proof(
  '[MD-2.4.6.2b] [MD-1.1b] a call under an identity by configuration, as 24.174 A.2.2 writes it; a 403 is told',
  {
    peers,
    timeoutMs: 40_000,
    run: () => asSomebodyElse(`tel:${SHARED}`),
    control: () => asSomebodyElse(undefined),
  },
);

const calledAs = (headers: readonly string[]): Promise<void> =>
  withRegistrar(
    [registers([`P-Associated-URI: <${NATIVE}>`], [pause(500), ...brings('caller', headers)]), NO_EVENTS],
    async ({ stage: own }) => {
      const call = await own.device.whenCall('a call', ({ state }) => state === 'ringing');
      await own.device.act(call.id, 'reject');
      assert.equal([call.called_identity, call.identity], ['tel:+22222222', 'tel:+22222222']);
      assert.is((await own.logged('')).called_identity, 'tel:+22222222');
    },
  );

test.proof('[MD-2.4.6.2c2] Additional-Identity names who was called, before P-Called-Party-ID (24.174 A.3)', {
  peers,
  timeoutMs: 40_000,
  run: () => calledAs([`P-Called-Party-ID: <${NATIVE}>`, 'Additional-Identity: <tel:+22222222>']),
  control: () => calledAs([`P-Called-Party-ID: <${NATIVE}>`]),
});

// Kamailio asserts by P-Preferred-Identity, and keeps the assertion from the callee where Privacy asks for it (RFC 3325 7).
const NETWORK = {
  onInvite: `
    if (is_present_hf("P-Preferred-Identity")) {
        if (!($hdr(Privacy) =~ "id")) { append_hf("P-Asserted-Identity: $hdr(P-Preferred-Identity)\\r\\n"); }
        remove_hf("P-Preferred-Identity");
    }
    if ($rU =~ "^port") { $ru = "sip:callee@127.0.0.1:" + $(rU{s.substr,4,0}); }`,
};

const hiddenCall = (more: object, settings: string): Promise<void> =>
  withKamailio(NETWORK, async (world) => {
    const tablet = await world.device('tablet', { more: settings });
    await tablet.registered();
    const sipp = await Sipp.start({
      folder: world.file('.'),
      name: 'hidden',
      scenario: scenario(
        'hidden',
        refuseThrough(486, [
          has('From', '"Anonymous" <sip:anonymous@anonymous.invalid>'),
          has('Privacy', '^ *id *$'),
          lacksIn('P-Asserted-Identity', '46701234567'),
          lacksIn('Contact', '46701234567'),
        ]),
      ),
    });
    try {
      const { id } = await tablet.dial(`sip:port${sipp.port}@${REALM}`, more);
      await tablet.whenState(id, 'ended');
      await sipp.succeeded();
    } finally {
      await sipp.stop();
    }
  });

test.proof('[MD-2.3.6] a hidden call reaches the callee without a trace of who calls', {
  peers: ['Kamailio', 'SIPp'],
  timeoutMs: 60_000,
  run: () => hiddenCall({ privacy: true }, ''),
  control: () => hiddenCall({}, ''),
});

test.proof('[MD-2.3.6] hidden by setting, shown where the owner says so', {
  peers: ['Kamailio', 'SIPp'],
  timeoutMs: 60_000,
  run: () => hiddenCall({}, '[identity]\nprivacy = "id"'),
  control: () => hiddenCall({ privacy: false }, '[identity]\nprivacy = "id"'),
});

test.run();
