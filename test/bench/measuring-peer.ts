// A SIP party that only measures: it notes when an INVITE and the first RTP packet arrive. Plain sockets, UDP, IPv4.
import { createSocket, type Socket } from 'node:dgram';
import { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { parseMessage } from '#src/sip/message/parse.ts';
import { parseUri } from '#src/sip/message/uri.ts';
import { sampleSdp } from '#test/support/sdp-samples.ts';

const HOST = '127.0.0.1';
const LIMIT_MS = 8000;

const bind = (): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.bind(0, HOST, () => resolve(socket));
  });

function within<Value>(what: string, promise: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${LIMIT_MS} ms: ${what}`)), LIMIT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export class MeasuringPeer {
  readonly #sip: Socket;
  readonly #rtp: Socket;
  readonly #waiting: {
    readonly fits: (message: SipRequest | SipResponse) => boolean;
    readonly done: (at: number) => void;
  }[] = [];
  #firstRtp: ((at: number) => void) | undefined;
  #dialog: { readonly invite: SipRequest; readonly answer: SipResponse; readonly target: number } | undefined;
  #count = 0;

  private constructor(sip: Socket, rtp: Socket) {
    this.#sip = sip;
    this.#rtp = rtp;
    sip.on('message', (bytes, from) => this.#receive(bytes, from.port));
    rtp.on('message', () => {
      this.#firstRtp?.(performance.now());
      this.#firstRtp = undefined;
    });
  }

  static async open(): Promise<MeasuringPeer> {
    return new MeasuringPeer(await bind(), await bind());
  }

  get port(): number {
    return this.#sip.address().port;
  }

  get uri(): string {
    return `sip:peer@${HOST}:${this.port}`;
  }

  /** When the next INVITE is here and its 180 is on its way; the call is refused with 486 after that. */
  nextInvite(): Promise<number> {
    return this.#next('an INVITE', (message) => message instanceof SipRequest && message.method === 'INVITE');
  }

  /** Calls `port`, waits until it rings. `more`: media sections behind that of the voice. */
  async ring(user: string, port: number, more: readonly string[] = []): Promise<void> {
    this.#count += 1;
    const sdp = sampleSdp(HOST, [
      `m=audio ${this.#rtp.address().port} RTP/AVP 8`,
      'a=rtpmap:8 PCMA/8000',
      ...more,
    ]);
    const invite = this.#request(
      'INVITE',
      `sip:${user}@${HOST}:${port}`,
      '',
      [['Content-Type', 'application/sdp']],
      sdp,
    );
    const rings = this.#next('a 180', (message) => message instanceof SipResponse && message.status === 180);
    this.#send(invite, port);
    await rings;
  }

  /** When the 200 to the INVITE comes. */
  answered(): Promise<number> {
    return this.#next('a 200', (message) => message instanceof SipResponse && message.status === 200);
  }

  /** When the first RTP packet comes. */
  firstRtp(): Promise<number> {
    return within('RTP', new Promise((resolve) => (this.#firstRtp = resolve)));
  }

  /** Ends the answered call. */
  async hangUp(): Promise<void> {
    const dialog = this.#dialog;
    if (!dialog) return;
    const bye = this.#inDialog('BYE', 2);
    const ended = this.#next(
      'the answer to BYE',
      (message) => message instanceof SipResponse && message.cseq.method === 'BYE',
    );
    this.#send(bye, dialog.target);
    await ended;
    this.#dialog = undefined;
  }

  close(): void {
    this.#sip.close();
    this.#rtp.close();
  }

  #next(what: string, fits: (message: SipRequest | SipResponse) => boolean): Promise<number> {
    return within(what, new Promise((done) => this.#waiting.push({ fits, done })));
  }

  #receive(bytes: Buffer, port: number): void {
    const at = performance.now();
    const parsed = parseMessage(bytes, { datagram: true });
    if (!parsed.ok) return;
    const message = parsed.value;
    if (!(message instanceof SipRequest) && !(message instanceof SipResponse)) return;
    if (message instanceof SipRequest) this.#answer(message, port);
    else if (message.cseq.method === 'INVITE' && message.status === 200) this.#acknowledge(message, port);
    const index = this.#waiting.findIndex((entry) => entry.fits(message));
    if (index >= 0) this.#waiting.splice(index, 1)[0]?.done(at);
  }

  #answer(request: SipRequest, port: number): void {
    const contact: [string, string][] = [['Contact', `<${this.uri}>`]];
    if (request.method === 'INVITE') {
      this.#send(SipResponse.reply(request, 180, { toTag: 'measure', headers: contact }), port);
      this.#send(SipResponse.reply(request, 486, { toTag: 'measure' }), port);
    } else if (request.method !== 'ACK')
      this.#send(SipResponse.reply(request, 200, { toTag: 'measure' }), port);
  }

  #acknowledge(answer: SipResponse, port: number): void {
    if (this.#lastInvite) this.#dialog = { invite: this.#lastInvite, answer, target: port };
    this.#send(this.#inDialog('ACK', 1), port);
  }

  #lastInvite: SipRequest | undefined;

  #inDialog(method: string, sequence: number): SipRequest {
    const dialog = this.#dialog;
    if (!dialog) throw new Error('no call');
    const tag = dialog.answer.to.tag ?? '';
    const target = dialog.answer.contacts[0]?.uri.toString() ?? dialog.invite.requestUri.toString();
    return this.#request(method, target, tag, [], '', sequence);
  }

  #request(
    method: string,
    uri: string,
    toTag: string,
    more: [string, string][],
    body: string,
    sequence = 1,
  ): SipRequest {
    const target = parseUri(uri);
    if (!target.ok) throw new Error(`no URI: ${uri}`);
    const request = SipRequest.create({
      method,
      uri: target.value,
      headers: [
        ['Via', `SIP/2.0/UDP ${HOST}:${this.port};branch=z9hG4bK-${this.#count}-${method}`],
        ['Max-Forwards', '70'],
        ['From', `<${this.uri}>;tag=measure${this.#count}`],
        ['To', `<sip:measured@${HOST}>${toTag ? `;tag=${toTag}` : ''}`],
        ['Call-ID', `measure-${this.#count}@${HOST}`],
        ['CSeq', `${sequence} ${method}`],
        ['Contact', `<${this.uri}>`],
        ...more,
      ],
      body: Buffer.from(body),
    });
    if (method === 'INVITE') this.#lastInvite = request;
    return request;
  }

  #send(message: SipRequest | SipResponse, port: number): void {
    this.#sip.send(message.toBuffer(), port, HOST);
  }
}
