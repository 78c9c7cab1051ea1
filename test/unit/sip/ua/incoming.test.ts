// RFC 3261 8.2, 9.2, 12.2.2, 13.3.1: requests to us and what becomes of each.
import * as assert from 'uvu/assert';
import { Dialog } from '#src/sip/dialog/dialog.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import { INCOMING_TABLE, incomingRow } from '#src/sip/ua/incoming-table.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import { suite } from '#test/support/suite.ts';
import { ALLOW, leaks, NOTHING, type Rig, request, rig, scripted, send, status } from './help.ts';

const test = suite('sip/ua/incoming');
const BOB = 'sip:bob@192.0.2.2';
const CONTACT = ['Contact', '<sip:bob@192.0.2.2>'] as const;

const inRig = (title: string, body: (at: Rig) => Promise<void>): void =>
  test(title, async () => {
    const each = await rig();
    await body(each);
    await each.stop();
  });

test('the table: no row twice, what ended does nothing more', () => {
  for (const row of INCOMING_TABLE) assert.is(incomingRow(row.state, row.event), row);
  for (const state of ['confirmed', 'unacknowledged', 'answered'] as const) {
    for (const event of ['provisional', 'success', 'final', 'repeat', 'give up'] as const) {
      assert.is(incomingRow(state, event), undefined, `${state} ${event}`);
    }
  }
});

/** The ACK of the peer played by hand. */
function ackFor(invite: SipRequest, toTag: string, branch: string): SipRequest {
  const ack = scripted('ACK', BOB, [], branch);
  ack.headers.set('From', invite.header('From') ?? '');
  ack.headers.set('To', `<${BOB}>;tag=${toTag}`);
  ack.headers.set('Call-ID', invite.callId);
  ack.headers.set('CSeq', `${invite.cseq.number} ACK`);
  return ack;
}

inRig('every answer has the same To tag, 100 has none', async ({ bob, script, advance }) => {
  bob.ua.onRequest((incoming) => {
    incoming.respond(100);
    incoming.respond(180);
    incoming.respond(183);
    incoming.respond(486);
  });
  script.send(scripted('INVITE', BOB), bob.target);
  await advance(50);
  assert.equal(
    script.responses.slice(0, 4).map(({ status: code, to }) => [code, to.tag !== undefined]),
    [
      [100, false],
      [180, true],
      [183, true],
      [486, true],
    ],
  );
  assert.is(new Set(script.responses.slice(1).map(({ to }) => to.tag)).size, 1);
  assert.is(script.responses[1]?.header('Server'), 'Test/1');
});

inRig('100 after 200 ms when the owner takes its time', async ({ bob, script, advance }) => {
  bob.ua.onRequest(() => undefined);
  script.send(scripted('INVITE', BOB), bob.target);
  await advance(190);
  assert.equal(script.statuses(), []);
  await advance(20);
  assert.equal(script.statuses(), [100]);
});

inRig('a 2xx is repeated at T1, doubled to T2, until its ACK', async ({ bob, script, clock, advance }) => {
  const times: number[] = [];
  const acks: SipRequest[] = [];
  script.transport.onMessage.on(() => void times.push(clock.now()));
  bob.ua.onRequest((incoming) => {
    incoming.onAck.on((ack) => void acks.push(ack));
    incoming.respond(200, { headers: [CONTACT] });
  });
  const invite = scripted('INVITE', BOB);
  script.send(invite, bob.target);
  await advance(11_600);
  assert.equal(
    times.map((time) => time - (times[0] ?? 0)),
    [0, 500, 1500, 3500, 7500, 11_500],
  );
  const tag = script.responses[0]?.to.tag ?? '';
  script.send(ackFor(invite, 'wrong', 'z9hG4bKw'), bob.target);
  await advance(10);
  assert.is(acks.length, 0);
  script.send(ackFor(invite, tag, 'z9hG4bKa'), bob.target);
  script.send(ackFor(invite, tag, 'z9hG4bKa'), bob.target);
  await advance(60_000);
  assert.is(acks.length, 1);
  assert.is(times.length, 6);
  assert.ok(bob.ua.counters.get('sip_unmatched_acks_total') >= 1);
});

inRig('no ACK: told once after 64*T1, and nothing stays', async (each) => {
  const { bob, script, advance } = each;
  let timeouts = 0;
  let ended = 0;
  let call: Incoming | undefined;
  bob.ua.onRequest((incoming) => {
    call = incoming;
    incoming.onAckTimeout.on(() => {
      timeouts += 1;
    });
    incoming.onEnd.on(() => {
      ended += 1;
    });
    incoming.respond(200, { headers: [CONTACT] });
  });
  script.send(scripted('INVITE', BOB), bob.target);
  await advance(31_900);
  assert.is(timeouts, 0);
  await advance(40_000);
  assert.equal([timeouts, ended, call?.state], [1, 1, 'unacknowledged']);
  assert.equal(leaks(each), NOTHING);
});

