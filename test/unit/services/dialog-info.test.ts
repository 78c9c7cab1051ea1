import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { Seconds } from '#src/base/units.ts';
import {
  DIALOG_INFO_EVENTS,
  DIALOG_INFO_LIMITS,
  DIALOG_INFO_NS,
  DIALOG_INFO_STATES,
  type DialogInfo,
  type DialogInfoEntry,
  parseDialogInfo,
} from '#src/services/dialog-info/dialog-info.ts';
import { DialogTable } from '#src/services/dialog-info/dialog-table.ts';
import { writeDialogInfo } from '#src/services/dialog-info/writer.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('services/dialog-info');

const INSTANCE = 'urn:uuid:0f4c0a66-6c3a-4b0e-9d7e-4d0f5f6a7b80';

// RFC 4235 6.2: a phone of the number talks (d1), another one rings (d2); d1 took over from a dialog of the caller's.
const FULL = `<?xml version="1.0"?>
<dialog-info xmlns="${DIALOG_INFO_NS}" xmlns:sa="urn:ietf:params:xml:ns:sa-dialog-info"
             xmlns:ext="urn:3gpp:extDEN:1.0" version="0" state="full" entity="sip:+46701234567@op.example">
 <dialog id="d1" call-id="x@h" local-tag="a" remote-tag="b" direction="recipient">
  <state event="replaced" code="200">confirmed</state>
  <duration>274</duration>
  <replaces call-id="old@h" local-tag="o1" remote-tag="o2"/>
  <referred-by display="Bob">sip:bob@op.example</referred-by>
  <route-set><hop>&lt;sip:p1@op.example;lr&gt;</hop></route-set>
  <local><identity>sip:+46701234567@op.example</identity>
   <target uri="sip:+46701234567@op.example;gr=${INSTANCE}">
    <param pname="+sip.instance" pval="&quot;&lt;${INSTANCE}&gt;&quot;"/><param pname="audio" pval=""/></target></local>
  <remote><identity display="Alice &amp; Co">tel:+46709999999</identity><cseq>3</cseq></remote>
  <sa:exclusive>true</sa:exclusive><sa:appearance>1</sa:appearance>
  <ext:ue-instance identity="${INSTANCE}" alias="Kitchen"/>
 </dialog>
 <dialog id="d2"><state>early</state></dialog>
 <other xmlns="urn:other">whatever</other>
</dialog-info>`;

