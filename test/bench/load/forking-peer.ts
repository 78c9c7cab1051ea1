// A far end that answers one INVITE as many callees: so many 180s of their own tags, then the 200 of the last.
import { createSocket, type Socket } from 'node:dgram';
import { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { parseMessage } from '#src/sip/message/parse.ts';
import { sampleSdp } from '#test/support/sdp-samples.ts';

const HOST = '127.0.0.1';
const LIMIT_MS = 8000;
const SDP = sampleSdp(HOST, ['m=audio 6006 RTP/AVP 8']);

export class ForkingPeer {
  readonly #socket: Socket;
  #callees = 1;
  #begun = 0;
  #acknowledged: ((span: number) => void) | undefined;
  #gone: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (bytes, from) => {
      const parsed = parseMessage(bytes, { datagram: true });
      if (parsed.ok && parsed.value instanceof SipRequest) this.#receive(parsed.value, from.port);
    });
  }

  static open(): Promise<ForkingPeer> {
    return new Promise((resolve, reject) => {
      const socket = createSocket('udp4');
      socket.once('error', reject);
      socket.bind(0, HOST, () => resolve(new ForkingPeer(socket)));
    });
  }

  get uri(): string {
    return `sip:peer@${HOST}:${this.#socket.address().port}`;
  }

  /** Milliseconds from the arrival of the next INVITE to that of its ACK. */
  nextCall(callees: number): Promise<number> {
    this.#callees = callees;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no ACK within ${LIMIT_MS} ms`)), LIMIT_MS);
      this.#acknowledged = (span) => {
        clearTimeout(late);
        resolve(span);
      };
    });
  }

  /** When the BYE of the call comes. */
  ended(): Promise<void> {
    return new Promise((resolve) => (this.#gone = resolve));
  }

  close(): void {
    this.#socket.close();
  }

  #receive(request: SipRequest, port: number): void {
    if (request.method === 'INVITE') {
      this.#begun = performance.now();
      const contact = ['Contact', `<${this.uri}>`] as const;
      for (let callee = 1; callee <= this.#callees; callee += 1)
        this.#send(SipResponse.reply(request, 180, { toTag: `callee${callee}`, headers: [contact] }), port);
      const answer = SipResponse.reply(request, 200, {
        toTag: `callee${this.#callees}`,
        headers: [contact],
      });
      answer.setBody('application/sdp', SDP);
      this.#send(answer, port);
    } else if (request.method === 'ACK') {
      this.#acknowledged?.(performance.now() - this.#begun);
      this.#acknowledged = undefined;
    } else {
      this.#send(SipResponse.reply(request, 200), port);
      if (request.method === 'BYE') this.#gone?.();
    }
  }

  #send(message: SipResponse, port: number): void {
    this.#socket.send(message.toBuffer(), port, HOST);
  }
}
