// The test operator on a network in memory, and stations that speak to it message by message.
import { VirtualClock } from '#src/base/clock.ts';
import { checkOperator, operatorSchema } from '#src/base/config/operator-schema.ts';
import { settle } from '#src/base/config/settings.ts';
import { fromJson } from '#src/base/config/toml.ts';
import { silentLogger } from '#src/base/log.ts';
import { SeededRandom } from '#src/base/random.ts';
import { Milliseconds } from '#src/base/units.ts';
import { Operator, type OperatorDeps } from '#src/operator/operator.ts';
import { DigestClient } from '#src/sip/digest/client.ts';
import { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { isSipUri, parseUri } from '#src/sip/message/uri.ts';
import type { TransportName } from '#src/sip/transport/address.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import { MemoryNetwork } from '#src/sip/transport/memory.ts';
import type { Transport } from '#src/sip/transport/transport.ts';
import { FakeMedia } from '../call/harness.ts';

export const OPERATOR = '192.0.2.1';
export const NUMBER = 'sip:+46701234567@op.example';
export const OFFICE = 'sip:office@op.example';

type Headers = readonly (readonly [string, string])[];

export interface StationFields {
  readonly host: string;
  readonly impi: string;
  readonly password?: string;
  readonly identity?: string;
  readonly transport?: TransportName;
  readonly instance?: string;
}

/** One device or softphone. It does nothing by itself. */
export class Station {
  readonly received: (SipRequest | SipResponse)[] = [];
  readonly #flows = new Map<SipRequest | SipResponse, Flow>();
  readonly #scene: Scene;
  readonly #transport: Transport;
  readonly #digest: DigestClient;
  readonly fields: Required<Omit<StationFields, 'instance'>> & { readonly instance: string | undefined };
  #count = 0;

  constructor(scene: Scene, transport: Transport, fields: StationFields) {
    this.#scene = scene;
    this.#transport = transport;
    this.fields = { password: 'secret', identity: NUMBER, transport: 'udp', instance: undefined, ...fields };
    const { impi: username, password } = this.fields;
    this.#digest = new DigestClient({ credentials: { username, password }, random: new SeededRandom(9) });
    transport.onMessage.on(({ message, flow }) => {
      if (!(message instanceof SipRequest) && !(message instanceof SipResponse)) return;
      this.received.push(message);
      this.#flows.set(message, flow);
    });
  }

  get contact(): string {
    const { host, transport } = this.fields;
    return `sip:me@${host}:5060${transport === 'udp' ? '' : `;transport=${transport}`}`;
  }

  requests(method: string): SipRequest[] {
    return this.received
      .filter((each) => each instanceof SipRequest)
      .filter((each) => each.method === method);
  }

  responses(method: string): SipResponse[] {
    return this.received
      .filter((each) => each instanceof SipResponse)
      .filter((each) => each.cseq.method === method);
  }

  statuses(method: string): number[] {
    return this.responses(method).map(({ status }) => status);
  }

  last(method: string): SipRequest {
    const found = this.requests(method).at(-1);
    if (!found) throw new Error(`${this.fields.impi} got no ${method}`);
    return found;
  }

  make(
    method: string,
    to: string,
    headers: Headers = [],
    ids: { callId?: string; cseq?: number; body?: string } = {},
  ): SipRequest {
    const target = parseUri(to);
    if (!target.ok) throw new Error(to);
    this.#count += 1;
    const tag = `${this.fields.impi.replace(/\W/g, '')}-t`;
    const given = new Set(headers.map(([name]) => name));
    const usual: Headers = [
      [
        'Via',
        `SIP/2.0/${this.fields.transport.toUpperCase()} ${this.fields.host}:5060;branch=z9hG4bK-${this.fields.host}-${this.#count};rport`,
      ],
      ['Max-Forwards', '70'],
      ['From', `<${this.fields.identity}>;tag=${tag}`],
      ['To', `<${to}>`],
      ['Call-ID', ids.callId ?? `${method}-${this.#count}@${this.fields.host}`],
      ['CSeq', `${ids.cseq ?? 1} ${method}`],
      ['Contact', `<${this.contact}>`],
    ];
    return SipRequest.create({
      method,
      uri: target.value,
      headers: [...usual.filter(([name]) => !given.has(name)), ...headers],
      ...(ids.body === undefined ? {} : { body: ids.body }),
    });
  }

  async send(request: SipRequest): Promise<void> {
    const { transport } = this.fields;
    // A connection takes virtual time.
    const sent = this.#transport.send(request, { transport, host: OPERATOR, port: 5060 });
    await this.#scene.pass(0.05);
    await sent;
  }

  /** REGISTER, and again with credentials when it is challenged; the last answer. */
  async register(headers: Headers = [], domain = 'sip:op.example'): Promise<SipResponse> {
    const instance = this.fields.instance;
    const ids = instance === undefined ? '' : `;+sip.instance="<${instance}>";reg-id=1`;
    const first = this.make('REGISTER', domain, [
      ['To', `<${this.fields.identity}>`],
      ...(headers.some(([name]) => name === 'Contact')
        ? []
        : [['Contact', `<${this.contact}>${ids}`] as const]),
      ...headers,
    ]);
    if (instance !== undefined) this.#digest.announce(first);
    return this.authenticated(first);
  }

  async authenticated(request: SipRequest): Promise<SipResponse> {
    await this.send(request);
    const answer = this.responses(request.method).at(-1);
    if (!answer) throw new Error('no answer');
    if (answer.status !== 401 && answer.status !== 407) return answer;
    const again = this.#digest.authorize(request, answer);
    if (!again.ok) return answer;
    const via = request.topVia;
    again.value.headers.prepend(
      'Via',
      via.withParams(via.params.with('branch', `${via.branch}a`)).toString(),
    );
    await this.send(again.value);
    return this.responses(request.method).at(-1) ?? answer;
  }

  async reply(
    request: SipRequest,
    status: number,
    headers: Headers = [],
    tag = `${this.fields.host}-u`,
    body?: string,
  ): Promise<void> {
    const flow = this.#flows.get(request);
    if (!flow) throw new Error('that request did not come here');
    const contact: Headers = status > 100 && status < 300 ? [['Contact', `<${this.contact}>`]] : [];
    await this.#transport.send(
      SipResponse.reply(request, status, {
        toTag: tag,
        headers: [...contact, ...headers],
        ...(body === undefined ? {} : { body }),
      }),
      flow,
    );
    await this.#scene.pass(0.05);
  }
}