function read(text: string): DialogInfo {
  const result = parseDialogInfo(Buffer.from(text));
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

const partial = (version: number, dialogs: string): DialogInfo =>
  read(
    `<dialog-info xmlns="${DIALOG_INFO_NS}" version="${version}" state="partial" entity="sip:a@b">${dialogs}</dialog-info>`,
  );
const dialog = (id: string, state: string): string => `<dialog id="${id}"><state>${state}</state></dialog>`;
const ids = (table: DialogTable): string[] => table.dialogs.map(({ id }) => id);

test('a full document becomes values, unknown elements and namespaces are passed over', () => {
  const info = read(FULL);
  assert.equal([info.version, info.state, info.entity], [0, 'full', 'sip:+46701234567@op.example']);
  assert.equal(info.dialogs[0], {
    id: 'd1',
    state: 'confirmed',
    callId: 'x@h',
    localTag: 'a',
    remoteTag: 'b',
    direction: 'recipient',
    event: 'replaced',
    code: 200,
    duration: 274,
    replaces: { callId: 'old@h', localTag: 'o1', remoteTag: 'o2' },
    referredBy: { uri: 'sip:bob@op.example', name: 'Bob' },
    local: {
      identity: { uri: 'sip:+46701234567@op.example' },
      target: {
        uri: `sip:+46701234567@op.example;gr=${INSTANCE}`,
        params: { '+sip.instance': `"<${INSTANCE}>"`, audio: '' },
      },
    },
    remote: { identity: { uri: 'tel:+46709999999', name: 'Alice & Co' } },
    exclusive: true,
    device: INSTANCE,
  });
  assert.equal(info.dialogs[1], { id: 'd2', state: 'early', local: {}, remote: {} });
});

test('partial documents change and end dialogs; a lost one is noticed, an old one dropped', () => {
  const table = new DialogTable();
  assert.is(table.apply(read(FULL)), 'applied');
  assert.is(table.apply(partial(1, dialog('d3', 'trying') + dialog('d2', 'confirmed'))), 'applied');
  assert.equal(ids(table), ['d1', 'd2', 'd3']);
  assert.is(table.apply(partial(2, dialog('d1', 'terminated'))), 'applied');
  assert.is(table.apply(partial(2, dialog('d4', 'early'))), 'stale');
  assert.equal(ids(table), ['d2', 'd3']);
  assert.is(table.apply(partial(4, dialog('d3', 'terminated'))), 'gap');
  assert.is(new DialogTable().apply(partial(7, dialog('d1', 'early'))), 'gap');
  // A full one is the truth, whatever its number: Kamailio writes version 0 into each.
  assert.is(table.apply(read(FULL)), 'applied');
  assert.equal(ids(table), ['d1', 'd2']);
});

test('partial documents do not fill the memory', () => {
  const table = new DialogTable();
  for (let version = 0; version < DIALOG_INFO_LIMITS.dialogs + 50; version += 1)
    table.apply(partial(version, dialog(`d${version}`, 'early')));
  assert.is(table.dialogs.length, DIALOG_INFO_LIMITS.dialogs);
});

test('bad documents are refused with a reason', () => {
  const head = `<dialog-info xmlns="${DIALOG_INFO_NS}" version="1" state="full" entity="sip:a@b">`;
  const bad = [
    '',
    'hello',
    '<dialog-info',
    FULL.replace('version="0"', ''),
    FULL.replace('version="0"', 'version="-1"'),
    FULL.replace('state="full"', 'state="half"'),
    FULL.replace(/entity="[^"]*"/, ''),
    FULL.replace(DIALOG_INFO_NS, 'urn:other'),
    FULL.replace('</dialog-info>', ''),
    `<!DOCTYPE dialog-info [<!ENTITY a "b">]>${FULL.replace('<?xml version="1.0"?>', '')}`,
    `${head}<dialog id="d"/></dialog-info>`,
    `${head}<dialog><state>early</state></dialog></dialog-info>`,
    `${head}${dialog('d', 'somewhere')}</dialog-info>`,
    `${head}${dialog('d', 'early').repeat(DIALOG_INFO_LIMITS.dialogs + 1)}</dialog-info>`,
    ' '.repeat(DIALOG_INFO_LIMITS.octets + 1),
  ];
  for (const text of bad) {
    const result = parseDialogInfo(Buffer.from(text));
    assert.not.ok(result.ok, text.slice(0, 90));
    if (!result.ok) assert.ok(result.error.length > 0);
  }
});

const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).map((text) => text.trim() || 'x');
/** What XML can hold and blanks at the edges do not change. */
const safe = word.map((text) => [...text].map((each) => (/[\p{C}\p{Z}]/u.test(each) ? '_' : each)).join(''));
const name = fc.record({ callId: safe, localTag: safe, remoteTag: safe });
const named = fc.record({ uri: safe, name: safe }, { requiredKeys: ['uri'] });
const party = fc.record(
  {
    identity: named,
    target: fc.record({
      uri: safe,
      params: fc.dictionary(
        safe.map((text) => text.toLowerCase()),
        safe,
      ),
    }),
  },
  { requiredKeys: [] },
);
const entry = fc.record(
  {
    id: safe,
    callId: safe,
    localTag: safe,
    remoteTag: safe,
    direction: fc.constantFrom('initiator', 'recipient'),
    state: fc.constantFrom(...DIALOG_INFO_STATES),
    event: fc.constantFrom(...DIALOG_INFO_EVENTS),
    code: fc.integer({ min: 100, max: 699 }),
    duration: fc.nat(86_400).map(Seconds),
    replaces: name,
    referredBy: named,
    local: party,
    remote: party,
  },
  { requiredKeys: ['id', 'state', 'local', 'remote'] },
);

test('what is written is read back as it was', () => {
  const document = fc.record({
    version: fc.nat(),
    state: fc.constantFrom('full', 'partial'),
    entity: safe,
    dialogs: fc.array(entry, { maxLength: 4 }),
  });
  fc.assert(
    fc.property(document, (info) => {
      // fast-check's objects have no prototype.
      assert.equal(read(writeDialogInfo(info as DialogInfo)), JSON.parse(JSON.stringify(info)));
    }),
    { numRuns: 200 },
  );
});

test('whatever a name holds, the document stays well-formed', () => {
  const entryOf = (text: string): DialogInfoEntry => ({
    id: 'd',
    state: 'early',
    local: {},
    remote: { identity: { uri: 'sip:a@b', name: text } },
  });
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' })), (text) => {
      const written = writeDialogInfo({
        version: 1,
        state: 'full',
        entity: 'sip:a@b',
        dialogs: [entryOf(text)],
      });
      assert.ok(parseDialogInfo(Buffer.from(written)).ok, JSON.stringify(text));
    }),
    { numRuns: 300 },
  );
});

test('no input makes the parser throw', () => {
  const bytes = Buffer.from(FULL);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.uint8Array({ maxLength: 12 }), fc.nat(20), (at, insert, cut) => {
      const mutated = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + cut)]);
      return typeof parseDialogInfo(mutated).ok === 'boolean';
    }),
    { numRuns: 300 },
  );
});

test.run();
