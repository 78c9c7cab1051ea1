// sip.js as a callee over UDP: node sipjs-callee.ts PORT. It answers every call; its library brings WebSocket transport only.
import { createSocket } from 'node:dgram';
import {
  EmitterImpl,
  type Invitation,
  type SessionDescriptionHandler,
  type Transport,
  TransportState,
  UserAgent,
} from 'sip.js';
import { sampleSdp } from '#test/support/sdp-samples.ts';

const HOST = '127.0.0.1';
const port = Number(process.argv[2]);
const SDP = sampleSdp(HOST, ['m=audio 6004 RTP/AVP 0']);

/** One socket; answers go to whoever sent last, for the load comes from one place. */
class UdpTransport implements Transport {
  readonly protocol = 'UDP';
  state = TransportState.Disconnected;
  onConnect: (() => void) | undefined;
  onDisconnect: ((error?: Error) => void) | undefined;
  onMessage: ((message: string) => void) | undefined;
  readonly #socket = createSocket('udp4');
  #peer = 0;

  readonly stateChange = new EmitterImpl<TransportState>();

  async connect(): Promise<void> {
    this.#to(TransportState.Connecting);
    await new Promise<void>((resolve) => this.#socket.bind(port, HOST, resolve));
    this.#socket.on('message', (bytes, from) => {
      this.#peer = from.port;
      this.onMessage?.(bytes.toString('utf8'));
    });
    this.#to(TransportState.Connected);
    this.onConnect?.();
  }

  async disconnect(): Promise<void> {
    this.#to(TransportState.Disconnected);
    this.#socket.close();
  }

  dispose(): Promise<void> {
    return this.disconnect();
  }

  isConnected(): boolean {
    return this.state === TransportState.Connected;
  }

  async send(message: string): Promise<void> {
    this.#socket.send(message, this.#peer, HOST);
  }

  #to(state: TransportState): void {
    this.state = state;
    this.stateChange.emit(state);
  }
}

const description = (): SessionDescriptionHandler => ({
  close: () => undefined,
  getDescription: async () => ({ body: SDP, contentType: 'application/sdp' }),
  hasDescription: (type) => type === 'application/sdp',
  setDescription: async () => undefined,
  sendDtmf: () => false,
});

const uri = UserAgent.makeURI(`sip:callee@${HOST}:${port}`);
if (!uri || !port) throw new Error('usage: sipjs-callee.ts PORT');
const agent = new UserAgent({
  uri,
  contactName: 'callee',
  viaHost: `${HOST}:${port}`,
  transportConstructor: UdpTransport,
  sessionDescriptionHandlerFactory: description,
  logBuiltinEnabled: false,
  delegate: { onInvite: (invitation: Invitation) => void invitation.accept() },
});
await agent.start();
console.log('ready');
