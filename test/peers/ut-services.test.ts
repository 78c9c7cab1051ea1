// The owner switches services over Ut, on the page, by the command line and by the API; strangers' calls then go where they say.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { Chromium } from '#test/support/chromium.ts';
import { suite } from '#test/support/suite.ts';
import { ackRefusal, invite, refused, request } from './scenarios/caller.ts';
import { divertedCaller } from './scenarios/diverted.ts';
import { expect, has, type Step, scenario, send } from './scenarios/xml.ts';
import { Device } from './support/agent.ts';
import { Baresip } from './support/baresip.ts';
import { Authority } from './support/certificates.ts';
import { deviceConfig, IMPU, REALM } from './support/configuration.ts';
import { TestOperator } from './support/operator.ts';
import { freePort, scratch, until } from './support/process.ts';
import { Sipp } from './support/sipp.ts';

const test = suite('peers/ut-services');
const MAIN = join(import.meta.dirname, '../../src/main.ts');
const folder = scratch();
const peers = ['SIPp', 'baresip'];

const FRIEND = `sip:friend@${REALM}`;
/** Of the traveller alone. */
const ABROAD_TOO = `sip:+46701111111@${REALM}`;
const GERMANY = '3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=26202000101ABCDE';
const called = { device: IMPU };

let operator: TestOperator;
let device: Device;
let phone: Baresip;
let friend: Baresip;
let port = 0;
let round = 0;

async function softphone(name: string, aor: string, more = ''): Promise<Baresip> {
  const account = `<${aor};transport=udp>;auth_user=${name};auth_pass=${name}-secret;outbound="${operator.proxy}"${more}`;
  const started = await Baresip.start({ folder: folder.file(name), account });
  await started.registered();
  return started;
}

test.before(async () => {
  const authority = new Authority(folder.path);
  const { certificate, key } = authority.issue('operator', ['IP:127.0.0.1']);
  port = await freePort();
  operator = await TestOperator.start(
    folder.file('operator.toml'),
    REALM,
    `[ut]
listen = "127.0.0.1:0"
tls = true
[[accounts]]
impi = "tablet@${REALM}"
password = "tablet-secret"
impus = ["${IMPU}"]
[[accounts]]
impi = "phone"
password = "phone-secret"
impus = ["${IMPU}"]
role = "primary"
[[accounts]]
impi = "traveller"
password = "traveller-secret"
impus = ["${IMPU}", "${ABROAD_TOO}"]
[[accounts]]
impi = "friend"
password = "friend-secret"
impus = ["${FRIEND}", "tel:+4930123456", "tel:+46709999999"]`,
    `certificate = "${certificate}"\nkey = "${key}"`,
  );
  const pcscf = `sip:127.0.0.1:${operator.port};transport=tcp`;
  const ut = `[ut]\nenabled = true\nroot = "${operator.ut}"\nca = "${authority.certificate}"`;
  device = await Device.start(deviceConfig({ pcscf, codecs: ['PCMU'], more: ut }), folder.file('device'));
  await device.registered();
  phone = await softphone('phone', IMPU);
  friend = await softphone('friend', FRIEND, ';answermode=auto');
});

test.after(async () => {
  for (const one of [phone, friend, device, operator]) await one?.stop();
  folder.remove();
});

/** The owner, by the API. */
async function switched(wish: object): Promise<Record<string, unknown>> {
  const { status, body } = await device.fetch('PATCH', 'services', wish);
  assert.is(status, 200, JSON.stringify(body));
  return body as Record<string, unknown>;
}

/** The owner, by the command line. */
async function tandem(...args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', MAIN, 'services', ...args, '--state', device.state],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (output += part));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, output };
}

async function play(
  name: string,
  steps: readonly Step[],
  during: () => Promise<unknown> = async () => undefined,
  more: { port?: number } = {},
): Promise<void> {
  round += 1;
  const named = `${name}-${round}`;
  const target = `127.0.0.1:${operator.port}`;
  const sipp = await Sipp.start({
    folder: folder.path,
    name: named,
    scenario: scenario(named, steps),
    target,
    ...more,
  });
  try {
    await during();
    await sipp.succeeded();
  } finally {
    await sipp.stop();
  }
}

const lands = (cause: number, reason?: string): Step[] =>
  divertedCaller({ called: IMPU, target: FRIEND, cause, ...(reason === undefined ? {} : { reason }) });

/** The device rings, and nobody is busy elsewhere. */
const rings = async (): Promise<string> =>
  (await device.whenCall('a ringing call', ({ state }) => state === 'ringing')).id;

