import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import { changeFrom, type ServicesAnswer, servicesText } from '#src/cli/client/services.ts';
import { readServices } from '#src/services/ut/document.ts';
import { describeUt } from '#src/web/routes/ut.ts';
import { suite } from '#test/support/suite.ts';
import { SAMPLE } from '../services/ut/samples.ts';

const test = suite('cli/services');

const isUsage = (work: () => unknown): boolean => {
  try {
    work();
    return false;
  } catch (error) {
    return TandemError.is(error, 'cli.usage');
  }
};

test('every service is a line', () => {
  const view = readServices(Buffer.from(SAMPLE));
  if (!view.ok) throw new Error(view.error);
  // What the API answers.
  const text = servicesText(describeUt(view.value) as ServicesAnswer);
  assert.match(text, /^busy +off {2}tel:\+46701111111$/m);
  assert.match(text, /^no-reply +on {2}tel:\+46702222222 after 25 s$/m);
  assert.match(text, /^outgoing-international-except-home +off$/m);
  assert.match(text, /^call-waiting +on$/m);
  assert.is(text.split('\n').length, 5 + 5 + 3 + 1);
  assert.match(servicesText({ open: false }), /elsewhere/);
});

test('words become a change', () => {
  const target = { active: true, target: '+46701234567' };
  assert.equal(changeFrom('busy', '+46701234567', undefined), { forwarding: { busy: target } });
  assert.equal(changeFrom('no-reply', '+46701234567', '20'), {
    ...{ no_reply_seconds: 20, forwarding: { no_reply: target } },
  });
  assert.equal(changeFrom('no-reply', undefined, '20'), { no_reply_seconds: 20 });
  assert.equal(changeFrom('not-reachable', 'off', undefined), {
    forwarding: { not_reachable: { active: false } },
  });
  assert.equal(changeFrom('all-incoming', 'on', undefined), { barring: { all_incoming: true } });
  assert.equal(changeFrom('call-waiting', 'off', undefined), { call_waiting: false });
});

test('words that mean nothing are a mistake of usage', () => {
  assert.ok(isUsage(() => changeFrom('busy', undefined, undefined)));
  assert.ok(isUsage(() => changeFrom('busy', 'off', '20')));
  assert.ok(isUsage(() => changeFrom('no-reply', 'on', 'soon')));
  assert.ok(isUsage(() => changeFrom('all-incoming', '+467', undefined)));
  assert.ok(isUsage(() => changeFrom('all-incoming', undefined, undefined)));
  assert.ok(isUsage(() => changeFrom('everything', 'on', undefined)));
});

test.run();
