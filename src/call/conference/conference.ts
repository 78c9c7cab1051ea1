// One ad-hoc conference (24.147 5.3.1, 24.605, IR.92 2.3.3): the calls that become one, the focus, who is in it.
import { TandemError } from '#src/base/errors.ts';
import { Seconds, toMilliseconds } from '#src/base/units.ts';
import type { SipResponse } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import type { SipUri, Uri } from '#src/sip/message/uri.ts';
import type { Call } from '../call.ts';
import type { HeaderPairs } from '../facts.ts';
import type { CallManager } from '../manager.ts';
import { hides } from '../privacy.ts';
import { nameOf } from '../replaces.ts';
import { holdParty, retrieveParty } from '../transfer/holding.ts';
import { ReferClient, type ReferOutcome, type ReferWay } from '../transfer/refer-client.ts';
import { identityOf, publicTarget, referHeaders, termsOf } from '../transfer/refer-headers.ts';
import { literalTarget } from '../way.ts';
import type { CallWorld } from '../world.ts';
import {
  CONFERENCE_TABLE,
  type ConferenceAction,
  type ConferenceEvent,
  type ConferenceState,
} from './conference-table.ts';
import { FocusEvents } from './focus-events.ts';
import type { Participant } from './roster.ts';

interface Party {
  readonly call: Call;
  /** It is us who put it on hold. */
  weHold: boolean;
  state: 'waiting' | 'asked' | 'in' | 'out';
}

/** When the focus does not say that the REFER is over, and does not hang up the old call either. */
const FOCUS_PATIENCE = Seconds(8);

const OWN_STATE: Readonly<Record<Party['state'], Participant['state']>> = {
  waiting: 'pending',
  asked: 'dialing-out',
  in: 'connected',
  out: 'disconnected',
};

export class Conference {
  readonly #world: CallWorld;
  readonly #calls: CallManager;
  readonly #factory: Uri;
  readonly #parties: Party[];
  #state: ConferenceState = 'gathering';
  #focusCall: Call | undefined;
  #focus: SipUri | undefined;
  #events: FocusEvents | undefined;

  /** The first call says as whom the conference is held. */
  constructor(world: CallWorld, calls: CallManager, factory: Uri, parties: readonly Call[]) {
    this.#world = world;
    this.#calls = calls;
    this.#factory = factory;
    this.#parties = parties.map((call) => ({ call, weHold: false, state: 'waiting' }));
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** Our call with the focus. */
  get callId(): string | undefined {
    return this.#focusCall?.id;
  }

  has(call: Call): boolean {
    return this.#parties.some((party) => party.call === call && party.state !== 'out');
  }

  begin(): void {
    this.#gather().then(() => this.#fire('gathered'), this.#broken);
  }

  readonly #broken = (cause: unknown): void => {
    this.#tell(TandemError.from(cause, 'call.conference').message);
    this.#fire('gathered');
  };

  async #gather(): Promise<void> {
    for (const party of this.#parties) party.weHold = (await this.#hold(party)) || party.weHold;
  }

