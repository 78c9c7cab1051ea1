// The demonstration as its visitor sees it: a real browser on the page, and what the terminal says.
import { existsSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { Chromium } from '#test/support/chromium.ts';
import { suite } from '#test/support/suite.ts';
import { Bench } from '../unit/cli/program.ts';

const test = suite('the page in a browser');
const bench = new Bench();
test.after(() => bench.close());

test('ring me, answer on the device and on the phone; the other says so; nothing is left behind', {
  peers: ['Chromium'],
  timeoutMs: 90_000,
}, async () => {
  const demo = bench.start(['demo', '--no-browser', '--sip', '0', '--web', '0']);
  const [, link = ''] = await demo.says(/page +(http:\S+once=\w+)/);
  const [, folder = ''] = await demo.says(/hears: (\S+)\/\*\.wav/);
  assert.ok(existsSync(folder));
  await demo.says(/device +registered/);
  const browser = await Chromium.open();
  try {
    await browser.go(link);
    await browser.until(`document.body.innerText.includes('Registered')`);
    await browser.until(`document.body.innerText.includes('This device')`);
    const text = await browser.text();
    assert.match(text, /No call\./);
    assert.match(text, /\+46701740605/);
    assert.match(text, /Phone active/);
    assert.not.match(text, /[0-9a-f]{16}@/);
    await browser.click('Ring me');
    await browser.until(`document.body.innerText.includes('is calling')`);
    await browser.click('Answer');
    await browser.until(`document.body.innerText.includes('in call since')`);
    await demo.says(/device +from \S+ active/);
    await browser.click('Hang up');
    await browser.until(
      `[...document.querySelectorAll('tbody td')].some((cell) => cell.innerText === 'answered')`,
    );
    await browser.click('Ring me');
    await browser.until(`document.body.innerText.includes('Answer on the phone')`);
    await browser.click('Decline');
    await browser.until(
      `[...document.querySelectorAll('tbody td')].some((cell) => cell.innerText === 'declined')`,
    );
    await browser.click('Answer on the phone');
    await demo.says(/phone +from \S+ active/);
    await browser.click('Hang up on the phone');
    await browser.until(`document.body.innerText.includes('The last one: answered.')`);
    await browser.click('Ring me');
    await browser.until(`document.body.innerText.includes('is calling')`);
    await browser.click('Answer on the phone');
    await browser.until(
      `[...document.querySelectorAll('tbody td')].some((cell) => cell.innerText === 'answered on another device')`,
    );
    await browser.click('Hang up on the phone');
    await browser.click('Ring me');
    await browser.click('Answer');
    await browser.until(`document.body.innerText.includes('The last one: answered on another device.')`);
    await demo.says(/phone +from \S+ ended: completed elsewhere/);
    await browser.click('Hang up');
    const own = new URL(link).origin;
    assert.equal(
      browser.requests.filter((url) => !url.startsWith(own) && !url.startsWith('data:')),
      [],
    );
    assert.equal(browser.errors, []);
    assert.equal(
      await browser.evaluate(
        `[...document.querySelectorAll('input')].filter((one) => one.labels.length === 0).length`,
      ),
      0,
    );
    await browser.go(link);
    await browser.until(`document.body.innerText.includes('Registered')`);
  } finally {
    await browser.close();
  }
  demo.kill('SIGINT');
  assert.is((await demo.ended).code, 0);
  assert.not(existsSync(folder));
});

test.run();
