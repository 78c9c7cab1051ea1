// The life of a call as one table: state × event → next state, actions (RFC 3261 13 to 15, 24.229 5.1.3 to 5.1.5).
// Behaviour, the pairs that are refused, and the picture in the README come from it.

/**
 * `new` nothing sent yet · `calling` INVITE out · `early` a callee answered 18x · `cancelling` given up, the INVITE not
 * yet ended · `progressing` our description went ahead in a 183, nothing rings yet · `promised` the same, but the owner
 * answered already · `ringing` an INVITE waits for the owner · `accepting` answered, the 200 may not leave yet ·
 * `answering` 200 sent, no ACK yet · `leaving` the same, but the owner hung up already · `active` two-way · `releasing`
 * our BYEs are out · `ended`, log row written.
 */
export const CALL_STATES = [
  'new',
  'calling',
  'early',
  'cancelling',
  'progressing',
  'promised',
  'ringing',
  'accepting',
  'answering',
  'leaving',
  'active',
  'releasing',
  'ended',
] as const;
export type CallState = (typeof CALL_STATES)[number];

export const CALL_EVENTS = [
  /** The owner: places a call. */
  'dial',
  /**
   * An INVITE came that can be answered, at once or after something that goes ahead; one that cannot (busy, no codec,
   * no port).
   */
  'invited',
  'invited-early',
  'unanswerable',
  /** An INVITE with Replaces: it is answered at once, for a call that ends with it (RFC 3891 3). */
  'taken',
  /** The owner at a ringing call, and at any call. */
  'answer',
  'reject',
  'hangup',
  /** What an answer met: no sound device, no file, no such address. */
  'answer-failed',
  /** Nothing keeps ringing or answering back: what had to be acknowledged or met is. */
  'ready',
  /** `ring_seconds` are over; the INVITE's own Expires; the caller's resources did not come. */
  'ring-timeout',
  'expired',
  'unready',
  /** Responses to our INVITE: 18x with a tag, 199, the first 2xx and later ones of other dialogs, 3xx to 6xx. */
  'progress',
  'fork-gone',
  'answered',
  'answered-again',
  'refused',
  /** The INVITE met no answer, no transport; a cancelled one no final response (RFC 3261 9.1). */
  'failed',
  /** The 2xx, the ACK or a later answer has no description that we can use. */
  'unusable',
  /** From the caller: CANCEL, ACK of our 200, none in 64·T1 (RFC 3261 13.3.1.4), no PRACK in that time (RFC 3262 3). */
  'cancelled',
  'acknowledged',
  'ack-timeout',
  'prack-timeout',
  /** In a dialog: BYE; re-INVITE or UPDATE; a request of ours met 481 or 408, or no answer (RFC 3261 12.2.1.2). */
  'bye',
  'modify',
  'lost',
  /** Another call has taken its place (RFC 3891 3). */
  'replaced',
  /** The last of our BYEs is answered. */
  'released',
  /** Tandem closes and can wait no longer. */
  'abandon',
] as const;
export type CallEvent = (typeof CALL_EVENTS)[number];

