// RFC 3261 9.1: taking an INVITE back, and every race that it can lose.
import * as assert from 'uvu/assert';
import { SeededRandom } from '#src/base/random.ts';
import { Dialog } from '#src/sip/dialog/dialog.ts';
import { DigestClient } from '#src/sip/digest/client.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import { suite } from '#test/support/suite.ts';
import { leaks, NOTHING, type Rig, request, rig, SCRIPT_HOST, send, status } from './help.ts';

const test = suite('sip/ua/cancel');
const SCRIPT = `sip:s@${SCRIPT_HOST}`;
const BOB = 'sip:bob@192.0.2.2';

const inRig = (title: string, body: (at: Rig) => Promise<void>): void =>
  test(title, async () => {
    const each = await rig();
    await body(each);
    await each.stop();
  });

inRig('before anything was sent: nothing is sent, sip.cancelled', async ({ alice, script, advance }) => {
  const told = send(alice, request('INVITE', SCRIPT));
  told.sending.cancel();
  assert.is(told.failures.length, 0, 'not from within cancel');
  await advance(100);
  assert.equal(script.requests, []);
  assert.equal(
    told.failures.map(({ id }) => id),
    ['sip.cancelled'],
  );
});

inRig('held until a provisional answer came', async ({ alice, script, advance }) => {
  let invite: SipRequest | undefined;
  script.answer = (incoming) => {
    if (incoming.method === 'INVITE') invite = incoming;
    else if (incoming.method === 'CANCEL') script.reply(incoming, 200);
  };
  const told = send(alice, request('INVITE', SCRIPT));
  await advance(10);
  told.sending.cancel([['Reason', 'RELEASE_CAUSE;cause=1']]);
  await advance(5000);
  assert.equal(script.of('CANCEL'), []);
  assert.is(told.sending.state, 'cancel held');
  if (invite) script.reply(invite, 100, '');
  await advance(10);
  const [cancel] = script.of('CANCEL');
  assert.is(cancel?.topVia.branch, invite?.topVia.branch);
  assert.is(cancel?.vias.length, 1);
  assert.equal(cancel?.cseq, { number: 1, method: 'CANCEL' });
  assert.is(cancel?.header('To'), `<${SCRIPT}>`);
  assert.is(cancel?.header('Reason'), 'RELEASE_CAUSE;cause=1');
  if (invite) script.reply(invite, 487);
  await advance(10);
  assert.equal(status(told), [487]);
});

inRig('ringing, cancelled, 487: both sides are told, nothing stays', async (each) => {
  const { alice, bob, advance } = each;
  const heard: string[] = [];
  bob.ua.onRequest((incoming) => {
    incoming.respond(180);
    incoming.onCancel.on((cancel) => {
      heard.push(cancel.reasons[0]?.text ?? 'none');
      incoming.respond(487);
    });
  });
  const told = send(alice, request('INVITE', BOB));
  await advance(20);
  told.sending.cancel([['Reason', 'SIP;cause=200;text="Call completed elsewhere"']]);
  told.sending.cancel();
  await advance(20);
  assert.equal(heard, ['Call completed elsewhere']);
  assert.equal(status(told), [487]);
  await advance(70_000);
  assert.equal(leaks(each), NOTHING);
});

inRig('the CANCEL crosses the 200: the owner gets the 200, the CANCEL its own 200', async (each) => {
  const { alice, bob, advance } = each;
  let call: Incoming | undefined;
  let cancels = 0;
  bob.ua.onRequest((incoming) => {
    call = incoming;
    incoming.respond(180);
    incoming.onCancel.on(() => {
      cancels += 1;
    });
  });
  const told = send(alice, request('INVITE', BOB));
  await advance(20);
  call?.respond(200, { headers: [['Contact', '<sip:bob@192.0.2.2>']] });
  told.sending.cancel();
  await advance(20);
  assert.is(cancels, 0);
  assert.equal(status(told), [200]);
  assert.is(told.sending.state, 'answered');
  const [response] = told.final;
  if (response) alice.ua.ack(Dialog.uac(told.sending.request, response), told.sending.request);
  await advance(20);
  assert.is(call?.state, 'confirmed');
  await advance(70_000);
  assert.equal(leaks(each), NOTHING);
});

