// Preconditions: the table of RFC 3312 for one stream, both roles through OfferAnswer, and properties of them.
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { attribute, MediaDescription } from '#src/sdp/model.ts';
import {
  confirmationDue,
  impossible,
  isMet,
  mergeQos,
  ownTable,
  type QosTable,
  qosLines,
  readQos,
  STRENGTHS,
  unmetLines,
} from '#src/sdp/preconditions.ts';
import { suite } from '#test/support/suite.ts';
import { answered, attributes, BOTH_WAYS, capabilities, lines, settled, side, VIDEO } from './sides.ts';

const test = suite('sdp/preconditions');

const media = (...attributeLines: string[]): MediaDescription =>
  MediaDescription.of({ kind: 'audio', port: 4000, ports: 1, protocol: 'RTP/AVP', formats: ['0'] }, [
    ...attributeLines.map((text) => {
      const [name = '', ...rest] = text.split(':');
      return attribute(name, rest.join(':'));
    }),
  ]);
const read = (...texts: string[]) => {
  const found = readQos(media(...texts));
  assert.ok(found, 'there are conditions');
  return found;
};
const values = (table: QosTable, kind: 'offer' | 'answer'): string[] =>
  qosLines(table, kind).map(({ value }) => value);

/** What an IMS phone on LTE writes while its bearer is not yet there. */
const WAITING = [
  'curr:qos local none',
  'curr:qos remote none',
  'des:qos mandatory local sendrecv',
  'des:qos none remote sendrecv',
];
const READY = [
  'curr:qos local sendrecv',
  'curr:qos remote sendrecv',
  'des:qos mandatory local sendrecv',
  'des:qos mandatory remote sendrecv',
];

test('[MD-2.4.1a] our first offer: resources are there, the peer is asked by the setting', () => {
  assert.equal(values(ownTable('optional'), 'offer'), [
    'curr:qos local sendrecv',
    'curr:qos remote none',
    'des:qos mandatory local sendrecv',
    'des:qos optional remote sendrecv',
  ]);
  assert.ok(values(ownTable('mandatory'), 'offer').includes('des:qos mandatory remote sendrecv'));
  assert.ok(isMet(ownTable('optional')));
  assert.not.ok(isMet(ownTable('mandatory')));
});

test('[MD-2.4.1a] a caller whose resources are not there yet is waited for, and asked to tell', () => {
  const table = mergeQos(ownTable('optional'), read(...WAITING));
  assert.not.ok(isMet(table));
  assert.equal(values(table, 'answer'), [
    'curr:qos local sendrecv',
    'curr:qos remote none',
    'des:qos mandatory local sendrecv',
    'des:qos mandatory remote sendrecv',
    'conf:qos remote sendrecv',
  ]);
  const told = mergeQos(table, read(...READY));
  assert.ok(isMet(told));
  assert.not.ok(values(told, 'answer').some((value) => value.startsWith('conf')));
});

test('half of it is not enough: a way that is mandatory and not there', () => {
  const half = mergeQos(
    ownTable('optional'),
    read('curr:qos local send', 'curr:qos remote none', 'des:qos mandatory local sendrecv'),
  );
  // What the peer sends we receive.
  assert.equal([half.remote.recv.current, half.remote.send.current], [true, false]);
  assert.not.ok(isMet(half));
  assert.equal(
    unmetLines(half).map(({ value }) => value),
    ['des:qos failure remote send'],
  );
});

test('strengths rise and never fall', () => {
  const raised = mergeQos(
    ownTable('optional'),
    read('des:qos mandatory local send', 'des:qos none remote recv'),
  );
  assert.is(raised.remote.recv.desired, 'mandatory');
  assert.is(raised.remote.send.desired, 'optional');
  assert.is(raised.local.send.desired, 'mandatory');
  const later = mergeQos(raised, read('des:qos none local sendrecv'));
  assert.is(later.remote.recv.desired, 'mandatory');
});

test('a peer that asks to be told of our resources, and does not know of them, is to be told', () => {
  const asks = mergeQos(ownTable('optional'), read(...WAITING.slice(0, 3), 'conf:qos remote sendrecv'));
  assert.ok(confirmationDue(asks));
  const knows = mergeQos(ownTable('optional'), read(...READY, 'conf:qos remote sendrecv'));
  assert.not.ok(confirmationDue(knows));
});

