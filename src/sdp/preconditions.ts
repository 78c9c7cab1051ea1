// Preconditions of quality of service, one stream: its status table, how it is written, read and judged (RFC 3312 4, 5; RFC 4032; 24.229 6.1).
import { attribute, type Line, type MediaDescription } from './model.ts';

/** `[sip] precondition`. `optional` leaves it to the peer whether its own access is a condition, `mandatory` makes it one. */
export type PreconditionPolicy = 'off' | 'optional' | 'mandatory';

/** From the weakest to the strongest: a peer may raise what was written, never lower it (RFC 3312 5.1.2). */
export const STRENGTHS = ['none', 'optional', 'mandatory'] as const;
export type Strength = (typeof STRENGTHS)[number];
/** What a refusal says of a condition: it cannot be met, or nobody knows its kind (RFC 3312 8). */
export type Refused = 'failure' | 'unknown';

/** As the writer of a description sees it: its own access, the peer's, or both as one (RFC 3312 4). */
export type StatusType = 'local' | 'remote' | 'e2e';
export type Segment = Exclude<StatusType, 'e2e'>;
export type QosDirection = 'none' | 'send' | 'recv' | 'sendrecv';

const WAYS = ['send', 'recv'] as const;
type Way = (typeof WAYS)[number];

/** One access and one way: a row of the table of RFC 3312 5. */
export interface WayStatus {
  /** Resources are there. */
  readonly current: boolean;
  readonly desired: Strength;
  /** Whoever reads the description is to tell when they are (RFC 3312 4 `conf`). */
  readonly confirm: boolean;
}
export type SegmentStatus = Readonly<Record<Way, WayStatus>>;

/** The status table of a stream as we see it. */
export type QosTable = Readonly<Record<Segment, SegmentStatus>>;

/** What a media section says of preconditions, from its writer's point of view. */
export interface QosLines {
  readonly current: readonly { readonly status: StatusType; readonly direction: QosDirection }[];
  readonly desired: readonly {
    readonly strength: Strength | Refused;
    readonly status: StatusType;
    readonly direction: QosDirection;
  }[];
  readonly confirm: readonly { readonly status: StatusType; readonly direction: QosDirection }[];
  /** Kinds other than quality of service that are demanded: `sec` (RFC 5027), `conn` (RFC 5898), later ones. */
  readonly unknown: readonly { readonly kind: string; readonly status: string; readonly direction: string }[];
}

const QOS = 'qos';

const among = <Word extends string>(words: readonly Word[], text: string | undefined): Word | undefined =>
  words.find((word) => word === text?.toLowerCase());

const statusType = (text: string | undefined): StatusType | undefined =>
  among(['local', 'remote', 'e2e'], text);
const qosDirection = (text: string | undefined): QosDirection | undefined =>
  among(['none', 'send', 'recv', 'sendrecv'], text);

const has = (direction: QosDirection, way: Way): boolean => direction === 'sendrecv' || direction === way;
const directionOf = (test: (way: Way) => boolean): QosDirection =>
  test('send') ? (test('recv') ? 'sendrecv' : 'send') : test('recv') ? 'recv' : 'none';
/** What one side sends the other receives. */
const facing = (way: Way): Way => (way === 'send' ? 'recv' : 'send');

/** Undefined when the section has no line of quality of service and demands nothing else. What cannot be read is left out. */
export function readQos(media: MediaDescription): QosLines | undefined {
  const current: { status: StatusType; direction: QosDirection }[] = [];
  const confirm: { status: StatusType; direction: QosDirection }[] = [];
  const desired: { strength: Strength | Refused; status: StatusType; direction: QosDirection }[] = [];
  const unknown: { kind: string; status: string; direction: string }[] = [];
  for (const { name, value } of media.attributes) {
    if (name !== 'curr' && name !== 'des' && name !== 'conf') continue;
    const words = value.trim().split(/[ \t]+/);
    const kind = words[0]?.toLowerCase() ?? '';
    if (name === 'des') {
      const [, strengthText, statusText, directionText] = words;
      const strength = among([...STRENGTHS, 'failure', 'unknown'], strengthText);
      const status = statusType(statusText);
      const direction = qosDirection(directionText);
      if (kind !== QOS) {
        if (strength === 'mandatory' && statusText && directionText)
          unknown.push({ kind, status: statusText, direction: directionText });
      } else if (strength && status && direction) desired.push({ strength, status, direction });
    } else if (kind === QOS) {
      const status = statusType(words[1]);
      const direction = qosDirection(words[2]);
      if (status && direction) (name === 'curr' ? current : confirm).push({ status, direction });
    }
  }
  const found = current.length + desired.length + confirm.length + unknown.length;
  return found === 0 ? undefined : { current, desired, confirm, unknown };
}