inRig('an owner that answers 200 although it was cancelled has won', async ({ alice, bob, advance }) => {
  bob.ua.onRequest((incoming) => {
    incoming.respond(180);
    incoming.onCancel.on(() => {
      assert.ok(incoming.cancelled);
      assert.ok(incoming.respond(200));
      assert.not(incoming.respond(487));
    });
  });
  const told = send(alice, request('INVITE', BOB));
  await advance(20);
  told.sending.cancel();
  await advance(20);
  assert.equal(status(told), [200]);
});

inRig(
  'a challenge or a 503 that crosses the CANCEL ends it: no new try',
  async ({ alice, bob, script, advance }) => {
    for (const code of [401, 407, 503]) {
      let invite: SipRequest | undefined;
      script.answer = (incoming) => {
        if (incoming.method === 'INVITE') {
          invite = incoming;
          script.reply(incoming, 180);
        }
      };
      alice.resolver.names.set('two.example', [
        { transport: 'udp', host: SCRIPT_HOST, port: 5060 },
        bob.target,
      ]);
      const digest = new DigestClient({
        credentials: { username: 'a', password: 'b' },
        random: new SeededRandom(1),
      });
      const before = script.of('INVITE').length;
      const told = send(alice, request('INVITE', 'sip:x@two.example'), { digest });
      await advance(20);
      told.sending.cancel();
      const name = code === 407 ? 'Proxy-Authenticate' : 'WWW-Authenticate';
      if (invite) script.reply(invite, code, 't', [[name, 'Digest realm="r", nonce="n"']]);
      await advance(50);
      assert.equal(status(told), [code]);
      assert.is(script.of('INVITE').length, before + 1);
    }
  },
);

inRig(
  'a final answer after cancel without provisional, and a time-out while held',
  async ({ alice, script, advance }) => {
    script.answer = (incoming) => incoming.method === 'INVITE' && script.reply(incoming, 486);
    const busy = send(alice, request('INVITE', SCRIPT));
    await advance(0);
    busy.sending.cancel();
    await advance(20);
    assert.equal(status(busy), [486]);
    script.answer = () => undefined;
    const silent = send(alice, request('INVITE', SCRIPT));
    await advance(10);
    silent.sending.cancel();
    await advance(32_100);
    assert.equal(
      silent.failures.map(({ id }) => id),
      ['sip.timeout'],
    );
    assert.equal(script.of('CANCEL'), []);
  },
);

inRig('a peer that never answers the INVITE after the CANCEL is given up after 64*T1', async (each) => {
  const { alice, script, advance } = each;
  script.answer = (incoming) => incoming.method === 'INVITE' && script.reply(incoming, 180);
  const told = send(alice, request('INVITE', SCRIPT));
  await advance(20);
  told.sending.cancel();
  await advance(31_990);
  assert.is(told.failures.length, 0);
  await advance(100);
  assert.equal(
    told.failures.map(({ id }) => id),
    ['sip.cancelled'],
  );
  await advance(40_000);
  assert.equal(leaks(each), NOTHING);
});

inRig('lost CANCELs are repeated', async ({ alice, bob, network, advance }) => {
  let lost = 0;
  network.rule = ({ bytes }) => {
    if (!bytes.toString('latin1').startsWith('CANCEL') || lost >= 3) return undefined;
    lost += 1;
    return { drop: true };
  };
  bob.ua.onRequest((incoming) => {
    incoming.respond(180);
    incoming.onCancel.on(() => void incoming.respond(487));
  });
  const told = send(alice, request('INVITE', BOB));
  await advance(20);
  told.sending.cancel();
  await advance(10_000);
  assert.is(lost, 3);
  assert.equal(status(told), [487]);
});

inRig('other methods cannot be taken back', async ({ alice, script, advance }) => {
  script.answer = (incoming) => script.reply(incoming, 100);
  const told = send(alice, request('MESSAGE', SCRIPT));
  await advance(20);
  told.sending.cancel();
  await advance(1000);
  assert.equal(script.of('CANCEL'), []);
});

test.run();
