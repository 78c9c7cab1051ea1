// Two user agents and a peer played by hand, joined by a network in memory, under virtual time.
import { VirtualClock } from '#src/base/clock.ts';
import type { TandemError } from '#src/base/errors.ts';
import { silentLogger } from '#src/base/log.ts';
import { SeededRandom } from '#src/base/random.ts';
import { Milliseconds, type Seconds } from '#src/base/units.ts';
import { isRequest, SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { parseUri, type SipUri, type Uri } from '#src/sip/message/uri.ts';
import { SIP_TIMERS, type TimerSettings } from '#src/sip/transaction/timers.ts';
import type { Target } from '#src/sip/transport/address.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import { MemoryNetwork } from '#src/sip/transport/memory.ts';
import type { Transport } from '#src/sip/transport/transport.ts';
import { type Sending, type SendingOptions, UserAgent } from '#src/sip/ua/user-agent.ts';

export const ALLOW = [
  'INVITE',
  'ACK',
  'CANCEL',
  'BYE',
  'OPTIONS',
  'NOTIFY',
  'SUBSCRIBE',
  'MESSAGE',
  'UPDATE',
  'REGISTER',
];

export function uri(text: string): Uri {
  const parsed = parseUri(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
}

/** RFC 3263 without DNS: numeric hosts as they stand, names from a list. */
export class FakeResolver {
  readonly names = new Map<string, Target[]>();
  readonly failed: { readonly target: Target; readonly span: Seconds }[] = [];

  async resolve(at: SipUri | Target): Promise<Target[]> {
    if (!('params' in at)) return [at];
    const transport = at.transport === 'tcp' ? 'tcp' : 'udp';
    return this.names.get(at.host) ?? [{ transport, host: at.host, port: at.port ?? 5060 }];
  }

  markFailed(target: Target, span: Seconds): void {
    this.failed.push({ target, span });
  }
}

/** What the peer played by hand has heard, and its answers. */
export class Script {
  readonly requests: SipRequest[] = [];
  readonly responses: SipResponse[] = [];
  /** Answers each request, retransmissions too; set by the test. */
  answer: (request: SipRequest, flow: Flow) => void = () => undefined;
  readonly transport: Transport;
  #flow: Flow | undefined;

  constructor(transport: Transport) {
    this.transport = transport;
    transport.onMessage.on(({ message, flow }) => {
      this.#flow = flow;
      if (isRequest(message)) {
        this.requests.push(message);
        this.answer(message, flow);
      } else if (message instanceof SipResponse) this.responses.push(message);
    });
  }

  of(method: string): SipRequest[] {
    return this.requests.filter((request) => request.method === method);
  }

  statuses(method?: string): number[] {
    return this.responses.filter(({ cseq }) => !method || cseq.method === method).map(({ status }) => status);
  }

  reply(
    request: SipRequest,
    status: number,
    toTag = 'script',
    headers: readonly (readonly [string, string])[] = [],
  ): void {
    const contact = ['Contact', `<sip:script@${SCRIPT_HOST}>`] as const;
    const response = SipResponse.reply(request, status, { toTag, headers: [contact, ...headers] });
    if (this.#flow) void this.transport.send(response, this.#flow);
  }

  send(request: SipRequest, target: Target): void {
    void this.transport.send(request, target);
  }
}

const ALICE_HOST = '192.0.2.1';
const BOB_HOST = '192.0.2.2';
export const SCRIPT_HOST = '192.0.2.3';

export interface Party {
  readonly ua: UserAgent;
  readonly resolver: FakeResolver;
  readonly contact: NameAddr;
  readonly target: Target;
}

export interface Rig {
  readonly clock: VirtualClock;
  readonly network: MemoryNetwork;
  readonly alice: Party;
  readonly bob: Party;
  readonly script: Script;
  readonly advance: (ms: number) => Promise<void>;
  readonly stop: () => Promise<void>;
}

export async function rig(seed = 1, timers: TimerSettings = SIP_TIMERS): Promise<Rig> {
  const clock = new VirtualClock();
  const random = new SeededRandom(seed);
  const network = new MemoryNetwork({ clock, random });
  const transport = (host: string): Transport =>
    network.transport((['udp', 'tcp'] as const).map((each) => ({ transport: each, host, port: 5060 })));
  const party = (host: string): Party => {
    const resolver = new FakeResolver();
    const ua = new UserAgent({
      transport: transport(host),
      resolver,
      clock,
      random,
      timers,
      log: silentLogger(),
      userAgent: 'Test/1',
      allow: ALLOW,
      supported: ['timer', '199'],
    });
    const target: Target = { transport: 'udp', host, port: 5060 };
    return { ua, resolver, contact: NameAddr.of(uri(`sip:party@${host}`)), target };
  };
  const [alice, bob] = [party(ALICE_HOST), party(BOB_HOST)];
  const script = new Script(transport(SCRIPT_HOST));
  await alice.ua.start();
  await bob.ua.start();
  await script.transport.start();
  return {
    ...{ clock, network, alice, bob, script },
    advance: (ms) => clock.advance(Milliseconds(ms)),
    stop: async () => {
      await alice.ua.stop();
      await bob.ua.stop();
      await script.transport.stop();
    },
  };
}

let serial = 0;

/** A request of Alice's. */
export function request(
  method: string,
  to: string,
  headers: readonly (readonly [string, string])[] = [],
  body = '',
): SipRequest {
  serial += 1;
  return SipRequest.create({
    method,
    uri: uri(to),
    headers: [
      ['Max-Forwards', '70'],
      ['From', `<sip:alice@a.example>;tag=a${serial}`],
      ['To', `<${to}>`],
      ['Call-ID', `call-${serial}`],
      ['CSeq', `1 ${method}`],
      ['Contact', `<sip:alice@${ALICE_HOST}>`],
      ...headers,
    ],
    body,
  });
}

/** As `request`, but ready for the peer played by hand: with a Via of its own. */
export function scripted(
  method: string,
  to: string,
  headers: readonly (readonly [string, string])[] = [],
  branch = `z9hG4bKs${serial}`,
): SipRequest {
  const made = request(method, to, headers);
  made.headers.set('Contact', `<sip:script@${SCRIPT_HOST}>`);
  made.headers.prepend('Via', `SIP/2.0/UDP ${SCRIPT_HOST}:5060;branch=${branch}`);
  return made;
}

export interface Told {
  readonly sending: Sending;
  readonly provisional: SipResponse[];
  readonly final: SipResponse[];
  readonly failures: TandemError[];
}

export function send(party: Party, what: SipRequest, options: SendingOptions = {}): Told {
  const told = {
    provisional: [] as SipResponse[],
    final: [] as SipResponse[],
    failures: [] as TandemError[],
  };
  const sending = party.ua.send(
    what,
    {
      onProvisional: (response) => void told.provisional.push(response),
      onFinal: (response) => void told.final.push(response),
      onFailure: (error) => void told.failures.push(error),
    },
    options,
  );
  return { sending, ...told };
}

export const status = ({ final }: Told): number[] => final.map((response) => response.status);

/** Everything alive at both ends, when nothing should be. */
export const leaks = ({ alice, bob, clock }: Rig): object => ({
  alice: alice.ua.load,
  bob: bob.ua.load,
  timers: clock.pending,
});

export const NOTHING = {
  alice: { dialogs: 0, transactions: 0, acks: 0, answers: 0, sendings: 0 },
  bob: { dialogs: 0, transactions: 0, acks: 0, answers: 0, sendings: 0 },
  timers: 0,
};
