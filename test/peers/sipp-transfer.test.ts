// Transfers as SIPp judges them: the words of each role (RFC 3515, RFC 3891, RFC 4538, 24.629).
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { accept, called, refuse } from './scenarios/callee.ts';
import { ack, ackRefusal, callSetUp, hangUp, inDialog, invite, reply } from './scenarios/caller.ts';
import { answer, notify, opens } from './scenarios/several.ts';
import { Stage } from './scenarios/stage.ts';
import { contains, expect, go, has, keep, label, lacks, scenario, sdp, send } from './scenarios/xml.ts';
import { freePort } from './support/process.ts';

const test = suite('peers/sipp-transfer');
const peers = ['SIPp'];

let stage: Stage;
test.before(async () => {
  stage = await Stage.open({ autoAnswer: 'all', call: 'waiting = false' });
});
test.after(() => stage.close());

const keepTag = { checks: [keep('To', 'tag=([^;]*)', 'device_tag')] };
const replaces = (tag: string): string[] => [
  `Replaces: [call_id];to-tag=${tag};from-tag=[pid]caller`,
  'Require: replaces',
];
const taking = (name: string, headers: readonly string[]) =>
  ({ callId: 'new', branch: `new-${name}`, headers }) as const;

async function target(right: boolean): Promise<void> {
  const user = right ? 'replaced' : 'kept';
  await stage.called(
    user,
    scenario(user, [
      ...callSetUp(user, {}, keepTag),
      invite(user, taking(user, replaces(right ? '[$device_tag]' : 'other'))),
      expect(100, { optional: true }),
      expect(200, { checks: [has('Call-ID', 'new///'), has('Supported', 'replaces')] }),
      ack(user, { callId: 'new' }),
      expect('BYE', { checks: [lacks('Call-ID: new')] }),
      send(reply(200)),
      inDialog('BYE', user, { cseq: 2, callId: 'new' }),
      expect(200),
    ]),
  );
}

test.proof(
  '[MD-2.3.11c] target: Replaces takes the right call without ringing, though we are busy, and the old one gets our BYE',
  {
    peers,
    run: () => target(true),
    control: () => target(false),
  },
);

/** `tag`: of a dialog that is said not to be there. */
async function wrongTarget(tag: string): Promise<void> {
  const user = tag === 'other' ? 'wrong' : 'right';
  const tries = [
    [481, `Replaces: [call_id];to-tag=${tag};from-tag=[pid]caller`],
    [481, 'Replaces: nobody;to-tag=[$device_tag];from-tag=[pid]caller'],
    [481, 'Replaces: [call_id];to-tag=[$device_tag];from-tag=somebody'],
    [486, 'Replaces: [call_id];to-tag=[$device_tag];from-tag=[pid]caller;early-only'],
    [400, 'Replaces: [call_id];to-tag=[$device_tag]'],
  ] as const;
  await stage.called(
    user,
    scenario(user, [
      ...callSetUp(user, {}, keepTag),
      ...tries.flatMap(([status, header], index) => {
        const fields = { callId: `try${index}`, cseq: index + 20 };
        return [
          invite(user, { ...fields, headers: [header] }),
          expect(100, { optional: true }),
          expect(status),
          ackRefusal(user, fields),
        ];
      }),
      inDialog('BYE', user, { cseq: 30, toTag: '[$device_tag]' }),
      expect(200),
    ]),
  );
  assert.is((await stage.logged(user)).end?.label, 'answered');
}

test.proof(
  '[MD-2.3.11c] target: a dialog that is not there is 481, early-only for one that is answered 486, half a name 400',
  {
    peers,
    timeoutMs: 60_000,
    run: () => wrongTarget('other'),
    // It is there after all.
    control: () => wrongTarget('[$device_tag]'),
  },
);

