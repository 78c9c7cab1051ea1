// RFC 4575: documents read, and added up.
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { CONFERENCE_INFO_LIMITS, parseConferenceInfo } from '#src/call/conference/conference-info.ts';
import { Roster, type RosterChange } from '#src/call/conference/roster.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('call/conference-info');

const document = (inside: string, head = 'state="full" version="1"'): Buffer =>
  Buffer.from(
    `<?xml version="1.0"?><conference-info xmlns="urn:ietf:params:xml:ns:conference-info" entity="sip:conf1@op.example" ${head}>${inside}</conference-info>`,
  );

const user = (entity: string, inside: string, state = 'full'): string =>
  `<user entity="${entity}" state="${state}">${inside}</user>`;

const endpoint = (status: string, state = 'full', entity = 'sip:x'): string =>
  `<endpoint entity="${entity}" state="${state}"><status>${status}</status></endpoint>`;

const taken = (roster: Roster, bytes: Buffer): RosterChange => {
  const parsed = parseConferenceInfo(bytes);
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.error);
  return roster.apply(parsed.value);
};

// As a focus sends it when the first party is in (RFC 4575 6.1 in short).
const FULL = document(
  '<conference-description><subject>Talk</subject><maximum-user-count>6</maximum-user-count></conference-description>' +
    '<conference-state><user-count>2</user-count></conference-state>' +
    `<users state="full">${user('sip:me@op.example', `<display-text>Door</display-text>${endpoint('connected')}`)}` +
    `${user('tel:+4670', endpoint('alerting'))}${user('sip:anonymous@anonymous.invalid', '')}</users>`,
);

test('a full document is who is there', () => {
  const roster = new Roster();
  assert.is(taken(roster, FULL), 'applied');
  assert.equal(roster.participants, [
    { uri: 'sip:me@op.example', name: 'Door', state: 'connected' },
    { uri: 'tel:+4670', state: 'alerting' },
    { uri: 'sip:anonymous@anonymous.invalid', state: 'connected' },
  ]);
});

test('partial ones change, add and take away; in order', () => {
  const roster = new Roster();
  taken(roster, FULL);
  const partial = (version: number, users: string): Buffer =>
    document(`<users state="partial">${users}</users>`, `state="partial" version="${version}"`);
  assert.is(
    taken(roster, partial(2, user('tel:+4670', endpoint('connected', 'partial'), 'partial'))),
    'applied',
  );
  assert.is(roster.participants[1]?.state, 'connected');
  assert.is(taken(roster, partial(3, user('sip:new@op.example', endpoint('pending')))), 'applied');
  assert.is(roster.participants.length, 4);
  assert.is(taken(roster, partial(3, user('sip:new@op.example', '', 'deleted'))), 'stale');
  assert.is(taken(roster, partial(5, user('sip:new@op.example', '', 'deleted'))), 'gap');
  assert.is(roster.participants.length, 4, 'nothing of it was taken');
  assert.is(taken(roster, partial(4, user('sip:new@op.example', '', 'deleted'))), 'applied');
  assert.is(roster.participants.length, 3);
  assert.is(taken(roster, partial(5, user('tel:+4670', endpoint('disconnected'), 'partial'))), 'applied');
  assert.is(roster.participants.length, 2, 'who is disconnected is not there');
  assert.is(
    taken(roster, document('', 'state="full" version="1"')),
    'applied',
    'a full one is never too old',
  );
  assert.is(roster.participants.length, 2, 'and says nothing of users when it does not name them');
  assert.is(taken(roster, document('', 'state="deleted" version="9"')), 'ended');
  assert.equal(roster.participants, []);
});

