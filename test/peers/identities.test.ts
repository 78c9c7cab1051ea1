// Several identities on one device, and who calls: Kamailio's script plays the network, SIPp and baresip the others.
import * as assert from 'uvu/assert';
import { Chromium } from '#test/support/chromium.ts';
import { suite } from '#test/support/suite.ts';
import { refuseThrough } from './scenarios/callee.ts';
import { refusedAfterRinging } from './scenarios/caller.ts';
import { has, lacks, scenario } from './scenarios/xml.ts';
import type { CallObject, Device } from './support/agent.ts';
import { IMPU, REALM } from './support/configuration.ts';
import { Sipp } from './support/sipp.ts';
import { type World, withKamailio } from './support/world.ts';

const test = suite('peers/identities');

const NUMBER = 'tel:+46701234567';
const SECOND = `sip:second@${REALM}`;
const STRANGER = `sip:third@${REALM}`;

/** The registrar's network: three identities, alias to number, preferred identity to asserted one. */
const NETWORK = {
  onRegister: `append_to_reply("P-Associated-URI: <${IMPU}>, <${NUMBER}>, <${SECOND}>\\r\\n");`,
  onInvite: `
    xlog("L_ALERT", "prefers $hdr(P-Preferred-Identity) calls $ru\\n");
    if (is_present_hf("P-Preferred-Identity")) {
        append_hf("P-Asserted-Identity: $hdr(P-Preferred-Identity)\\r\\n");
        remove_hf("P-Preferred-Identity");
    }
    if (is_present_hf("X-Asserted")) {
        append_hf("P-Asserted-Identity: $hdr(X-Asserted)\\r\\n");
        remove_hf("X-Asserted");
    }
    if ($rU == "second") {
        append_hf("P-Called-Party-ID: <sip:second@${REALM}>\\r\\n");
        $rU = "+46701234567";
    }
    if ($rU =~ "^port") { $ru = "sip:callee@127.0.0.1:" + $(rU{s.substr,4,0}); }`,
};

/** SIPp plays the callee of one call, and judges what came. */
async function callee(
  world: World,
  name: string,
  checks: readonly string[],
  dial: (to: string) => Promise<unknown>,
): Promise<void> {
  const sipp = await Sipp.start({
    folder: world.file('.'),
    name,
    scenario: scenario(name, refuseThrough(486, checks)),
  });
  try {
    await dial(`sip:port${sipp.port}@${REALM}`).catch((error: unknown) => {
      // What SIPp saw explains most of what the owner did not.
      if (error instanceof Error) error.message += `\n${sipp.messages().slice(-3000)}`;
      throw error;
    });
    await sipp.succeeded();
  } finally {
    await sipp.stop();
  }
}

const asserted = (identity: string): string[] => [
  has('P-Asserted-Identity', `<${identity.replaceAll('+', '[+]')}>`),
  lacks('P-Preferred-Identity'),
];

/** A call out under an identity; the callee must see `seen` asserted. */
const callsAs = (identity: string | undefined, seen: string): Promise<void> =>
  withKamailio(NETWORK, async (world) => {
    const tablet = await world.device('tablet');
    const { registration } = await tablet.registered();
    assert.equal(
      registration.identities.map(({ uri }) => uri),
      [IMPU, NUMBER, SECOND],
    );
    await callee(world, 'callee', asserted(seen), async (to) => {
      const call = await tablet.dial(to, identity === undefined ? {} : { identity });
      assert.is(call.identity, identity ?? IMPU);
      await tablet.whenState(call.id, 'ended');
      assert.is((await tablet.log())[0]?.identity, identity ?? IMPU);
    });
  });

test.proof('[MD-1.1b] [MD-2.4.6.1a] a call under another identity is asserted as that one to the callee', {
  peers: ['Kamailio', 'SIPp'],
  timeoutMs: 40_000,
  run: () => callsAs(SECOND, SECOND),
  control: () => callsAs(undefined, SECOND),
});

const refusedFor = (identity: string): Promise<void> =>
  withKamailio(NETWORK, async ({ kamailio, device }) => {
    const tablet = await device('tablet');
    await tablet.registered();
    const { status } = await tablet.fetch('POST', 'calls', { to: `sip:nobody@${REALM}`, identity });
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.not.match(kamailio.peer.output, /prefers/);
    assert.ok(status >= 400 && status < 500, `status ${status}`);
  });

test.proof('[MD-2.4.6.1a] an identity that the network did not list never reaches the wire', {
  peers: ['Kamailio'],
  timeoutMs: 40_000,
  run: () => refusedFor(STRANGER),
  control: () => refusedFor(SECOND),
});

const CALLEE = `sip:+46709999999@${REALM}`;

/** A call in to `dialled`, taken; then the call back as it was called. */
const calledAs = (dialled: string): Promise<void> =>
  withKamailio(NETWORK, async ({ kamailio, device, softphone }) => {
    const tablet = await device('tablet');
    await tablet.registered();
    const caller = await softphone('caller');
    caller.command('dial', dialled);
    const ringing = await tablet.whenCall('a call', ({ state }) => state === 'ringing');
    assert.equal([ringing.called_identity, ringing.identity], [SECOND, SECOND]);
    await tablet.act(ringing.id, 'answer');
    await caller.event('CALL_ESTABLISHED');
    await tablet.act(ringing.id, 'hangup');
    await caller.event('CALL_CLOSED');
    const [row] = await tablet.log();
    assert.equal([row?.called_identity, row?.identity, row?.remote.uri], [SECOND, SECOND, CALLEE]);
    caller.events.length = 0;
    const back = await tablet.dial(row?.remote.uri ?? '', { identity: row?.called_identity });
    const incoming = await caller.event('CALL_INCOMING');
    // baresip shows the From; the preferred identity is in Kamailio's notes.
    assert.match(JSON.stringify(incoming), /second@op\.example/);
    assert.match(kamailio.peer.output, /prefers .*<sip:second@op\.example> calls sip:\+46709999999/);
    await tablet.act(back.id, 'hangup');
  });

