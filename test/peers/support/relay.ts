// A bad network between two parties of a call: SIP passes with its SDP rewritten, RTP is lost, delayed, overtaken.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';

export interface Trouble {
  /** Share of RTP packets that are lost. */
  readonly loss: number;
  /** Each RTP packet is held for up to this long, apart from the others: they overtake. */
  readonly jitterMs: number;
  /** After so many packets each way the sender looks like another one: SSRC, sequence, timestamp. */
  readonly newSourceAfter?: number;
  /** How much the clocks of both are fast (slow below zero) to the other, in millionths; for `skewMs`. */
  readonly skewPpm?: number;
  readonly skewMs?: number;
}

const HOST = '127.0.0.1';

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, HOST);
  await once(socket, 'listening');
  return socket;
}

/** The same troubles in every run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** One way of the sound: what comes from the one party goes to the other, from a port of the relay. */
interface Side {
  readonly socket: Socket;
  /** The party that this socket talks with, as its SDP says. */
  port: number;
  packets: number;
}

export class Relay {
  /** Where the caller sends its INVITE. */
  readonly port: number;
  /** When the caller's RTP came in here, in milliseconds of the epoch. */
  readonly arrivals: { readonly at: number; readonly payload: Buffer }[] = [];
  readonly #sip: Socket;
  readonly #callee: number;
  readonly #trouble: Trouble;
  readonly #random = numbers(7);
  readonly #caller: Side;
  readonly #called: Side;
  #from: RemoteInfo | undefined;
  #began: number | undefined;
  #open = true;

  private constructor(sockets: readonly [Socket, Socket, Socket], callee: number, trouble: Trouble) {
    const [sip, towardsCaller, towardsCalled] = sockets;
    this.#sip = sip;
    this.port = sip.address().port;
    this.#callee = callee;
    this.#trouble = trouble;
    this.#caller = { socket: towardsCaller, port: 0, packets: 0 };
    this.#called = { socket: towardsCalled, port: 0, packets: 0 };
    sip.on('message', (message, from) => this.#signalling(message, from));
    towardsCaller.on('message', (packet) => {
      this.arrivals.push({ at: Date.now(), payload: packet.subarray(12) });
      this.#sound(packet, this.#caller, this.#called);
    });
    towardsCalled.on('message', (packet) => this.#sound(packet, this.#called, this.#caller));
  }

  /** In front of a callee that listens on this UDP port. */
  static async start(callee: number, trouble: Trouble): Promise<Relay> {
    return new Relay([await bound(), await bound(), await bound()], callee, trouble);
  }

  #signalling(message: Buffer, from: RemoteInfo): void {
    const upwards = from.port !== this.#callee;
    if (upwards) this.#from = from;
    const [theirs, ours] = upwards ? [this.#caller, this.#called] : [this.#called, this.#caller];
    const text = message.toString('latin1').replace(/^m=audio (\d+)/m, (_, port: string) => {
      theirs.port = Number(port);
      return `m=audio ${ours.socket.address().port}`;
    });
    const head = text.replace(/^(Content-Length: *)\d+/im, (_, name: string) => {
      const body = text.slice(text.indexOf('\r\n\r\n') + 4);
      return `${name}${body.length}`;
    });
    this.#sip.send(Buffer.from(head, 'latin1'), upwards ? this.#callee : (this.#from?.port ?? 0), HOST);
  }

  #sound(packet: Buffer, from: Side, to: Side): void {
    from.packets += 1;
    const { loss, jitterMs, newSourceAfter } = this.#trouble;
    if (this.#random() < loss) return;
    const out = Buffer.from(packet);
    if (newSourceAfter !== undefined && from.packets > newSourceAfter) {
      out.writeUInt16BE((out.readUInt16BE(2) + 20_000) % 65_536, 2);
      out.writeUInt32BE((out.readUInt32BE(4) + 1_000_000_000) % 2 ** 32, 4);
      out.writeUInt32BE((out.readUInt32BE(8) ^ 0x5a5a5a5a) >>> 0, 8);
    }
    const held = this.#random() * jitterMs + this.#drift();
    setTimeout(() => {
      if (this.#open && to.port) to.socket.send(out, to.port, HOST);
    }, held);
  }

  /**
   * What a packet waits: of a fast clock less and less, from what it will have gained at the end on; of a
   * slow one more and more.
   */
  #drift(): number {
    const { skewPpm = 0, skewMs = 0 } = this.#trouble;
    this.#began ??= performance.now();
    const passed = Math.min(performance.now() - this.#began, skewMs);
    return ((skewPpm > 0 ? skewMs - passed : passed) * Math.abs(skewPpm)) / 1e6;
  }

  close(): void {
    this.#open = false;
    for (const socket of [this.#sip, this.#caller.socket, this.#called.socket]) socket.close();
  }
}
