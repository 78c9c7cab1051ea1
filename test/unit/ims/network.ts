// A device, its P-CSCFs and virtual time, for tests of the registration.
import { VirtualClock } from '#src/base/clock.ts';
import { silentLogger } from '#src/base/log.ts';
import { SeededRandom } from '#src/base/random.ts';
import { Milliseconds } from '#src/base/units.ts';
import { memoryStore, type RegistrationStore } from '#src/ims/instance.ts';
import { Registration } from '#src/ims/registration.ts';
import type { RegistrationConfig } from '#src/ims/registration-config.ts';
import { isRequest, type SipRequest } from '#src/sip/message/message.ts';
import { parseMessage } from '#src/sip/message/parse.ts';
import { isSipUri, parseUri, type SipUri, type Uri } from '#src/sip/message/uri.ts';
import { IMS_TIMERS } from '#src/sip/transaction/timers.ts';
import { isTransportName, type Target, type TransportName } from '#src/sip/transport/address.ts';
import { MemoryNetwork } from '#src/sip/transport/memory.ts';
import { type Incoming, UserAgent } from '#src/sip/ua/user-agent.ts';

export const DEVICE = '192.0.2.10';
export const PCSCF = '192.0.2.1';
export const PCSCF2 = '192.0.2.2';
export const INSTANCE = 'urn:uuid:0f4c0a66-6c3a-4b0e-9d7e-4d0f5f6a7b80';
export const IMPU = 'sip:+46701234567@op.example';

export function uri(text: string): Uri {
  const result = parseUri(text);
  if (!result.ok) throw new Error(`not a URI: ${text}`);
  return result.value;
}

export function sipUri(text: string): SipUri {
  const value = uri(text);
  if (!isSipUri(value)) throw new Error(`not a SIP URI: ${text}`);
  return value;
}

type Answer = (incoming: Incoming) => void;

export interface Received {
  readonly at: number;
  readonly host: string;
  readonly request: SipRequest;
  readonly text: string;
}

/** A resolver for numeric hosts only. */
export const numericResolver = {
  resolve: async (to: SipUri | Target): Promise<Target[]> => {
    if (!('params' in to)) return [to];
    const transport = to.transport ?? 'tls';
    if (!isTransportName(transport)) throw new Error(transport);
    return [{ transport, host: to.host, port: to.port ?? (transport === 'tls' ? 5061 : 5060) }];
  },
  markFailed: (): void => undefined,
};

export class Net {
  readonly clock = new VirtualClock(new Date('2026-01-01T00:00:00Z'));
  readonly network: MemoryNetwork;
  readonly received: Received[] = [];
  readonly servers = new Map<string, UserAgent>();
  readonly #answers = new Map<string, Answer>();

  constructor() {
    this.network = new MemoryNetwork({ clock: this.clock, random: new SeededRandom(7) });
  }

  /** A host that records what it gets and answers as told; 200 with the Contact by default. */
  async server(host = PCSCF): Promise<UserAgent> {
    const ua = this.#agent(host);
    await ua.start();
    this.servers.set(host, ua);
    ua.onRequest((incoming) => {
      const { request } = incoming;
      this.received.push({ at: this.clock.now() / 1000, host, request, text: request.toBuffer().toString() });
      const answer =
        this.#answers.get(`${host} ${request.method}`) ?? this.#answers.get(request.method) ?? ok();
      answer(incoming);
    });
    return ua;
  }

  /** How requests of a method are answered, at one host or at all. */
  answer(method: string, answer: Answer, host?: string): void {
    this.#answers.set(host === undefined ? method : `${host} ${method}`, answer);
  }

  async device(
    settings: Partial<RegistrationConfig> = {},
    store: RegistrationStore = memoryStore(),
    transports: readonly TransportName[] = ['udp', 'tcp', 'tls'],
  ): Promise<{ ua: UserAgent; registration: Registration }> {
    const ua = this.#agent(DEVICE, transports);
    await ua.start();
    const registration = new Registration({
      ua,
      resolver: numericResolver,
      clock: this.clock,
      random: new SeededRandom(3),
      log: silentLogger(),
      store,
      config: {
        profile: 'ims',
        register: true,
        identity: uri(IMPU),
        userName: 'alice-tablet@op.example',
        password: 's3cr3t',
        domain: 'op.example',
        pcscf: [sipUri(`sip:${PCSCF}`)],
        instance: INSTANCE,
        access: { access: 'wlan', bssid: '00:11:22:33:aa:bb' },
        features: { audio: true, video: false },
        timers: IMS_TIMERS,
        ...settings,
      },
    });
    return { ua, registration };
  }

  of(method: string): Received[] {
    return this.received.filter(({ request }) => request.method === method);
  }

  /** Lets `seconds` pass. */
  async pass(seconds: number): Promise<void> {
    await this.clock.advance(Milliseconds(seconds * 1000));
  }

  /** Every request that left a host, as text. */
  sent(host = DEVICE): SipRequest[] {
    return this.network.packets
      .filter(({ from, bytes }) => from.host === host && bytes.length > 4)
      .map(({ bytes }) => parseMessage(bytes))
      .flatMap((parsed) => (parsed.ok && isRequest(parsed.value) ? [parsed.value] : []));
  }

  #agent(host: string, transports: readonly TransportName[] = ['udp', 'tcp', 'tls']): UserAgent {
    const listen = transports.map((transport) => ({
      transport,
      host,
      port: transport === 'tls' ? 5061 : 5060,
    }));
    return new UserAgent({
      transport: this.network.transport(listen, host),
      resolver: numericResolver,
      clock: this.clock,
      random: new SeededRandom(host.length + Number(host.split('.')[3])),
      timers: IMS_TIMERS,
      log: silentLogger(),
      userAgent: '',
      allow: [
        'INVITE',
        'ACK',
        'CANCEL',
        'BYE',
        'OPTIONS',
        'NOTIFY',
        'REGISTER',
        'SUBSCRIBE',
        'MESSAGE',
        'REFER',
      ],
      supported: ['path', 'outbound', 'gruu', 'mediasec', 'replaces'],
    });
  }
}

export interface OkFields {
  readonly expires?: number;
  readonly headers?: readonly (readonly [string, string])[];
  /** Parameters of the Contact beside expires. */
  readonly params?: string;
}

/** 200 (OK) with the Contact that was registered. */
export function ok(fields: OkFields = {}): Answer {
  return (incoming) => {
    const { request } = incoming;
    const expires = fields.expires ?? request.expires ?? 600_000;
    const contact = request.contacts[0];
    const listed =
      contact && request.expires !== 0
        ? `${contact.toString()};expires=${expires}${fields.params ?? ''}`
        : undefined;
    incoming.respond(200, {
      headers: [...(listed ? [['Contact', listed] as const] : []), ...(fields.headers ?? [])],
    });
  };
}

export const status =
  (code: number, headers: readonly (readonly [string, string])[] = []): Answer =>
  (incoming) =>
    void incoming.respond(code, { headers });

/** The answers in order; the last one for all that follow. */
export function inTurn(...answers: readonly Answer[]): Answer {
  let count = 0;
  return (incoming) => {
    const answer = answers[Math.min(count, answers.length - 1)];
    count += 1;
    answer?.(incoming);
  };
}

export const nothing: Answer = () => undefined;
