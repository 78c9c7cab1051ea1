// A web server with an agent behind it that a test can see into.
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { SystemClock } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import { silentLogger } from '#src/base/log.ts';
import { SeededRandom } from '#src/base/random.ts';
import type { Frame } from '#src/media/mp4.ts';
import type { FederationCall } from '#src/services/federation/federation-call.ts';
import type { MailboxState } from '#src/services/message-waiting/mailbox.ts';
import type { ServicesView } from '#src/services/ut/document.ts';
import type { PageFiles } from '#src/web/page.ts';
import type {
  CallPort,
  CallQuality,
  CallSnapshot,
  DemoPhone,
  DemoPort,
  LogRow,
  Notice,
  StatusSnapshot,
  WebPorts,
} from '#src/web/ports.ts';
import { Sessions } from '#src/web/security/session.ts';
import { WebServer } from '#src/web/server.ts';
import { TraceRing } from '#src/web/trace/ring.ts';

export const TOKEN = 'test-token';

export const STATUS: StatusSnapshot = {
  version: '1.2.3',
  uptime: 5,
  listen: ['udp:127.0.0.1:5060'],
  registration: {
    state: 'registered',
    expires: 60,
    identities: [{ uri: 'sip:a@op.example', kind: 'default', active: true }],
  },
  federation: [],
};

export const call = (id: string, state: CallSnapshot['state'] = 'ringing'): CallSnapshot => ({
  id,
  direction: 'in',
  state,
  waiting: false,
  hold: 'none',
  remote: { uri: 'sip:b@op.example', name: 'Bö' },
  identity: 'sip:a@op.example',
  video: false,
  dialogs: [],
  start: '2020-01-01T00:00:00.000Z',
});

/** A demonstration with one phone that rings. */
export class TestDemo implements DemoPort {
  readonly onChange = new Signal<readonly DemoPhone[]>();
  readonly asked: string[] = [];

  phones = (): readonly DemoPhone[] => [
    {
      ...{ id: 'phone', name: 'Phone', uri: 'sip:a@op.example', instance: 'urn:uuid:1', shares: true },
      ...{ state: 'ringing', remote: 'sip:b@op.example' },
    },
  ];

  ring(): void {
    this.asked.push('ring');
  }

