import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { formatSelector, type NodeSelector, parseSelector } from '#src/services/ut/selector.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('services/ut/selector');

function read(path: string, query = ''): NodeSelector {
  const result = parseSelector(path, query);
  if (!result.ok) throw new Error(`${path}: ${result.error}`);
  return result.value;
}

const fault = (path: string, query = ''): string | undefined => {
  const result = parseSelector(path, query);
  return result.ok ? undefined : result.error;
};

/** What stands behind `/~~/`, apart. */
function again(selector: NodeSelector): NodeSelector {
  const [path = '', query = ''] = formatSelector(selector).slice('/~~/'.length).split('?');
  return read(path, query);
}

test('the selectors of RFC 4825 6.3 and of the specifications are read', () => {
  // RFC 4825 6.3: by position, by attribute, by both, an attribute at the end, any name.
  assert.equal(read('foo/bar').steps, [{ name: { local: 'foo' } }, { name: { local: 'bar' } }]);
  assert.equal(read('rls-services/service%5b1%5d').steps[1], { name: { local: 'service' }, position: 1 });
  assert.equal(read('a/b%5B2%5D%5B@id=%22x%22%5D').steps[1], {
    ...{ name: { local: 'b' }, position: 2 },
    attribute: { name: { local: 'id' }, value: 'x' },
  });
  assert.equal(read('a/*%5b@n=%27q%22%27%5d').steps[1], {
    name: { local: '*' },
    attribute: { name: { local: 'n' }, value: 'q"' },
  });
  assert.equal(read('a/b/@c').end, { attribute: { local: 'c' } });
  assert.is(read('a/b/namespace::*').end, 'namespaces');
  // RFC 4825 6.4, in the order of the example there.
  const bound = read('foo/a:bar/b:baz', 'xmlns(a=urn:test:namespace1-uri)xmlns(b=urn:test:namespace1-uri)');
  assert.is(bound.namespaces.get('b'), 'urn:test:namespace1-uri');
  assert.equal(bound.steps[1]?.name, { prefix: 'a', local: 'bar' });
  // 24.611 table A.2-7.
  const rule = read('simservs/incoming-communication-barring/ruleset/rule%5b@id=%22rule1%22%5d');
  assert.equal(rule.steps[3]?.attribute, { name: { local: 'id' }, value: 'rule1' });
});

test('what is no selector is told why', () => {
  assert.is(fault('%5'), 'a percent sign is misplaced');
  assert.is(fault('%ff'), 'a percent sign is misplaced');
  assert.is(fault(''), 'a name is missing');
  assert.is(fault('a//b'), 'a name is missing');
  assert.is(fault('a/b%5B0%5D'), 'a predicate is neither a position nor an attribute');
  assert.is(fault('a/b%5B@id=x%5D'), 'the value of a predicate cannot be read');
  assert.is(fault('a/b%5B@id=%22%26nbsp;%22%5D'), 'the value of a predicate cannot be read');
  assert.is(fault('a/b%5B1'), 'a predicate does not end');
  assert.is(fault('a/p:b'), 'the prefix "p" is not bound');
  assert.is(fault('a/p:b', 'xmlns(q=urn:x)'), 'the prefix "p" is not bound');
  assert.is(fault('a/b', 'x=1'), 'the namespaces of the query cannot be read');
  assert.is(fault('a/@b/c'), 'the attribute at the end is none');
  assert.is(fault(Array.from({ length: 40 }, () => 'a').join('/')), 'too many steps');
  assert.is(fault('a'.repeat(5000)), 'too long');
});

test('a selector is written with the escapes of the specifications', () => {
  const selector: NodeSelector = {
    steps: [
      { name: { local: 'simservs' } },
      { name: { prefix: 'cp', local: 'rule' }, attribute: { name: { local: 'id' }, value: 'cfb' } },
    ],
    namespaces: new Map([['cp', 'urn:ietf:params:xml:ns:common-policy']]),
  };
  assert.is(
    formatSelector(selector),
    '/~~/simservs/cp:rule%5B@id=%22cfb%22%5D?xmlns(cp=urn:ietf:params:xml:ns:common-policy)',
  );
  assert.is(
    formatSelector({
      steps: [{ name: { local: 'a' } }],
      end: { attribute: { local: 'active' } },
      namespaces: new Map(),
    }),
    '/~~/a/@active',
  );
});

const local = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,8}$/);
const value = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => !/\p{Cc}/u.test(text));
const PREFIXES = ['cp', 'n1'];
const qname = fc.oneof(
  local.map((name) => ({ local: name })),
  fc.tuple(fc.constantFrom(...PREFIXES), local).map(([prefix, name]) => ({ prefix, local: name })),
);
const step = fc.record(
  {
    name: fc.oneof(qname, fc.constant({ local: '*' })),
    position: fc.integer({ min: 1, max: 999 }),
    attribute: fc.tuple(qname, value).map(([name, text]) => ({ name, value: text })),
  },
  { requiredKeys: ['name'], noNullPrototype: true },
);
const selector = fc.record(
  {
    steps: fc.array(step, { minLength: 1, maxLength: 5 }),
    end: fc.oneof(
      fc.constant('namespaces' as const),
      qname.map((attribute) => ({ attribute })),
    ),
    namespaces: fc
      .tuple(...PREFIXES.map(() => fc.stringMatching(/^[\x21-\x7e]{1,20}$/)))
      .map((uris) => new Map(PREFIXES.map((prefix, index) => [prefix, uris[index] ?? '']))),
  },
  { requiredKeys: ['steps', 'namespaces'], noNullPrototype: true },
);

test('every selector is read as it was written', () => {
  fc.assert(
    fc.property(selector, (one) => {
      assert.equal(again(one), one);
    }),
    { numRuns: 500 },
  );
});

test.run();
