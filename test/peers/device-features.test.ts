// What the device does by itself around calls, on the wire: buttons, groups in turn, limits, the door (SIPp at the other end).
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { accept, called, refuse, respond } from './scenarios/callee.ts';
import { ack, hangUp, hungUp, inDialog, invite, reply, rings } from './scenarios/caller.ts';
import { Stage } from './scenarios/stage.ts';
import { expect, scenario, send } from './scenarios/xml.ts';
import { freePort, until } from './support/process.ts';

const test = suite('peers/device-features');
const peers = ['SIPp'];

let stage: Stage;
let ports: number[] = [];
let folder: string;
let door: string;
test.before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'door-'));
  door = join(folder, 'value');
  writeFileSync(door, '0\n');
  ports = [await freePort(), await freePort()];
  const [one, two] = ports;
  stage = await Stage.open({
    call: 'dial_seconds = 2',
    more: `[[buttons]]
name = "bell"
target = "family"
[[groups]]
name = "family"
targets = ["sip:one@127.0.0.1:${one}", "sip:two@127.0.0.1:${two}"]
seconds = 5
[door]
code = "42"
output = "file:${door}"
seconds = 30
callers = "all"`,
  });
});
test.after(async () => {
  await stage.close();
  rmSync(folder, { recursive: true, force: true });
});

test('a button calls a group in turn: the first is busy, the second answers', { peers }, async () => {
  const [one = 0, two = 0] = ports;
  await stage.play(
    'one',
    scenario('one', [called(), ...refuse(486)]),
    () =>
      stage.play(
        'two',
        scenario('two', [called(), ...accept(), ...hungUp()]),
        async () => {
          const { status, body } = await stage.device.fetch('POST', 'buttons/bell/press', {});
          assert.is(status, 201);
          assert.match(JSON.stringify(body), /sip:one@/);
          const call = await stage.call('two', 'active');
          await stage.device.act(call.id, 'hangup');
        },
        { port: two },
      ),
    { port: one },
  );
});

test('a call out that rings too long is given up', { peers }, async () => {
  const user = 'patient';
  await stage.play(
    user,
    scenario(user, [called(), respond(180), expect('CANCEL'), send(reply(200)), ...refuse(487)]),
    async (sipp) => {
      const { id } = await stage.device.dial(`sip:${user}@127.0.0.1:${sipp.port}`);
      const call = await stage.device.whenState(id, 'ended');
      assert.is(call.end?.label, 'cancelled');
      const { body } = await stage.device.fetch('GET', `calls/${id}/details`);
      assert.match(JSON.stringify(body), /Nobody answered in time/);
    },
  );
});

const pressed = (user: string, digits: string): Promise<void> =>
  stage.called(
    user,
    scenario(user, [
      invite(user),
      ...rings(),
      expect(200),
      ack(user),
      ...[...digits].flatMap((digit, index) => [
        inDialog('INFO', user, {
          cseq: index + 2,
          type: 'application/dtmf-relay',
          body: [`Signal=${digit}`, 'Duration=160'],
        }),
        expect(200),
      ]),
      ...hangUp(user, digits.length + 2),
    ]),
    async () => {
      await stage.answer(user);
      await until('the door', async () => readFileSync(door, 'utf8') === '1\n', 4000).catch(() => undefined);
      assert.is(readFileSync(door, 'utf8'), '1\n');
    },
  );

test.proof('the code that a caller presses opens the door, another one does not', {
  peers,
  timeoutMs: 40_000,
  run: () => {
    writeFileSync(door, '0\n');
    return pressed('visitor', '42');
  },
  control: () => {
    writeFileSync(door, '0\n');
    return pressed('burglar', '41');
  },
});

test.run();
