// A device with its calls on the network in memory, and a peer whose every message the test writes itself.
import { VirtualClock } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import type { JournalQuery } from '#src/base/journal.ts';
import { silentLogger } from '#src/base/log.ts';
import { SeededRandom } from '#src/base/random.ts';
import { Milliseconds, Seconds } from '#src/base/units.ts';
import { CALL_METHODS, understoodTags } from '#src/call/capabilities.ts';
import { Conferences } from '#src/call/conference/conferences.ts';
import type { Line } from '#src/call/line.ts';
import type { CallLogStore } from '#src/call/log.ts';
import { CallManager } from '#src/call/manager.ts';
import type {
  AudioEnds,
  CallMedia,
  CallStream,
  CallVideoStream,
  StreamConfig,
  StreamPorts,
  StreamStats,
  Tone,
  VideoEnds,
  VideoFrame,
  VideoStats,
  VideoStreamConfig,
} from '#src/call/media.ts';
import type { CallSnapshot, LogRow } from '#src/call/snapshot.ts';
import { Transfers } from '#src/call/transfer/transfers.ts';
import type { CallConfig, CallWorld } from '#src/call/world.ts';
import type { Elsewhere } from '#src/media/elsewhere.ts';
import { isRequest, SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { parseUri, type Uri } from '#src/sip/message/uri.ts';
import { Resolver } from '#src/sip/resolver/resolver.ts';
import { SIP_TIMERS } from '#src/sip/transaction/timers.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import { MemoryNetwork } from '#src/sip/transport/memory.ts';
import type { Transport } from '#src/sip/transport/transport.ts';
import { UserAgent } from '#src/sip/ua/user-agent.ts';
import { QUIET_AUDIO, QUIET_VIDEO } from '../media/figures.ts';

export const DEVICE = { host: '192.0.2.1', port: 5060 } as const;
export const PEER = { host: '192.0.2.9', port: 5060 } as const;

export const uri = (text: string): Uri => {
  const parsed = parseUri(text);
  if (!parsed.ok) throw new Error(`no URI: ${text}`);
  return parsed.value;
};

/** What the streams of the fake engine have in common: they move no packet, they remember what they were told. */
class FakeEnd<Config, Ends> {
  port: number;
  rtcpPort: number;
  /** Where it was moved to, in order. */
  readonly moves: string[] = [];
  readonly configurations: Config[] = [];
  /** All that was attached, in order. */
  readonly attached: Ends[] = [];
  readonly onTrouble = new Signal<TandemError>();
  readonly options: StreamPorts;
  /** Thrown by the next `attach`. */
  failure: TandemError | undefined;
  isOpen = true;

  constructor(port: number, options: StreamPorts) {
    this.port = port;
    this.rtcpPort = port + 1;
    this.options = options;
  }

  attach(ends: Ends): void {
    if (!this.isOpen) throw new Error('attached after close');
    if (this.failure) throw this.failure;
    this.attached.push(ends);
  }

  move({ address }: StreamPorts): void {
    if (!this.isOpen) throw new Error('moved after close');
    if (this.failure) throw this.failure;
    this.moves.push(address);
    this.port += 1000;
    this.rtcpPort += 1000;
  }

  configure(configuration: Config): void {
    if (!this.isOpen) throw new Error('configured after close');
    this.configurations.push(configuration);
  }

  get last(): Config | undefined {
    return this.configurations.at(-1);
  }

  async close(): Promise<void> {
    this.isOpen = false;
  }
}

export class FakeStream extends FakeEnd<StreamConfig, AudioEnds> implements CallStream {
  readonly onElsewhere = new Signal<Elsewhere>();
  readonly onFirstPacket = new Signal<void>();
  readonly digits: string[] = [];
  readonly tones: Tone[] = [];
  readonly onDtmf = new Signal<{ readonly digit: string; readonly durationMs: number }>();

  tone(tone: Tone): void {
    this.tones.push(tone);
  }

  sendDtmf(digits: string): void {
    this.digits.push(digits);
  }

  stats(): StreamStats {
    return { ...QUIET_AUDIO, sent: 10, received: 10, jitterMs: 1 };
  }
}

export class FakeVideo extends FakeEnd<VideoStreamConfig, VideoEnds> implements CallVideoStream {
  readonly onElsewhere = new Signal<Elsewhere>();
  readonly onFrame = new Signal<VideoFrame>();
  keyFramesAsked = 0;

  requestKeyFrame(): void {
    this.keyFramesAsked += 1;
  }

  stats(): VideoStats {
    return { ...QUIET_VIDEO, sent: 5, received: 6, jitterMs: 2 };
  }
}

export class FakeMedia implements CallMedia {
  readonly streams: FakeStream[] = [];
  readonly videos: FakeVideo[] = [];
  failure: TandemError | undefined;
  /** What `attach` of the next streams throws. */
  deviceFailure: TandemError | undefined;

  openStream(options: StreamPorts): FakeStream {
    if (this.failure) throw this.failure;
    const stream = new FakeStream(20_000 + 2 * this.streams.length, options);
    stream.failure = this.deviceFailure;
    this.streams.push(stream);
    return stream;
  }

  openVideo(options: StreamPorts): FakeVideo {
    if (this.failure) throw this.failure;
    const stream = new FakeVideo(30_000 + 2 * this.videos.length, options);
    this.videos.push(stream);
    return stream;
  }

  get open(): number {
    return [...this.streams, ...this.videos].filter((stream) => stream.isOpen).length;
  }
}

export class MemoryLog implements CallLogStore {
  readonly rows: LogRow[] = [];
  failure: TandemError | undefined;

  add(row: LogRow): void {
    if (this.failure) throw this.failure;
    this.rows.push(row);
  }

  list({ limit }: JournalQuery): readonly LogRow[] {
    return this.rows.toReversed().slice(0, limit);
  }
}

/** SDP of a peer. */
export const sdp = (
  options: { port?: number; direction?: string; address?: string; payload?: string; version?: number } = {},
): string => {
  const {
    port = 4000,
    direction = 'sendrecv',
    address = PEER.host,
    payload = '0 8 101',
    version = 1,
  } = options;
  return [
    'v=0',
    `o=- 7 ${version} IN IP4 ${PEER.host}`,
    's=-',
    `c=IN IP4 ${address}`,
    't=0 0',
    `m=audio ${port} RTP/AVP ${payload}`,
    'a=rtpmap:101 telephone-event/8000',
    `a=${direction}`,
    '',
  ].join('\r\n');
};

type Headers = readonly (readonly [string, string])[];

export interface ReplyOptions {
  readonly tag?: string;
  readonly body?: string;
  readonly headers?: Headers;
  readonly contact?: string;
  /** As RFC 2543 let one answer. */
  readonly untagged?: boolean;
}

const has = (name: string, headers: Headers = []): boolean => headers.some(([each]) => each === name);

/** The far end. It does nothing by itself. */
export class RawPeer {
  readonly transport: Transport;
  readonly received: (SipRequest | SipResponse)[] = [];
  readonly #flows = new Map<SipRequest | SipResponse, Flow>();
  readonly #clock: VirtualClock;
  #branch = 0;
  /** Called for each message as it comes. */
  onMessage: ((message: SipRequest | SipResponse) => void) | undefined;

  constructor(transport: Transport, clock: VirtualClock) {
    this.transport = transport;
    this.#clock = clock;
    transport.onMessage.on(({ message, flow }) => {
      if (!(message instanceof SipRequest) && !(message instanceof SipResponse)) return;
      this.received.push(message);
      this.#flows.set(message, flow);
      this.onMessage?.(message);
    });
  }

  requests(method?: string): SipRequest[] {
    return this.received
      .filter(isRequest)
      .filter((request) => method === undefined || request.method === method);
  }

  responses(method?: string): SipResponse[] {
    return this.received
      .filter((message) => message instanceof SipResponse)
      .filter((response) => method === undefined || response.cseq.method === method);
  }

  /** Statuses of the responses to a method, in order. */
  statuses(method: string): number[] {
    return this.responses(method).map((response) => response.status);
  }

  last(method: string): SipRequest {
    const found = this.requests(method).at(-1);
    if (!found)
      throw new Error(
        `no ${method} came; there were ${this.requests()
          .map((request) => request.method)
          .join(', ')}`,
      );
    return found;
  }

  async reply(request: SipRequest, status: number, options: ReplyOptions = {}): Promise<void> {
    const flow = this.#flows.get(request);
    if (!flow) throw new Error('that request did not come here');
    const headers: [string, string][] = (options.headers ?? []).map(([name, value]) => [name, value]);
    if (status > 100 && status < 300 && request.method === 'INVITE') {
      headers.push(['Contact', options.contact ?? `<sip:peer@${PEER.host}:${PEER.port}>`]);
    }
    if (options.body !== undefined) headers.push(['Content-Type', 'application/sdp']);
    const response = SipResponse.reply(request, status, {
      ...(options.untagged ? {} : { toTag: options.tag ?? 'peer' }),
      headers,
      ...(options.body === undefined ? {} : { body: options.body }),
    });
    await this.transport.send(response, flow);
    await this.#clock.advance(Milliseconds(5));
  }

  async send(request: SipRequest): Promise<void> {
    await this.transport.send(request, { transport: 'udp', ...DEVICE });
    await this.#clock.advance(Milliseconds(5));
  }

  newBranch(): string {
    this.#branch += 1;
    return `z9hG4bK-peer-${this.#branch}`;
  }

  request(
    method: string,
    fields: {
      uri?: string;
      callId: string;
      cseq: number;
      from: string;
      to: string;
      branch?: string;
      headers?: Headers;
      body?: string;
    },
  ): SipRequest {
    return SipRequest.create({
      method,
      uri: uri(fields.uri ?? `sip:dev@${DEVICE.host}:${DEVICE.port}`),
      headers: [
        ['Via', `SIP/2.0/UDP ${PEER.host}:${PEER.port};branch=${fields.branch ?? this.newBranch()};rport`],
        ['Max-Forwards', '70'],
        ['From', fields.from],
        ['To', fields.to],
        ['Call-ID', fields.callId],
        ['CSeq', `${fields.cseq} ${method}`],
        ...(['INVITE', 'UPDATE', 'REFER'].includes(method) && !has('Contact', fields.headers)
          ? [['Contact', `<sip:peer@${PEER.host}:${PEER.port}>`] as const]
          : []),
        ...(fields.headers ?? []),
        ...(fields.body === undefined || has('Content-Type', fields.headers)
          ? []
          : [['Content-Type', 'application/sdp'] as const]),
      ],
      ...(fields.body === undefined ? {} : { body: fields.body }),
    });
  }

  /** A call of the peer to the device. */
  call(callId: string): PeerCall {
    return new PeerCall(this, callId);
  }
}

/** The peer's side of a call that it placed. */
export class PeerCall {
  readonly peer: RawPeer;
  readonly callId: string;
  readonly from: string;
  readonly branch: string;
  #cseq = 1;

  constructor(peer: RawPeer, callId: string) {
    this.peer = peer;
    this.callId = callId;
    this.from = `"Peer" <sip:peer@${PEER.host}>;tag=from-${callId}`;
    this.branch = peer.newBranch();
  }

  get toTag(): string {
    const tagged = this.responses.find((response) => response.to.tag !== undefined);
    return tagged?.to.tag ?? '';
  }

  get responses(): SipResponse[] {
    return this.peer.responses().filter((response) => response.callId === this.callId);
  }

  statuses(method = 'INVITE'): number[] {
    return this.responses
      .filter((response) => response.cseq.method === method)
      .map((response) => response.status);
  }

  get #to(): string {
    return `<sip:door@${DEVICE.host}>;tag=${this.toTag}`;
  }

  async invite(options: { body?: string | undefined; headers?: Headers } = { body: sdp() }): Promise<void> {
    await this.peer.send(
      this.peer.request('INVITE', {
        callId: this.callId,
        cseq: 1,
        from: this.from,
        to: `<sip:door@${DEVICE.host}>`,
        branch: this.branch,
        ...(options.headers ? { headers: options.headers } : {}),
        ...(options.body === undefined ? {} : { body: options.body }),
      }),
    );
  }

  async cancel(...headers: [string, string][]): Promise<void> {
    await this.peer.send(
      this.peer.request('CANCEL', {
        callId: this.callId,
        cseq: 1,
        from: this.from,
        to: `<sip:door@${DEVICE.host}>`,
        branch: this.branch,
        headers,
      }),
    );
  }

  /** Of a 2xx; `cseq` of the INVITE meant. */
  async ack(body?: string, cseq = this.#cseq): Promise<void> {
    await this.peer.send(
      this.peer.request('ACK', {
        callId: this.callId,
        cseq,
        from: this.from,
        to: this.#to,
        ...(body === undefined ? {} : { body }),
      }),
    );
  }

  /** The next request in the dialog. */
  async send(method: string, body?: string, headers: Headers = []): Promise<void> {
    this.#cseq += 1;
    await this.peer.send(
      this.peer.request(method, {
        callId: this.callId,
        cseq: this.#cseq,
        from: this.from,
        to: this.#to,
        headers,
        ...(body === undefined ? {} : { body }),
      }),
    );
  }
}

