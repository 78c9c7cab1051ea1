import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import { PULL_FAILURES, pullFailure } from '#src/services/federation/pull-failures.ts';
import { suite } from '#test/support/suite.ts';
import { IMPU, PCSCF } from '../ims/network.ts';
import { Household, PHONE } from './household.ts';

const test = suite('services/federation');

interface Fields {
  readonly id?: string;
  readonly state?: string;
  readonly callId?: string;
  readonly tags?: readonly [string, string] | undefined;
  readonly target?: string;
  readonly remote?: string;
  readonly more?: string;
}

/** A dialog of the phone, with what a document may say of it. */
const dialog = (fields: Fields = {}): string => {
  const { id = 'd1', state = 'confirmed', callId = 'x@h', more = '' } = fields;
  const [local, remote] = 'tags' in fields ? (fields.tags ?? []) : ['pt', 'ft'];
  const tags = local === undefined ? '' : ` local-tag="${local}" remote-tag="${remote}"`;
  const target = fields.target ?? '<target uri="sip:phone@192.0.2.50"/>';
  return `<dialog id="${id}" call-id="${callId}"${tags} direction="recipient"><state>${state}</state>${more}
    <local><identity>${IMPU}</identity>${target}</local>
    <remote><identity display="Bob">${fields.remote ?? 'sip:bob@op.example'}</identity></remote></dialog>`;
};

const errorOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return error instanceof TandemError ? error.id : String(error);
  }
  return 'none';
};

test('a device that is not alone asks for the dialogs of the number, literally', async () => {
  const scene = await Household.start();
  const text = scene.subscribes[0]?.request.toBuffer().toString() ?? '';
  assert.match(text, /^SUBSCRIBE sip:\+46701234567@op\.example SIP\/2\.0\r\n/);
  assert.match(text, /\r\nEvent: dialog\r\n/);
  assert.match(text, /\r\nAccept: application\/dialog-info\+xml\r\n/);
  assert.match(text, /\r\nExpires: 3600\r\n/);
  assert.match(text, /\r\nP-Preferred-Identity: <sip:\+46701234567@op\.example>\r\n/);
});

test('one that is alone asks nothing until another one comes', async () => {
  const scene = await Household.start({ phone: false });
  await scene.net.pass(600);
  assert.is(scene.subscribes.length, 0);
  await scene.devices(true);
  assert.is(scene.subscribes.length, 1);
});

test('by setting it asks always or never; a plain registrar is asked when it announces the package', async () => {
  assert.is((await Household.start({ config: { policy: 'never' } })).subscribes.length, 0);
  assert.is((await Household.start({ config: { policy: 'always' }, phone: false })).subscribes.length, 1);
  const settings = { profile: 'sip' as const };
  assert.is((await Household.start({ settings })).subscribes.length, 0);
  assert.is((await Household.start({ settings, events: 'dialog' })).subscribes.length, 1);
});

test.proof('a refusal for good is not asked again before the next registration', {
  run: async () => {
    for (const refuse of [489, 405, 403]) {
      const scene = await Household.start({ refuse });
      await scene.net.pass(7200);
      assert.is(scene.subscribes.length, 1, String(refuse));
    }
  },
  control: async () => {
    const scene = await Household.start({ refuse: 503 });
    await scene.net.pass(7200);
    assert.is(scene.subscribes.length, 1);
  },
});

test('a call of the phone is seen: whose, with whom, since when, and told to the outside', async () => {
  const scene = await Household.start();
  await scene.dialogs('full', dialog({ state: 'early', tags: undefined }));
  const [ringing] = scene.federation.list;
  assert.equal([ringing?.state, ringing?.pullable], ['ringing', false]);
  await scene.dialogs('partial', dialog({ more: '<duration>30</duration>' }));
  const [call] = scene.federation.list;
  assert.equal(call, {
    id: ringing?.id,
    instance: PHONE,
    uri: 'sip:phone@192.0.2.50',
    direction: 'in',
    state: 'active',
    remote: { uri: 'sip:bob@op.example', name: 'Bob' },
    since: ringing?.since,
    pullable: true,
  });
  await scene.dialogs('partial', dialog({ state: 'terminated' }));
  assert.equal(scene.federation.list, []);
  assert.equal(
    scene.told.map((list) => list[0]?.state),
    ['ringing', 'active', undefined],
  );
});

