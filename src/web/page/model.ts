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
  readonly remote: { readonly uri: string; readonly name?: string };
  readonly identity: string;
  readonly called_identity?: string;
  readonly video: boolean;
  readonly audio?: { readonly codec: string; readonly srtp: boolean };
  readonly start: string;
  readonly answered?: string;
  readonly end?: Outcome & { readonly at: string };
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
  readonly log: readonly Call[];
  readonly phones: readonly Phone[];
  /** The device has a camera or a place for pictures. */
  readonly canVideo: boolean;
  /** False while the event stream is broken. */
  readonly connected: boolean;
  /** What went wrong last, for the owner. */
  readonly trouble?: string;
}

export const EMPTY: Model = { calls: [], log: [], phones: [], canVideo: false, connected: false };

/** Rows of the log that the page shows. */
export const SHOWN_ROWS = 50;

export type Change =
  | {
      readonly type: 'all';
      readonly status: Status;
      readonly calls: readonly Call[];
      readonly log: readonly Call[];
      readonly phones: readonly Phone[];
      readonly canVideo: boolean;
    }
  | { readonly type: 'phones'; readonly phones: readonly Phone[] }
  | { readonly type: 'status'; readonly status: Status }
  | { readonly type: 'call'; readonly call: Call }
  | { readonly type: 'log'; readonly row: Call }
  | { readonly type: 'connected'; readonly connected: boolean }
  | { readonly type: 'trouble'; readonly trouble: string | undefined };

export function changed(model: Model, change: Change): Model {
  switch (change.type) {
    case 'all': {
      const { type: _, ...all } = change;
      return { ...model, ...all, connected: true };
    }
    case 'phones':
      return { ...model, phones: change.phones };
    case 'status':
      return { ...model, status: change.status };
    case 'call': {
      const known = model.calls.some(({ id }) => id === change.call.id);
      const calls = known
        ? model.calls.map((call) => (call.id === change.call.id ? change.call : call))
        : [change.call, ...model.calls];
      return { ...model, calls };
    }
    case 'log':
      return {
        ...model,
        log: [change.row, ...model.log.filter(({ id }) => id !== change.row.id)].slice(0, SHOWN_ROWS),
      };
    case 'connected':
      return { ...model, connected: change.connected };
    default: {
      const { trouble: _, ...rest } = model;
      return change.trouble === undefined ? rest : { ...rest, trouble: change.trouble };
    }
  }
}
