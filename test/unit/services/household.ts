// A device of a number, its network, and another device of the same number as dialog information tells of it.
import { silentLogger } from '#src/base/log.ts';
import { SeededRandom } from '#src/base/random.ts';
import { Seconds } from '#src/base/units.ts';
import { CallManager } from '#src/call/manager.ts';
import type { CallWorld } from '#src/call/world.ts';
import type { Registration } from '#src/ims/registration.ts';
import { DIALOG_INFO_NS, DIALOG_INFO_TYPE } from '#src/services/dialog-info/dialog-info.ts';
import { Federation, type FederationConfig } from '#src/services/federation/federation.ts';
import type { FederationCall } from '#src/services/federation/federation-call.ts';
import { Dialog } from '#src/sip/dialog/dialog.ts';
import { SipRequest } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { IMS_TIMERS } from '#src/sip/transaction/timers.ts';
import type { Incoming, UserAgent } from '#src/sip/ua/user-agent.ts';
import { FakeMedia, MemoryLog, sdp } from '../call/harness.ts';
import { DEVICE, IMPU, INSTANCE, Net, numericResolver, ok, PCSCF, sipUri } from '../ims/network.ts';

export const PHONE = 'urn:uuid:11111111-2222-4333-8444-555555555555';
const CONTACT = `<sip:${PCSCF}:5061;transport=tls>`;

export interface HouseholdOptions {
  readonly config?: Partial<FederationConfig>;
  readonly settings?: Parameters<Net['device']>[0];
  readonly call?: Partial<CallWorld['config']>;
  /** Default: a phone beside the device. */
  readonly phone?: boolean;
  readonly events?: string;
  /** Refuses the SUBSCRIBE for `dialog`. */
  readonly refuse?: number;
}

/** The answers to a request of another device, and what is told after it. */
export interface Asked {
  readonly statuses: number[];
  readonly notifies: SipRequest[];
}

export class Household {
  readonly net = new Net();
  readonly log = new MemoryLog();
  readonly media = new FakeMedia();
  readonly told: (readonly FederationCall[])[] = [];
  /** For `dialog`, first and refreshes. */
  readonly subscribes: Incoming[] = [];
  readonly invites: Incoming[] = [];
  /** Whatever else came in a dialog of an INVITE. */
  readonly inDialog: Incoming[] = [];
  readonly notified: number[] = [];
  readonly rings: boolean[] = [];
  server!: UserAgent;
  ua!: UserAgent;
  registration!: Registration;
  calls!: CallManager;
  federation!: Federation;
  #flow: Incoming['flow'] | undefined;
  #subscription: Dialog | undefined;
  #reg: Dialog | undefined;
  #version = 0;
  #asked = 0;

  static async start(options: HouseholdOptions = {}): Promise<Household> {
    const scene = new Household();
    await scene.#build(options);
    scene.registration.start();
    await scene.net.pass(10);
    return scene;
  }

  async #build(options: HouseholdOptions): Promise<void> {
    const { net } = this;
    this.server = await net.server();
    const headers: [string, string][] = [['P-Associated-URI', `<${IMPU}>`]];
    if (options.events !== undefined) headers.push(['Allow-Events', options.events]);
    net.answer('REGISTER', (incoming) => {
      this.#flow = incoming.flow;
      ok({ expires: 600_000, headers })(incoming);
    });
    net.answer('SUBSCRIBE', (incoming) => this.#subscribed(incoming, options));
    net.answer('INVITE', (incoming) => void this.invites.push(incoming));
    const { ua, registration } = await net.device(options.settings);
    this.ua = ua;
    this.registration = registration;
    const base = { ua, clock: net.clock, random: new SeededRandom(11), log: silentLogger() };
    const world: CallWorld = {
      ...base,
      line: registration,
      media: this.media,
      resolver: numericResolver,
      resolveHost: async () => '192.0.2.77',
      config: {
        media: { address: 'auto', ports: { from: 20_000, to: 20_100 }, codecs: ['PCMU', 'PCMA'] },
        audio: { capture: 'null', playback: 'null' },
        ringTime: Seconds(60),
        waiting: true,
        autoAnswer: [],
        ...options.call,
      },
    };
    this.calls = new CallManager(world, this.log);
    this.federation = new Federation(
      {
        ...base,
        timers: IMS_TIMERS,
        retry: { base: Seconds(30), max: Seconds(1800) },
        home: registration,
        calls: this.calls,
        world,
        ring: (on) => void this.rings.push(on),
      },
      { policy: 'auto', push: 'ring', ...options.config },
    );
    this.federation.onChange.on((list) => this.told.push(list));
    ua.onRequest((incoming) => {
      if (!this.calls.handle(incoming) && !this.federation.handle(incoming)) incoming.respond(405);
    });
  }