test('the device is known by its instance, its GRUU, or its address', async () => {
  const scene = await Household.start();
  const seen = async (target: string): Promise<string | undefined> => {
    await scene.dialogs('full', dialog({ target }));
    return scene.federation.list[0]?.instance;
  };
  const param = `<param pname="+sip.instance" pval="&quot;&lt;${PHONE}&gt;&quot;"/>`;
  assert.is(await seen(`<target uri="sip:x@192.0.2.99">${param}</target>`), PHONE);
  assert.is(await seen(`<target uri="${IMPU};gr=${PHONE}"/>`), PHONE);
  assert.is(await seen('<target uri="sip:phone@192.0.2.50"/>'), PHONE);
  assert.is(await seen('<target uri="sip:x@192.0.2.99"/>'), undefined);
  await scene.dialogs('full', dialog({ target: '' }));
  assert.is(scene.federation.list[0]?.uri, IMPU);
});

test('what a call needs to be pulled; a device may keep it to itself', async () => {
  const scene = await Household.start();
  const verdicts: [string, string][] = [
    [dialog(), 'none'],
    [dialog({ state: 'early' }), 'federation.not-pullable'],
    [dialog({ id: 'd2', tags: undefined }), 'federation.not-pullable'],
    [dialog({ remote: 'sip:anonymous@anonymous.invalid' }), 'federation.not-pullable'],
    [
      dialog({ more: '<exclusive xmlns="urn:ietf:params:xml:ns:sa-dialog-info">true</exclusive>' }),
      'federation.not-pullable',
    ],
  ];
  for (const [document, verdict] of verdicts) {
    await scene.dialogs('full', document);
    const [call] = scene.federation.list;
    assert.is(call?.pullable, verdict === 'none', document);
    assert.is(
      errorOf(() => scene.federation.pull(call?.id ?? '')),
      verdict,
    );
  }
  assert.is(
    errorOf(() => scene.federation.pull('nobody')),
    'federation.unknown',
  );
});

test('pulled: INVITE with Replaces to the far end, and the call is here', async () => {
  const scene = await Household.start();
  await scene.dialogs('full', dialog());
  const call = scene.federation.pull(scene.federation.list[0]?.id ?? '');
  const invite = await scene.invited();
  const text = invite.request.toBuffer().toString();
  assert.match(text, /^INVITE sip:bob@op\.example SIP\/2\.0\r\n/);
  // RFC 3891 4: the tags from the point of view of whoever gets it.
  assert.match(text, /\r\nReplaces: x@h;to-tag=ft;from-tag=pt\r\n/);
  assert.match(text, /\r\nRequire: replaces\r\n/);
  assert.match(text, /\r\nP-Preferred-Identity: .*<sip:\+46701234567@op\.example>/);
  const far = await scene.accept(invite);
  assert.is(call.snapshot.state, 'active');
  // The far end ends its old dialog, and the phone's row goes.
  await scene.dialogs('partial', dialog({ state: 'terminated' }));
  assert.equal(scene.federation.list, []);
  await scene.bye(far);
  assert.is(scene.log.rows[0]?.end.label, 'answered');
});

test('the GRUU of the far end is called rather than its identity, a mere contact last', async () => {
  const scene = await Household.start();
  const target = async (remote: string): Promise<string> => {
    await scene.dialogs('full', dialog().replace(/<remote>.*<\/remote>/s, `<remote>${remote}</remote>`));
    scene.federation.pull(scene.federation.list[0]?.id ?? '').hangup();
    await scene.net.pass(1);
    return scene.invites.at(-1)?.request.requestUri.toString() ?? '';
  };
  const identity = '<identity>tel:+4680000000</identity>';
  assert.is(
    await target(`${identity}<target uri="sip:bob@op.example;gr=urn:uuid:7"/>`),
    'sip:bob@op.example;gr=urn:uuid:7',
  );
  assert.is(await target(`${identity}<target uri="sip:bob@10.0.0.7"/>`), 'tel:+4680000000');
  assert.is(await target('<target uri="sip:bob@10.0.0.7"/>'), 'sip:bob@10.0.0.7');
});

