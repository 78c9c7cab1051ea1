import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type DialingRules, dialTarget } from '#src/call/dial.ts';
import { globalNumber, NUMBERING_PLANS, numberingPlan } from '#src/call/numbering-plans.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('call/numbering-plans');

/** Country, what people dial there, what it means; '': it stays local. */
const DIALLED: readonly (readonly [country: string, dialled: string, meant: string])[] = [
  ['SE', '0701234567', '+46701234567'],
  ['SE', '08-123 456 78', '+46812345678'],
  ['46', '0701234567', '+46701234567'],
  ['+46', '004512345678', '+4512345678'],
  ['se', '112', ''],
  ['SE', '11414', ''],
  ['SE', '123456', ''],
  ['SE', '0', ''],
  ['SE', '00112', ''],
  ['SE', '*21*0701234567#', ''],
  ['DE', '030 1234567', '+49301234567'],
  ['DE', '0171/1234567', '+491711234567'],
  ['DE', '010330301234567', ''],
  ['DE', '110', ''],
  ['AT', '01 58858', '+43158858'],
  ['CH', '044 668 18 00', '+41446681800'],
  ['FR', '01 23 45 67 89', '+33123456789'],
  ['FR', '3631', ''],
  ['FR', '00 44 20 7946 0123', '+442079460123'],
  ['IT', '06 698 12345', '+390669812345'],
  ['IT', '347 123 4567', '+393471234567'],
  ['IT', '118', ''],
  ['IT', '119', ''],
  ['IT', '40916', ''],
  ['ES', '612 345 678', '+34612345678'],
  ['ES', '112', ''],
  ['NL', '020-1234567', '+31201234567'],
  ['BE', '0470 12 34 56', '+32470123456'],
  ['GB', '020 7946 0123', '+442079460123'],
  ['GB', '0800 1111', '+448001111'],
  ['GB', '999', ''],
  ['IE', '01 234 5678', '+35312345678'],
  ['US', '(212) 555-2368', '+12125552368'],
  ['US', '1-212-555-2368', '+12125552368'],
  ['US', '011 46 70 123 45 67', '+46701234567'],
  ['US', '911', ''],
  ['US', '5552368', ''],
  ['CA', '416-555-2368', '+14165552368'],
  ['1', '4165552368', '+14165552368'],
  ['PL', '22 123 45 67', '+48221234567'],
  ['DK', '12 34 56 78', '+4512345678'],
  ['NO', '22 12 34 56', '+4722123456'],
  ['NO', '02800', ''],
  ['FI', '040 123 4567', '+358401234567'],
  ['FI', '990 46 70 123 45 67', '+46701234567'],
  ['CZ', '601 123 456', '+420601123456'],
  ['PT', '912 345 678', '+351912345678'],
  ['AU', '0412 345 678', '+61412345678'],
  ['AU', '0011 64 9 123 4567', '+6491234567'],
  ['AU', '1300 123 456', ''],
  ['AU', '000', ''],
  ['NZ', '021 123 4567', '+64211234567'],
  ['IN', '98765 43210', '+919876543210'],
  ['IN', '011 2345 6789', '+911123456789'],
  ['JP', '03-1234-5678', '+81312345678'],
  ['JP', '090-1234-5678', '+819012345678'],
  ['JP', '010 46 70 123 45 67', '+46701234567'],
  ['JP', '0120-123-456', ''],
  ['HU', '06 1 234 5678', '+3612345678'],
];

const bare = (text: string): string => text.replace(/[\s().\-/]/g, '');

for (const [country, dialled, meant] of DIALLED) {
  const rules: DialingRules = { profile: 'ims', domain: 'op.example', country };
  test(`[MD-2.2.4a] in ${country} "${dialled}" means ${meant || 'itself'}`, () => {
    const expected = meant ? `tel:${meant}` : `tel:${bare(dialled)};phone-context=op.example`;
    assert.is(dialTarget(dialled, rules).toString(), expected);
    const sip = meant || bare(dialled).replaceAll('#', '%23');
    assert.is(dialTarget(dialled, { ...rules, profile: 'sip' }).toString(), `sip:${sip}@op.example`);
  });
}

test('without a country, or in one that is not in the table, a number stays as it is dialled', () => {
  for (const country of [undefined, 'XX', '999'])
    assert.is(
      dialTarget('0701234567', { profile: 'ims', domain: 'op.example', country }).toString(),
      'tel:0701234567;phone-context=op.example',
    );
});

test('a tel URI without context is a dialled number, one with context is left alone', () => {
  const rules = { profile: 'ims', domain: 'op.example', country: 'SE' } as const;
  assert.is(dialTarget('tel:070-123 45 67'.replaceAll(' ', ''), rules).toString(), 'tel:+46701234567');
  const local = 'tel:0701234567;phone-context=pbx.example';
  assert.is(dialTarget(local, rules).toString(), local);
});

test('the 0 in brackets of a number with + is not dialled', () => {
  const rules = { profile: 'ims', domain: 'op.example' } as const;
  assert.is(dialTarget('+46 (0)70 123 45 67', rules).toString(), 'tel:+46701234567');
  assert.is(dialTarget('+46 (70) 123 45 67', rules).toString(), 'tel:+46701234567');
});

test('every country asked for is there, once', () => {
  const asked = 'SE DE AT CH FR IT ES NL BE GB IE US CA PL DK NO FI CZ PT AU NZ IN JP'.split(' ');
  for (const country of asked) assert.ok(numberingPlan(country), country);
  const all = NUMBERING_PLANS.flatMap(({ countries }) => countries);
  assert.is(new Set(all).size, all.length);
  assert.is(new Set(NUMBERING_PLANS.map(({ code }) => code)).size, NUMBERING_PLANS.length);
});

test('whatever is dialled: a number with + and at most 15 digits, or left alone; emergency numbers always alone', () => {
  const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 32 });
  fc.assert(
    fc.property(fc.constantFrom(...NUMBERING_PLANS), digits, (plan, dialled) => {
      const meant = globalNumber(dialled, plan);
      assert.ok(meant === undefined || /^\+[1-9]\d{4,15}$/.test(meant), `${dialled} ${meant}`);
    }),
  );
  for (const plan of NUMBERING_PLANS)
    for (const sos of ['112', '911', '999', '000', '110', '118', '119', '122', '08', '15', '17', '18'])
      assert.is(globalNumber(sos, plan), undefined, `${plan.countries} ${sos}`);
});

test.run();
