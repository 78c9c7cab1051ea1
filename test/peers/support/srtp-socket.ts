// The port of a far end whose SRTP other programs make and read: towards the device one sender, from it to one listener.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** What becomes of a packet towards the device, `count` from 0: each of these is sent. */
export type Trouble = (packet: Buffer, count: number) => readonly Buffer[];

export class SrtpSocket {
  /** Packets of the device. */
  readonly received: Buffer[] = [];
  /** Towards the device, as the sender made them. */
  count = 0;
  readonly #socket: Socket;
  #device = 0;
  #listener = 0;
  #sender = 0;

  private constructor(socket: Socket, trouble: Trouble) {
    this.#socket = socket;
    socket.on('message', (packet, from) => {
      if (from.port === this.#device) {
        this.received.push(packet);
        if (this.#listener) socket.send(packet, this.#listener, '127.0.0.1');
      } else if (from.port === this.#sender) {
        for (const each of trouble(packet, this.count)) socket.send(each, this.#device, '127.0.0.1');
        this.count += 1;
      }
    });
  }

  static async open(trouble: Trouble = (packet) => [packet]): Promise<SrtpSocket> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new SrtpSocket(socket, trouble);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** Ports of the device, of who makes packets for it, of who reads its own. */
  between(device: number, sender: number, listener: number): void {
    [this.#device, this.#sender, this.#listener] = [device, sender, listener];
  }

  close = (): void => void this.#socket.close();
}
