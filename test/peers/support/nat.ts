// A home behind a real NAT: three network namespaces, the middle one masquerades and forgets a silent UDP binding after seconds.
//
//   inside 192.168.77.2 ── 192.168.77.1 gateway 203.0.113.1 ── 203.0.113.2 outside
//      └─ management links to the test itself, so that it reaches a device's HTTP there
import { execFileSync, spawnSync } from 'node:child_process';
import { Peer, type PeerOptions } from './process.ts';

export const INSIDE = '192.168.77.2';
/** Of the second link. */
export const SECOND = '192.168.78.2';
export const GATEWAY = '203.0.113.1';
export const OUTSIDE = '203.0.113.2';

export type Place = 'inside' | 'gateway' | 'outside';

const run = (program: string, args: readonly string[], input?: string): void => {
  execFileSync(program, args, {
    stdio: ['pipe', 'ignore', 'pipe'],
    ...(input === undefined ? {} : { input }),
  });
};

/** Not by `ip netns exec`, which wants mounts of its own: those are not to be had in every container. */
const within = (name: string): string => `--net=/run/netns/${name}`;

/** Why there can be none here; undefined: there can. */
export function natLack(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const probe = `tandem-try-${process.pid}`;
  const made = spawnSync('ip', ['netns', 'add', probe], { encoding: 'utf8' });
  if (made.status !== 0) return `no network namespaces here: ${made.stderr?.trim() ?? made.error?.message}`;
  try {
    const nat = spawnSync('nsenter', [within(probe), 'nft', '-f', '-'], {
      input: MASQUERADE,
      encoding: 'utf8',
    });
    return nat.status === 0 ? undefined : `no masquerading here: ${nat.stderr?.trim() ?? nat.error?.message}`;
  } finally {
    spawnSync('ip', ['netns', 'del', probe]);
  }
}

// What nobody inside asked for dies here without a trace: an answer would leave a binding behind.
const MASQUERADE = `table ip raw {
  chain prerouting {
    type filter hook prerouting priority raw
  }
}
table ip nat {
  chain prerouting {
    type nat hook prerouting priority dstnat
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    oifname "wan" masquerade
  }
}
table ip filter {
  chain input {
    type filter hook input priority filter
    iifname "wan" meta l4proto udp drop
  }
}
`;

const open = new Set<Home>();
process.on('exit', () => {
  for (const home of open) home.remove();
});

let homes = 0;

export class Home {
  readonly #names: Readonly<Record<Place, string>>;
  /** Addresses of a device on the management link. */
  readonly management: string;
  readonly managementOutside: string;
  readonly #links: Readonly<Record<'inside' | 'outside', string>>;

  /** `timeoutSeconds`: how long the gateway remembers a silent UDP binding. */
  constructor(timeoutSeconds: number) {
    homes += 1;
    const [pid, id] = [process.pid, `${process.pid}-${homes}`];
    this.#names = { inside: `tandem-in-${id}`, gateway: `tandem-gw-${id}`, outside: `tandem-out-${id}` };
    const net = `10.${64 + (pid % 64)}.${(pid >> 6) % 256}`;
    const first = 8 * homes;
    this.management = `${net}.${first + 2}`;
    this.managementOutside = `${net}.${first + 6}`;
    this.#links = { inside: `tdm${id}i`, outside: `tdm${id}o` };
    open.add(this);
    try {
      this.#build(timeoutSeconds);
      this.#manage('inside', `${net}.${first + 1}`, this.management);
      this.#manage('outside', `${net}.${first + 5}`, this.managementOutside);
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  #manage(place: 'inside' | 'outside', near: string, far: string): void {
    const link = this.#links[place];
    run('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'manage', 'netns', this.#names[place]]);
    run('ip', ['addr', 'add', `${near}/30`, 'dev', link]);
    run('ip', ['link', 'set', link, 'up']);
    this.#ip(place, 'addr', 'add', `${far}/30`, 'dev', 'manage');
    this.#ip(place, 'link', 'set', 'manage', 'up');
  }

  #build(timeoutSeconds: number): void {
    const { inside, gateway, outside } = this.#names;
    for (const name of [inside, gateway, outside]) run('ip', ['netns', 'add', name]);
    const link = (a: string, at: string, b: string, other: string): void =>
      run('ip', ['link', 'add', a, 'netns', at, 'type', 'veth', 'peer', 'name', b, 'netns', other]);
    link('lan', inside, 'lan', gateway);
    link('wan', gateway, 'wan', outside);
    const addresses: readonly (readonly [Place, string, string])[] = [
      ['inside', 'lan', `${INSIDE}/24`],
      ['gateway', 'lan', '192.168.77.1/24'],
      ['gateway', 'wan', `${GATEWAY}/24`],
      ['outside', 'wan', `${OUTSIDE}/24`],
    ];
    for (const [place, device, address] of addresses) {
      this.#ip(place, 'addr', 'add', address, 'dev', device);
      this.#ip(place, 'link', 'set', device, 'up');
    }
    for (const place of ['inside', 'gateway', 'outside'] as const) this.#ip(place, 'link', 'set', 'lo', 'up');
    this.#ip('inside', 'route', 'add', 'default', 'via', '192.168.77.1');
    const seconds = `${timeoutSeconds}`;
    this.#in('gateway', 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
    run('nsenter', [within(gateway), 'nft', '-f', '-'], MASQUERADE);
    for (const name of ['nf_conntrack_udp_timeout', 'nf_conntrack_udp_timeout_stream'])
      this.#in('gateway', 'sysctl', '-qw', `net.netfilter.${name}=${seconds}`);
  }

  #ip(place: Place, ...args: readonly string[]): void {
    this.#in(place, 'ip', ...args);
  }

