// What the page knows: the contract's objects, kept fresh by the event stream.

export interface Identity {
  readonly uri: string;
  readonly kind: string;
  readonly active: boolean;
}

export interface Status {
  readonly version: string;
  readonly uptime: number;
  readonly listen: readonly string[];
  readonly registration: {
    readonly state: 'off' | 'registering' | 'registered' | 'failed';
    readonly expires?: number;
    readonly pcscf?: string;
    readonly transport?: string;
    readonly identities: readonly Identity[];
    readonly error?: { readonly id: string; readonly message: string; readonly retry_at?: string };
  };
  readonly federation: readonly {
    readonly uri: string;
    readonly instance?: string;
    readonly self: boolean;
    readonly state: string;
  }[];
}

/** What became of a call. */
export interface Outcome {
  readonly label: string;
  readonly sip?: number;
}

export interface Call {
  readonly id: string;
  readonly direction: 'in' | 'out';
  readonly state: 'dialing' | 'early' | 'ringing' | 'active' | 'ended';
  readonly waiting: boolean;
  readonly hold: 'none' | 'local' | 'remote' | 'both';
  readonly remote: { readonly uri: string; readonly name?: string };
  readonly identity: string;
  readonly called_identity?: string;
  readonly video: boolean;
  readonly audio?: { readonly codec: string; readonly srtp: boolean };
  readonly start: string;
  readonly answered?: string;
  readonly end?: Outcome & { readonly at: string };
}

/** What there is to tell of a call beside it (`GET calls/ID/details`), as far as the page shows it. */
export interface Details {
  readonly diversion?: readonly { readonly uri: string; readonly name?: string; readonly reason: string }[];
  readonly connected?: { readonly uri: string; readonly name?: string };
  readonly told?: readonly { readonly at: string; readonly text: string }[];
  readonly transfer?: { readonly to: string; readonly state: string };
  readonly push?: { readonly instance: string; readonly state: string };
  readonly conference?: {
    readonly participants: readonly {
      readonly uri: string;
      readonly name?: string;
      readonly state: string;
    }[];
  };
  readonly conference_call?: string;
  readonly callee_waiting?: boolean;
}

/** A call on another device of the number. */
export interface OtherCall {
  readonly id: string;
  readonly instance?: string;
  readonly uri: string;
  readonly state: 'ringing' | 'active';
  readonly remote: { readonly uri: string; readonly name?: string };
  readonly since: string;
  readonly pullable: boolean;
  /** It was handed to this device. */
  readonly offered?: boolean;
}

export interface Mailbox {
  readonly known: boolean;
  readonly waiting: boolean;
  readonly messages: readonly { readonly kind: string; readonly new: number; readonly old: number }[];
}

export interface Service {
  /** The operator has set it up for this user. */
  readonly provisioned: boolean;
  readonly active: boolean;
  readonly target?: string;
}

/** The services that the network keeps (`GET services`). */
export interface Services {
  readonly forwarding: Readonly<Record<string, Service>>;
  readonly no_reply_seconds?: number;
  readonly barring: Readonly<Record<string, Service>>;
  readonly hide_number: Service;
  readonly hide_answer: Service;
  readonly call_waiting: Service;
}

/** `closed`: they are switched elsewhere. */
export type ServicesState =
  | { readonly state: 'closed' }
  | { readonly state: 'asking' }
  | { readonly state: 'known'; readonly services: Services }
  | { readonly state: 'failed'; readonly text: string };

/** What went wrong, or what the owner should know. */
export interface Trouble {
  readonly id: string;
  readonly text: string;
}

/** Only in the demonstration: a phone that the operator plays. */
export interface Phone {
  readonly id: string;
  readonly name: string;
  readonly uri: string;
  readonly instance: string;
  /** It has this device's number. */
  readonly shares: boolean;
  readonly state: 'idle' | 'calling' | 'ringing' | 'active';
  readonly remote?: string;
  readonly last?: Outcome;
}

export interface Model {
  readonly status?: Status;
  readonly calls: readonly Call[];
  readonly details: Readonly<Record<string, Details>>;
  readonly log: readonly Call[];
  readonly phones: readonly Phone[];
  readonly others: readonly OtherCall[];
  readonly mailbox?: Mailbox;
  readonly services: ServicesState;
  readonly buttons: readonly string[];
  /** Do not disturb. */
  readonly quiet: boolean;
  /** The device has a camera or a place for pictures. */
  readonly canVideo: boolean;
  /** False while the event stream is broken. */
  readonly connected: boolean;
  /** What went wrong last. */
  readonly trouble?: Trouble;
}

export const EMPTY: Model = {
  calls: [],
  details: {},
  log: [],
  phones: [],
  others: [],
  services: { state: 'asking' },
  buttons: [],
  quiet: false,
  canVideo: false,
  connected: false,
};

/** Rows of the log that the page shows. */
export const SHOWN_ROWS = 50;

/** Everything that is asked for at once. */
export type Whole = Omit<Model, 'connected' | 'trouble' | 'services'>;

export type Change =
  | ({ readonly type: 'all' } & Whole)
  | { readonly type: 'phones'; readonly phones: readonly Phone[] }
  | { readonly type: 'status'; readonly status: Status }
  | { readonly type: 'call'; readonly call: Call }
  | { readonly type: 'details'; readonly id: string; readonly details: Details }
  | { readonly type: 'log'; readonly row: Call }
  | { readonly type: 'others'; readonly others: readonly OtherCall[] }
  | { readonly type: 'mailbox'; readonly mailbox: Mailbox }
  | { readonly type: 'services'; readonly services: ServicesState }
  | { readonly type: 'quiet'; readonly quiet: boolean }
  | { readonly type: 'connected'; readonly connected: boolean }
  | { readonly type: 'trouble'; readonly trouble: Trouble | undefined };

export function changed(model: Model, change: Change): Model {
  switch (change.type) {
    case 'all': {
      const { type: _, ...all } = change;
      return { ...model, ...all, connected: true };
    }
    case 'call':
      return { ...model, calls: withCall(model.calls, change.call) };
    case 'details':
      return { ...model, details: { ...model.details, [change.id]: change.details } };
    case 'log':
      return {
        ...model,
        log: [change.row, ...model.log.filter(({ id }) => id !== change.row.id)].slice(0, SHOWN_ROWS),
      };
    case 'trouble': {
      const { trouble: _, ...rest } = model;
      return change.trouble === undefined ? rest : { ...rest, trouble: change.trouble };
    }
    default: {
      // What is left replaces one member of the model, which has its name.
      const { type: _, ...member } = change;
      return { ...model, ...member };
    }
  }
}

function withCall(calls: readonly Call[], call: Call): readonly Call[] {
  const known = calls.some(({ id }) => id === call.id);
  return known ? calls.map((each) => (each.id === call.id ? call : each)) : [call, ...calls];
}
