// What is told of dialogs, judged by xmllint against the structure of RFC 4235 4.4.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { Seconds } from '#src/base/units.ts';
import { DIALOG_INFO_NS, type DialogInfo } from '#src/services/dialog-info/dialog-info.ts';
import { writeDialogInfo } from '#src/services/dialog-info/writer.ts';
import { suite } from '#test/support/suite.ts';
import { scratch } from './support/process.ts';

const test = suite('peers/dialog-info-schema');

const attribute = (name: string, content = '<text/>'): string =>
  `<attribute name="${name}">${content}</attribute>`;
const optional = (...content: string[]): string =>
  content.map((each) => `<optional>${each}</optional>`).join('');
const element = (name: string, ...content: string[]): string =>
  `<element name="${name}">${content.join('') || '<empty/>'}</element>`;
const oneOf = (...values: string[]): string =>
  `<choice>${values.map((value) => `<value>${value}</value>`).join('')}</choice>`;
const number = '<data type="nonNegativeInteger"/>';
const named = (name: string): string => element(name, optional(attribute('display')), '<text/>');
const party = (name: string): string =>
  element(
    name,
    optional(named('identity')),
    optional(
      element(
        'target',
        attribute('uri'),
        `<zeroOrMore>${element('param', attribute('pname'), attribute('pval'))}</zeroOrMore>`,
      ),
    ),
  );
const events = ['cancelled', 'rejected', 'replaced', 'local-bye', 'remote-bye', 'error', 'timeout'];
const dialog = element(
  'dialog',
  attribute('id'),
  optional(attribute('call-id'), attribute('local-tag'), attribute('remote-tag')),
  optional(attribute('direction', oneOf('initiator', 'recipient'))),
  element(
    'state',
    optional(attribute('event', oneOf(...events)), attribute('code', number)),
    oneOf('trying', 'proceeding', 'early', 'confirmed', 'terminated'),
  ),
  optional(
    element('duration', number),
    element('replaces', attribute('call-id'), attribute('local-tag'), attribute('remote-tag')),
    named('referred-by'),
    party('local'),
    party('remote'),
  ),
);
/** RELAX NG, of the same meaning as the schema of the RFC. */
const SCHEMA = `<grammar xmlns="http://relaxng.org/ns/structure/1.0" ns="${DIALOG_INFO_NS}"
  datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes"><start>${element(
    'dialog-info',
    attribute('version', number),
    attribute('state', oneOf('full', 'partial')),
    attribute('entity'),
    `<zeroOrMore>${dialog}</zeroOrMore>`,
  )}</start></grammar>`;

const DOCUMENT: DialogInfo = {
  ...{ version: 3, state: 'full', entity: 'sip:+46701234567@op.example' },
  dialogs: [
    {
      ...{ id: 'd1', callId: 'x@h', localTag: 'a', remoteTag: 'b', direction: 'recipient' },
      ...{ state: 'terminated', event: 'replaced', code: 200, duration: Seconds(12) },
      replaces: { callId: 'old@h', localTag: 'o1', remoteTag: 'o2' },
      referredBy: { uri: 'sip:bob@op.example', name: 'Bob & <Co>' },
      local: {
        identity: { uri: 'sip:+46701234567@op.example' },
        target: { uri: 'sip:me@192.0.2.1', params: { '+sip.instance': '"<urn:uuid:1>"' } },
      },
      remote: { identity: { uri: 'tel:+46709999999' } },
    },
    { id: 'd2', state: 'trying', local: {}, remote: {} },
  ],
};

function judge(document: string): void {
  const folder = scratch();
  try {
    writeFileSync(folder.file('schema.rng'), SCHEMA);
    writeFileSync(folder.file('document.xml'), document);
    const files = ['--relaxng', folder.file('schema.rng'), folder.file('document.xml')];
    const { status, stderr } = spawnSync('xmllint', ['--noout', ...files], { encoding: 'utf8' });
    assert.is(status, 0, stderr);
  } finally {
    folder.remove();
  }
}

test.proof('dialog information is written as the RFC says', {
  peers: ['xmllint'],
  run: () => judge(writeDialogInfo(DOCUMENT)),
  control: () => judge(writeDialogInfo(DOCUMENT).replace('<state>trying</state>', '')),
});

test.run();
