// The coding and the client of rtpengine's control protocol.
import * as assert from 'uvu/assert';
import { VirtualClock } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { silentLogger } from '#src/base/log.ts';
import { SeededRandom } from '#src/base/random.ts';
import { Milliseconds } from '#src/base/units.ts';
import { bencode, parseBencode } from '#src/operator/edge/bencode.ts';
import { NgClient } from '#src/operator/edge/ng-client.ts';
import { suite } from '#test/support/suite.ts';
import { FakeNg } from './fake-ng.ts';

const test = suite('operator/ng');

test('bencode: what rtpengine reads and writes', () => {
  // Left the text, right its meaning; the keys of a dictionary stand in their order.
  const rows = [
    ['4:ping', 'ping'],
    ['0:', ''],
    ['i-42e', -42],
    ['le', []],
    ['l3:ICE6:removee', ['ICE', 'remove']],
    ['d7:command4:ping3:numi7ee', { command: 'ping', num: 7 }],
  ] as const;
  for (const [text, value] of rows) {
    assert.is(bencode(value), text);
    const parsed = parseBencode(text);
    assert.equal(parsed.ok && parsed.value, value);
  }
  assert.is(bencode({ sdp: 'v=0\r\n', 'call-id': 'a' }), 'd7:call-id1:a3:sdp5:v=0\r\ne');
});

test('bencode: what cannot be read is told, never thrown', () => {
  const bad = ['', '5:ping', 'ie', 'i1', 'd3:key', 'di1e1:ae', 'l', '-1:a', '4:pingx', 'x', '9'.repeat(40)];
  for (const text of [...bad, 'l'.repeat(5000)]) assert.is(parseBencode(text).ok, false, text.slice(0, 20));
});

function client(): { ng: NgClient; fake: FakeNg; clock: VirtualClock } {
  const fake = new FakeNg();
  const clock = new VirtualClock();
  const ng = new NgClient({ socket: fake, clock, random: new SeededRandom(1), log: silentLogger() });
  return { ng, fake, clock };
}

const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => (TandemError.is(error) ? [error.fault, error.id] : error),
  );

test('a lost request goes out again with its cookie, and has one answer', async () => {
  const { ng, fake, clock } = client();
  fake.lose = 2;
  const answer = ng.request('ping');
  await clock.advance(Milliseconds(2000));
  assert.is((await answer).result, 'ok');
  assert.is(fake.cookies.length, 3);
  assert.is(new Set(fake.cookies).size, 1);
});

test('silence is an error of the network, after four tries', async () => {
  const { ng, fake, clock } = client();
  fake.lose = 99;
  const failed = failure(ng.request('ping'));
  await clock.advance(Milliseconds(3750));
  assert.equal(await failed, ['network', 'edge.timeout']);
  assert.is(fake.cookies.length, 4);
});

test('a refusal carries the reason of rtpengine; answers of others and late ones are nothing', async () => {
  const { ng, fake } = client();
  fake.refusal = 'Unknown call-id';
  assert.equal(await failure(ng.request('delete')), ['operator', 'edge.refused']);
  fake.answer('nobody', { result: 'ok' });
  fake.onMessage.emit(Buffer.from('garbage'));
  ng.close();
  assert.equal(await failure(ng.request('ping')), ['ours', 'edge.closed']);
});

test.run();
