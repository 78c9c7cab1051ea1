import * as assert from 'uvu/assert';
import { Seconds } from '#src/base/units.ts';
import type { FaultSettings } from '#src/operator/faults.ts';
import { suite } from '#test/support/suite.ts';
import { NUMBER, Scene } from './stations.ts';

const test = suite('operator/faults');

async function refused(faults: Partial<FaultSettings>) {
  const scene = await Scene.start();
  const { guest } = await scene.three();
  scene.operator.faults.set(faults);
  await guest.send(guest.make('INVITE', NUMBER));
  const answer = guest.responses('INVITE').at(-1);
  if (!answer) throw new Error('no answer');
  return { answer, guest, scene };
}

test('overload: 503 with Retry-After', async () => {
  const { answer } = await refused({ inviteStatus: 503, retryAfter: Seconds(7) });
  assert.is(answer.status, 503);
  assert.is(answer.header('Retry-After'), '7');
});

test('redirection: 302 with contacts', async () => {
  const { answer } = await refused({ inviteStatus: 302, contacts: ['sip:a@b.example', 'tel:+4612'] });
  assert.equal(
    answer.contacts.map(({ uri }) => uri.toString()),
    ['sip:a@b.example', 'tel:+4612'],
  );
});

test('422 with Min-SE, a Warning, a Reason', async () => {
  const { answer } = await refused({
    inviteStatus: 422,
    minSe: Seconds(120),
    warning: 'say "no"',
    reason: 'Q.850;cause=21',
  });
  assert.is(answer.header('Min-SE'), '120');
  assert.equal(answer.typed('Warning')[0]?.text, 'say "no"');
  assert.is(answer.reasons[0]?.cause, 21);
});

test('423 with Min-Expires to a REGISTER', async () => {
  const scene = await Scene.start();
  const { guest } = await scene.three();
  scene.operator.faults.set({ registerStatus: 423, minExpires: Seconds(900), once: true });
  await guest.register();
  const [, , answer] = guest.responses('REGISTER');
  assert.is(answer?.status, 423);
  assert.is(answer?.header('Min-Expires'), '900');
});

test('alternative service: 380 for an emergency, 504 for a lost registration, by one on the path (24.229 5.1.2A.1.6)', async () => {
  for (const [inviteStatus, alternative, action] of [
    [380, 'emergency', 'emergency-registration'],
    [504, 'restoration', 'initial-registration'],
  ] as const) {
    const { answer, guest } = await refused({ inviteStatus, alternative });
    assert.is(answer.status, inviteStatus);
    assert.is(answer.header('Content-Type'), 'application/3gpp-ims+xml');
    const body = answer.body.toString();
    assert.match(body, `<type>${alternative}</type>`);
    assert.match(body, `<action>${action}</action>`);
    const registered = guest.responses('REGISTER').at(-1);
    assert.is(answer.header('P-Asserted-Identity'), registered?.header('Path'));
  }
});

test.run();