/** The answer's ACK, along its route set. */
export function ackOf(invite: SipRequest, answer: SipResponse, station: Station): SipRequest {
  const contact = answer.contacts[0]?.uri.toString() ?? '';
  const routes = answer.recordRoutes.toReversed().map((route) => ['Route', route.toString()] as const);
  return station.make(
    'ACK',
    contact,
    [['From', invite.from.toString()], ['To', answer.to.toString()], ...routes],
    { callId: invite.callId, cseq: invite.cseq.number },
  );
}

export class Scene {
  readonly clock = new VirtualClock(new Date('2026-01-01T00:00:00Z'));
  readonly network: MemoryNetwork;
  readonly media = new FakeMedia();
  operator!: Operator;
  #port = 0;

  private constructor() {
    this.network = new MemoryNetwork({ clock: this.clock, random: new SeededRandom(4) });
  }

  static async start(
    settings: Readonly<Record<string, unknown>> = {},
    deps: Partial<OperatorDeps> = {},
  ): Promise<Scene> {
    const scene = new Scene();
    const tree = fromJson({
      listen: { sip: [`udp:${OPERATOR}:5060`, `tcp:${OPERATOR}:5060`], domain: 'op.example' },
      accounts: [
        {
          impi: 'phone@op.example',
          password: 'secret',
          impus: [NUMBER, 'tel:+46701234567', OFFICE],
          role: 'primary',
        },
        { impi: 'tablet@op.example', password: 'secret', impus: [NUMBER, 'tel:+46701234567', OFFICE] },
        { impi: 'guest', password: 'secret', impus: ['sip:guest@op.example'] },
      ],
      ...settings,
    });
    if (tree.kind !== 'table') throw new Error('no table');
    const { config } = settle(operatorSchema, [{ origin: 'file', file: 'test.toml', tree }], checkOperator);
    const started = Operator.start(config, {
      clock: scene.clock,
      random: new SeededRandom(5),
      log: silentLogger(),
      media: scene.media,
      web: false,
      ...deps,
      transport: (listen) => {
        scene.#port += 1;
        return scene.network.transport(listen, OPERATOR);
      },
    });
    // It is awaited when time has passed; a failure before that is told then.
    started.catch(() => undefined);
    await scene.pass(1);
    scene.operator = await started;
    await scene.pass(2);
    return scene;
  }

  async station(fields: StationFields): Promise<Station> {
    const { host } = fields;
    const listen = (['udp', 'tcp'] as const).map((transport) => ({ transport, host, port: 5060 }));
    const transport = this.network.transport(listen, host);
    await transport.start();
    return new Station(this, transport, fields);
  }

  /** Phone and tablet of one number, and a guest, all registered. */
  async three(): Promise<{ phone: Station; tablet: Station; guest: Station }> {
    const phone = await this.station({
      host: '192.0.2.11',
      impi: 'phone@op.example',
      instance: 'urn:uuid:aa',
    });
    const tablet = await this.station({
      host: '192.0.2.12',
      impi: 'tablet@op.example',
      instance: 'urn:uuid:bb',
      transport: 'tcp',
    });
    const guest = await this.station({ host: '192.0.2.13', impi: 'guest', identity: 'sip:guest@op.example' });
    for (const each of [phone, tablet, guest]) await each.register([['Supported', 'path, outbound, gruu']]);
    return { phone, tablet, guest };
  }

  async pass(seconds: number): Promise<void> {
    await this.clock.advance(Milliseconds(seconds * 1000));
  }
}

export function sipUriOf(text: string) {
  const parsed = parseUri(text);
  if (!parsed.ok || !isSipUri(parsed.value)) throw new Error(text);
  return parsed.value;
}