test('why a call could not be taken is told in words, and the call stays where it is', async () => {
  for (const { status, text } of PULL_FAILURES) {
    const scene = await Household.start();
    await scene.dialogs('full', dialog());
    const call = scene.federation.pull(scene.federation.list[0]?.id ?? '');
    await scene.net.pass(0.5);
    scene.invites[0]?.respond(status);
    await scene.net.pass(5);
    const after = scene.calls.get(call.id);
    assert.equal([after?.snapshot.state, after?.snapshot.end?.sip], ['ended', status], text);
    assert.ok(
      after?.details.told?.some((told) => told.text === text),
      text,
    );
    assert.is(scene.federation.list.length, 1);
  }
  const end = { at: '', by: 'local', label: 'cancelled' } as const;
  assert.is(pullFailure(end, false), undefined);
});

test('the same call ringing here and there is ours; answered there it is theirs, and we know by whom', async () => {
  const scene = await Household.start();
  const { cancel } = await scene.ring('shared@h');
  const elsewhere = (state: string): string => dialog({ callId: 'shared@h', tags: ['other', 'bob'], state });
  await scene.dialogs('full', elsewhere('early'));
  assert.equal(scene.federation.list, []);
  await scene.dialogs('partial', elsewhere('confirmed'));
  assert.is(scene.federation.list.length, 1);
  await cancel();
  assert.is(scene.log.rows[0]?.end.label, 'completed elsewhere');
  assert.equal(scene.federation.takenBy('shared@h'), { uri: 'sip:phone@192.0.2.50', instance: PHONE });
  assert.is(scene.federation.takenBy('other@h'), undefined);
});

test('tags that a state agent leaves out once a call is answered are known from when it rang', async () => {
  const scene = await Household.start();
  const { cancel } = await scene.ring('shared@h');
  const rings = (local: string): string =>
    dialog({ callId: 'shared@h', tags: [local, 'bob'], state: 'early' });
  const own = scene.calls.live[0]?.dialogNames[0]?.localTag ?? '';
  await scene.dialogs('full', rings('pt'));
  await scene.dialogs('full', rings(own));
  await scene.dialogs('full', dialog({ callId: 'shared@h', tags: undefined }));
  await cancel();
  assert.is(scene.federation.list[0]?.pullable, true);
  scene.federation.pull(scene.federation.list[0]?.id ?? '');
  await scene.net.pass(0.5);
  assert.is(scene.invites.at(-1)?.request.header('Replaces'), 'shared@h;to-tag=bob;from-tag=pt');
  // Two others rang: which one has it is not to be told.
  const other = await Household.start();
  await other.dialogs('full', dialog({ state: 'early', tags: ['p1', 'bob'] }));
  await other.dialogs('full', dialog({ state: 'early', tags: ['p2', 'bob'] }));
  await other.dialogs('full', dialog({ tags: undefined }));
  assert.is(other.federation.list[0]?.pullable, false);
});

test('a call answered elsewhere is seen although only our own tags were told, and cannot be taken', async () => {
  const scene = await Household.start();
  const { cancel } = await scene.ring('shared@h');
  const own = scene.calls.live[0]?.dialogNames[0]?.localTag ?? '';
  await scene.dialogs('full', dialog({ callId: 'shared@h', tags: [own, 'bob'], state: 'early' }));
  await scene.dialogs('full', dialog({ callId: 'shared@h', tags: undefined }));
  assert.equal(scene.federation.list, []);
  await cancel();
  assert.equal(
    scene.federation.list.map(({ state, pullable }) => [state, pullable]),
    [['active', false]],
  );
});

test('our own call is none of another device, whoever tells of it, nor after its end', async () => {
  const scene = await Household.start();
  const call = scene.calls.dial({ to: 'sip:bob@op.example' });
  const far = await scene.accept(await scene.invited());
  const own = dialog({ callId: far.callId, tags: [far.remoteTag, far.localTag] });
  await scene.dialogs('full', own);
  assert.equal(scene.federation.list, []);
  await scene.dialogs('full', dialog({ callId: far.callId, tags: undefined }));
  assert.equal(scene.federation.list, []);
  call.hangup();
  await scene.net.pass(1);
  await scene.dialogs('full', own);
  assert.equal(scene.federation.list, []);
});

