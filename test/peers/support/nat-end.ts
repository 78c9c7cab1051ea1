// The far media end of a call through a NAT: sockets in a namespace that answer to where they were last heard from.
import type { Home, Place } from './nat.ts';
import { type Peer, until } from './process.ts';

/** Commands are lines of JSON: {port, packets (hex), every (ms), to?: [address, port]}. */
const PROGRAM = `
const [address, ...ports] = process.argv.slice(1);
const sockets = new Map();
const sources = new Map();
for (const port of ports) {
  const socket = require('node:dgram').createSocket('udp4');
  sockets.set(port, socket);
  socket.on('message', (_, from) => {
    const source = from.address + ' ' + from.port;
    if (sources.get(port) !== source) console.log('heard ' + port + ' ' + source);
    sources.set(port, source);
  });
  socket.bind(Number(port), address, () => console.log('open ' + port));
}
let text = '';
process.stdin.on('data', (chunk) => {
  text += chunk;
  for (let end = text.indexOf('\\n'); end >= 0; end = text.indexOf('\\n')) {
    const { port, packets, every, to } = JSON.parse(text.slice(0, end));
    text = text.slice(end + 1);
    const [host, number] = to ?? (sources.get(String(port)) ?? '').split(' ');
    if (!host) { console.log('deaf ' + port); continue; }
    packets.forEach((packet, at) =>
      setTimeout(() => sockets.get(String(port)).send(Buffer.from(packet, 'hex'), Number(number), host), at * every));
  }
});
`;

export class NatEnd {
  readonly #peer: Peer;

  private constructor(peer: Peer) {
    this.#peer = peer;
  }

  static async start(home: Home, place: Place, address: string, ports: readonly number[]): Promise<NatEnd> {
    const args = ['-e', PROGRAM, '--', address, ...ports.map(String)];
    const peer = await home.start(place, process.execPath, args, { ready: /^open /m, stdin: true });
    const end = new NatEnd(peer);
    await until('its ports', () => ports.every((port) => peer.output.includes(`open ${port}\n`)));
    return end;
  }

  /** Something came to this port. */
  heard = (port: number, limitMs?: number): Promise<unknown> =>
    this.#peer.waitFor(new RegExp(`^heard ${port} `, 'm'), limitMs);

  hasHeard = (port: number): boolean => this.#peer.output.includes(`heard ${port} `);

  /** From this port, one each `every` ms, to whoever was heard there last unless told. */
  send(port: number, packets: readonly Buffer[], every = 20, to?: readonly [string, number]): void {
    const hex = packets.map((packet) => packet.toString('hex'));
    this.#peer.write(`${JSON.stringify({ port, packets: hex, every, to })}\n`);
  }

  stop = (): Promise<void> => this.#peer.stop();
}