const says = (
  entries: readonly { readonly status: StatusType; readonly direction: QosDirection }[],
  status: StatusType,
  way: Way,
): boolean => entries.some((entry) => entry.status === status && has(entry.direction, way));

/** The strongest that is written for a row. */
function strengthIn({ desired }: QosLines, status: StatusType, way: Way): Strength {
  const found = desired.filter((entry) => entry.status === status && has(entry.direction, way));
  return found.reduce<Strength>((best, { strength }) => {
    return strength === 'failure' || strength === 'unknown' ? best : stronger(best, strength);
  }, 'none');
}

const stronger = (a: Strength, b: Strength): Strength =>
  STRENGTHS.indexOf(a) >= STRENGTHS.indexOf(b) ? a : b;

const segment = (of: (way: Way) => WayStatus): SegmentStatus => ({ send: of('send'), recv: of('recv') });

/**
 * Before anything is heard of the peer. Our access (Ethernet, WLAN) reserves nothing, so that its resources are there
 * from the start (24.229 6.1.1; details 1.10).
 */
export const ownTable = (policy: Exclude<PreconditionPolicy, 'off'>): QosTable => ({
  local: segment(() => ({ current: true, desired: 'mandatory', confirm: false })),
  remote: segment(() => ({ current: false, desired: policy, confirm: false })),
});

/**
 * The table after a description of the peer: its access is as it says, ours as we know ourselves; strengths only rise
 * (RFC 3312 5.1.2, 5.2). A condition of ours on the peer's access that is not yet met is to be confirmed.
 */
export function mergeQos(table: QosTable, received: QosLines): QosTable {
  const raised = (own: Segment, theirs: Segment, way: Way): Strength =>
    stronger(table[own][way].desired, strengthIn(received, theirs, facing(way)));
  return {
    local: segment((way) => ({
      current: table.local[way].current,
      desired: raised('local', 'remote', way),
      // Asked for, and the peer does not know yet what we do.
      confirm:
        says(received.confirm, 'remote', facing(way)) && !says(received.current, 'remote', facing(way)),
    })),
    remote: segment((way) => {
      const current = says(received.current, 'local', facing(way));
      const desired = raised('remote', 'local', way);
      return { current, desired, confirm: desired === 'mandatory' && !current };
    }),
  };
}

/** Every mandatory row has its resources: the called party may be told (RFC 3312 6). */
export const isMet = (table: QosTable): boolean =>
  (['local', 'remote'] as const).every((own) =>
    WAYS.every((way) => table[own][way].desired !== 'mandatory' || table[own][way].current),
  );

/** The peer waits to hear of our access, and has not heard: an UPDATE with our table is due (RFC 3312 5.1.2, 7). */
export const confirmationDue = (table: QosTable): boolean =>
  WAYS.some((way) => table.local[way].confirm && table.local[way].current);

/** Its lines in a description of ours. In an offer nothing is asked back: the answer tells (24.229 6.1.2). */
export function qosLines(table: QosTable, kind: 'offer' | 'answer'): readonly Line[] {
  const own = ['local', 'remote'] as const;
  const current = own.map((name) => `${QOS} ${name} ${directionOf((way) => table[name][way].current)}`);
  const desired = own.flatMap((name) =>
    STRENGTHS.toReversed().flatMap((strength) => {
      const direction = directionOf((way) => table[name][way].desired === strength);
      return direction === 'none' ? [] : [`${QOS} ${strength} ${name} ${direction}`];
    }),
  );
  const asked = directionOf((way) => table.remote[way].confirm);
  return [
    ...current.map((value) => attribute('curr', value)),
    ...desired.map((value) => attribute('des', value)),
    ...(kind === 'answer' && asked !== 'none' ? [attribute('conf', `${QOS} remote ${asked}`)] : []),
  ];
}

/**
 * Conditions of an offer that this device can never meet, as a 580 names them (RFC 3312 8): end-to-end reservation that
 * is not there already, and kinds that it does not know. Empty: none.
 */
export function impossible(received: QosLines): readonly Line[] {
  const endToEnd = directionOf(
    (way) =>
      strengthIn(received, 'e2e', facing(way)) === 'mandatory' && !says(received.current, 'e2e', facing(way)),
  );
  return [
    ...(endToEnd === 'none' ? [] : [attribute('des', `${QOS} failure e2e ${endToEnd}`)]),
    ...received.unknown.map(({ kind, status, direction }) =>
      attribute('des', `${kind} unknown ${status} ${direction}`),
    ),
  ];
}

/** Mandatory rows without resources, as a 580 names them; empty when the table is met. */
export function unmetLines(table: QosTable): readonly Line[] {
  return (['local', 'remote'] as const).flatMap((name) => {
    const direction = directionOf(
      (way) => table[name][way].desired === 'mandatory' && !table[name][way].current,
    );
    return direction === 'none' ? [] : [attribute('des', `${QOS} failure ${name} ${direction}`)];
  });
}
