// What the network says by the reg event package, and what the device makes of it (RFC 3680, 24.229 5.1.1.7, NG.110 2.2.2).
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { INSTANCE, withRegistrar } from './scenarios/registered.ts';
import {
  grant,
  leaves,
  NO_EVENTS,
  notifies,
  notify,
  type RegContact,
  reginfo,
  registers,
  subscribed,
} from './scenarios/registrar.ts';
import { expect, gate, has, silence } from './scenarios/xml.ts';
import { until } from './support/process.ts';

const test = suite('peers/sipp-reg-event');
const peers = ['SIPp'];

const self: RegContact = { id: 'c1', instance: INSTANCE };
const other: RegContact = { id: 'c2', instance: 'urn:uuid:00000000-0000-4000-8000-00000000beef' };

test.proof('[MD-2.2.2c] the devices of the federation are listed, and who leaves is not', {
  peers,
  timeoutMs: 40_000,
  run: () => listed([{ ...other, state: 'terminated', event: 'unregistered' }]),
  control: () => listed([other]),
});

const listed = (change: readonly RegContact[]): Promise<void> =>
  withRegistrar(
    [
      registers(),
      notifies([reginfo(0, [self, other])], [gate(), ...notify(2, reginfo(1, change, 'partial'))]),
    ],
    async ({ stage, registrar }) => {
      const federation = (size: number): Promise<string[] | undefined> =>
        until(
          'the federation',
          async () => {
            const { federation: devices } = await stage.device.status();
            return devices.length === size && devices.map((device) => `${device.instance} ${device.self}`);
          },
          4000,
        ).catch(() => undefined);
      assert.equal(await federation(2), [`${INSTANCE} true`, `${other.instance} false`]);
      await registrar.go(/^SIP\/2\.0 200 [\s\S]*^CSeq: *1 NOTIFY/m);
      assert.equal(await federation(1), [`${INSTANCE} true`]);
    },
  );

const mine = (change: Partial<RegContact>): string[] => reginfo(1, [{ ...self, ...change }, other]);

test.proof('[MD-2.2.2c] deactivated: the device registers afresh', {
  peers,
  timeoutMs: 40_000,
  run: () => deactivated({ state: 'terminated', event: 'deactivated' }, 10_000),
  control: () => deactivated({ event: 'refreshed' }, 2500),
});

const deactivated = (change: Partial<RegContact>, limitMs: number): Promise<void> =>
  withRegistrar(
    [
      { method: 'REGISTER', steps: [grant(3600)] },
      registers(),
      notifies([reginfo(0, [self, other]), mine(change)]),
      NO_EVENTS,
    ],
    async ({ stage, registrar }) => {
      const again = await until(
        'a new registration',
        () => (registrar.messages().match(/^REGISTER /gm)?.length ?? 0) >= 2,
        limitMs,
      ).catch(() => false);
      assert.ok(again);
      await stage.device.registered();
    },
  );

test.proof('[MD-2.2.2c] rejected: the device stops, and says why', {
  peers,
  timeoutMs: 40_000,
  run: () => rejected({ state: 'terminated', event: 'rejected' }, 10_000),
  control: () => rejected({ event: 'refreshed' }, 2500),
});

const rejected = (change: Partial<RegContact>, limitMs: number): Promise<void> =>
  withRegistrar(
    [
      { method: 'REGISTER', steps: [grant(3600), silence(2500)] },
      notifies([reginfo(0, [self]), mine(change)]),
    ],
    async ({ stage, registrar }) => {
      const stopped = await until(
        'the end',
        async () => {
          const { registration } = await stage.device.status();
          return registration.state === 'failed' && registration;
        },
        limitMs,
      ).catch(() => undefined);
      assert.equal(
        [stopped?.state, stopped?.error?.id, stopped?.error?.retry_at],
        ['failed', 'registration.removed', undefined],
      );
      await registrar.peer.ended(10_000);
    },
  );

test.proof('[MD-2.2.2c] shortened: the device refreshes at half the new time', {
  peers,
  timeoutMs: 40_000,
  run: () => shortened({ event: 'shortened', more: 'expires="3"' }),
  control: () => shortened({ event: 'refreshed', more: 'expires="3600"' }),
});

const shortened = (change: Partial<RegContact>): Promise<void> =>
  withRegistrar(
    [
      {
        method: 'REGISTER',
        steps: [
          grant(3600),
          expect('REGISTER', { timeout: 4000, checks: [has('Expires', '600000')] }),
          grant(3600),
          ...leaves(),
        ],
      },
      notifies([reginfo(0, [self, other]), mine(change)]),
    ],
    async ({ registrar }) => {
      await until(
        'the refresh',
        () => registrar.messages().includes('CSeq: 2 REGISTER') || registrar.peer.exitCode !== undefined,
      );
    },
  );

test.proof('[MD-2.2.2c] a gap in the versions asks for the whole state', {
  peers,
  timeoutMs: 40_000,
  run: () => gap(3, 10_000),
  control: () => gap(1, 2500),
});

const gap = (version: number, timeout: number): Promise<void> =>
  withRegistrar(
    [
      registers(),
      notifies(
        [reginfo(0, [self, other]), reginfo(version, [other], 'partial')],
        [expect('SUBSCRIBE', { timeout, checks: [has('To', 'tag=notifier')] }), subscribed()],
      ),
    ],
    async ({ registrar }) => {
      await until(
        'the new SUBSCRIBE',
        () =>
          (registrar.messages().match(/^SUBSCRIBE /gm)?.length ?? 0) >= 2 ||
          registrar.peer.exitCode !== undefined,
      ).catch(() => undefined);
    },
  );

test.run();
