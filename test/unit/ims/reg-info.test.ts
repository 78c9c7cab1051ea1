import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { federation, ownChange } from '#src/ims/federation.ts';
import { parseRegInfo, REGINFO_LIMITS, type RegInfo } from '#src/ims/reg-info.ts';
import { RegInfoTable } from '#src/ims/reg-info-table.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('ims/reg-info');

const INSTANCE = 'urn:uuid:0f4c0a66-6c3a-4b0e-9d7e-4d0f5f6a7b80';
const SELF = { instance: INSTANCE, contact: 'sip:dev1@192.0.2.10:49152;transport=tls' };

// TS 24.229 5.1.1.3, RFC 3680 6: two identities, this device and a phone; the instance id quoted and escaped.
const FULL = `<?xml version="1.0"?>
<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" xmlns:gr="urn:ietf:params:xml:ns:gruuinfo"
         xmlns:erx="urn:3gpp:ns:extRegExp:1.0" version="0" state="full">
 <registration aor="sip:+46701234567@op.example" id="r1" state="active">
  <contact id="c1" state="active" event="registered" expires="598000" duration-registered="2">
    <uri>sip:dev1@192.0.2.10:49152;transport=tls</uri>
    <unknown-param name="+sip.instance">"&lt;${INSTANCE}&gt;"</unknown-param>
    <unknown-param name="audio"/>
    <gr:pub-gruu uri="sip:+46701234567@op.example;gr=${INSTANCE}"/>
    <gr:temp-gruu uri="sip:tgruu.7hs==@op.example;gr" first-cseq="3"/>
  </contact>
  <contact id="c2" state="active" event="created">
    <uri>sip:phone@192.0.2.11</uri><display-name>Kitchen</display-name>
  </contact>
  <erx:wildcardedIdentity>sip:!.*!@op.example</erx:wildcardedIdentity>
 </registration>
 <registration aor="tel:+46701234567" id="r2" state="active">
  <contact id="c1" state="active" event="created"><uri>sip:dev1@192.0.2.10:49152;transport=tls</uri>
    <unknown-param name="+sip.instance">&lt;${INSTANCE}&gt;</unknown-param></contact>
 </registration>
</reginfo>`;

