// RFC 5626: what every flow has in common, whatever carries its octets.
import type { Clock } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import { type Random, randomToken } from '#src/base/random.ts';
import { type Endpoint, formatEndpoint, sameAddress, type TransportName } from './address.ts';
import type { CounterSet, TransportCounter } from './counters.ts';
import type { Flow, KeepAliveOptions } from './flow.ts';
import { KeepAlive } from './keep-alive.ts';
import { bindingRefusal, bindingRequest, bindingSuccess, parseStun, STUN_ID_OCTETS } from './stun.ts';

export interface FlowParts {
  readonly transport: TransportName;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: CounterSet<TransportCounter>;
  readonly serverName?: string | undefined;
}

const PING = Buffer.from('\r\n\r\n');
const PONG = Buffer.from('\r\n');

export abstract class BaseFlow implements Flow {
  readonly id: string;
  readonly transport: TransportName;
  readonly remote: Endpoint;
  readonly serverName?: string;
  readonly onClose = new Signal<TandemError | undefined>();
  readonly onUnreachable = new Signal<TandemError>();
  protected readonly parts: FlowParts;
  #local: Endpoint;
  #alive = true;
  #keepAlive: KeepAlive | undefined;
  #stunId: Buffer | undefined;
  #mapped: Endpoint | undefined;

  constructor(parts: FlowParts) {
    this.parts = parts;
    this.id = randomToken(parts.random);
    this.transport = parts.transport;
    this.remote = parts.remote;
    this.#local = parts.local;
    if (parts.serverName !== undefined) this.serverName = parts.serverName;
  }

  get local(): Endpoint {
    return this.#local;
  }

  /** The local address became known more exactly than the socket's wildcard. */
  protected set local(local: Endpoint) {
    this.#local = local;
  }

  get secure(): boolean {
    return this.transport === 'tls';
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Kept alive by us: not to be forgotten for lack of traffic. */
  get isKept(): boolean {
    return this.#keepAlive !== undefined;
  }

  /** Before a request is written: whatever it takes to know the local address and to hear of errors. */
  abstract prepare(): Promise<void>;
  /** Hands octets to the network; rejects with a TandemError. */
  abstract write(bytes: Buffer): Promise<void>;
  protected abstract release(): void;

  keepAlive(options: KeepAliveOptions): void {
    this.#keepAlive?.stop();
    if (!this.#alive) return;
    const udp = this.transport === 'udp';
    const stun = udp && options.kind !== 'crlf';
    const { clock, random } = this.parts;
    this.#keepAlive = new KeepAlive({
      clock,
      random,
      interval: options.interval,
      repeat: stun,
      // RFC 5626 4.4.1 is for connections: nobody answers CRLF over UDP.
      answered: (stun || !udp) && options.answered !== false,
      ping: (again) => (stun ? this.#pingStun(again) : this.#push(PING)),
      onFailure: () =>
        this.fail('The far end of the connection does not answer any more.', 'no answer to a ping'),
    });
  }

  close(): void {
    this.end(undefined);
  }

  /** The flow is over; told once. */
  end(error: TandemError | undefined): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#keepAlive?.stop();
    this.release();
    this.onClose.emit(error);
  }

  /** RFC 5626 4.4: the keep-alive found the flow dead. */
  fail(sentence: string, reason: string): void {
    this.parts.counters.add('sip_flows_failed_total');
    const detail = { remote: formatEndpoint(this.remote), transport: this.transport, reason };
    this.end(new TandemError('network', 'transport.flow-failed', sentence, { detail }));
  }

  /** CRLF CRLF came (4.4.1): a ping, or the pongs of two pings with nothing in between. */
  pinged(): void {
    if (this.#keepAlive?.pong()) return;
    this.parts.counters.add('sip_keepalives_answered_total');
    this.#push(PONG);
  }

  /** A lone CRLF came. */
  ponged(): void {
    this.#keepAlive?.pong();
  }

  /** A datagram with STUN in it came (4.4.2). */
  stun(bytes: Buffer): void {
    const read = parseStun(bytes);
    if (!read.ok) {
      this.parts.counters.add('sip_stray_datagrams_total');
      return;
    }
    const { kind, id, mapped, unknown } = read.value;
    if (kind === 'request') {
      this.parts.counters.add('sip_keepalives_answered_total');
      this.#push(unknown.length > 0 ? bindingRefusal(id, unknown) : bindingSuccess(id, this.remote));
    } else if (!this.#stunId?.equals(id)) this.parts.counters.add('sip_stray_datagrams_total');
    else this.#stunAnswered(mapped);
  }

  // RFC 5626 4.4.2: another mapped address means that a NAT in between forgot us, and the registrar's flow leads nowhere.
  #stunAnswered(mapped: Endpoint | undefined): void {
    this.#stunId = undefined;
    const old = this.#mapped;
    if (mapped) this.#mapped = mapped;
    if (mapped && old && (mapped.port !== old.port || !sameAddress(mapped.host, old.host))) {
      this.fail('The address under which the network sees us has changed.', 'mapped address changed');
    } else this.#keepAlive?.pong();
  }

  #pingStun(again: boolean): void {
    const id = again && this.#stunId ? this.#stunId : this.parts.random.bytes(STUN_ID_OCTETS);
    this.#stunId = id;
    this.parts.counters.add('sip_keepalives_sent_total');
    this.#push(bindingRequest(id));
  }

  /** Octets without a message in them; when they cannot leave, the missing answer tells. */
  #push(bytes: Buffer): void {
    if (bytes === PING) this.parts.counters.add('sip_keepalives_sent_total');
    this.write(bytes).catch(() => this.parts.counters.add('sip_send_failures_total'));
  }
}