  act(id: string, action: string): void {
    if (id !== 'phone') throw new TandemError('caller', 'call.unknown', 'Nobody.');
    if (action === 'hangup') throw new TandemError('caller', 'call.state', 'Not active.');
    this.asked.push(`${action} ${id}`);
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

const PLACEHOLDERS: PageFiles = { script: 'SCRIPT', style: 'STYLE' };

export class Rig {
  readonly events = {
    onStatus: new Signal<StatusSnapshot>(),
    onCall: new Signal<CallSnapshot>(),
    onLog: new Signal<LogRow>(),
    onConfig: new Signal<Readonly<Record<string, unknown>>>(),
    onFederationCalls: new Signal<readonly FederationCall[]>(),
    onMailbox: new Signal<MailboxState>(),
    onNotice: new Signal<Notice>(),
    onServices: new Signal<ServicesView>(),
  };
  readonly calls = new Map<string, CallSnapshot>();
  /** What reached the agent. */
  readonly asked: unknown[] = [];
  quality: CallQuality = {};
  digits: ReturnType<CallPort['digits']> = [];
  details: ReturnType<CallPort['details']> = {};
  federationCalls: readonly FederationCall[] = [];
  mailbox: MailboxState = { known: false, waiting: false, messages: [] };
  /** Undefined: Ut is closed. */
  services: ServicesView | undefined;
  hasVideo = false;
  inUse = false;
  keyFramesAsked = 0;
  readonly watched = {
    onFrame: new Signal<Frame>(),
    onGone: new Signal<void>(),
    requestKeyFrame: (): void => {
      this.keyFramesAsked += 1;
    },
  };
  readonly trace = new TraceRing(new SystemClock());
  readonly sessions = new Sessions({ token: TOKEN, clock: new SystemClock(), random: new SeededRandom(1) });
  readonly server: WebServer;

  private constructor(demo: DemoPort | undefined, page: PageFiles) {
    const act =
      (name: string, wanted: CallSnapshot['state'], next: CallSnapshot['state']) =>
      (id: string, more?: unknown) => {
        this.asked.push([name, id, more]);
        const known = this.calls.get(id);
        if (known?.state !== wanted)
          throw new TandemError('caller', 'call.state', `Not ${wanted}.`, {
            detail: { state: known?.state },
          });
        const after = { ...known, state: next };
        this.calls.set(id, after);
        return after;
      };
    const ports: WebPorts = {
      status: () => STATUS,
      calls: {
        list: () => [...this.calls.values()],
        get: (id) => this.calls.get(id),
        dial: (request) => {
          this.asked.push(['dial', request]);
          if (request.to === 'bad') throw new TandemError('caller', 'call.target', 'Nobody.');
          if (request.to === 'offline') throw new TandemError('network', 'call.not-registered', 'Offline.');
          if (request.to === 'defect') throw new Error('secret inside');
          const made = call('new', 'dialing');
          this.calls.set('new', made);
          return made;
        },
        answer: act('answer', 'ringing', 'active'),
        reject: act('reject', 'ringing', 'ended'),
        hangup: act('hangup', 'active', 'ended'),
        transfer: act('transfer', 'active', 'active'),
        hold: act('hold', 'active', 'active'),
        resume: async (id) => act('resume', 'active', 'active')(id),
        conference: act('conference', 'active', 'active'),
        remove: act('remove', 'active', 'active'),
        dtmf: act('dtmf', 'active', 'active'),
        video: (id, enabled) => act('video', 'active', 'active')(id, enabled),
        quality: () => this.quality,
        details: () => this.details,
        digits: () => this.digits,
        watch: () => (this.hasVideo ? this.watched : undefined),
        sipCallIds: (id) => [`${id}@sip`],
      },
      federation: {
        list: () => this.federationCalls,
        pull: (id) => {
          this.asked.push(['pull', id]);
          if (!this.federationCalls.some((each) => each.id === id))
            throw new TandemError('caller', 'federation.unknown', 'No such call.');
          if (id === 'ringing') throw new TandemError('caller', 'federation.not-pullable', 'It rings.');
          const made = call('pulled', 'dialing');
          this.calls.set('pulled', made);
          return made;
        },
        decline: (id) => {
          this.asked.push(['decline', id]);
          if (!this.federationCalls.some((each) => each.id === id))
            throw new TandemError('caller', 'federation.unknown', 'No such call.');
        },
        push: (id, instance) => {
          this.asked.push(['push', id, instance]);
          if (instance === 'urn:uuid:nobody')
            throw new TandemError('caller', 'federation.unknown-device', 'Nobody.');
          const known = this.calls.get(id);
          if (!known) throw new TandemError('caller', 'call.unknown', 'No such call.');
          return known;
        },
      },
      mailbox: () => this.mailbox,
      ut: {
        isOpen: true,
        read: async () => {
          if (this.services) return this.services;
          throw new TandemError('network', 'ut.timeout', 'No answer.');
        },
        change: async (change) => {
          this.asked.push(['services', change]);
          if (!this.services) throw new TandemError('operator', 'ut.conflict', 'Refused.');
          return this.services;
        },
      },
      buttons: {
        names: ['bell'],
        press: (name) => {
          if (name !== 'bell') throw new TandemError('caller', 'button.unknown', 'None.');
          this.asked.push(['press', name]);
          return call('new', 'dialing');
        },
      },
      identities: { setActive: (uri, active) => void this.asked.push(['identity', uri, active]) },
      log: {
        list: ({ before, limit }) => {
          this.asked.push(['log', before, limit]);
          return before === 'nobody' ? undefined : [];
        },
      },
      config: {
        describe: () => ({
          profile: { value: 'sip', origin: 'file' },
          video: {
            capture: { value: 'none', origin: 'default' },
            sink: { value: 'none', origin: 'default' },
          },
          call: { dnd: { value: false, origin: 'default' } },
        }),
        change: async (changes) => {
          this.asked.push(['config', changes]);
          return changes;
        },
      },
      audio: {
        measure: async () => {
          this.asked.push(['measure']);
          if (this.inUse) throw new TandemError('caller', 'audio.in-use', 'A call is on.');
          return { delay_ms: 80, confidence: 0.9, echo_db: -12.5, kept: true };
        },
      },
      events: this.events,
      trace: this.trace,
      metrics: () => [
        {
          name: 'calls_total',
          help: 'Calls.\nAll.',
          type: 'counter',
          samples: [{ labels: { direction: 'in"' }, value: 2 }],
        },
      ],
      ...(demo ? { demo } : {}),
    };
    this.server = new WebServer({
      host: '127.0.0.1',
      port: 0,
      sessions: this.sessions,
      ports,
      clock: new SystemClock(),
      random: new SeededRandom(1),
      log: silentLogger(),
      page,
    });
  }

  /** `page`: instead of placeholders, the built one for a real browser. */
  static async start(demo?: DemoPort, page: PageFiles = PLACEHOLDERS): Promise<Rig> {
    const rig = new Rig(demo, page);
    await rig.server.start();
    return rig;
  }

  async stop(): Promise<void> {
    await this.server.stop();
    this.sessions.close();
  }

  /** A request exactly as written: no header is added but Host. */
  raw(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
    body?: string | Buffer,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const out = httpRequest(`${this.server.url}${path}`, { method, headers, agent: false }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(parts).toString('utf8'),
          }),
        );
        response.on('error', reject);
      });
      out.on('error', reject);
      out.end(body);
    });
  }

  /** A request with the token; a body is sent as JSON. */
  async api(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
    const answer = await this.raw(
      method,
      `/api/v1/${path}`,
      {
        authorization: `Bearer ${TOKEN}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body === undefined ? undefined : JSON.stringify(body),
    );
    return { status: answer.status, body: JSON.parse(answer.text) };
  }
}

/** The id of an error body, when it has exactly the contract's shape. */
export function errorId(text: string): string | undefined {
  const body: unknown = JSON.parse(text);
  if (typeof body !== 'object' || body === null || !('error' in body)) return undefined;
  const { error } = body;
  if (typeof error !== 'object' || error === null || Object.keys(error).sort().join() !== 'detail,id,message')
    return undefined;
  return 'id' in error && typeof error.id === 'string' ? error.id : undefined;
}