function read(text: string): RegInfo {
  const result = parseRegInfo(Buffer.from(text));
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

const partial = (version: number, contacts: string, registration = 'id="r1" state="active"'): string =>
  `<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="${version}" state="partial">
   <registration aor="sip:+46701234567@op.example" ${registration}>${contacts}</registration></reginfo>`;

const own = (state: string, event: string, extra = ''): string =>
  `<contact id="c1" state="${state}" event="${event}" ${extra}><uri>${SELF.contact}</uri>
   <unknown-param name="+sip.instance">"&lt;${INSTANCE}&gt;"</unknown-param></contact>`;

test('[MD-2.2.2c] a full document becomes values, unknown namespaces are passed over', () => {
  const info = read(FULL);
  assert.is(info.version, 0);
  assert.is(info.state, 'full');
  assert.equal(
    info.registrations.map(({ aor, state, contacts }) => [aor, state, contacts.length]),
    [
      ['sip:+46701234567@op.example', 'active', 2],
      ['tel:+46701234567', 'active', 1],
    ],
  );
  assert.equal(info.registrations[0]?.contacts[0], {
    id: 'c1',
    state: 'active',
    event: 'registered',
    uri: SELF.contact,
    expires: 598_000,
    instance: INSTANCE,
    pubGruu: `sip:+46701234567@op.example;gr=${INSTANCE}`,
    tempGruu: 'sip:tgruu.7hs==@op.example;gr',
  });
  assert.is(info.registrations[0]?.contacts[1]?.displayName, 'Kitchen');
});

test('[MD-2.2.2c] the federation names every device once and knows which is this one', () => {
  const table = new RegInfoTable();
  table.apply(read(FULL));
  assert.equal(federation(table, SELF), [
    {
      ...{ uri: SELF.contact, instance: INSTANCE, self: true, state: 'active' },
      gruu: `sip:+46701234567@op.example;gr=${INSTANCE}`,
    },
    { uri: 'sip:phone@192.0.2.11', instance: undefined, self: false, state: 'active' },
  ]);
});

test('a device without an instance id is recognised by its contact', () => {
  const table = new RegInfoTable();
  table.apply(read(FULL));
  const self = { instance: 'urn:uuid:00000000-0000-4000-8000-000000000000', contact: 'sip:phone@192.0.2.11' };
  assert.equal(
    federation(table, self).map((device) => device.self),
    [false, true],
  );
});

test('[MD-2.2.2c] partial documents add, change and remove contacts; a lost one is noticed', () => {
  const table = new RegInfoTable();
  assert.is(table.apply(read(FULL)), 'applied');
  const third =
    '<contact id="c3" state="active" event="registered"><uri>sip:tablet@192.0.2.12</uri></contact>';
  assert.is(table.apply(read(partial(1, third))), 'applied');
  assert.is(federation(table, SELF).length, 3);
  const gone =
    '<contact id="c2" state="terminated" event="unregistered"><uri>sip:phone@192.0.2.11</uri></contact>';
  assert.is(table.apply(read(partial(2, gone))), 'applied');
  assert.equal(
    federation(table, SELF).map(({ uri }) => uri),
    [SELF.contact, 'sip:tablet@192.0.2.12'],
  );
  assert.is(table.apply(read(partial(2, third))), 'stale');
  assert.is(table.apply(read(partial(4, ''))), 'gap');
  assert.is(new RegInfoTable().apply(read(partial(3, third))), 'gap');
});

test('a full document replaces everything, a terminated registration goes with its contacts', () => {
  const table = new RegInfoTable();
  table.apply(read(FULL));
  table.apply(read(partial(1, '', 'id="r1" state="terminated"')));
  assert.equal(
    federation(table, SELF).map(({ self }) => self),
    [true],
  );
  table.apply(read('<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="2" state="full"/>'));
  assert.equal(federation(table, SELF), []);
});

test('[MD-2.2.2c] our own contact ended while the others keep the registration active', () => {
  for (const event of ['deactivated', 'rejected', 'unregistered', 'expired'] as const) {
    const table = new RegInfoTable();
    table.apply(read(FULL.replace(/<registration aor="tel.*<\/registration>/s, '')));
    const info = read(partial(1, own('terminated', event)));
    table.apply(info);
    assert.equal(ownChange(info, table, SELF), { kind: 'terminated', event });
  }
});

test('probation brings its retry-after, shortened its new interval', () => {
  const table = new RegInfoTable();
  const probation = read(partial(1, own('terminated', 'probation', 'retry-after="75"')));
  table.apply(probation);
  assert.equal(ownChange(probation, table, SELF), { kind: 'terminated', event: 'probation', retryAfter: 75 });
  const shortened = read(partial(2, own('active', 'shortened', 'expires="60"')));
  table.apply(shortened);
  assert.equal(ownChange(shortened, table, SELF), { kind: 'shortened', expires: 60 });
});

test('what happens to other devices is not taken for our own fate', () => {
  const table = new RegInfoTable();
  table.apply(read(FULL));
  const other =
    '<contact id="c2" state="terminated" event="deactivated"><uri>sip:phone@192.0.2.11</uri></contact>';
  const info = read(partial(1, other));
  table.apply(info);
  assert.equal(ownChange(info, table, SELF), { kind: 'none' });
});

test('the end of an older binding of ours, replaced by a newer one, is not ours', () => {
  const table = new RegInfoTable();
  table.apply(read(FULL));
  const old = own('terminated', 'deactivated').replace('id="c1"', 'id="c0"');
  const info = read(partial(1, old));
  table.apply(info);
  assert.equal(ownChange(info, table, SELF), { kind: 'none' });
});

test('bad documents are refused with a reason', () => {
  const bad = [
    '',
    'hello',
    '<reginfo',
    '<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" state="full"/>',
    '<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="-1" state="full"/>',
    '<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="1" state="half"/>',
    '<reginfo xmlns="urn:other" version="1" state="full"/>',
    '<!DOCTYPE reginfo [<!ENTITY a "b">]><reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="1" state="full"/>',
    partial(1, '<contact id="c1" state="active" event="created"/>'),
    partial(1, '<contact id="c1" state="gone" event="created"><uri>sip:a@b</uri></contact>'),
    FULL.replace('</reginfo>', ''),
    ' '.repeat(REGINFO_LIMITS.octets + 1),
    partial(
      1,
      '<contact id="c" state="active"><uri>sip:a@b</uri></contact>'.repeat(REGINFO_LIMITS.contacts + 1),
    ),
  ];
  for (const text of bad) {
    const result = parseRegInfo(Buffer.from(text));
    assert.not.ok(result.ok, text.slice(0, 80));
    if (!result.ok) assert.ok(result.error.length > 0);
  }
});

test('no input makes the parser throw', () => {
  const bytes = Buffer.from(FULL);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.uint8Array({ maxLength: 12 }), fc.nat(20), (at, insert, cut) => {
      const mutated = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + cut)]);
      return typeof parseRegInfo(mutated).ok === 'boolean';
    }),
    { numRuns: 300 },
  );
});

test.run();