  async #hold(party: Party): Promise<boolean> {
    try {
      return await holdParty(party.call);
    } catch (error) {
      party.call.onTrouble.emit(TandemError.from(error, 'call.conference'));
      return false;
    }
  }

  /** More calls; those that are in it already are passed over. */
  add(calls: readonly Call[]): void {
    for (const call of calls) {
      if (!this.has(call)) this.#parties.push({ call, weHold: false, state: 'waiting' });
    }
    this.#note();
    this.#fire('more');
  }

  /** The focus is asked to hang up on somebody (24.147 5.3.1.5.2). Throws TandemError `call.state` while there is no focus. */
  remove(participant: SipUri): void {
    const focus = this.#focus;
    const call = this.#focusCall;
    if (!focus || !call) {
      throw new TandemError('caller', 'call.state', 'The conference does not stand yet.');
    }
    const client = new ReferClient(this.#world, this.#wayTo(focus, call));
    client.onOutcome.on((outcome) => {
      if (outcome.kind === 'succeeded' || outcome.kind === 'accepted') return;
      call.notes.tell(`${participant.toString()} could not be removed${whyOf(outcome)}.`);
    });
    client.send(
      referHeaders(this.#world, this.#calls.identities, call, { target: participant, method: 'BYE' }),
    );
  }

  /** As the focus tells; until it does, as we know. */
  get participants(): readonly Participant[] {
    if (this.#events?.isKnown) return this.#events.roster.participants;
    return this.#parties.map(({ call, state }) => {
      const { uri, name } = call.snapshot.remote;
      return { uri, ...(name === undefined ? {} : { name }), state: OWN_STATE[state] };
    });
  }

  /** Tandem closes; the calls are over. */
  stop(): void {
    this.#events?.drop();
  }

  #fire(event: ConferenceEvent): void {
    const found = CONFERENCE_TABLE[this.#state][event];
    if (found === 'ignored') return;
    this.#state = found.next;
    for (const action of found.actions) this.#perform(action);
  }

  #perform(action: ConferenceAction): void {
    switch (action) {
      case 'call focus':
        this.#callFocus();
        break;
      case 'subscribe':
        this.#subscribe();
        break;
      case 'add next':
        void this.#addNext();
        break;
      case 'hang up':
        if (this.#focusCall && this.#focusCall.publicState !== 'ended') this.#focusCall.hangup();
        break;
      case 'tell failed':
        this.#tellFailed();
        break;
      case 'retrieve':
        this.#retrieve();
        break;
      case 'leave':
        this.#events?.leave();
        break;
    }
  }

  #callFocus(): void {
    const [first] = this.#parties;
    if (!first) return;
    try {
      const terms = termsOf(this.#world, this.#calls.identities, first.call);
      const call = this.#calls.place({ target: this.#factory, ...terms });
      this.#focusCall = call;
      call.onResponse.on((response) => this.#answered(call, response));
      call.onEnded.on(() => this.#fire('ended'));
      for (const party of this.#parties) party.call.notes.set({ conference_call: call.id });
      this.#note();
    } catch (error) {
      this.#tell(TandemError.from(error, 'call.conference').message);
      this.#fire('unusable');
    }
  }

  /** Told before the call acts on it: what follows waits until it stands. */
  #answered(call: Call, response: SipResponse): void {
    if (!response.isSuccess || this.#focus) return;
    // 24.147 5.3.1.3.2: a 1xx may name one for the time being only.
    const contact = response.contacts[0];
    const uri = contact?.params.has('isfocus') ? contact.uri : undefined;
    const off = call.onChange.on(() => {
      if (call.state !== 'active') return;
      off();
      if (uri && 'host' in uri) {
        this.#focus = uri;
        this.#fire('joined');
      } else {
        this.#tell('Who answered is no conference server.');
        this.#fire('unusable');
      }
    });
  }

  get #from(): NameAddr {
    const call = this.#focusCall;
    const dialog = call?.dialog;
    return NameAddr.of(dialog ? dialog.localUri.uri : (this.#world.line.identities[0]?.uri ?? this.#factory));
  }

  #subscribe(): void {
    const focus = this.#focus;
    const call = this.#focusCall;
    if (!focus || !call) return;
    const { additional } = identityOf(this.#calls.identities, call);
    const headers: HeaderPairs = additional
      ? [['Additional-Identity', NameAddr.of(additional.uri).toString()]]
      : [];
    this.#events = new FocusEvents({ world: this.#world, focus, identity: this.#from, headers });
    this.#events.onChange.on(() => this.#note());
    this.#events.start();
    this.#note();
  }

  /** 24.147: outside the dialog, under a Call-ID of its own. */
  #wayTo(focus: Uri, call: Call): ReferWay {
    const { line } = this.#world;
    const known = line.flow ?? literalTarget(line.route[0]?.uri ?? focus);
    const privacy = hides(call.privacy ?? 'unsaid');
    const contact = (way = known): NameAddr => line.contact({ privacy, ...(way ? { to: way } : {}) });
    return { outside: { target: focus, identity: this.#from, contact } };
  }

  async #addNext(): Promise<void> {
    const party = this.#parties.find(({ state }) => state === 'waiting');
    if (!party) {
      const isIn = this.#parties.some(({ state }) => state === 'in');
      this.#fire(isIn ? 'settled' : 'alone');
      return;
    }
    party.state = 'asked';
    this.#note();
    party.weHold = (await this.#hold(party)) || party.weHold;
    const { dialog } = party.call;
    const focus = this.#focus;
    if (party.call.publicState !== 'active' || !dialog || !focus || this.#state !== 'adding') {
      this.#lost(party);
      return;
    }
    const client = new ReferClient(this.#world, this.#wayTo(focus, party.call));
    client.onOutcome.on((outcome) => this.#asked(party, outcome));
    client.onOver.on(() => this.#release(party));
    const target = publicTarget(this.#world, party.call, dialog);
    const whom = { target, method: 'INVITE', replaces: nameOf(dialog) } as const;
    client.send(referHeaders(this.#world, this.#calls.identities, party.call, whom));
  }

  #asked(party: Party, outcome: ReferOutcome): void {
    if (outcome.kind === 'succeeded' || outcome.kind === 'accepted') {
      party.state = 'in';
      const timer = this.#world.clock.after(toMilliseconds(FOCUS_PATIENCE), () => this.#release(party));
      party.call.onEnded.on(() => timer.cancel());
    } else {
      this.#tell(
        `${party.call.snapshot.remote.uri} could not be brought into the conference${whyOf(outcome)}.`,
      );
      party.state = 'out';
    }
    this.#note();
    this.#fire('next');
  }

  #lost(party: Party): void {
    party.state = 'out';
    this.#note();
    this.#fire('next');
  }

  /** 24.147 5.3.1.3.3: the old call is ours to end, unless the focus was faster. */
  #release(party: Party): void {
    if (party.state === 'in' && party.call.publicState === 'active') party.call.hangup();
  }

  /** One only: nobody can talk in two calls. */
  #retrieve(): void {
    const left = this.#parties.filter(
      ({ weHold, state, call }) => weHold && state !== 'in' && call.publicState === 'active',
    );
    const [first] = left;
    if (first) void retrieveParty(this.#calls, first.call);
  }

  #note(): void {
    const call = this.#focusCall;
    if (!call || call.ended) return;
    const uri = (this.#focus ?? this.#factory).toString();
    call.notes.set({ conference: { uri, participants: this.participants } });
  }

  #tell(sentence: string): void {
    const call = this.#focusCall ?? this.#parties[0]?.call;
    call?.notes.tell(sentence);
  }

  #tellFailed(): void {
    const status = this.#focusCall?.snapshot.end?.sip;
    const message = `The conference did not come about${status === undefined ? '' : ` (${status})`}.`;
    for (const { call } of this.#parties) call.notes.tell(message);
    const [first] = this.#parties;
    first?.call.onTrouble.emit(
      new TandemError('operator', 'call.conference-failed', message, {
        detail: { ...(status === undefined ? {} : { status }) },
      }),
    );
  }
}

function whyOf(outcome: ReferOutcome): string {
  if ('status' in outcome) return ` (${outcome.status} ${outcome.reason})`;
  if (outcome.kind === 'unreachable') return outcome.error ? ` (${outcome.error.message})` : '';
  return ' (the conference server does not say why)';
}
