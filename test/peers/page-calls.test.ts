// What the owner clicks on the page, as the far end sees it: hold, a waiting call, a transfer, an emergency that is refused.
import * as assert from 'uvu/assert';
import { Chromium } from '#test/support/chromium.ts';
import { suite } from '#test/support/suite.ts';
import { ack, callSetUp, hungUp, inDialog, invite, reply, rings } from './scenarios/caller.ts';
import { Stage } from './scenarios/stage.ts';
import { contains, expect, has, scenario, sdp, send } from './scenarios/xml.ts';
import { until } from './support/process.ts';

const test = suite('peers/page-calls');
const peers = ['SIPp', 'Chromium'];

let stage: Stage;
let browser: Chromium;
test.before(async () => {
  stage = await Stage.open();
  browser = await Chromium.open();
  const { body } = await stage.device.fetch('POST', 'link', {});
  const { url } = body as { url: string };
  await browser.go(url);
  await shows('Direct calls, no registration');
});
test.after(async () => {
  await browser.close();
  await stage.close();
});

const shows = (text: string): Promise<void> =>
  browser.until(`document.body.innerText.includes(${JSON.stringify(text)})`);

const described = (direction: 'recvonly' | 'sendrecv', version: number) => {
  const body = sdp({ direction, version });
  return [
    'Contact: <sip:far@[local_ip]:[local_port]>',
    'Content-Type: application/sdp',
    'Content-Length: [len]',
    '',
    ...body,
  ];
};
const answered = (direction: 'recvonly' | 'sendrecv', version: number) =>
  send([...reply(200).slice(0, 6), ...described(direction, version)]);

test('hold and resume on the page are sendonly and sendrecv on the wire', {
  peers,
  timeoutMs: 60_000,
}, async () => {
  const steps = [
    ...callSetUp('holder'),
    expect('INVITE', { checks: [contains('a=sendonly')] }),
    answered('recvonly', 2),
    expect('ACK'),
    expect('INVITE', { checks: [contains('a=sendrecv')] }),
    answered('sendrecv', 3),
    expect('ACK'),
    ...hungUp(),
  ];
  await stage.called('holder', scenario('holder', steps), async () => {
    await browser.click('Answer');
    await shows('in call since');
    await browser.click('Hold');
    await shows('on hold, in call since');
    await browser.click('Resume');
    await browser.until(`!document.body.innerText.includes('on hold')`);
    await stage.device.whenCall('the call to be no longer held', ({ hold }) => hold === 'none');
    await browser.click('Hang up');
  });
  assert.is((await stage.logged('holder')).end?.label, 'answered');
});

test('a waiting call says so, and ending the other is one click', {
  peers,
  timeoutMs: 60_000,
}, async () => {
  const second = [
    invite('second'),
    ...rings({ checks: [has('Alert-Info', 'urn:alert:service:call-waiting')] }),
    expect(200),
    ack('second'),
    ...hungUp(),
  ];
  await stage.called('first', scenario('first', [...callSetUp('first'), ...hungUp()]), async () => {
    await browser.click('Answer');
    await shows('in call since');
    await stage.alongside('second', scenario('second', second), async () => {
      await shows('calls while you are in a call');
      await browser.click('End and answer');
      await stage.call('second', 'active');
      await stage.logged('first');
      await browser.click('Hang up');
    });
  });
});

test('a transfer typed on the page is a REFER', { peers, timeoutMs: 60_000 }, async () => {
  const notify = (cseq: number, state: string, fragment: string) =>
    inDialog('NOTIFY', 'mover', {
      cseq,
      branch: `NOTIFY${cseq}`,
      headers: ['Event: refer', `Subscription-State: ${state}`],
      body: [fragment],
      type: 'message/sipfrag',
    });
  const steps = [
    ...callSetUp('mover'),
    expect('REFER', { checks: [has('Refer-To', 'sip:third@192.0.2.3')] }),
    send([...reply(202).slice(0, 6), 'Contact: <sip:far@[local_ip]:[local_port]>', 'Content-Length: 0', '']),
    notify(2, 'active;expires=60', 'SIP/2.0 100 Trying'),
    expect(200),
    notify(3, 'terminated;reason=noresource', 'SIP/2.0 200 OK'),
    expect(200),
    ...hungUp(),
  ];
  await stage.called('mover', scenario('mover', steps), async () => {
    await browser.click('Answer');
    await shows('in call since');
    await browser.evaluate(`document.querySelector('details.more').open = true`);
    await browser.evaluate(
      `document.querySelector('details.more input[name=to]').value = 'sip:third@192.0.2.3'`,
    );
    await browser.click('Transfer');
  });
});

test('a dialled emergency number is refused at once, in large words, and nothing is dialled', {
  peers: ['Chromium'],
}, async () => {
  const before = (await stage.device.calls()).length;
  await browser.evaluate(`document.querySelector('#to').value = '112'`);
  await browser.click('Call');
  await browser.until(
    `document.querySelector('.alarm')?.innerText.includes('This device makes no emergency calls')`,
  );
  assert.is((await stage.device.calls()).length, before);
  await browser.click('Dismiss');
  await browser.until(`document.querySelector('.alarm') === null`);
});

test('do not disturb on the page: a call gets 480 and does not ring', { peers }, async () => {
  await browser.evaluate(`document.querySelectorAll('.options input[type=checkbox]')[1].click()`);
  await until('do not disturb', async () => {
    const { body } = await stage.device.fetch('GET', 'config');
    return (body as { call: { dnd: { value: boolean } } }).call.dnd.value;
  });
  try {
    await stage.called(
      'quiet',
      scenario('quiet', [
        invite('quiet'),
        expect(100, { optional: true }),
        expect(480),
        ack('quiet', { branch: 'INVITE1' }),
      ]),
    );
  } finally {
    await stage.device.fetch('PATCH', 'config', { call: { dnd: null } });
  }
});

test.run();
