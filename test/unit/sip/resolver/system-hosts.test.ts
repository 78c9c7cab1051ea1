// Names that others make us look up: few at once, none twice, no pile.
import * as assert from 'uvu/assert';
import { SystemHosts, TooManyLookups } from '#src/sip/resolver/system-hosts.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('sip/system-hosts');

interface Asked {
  readonly name: string;
  readonly answer: (addresses: readonly string[]) => void;
  readonly fail: (error: Error) => void;
}

const rig = () => {
  const asked: Asked[] = [];
  const hosts = new SystemHosts(
    (name) => {
      const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
      asked.push({ name, answer: resolve, fail: reject });
      return promise;
    },
    { running: 2, waiting: 2 },
  );
  return { asked, hosts };
};
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const names = (asked: readonly Asked[]): string[] => asked.map(({ name }) => name);

test('two at once, the others wait for their turn; what is more is refused at once', async () => {
  const { asked, hosts } = rig();
  const answers = ['a', 'b', 'c', 'd'].map((name) => hosts.addresses(name, 4));
  await settle();
  assert.equal(names(asked), ['a', 'b']);
  const refused = await hosts.addresses('e', 4).catch((error: unknown) => error);
  assert.instance(refused, TooManyLookups);
  asked[0]?.answer(['192.0.2.1']);
  assert.equal(await answers[0], ['192.0.2.1']);
  await settle();
  assert.equal(names(asked), ['a', 'b', 'c']);
  asked[1]?.fail(new Error('no such name'));
  const failed = await answers[1]?.catch((error: unknown) => String(error));
  assert.match(String(failed), 'no such name');
  await settle();
  assert.equal(names(asked), ['a', 'b', 'c', 'd']);
  for (const each of asked.slice(2)) each.answer([]);
  await Promise.all(answers.slice(2));
  // All places are free again.
  const again = ['f', 'g', 'h'].map((name) => hosts.addresses(name, 4));
  await settle();
  assert.equal(names(asked).slice(4), ['f', 'g']);
  for (let at = 4; at < 7; at += 1) {
    asked[at]?.answer([]);
    await settle();
  }
  await Promise.all(again);
});

test('the same name and family is asked for once at a time', async () => {
  const { asked, hosts } = rig();
  const answers = [hosts.addresses('A.example', 4), hosts.addresses('a.example', 4)];
  const other = hosts.addresses('a.example', 6);
  await settle();
  assert.is(asked.length, 2);
  for (const each of asked) each.answer(['192.0.2.1']);
  assert.equal(await Promise.all([...answers, other]), [['192.0.2.1'], ['192.0.2.1'], ['192.0.2.1']]);
  const later = hosts.addresses('a.example', 4);
  await settle();
  assert.is(asked.length, 3, 'an answer is not kept');
  asked[2]?.answer([]);
  await later;
});

test.run();