  #subscribed(incoming: Incoming, options: HouseholdOptions): void {
    const isDialog = incoming.request.event?.type === 'dialog';
    if (isDialog) this.subscribes.push(incoming);
    if (isDialog && options.refuse !== undefined) {
      incoming.respond(options.refuse);
      return;
    }
    const contact = NameAddr.of(sipUri(`sip:${PCSCF}:5061;transport=tls`));
    const accept = (to: Incoming): void => {
      const fields = [['Contact', contact.toString()] as const, ['Expires', '3600'] as const];
      to.respond(200, { headers: fields });
    };
    accept(incoming);
    const dialog = Dialog.uas(incoming.request, { localTag: incoming.localTag, contact });
    dialog.confirm();
    dialog.flow = incoming.flow;
    this.server.attach(dialog, {
      onRequest: (again) => {
        if (isDialog) this.subscribes.push(again);
        accept(again);
      },
    });
    if (isDialog) {
      this.#subscription = dialog;
      this.#version = 0;
      return;
    }
    this.#reg = dialog;
    void this.devices(options.phone ?? true);
  }

  /** Who is registered: this device, and a phone beside it. */
  async devices(phone: boolean): Promise<void> {
    const [register] = this.net.of('REGISTER').slice(-1);
    const own = register?.request.contacts[0]?.uri.toString() ?? '';
    const contact = (id: string, uri: string, instance: string): string =>
      `<contact id="${id}" state="active" event="registered"><uri>${uri}</uri>
       <unknown-param name="+sip.instance">"&lt;${instance}&gt;"</unknown-param></contact>`;
    const contacts =
      contact('c1', own, INSTANCE) + (phone ? contact('c2', 'sip:phone@192.0.2.50', PHONE) : '');
    await this.#notify(
      this.#reg,
      'reg',
      'application/reginfo+xml',
      `<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="0" state="full">
       <registration aor="${IMPU}" id="r1" state="active">${contacts}</registration></reginfo>`,
    );
  }

  /** A document of the dialog package; `version` undefined counts on. */
  async dialogs(
    kind: 'full' | 'partial',
    dialogs: string,
    options: { version?: number; state?: string; type?: string } = {},
  ): Promise<void> {
    const version = options.version ?? this.#version;
    this.#version = version + 1;
    const body = `<dialog-info xmlns="${DIALOG_INFO_NS}" version="${version}" state="${kind}" entity="${IMPU}">${dialogs}</dialog-info>`;
    await this.tell(body, options);
  }

  /** Any body. */
  tell(body: string, options: { state?: string; type?: string } = {}): Promise<void> {
    return this.#notify(this.#subscription, 'dialog', options.type ?? DIALOG_INFO_TYPE, body, options.state);
  }

  async #notify(
    dialog: Dialog | undefined,
    event: string,
    contentType: string,
    body: string,
    state = 'active;expires=3600',
  ): Promise<void> {
    if (!dialog) throw new Error('no subscription');
    const headers = [['Event', event] as const, ['Subscription-State', state] as const];
    const request = dialog.createRequest('NOTIFY', { headers, body, contentType });
    this.server.sendInDialog(dialog, request, {
      onFinal: ({ status }) => void this.notified.push(status),
      onFailure: () => void this.notified.push(0),
    });
    await this.net.pass(0.5);
  }

  /** The INVITE that the device sends next, the first of the scene. */
  async invited(): Promise<Incoming> {
    await this.net.pass(0.5);
    const [invite] = this.invites;
    if (!invite) throw new Error('no INVITE');
    return invite;
  }

  /** Answers an INVITE of the device; its dialog, as the far end has it. */
  async accept(invite: Incoming): Promise<Dialog> {
    const contact = NameAddr.of(sipUri(`sip:far@${PCSCF}:5061;transport=tls`));
    invite.respond(200, { headers: [['Contact', contact.toString()]], body: sdp() });
    const dialog = Dialog.uas(invite.request, { localTag: invite.localTag, contact });
    dialog.confirm();
    dialog.flow = invite.flow;
    this.server.attach(dialog, {
      onRequest: (incoming) => {
        this.inDialog.push(incoming);
        incoming.respond(200);
      },
    });
    await this.net.pass(0.5);
    return dialog;
  }

  async bye(dialog: Dialog): Promise<void> {
    this.server.sendInDialog(dialog, dialog.createRequest('BYE'), {
      onFinal: () => undefined,
      onFailure: () => undefined,
    });
    await this.net.pass(0.5);
  }

  /** The far end calls the number; the INVITE as it left. */
  async ring(callId: string): Promise<{ request: SipRequest; cancel: () => Promise<void> }> {
    const request = SipRequest.create({
      method: 'INVITE',
      uri: this.#contact(),
      headers: [
        ['Max-Forwards', '70'],
        ['From', '"Bob" <sip:bob@op.example>;tag=bob'],
        ['To', `<${IMPU}>`],
        ['Call-ID', callId],
        ['CSeq', '1 INVITE'],
        ['Contact', CONTACT],
        ['Content-Type', 'application/sdp'],
      ],
      body: sdp(),
    });
    const sending = this.server.send(
      request,
      { onFinal: () => undefined, onFailure: () => undefined },
      { flow: this.#flow },
    );
    await this.net.pass(0.5);
    return {
      request,
      cancel: async () => {
        sending.cancel([['Reason', 'SIP;cause=200;text="Call completed elsewhere"']]);
        await this.net.pass(0.5);
      },
    };
  }

  /**
   * A request outside a dialog over the registered flow, as the network brings it from another device of the number:
   * the status of its answer, and the NOTIFYs that follow.
   */
  async ask(
    method: 'SUBSCRIBE' | 'REFER',
    headers: readonly (readonly [string, string])[],
    asserted: string | undefined = IMPU,
  ): Promise<Asked> {
    const callId = `asked-${this.#asked}`;
    this.#asked += 1;
    const asked: Asked = { statuses: [], notifies: [] };
    const request = SipRequest.create({
      method,
      uri: this.#contact(),
      headers: [
        ['Max-Forwards', '70'],
        ['From', `<${IMPU}>;tag=other`],
        ['To', `<${IMPU}>`],
        ['Call-ID', callId],
        ['CSeq', `1 ${method}`],
        ['Contact', CONTACT],
        ...(asserted === undefined ? [] : [['P-Asserted-Identity', `<${asserted}>`] as const]),
        ...headers,
      ],
    });
    this.server.expect({ callId, localTag: 'other', method: 'NOTIFY' }, (incoming) => {
      asked.notifies.push(incoming.request);
      incoming.respond(200);
    });
    this.server.send(
      request,
      {
        onFinal: ({ status }) => void asked.statuses.push(status),
        onFailure: () => void asked.statuses.push(0),
      },
      { flow: this.#flow },
    );
    await this.net.pass(1);
    return asked;
  }

  #contact(): SipRequest['requestUri'] {
    const [register] = this.net.of('REGISTER').slice(-1);
    const contact = register?.request.contacts[0];
    if (!contact) throw new Error('not registered');
    return contact.uri;
  }

  /** A call of the device that stands; the far end's dialog. */
  async talk(to = 'sip:bob@op.example'): Promise<{ readonly id: string; readonly far: Dialog }> {
    const call = this.calls.dial({ to });
    await this.net.pass(0.5);
    const invite = this.invites.at(-1);
    if (!invite) throw new Error('no INVITE');
    return { id: call.id, far: await this.accept(invite) };
  }

  /** What left the device. */
  sent(method: string): SipRequest[] {
    return this.net.sent(DEVICE).filter((request) => request.method === method);
  }
}
