// The wire itself: dumpcap writes what passes the loopback, tshark reads it.
import { spawnSync } from 'node:child_process';
import { Peer } from './process.ts';

/** dumpcap writes a packet a moment after it has passed. */
const SETTLE_MS = 400;

/** One packet, or one frame's fields by name; several values stand in order. */
export type Packet = Readonly<Record<string, readonly string[]>>;

/** Newer tshark takes every UDP packet to one of these ports for a traceroute: no complaint about what is in it. */
const GUESS = /Possible traceroute/;
const EXPERT = '_ws.expert';

function withoutGuesses(packet: Packet): Packet {
  const { [EXPERT]: expert, ...rest } = packet;
  const left = expert?.filter((text) => !GUESS.test(text)) ?? [];
  return left.length > 0 ? { ...rest, [EXPERT]: left } : rest;
}

/** Reads a packet file: the fields of each packet that the display filter lets through. */
export function packets(
  path: string,
  filter: string,
  fields: readonly string[],
  more: readonly string[] = [],
): Packet[] {
  const { stdout, stderr, status } = spawnSync(
    'tshark',
    [
      ...['-r', path, '-Y', filter, '-T', 'json', '--no-duplicate-keys', '-2'],
      ...fields.flatMap((field) => ['-e', field]),
      ...more,
    ],
    { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 },
  );
  if (status !== 0) throw new Error(`tshark: ${stderr}`);
  const read: { _source: { layers?: Record<string, string[]> } }[] = JSON.parse(stdout);
  return read.map(({ _source }) => withoutGuesses(_source.layers ?? {}));
}

/** What passes the loopback while it runs. */
export class Capture {
  readonly path: string;
  readonly #peer: Peer;

  private constructor(peer: Peer, path: string) {
    this.#peer = peer;
    this.path = path;
  }

  /** `prefix`, `device`: of another namespace. `host`: only what goes to this address or comes from it. */
  static async start(
    path: string,
    device = 'lo',
    prefix: readonly string[] = [],
    host?: string,
  ): Promise<Capture> {
    const filter = host === undefined ? 'tcp or udp' : `host ${host} and (tcp or udp)`;
    const [program = 'dumpcap', ...before] = [...prefix, 'dumpcap'];
    const peer = await Peer.start(program, [...before, '-i', device, '-f', filter, '-w', path], {
      ready: /^File: /m,
    });
    return new Capture(peer, path);
  }

  /** Ends the capture; it can be read now. */
  async stop(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    await this.#peer.stop();
  }

  packets = (filter: string, fields: readonly string[], more: readonly string[] = []): Packet[] =>
    packets(this.path, filter, fields, more);
}