inRig('lost 200s and lost ACKs are made good', async (each) => {
  const { alice, bob, network, advance } = each;
  let drops = 0;
  network.rule = ({ bytes }) => {
    if (!/^(SIP\/2.0 200|ACK)/.test(bytes.toString('latin1')) || drops >= 5) return undefined;
    drops += 1;
    return { drop: true };
  };
  let call: Incoming | undefined;
  bob.ua.onRequest((incoming) => {
    call = incoming;
    incoming.respond(200, { headers: [CONTACT] });
  });
  const told = { answers: 0 };
  const invite = request('INVITE', BOB);
  const sending = alice.ua.send(invite, {
    onFinal: (response) => {
      told.answers += 1;
      alice.ua.ack(Dialog.uac(sending.request, response), sending.request);
    },
    onFailure: () => assert.unreachable(),
  });
  await advance(32_000);
  assert.is(drops, 5);
  assert.is(told.answers, 1);
  assert.is(call?.state, 'confirmed');
  await advance(70_000);
  assert.equal(leaks(each), NOTHING);
});

inRig('repeated requests are seen once', async ({ bob, script, advance }) => {
  let seen = 0;
  bob.ua.onRequest((incoming) => {
    seen += 1;
    if (incoming.request.method === 'MESSAGE') incoming.respond(200);
  });
  for (const method of ['INVITE', 'MESSAGE']) {
    const made = scripted(method, BOB, [], `z9hG4bK${method}`);
    for (let turn = 0; turn < 3; turn += 1) script.send(made, bob.target);
    await advance(20);
  }
  assert.is(seen, 2);
  assert.equal(script.statuses('MESSAGE'), [200, 200, 200]);
});

inRig('the same request by another path is 482', async ({ bob, script, advance }) => {
  let seen = 0;
  bob.ua.onRequest(() => {
    seen += 1;
  });
  const made = scripted('INVITE', BOB, [], 'z9hG4bKp1');
  const twin = made.clone();
  twin.headers.replaceFirst('Via', made.topVia.withParam('branch', 'z9hG4bKp2').toString());
  script.send(made, bob.target);
  script.send(twin, bob.target);
  await advance(50);
  assert.is(seen, 1);
  assert.equal(script.statuses(), [482]);
  assert.is(bob.ua.counters.get('sip_merged_requests_total'), 1);
});

inRig('what the core refuses by itself', async ({ bob, script, advance }) => {
  bob.ua.onRequest(() => assert.unreachable());
  const cases: [SipRequest, number, string, string | undefined][] = [
    [scripted('FROB', BOB), 405, 'Allow', ALLOW.join(', ')],
    [
      scripted('INVITE', BOB, [['Require', 'timer, nonsense, 100rel']]),
      420,
      'Unsupported',
      'nonsense, 100rel',
    ],
    [scripted('INVITE', 'nobodyKnowsThisScheme:x'), 416, 'Allow', undefined],
    [scripted('BYE', BOB), 481, 'Allow', undefined],
    [scripted('BYE', BOB, []), 481, 'Allow', undefined],
  ];
  for (const [made, code, name, value] of cases) {
    script.responses.length = 0;
    script.send(made, bob.target);
    await advance(20);
    assert.equal(script.statuses(), [code]);
    assert.is(script.responses[0]?.header(name), value);
    assert.ok(script.responses[0]?.to.tag);
  }
});

inRig('requests for dialogs that do not exist are 481 and counted', async ({ bob, script, advance }) => {
  bob.ua.onRequest(() => assert.unreachable());
  for (const method of ['NOTIFY', 'BYE', 'INVITE', 'OPTIONS']) {
    const made = scripted(method, BOB);
    made.headers.set('To', `<${BOB}>;tag=gone`);
    script.send(made, bob.target);
    await advance(20);
  }
  assert.equal(script.statuses().slice(0, 4), [481, 481, 481, 481]);
  assert.is(bob.ua.counters.get('sip_unknown_dialog_total'), 4);
  assert.is(bob.ua.counters.get('sip_unknown_notify_total'), 1);
});

inRig('what means nothing outside a dialog is 481 there, and nobody hears of it', async (each) => {
  const { bob, script, advance } = each;
  bob.ua.onRequest(() => assert.unreachable());
  for (const method of ['NOTIFY', 'BYE', 'UPDATE']) {
    script.send(scripted(method, BOB), bob.target);
    await advance(20);
  }
  assert.equal(new Set(script.statuses()), new Set([481]));
});

inRig('a CANCEL for nothing is 481, an ACK for nothing is counted', async ({ bob, script, advance }) => {
  script.send(scripted('CANCEL', BOB, [], 'z9hG4bKnone'), bob.target);
  script.send(ackFor(scripted('INVITE', BOB), 't', 'z9hG4bKack'), bob.target);
  await advance(20);
  assert.equal(script.statuses(), [481]);
  assert.is(bob.ua.counters.get('sip_unmatched_cancels_total'), 1);
  assert.is(bob.ua.counters.get('sip_unmatched_acks_total'), 1);
});