test('what nobody can meet: end-to-end reservation, unknown kinds; what is only wished for is let be', () => {
  const bad = read('curr:qos e2e none', 'des:qos mandatory e2e sendrecv', 'des:sec mandatory e2e sendrecv');
  assert.equal(
    impossible(bad).map(({ value }) => value),
    ['des:qos failure e2e sendrecv', 'des:sec unknown e2e sendrecv'],
  );
  assert.equal(impossible(read('curr:qos e2e sendrecv', 'des:qos mandatory e2e sendrecv')), []);
  assert.equal(impossible(read('des:qos optional e2e sendrecv', 'curr:sec e2e none', ...WAITING)), []);
});

test('lines that cannot be read are as if they were not there', () => {
  assert.is(
    readQos(media('curr:qos', 'des:qos mandatory', 'conf:', 'des:qos strong local send', 'curr:x y z')),
    undefined,
  );
  assert.is(readQos(media()), undefined);
  assert.equal(read('curr:QOS  LOCAL\tSENDRECV').current, [{ status: 'local', direction: 'sendrecv' }]);
});

const withQos = (policy: 'off' | 'optional' | 'mandatory', video = false) =>
  side(capabilities('off', { preconditions: policy, ...(video ? { video: VIDEO } : {}) }));
const QOS = ['curr', 'des', 'conf'] as const;
const qosIn = (body: Buffer): string[] => QOS.flatMap((name) => attributes(body, name));
const offerOf = (...conditions: string[]): Buffer =>
  Buffer.from(
    [
      ...[
        'v=0',
        'o=- 1 1 IN IP4 192.0.2.20',
        's=-',
        'c=IN IP4 192.0.2.20',
        't=0 0',
        'm=audio 4000 RTP/AVP 0',
      ],
      ...conditions.map((text) => `a=${text}`),
      '',
    ].join('\r\n'),
  );

test.proof(
  '[MD-2.4.1a] caller and callee with conditions: the answer carries the table, an UPDATE meets it',
  {
    run: () => calleeWaits('optional'),
    control: () => calleeWaits('off'),
  },
);

function calleeWaits(policy: 'off' | 'optional'): void {
  const callee = withQos(policy);
  const first = answered(callee, offerOf(...WAITING)).answer;
  assert.is(callee.preconditions, 'unmet');
  assert.ok(qosIn(first).includes('a=conf:qos remote sendrecv'));
  const second = answered(callee, offerOf(...READY)).answer;
  assert.is(callee.preconditions, 'met');
  assert.ok(qosIn(second).includes('a=curr:qos remote sendrecv'));
}

test('two of us: met with the first exchange, no confirmation due', () => {
  for (const policy of ['optional', 'mandatory'] as const) {
    const [caller, callee] = [withQos(policy), withQos('optional')];
    settled(caller, answered(callee, caller.offer()).answer);
    assert.equal([caller.preconditions, callee.preconditions], ['met', 'met']);
    assert.equal([caller.confirmationDue, callee.confirmationDue], [false, false]);
    assert.ok(qosIn(callee.offer()).includes('a=curr:qos remote sendrecv'), 'the next offer keeps the table');
  }
});

test('a peer without them: offered, not answered, never written again', () => {
  const [caller, callee] = [withQos('optional'), withQos('off')];
  const offer = caller.offer();
  assert.is(qosIn(offer).length, 4);
  const { answer } = answered(callee, offer);
  assert.equal(qosIn(answer), []);
  settled(caller, answer);
  assert.is(caller.preconditions, 'none');
  assert.equal(qosIn(caller.offer()), []);
  // And an offer without them gets an answer without them.
  assert.equal(qosIn(answered(withQos('mandatory'), withQos('off').offer()).answer), []);
});

test('a peer that asks for word of our resources is told once', () => {
  const caller = withQos('optional');
  caller.offer();
  const asking = offerOf(...WAITING.slice(0, 3), 'conf:qos remote sendrecv');
  settled(caller, asking);
  assert.ok(caller.confirmationDue);
  caller.offer();
  settled(caller, asking);
  assert.not.ok(caller.confirmationDue, 'a peer that never hears is not told for ever');
});