test.proof('a call that another device takes from here ends as pulled', {
  run: () => takenAway('<replaces call-id="CALL" local-tag="LOCAL" remote-tag="REMOTE"/>'),
  control: () => takenAway('<replaces call-id="CALL" local-tag="LOCAL" remote-tag="somebody"/>'),
});

async function takenAway(replaces: string): Promise<void> {
  const scene = await Household.start();
  const call = scene.calls.dial({ to: 'sip:bob@op.example' });
  const far = await scene.accept(await scene.invited());
  const more = replaces
    .replace('CALL', far.callId)
    .replace('LOCAL', far.remoteTag)
    .replace('REMOTE', far.localTag);
  await scene.dialogs('full', dialog({ callId: 'new@h', state: 'trying', tags: undefined, more }));
  await scene.bye(far);
  assert.equal([call.snapshot.end?.by, call.snapshot.end?.label], ['remote', 'pulled']);
}

test('a lost document is asked for, garbage too, and nobody is asked in a circle', async () => {
  const scene = await Household.start();
  await scene.dialogs('full', dialog());
  assert.is(scene.subscribes.length, 1);
  await scene.dialogs('partial', dialog({ id: 'd2' }), { version: 5 });
  assert.is(scene.subscribes.length, 2);
  for (let round = 0; round < 20; round += 1) {
    await scene.tell('<dialog-info');
    await scene.tell('hello', { type: 'text/plain' });
  }
  assert.ok(scene.subscribes.length <= 5, `${scene.subscribes.length} in ten seconds`);
  assert.is(scene.federation.list.length, 2, 'garbage changes nothing');
  await scene.net.pass(20);
  const before = scene.subscribes.length;
  await scene.dialogs('full', dialog());
  assert.is(scene.federation.list.length, 1);
  await scene.net.pass(1200);
  assert.ok(scene.subscribes.length <= before + 1);
  assert.equal(new Set(scene.notified), new Set([200]));
});

test('what was known goes with the subscription and with the registration', async () => {
  const scene = await Household.start();
  await scene.dialogs('full', dialog());
  await scene.dialogs('full', dialog(), { state: 'terminated;reason=noresource' });
  assert.equal(scene.federation.list, []);
  const other = await Household.start();
  await other.dialogs('full', dialog());
  void other.registration.stop();
  await other.net.pass(5);
  assert.equal(other.federation.list, []);
});

test('it un-subscribes when the device closes', async () => {
  const scene = await Household.start();
  await scene.dialogs('full', '');
  scene.federation.stop();
  await scene.net.pass(1);
  assert.is(scene.subscribes.at(-1)?.request.expires, 0);
  const { requestUri } = scene.subscribes[0]?.request ?? {};
  assert.is(requestUri?.toString(), IMPU);
  assert.ok(PCSCF);
});

test('whatever documents say in whatever order, the list is what they add up to and nothing leaks', async () => {
  const step = fc.record({
    kind: fc.constantFrom('full', 'partial', 'garbage', 'empty'),
    id: fc.constantFrom('a', 'b', 'c'),
    state: fc.constantFrom('trying', 'early', 'confirmed', 'terminated'),
    skip: fc.nat(2),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const scene = await Household.start();
      let version = 0;
      for (const { kind, id, state, skip } of steps) {
        version += 1 + skip;
        const entry = dialog({ id, callId: id, state });
        if (kind === 'garbage') await scene.tell('<x');
        else if (kind === 'empty') await scene.dialogs('full', '', { version });
        else await scene.dialogs(kind as 'full' | 'partial', entry, { version });
        const ids = scene.federation.list.map((call) => call.id);
        assert.is(new Set(ids).size, ids.length);
      }
      await scene.dialogs('full', dialog(), { version: version + 1 });
      assert.is(scene.federation.list.length, 1);
      scene.federation.stop();
      void scene.registration.stop();
      await scene.net.pass(700_000);
      assert.equal([scene.ua.load.dialogs, scene.ua.load.transactions], [0, 0]);
    }),
    { numRuns: 25 },
  );
});

test.run();