test.proof(
  '[MD-1.1b] [MD-2.4.6.2c1] a call to the second identity is shown, logged and called back as that',
  {
    peers: ['Kamailio', 'baresip'],
    timeoutMs: 60_000,
    run: () => calledAs(SECOND),
    control: () => calledAs(IMPU),
  },
);

interface Presented {
  readonly from?: string;
  readonly asserted?: string;
  /** Who calls, as the owner is told. */
  readonly uri: string;
  readonly name?: string;
}

const NO_NAME = 'sip:nameless@elsewhere.example';
const LONG = 'x'.repeat(400);
const CASES: Readonly<Record<string, Presented>> = {
  'a tel URI': { asserted: '"Ada" <tel:+46700000001>', uri: 'tel:+46700000001', name: 'Ada' },
  'a SIP URI': {
    asserted: `"Ada" <sip:ada@${REALM};user=phone>`,
    uri: `sip:ada@${REALM}`,
    name: 'Ada',
  },
  'a SIP and a tel URI': {
    asserted: `<sip:ada@${REALM}>, "Ada L" <tel:+46700000001>`,
    uri: 'tel:+46700000001',
    name: 'Ada L',
  },
  'nothing asserted': { from: `"Bob" <${NO_NAME}>`, uri: NO_NAME, name: 'Bob' },
  'nothing but an address': { from: `<${NO_NAME}>`, uri: NO_NAME },
  'nobody who wants to be known': {
    from: '"Anonymous" <sip:anonymous@anonymous.invalid>',
    uri: 'sip:anonymous@anonymous.invalid',
    name: 'Anonymous',
  },
  'a name with markup, quotes and marks that turn the text': {
    asserted: '"M\u202e\\"x\\" <b onclick=alert(1)>&amp;" <tel:+46700000002>',
    uri: 'tel:+46700000002',
    name: 'M "x" <b onclick=alert(1)>&amp;',
  },
  'a name without end': {
    asserted: `"${LONG}" <tel:+46700000003>`,
    uri: 'tel:+46700000003',
    name: LONG.slice(0, 128),
  },
};

/** SIPp calls by Kamailio, the owner looks and rejects; then the log. */
async function presented(
  world: World,
  tablet: Device,
  shown: Presented,
  look: (call: CallObject) => Promise<void> = async () => undefined,
): Promise<void> {
  const from = shown.from ?? `<${NO_NAME}>`;
  const sipp = await Sipp.start({
    folder: world.file('.'),
    name: 'presented',
    target: `127.0.0.1:${world.kamailio.port}`,
    scenario: scenario(
      'presented',
      refusedAfterRinging('caller', 486, {
        from,
        device: IMPU,
        headers: shown.asserted ? [`X-Asserted: ${shown.asserted}`] : [],
      }),
    ),
  });
  try {
    const call = await tablet.whenCall('a call', ({ state }) => state === 'ringing');
    try {
      await look(call);
    } finally {
      await tablet.act(call.id, 'reject');
      await sipp.succeeded();
    }
    const [row] = await tablet.log();
    assert.equal([call.remote.uri, call.remote.name], [shown.uri, shown.name]);
    assert.equal([row?.id, row?.remote.uri, row?.remote.name], [call.id, shown.uri, shown.name]);
  } finally {
    await sipp.stop();
  }
}

test.proof(
  '[MD-2.3.12] name and number on the API and in the log are those the network asserts, else the caller gives',
  {
    peers: ['Kamailio', 'SIPp'],
    timeoutMs: 60_000,
    run: () =>
      withKamailio(NETWORK, async (world) => {
        const tablet = await world.device('tablet');
        await tablet.registered();
        for (const shown of Object.values(CASES)) await presented(world, tablet, shown);
      }),
    control: () =>
      withKamailio({}, async (world) => {
        const tablet = await world.device('tablet');
        await tablet.registered();
        for (const shown of Object.values(CASES)) await presented(world, tablet, shown);
      }),
  },
);

const onPage = (shown: Presented): Promise<void> =>
  withKamailio(NETWORK, async (world) => {
    const tablet = await world.device('tablet');
    await tablet.registered();
    const { body } = await tablet.fetch('POST', 'link');
    const url = typeof body === 'object' && body !== null && 'url' in body ? String(body.url) : '';
    const browser = await Chromium.open();
    try {
      await browser.go(url);
      await browser.until(`document.body.innerText.includes('Registered')`);
      await presented(world, tablet, shown, async () => {
        await browser.until(`document.body.innerText.includes('is calling')`);
        const text = await browser.text();
        assert.ok(text.includes('M "x" <b onclick=alert(1)>&amp;'), text);
        assert.match(text, /\+46700000002/);
        assert.is(await browser.evaluate(`document.querySelectorAll('[onclick]').length`), 0);
      });
      assert.equal(browser.errors, []);
    } finally {
      await browser.close();
    }
  });

const hostile = CASES['a name with markup, quotes and marks that turn the text'];
const harmless = CASES['a tel URI'];
if (hostile && harmless) {
  test.proof('[MD-2.3.12] the page shows a hostile name as text, with the number', {
    peers: ['Chromium', 'Kamailio', 'SIPp'],
    timeoutMs: 60_000,
    run: () => onPage(hostile),
    control: () => onPage(harmless),
  });
}

test.run();
