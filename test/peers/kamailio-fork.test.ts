// One number, several devices: Kamailio forks, one answers, and Kamailio's own CANCEL lands in the logs of the others.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { request } from './scenarios/caller.ts';
import { expect, has, keep, lacks, pause, type Step, scenario, sdp, send } from './scenarios/xml.ts';
import type { CallObject, Device } from './support/agent.ts';
import type { Baresip } from './support/baresip.ts';
import { IMPU } from './support/configuration.ts';
import { until } from './support/process.ts';
import { Sipp } from './support/sipp.ts';
import { SPEAKER, withKamailio } from './support/world.ts';

const test = suite('peers/kamailio-fork');

interface Ringing {
  readonly tablet: Device;
  readonly speaker: Device;
  readonly phone: Baresip;
  readonly caller: Baresip;
  readonly tabletCall: CallObject;
  readonly speakerCall: CallObject;
}

/** Two devices and a baresip share the number; all three ring. */
const ringAll = (body: (all: Ringing) => Promise<void>): Promise<void> =>
  withKamailio({}, async ({ device, softphone }) => {
    const tablet = await device('tablet');
    const speaker = await device('speaker', SPEAKER);
    await Promise.all([tablet.registered(), speaker.registered()]);
    const phone = await softphone('phone');
    const caller = await softphone('caller', { hertz: 700 });
    caller.command('dial', IMPU);
    const ringing = (one: Device): Promise<CallObject> =>
      one.whenCall('ringing', (call) => call.state === 'ringing');
    const [tabletCall, speakerCall] = await Promise.all([ringing(tablet), ringing(speaker)]);
    await phone.event('CALL_INCOMING');
    await body({ tablet, speaker, phone, caller, tabletCall, speakerCall });
  });

const label = async (device: Device, id: string): Promise<string | undefined> =>
  (await device.whenState(id, 'ended')).end?.label;

test(
  '[MD-1.1a] a call to the number rings every device, and the phone can take it',
  { peers: ['Kamailio', 'baresip'], timeoutMs: 60_000 },
  () =>
    ringAll(async ({ phone, caller, tablet, speaker, tabletCall, speakerCall }) => {
      phone.command('accept');
      await caller.event('CALL_ESTABLISHED');
      assert.is(await label(tablet, tabletCall.id), 'completed elsewhere');
      assert.is(await label(speaker, speakerCall.id), 'completed elsewhere');
    }),
);

test.proof(
  '[MD-2.2.6b] [MD-2.7b] the CANCEL after an answer elsewhere is labelled so, with its Reason kept',
  {
    peers: ['Kamailio', 'baresip'],
    timeoutMs: 90_000,
    run: () => cancelled(({ tablet, tabletCall }) => tablet.act(tabletCall.id, 'answer')),
    control: () => cancelled(async ({ caller }) => caller.command('hangup')),
  },
);

/** Something ends the ringing; the speaker must tell that another device has answered. */
const cancelled = (end: (all: Ringing) => Promise<unknown>): Promise<void> =>
  ringAll(async (all) => {
    await end(all);
    const { end: outcome } = await all.speaker.whenState(all.speakerCall.id, 'ended');
    assert.equal(
      [outcome?.label, outcome?.by, outcome?.reason?.protocol, outcome?.reason?.cause, outcome?.reason?.text],
      ['completed elsewhere', 'network', 'SIP', 200, 'Call completed elsewhere'],
    );
    const [row] = await all.speaker.log();
    assert.is(row?.end?.label, 'completed elsewhere');
  });

test(
  '[MD-2.7b] a caller who gives up leaves a missed call',
  { peers: ['Kamailio', 'baresip'], timeoutMs: 60_000 },
  () =>
    ringAll(async ({ caller, tablet, speaker, tabletCall, speakerCall }) => {
      caller.command('hangup');
      assert.is(await label(tablet, tabletCall.id), 'missed');
      assert.is(await label(speaker, speakerCall.id), 'missed');
    }),
);

test.proof('[MD-2.2.6c1] the owner rejects with 486, and the others go on ringing', {
  peers: ['Kamailio', 'baresip'],
  timeoutMs: 90_000,
  run: () => rejected(({ tablet, tabletCall }) => tablet.act(tabletCall.id, 'reject')),
  control: () => rejected(async ({ caller }) => caller.command('hangup')),
});

const rejected = (end: (all: Ringing) => Promise<unknown>): Promise<void> =>
  ringAll(async (all) => {
    await end(all);
    const { end: outcome } = await all.tablet.whenState(all.tabletCall.id, 'ended');
    assert.equal([outcome?.label, outcome?.sip, outcome?.by], ['rejected', 486, 'local']);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.is((await all.speaker.call(all.speakerCall.id)).state, 'ringing');
    all.phone.command('accept');
    await all.caller.event('CALL_ESTABLISHED');
    assert.is(await label(all.speaker, all.speakerCall.id), 'completed elsewhere');
  });

