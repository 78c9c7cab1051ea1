// Counters of the transport layer, and the small class that every protocol layer counts with.

/** One counter as `/metrics` shows it. */
export interface CounterReading {
  readonly name: string;
  readonly help: string;
  readonly value: number;
}

/** A fixed set of documented counters; they only go up. */
export class CounterSet<Name extends string> {
  readonly #help: Readonly<Record<Name, string>>;
  readonly #values = new Map<Name, number>();

  constructor(help: Readonly<Record<Name, string>>) {
    this.#help = help;
  }

  add(name: Name, by = 1): void {
    this.#values.set(name, this.get(name) + by);
  }

  get(name: Name): number {
    return this.#values.get(name) ?? 0;
  }

  /** Every counter, also those that still stand at zero. */
  readings(): CounterReading[] {
    const table: Readonly<Record<string, string>> = this.#help;
    const values: ReadonlyMap<string, number> = this.#values;
    return Object.entries(table).map(([name, help]) => ({ name, help, value: values.get(name) ?? 0 }));
  }
}

export const TRANSPORT_COUNTERS = {
  sip_messages_received_total: 'SIP messages received and understood.',
  sip_messages_sent_total: 'SIP messages handed to the network, retransmissions included.',
  sip_faults_received_total:
    'Datagrams or stream parts that were no valid SIP message (RFC 4475); answered or dropped.',
  sip_faults_dropped_total: 'Of the faults, those too broken to be answered.',
  sip_stray_datagrams_total: 'Datagrams that are neither SIP, STUN nor a CRLF keep-alive.',
  sip_connections_opened_total: 'TCP and TLS connections we opened.',
  sip_connections_accepted_total: 'TCP and TLS connections peers opened.',
  sip_connections_refused_total: 'Connections turned away because a limit was reached.',
  sip_connections_idle_closed_total: 'Connections closed because nothing was heard or said for too long.',
  sip_connections_slow_closed_total:
    'Connections closed because a peer left a message half sent, or read too slowly.',
  sip_connects_failed_total: 'Attempts to connect that failed or timed out.',
  sip_tls_failures_total: 'TLS handshakes that failed: certificate, name, protocol or time.',
  sip_tls_resumed_total: 'TLS handshakes that resumed an earlier session.',
  sip_send_failures_total: 'Messages that could not be handed to the network.',
  sip_size_switched_total: 'Requests over 1300 bytes sent by TCP instead of UDP (RFC 3261 18.1.1).',
  sip_size_fallbacks_total: 'Requests over 1300 bytes sent by UDP because TCP was refused.',
  sip_unreachable_total: 'ICMP errors reported for something sent over UDP.',
  sip_keepalives_sent_total: 'Pings sent: CRLF CRLF or STUN binding requests (RFC 5626 4.4).',
  sip_keepalives_answered_total: 'Pings of peers answered.',
  sip_flows_failed_total: 'Flows given up because a ping met no answer or the mapped address changed.',
} as const;

export type TransportCounter = keyof typeof TRANSPORT_COUNTERS;
