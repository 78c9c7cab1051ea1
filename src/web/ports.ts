// What the web needs of the agent. The parts of the agent satisfy it as they are; the agent puts them together.
import type { Signal } from '#src/base/events.ts';
import type { CallDetails } from '#src/call/details.ts';
import type { NotedDigit } from '#src/call/digits.ts';
import type { CallLabel } from '#src/call/labels.ts';
import type { CallQuality } from '#src/call/quality.ts';
import type { CallSnapshot, LogRow } from '#src/call/snapshot.ts';
import type { Frame } from '#src/media/mp4.ts';
import type { FederationCall } from '#src/services/federation/federation-call.ts';
import type { MailboxState } from '#src/services/message-waiting/mailbox.ts';
import type { ServicesView } from '#src/services/ut/document.ts';
import type { ServicesChange } from '#src/services/ut/edit.ts';
import type { Metric } from './metrics.ts';
import type { TraceRing } from './trace/ring.ts';

export type { CallQuality, CallSnapshot, LogRow };

export interface IdentityStatus {
  readonly uri: string;
  readonly kind: 'default' | 'irs' | 'shared' | 'delegated';
  readonly active: boolean;
}

export interface RegistrationStatus {
  readonly state: 'off' | 'registering' | 'registered' | 'failed';
  /** Seconds left. */
  readonly expires?: number;
  readonly pcscf?: string;
  readonly transport?: string;
  readonly identities: readonly IdentityStatus[];
  readonly error?: { readonly id: string; readonly message: string; readonly retry_at?: string };
}

export interface FederationStatus {
  readonly uri: string;
  readonly instance?: string | undefined;
  readonly self: boolean;
  readonly state: string;
}

/** The contract's `GET status`. */
export interface StatusSnapshot {
  readonly version: string;
  /** Seconds. */
  readonly uptime: number;
  /** `udp:127.0.0.1:5060`, with the ports that were given. */
  readonly listen: readonly string[];
  readonly registration: RegistrationStatus;
  readonly federation: readonly FederationStatus[];
}

export interface DialRequest {
  readonly to: string;
  readonly identity?: string;
  readonly privacy?: boolean;
  readonly video?: boolean;
}

export interface AnswerRequest {
  readonly video?: boolean;
  readonly others?: 'hold' | 'end';
}

/** Whom the far end of a call shall talk with: somebody who is called anew, or the far end of another call. */
export type TransferRequest = { readonly to: string } | { readonly call: string };

/** Calls by id. Each throws TandemError; `errors.ts` says which status an error becomes. */
export interface CallPort {
  list(): readonly CallSnapshot[];
  get(id: string): CallSnapshot | undefined;
  dial(request: DialRequest): CallSnapshot | Promise<CallSnapshot>;
  answer(id: string, request: AnswerRequest): CallSnapshot | Promise<CallSnapshot>;
  reject(id: string): CallSnapshot | Promise<CallSnapshot>;
  hangup(id: string): CallSnapshot | Promise<CallSnapshot>;
  /** Makes one conference of the calls, or brings them into the one that this call is with. */
  conference(id: string, others: readonly string[]): CallSnapshot | Promise<CallSnapshot>;
  /** Has a participant hung up on. */
  remove(id: string, uri: string): CallSnapshot | Promise<CallSnapshot>;
  /** Passes the far end on; how that goes is told in the details. */
  transfer(id: string, request: TransferRequest): CallSnapshot | Promise<CallSnapshot>;
  /** Both wait a moment for the peer, and reject with what it refused. */
  hold(id: string): CallSnapshot | Promise<CallSnapshot>;
  resume(id: string): CallSnapshot | Promise<CallSnapshot>;
  dtmf(id: string, digits: string): CallSnapshot | Promise<CallSnapshot>;
  /** Adds video to an active call, or drops it. */
  video(id: string, enabled: boolean): CallSnapshot | Promise<CallSnapshot>;
  quality(id: string): CallQuality;
  /** What there is to tell beside the call object. */
  details(id: string): CallDetails;
  /** What the far end pressed. */
  digits(id: string): readonly NotedDigit[];
  /** The pictures that come in; undefined while there are none. */
  watch(id: string): Watched | undefined;
  /** SIP Call-IDs of a call, for the trace. */
  sipCallIds(id: string): readonly string[];
}

/** Calls on other devices of the number. Each throws TandemError. */
export interface FederationPort {
  list(): readonly FederationCall[];
  /** The new call here. */
  pull(id: string): CallSnapshot;
  /** A call that was offered here is not wanted. */
  decline(id: string): void;
  /** A call of ours to the device with this `+sip.instance`. */
  push(call: string, instance: string): CallSnapshot;
}

