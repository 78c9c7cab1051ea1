// Both links of a device are up and the way out changes from one to the other: what it sends by UDP names the new address everywhere.
import { suite } from '#test/support/suite.ts';
import { type Branch, grant, leaves, registrar } from './scenarios/registrar.ts';
import { action, keep, matches, type Step } from './scenarios/xml.ts';
import { Device } from './support/agent.ts';
import { deviceConfig } from './support/configuration.ts';
import { Home, INSIDE, natLack, OUTSIDE, SECOND } from './support/nat.ts';
import { freePort, scratch, until } from './support/process.ts';
import { Sipp } from './support/sipp.ts';

const test = suite('peers/rerouted');

const dotted = (address: string): string => address.replaceAll('.', '\\.');
const isFrom = (address: string): Step =>
  action(matches('via', `^ *SIP/2.0/UDP ${dotted(address)}:`), matches('contact', `@${dotted(address)}:`));

const REGISTRAR: readonly Branch[] = [
  {
    method: 'REGISTER',
    first: { checks: [keep('Via', '(.*)', 'via'), keep('Contact', '(.*)', 'contact')] },
    steps: [isFrom(INSIDE), grant(3600)],
  },
  { method: 'REGISTER', steps: [isFrom(SECOND), grant(3600), ...leaves()] },
];

async function reroutes(reroute: (home: Home) => void): Promise<void> {
  const home = new Home(30);
  home.openUp();
  home.secondLink();
  const folder = scratch();
  const stops: (() => Promise<unknown>)[] = [];
  const port = await freePort();
  try {
    const sipp = await Sipp.start({
      folder: folder.path,
      name: 'registrar',
      host: OUTSIDE,
      port,
      prefix: home.prefix('outside'),
      limitSeconds: 12,
      scenario: registrar('registrar', REGISTRAR),
      calls: REGISTRAR.length,
    });
    stops.push(() => sipp.stop());
    const device = await Device.start(
      deviceConfig({
        profile: 'sip',
        impu: 'sip:door@op.example',
        password: 'door-secret',
        pcscf: `sip:${OUTSIDE}:${port};transport=udp`,
        listen: [`udp:0.0.0.0:${await freePort()}`],
        address: 'auto',
        more: `[web]\nlisten = "${home.management}:0"\n`,
      }),
      folder.file('device'),
      undefined,
      home.prefix('inside'),
    );
    stops.push(() => device.stop());
    await until(
      'the device to be registered',
      async () => (await device.status()).registration.state === 'registered',
    );
    reroute(home);
    await until('the second registration', async () => sipp.messages().split('CSeq:').length > 4, 5000).catch(
      () => undefined,
    );
    await device.stop();
    await sipp.succeeded();
  } finally {
    for (const stop of stops.reverse()) await stop().catch(() => undefined);
    home.remove();
    folder.remove();
  }
}

const lack = natLack();
const NAME = 'another way out while both links are up: registered anew from there, Via and Contact alike';
if (lack === undefined)
  test.proof(NAME, {
    peers: ['SIPp'],
    timeoutMs: 60_000,
    run: () => reroutes((home) => home.reroute()),
    control: () => reroutes(() => undefined),
  });
else test.skip(NAME, lack);

test.run();
