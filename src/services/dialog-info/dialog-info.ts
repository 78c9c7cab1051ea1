// RFC 4235 4: application/dialog-info+xml, from bytes to values.
import { err, ok, type Result } from '#src/base/result.ts';
import { Seconds } from '#src/base/units.ts';
import { attribute, childElements, childText, type Element, parseXml, xmlNumber } from '#src/base/xml.ts';
import type { DialogName } from '#src/call/replaces.ts';

export const DIALOG_INFO_TYPE = 'application/dialog-info+xml';
export const DIALOG_INFO_NS = 'urn:ietf:params:xml:ns:dialog-info';
/** RFC 7463 5.2: shared appearances. */
const SHARED_NS = 'urn:ietf:params:xml:ns:sa-dialog-info';
/** TS 24.229 7.14.2 (Rel-17): which of the devices that share an identity has the dialog. */
const DEVICE_NS = 'urn:3gpp:extDEN:1.0';

/** RFC 4235 3.7.1. */
export const DIALOG_INFO_STATES = ['trying', 'proceeding', 'early', 'confirmed', 'terminated'] as const;
export type DialogInfoState = (typeof DIALOG_INFO_STATES)[number];

/** RFC 4235 4.1.2: why a dialog came to its state. */
export const DIALOG_INFO_EVENTS = [
  'cancelled',
  'rejected',
  'replaced',
  'local-bye',
  'remote-bye',
  'error',
  'timeout',
] as const;
export type DialogInfoEvent = (typeof DIALOG_INFO_EVENTS)[number];

export interface NamedUri {
  readonly uri: string;
  readonly name?: string;
}

export interface DialogTarget {
  readonly uri: string;
  /** RFC 3840 parameters of the Contact; the value as it stands there, quotes included. */
  readonly params: Readonly<Record<string, string>>;
}

export interface DialogParty {
  readonly identity?: NamedUri;
  readonly target?: DialogTarget;
}

export interface DialogInfoEntry {
  /** Of the dialog within the subscription. */
  readonly id: string;
  readonly callId?: string;
  readonly localTag?: string;
  readonly remoteTag?: string;
  readonly direction?: 'initiator' | 'recipient';
  readonly state: DialogInfoState;
  readonly event?: DialogInfoEvent;
  readonly code?: number;
  readonly duration?: Seconds;
  /** The dialog whose place it took, seen from the user agent that the document is about. */
  readonly replaces?: DialogName;
  readonly referredBy?: NamedUri;
  readonly local: DialogParty;
  readonly remote: DialogParty;
  /** Whoever has it does not want it taken (RFC 7463 5.2). */
  readonly exclusive?: boolean;
  /** Of the device that has it, where the network says so (TS 24.229 7.14.2). */
  readonly device?: string;
}

export interface DialogInfo {
  readonly version: number;
  readonly state: 'full' | 'partial';
  /** Whose dialogs they are. */
  readonly entity: string;
  readonly dialogs: readonly DialogInfoEntry[];
}

/** Bounds on what a document may make us keep. */
export const DIALOG_INFO_LIMITS = { octets: 256 * 1024, dialogs: 500, params: 50 } as const;

/** Reads a document; the error is a sentence on what is wrong with it. Unknown elements are passed over. */
export function parseDialogInfo(body: Buffer): Result<DialogInfo, string> {
  const parsed = parseXml(body, DIALOG_INFO_LIMITS);
  if (!parsed.ok) return parsed;
  const root = parsed.value;
  if (root.namespaceURI !== DIALOG_INFO_NS || root.localName !== 'dialog-info')
    return err('not a dialog-info document');
  const version = xmlNumber(root.getAttribute('version'));
  const state = attribute(root, 'state');
  const entity = attribute(root, 'entity');
  if (version === undefined) return err('version is missing or no number');
  if (state !== 'full' && state !== 'partial') return err('state is neither full nor partial');
  if (entity === undefined) return err('entity is missing');
  const elements = children(root, 'dialog');
  if (elements.length > DIALOG_INFO_LIMITS.dialogs)
    return err(`more than ${DIALOG_INFO_LIMITS.dialogs} dialogs`);
  const dialogs: DialogInfoEntry[] = [];
  for (const element of elements) {
    const entry = readEntry(element);
    if (!entry.ok) return entry;
    dialogs.push(entry.value);
  }
  return ok({ version, state, entity, dialogs });
}