inRig('a CANCEL has the To tag of its INVITE, and comes in any state', async ({ bob, script, advance }) => {
  let cancels = 0;
  bob.ua.onRequest((incoming) => {
    incoming.respond(180);
    incoming.onCancel.on(() => {
      cancels += 1;
      incoming.respond(487);
    });
  });
  const invite = scripted('INVITE', BOB, [], 'z9hG4bKc');
  script.send(invite, bob.target);
  await advance(20);
  for (let turn = 0; turn < 2; turn += 1) {
    const cancel = scripted('CANCEL', BOB, [], 'z9hG4bKc');
    for (const name of ['From', 'To', 'Call-ID']) cancel.headers.set(name, invite.header(name) ?? '');
    script.send(cancel, bob.target);
    await advance(20);
  }
  assert.is(cancels, 1);
  assert.equal(script.statuses('CANCEL'), [200, 200]);
  assert.is(new Set(script.responses.map(({ to }) => to.tag)).size, 1);
});

inRig('OPTIONS: a plain answer, or the hook', async ({ alice, bob, advance }) => {
  const plain = send(alice, request('OPTIONS', BOB));
  await advance(20);
  assert.equal(status(plain), [200]);
  assert.equal(plain.final[0]?.allow, ALLOW);
  assert.equal(plain.final[0]?.supported, ['timer', '199']);
  bob.ua.onOptions((incoming) => void incoming.respond(486));
  const busy = send(alice, request('OPTIONS', BOB));
  await advance(20);
  assert.equal(status(busy), [486]);
});

inRig('nobody at home: 480', async ({ alice, advance }) => {
  const told = send(alice, request('INVITE', BOB));
  await advance(20);
  assert.equal(status(told), [480]);
});

inRig('in a dialog: order of CSeq, both directions, and the end', async (each) => {
  const { alice, bob, script, advance } = each;
  const heard: string[] = [];
  bob.ua.onRequest((incoming) => {
    const dialog = Dialog.uas(incoming.request, { localTag: incoming.localTag, contact: bob.contact });
    bob.ua.attach(dialog, {
      onRequest: (later) => {
        heard.push(`${later.request.method} ${later.request.cseq.number}`);
        later.respond(200);
        if (later.request.method === 'BYE') bob.ua.detach(dialog);
      },
    });
    dialog.confirm();
    incoming.respond(200, { headers: [CONTACT] });
  });
  const invite = scripted('INVITE', BOB);
  script.send(invite, bob.target);
  await advance(10);
  const tag = script.responses[0]?.to.tag ?? '';
  script.send(ackFor(invite, tag, 'z9hG4bKack'), bob.target);
  for (const [method, cseq] of [
    ['UPDATE', 5],
    ['UPDATE', 4],
    ['UPDATE', 5],
    ['BYE', 6],
    ['BYE', 7],
  ] as const) {
    const made = scripted(
      method,
      BOB,
      [],
      `z9hG4bK${method}${cseq}${heard.length}${script.responses.length}`,
    );
    for (const name of ['From', 'Call-ID']) made.headers.set(name, invite.header(name) ?? '');
    made.headers.set('To', `<${BOB}>;tag=${tag}`);
    made.headers.set('CSeq', `${cseq} ${method}`);
    script.send(made, bob.target);
    await advance(10);
  }
  assert.equal(heard, ['UPDATE 5', 'BYE 6']);
  assert.equal(script.statuses('UPDATE'), [200, 500, 500]);
  assert.equal(script.statuses('BYE'), [200, 481]);
  assert.is(bob.ua.counters.get('sip_out_of_order_total'), 2);
  await advance(70_000);
  assert.equal(leaks(each), NOTHING);
  assert.ok(alice);
});

inRig('an expected request without a dialog goes to who expects it', async ({ bob, script, advance }) => {
  const half = { callId: 'half', localTag: 'mine', method: 'NOTIFY' };
  const off = bob.ua.expect(half, (incoming) => void incoming.respond(202));
  const make = (): SipRequest => {
    const made = scripted('NOTIFY', BOB);
    made.headers.set('Call-ID', 'half');
    made.headers.set('To', `<${BOB}>;tag=mine`);
    return made;
  };
  script.send(make(), bob.target);
  await advance(10);
  off();
  script.send(make(), bob.target);
  await advance(10);
  assert.equal(script.statuses(), [202, 481]);
});

inRig('stopping in the middle of everything leaves no timer', async (each) => {
  const { alice, bob, script, clock, advance } = each;
  bob.ua.onRequest((incoming) => void incoming.respond(200, { headers: [CONTACT] }));
  script.send(scripted('INVITE', BOB), bob.target);
  script.answer = (incoming) => incoming.method === 'INVITE' && script.reply(incoming, 180);
  const told = send(alice, request('INVITE', 'sip:s@192.0.2.3'));
  send(alice, request('MESSAGE', 'sip:s@192.0.2.3'));
  await advance(20);
  told.sending.cancel();
  await advance(700);
  await alice.ua.stop();
  await bob.ua.stop();
  assert.is(clock.pending, 0);
});

test.run();