  #in(place: Place, ...command: readonly string[]): void {
    run('nsenter', [within(this.#names[place]), ...command]);
  }

  /** The words before a command that bring it to a place. */
  prefix(place: Place): readonly string[] {
    return ['nsenter', within(this.#names[place])];
  }

  /** A program there. */
  start(place: Place, program: string, args: readonly string[], options?: PeerOptions): Promise<Peer> {
    const [ip = 'ip', ...before] = this.prefix(place);
    return Peer.start(ip, [...before, program, ...args], options);
  }

  /** What comes to the gateway for this TCP port goes inside, as an owner may set it. */
  forward(port: number): void {
    this.#in(
      'gateway',
      'nft',
      `add rule ip nat prerouting iifname "wan" tcp dport ${port} dnat to ${INSIDE}`,
    );
  }

  /** What goes to this UDP port is lost in the house, before the gateway can learn of it. */
  lose(port: number): void {
    this.#in('gateway', 'nft', `add rule ip raw prerouting iifname "lan" udp dport ${port} drop`);
  }

  /** The gateway translates no more: who is outside reaches who is inside. */
  openUp(): void {
    this.#in('gateway', 'nft', 'flush chain ip nat postrouting');
    this.#ip('outside', 'route', 'add', '192.168.77.0/24', 'via', GATEWAY);
  }

  /** The access point of the home gives another address: the old one is gone for a while, then the new one is there. */
  async readdress(to: string, goneMs: number): Promise<void> {
    this.#ip('inside', 'addr', 'flush', 'dev', 'lan');
    await new Promise((resolve) => setTimeout(resolve, goneMs));
    this.#ip('inside', 'addr', 'add', `${to}/24`, 'dev', 'lan');
    this.#ip('inside', 'route', 'replace', 'default', 'via', '192.168.77.1');
  }

  /** A second way from inside to the gateway, beside the first; nothing goes over it before `reroute`. */
  secondLink(): void {
    const { inside, gateway } = this.#names;
    run('ip', [
      'link',
      'add',
      'lan2',
      'netns',
      inside,
      'type',
      'veth',
      'peer',
      'name',
      'lan2',
      'netns',
      gateway,
    ]);
    for (const [place, address] of [
      ['inside', `${SECOND}/24`],
      ['gateway', '192.168.78.1/24'],
    ] as const) {
      this.#ip(place, 'addr', 'add', address, 'dev', 'lan2');
      this.#ip(place, 'link', 'set', 'lan2', 'up');
    }
    this.#ip('outside', 'route', 'add', '192.168.78.0/24', 'via', GATEWAY);
  }

  /** What leaves goes over the second link; the first one stays up. */
  reroute(): void {
    this.#ip('inside', 'route', 'replace', 'default', 'via', '192.168.78.1');
  }

  /** The gateway lets nothing pass, or everything again. */
  cut(closed: boolean): void {
    this.#in('gateway', 'sysctl', '-qw', `net.ipv4.ip_forward=${closed ? 0 : 1}`);
  }

  /** Idempotent. What still runs in there loses its network. */
  remove(): void {
    open.delete(this);
    for (const link of Object.values(this.#links))
      spawnSync('ip', ['link', 'del', link], { stdio: 'ignore' });
    for (const name of Object.values(this.#names))
      spawnSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
  }
}