/** Received video, as whole pictures. */
export interface Watched {
  readonly onFrame: Signal<Frame>;
  readonly onGone: Signal<void>;
  /** A viewer that comes in the middle has nothing to begin with. */
  requestKeyFrame(): void;
}

/** What the audio test found, and whether it was kept. */
export interface DelayReport {
  readonly delay_ms: number;
  /** 0: a guess, 1: beyond doubt. */
  readonly confidence: number;
  readonly echo_db: number;
  readonly kept: boolean;
}

export interface AudioPort {
  /** Throws TandemError `audio.in-use` while a call lives, `media.config` and `media.device`. */
  measure(): Promise<DelayReport>;
}

/** The owner's services in the network, over Ut. */
export interface UtPort {
  /** The operator lets this device switch them. */
  readonly isOpen: boolean;
  /** What the network says now. Throws TandemError `ut.…`. */
  read(): Promise<ServicesView>;
  /** All of it or nothing; targets as the owner wrote them. Throws TandemError `ut.…` and `call.target`. */
  change(change: ServicesChange): Promise<ServicesView>;
}

export interface IdentityPort {
  /** By the URI as the status lists it. Throws TandemError `call.identity` for another one. */
  setActive(uri: string, active: boolean): void;
}

export interface ButtonPort {
  readonly names: readonly string[];
  /** Throws TandemError `button.unknown`, and what `dial` throws. */
  press(name: string): CallSnapshot;
}

export interface LogPort {
  list(query: { readonly before?: string; readonly limit: number }): readonly LogRow[] | undefined;
}

export interface ConfigPort {
  /** By section and key: value and origin. */
  describe(): Readonly<Record<string, unknown>>;
  /** Changes the owner's layer, whole or not at all; null takes a value back. Gives the new description. */
  change(changes: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>>;
}

/** What went wrong and is no answer to anything asked: a device that is gone, an emergency call that does not get through. */
export interface Notice {
  /** ISO 8601 UTC. */
  readonly at: string;
  /** Of the error. */
  readonly id: string;
  readonly message: string;
}

/** Everything that is told to the outside as it happens. */
export interface EventPort {
  readonly onStatus: Signal<StatusSnapshot>;
  readonly onCall: Signal<CallSnapshot>;
  readonly onLog: Signal<LogRow>;
  readonly onConfig: Signal<Readonly<Record<string, unknown>>>;
  /** Besides the contract's. */
  readonly onFederationCalls: Signal<readonly FederationCall[]>;
  readonly onMailbox: Signal<MailboxState>;
  readonly onNotice: Signal<Notice>;
  readonly onServices: Signal<ServicesView>;
}

export interface WebPorts {
  status(): StatusSnapshot;
  readonly calls: CallPort;
  readonly federation: FederationPort;
  mailbox(): MailboxState;
  readonly ut: UtPort;
  readonly log: LogPort;
  readonly identities: IdentityPort;
  readonly buttons: ButtonPort;
  readonly config: ConfigPort;
  readonly audio: AudioPort;
  readonly events: EventPort;
  readonly trace: TraceRing;
  metrics(): readonly Metric[];
  /** Only in the demonstration. */
  readonly demo?: DemoPort;
}

/** A phone of the demonstration, played by the operator. */
export interface DemoPhone {
  readonly id: string;
  /** For people. */
  readonly name: string;
  readonly uri: string;
  /** Its `+sip.instance`: the federation lists it so. */
  readonly instance: string;
  /** It has the number of the device; else it is somebody who calls. */
  readonly shares: boolean;
  readonly state: 'idle' | 'calling' | 'ringing' | 'active';
  /** The other party's URI, unless idle. */
  readonly remote?: string;
  /** What became of its last call. */
  readonly last?: { readonly label: CallLabel; readonly sip?: number };
}

export const DEMO_ACTIONS = ['answer', 'decline', 'hangup'] as const;
export type DemoAction = (typeof DEMO_ACTIONS)[number];

/** The parties around the device, so that its owner sees both ends of what happens. */
export interface DemoPort {
  phones(): readonly DemoPhone[];
  readonly onChange: Signal<readonly DemoPhone[]>;
  /** The caller calls the number. */
  ring(): void;
  /** Throws TandemError `call.unknown` and `call.state`. */
  act(id: string, action: DemoAction): void;
}
