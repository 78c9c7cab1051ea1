// What a device refuses before it rings, and how; who calls, as strangers write it (RFC 3261 8.2, 12.2.2).
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { ackRefusal, callSetUp, hangUp, refused, refusedAfterRinging, request } from './scenarios/caller.ts';
import { Stage } from './scenarios/stage.ts';
import { contains, expect, has, lacks, pause, scenario, sdp, send, silence } from './scenarios/xml.ts';

const test = suite('peers/sipp-refusals');
const peers = ['SIPp'];

let stage: Stage;
test.before(async () => {
  stage = await Stage.open();
});
test.after(() => stage.close());

test('no codec in common is 488 with a Warning, and nothing rings', { peers }, async () => {
  const user = 'nocodec';
  const offer = sdp({ media: ['m=audio 6000 RTP/AVP 3', 'a=rtpmap:3 GSM/8000'] });
  await stage.called(user, scenario(user, refused(user, 488, { body: offer }, [has('Warning', '30[0-9] ')])));
  const { end } = await stage.logged(user);
  assert.equal([end?.label, end?.sip], ['failed', 488]);
});

test('an offer without audio is 488', { peers }, async () => {
  const user = 'videoonly';
  const offer = sdp({ media: ['m=video 6002 RTP/AVP 97', 'a=rtpmap:97 H264/90000'] });
  await stage.called(user, scenario(user, refused(user, 488, { body: offer })));
});

for (const tag of ['precondition', 'nothing-known']) {
  test(`${tag === 'precondition' ? '[MD-2.4.1a] ' : ''}Require: ${tag} is 420 with Unsupported`, {
    peers,
  }, async () => {
    const user = `require-${tag}`;
    await stage.called(
      user,
      scenario(user, refused(user, 420, { headers: [`Require: ${tag}`] }, [has('Unsupported', tag)])),
    );
  });
}

test('[MD-2.4.1a] preconditions off: a caller who merely supports them is served without', {
  peers,
}, async () => {
  const user = 'harmless';
  const conditions = [
    'a=curr:qos local none',
    'a=curr:qos remote none',
    'a=des:qos mandatory local sendrecv',
  ];
  const fields = { headers: ['Supported: precondition, 100rel'], body: [...sdp(), ...conditions] };
  await stage.called(
    user,
    scenario(user, [...callSetUp(user, fields, { checks: [lacks('qos')] }), pause(50), ...hangUp(user)]),
    () => stage.takeUp(user),
  );
});

test('a body that is no session description is 415', { peers }, async () => {
  const user = 'foreign';
  await stage.called(
    user,
    scenario(
      user,
      refused(user, 415, { body: ['{}'], type: 'application/json' }, [has('Accept', 'application/sdp')]),
    ),
  );
});

test('a body that is called a session description and is none is refused', { peers }, async () => {
  const user = 'badbody';
  await stage.called(user, scenario(user, refused(user, 400, { body: ['this is no description'] })));
});

test('[MD-2.3.12] an identity that a stranger asserts is not believed', { peers }, async () => {
  const user = 'mallory';
  const headers = [
    'P-Asserted-Identity: "The Bank" <sip:bank@127.0.0.1>',
    'P-Called-Party-ID: <sip:boss@127.0.0.1>',
  ];
  await stage.called(user, scenario(user, refusedAfterRinging(user, 486, { headers })), async () => {
    const call = await stage.call(user, 'ringing');
    assert.is(call.remote.name, undefined);
    assert.not.match(call.called_identity ?? '', /boss/);
    await stage.device.act(call.id, 'reject');
  });
});

const NAMES: readonly (readonly [what: string, written: string, shown: string])[] = [
  ['with markup', '"<script>alert(1)</script>"', '<script>alert(1)</script>'],
  ['with escapes', '"a \\"quoted\\" \\\\ name"', 'a "quoted" \\ name'],
  ['with a bell and a tab', '"a\x07b\tc"', 'a b c'],
  ['in UTF-8', '"\u00c5sa \u{1F600}"', '\u00c5sa \u{1F600}'],
  ['with a change of direction', '"abc\u202Egnp.exe"', 'abc gnp.exe'],
  ['that is very long', `"${'x'.repeat(500)}"`, 'x'.repeat(128)],
];

for (const [index, [what, written, shown]] of NAMES.entries()) {
  test(`a display name ${what} is shown as one line of text`, { peers }, async () => {
    const user = `name${index}`;
    const from = `${written} <sip:${user}@[local_ip]:[local_port]>`;
    await stage.called(user, scenario(user, refusedAfterRinging(user, 486, { from })), async () => {
      const call = await stage.call(user, 'ringing');
      assert.is(call.remote.name, shown);
      await stage.device.act(call.id, 'reject');
    });
    assert.is((await stage.logged(user)).remote.name, shown);
  });
}

test('OPTIONS tells methods and bodies', { peers }, async () => {
  const user = 'options';
  await stage.called(
    user,
    scenario(user, [
      send(request('OPTIONS', user)),
      expect(200, {
        checks: [
          has('Allow', 'INVITE'),
          has('Allow', 'CANCEL'),
          has('Accept', 'application/sdp'),
          contains('m=audio 0 '),
        ],
      }),
    ]),
  );
});

test('a method that nobody knows is 405 with Allow', { peers }, async () => {
  await stage.called(
    'publish',
    scenario('publish', [
      send(request('FROBNICATE', 'publish')),
      expect(405, { checks: [has('Allow', 'INVITE')] }),
    ]),
  );
});

for (const method of ['BYE', 'INFO', 'UPDATE', 'NOTIFY', 'INVITE', 'OPTIONS'] as const) {
  test(`${method} for no dialog is 481`, { peers }, async () => {
    const user = `stray${method}`;
    const headers = method === 'NOTIFY' ? ['Event: reg', 'Subscription-State: active'] : [];
    await stage.called(
      user,
      scenario(user, [
        send(request(method, user, { toTag: 'unknown', headers, cseq: 7 })),
        expect(100, { optional: true }),
        expect(481),
        ...(method === 'INVITE' ? [ackRefusal(user, { cseq: 7, toTag: 'unknown' })] : []),
      ]),
    );
  });
}

test('an ACK for nothing meets silence', { peers }, async () => {
  await stage.called(
    'strayack',
    scenario('strayack', [send(request('ACK', 'strayack', { toTag: 'unknown' })), silence(400)]),
  );
});

test('a Request-URI of another scheme is 416', { peers }, async () => {
  const user = 'mailto';
  await stage.called(user, scenario(user, refused(user, 416, { uri: 'mailto:device@127.0.0.1' })));
});

test.run();
