// The API as the page uses it: by its session cookie, with the header that shows a change comes from here.
import {
  type Call,
  type Change,
  type Details,
  type Mailbox,
  type OtherCall,
  type Phone,
  type Services,
  type ServicesState,
  SHOWN_ROWS,
  type Status,
  type Whole,
} from './model.ts';

const PAGE_HEADER = { 'x-tandem-page': '1' };

/** A refusal of the API: its sentence, and the id that says what kind it is. */
export class Refused extends Error {
  readonly id: string;

  constructor(id: string, message: string) {
    super(message);
    this.id = id;
  }
}

/** Throws `Refused`, or what `fetch` throws while the device cannot be reached. */
async function ask<Value>(method: string, path: string, body?: object): Promise<Value> {
  const response = await fetch(path, {
    method,
    headers: { ...PAGE_HEADER, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const answer = await response.json();
  if (response.status === 401)
    throw new Refused('session', 'This session has ended. Ask for a new link: tandem status --link');
  if (!response.ok) throw new Refused(answer.error.id, answer.error.message);
  return answer;
}

const api = <Value>(method: string, path: string, body?: object): Promise<Value> =>
  ask(method, `/api/v1/${path}`, body);

export async function fetchAll(demo: boolean): Promise<Change> {
  const [status, calls, log, phones, config, others, mailbox, buttons] = await Promise.all([
    api<Status>('GET', 'status'),
    api<readonly Call[]>('GET', 'calls'),
    api<readonly Call[]>('GET', `log?limit=${SHOWN_ROWS}`),
    demo ? ask<readonly Phone[]>('GET', '/demo/phones') : [],
    api<Config>('GET', 'config'),
    api<readonly OtherCall[]>('GET', 'federation/calls'),
    api<Mailbox>('GET', 'messages-waiting'),
    api<readonly string[]>('GET', 'buttons'),
  ]);
  const live = calls.filter(({ state }) => state !== 'ended');
  const details = Object.fromEntries(
    await Promise.all(live.map(async ({ id }) => [id, await fetchDetails(id)] as const)),
  );
  const whole: Whole = { status, calls, details, log, phones, others, mailbox, buttons, ...ofConfig(config) };
  return { type: 'all', ...whole };
}

/** As far as the page reads it. */
interface Config {
  readonly video: Readonly<Record<'capture' | 'sink', { readonly value?: unknown }>>;
  readonly call: Readonly<Record<'dnd', { readonly value?: unknown }>>;
}

const ofConfig = ({ video, call }: Config): Pick<Whole, 'canVideo' | 'quiet'> => ({
  canVideo: [video.capture, video.sink].some(({ value }) => value !== undefined && value !== 'none'),
  quiet: call.dnd.value === true,
});

const ofCall = (id: string, part: string): string => `calls/${encodeURIComponent(id)}/${part}`;

export interface DialWish {
  readonly to: string;
  readonly video: boolean;
  /** Undefined: the default one. */
  readonly identity: string | undefined;
  /** The called shall not see who calls. */
  readonly hidden: boolean;
}

export const dial = ({ to, video, identity, hidden }: DialWish): Promise<Call> =>
  api('POST', 'calls', {
    to,
    ...(video ? { video } : {}),
    ...(identity === undefined ? {} : { identity }),
    ...(hidden ? { privacy: true } : {}),
  });

export type SimpleAction = 'answer' | 'reject' | 'hangup' | 'hold' | 'resume';
export const act = (id: string, action: SimpleAction, body: object = {}): Promise<Call> =>
  api('POST', ofCall(id, action), body);
export const setVideo = (id: string, enabled: boolean): Promise<Call> =>
  api('POST', ofCall(id, 'video'), { enabled });
export const videoPath = (id: string): string => `/api/v1/${ofCall(id, 'video')}`;
export const sendDigits = (id: string, digits: string): Promise<Call> =>
  api('POST', ofCall(id, 'dtmf'), { digits });
export const transferTo = (id: string, to: string): Promise<Call> =>
  api('POST', ofCall(id, 'transfer'), { to });
/** The party of the first call is put through to that of the other. */
export const transferToCall = (id: string, call: string): Promise<Call> =>
  api('POST', ofCall(id, 'transfer'), { call });
export const confer = (id: string, calls: readonly string[]): Promise<Call> =>
  api('POST', ofCall(id, 'conference'), { calls });
export const removeParty = (id: string, uri: string): Promise<Call> =>
  api('POST', ofCall(id, 'remove'), { uri });
export const pushTo = (id: string, instance: string): Promise<Call> =>
  api('POST', ofCall(id, 'push'), { instance });
export const fetchDetails = (id: string): Promise<Details> => api('GET', ofCall(id, 'details'));

const ofOther = (id: string, part: string): string => `federation/calls/${encodeURIComponent(id)}/${part}`;
export const pull = (id: string): Promise<Call> => api('POST', ofOther(id, 'pull'), {});
export const declineOffer = (id: string): Promise<unknown> => api('POST', ofOther(id, 'decline'), {});

export const press = (button: string): Promise<Call> =>
  api('POST', `buttons/${encodeURIComponent(button)}/press`, {});
export const setQuiet = (quiet: boolean): Promise<unknown> =>
  api('PATCH', 'config', { call: { dnd: quiet } });

/** What the network says now; it may take its time, or not answer at all. */
export async function fetchServices(): Promise<ServicesState> {
  try {
    const answer = await api<{ readonly open: false } | ({ readonly open: true } & Services)>(
      'GET',
      'services',
    );
    return answer.open ? { state: 'known', services: answer } : { state: 'closed' };
  } catch (error) {
    const text = error instanceof Refused ? error.message : 'The device cannot be reached.';
    return { state: 'failed', text };
  }
}

export interface ServicesWish {
  readonly forwarding?: Readonly<Record<string, { readonly active: boolean; readonly target?: string }>>;
  readonly no_reply_seconds?: number;
  readonly barring?: Readonly<Record<string, boolean>>;
  readonly hide_number?: boolean;
  readonly hide_answer?: boolean;
  readonly call_waiting?: boolean;
}

export const setServices = (wish: ServicesWish): Promise<unknown> => api('PATCH', 'services', wish);

/** Only in the demonstration. */
export const ring = (): Promise<unknown> => ask('POST', '/demo/ring', {});
/** Only in the demonstration. */
export const tellPhone = (id: string, action: 'answer' | 'decline' | 'hangup'): Promise<unknown> =>
  ask('POST', `/demo/phones/${encodeURIComponent(id)}/${action}`, {});

export const troubleOf = (error: unknown): Change => ({
  type: 'trouble',
  trouble:
    error instanceof Refused
      ? { id: error.id, text: error.message }
      : { id: 'network', text: 'The device cannot be reached.' },
});

/** Follows the event stream; the browser comes back by itself, and after each gap everything is asked for again. */
export function follow(demo: boolean, tell: (change: Change) => void): void {
  const refresh = (): void => {
    void fetchAll(demo).then(tell, (error: unknown) => tell(troubleOf(error)));
    void fetchServices().then((services) => tell({ type: 'services', services }));
  };
  const source = new EventSource('/api/v1/events');
  const on = <Value>(name: string, change: (value: Value) => Change): void =>
    source.addEventListener(name, ({ data }) => tell(change(JSON.parse(data))));
  source.addEventListener('open', refresh);
  source.addEventListener('error', () => {
    tell({ type: 'connected', connected: false });
    // Refused rather than interrupted: the session may be over.
    if (source.readyState === EventSource.CLOSED) refresh();
  });
  on<Status>('status', (status) => ({ type: 'status', status }));
  on<readonly Phone[]>('demo', (phones) => ({ type: 'phones', phones }));
  on<Call>('log', (row) => ({ type: 'log', row }));
  on<readonly OtherCall[]>('federation-calls', (others) => ({ type: 'others', others }));
  on<Mailbox>('mwi', (mailbox) => ({ type: 'mailbox', mailbox }));
  on<Services>('services', (services) => ({ type: 'services', services: { state: 'known', services } }));
  on<{ readonly id: string; readonly message: string }>('notice', ({ id, message }) => ({
    type: 'trouble',
    trouble: { id, text: message },
  }));
  on<Config>('config', (config) => ({ type: 'quiet', quiet: ofConfig(config).quiet }));
  source.addEventListener('call', ({ data }) => {
    const call: Call = JSON.parse(data);
    tell({ type: 'call', call });
    // What is told beside the call changes with it; a call of long ago is not asked for any more.
    fetchDetails(call.id).then(
      (details) => tell({ type: 'details', id: call.id, details }),
      (error: unknown) => {
        if (!(error instanceof Refused)) tell(troubleOf(error));
      },
    );
  });
}
