// A call on another phone of the number: Kamailio tells of it, it is seen on this device, and taken from there.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import type { Device } from './support/agent.ts';
import { IMPU } from './support/configuration.ts';
import { until } from './support/process.ts';
import { withKamailio } from './support/world.ts';

const test = suite('peers/kamailio-federation');

interface Row {
  readonly id: string;
  readonly uri: string;
  readonly direction?: string;
  readonly state: string;
  readonly remote: { readonly uri: string };
  readonly pullable: boolean;
}

const CALLER = 'sip:+46709999999@op.example';

const rows = async (device: Device): Promise<readonly Row[]> =>
  // The contract's shape.
  (await device.fetch('GET', 'federation/calls')).body as readonly Row[];

/** Until so many NOTIFYs came: the first is of the registrations, the second of the dialogs, then one for each phone that rings. */
const told = (device: Device, count: number, limitMs: number): Promise<unknown> =>
  until(
    `${count} NOTIFYs`,
    async () => ((await device.ladder()).match(/ NOTIFY /g) ?? []).length >= count,
    limitMs,
  );

/** What fits within the time, or whatever is there at its end. */
async function settled(device: Device, fits: (list: readonly Row[]) => boolean): Promise<readonly Row[]> {
  let last: readonly Row[] = [];
  await until(
    'the calls on other devices',
    async () => {
      last = await rows(device);
      return fits(last);
    },
    12_000,
  ).catch(() => undefined);
  return last;
}

const taken = (calls: 'auto' | 'never'): Promise<void> =>
  withKamailio({ reginfo: true, telling: true }, async ({ device, softphone }) => {
    const phone = await softphone('phone');
    const tablet = await device('tablet', { calls });
    const caller = await device('caller', { impu: CALLER, impi: 'caller', password: 'caller-secret' });
    await Promise.all([tablet.registered(), caller.registered()]);
    // Kamailio names the tags of a dialog only while it rings: who asks later cannot take the call.
    if (calls === 'auto') await told(tablet, 2, 15_000);
    const out = await caller.dial(IMPU);
    const ringing = await tablet.whenCall('ringing', (call) => call.state === 'ringing');
    await phone.event('CALL_INCOMING');
    // Kamailio may tell of both at once.
    if (calls === 'auto') await told(tablet, 4, 2_000).catch(() => undefined);
    phone.command('accept');
    await phone.event('CALL_ESTABLISHED');
    await caller.whenState(out.id, 'active');
    assert.is((await tablet.whenState(ringing.id, 'ended')).end?.label, 'completed elsewhere');

    const [row] = await settled(tablet, ([first]) => first?.state === 'active' && first.pullable);
    assert.equal(
      [row?.state, row?.pullable, row?.direction, row?.remote.uri],
      ['active', true, 'in', CALLER],
    );
    const details = await tablet.fetch('GET', `calls/${ringing.id}/details`);
    assert.match(JSON.stringify(details.body), /"taken_by":\{"uri":"sip:/);

    const answer = await tablet.fetch('POST', `federation/calls/${row?.id}/pull`);
    assert.is(answer.status, 200);
    // The call of the contract.
    const pulled = answer.body as { readonly id: string };
    await tablet.whenState(pulled.id, 'active');
    await phone.event('CALL_CLOSED');
    const now = await caller.whenCall('the new one', ({ id, state }) => id !== out.id && state === 'active');
    await caller.whenState(out.id, 'ended');
    assert.equal(await settled(tablet, (list) => list.length === 0), []);
    const heard = await tablet.whenCall(
      'sound',
      ({ id, audio }) => id === pulled.id && (audio?.received ?? 0) > 20,
    );
    assert.is(heard.remote.uri, CALLER);
    await caller.act(now.id, 'hangup');
    assert.is((await tablet.whenState(pulled.id, 'ended')).end?.label, 'answered');
  });

test.proof('a call that a phone of the number has is seen here, and taken from there', {
  peers: ['Kamailio', 'baresip'],
  timeoutMs: 120_000,
  run: () => taken('auto'),
  control: () => taken('never'),
});

test.run();