/** `status`: what the target says to the call with Replaces. */
async function transferee(status: 200 | 486): Promise<void> {
  const user = status === 200 ? 'boss' : 'refused';
  const port = await freePort();
  const to = `sip:next@127.0.0.1:${port};method=INVITE?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2&Require=replaces`;
  const told = (line: string, state: string) => [
    expect('NOTIFY', { checks: [contains(line), has('Subscription-State', state), has('Event', 'refer')] }),
    send(reply(200)),
  ];
  await stage.play(
    'next',
    scenario('next', [
      called({
        checks: [
          has('Replaces', 'a@b;to-tag=1;from-tag=2'),
          has('Require', 'replaces'),
          has('Referred-By', '<sip:boss@example.com>'),
        ],
      }),
      ...(status === 200 ? [...accept(), expect('BYE'), send(reply(200))] : refuse(status)),
    ]),
    async () => {
      await stage.alongside(
        user,
        scenario(user, [
          ...callSetUp(user),
          inDialog('REFER', user, {
            cseq: 2,
            headers: [`Refer-To: <${to}>`, 'Referred-By: <sip:boss@example.com>'],
          }),
          expect(202, { checks: [has('Contact', 'sip:')] }),
          ...told('SIP/2.0 100', 'active'),
          ...told('SIP/2.0 200', 'terminated'),
          ...hangUp(user, 3),
        ]),
        async () => {
          if (status === 200) await stage.call('next', 'active');
        },
      );
      const { id } = await stage.call('next', 'active');
      await stage.device.act(id, 'hangup');
    },
    { port },
  );
}

test.proof(
  '[MD-2.3.11b] transferee: 202, NOTIFY 100 at once, the call with Replaces and Referred-By, NOTIFY 200 as the last word',
  {
    peers,
    timeoutMs: 60_000,
    run: () => transferee(200),
    // The target is busy: the last word is another.
    control: () => transferee(486),
  },
);

/** `outside`: the party has a GRUU, so the REFER goes there; else it goes within the dialog. */
async function transferor(outside: boolean): Promise<void> {
  const port = await freePort();
  const ims = await Stage.open({
    profile: 'ims',
    impu: 'sip:device@127.0.0.1',
    pcscf: `sip:127.0.0.1:${port};transport=udp`,
    account: 'register = false',
  });
  const gruu = `<sip:alice@[local_ip]:[local_port]${outside ? ';gr=urn:uuid:f81d4fae' : ''}>`;
  try {
    await ims.play(
      'gruu',
      scenario('gruu', [
        opens('INVITE', 'call'),
        opens(
          'REFER',
          'refer',
          [
            contains('REFER sip:alice@[^ ]*;gr=urn:uuid:f81d4fae SIP/2.0'),
            has('Target-Dialog', '[^;]+;local-tag=[^;]+;remote-tag=focus'),
            has(
              'Refer-To',
              '<sip:bob@127.0.0.1[^>]*[?]Replaces=[^&>]*%3Bto-tag%3Dfocus%3Bfrom-tag%3D[^&>]*&Require=replaces>',
            ),
            has('Referred-By', '<sip:device@127.0.0.1>'),
          ],
          true,
        ),
        label('call'),
        answer('200 OK', [`Contact: ${gruu}`], sdp()),
        expect('ACK'),
        // The party is held, the target is not; whichever it is, it is hung up in the end.
        expect('INVITE', { optional: true, next: 'held' }),
        expect('BYE'),
        send(reply(200), { next: 'end' }),
        label('held'),
        send(reply(200, [`Contact: ${gruu}`], sdp({ direction: 'recvonly', version: 2 }))),
        expect('ACK'),
        expect('BYE'),
        send(reply(200), { next: 'end' }),
        label('refer'),
        answer('202 Accepted', ['Contact: <sip:alice@[local_ip]:[local_port]>']),
        ...notify(1, 'refer', 'terminated;reason=noresource', 'message/sipfrag', ['SIP/2.0 200 OK', '']),
        go('end'),
        label('end'),
      ]),
      async () => {
        const first = await ims.device.dial(`sip:alice@127.0.0.1:${port}`);
        await ims.device.whenState(first.id, 'active');
        const second = await ims.device.dial(`sip:bob@127.0.0.1:${port}`);
        await ims.device.whenState(second.id, 'active');
        await ims.device.act(first.id, 'transfer', { call: second.id });
        for (const { id } of [first, second]) {
          const ended = await ims.device
            .whenState(id, 'ended', outside ? 10_000 : 1_500)
            .catch(() => undefined);
          assert.is(ended?.end?.by, 'local', 'our legs are gone');
        }
      },
      { port, calls: 3 },
    );
  } finally {
    await ims.close();
  }
}