test('[MD-2.4.1b] the video line has a table of its own', () => {
  const [caller, callee] = [withQos('optional', true), withQos('optional', true)];
  const offer = caller.offer(BOTH_WAYS);
  assert.is(attributes(offer, 'curr').length, 4);
  const { answer } = answered(callee, offer);
  const video = lines(answer).slice(lines(answer).findIndex((line) => line.startsWith('m=video')));
  assert.ok(video.includes('a=curr:qos remote sendrecv'));
  // A caller whose video bearer alone is missing is waited for.
  const late = Buffer.from(
    offer.toString('latin1').replace(/(m=video[\s\S]*)curr:qos local sendrecv/, '$1curr:qos local none'),
    'latin1',
  );
  const second = withQos('optional', true);
  answered(second, late);
  assert.is(second.preconditions, 'unmet');
});

test('[MD-2.4.1b] video with a condition that nobody can meet is declined, audio with one is a 580', () => {
  const text = withQos('off', true).offer(BOTH_WAYS).toString('latin1');
  const e2e = 'a=curr:qos e2e none\r\na=des:qos mandatory e2e sendrecv\r\n';
  const callee = withQos('optional', true);
  const { answer } = answered(callee, Buffer.from(`${text}${e2e}`, 'latin1'));
  assert.ok(lines(answer).some((line) => line.startsWith('m=video 0 ')));
  const refused = withQos('optional').answerTo(
    offerOf('curr:qos e2e none', 'des:qos mandatory e2e sendrecv'),
  );
  assert.ok(!refused.ok && refused.error.kind === 'precondition');
  if (!refused.ok && refused.error.kind === 'precondition') {
    assert.equal(attributes(refused.error.body, 'des'), ['a=des:qos failure e2e sendrecv']);
    assert.ok(lines(refused.error.body).some((line) => line.startsWith('m=audio 0 ')));
  }
});

test('conditions that were not met in time are named in the 580', () => {
  const callee = withQos('optional');
  answered(callee, offerOf(...WAITING));
  assert.equal(attributes(callee.preconditionFailure, 'des'), ['a=des:qos failure remote sendrecv']);
});

const strength = fc.constantFrom(...STRENGTHS);
const way = fc.record({ current: fc.boolean(), desired: strength, confirm: fc.boolean() });
const segment = fc.record({ send: way, recv: way });
const table: fc.Arbitrary<QosTable> = fc.record({ local: segment, remote: segment });

test('whatever table is written reads back as it was, seen from the other side', () => {
  fc.assert(
    fc.property(table, (own) => {
      const seen = read(...qosLines(own, 'answer').map(({ value }) => value));
      const other = mergeQos(ownTable('optional'), seen);
      assert.is(other.remote.recv.current, own.local.send.current);
      assert.is(other.remote.send.current, own.local.recv.current);
      assert.ok(STRENGTHS.indexOf(other.local.send.desired) >= STRENGTHS.indexOf(own.remote.recv.desired));
    }),
  );
});

test('a table that is met names no failure, one that is not names one, and strengths only rise', () => {
  fc.assert(
    fc.property(table, table, (own, theirs) => {
      assert.is(isMet(own), unmetLines(own).length === 0);
      const merged = mergeQos(own, read(...qosLines(theirs, 'offer').map(({ value }) => value)));
      for (const name of ['local', 'remote'] as const)
        for (const each of ['send', 'recv'] as const)
          assert.ok(
            STRENGTHS.indexOf(merged[name][each].desired) >= STRENGTHS.indexOf(own[name][each].desired),
          );
    }),
  );
});

test('any words in the lines are read without harm', () => {
  const word = fc.constantFrom(
    'qos',
    'sec',
    'local',
    'remote',
    'e2e',
    'send',
    'none',
    'mandatory',
    'unknown',
    '',
    '\t',
    'x',
  );
  const entry = fc
    .tuple(fc.constantFrom('curr', 'des', 'conf'), fc.array(word, { maxLength: 6 }))
    .map(([name, words]) => `${name}:${words.join(' ')}`);
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 8 }), (texts) => {
      const said = readQos(media(...texts));
      if (!said) return;
      const merged = mergeQos(ownTable('mandatory'), said);
      qosLines(merged, 'answer');
      impossible(said);
      withQos('mandatory').answerTo(offerOf(...texts));
    }),
  );
});

test.run();
