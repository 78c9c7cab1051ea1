// XML from outside: what is refused before it can cost anything.
import * as assert from 'uvu/assert';
import { parseXml } from '#src/base/xml.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('base/xml');

const LIMITS = { octets: 256 * 1024 };
const read = (text: string): string => {
  const parsed = parseXml(Buffer.from(text), LIMITS);
  return parsed.ok ? 'ok' : parsed.error;
};

test('namespaces within each other without end are refused; many beside each other are not', () => {
  const inside = Array.from({ length: 9_000 }, (_, at) => `<a xmlns:n${at}="x">`).join('');
  assert.is(read(`${inside}${'</a>'.repeat(9_000)}`), 'too many namespaces');
  assert.is(read(`<a>${'<b xmlns="urn:b"/>'.repeat(1_000)}</a>`), 'ok');
});

test('no document types, nothing larger than allowed; elements as deep as they like', () => {
  assert.is(read('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'), 'a document type declaration is refused');
  assert.match(read(`<a>${'x'.repeat(LIMITS.octets)}</a>`), 'larger than');
  assert.is(read(`${'<a>'.repeat(30_000)}${'</a>'.repeat(30_000)}`), 'ok');
});

test.run();
