// RFC 3261 18: sending and receiving as every transport does it; how octets travel is left to the subclass.
import type { Clock } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import type { Random } from '#src/base/random.ts';
import { toMilliseconds } from '#src/base/units.ts';
import { type SipMessage, SipRequest, type SipResponse } from '#src/sip/message/message.ts';
import { type MessageFault, parseMessage } from '#src/sip/message/parse.ts';
import {
  DEFAULT_PORT,
  type Endpoint,
  familyOf,
  formatEndpoint,
  isWildcard,
  type ListenAddress,
  sameAddress,
  type Target,
} from './address.ts';
import { BaseFlow } from './base-flow.ts';
import { CounterSet, TRANSPORT_COUNTERS, type TransportCounter } from './counters.ts';
import { type Flow, isFlow } from './flow.ts';
import type { TransportSettings } from './settings.ts';
import { isStun } from './stun.ts';
import type { LocalContact, Received, ReceivedFault, SendOptions, Transport } from './transport.ts';
import { fillSentBy, responseDestination, stampReceived } from './via-rules.ts';

export interface CoreParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: TransportSettings;
}

/** Errors of a connect attempt after which a large request may go by UDP. */
const REFUSALS: ReadonlySet<string> = new Set(['transport.connect', 'transport.unsupported']);
/** What UDP can carry at all over IPv4, less headers. */
const MAX_DATAGRAM = 65_507;

export abstract class TransportCore implements Transport {
  readonly onMessage = new Signal<Received>();
  readonly onFault = new Signal<ReceivedFault>();
  readonly onFlow = new Signal<Flow>();
  readonly counters = new CounterSet<TransportCounter>(TRANSPORT_COUNTERS);
  protected readonly parts: CoreParts;
  /** Until when a peer is not asked for TCP again. */
  readonly #refused = new Map<string, number>();

  constructor(parts: CoreParts) {
    this.parts = parts;
  }

  abstract start(): Promise<void>;
  abstract stop(): Promise<void>;
  abstract readonly listening: readonly ListenAddress[];
  /** A flow to the target: one that lives, unless `fresh`, or a new one. */
  protected abstract open(target: Target, fresh: boolean): Promise<BaseFlow>;
  /** From the same local UDP socket to another address. */
  protected abstract sibling(flow: BaseFlow, remote: Endpoint): BaseFlow;
  /** Our numeric address as the remote host sees it, NAT aside. */
  protected abstract localAddress(remote: string): string;

  async send(message: SipMessage, to: Target | Flow, options: SendOptions = {}): Promise<Flow> {
    try {
      const flow =
        message instanceof SipRequest
          ? await this.#sendRequest(message, to, options)
          : // SipMessage has these two kinds only.
            await this.#sendResponse(message as SipResponse, to);
      this.counters.add('sip_messages_sent_total');
      return flow;
    } catch (error) {
      this.counters.add('sip_send_failures_total');
      throw TandemError.from(error, 'transport.send', 'A message could not be sent.');
    }
  }

  localContact(to: Target | Flow): LocalContact {
    const known = isFlow(to) && !isWildcard(to.local.host) ? to.local.host : undefined;
    const host = known ?? this.localAddress(isFlow(to) ? to.remote.host : to.host);
    const port = this.#listenerPort(to.transport, host) ?? (isFlow(to) ? to.local.port : undefined);
    return { host, port: port ?? DEFAULT_PORT[to.transport], transport: to.transport };
  }

