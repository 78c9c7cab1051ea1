// A change of access for real: a device with Wi-Fi and a modem in a network namespace of its own. What goes out over the interface that bears a
// modem's name is on cellular access, and `srtp_cellular` holds for it (NG.110 2.9.2). SIPp judges the offers, in another namespace. The kernel's device type
// WWAN, which other names may have, comes with a driver alone: its test is the unit's.
import { execFileSync, spawnSync } from 'node:child_process';
import { suite } from '#test/support/suite.ts';
import { called, refuse } from './scenarios/callee.ts';
import { contains, lacks, scenario } from './scenarios/xml.ts';
import { Device } from './support/agent.ts';
import { deviceConfig } from './support/configuration.ts';
import { scratch } from './support/process.ts';
import { Sipp } from './support/sipp.ts';

const test = suite('peers/cellular');

/** The device looks at its addresses once a second. */
const NOTICED_MS = 2500;

const FAR = '203.0.113.2';
const WAYS = {
  wifi: { device: 'lan0', near: '192.168.78.2', far: '192.168.78.1' },
  cellular: { device: 'wwan0', near: '10.88.0.2', far: '10.88.0.1' },
} as const;
type Way = keyof typeof WAYS;

/** Why there can be none here; undefined: there can. */
function lack(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const probe = `tandem-try-${process.pid}`;
  const made = spawnSync('ip', ['netns', 'add', probe], { encoding: 'utf8' });
  spawnSync('ip', ['netns', 'del', probe]);
  return made.status === 0 ? undefined : `no network namespaces here: ${made.stderr?.trim()}`;
}

/** A device's network: two ways to the same far end, and a link to the test itself. */
class TwoWays {
  readonly #near = `tandem-dev-${process.pid}`;
  readonly #far = `tandem-net-${process.pid}`;
  readonly #link = `tdc${process.pid}`;
  readonly management = `10.${128 + (process.pid % 64)}.${(process.pid >> 6) % 256}.2`;

  constructor() {
    const ip = (...args: readonly string[]): void => void execFileSync('ip', args, { stdio: 'pipe' });
    for (const name of [this.#near, this.#far]) ip('netns', 'add', name);
    ip('link', 'add', this.#link, 'type', 'veth', 'peer', 'name', 'manage', 'netns', this.#near);
    ip('addr', 'add', `${this.management.replace(/2$/, '1')}/30`, 'dev', this.#link);
    ip('link', 'set', this.#link, 'up');
    this.#in(this.#near, 'addr', 'add', `${this.management}/30`, 'dev', 'manage');
    for (const name of [this.#near, this.#far]) this.#in(name, 'link', 'set', 'lo', 'up');
    this.#in(this.#near, 'link', 'set', 'manage', 'up');
    this.#in(this.#far, 'addr', 'add', `${FAR}/32`, 'dev', 'lo');
    for (const { device, near, far } of Object.values(WAYS)) {
      ip(
        'link',
        'add',
        device,
        'netns',
        this.#near,
        'type',
        'veth',
        'peer',
        'name',
        device,
        'netns',
        this.#far,
      );
      for (const [place, address] of [
        [this.#near, near],
        [this.#far, far],
      ] as const) {
        this.#in(place, 'addr', 'add', `${address}/24`, 'dev', device);
        this.#in(place, 'link', 'set', device, 'up');
      }
    }
  }

  /** From now on the device's packets go this way; the other one is gone. */
  use(way: Way): void {
    for (const [name, { device }] of Object.entries(WAYS))
      this.#in(this.#near, 'link', 'set', device, name === way ? 'up' : 'down');
    this.#in(this.#near, 'route', 'replace', 'default', 'via', WAYS[way].far, 'dev', WAYS[way].device);
  }

  prefix = (place: 'near' | 'far'): readonly string[] => [
    'nsenter',
    `--net=/run/netns/${place === 'near' ? this.#near : this.#far}`,
  ];

  #in(place: string, ...args: readonly string[]): void {
    execFileSync('nsenter', [`--net=/run/netns/${place}`, 'ip', ...args], { stdio: 'pipe' });
  }

  remove(): void {
    spawnSync('ip', ['link', 'del', this.#link], { stdio: 'ignore' });
    for (const name of [this.#near, this.#far]) spawnSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
  }
}

const SECURED = [contains('m=audio [0-9]+ RTP/SAVP '), contains('a=crypto:1 '), lacks('RTP/AVP')];
const PLAIN = [contains('m=audio [0-9]+ RTP/AVP '), lacks('crypto'), lacks('SAVP')];

/** The same number is called over each way in turn; SIPp looks at each offer. */
async function offersOver(ways: readonly { readonly way: Way; readonly secured: boolean }[]): Promise<void> {
  const folder = scratch();
  const network = new TwoWays();
  const running: { stop(): Promise<unknown> }[] = [];
  try {
    network.use('wifi');
    const config = deviceConfig({
      profile: 'sip',
      impu: 'sip:device@device.example',
      listen: ['udp:0.0.0.0:5060'],
      address: 'auto',
      codecs: ['PCMU'],
      srtp: 'off',
      media: 'srtp_cellular = "required"',
      more: `[web]\nlisten = "${network.management}:8080"\n`,
    });
    const device = await Device.start(config, folder.file('device'), undefined, network.prefix('near'));
    running.push(device);
    for (const [at, { way, secured }] of ways.entries()) {
      network.use(way);
      await new Promise((resolve) => setTimeout(resolve, NOTICED_MS));
      const checks = [contains(`c=IN IP4 ${WAYS[way].near}`), ...(secured ? SECURED : PLAIN)];
      const sipp = await Sipp.start({
        ...{ folder: folder.path, name: `far${at}`, host: FAR, port: 5070, limitSeconds: 15 },
        scenario: scenario(`far${at}`, [called({ checks }), ...refuse(486)]),
        prefix: network.prefix('far'),
      });
      running.unshift(sipp);
      const { id } = await device.dial(`sip:callee@${FAR}:5070;transport=udp`);
      await device.whenState(id, 'ended').catch(() => undefined);
      await sipp.succeeded();
      await sipp.stop();
    }
  } finally {
    for (const one of running) await one.stop();
    network.remove();
    folder.remove();
  }
}

const title =
  '[MD-2.9.2a3] from Wi-Fi to a modem and back: SRTP is offered over cellular access, RTP over the other, call by call';
const missing = lack();
if (missing === undefined)
  test.proof(title, {
    peers: ['SIPp'],
    timeoutMs: 90_000,
    run: () =>
      offersOver([
        { way: 'wifi', secured: false },
        { way: 'cellular', secured: true },
        { way: 'wifi', secured: false },
      ]),
    control: () => offersOver([{ way: 'wifi', secured: true }]),
  });
else test.skip(title, missing);

test.run();