export interface WorldOptions {
  readonly config?: Partial<CallConfig>;
  readonly line?: Partial<Line>;
  readonly seed?: number;
  readonly resolveHost?: CallWorld['resolveHost'];
}

export interface TestWorld {
  readonly clock: VirtualClock;
  readonly network: MemoryNetwork;
  readonly media: FakeMedia;
  readonly log: MemoryLog;
  readonly ua: UserAgent;
  readonly manager: CallManager;
  readonly transfers: Transfers;
  readonly conferences: Conferences;
  readonly peer: RawPeer;
  readonly troubles: TandemError[];
  advance(ms: number): Promise<void>;
  /** The call that came in last. */
  latest(): CallSnapshot;
  /** Everything ended, memory forgotten: nothing may be left. */
  leaks(): Promise<{ streams: number; timers: number; dialogs: number }>;
}

export async function makeWorld(options: WorldOptions = {}): Promise<TestWorld> {
  const clock = new VirtualClock(new Date('2026-01-01T00:00:00Z'));
  const random = new SeededRandom(options.seed ?? 1);
  const log = silentLogger();
  const network = new MemoryNetwork({ clock, random });
  const transport = network.transport([{ transport: 'udp', ...DEVICE }], DEVICE.host);
  const peerListen = (['udp', 'tls'] as const).map((each) => ({ transport: each, ...PEER }));
  const peerTransport = network.transport(peerListen, PEER.host);
  const resolver = new Resolver({ clock, random });
  const ua = new UserAgent({
    transport,
    resolver,
    clock,
    random,
    timers: SIP_TIMERS,
    log,
    userAgent: 'Tandem/test',
    allow: CALL_METHODS,
    supported: understoodTags(options.config?.preconditions ?? 'off'),
  });
  await peerTransport.start();
  await ua.start();
  const media = new FakeMedia();
  const store = new MemoryLog();
  const identity = NameAddr.of(uri(`sip:door@${DEVICE.host}`));
  const line: Line = {
    profile: 'sip',
    register: false,
    domain: PEER.host,
    identities: [identity],
    route: [],
    flow: undefined,
    digest: undefined,
    contact: ({ to }) => {
      const at = to ? transport.localContact(to) : { ...DEVICE, transport: 'udp' };
      const kind = at.transport === 'udp' ? '' : `;transport=${at.transport}`;
      return NameAddr.of(uri(`sip:dev@${at.host}:${at.port}${kind}`));
    },
    trusts: () => false,
    ...options.line,
  };
  const config: CallConfig = {
    media: { address: 'auto', ports: { from: 20_000, to: 20_100 }, codecs: ['PCMU', 'PCMA'] },
    audio: { capture: 'null', playback: 'file:/tmp/{call}.wav' },
    ringTime: Seconds(60),
    waiting: true,
    autoAnswer: [],
    ...options.config,
  };
  const callWorld: CallWorld = {
    ua,
    line,
    media,
    clock,
    random,
    log,
    config,
    resolver,
    resolveHost: options.resolveHost ?? (async () => '192.0.2.77'),
  };
  const manager = new CallManager(callWorld, store);
  const transfers = new Transfers(callWorld, manager);
  const conferences = new Conferences(callWorld, manager);
  ua.onRequest((incoming) => {
    if (!manager.handle(incoming) && !transfers.handle(incoming)) incoming.respond(405);
  });
  const troubles: TandemError[] = [];
  manager.onTrouble.on((error) => troubles.push(error));
  return {
    clock,
    network,
    media,
    log: store,
    ua,
    manager,
    transfers,
    conferences,
    peer: new RawPeer(peerTransport, clock),
    troubles,
    advance: (ms) => clock.advance(Milliseconds(ms)),
    latest: () => {
      const [first] = manager.list();
      if (!first) throw new TandemError('ours', 'test', 'no call');
      return first;
    },
    leaks: async () => {
      await clock.advance(Milliseconds(900_000));
      return { streams: media.open, timers: clock.pending, dialogs: ua.load.dialogs };
    },
  };
}