  async #sendRequest(request: SipRequest, to: Target | Flow, options: SendOptions): Promise<BaseFlow> {
    const flow = isFlow(to) ? this.#own(to) : await this.open(to, options.fresh === true);
    if (options.exact) return await this.#write(flow, request.toBuffer());
    const bytes = await this.#prepare(request, flow, options);
    if (flow.transport !== 'udp' || bytes.length <= this.parts.settings.maxUdpRequest) {
      return await this.#write(flow, bytes);
    }
    const connection = await this.#openInstead(flow.remote);
    if (connection) {
      this.counters.add('sip_size_switched_total');
      return await this.#write(connection, await this.#prepare(request, connection, options));
    }
    this.counters.add('sip_size_fallbacks_total');
    return await this.#write(flow, await this.#prepare(request, flow, options));
  }

  async #prepare(request: SipRequest, flow: BaseFlow, options: SendOptions): Promise<Buffer> {
    await flow.prepare();
    const { host, port } = this.localContact(flow);
    // Over UDP the port that is really sent from: RFC 3261 18.1.1 and RFC 3581 4.
    fillSentBy(request, flow.transport, { host, port: flow.transport === 'udp' ? flow.local.port : port });
    options.prepare?.(request, flow);
    return request.toBuffer();
  }

  /** 18.1.1: TCP for a request too large for UDP, unless the peer refuses it. */
  async #openInstead(remote: Endpoint): Promise<BaseFlow | undefined> {
    const key = formatEndpoint(remote);
    const now = this.parts.clock.now();
    for (const [old, until] of this.#refused) if (until <= now) this.#refused.delete(old);
    if (this.#refused.has(key)) return undefined;
    try {
      return await this.open({ transport: 'tcp', ...remote }, false);
    } catch (error) {
      if (!(error instanceof TandemError) || !REFUSALS.has(error.id)) throw error;
      this.#refused.set(key, now + toMilliseconds(this.parts.settings.refusalMemory));
      return undefined;
    }
  }

  /** 18.2.2. */
  async #sendResponse(response: SipResponse, to: Target | Flow): Promise<BaseFlow> {
    const bytes = response.toBuffer();
    if (!isFlow(to)) return await this.#write(await this.open(to, false), bytes);
    const flow = this.#own(to);
    const destination = responseDestination(response.topVia, flow.transport);
    if (flow.transport !== 'udp') {
      if (flow.alive || !destination) return await this.#write(flow, bytes);
      return await this.#write(await this.open({ transport: flow.transport, ...destination }, false), bytes);
    }
    const there =
      !destination ||
      (destination.port === flow.remote.port && sameAddress(destination.host, flow.remote.host))
        ? flow
        : this.sibling(flow, destination);
    return await this.#write(there, bytes);
  }

  async #write(flow: BaseFlow, bytes: Buffer): Promise<BaseFlow> {
    if (!flow.alive) {
      throw new TandemError(
        'network',
        'transport.closed',
        'The connection was closed before the message left.',
        {
          detail: { remote: formatEndpoint(flow.remote), transport: flow.transport },
        },
      );
    }
    if (flow.transport === 'udp' && bytes.length > MAX_DATAGRAM) {
      throw new TandemError('network', 'transport.too-large', 'The message is too large for UDP.', {
        detail: { octets: bytes.length, remote: formatEndpoint(flow.remote) },
      });
    }
    await flow.write(bytes);
    return flow;
  }

  #own(flow: Flow): BaseFlow {
    if (flow instanceof BaseFlow) return flow;
    throw new TandemError('ours', 'internal', 'A flow of another transport was used.');
  }

  #listenerPort(transport: Target['transport'], local: string): number | undefined {
    const fits = (at: ListenAddress): boolean =>
      at.transport === transport &&
      (sameAddress(at.host, local) || (isWildcard(at.host) && familyOf(at.host) >= familyOf(local)));
    return this.listening.find(fits)?.port;
  }

  /** Octets that should be one whole message. False when they were not. */
  protected message(flow: BaseFlow, bytes: Buffer, datagram: boolean): boolean {
    const read = parseMessage(bytes, { datagram });
    if (!read.ok) {
      this.fault(flow, read.error);
      return false;
    }
    const message = read.value;
    if (message instanceof SipRequest) stampReceived(message, flow.remote);
    this.counters.add('sip_messages_received_total');
    this.onMessage.emit({ message, flow, receivedAt: this.parts.clock.now() });
    return true;
  }

  protected fault(flow: BaseFlow, fault: MessageFault): void {
    this.counters.add('sip_faults_received_total');
    if (fault.partial instanceof SipRequest && fault.status !== undefined)
      stampReceived(fault.partial, flow.remote);
    else this.counters.add('sip_faults_dropped_total');
    this.onFault.emit({ fault, flow });
  }

  /** A datagram: SIP, STUN, or a keep-alive of nothing but line ends. */
  protected datagram(flow: BaseFlow, bytes: Buffer): void {
    if (isStun(bytes)) flow.stun(bytes);
    else if (bytes.every((octet) => octet === CR || octet === LF || octet === 0)) {
      this.counters.add('sip_stray_datagrams_total');
    } else this.message(flow, bytes, true);
  }
}

const CR = 13;
const LF = 10;