test.proof(
  '[MD-2.3.11a] transferor in IMS: to a GRUU outside the dialog, which Target-Dialog names; the target by its public address',
  {
    peers,
    timeoutMs: 60_000,
    run: () => transferor(true),
    control: () => transferor(false),
  },
);

const VIDEO = [
  'm=audio 6000 RTP/AVP 0',
  'a=rtpmap:0 PCMU/8000',
  'm=video 6002 RTP/AVP 104',
  'a=rtpmap:104 H264/90000',
  'a=fmtp:104 profile-level-id=42e01f;packetization-mode=1',
];

/** A call with video, or without, is held, taken over and passed on. */
async function withVideo(watching: Stage, video: boolean): Promise<void> {
  const user = video ? 'watched' : 'heard';
  const port = await freePort();
  const described = (version: number, direction?: 'recvonly'): string[] =>
    video
      ? sdp({
          media: VIDEO.flatMap((line) =>
            line.startsWith('a=fmtp') && direction ? [line, `a=${direction}`] : [line],
          ),
          version,
        })
      : sdp({ version });
  const shown = 'm=video [1-9][0-9]* RTP/AVP';
  await watching.play(
    'next',
    scenario('next', [
      called({ checks: [contains(shown)] }),
      ...accept({ body: sdp({ media: VIDEO }) }),
      expect('BYE'),
      send(reply(200)),
    ]),
    async () => {
      await watching.alongside(
        user,
        scenario(user, [
          ...callSetUp(user, { body: described(1) }, keepTag),
          // Held: both lines say so.
          expect('INVITE', { checks: [contains(`${shown}.*a=(sendonly|inactive)`)] }),
          send(reply(200, [`Contact: <sip:${user}@[local_ip]:[local_port]>`], described(2, 'recvonly'))),
          expect('ACK'),
          // Taken over: video that was there is there again.
          invite(user, { ...taking(user, replaces('[$device_tag]')), body: described(1) }),
          expect(100, { optional: true }),
          expect(200, { checks: [contains(shown)] }),
          ack(user, { callId: 'new' }),
          expect('BYE'),
          send(reply(200)),
          // It was on hold, and is so again.
          expect('INVITE', { checks: [contains(`${shown}.*a=(sendonly|inactive)`)] }),
          send(reply(200, [`Contact: <sip:${user}@[local_ip]:[local_port]>`], described(2, 'recvonly'))),
          expect('ACK'),
          inDialog('REFER', user, {
            cseq: 2,
            callId: 'new',
            headers: [`Refer-To: <sip:next@127.0.0.1:${port}>`, 'Refer-Sub: false', 'Require: norefersub'],
          }),
          expect(202, { checks: [has('Refer-Sub', 'false')] }),
          inDialog('BYE', user, { cseq: 3, callId: 'new' }),
          expect(200),
        ]),
        async () => {
          const { id } = await watching.call(user, 'active');
          await watching.device.act(id, 'hold');
        },
      );
      const { id } = await watching.call('next', 'active');
      await watching.device.act(id, 'hangup');
    },
    { port },
  );
}

async function onStage(video: boolean): Promise<void> {
  const watching = await Stage.open({
    autoAnswer: 'all',
    codecs: ['PCMU', 'H264'],
    more: '[video]\nsink = "file:/dev/null"',
  });
  try {
    await withVideo(watching, video);
  } finally {
    await watching.close();
  }
}

test.proof('[MD-2.3.1d] a call with video is held, taken over and passed on with its video', {
  peers,
  timeoutMs: 60_000,
  run: () => onStage(true),
  control: () => onStage(false),
});

test.run();