test.proof(
  '[MD-2.3.2, MD-2.3.1b1] CFU, by the command line: a call by SIPp lands at baresip until the owner switches it off',
  {
    peers,
    timeoutMs: 120_000,
    run: async () => {
      const on = await tandem('unconditional', FRIEND);
      assert.is(on.code, 0, on.output);
      assert.match(on.output, /^unconditional +on {2}sip:friend@/m);
      await play('cfu', lands(302));
    },
    control: async () => {
      const off = await tandem('unconditional', 'off');
      assert.match(off.output, /^unconditional +off {2}sip:friend@/m);
      await play('cfu-off', [invite('caller', called), expect(100, { optional: true }), expect(181)]);
    },
  },
);

test('[MD-2.3.2, MD-2.3.1b3] CFB: device and phone decline, the call by SIPp lands at baresip', {
  peers,
  timeoutMs: 60_000,
}, async () => {
  await switched({
    forwarding: { unconditional: { active: false }, busy: { active: true, target: FRIEND } },
  });
  await play('cfb', lands(486, '?Reason=SIP%3Bcause%3D486'), async () => {
    await device.act(await rings(), 'reject');
    phone.command('hangup');
  });
  await switched({ forwarding: { busy: { active: false } } });
});

test('[MD-2.3.2, MD-2.3.1b5] CFNR with its timer: nobody answers, the call by SIPp lands at baresip', {
  peers,
  timeoutMs: 60_000,
}, async () => {
  const view = await switched({
    no_reply_seconds: 5,
    forwarding: { no_reply: { active: true, target: FRIEND } },
  });
  assert.is(view.no_reply_seconds, 5);
  await play('cfnr', lands(408), async () => {
    const { end } = await device.whenState(await rings(), 'ended', 20_000);
    assert.equal([end?.label, end?.reason?.cause], ['missed', 408]);
  });
  await switched({ forwarding: { no_reply: { active: false } } });
});

test.proof(
  '[MD-2.3.2, MD-2.3.1c4] BAIC, on the page: SIPp is refused with 603 until the owner takes the tick away',
  {
    peers: ['SIPp', 'Chromium'],
    timeoutMs: 120_000,
    run: async () => {
      const link = await device.fetch('POST', 'link');
      const browser = await Chromium.open();
      const box = `[...document.querySelectorAll('label')].find((one) => one.innerText.trim() === 'No incoming calls')?.querySelector('input')`;
      try {
        await browser.go((link.body as { url: string }).url);
        await browser.until(`${box} !== undefined && !${box}.checked`);
        await browser.evaluate(`${box}.click()`);
        await browser.until(`${box}.checked && !${box}.disabled`);
        await play('baic', refused('caller', 603, called, [has('Warning', '399 op.example "All incoming')]));
        // An address that cannot be called is refused in words.
        await browser.evaluate(`document.getElementById('forward-busy').value = 'mailto:a@b.example'`);
        await browser.evaluate(`document.getElementById('forward-busy').form.requestSubmit()`);
        await browser.until(`document.querySelector('.trouble') !== null`);
        await browser.evaluate(`${box}.click()`);
        await browser.until(`!${box}.checked && !${box}.disabled`);
        assert.equal(
          await browser.evaluate(
            `[...document.querySelectorAll('input')].filter((one) => one.labels.length === 0).length`,
          ),
          0,
        );
      } finally {
        await browser.close();
      }
    },
    control: () => play('baic-off', refused('caller', 603, called)),
  },
);

/** What becomes of a call by the softphone of the number: established, or closed with a status. */
async function dialled(number: string): Promise<string> {
  phone.events.length = 0;
  phone.command('dial', `sip:${number}@${REALM}`);
  const { type, param } = await until('an outcome', () =>
    phone.events.find((event) => event.type === 'CALL_ESTABLISHED' || event.type === 'CALL_CLOSED'),
  );
  if (type === 'CALL_CLOSED') return /\b(\d{3})\b/.exec(param ?? '')?.[1] ?? '';
  phone.command('hangup');
  await until('the end', () => phone.events.find((event) => event.type === 'CALL_CLOSED'));
  return 'established';
}

const OUT = [
  ['c1', 'BAOC', 'all_outgoing', '603'],
  ['c2', 'BOIC', 'outgoing_international', 'established'],
  ['c3', 'BOIC-exHC', 'outgoing_international_except_home', 'established'],
] as const;