test('partial documents that name ever more endpoints of one user do not fill the memory', () => {
  const roster = new Roster();
  taken(roster, document(`<users>${user('sip:a@x', endpoint('on-hold', 'full', 'sip:a0'))}</users>`));
  for (let version = 2; version < 20; version += 1) {
    const more = Array.from({ length: 100 }, (_, at) => endpoint('pending', 'full', `sip:${version}-${at}`));
    const inside = `<users state="partial">${user('sip:a@x', more.join(''), 'partial')}</users>`;
    assert.is(taken(roster, document(inside, `state="partial" version="${version}"`)), 'applied');
  }
  // An endpoint beyond the bound is not known: its `connected` changes nothing.
  const late = user('sip:a@x', endpoint('connected', 'full', 'sip:19-99'), 'partial');
  taken(roster, document(`<users state="partial">${late}</users>`, 'state="partial" version="20"'));
  assert.is(roster.participants[0]?.state, 'on-hold');
});

test('a partial document before any full one is a gap', () => {
  const roster = new Roster();
  assert.is(taken(roster, document('<users/>', 'state="partial" version="0"')), 'gap');
  taken(roster, FULL);
  roster.restart();
  assert.is(taken(roster, document('<users state="partial"/>', 'state="partial" version="2"')), 'gap');
  assert.is(roster.participants.length, 3, 'what was known stays until the answer comes');
});

for (const [what, bytes, why] of [
  ['another root', Buffer.from('<reginfo xmlns="urn:ietf:params:xml:ns:reginfo"/>'), /not a conference-info/],
  ['another namespace', Buffer.from('<conference-info entity="x"/>'), /not a conference-info/],
  ['no entity', Buffer.from('<conference-info xmlns="urn:ietf:params:xml:ns:conference-info"/>'), /entity/],
  ['a document type', Buffer.from('<!DOCTYPE x [<!ENTITY a "b">]><x/>'), /document type/],
  ['half a document', FULL.subarray(0, 300), /well-formed/],
  ['a state that nobody knows', document('', 'state="some" version="1"'), /unknown state/],
  ['a partial one without version', document('', 'state="partial"'), /version/],
  ['a user without entity', document('<users><user/></users>'), /entity/],
  [
    'too many users',
    document(`<users>${user('sip:a', '').repeat(CONFERENCE_INFO_LIMITS.users + 1)}</users>`),
    /more than/,
  ],
  [
    'too many endpoints',
    document(
      `<users>${user('sip:a', endpoint('connected').repeat(CONFERENCE_INFO_LIMITS.endpoints + 1))}</users>`,
    ),
    /more than|larger/,
  ],
  ['too much', Buffer.alloc(CONFERENCE_INFO_LIMITS.octets + 1, 0x20), /larger/],
] as const) {
  test(`refused: ${what}`, () => {
    const parsed = parseConferenceInfo(bytes);
    assert.not.ok(parsed.ok);
    if (!parsed.ok) assert.match(parsed.error, why);
  });
}

test('whatever is broken in a document, reading it ends with a value or a sentence', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(FULL.length - 1),
      fc.nat(40),
      fc.uint8Array({ maxLength: 20 }),
      async (at, cut, put) => {
        const bytes = Buffer.concat([FULL.subarray(0, at), Buffer.from(put), FULL.subarray(at + cut)]);
        const parsed = parseConferenceInfo(bytes);
        if (parsed.ok) new Roster().apply(parsed.value);
        else assert.type(parsed.error, 'string');
      },
    ),
    { numRuns: 500 },
  );
});

test('any order of documents: the version only grows between full ones, and nobody is listed twice', async () => {
  const step = fc.record({
    full: fc.boolean(),
    version: fc.nat(6),
    entity: fc.constantFrom('sip:a', 'sip:b', 'sip:c'),
    state: fc.constantFrom('full', 'partial', 'deleted'),
    status: fc.constantFrom('connected', 'disconnected', 'alerting'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      const roster = new Roster();
      for (const { full, version, entity, state, status } of steps) {
        const kind = full ? 'full' : 'partial';
        const bytes = document(
          `<users state="${kind}">${user(entity, endpoint(status), state)}</users>`,
          `state="${kind}" version="${version}"`,
        );
        const before = JSON.stringify(roster.participants);
        const change = taken(roster, bytes);
        if (change === 'gap' || change === 'stale') assert.is(JSON.stringify(roster.participants), before);
        const uris = roster.participants.map(({ uri }) => uri);
        assert.is(new Set(uris).size, uris.length);
      }
    }),
  );
});

test.run();