/** 24.229 table 7.7.1: SIPp has acknowledged a response before it comes again. */
const PATIENT = { t1: 2_000, t2: 16_000, t4: 17_000 };

/** SIPp calls the number: each device's early dialog is acknowledged in itself, through Kamailio. */
const forked = (headers: readonly string[]): Promise<void> =>
  withKamailio({}, async ({ kamailio, device, file }) => {
    const tablet = await device('tablet', { timers: PATIENT });
    const speaker = await device('speaker', { ...SPEAKER, timers: PATIENT });
    await Promise.all([tablet.registered(), speaker.registered()]);
    const user = 'forked';
    const route = `Route: <sip:${kamailio.host}:${kamailio.port};lr>`;
    const progress = (fork: string): Step =>
      expect(183, {
        checks: [
          has('Require', '100rel'),
          keep('RSeq', '([0-9]+)', `rseq${fork}`),
          keep('To', 'tag=([^;]+)', `tag${fork}`),
          keep('Contact', '<(sip:[^>]+)>', `target${fork}`),
        ],
      });
    const within = (method: string, fork: string, cseq: number, more: readonly string[] = []): Step =>
      send(
        request(method, user, {
          cseq,
          branch: `${method}${fork}${cseq}`,
          device: IMPU,
          uri: `[$target${fork}]`,
          toTag: `[$tag${fork}]`,
          headers: [route, ...more],
        }),
      );
    const prack = (fork: string): Step[] => [
      within('PRACK', fork, 2, [`RAck: [$rseq${fork}] 1 INVITE`]),
      expect(200, { checks: [has('CSeq', '2 PRACK')] }),
      expect(180),
    ];
    const steps = [
      send(request('INVITE', user, { device: IMPU, headers, body: sdp({ formats: '8 0' }) })),
      expect(100, { optional: true }),
      progress('A'),
      progress('B'),
      ...prack('B'),
      ...prack('A'),
      expect(200, {
        checks: [
          lacks('m=audio'),
          keep('To', 'tag=([^;]+)', 'tagC'),
          keep('Contact', '<(sip:[^>]+)>', 'targetC'),
        ],
      }),
      within('ACK', 'C', 1),
      pause(200),
      within('BYE', 'C', 3),
      expect(200),
    ];
    const sipp = await Sipp.start({
      folder: file(''),
      name: user,
      scenario: scenario(user, steps),
      target: `${kamailio.host}:${kamailio.port}`,
      limitSeconds: headers.length > 0 ? 15 : 5,
    });
    try {
      if (headers.length > 0) {
        const ringing = (one: Device): Promise<CallObject> =>
          one.whenCall('ringing', (call) => call.state === 'ringing');
        const [call, other] = await Promise.all([ringing(tablet), ringing(speaker)]);
        await until('both to ring', async () => (sipp.messages().match(/ 180 Ringing/g) ?? []).length > 1);
        await tablet.act(call.id, 'answer');
        assert.is(await label(speaker, other.id), 'completed elsewhere');
        assert.is(await label(tablet, call.id), 'answered');
      }
      await sipp.succeeded();
    } finally {
      await sipp.stop();
    }
  });

test.proof(
  '[MD-2.2.5a] [MD-2.3.4b] reliable 183s of two devices through a fork, each acknowledged in its own dialog',
  {
    peers: ['Kamailio', 'SIPp'],
    timeoutMs: 90_000,
    run: () => forked(['Supported: 100rel']),
    control: () => forked([]),
  },
);

test(
  'a call out of the federation shows the number, and forks at the far end leave no call behind',
  { peers: ['Kamailio', 'baresip'], timeoutMs: 60_000 },
  () =>
    withKamailio({ authInvite: true }, async ({ device, softphone }) => {
      const tablet = await device('tablet');
      await tablet.registered();
      const caller = await softphone('caller');
      const call = await tablet.dial('sip:+46709999999@op.example');
      const ring = await until('the call at baresip', () =>
        caller.events.find((event) => event.type === 'CALL_INCOMING'),
      );
      assert.match(JSON.stringify(ring), /\+46701234567@op\.example/);
      caller.command('accept');
      await tablet.whenState(call.id, 'active');
      await tablet.act(call.id, 'hangup');
      await caller.event('CALL_CLOSED');
      assert.is((await tablet.log())[0]?.end?.label, 'answered');
    }),
);

test.run();
