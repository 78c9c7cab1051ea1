// How an ended call is called in the log (NG.110 2.7, table 2; details of the Reason header: RFC 3326).

/** Contract: the labels of a log row. */
export const CALL_LABELS = [
  'answered',
  'missed',
  'rejected',
  'completed elsewhere',
  'rejected/missed',
  'cancelled',
  'failed',
  'pulled',
] as const;
export type CallLabel = (typeof CALL_LABELS)[number];

/** One value of a Reason header. */
export interface ReasonValue {
  readonly protocol: string;
  readonly cause?: number | undefined;
  readonly text?: string | undefined;
}

interface CauseRow {
  readonly cause: number;
  readonly label: CallLabel;
  /** A text that means the same whatever the cause; lower case. */
  readonly text?: string;
  readonly clause: string;
}

/** What a CANCEL with this SIP cause means for a device that rang. */
export const CANCEL_CAUSES: readonly CauseRow[] = [
  {
    cause: 200,
    label: 'completed elsewhere',
    text: 'call completed elsewhere',
    clause: 'NG.110 2.7 table 2',
  },
  { cause: 600, label: 'rejected/missed', text: 'busy everywhere', clause: 'NG.110 2.7 table 2' },
  { cause: 408, label: 'missed', clause: 'NG.110 2.7 table 2' },
  { cause: 603, label: 'rejected', clause: 'NG.110 2.7 table 2' },
];

/** The value that tells most: SIP's own, then Q.850, then any (several values may come, RFC 3326 2). */
export function decidingReason(reasons: readonly ReasonValue[]): ReasonValue | undefined {
  const of = (protocol: string): ReasonValue | undefined =>
    reasons.find((reason) => reason.protocol.toUpperCase() === protocol);
  return of('SIP') ?? of('Q.850') ?? reasons[0];
}

/** Label of a ringing call that the network or the caller took back: known texts first, then the SIP cause. */
export function cancelLabel(reasons: readonly ReasonValue[]): CallLabel {
  const texts = reasons.map((reason) => (reason.text ?? '').trim().toLowerCase());
  const byText = CANCEL_CAUSES.find(
    ({ text }) => text !== undefined && texts.some((given) => given.includes(text)),
  );
  if (byText) return byText.label;
  const cause = reasons.find((reason) => reason.protocol.toUpperCase() === 'SIP')?.cause;
  return CANCEL_CAUSES.find((entry) => entry.cause === cause)?.label ?? 'missed';
}

/** Whether the network ended it (another device, a service) rather than the caller. */
export const endedByNetwork = (reasons: readonly ReasonValue[]): boolean =>
  reasons.some(
    (reason) =>
      reason.protocol.toUpperCase() === 'SIP' && CANCEL_CAUSES.some((entry) => entry.cause === reason.cause),
  ) || cancelLabel(reasons) !== 'missed';