export const CALL_ACTIONS = [
  /** Sends the INVITE. */
  'invite',
  /** A reliable 183 with our description. */
  'progress',
  /** 180, the ringing timer starts. */
  'ring',
  /** Its dialog is made without a word, for it does not ring. */
  'admit',
  /** The timer stops. */
  'stop-ringing',
  /** The owner's word: devices open; a 180 that had to wait; 200 with our description as soon as nothing keeps it back. */
  'promise',
  'announce',
  'accept',
  /** 486 (owner, busy), 480 (nobody), 487 (CANCEL or BYE), or what made the INVITE unanswerable. */
  'refuse-486',
  'refuse-480',
  'refuse-unanswered',
  'refuse-487',
  /** 504: a description of ours was never acknowledged; 580: the caller's resources never came. */
  'refuse-504',
  'refuse-580',
  'refuse',
  /** Remembers the dialog of a 18x and plays its media if it is the first with any. */
  'keep-dialog',
  'drop-dialog',
  /** PRACK, and nothing more: the call was given up. */
  'acknowledge',
  /** UPDATE in an early dialog is answered; a re-INVITE there is refused. */
  'negotiate-early',
  /** The dialog of the 2xx becomes the call: ACK, answer, media; the other dialogs are forgotten. */
  'confirm',
  /** A dialog nobody needs: ACK and BYE. */
  'release-late',
  /** CANCEL. */
  'cancel',
  /** BYE in every confirmed dialog. */
  'bye',
  /** The ACK stops the wait; its description, if it must have one, is the answer. */
  'take-ack',
  /** An offer of the peer is answered, or refused because another exchange runs. */
  'negotiate',
  'refuse-modify',
  /** Over for the owner: time, cause and label are fixed now. */
  'end',
  /** Media closed, timers stopped, log row written. */
  'finish',
] as const;
export type CallAction = (typeof CALL_ACTIONS)[number];

export interface Transition {
  readonly next: CallState;
  readonly actions: readonly CallAction[];
}

/** `ignored`: late or repeated, and right to ignore. `wrong-state`: the owner's action is refused (409). */
export type Outcome = Transition | 'ignored' | 'wrong-state' | 'impossible';

const to = (next: CallState, ...actions: CallAction[]): Transition => ({ next, actions });

type Row = Readonly<Record<CallEvent, Outcome>>;

/** What holds in every state unless its row says otherwise. */
const OTHERWISE: Row = {
  dial: 'impossible',
  invited: 'impossible',
  'invited-early': 'impossible',
  unanswerable: 'impossible',
  taken: 'impossible',
  answer: 'wrong-state',
  reject: 'wrong-state',
  hangup: 'wrong-state',
  'answer-failed': 'ignored',
  ready: 'ignored',
  'ring-timeout': 'ignored',
  expired: 'ignored',
  unready: 'ignored',
  progress: 'ignored',
  'fork-gone': 'ignored',
  answered: 'ignored',
  'answered-again': 'ignored',
  refused: 'ignored',
  failed: 'ignored',
  unusable: 'ignored',
  cancelled: 'ignored',
  acknowledged: 'ignored',
  'ack-timeout': 'ignored',
  'prack-timeout': 'ignored',
  bye: 'ignored',
  modify: 'ignored',
  lost: 'ignored',
  replaced: 'ignored',
  released: 'ignored',
  abandon: 'ignored',
};

const row = (own: Partial<Row>): Row => ({ ...OTHERWISE, ...own });

/** Before the final response to our INVITE. */
const INVITING: Partial<Row> = {
  progress: to('early', 'keep-dialog'),
  answered: to('active', 'confirm'),
  refused: to('ended', 'end', 'finish'),
  failed: to('ended', 'end', 'finish'),
  hangup: to('cancelling', 'end', 'cancel'),
  replaced: to('cancelling', 'end', 'cancel'),
  abandon: to('ended', 'end', 'cancel', 'finish'),
};

/** Before our final response to an INVITE. */
const INVITED: Partial<Row> = {
  reject: to('ended', 'refuse-486', 'end', 'finish'),
  hangup: to('ended', 'refuse-486', 'end', 'finish'),
  'answer-failed': to('ended', 'refuse', 'end', 'finish'),
  'ring-timeout': to('ended', 'refuse-unanswered', 'end', 'finish'),
  expired: to('ended', 'refuse-487', 'end', 'finish'),
  unready: to('ended', 'refuse-580', 'end', 'finish'),
  failed: to('ended', 'end', 'finish'),
  cancelled: to('ended', 'refuse-487', 'end', 'finish'),
  'prack-timeout': to('ended', 'refuse-504', 'end', 'finish'),
  bye: to('ended', 'refuse-487', 'end', 'finish'),
  abandon: to('ended', 'refuse-480', 'end', 'finish'),
};

