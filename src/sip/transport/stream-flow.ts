// RFC 3261 18.2.1, 18.3 and RFC 5626: one TCP or TLS connection.
import type { Socket } from 'node:net';
import type { Timer } from '#src/base/clock.ts';
import { describe, systemCode, TandemError } from '#src/base/errors.ts';
import { Milliseconds, toMilliseconds } from '#src/base/units.ts';
import { StreamFramer } from '#src/sip/message/framing.ts';
import type { MessageFault } from '#src/sip/message/parse.ts';
import { formatEndpoint } from './address.ts';
import { BaseFlow, type FlowParts } from './base-flow.ts';
import type { TransportCounter } from './counters.ts';
import type { TransportSettings } from './settings.ts';

export interface StreamSinks {
  /** False when the octets were no message: framing may be lost. */
  readonly message: (flow: StreamFlow, bytes: Buffer) => boolean;
  readonly fault: (flow: StreamFlow, fault: MessageFault) => void;
}

export interface StreamParts extends FlowParts {
  readonly settings: TransportSettings;
  readonly sinks: StreamSinks;
  /** A peer opened it: it must say something soon. */
  readonly accepted: boolean;
}

/** How long what was written last may take to leave after a close. */
export const LINGER = Milliseconds(1000);

/** Silence after which the kernel asks whether the far end is still there (RFC 1122 4.2.3.6). */
const PROBE_AFTER = Milliseconds(60_000);

/** Octets are taken from the socket as they come and never stored beyond one message (the framer's limit). */
export class StreamFlow extends BaseFlow {
  readonly #socket: Socket;
  readonly #stream: StreamParts;
  readonly #framer = new StreamFramer();
  #lastActive: number;
  #idle: Timer | undefined;
  /** Until a message that began, or the first one, must be whole. */
  #patience: Timer | undefined;

  constructor(socket: Socket, parts: StreamParts) {
    super(parts);
    this.#socket = socket;
    this.#stream = parts;
    this.#lastActive = parts.clock.now();
    socket.setNoDelay(true);
    // The kernel notices a far end that went away without a word, whatever the two of us agreed about pings.
    socket.setKeepAlive(true, PROBE_AFTER);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.end(this.#broken(systemCode(error) ?? describe(error))));
    socket.on('end', () => this.end(this.#broken('closed by the far end')));
    socket.on('close', () => this.end(this.#broken('closed')));
    const { clock, settings } = parts;
    if (parts.accepted) {
      this.#patience = clock.after(toMilliseconds(settings.firstMessageTimeout), () => this.#tooSlow());
    }
    this.#watchIdle();
  }

  async prepare(): Promise<void> {
    // Connected when it was made.
  }

  async write(bytes: Buffer): Promise<void> {
    this.#lastActive = this.#stream.clock.now();
    if (this.#socket.writableLength + bytes.length > this.#stream.settings.maxQueued) {
      const error = this.#trouble(
        'transport.congested',
        'The far end reads too slowly.',
        'output queue full',
      );
      this.parts.counters.add('sip_connections_slow_closed_total');
      this.end(error);
      throw error;
    }
    this.#socket.write(bytes);
  }

  #receive(chunk: Buffer): void {
    this.#lastActive = this.#stream.clock.now();
    const waited = this.#framer.pending > 0;
    let progress = false;
    for (const event of this.#framer.push(chunk)) {
      if (!this.alive) return;
      progress = true;
      if (event.kind === 'ping') this.pinged();
      else if (event.kind === 'pong') this.ponged();
      else if (event.kind === 'message') this.#stream.sinks.message(this, event.bytes);
      else {
        this.#stream.sinks.fault(this, event.fault);
        this.end(
          this.#trouble(
            'transport.framing',
            'The far end sent something that is not SIP.',
            event.fault.reason,
          ),
        );
      }
    }
    if (this.alive) this.#watchPartial(waited && !progress);
  }

  /** A message that began must end in time, however many octets trickle in. */
  #watchPartial(sameAsBefore: boolean): void {
    const partial = this.#framer.pending > 0;
    if (partial && sameAsBefore) return;
    this.#patience?.cancel();
    this.#patience = undefined;
    if (!partial) return;
    const { clock, settings } = this.#stream;
    this.#patience = clock.after(toMilliseconds(settings.messageTimeout), () => this.#tooSlow());
  }

  #tooSlow(): void {
    this.#giveUp('sip_connections_slow_closed_total', 'a message was not completed in time');
  }

  #watchIdle(): void {
    const { clock, settings } = this.#stream;
    const limit = toMilliseconds(settings.idleTimeout);
    const left = Milliseconds(Math.max(LINGER, this.#lastActive + limit - clock.now()));
    this.#idle = clock.after(left, () => {
      // Our own pings count as traffic: they notice a dead flow sooner.
      if (this.isKept || clock.now() - this.#lastActive < limit) this.#watchIdle();
      else this.#giveUp('sip_connections_idle_closed_total', 'idle');
    });
  }

  #giveUp(counter: TransportCounter, reason: string): void {
    this.parts.counters.add(counter);
    this.end(this.#trouble('transport.closed', 'The connection was closed for lack of traffic.', reason));
  }

  #broken(reason: string): TandemError {
    return this.#trouble('transport.closed', 'The far end closed the connection.', reason);
  }

  #trouble(id: string, sentence: string, reason: string): TandemError {
    const detail = { remote: formatEndpoint(this.remote), transport: this.transport, reason };
    return new TandemError('network', id, sentence, { detail });
  }

  // What was written is still sent; a peer that does not take it is cut off.
  protected release(): void {
    this.#idle?.cancel();
    this.#patience?.cancel();
    const socket = this.#socket;
    if (socket.writableLength > this.#stream.settings.maxQueued / 2) socket.destroy();
    else {
      socket.end();
      const cut = this.#stream.clock.after(LINGER, () => socket.destroy());
      socket.once('close', () => cut.cancel());
      socket.resume();
    }
  }
}