for (const [child, title, name, home] of OUT) {
  test(`[MD-2.3.2, MD-2.3.1${child}] ${title}: calls of baresip abroad and at home, and of the device, whose owner is told why`, {
    peers: ['baresip'],
    timeoutMs: 60_000,
  }, async () => {
    await switched({ barring: { [name]: true } });
    assert.is(await dialled('+4930123456'), '603');
    assert.is(await dialled('+46709999999'), home);
    const { id } = await device.dial('+4930123456');
    const { end } = await device.whenState(id, 'ended');
    assert.is(end?.sip, 603);
    const { body } = await device.fetch('GET', `calls/${id}/details`);
    assert.match(JSON.stringify(body), /are barred/);
    await switched({ barring: { [name]: false } });
    assert.is(await dialled('+4930123456'), 'established');
  });
}

/** The traveller registers, and says that it is abroad. */
async function travels(): Promise<void> {
  const fields = (cseq: number, ...headers: readonly string[]) => ({
    ...{ uri: `sip:${REALM}`, device: IMPU, from: `<${IMPU}>`, cseq },
    headers: ['Expires: 600', `P-Access-Network-Info: ${GERMANY}`, ...headers],
  });
  const credentials = '[authentication username=traveller password=traveller-secret]';
  await play(
    'register',
    [
      send(request('REGISTER', 'traveller', fields(1))),
      expect(401).replace('<recv ', '<recv auth="true" '),
      send(request('REGISTER', 'traveller', fields(2, credentials))),
      expect(200),
    ],
    undefined,
    { port },
  );
}

const barredAbroad = (): Promise<void> =>
  play('roaming', [
    invite('caller', { device: ABROAD_TOO }),
    expect(100, { optional: true }),
    expect(603, { checks: [has('Warning', '399 op.example "Incoming communications while roaming')] }),
    ackRefusal('caller', { device: ABROAD_TOO }),
  ]);

test.proof('[MD-2.3.2, MD-2.3.1c5] BIC-Roam: a call by SIPp to a device abroad is refused', {
  peers: ['SIPp'],
  timeoutMs: 90_000,
  run: async () => {
    await travels();
    await switched({ barring: { incoming_roaming: true } });
    await barredAbroad();
  },
  control: async () => {
    await switched({ barring: { incoming_roaming: false } });
    await barredAbroad();
  },
});

test('[MD-2.3.2] another client wrote meanwhile and its rules stay; what is not set up is refused in words', {
  timeoutMs: 60_000,
}, async () => {
  await Promise.all([
    switched({ hide_number: true }),
    switched({ call_waiting: false }),
    operator.post(`services/${encodeURIComponent(IMPU)}`, { cfb: FRIEND }),
  ]);
  const view = (await device.fetch('GET', 'services')).body as {
    readonly hide_number: { readonly active: boolean };
    readonly call_waiting: { readonly active: boolean };
    readonly forwarding: { readonly busy: { readonly active: boolean } };
  };
  assert.equal(
    [view.hide_number.active, view.call_waiting.active, view.forwarding.busy.active],
    [true, false, true],
  );
  const wrong = await device.fetch('PATCH', 'services', { no_reply_seconds: 4 });
  assert.is(wrong.status, 400);
  const nowhere = await device.fetch('PATCH', 'services', {
    forwarding: { not_reachable: { active: true } },
  });
  assert.is(nowhere.status, 400);
  await switched({ hide_number: false, call_waiting: true, forwarding: { busy: { active: false } } });
});

// Last: it ends the devices of the number.
test('[MD-2.3.2, MD-2.3.1b4] [MD-2.3.1b2] CFNRc and CFNL: a call by SIPp lands at baresip when the device died, and when none is registered', {
  peers,
  timeoutMs: 90_000,
}, async () => {
  const target = FRIEND;
  await switched({
    forwarding: { not_reachable: { active: true, target }, not_logged_in: { active: true, target } },
  });
  await operator.post('faults', { deregister: { impi: 'traveller', event: 'unregistered' } });
  await phone.stop();
  device.peer.signal('SIGKILL');
  await until('the phone to be gone', async () => {
    const rows = await operator.get<{ impi: string }[]>('registrations');
    return !rows.some(({ impi }) => impi !== `tablet@${REALM}` && impi !== 'friend');
  });
  await play('cfnrc', lands(503, '?Reason=SIP%3Bcause%3D408'));
  await operator.post('faults', { deregister: { impi: `tablet@${REALM}`, event: 'unregistered' } });
  await play('cfnl', lands(404));
});

test.run();