function readEntry(element: Element): Result<DialogInfoEntry, string> {
  const id = attribute(element, 'id');
  const [said] = children(element, 'state');
  const state = DIALOG_INFO_STATES.find((name) => name === said?.textContent?.trim().toLowerCase());
  if (id === undefined) return err('a dialog lacks its id');
  if (!said || !state) return err('a dialog lacks its state, or it is unknown');
  const direction = attribute(element, 'direction');
  return ok({
    id,
    state,
    ...given('callId', attribute(element, 'call-id')),
    ...given('localTag', attribute(element, 'local-tag')),
    ...given('remoteTag', attribute(element, 'remote-tag')),
    ...(direction === 'initiator' || direction === 'recipient' ? { direction } : {}),
    ...given(
      'event',
      DIALOG_INFO_EVENTS.find((name) => name === attribute(said, 'event')),
    ),
    ...given('code', xmlNumber(said.getAttribute('code'))),
    ...given('duration', readDuration(element)),
    ...given('replaces', readReplaces(element)),
    ...given('referredBy', readNamed(children(element, 'referred-by')[0])),
    local: readParty(element, 'local'),
    remote: readParty(element, 'remote'),
    ...given('exclusive', readFlag(childText(element, SHARED_NS, 'exclusive'))),
    ...given('device', readDevice(element)),
  });
}

function readParty(element: Element, name: 'local' | 'remote'): DialogParty {
  const [party] = children(element, name);
  if (!party) return {};
  return {
    ...given('identity', readNamed(children(party, 'identity')[0])),
    ...given('target', readTarget(children(party, 'target')[0])),
  };
}

function readNamed(element: Element | undefined): NamedUri | undefined {
  const uri = element?.textContent?.trim();
  if (!element || !uri) return undefined;
  return { uri, ...given('name', attribute(element, 'display') ?? attribute(element, 'display-name')) };
}

function readTarget(element: Element | undefined): DialogTarget | undefined {
  const uri = element && attribute(element, 'uri');
  if (!element || !uri) return undefined;
  const params = children(element, 'param')
    .slice(0, DIALOG_INFO_LIMITS.params)
    .flatMap((param): [string, string][] => {
      const name = attribute(param, 'pname')?.toLowerCase();
      return name === undefined ? [] : [[name, param.getAttribute('pval') ?? '']];
    });
  return { uri, params: Object.fromEntries(params) };
}

function readDuration(element: Element): Seconds | undefined {
  const seconds = xmlNumber(childText(element, DIALOG_INFO_NS, 'duration'));
  return seconds === undefined ? undefined : Seconds(seconds);
}

function readReplaces(element: Element): DialogName | undefined {
  const [replaces] = children(element, 'replaces');
  const callId = replaces && attribute(replaces, 'call-id');
  const localTag = replaces && attribute(replaces, 'local-tag');
  const remoteTag = replaces && attribute(replaces, 'remote-tag');
  return callId && localTag && remoteTag ? { callId, localTag, remoteTag } : undefined;
}

const readFlag = (text: string | undefined): boolean | undefined =>
  text === undefined ? undefined : text === 'true' || text === '1';

function readDevice(element: Element): string | undefined {
  const [device] = childElements(element, DEVICE_NS, 'ue-instance');
  return device && (attribute(device, 'identity') ?? (device.textContent?.trim() || undefined));
}

const children = (element: Element, name: string): Element[] => childElements(element, DIALOG_INFO_NS, name);

/** A member that is absent when there is nothing in it. */
function given<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { readonly [Key in Name]?: Value } {
  // The computed key is the one name.
  return value === undefined ? {} : ({ [name]: value } as { readonly [Key in Name]?: Value });
}