export const CALL_TABLE: Readonly<Record<CallState, Row>> = {
  new: row({
    dial: to('calling', 'invite'),
    invited: to('ringing', 'ring'),
    'invited-early': to('progressing', 'progress'),
    unanswerable: to('ended', 'refuse', 'end', 'finish'),
    taken: to('accepting', 'admit', 'promise'),
  }),
  calling: row({
    ...INVITING,
    'fork-gone': to('calling', 'drop-dialog'),
    modify: to('calling', 'refuse-modify'),
  }),
  early: row({
    ...INVITING,
    'fork-gone': to('early', 'drop-dialog'),
    bye: to('early', 'drop-dialog'),
    modify: to('early', 'negotiate-early'),
  }),
  cancelling: row({
    progress: to('cancelling', 'acknowledge'),
    'fork-gone': to('cancelling', 'drop-dialog'),
    bye: to('cancelling', 'drop-dialog'),
    // The 200 was on its way: RFC 3261 9.1 has us acknowledge it and hang up at once.
    answered: to('releasing', 'release-late'),
    refused: to('ended', 'finish'),
    failed: to('ended', 'finish'),
    modify: to('cancelling', 'refuse-modify'),
    abandon: to('ended', 'finish'),
  }),
  progressing: row({
    ...INVITED,
    ready: to('ringing', 'ring'),
    answer: to('promised', 'promise'),
    modify: to('progressing', 'negotiate-early'),
  }),
  promised: row({
    ...INVITED,
    ready: to('accepting', 'announce'),
    modify: to('promised', 'negotiate-early'),
  }),
  ringing: row({
    ...INVITED,
    answer: to('accepting', 'stop-ringing', 'promise'),
    modify: to('ringing', 'negotiate-early'),
  }),
  accepting: row({
    ...INVITED,
    ready: to('answering', 'stop-ringing', 'accept'),
    modify: to('accepting', 'negotiate-early'),
  }),
  answering: row({
    'answer-failed': to('ended', 'refuse', 'end', 'finish'),
    acknowledged: to('active', 'take-ack'),
    'ack-timeout': to('releasing', 'end', 'bye'),
    // The caller's description in the ACK came to nothing.
    unusable: to('releasing', 'end', 'bye'),
    // RFC 3261 15: no BYE from the callee before the ACK.
    hangup: to('leaving', 'end'),
    replaced: to('leaving', 'end'),
    bye: to('ended', 'end', 'finish'),
    failed: to('ended', 'end', 'finish'),
    modify: to('answering', 'refuse-modify'),
    abandon: to('ended', 'end', 'bye', 'finish'),
  }),
  leaving: row({
    acknowledged: to('releasing', 'bye'),
    'ack-timeout': to('releasing', 'bye'),
    bye: to('ended', 'finish'),
    failed: to('ended', 'finish'),
    modify: to('leaving', 'refuse-modify'),
    abandon: to('ended', 'bye', 'finish'),
  }),
  active: row({
    'answered-again': to('active', 'release-late'),
    hangup: to('releasing', 'end', 'bye'),
    unusable: to('releasing', 'end', 'bye'),
    lost: to('releasing', 'end', 'bye'),
    replaced: to('releasing', 'end', 'bye'),
    bye: to('ended', 'end', 'finish'),
    modify: to('active', 'negotiate'),
    abandon: to('ended', 'end', 'bye', 'finish'),
  }),
  releasing: row({
    answered: to('releasing', 'release-late'),
    'answered-again': to('releasing', 'release-late'),
    // Theirs crossed ours; ours still gets its answer.
    bye: 'ignored',
    modify: to('releasing', 'refuse-modify'),
    released: to('ended', 'finish'),
    abandon: to('ended', 'finish'),
  }),
  ended: row({
    // A fork that answers after all is over (RFC 3261 13.2.2.4).
    answered: to('ended', 'release-late'),
    'answered-again': to('ended', 'release-late'),
    modify: to('ended', 'refuse-modify'),
  }),
};

export const outcome = (state: CallState, event: CallEvent): Outcome => CALL_TABLE[state][event];
