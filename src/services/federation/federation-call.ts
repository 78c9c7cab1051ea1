// NG.110 1.1, RFC 4235: calls on other devices of the number, out of what dialog information tells.
import { createHash } from 'node:crypto';
import { partyOf, printableLine, shownUri } from '#src/call/party.ts';
import { ANONYMOUS } from '#src/call/privacy.ts';
import type { DialogName } from '#src/call/replaces.ts';
import type { CallParty } from '#src/call/snapshot.ts';
import { type FederatedDevice, sameUri } from '#src/ims/federation.ts';
import { bareInstance } from '#src/ims/reg-info.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { isGruu, isSipUri, parseUri, type Uri } from '#src/sip/message/uri.ts';
import type { DialogInfoEntry } from '../dialog-info/dialog-info.ts';
import type { DialogTags } from '../dialog-info/dialog-table.ts';

/** A row of `GET federation/calls`. */
export interface FederationCall {
  readonly id: string;
  /** `+sip.instance` of the device that has it, where that is known. */
  readonly instance?: string;
  /** Of the device: its contact, else the identity that it uses. */
  readonly uri: string;
  /** Seen from that device. */
  readonly direction?: 'in' | 'out';
  readonly state: 'ringing' | 'active';
  readonly remote: CallParty;
  /** ISO 8601 UTC: when it began, as far as we know. */
  readonly since: string;
  readonly pullable: boolean;
  /** It was pushed here and waits for the owner, who pulls it. */
  readonly offered?: true;
}

/** A call of our own, as far as documents of others could mean it. */
export interface OwnCall {
  readonly callId: string;
  readonly localTags: readonly string[];
  readonly live: boolean;
  /** A conversation has begun here. */
  readonly answered: boolean;
}

/** Who has it, and how it is taken from there. */
export interface Seen {
  readonly call: FederationCall;
  readonly entry: DialogInfoEntry;
  /** Both tags are known. */
  readonly name: DialogName | undefined;
}

const ID_DIGITS = 16;

/** The same for the same dialog of the same user, whoever tells of it, and nothing that a Call-ID would give away. */
export const federationCallId = (entity: string, entry: DialogInfoEntry): string =>
  createHash('sha256').update(`${entity}\n${entry.id}`).digest('hex').slice(0, ID_DIGITS);

/**
 * Whether the document speaks of a call that is here already: the dialog itself, or the same call ringing elsewhere, which
 * is no call of another device yet.
 */
export function isOurs(entry: DialogInfoEntry, own: readonly OwnCall[]): boolean {
  const same = own.filter(({ callId }) => callId === entry.callId);
  const { localTag, state } = entry;
  if (localTag !== undefined && same.some(({ localTags }) => localTags.includes(localTag))) return true;
  const live = same.some((call) => call.live);
  return live && (state !== 'confirmed' || localTag === undefined);
}

/**
 * The dialog with its tags, where they were left out but can be told from what was said before: of the devices that rang
 * only one can have answered. It was this one when no other rang, unless the call is over here without an answer.
 */
export function withTags(
  entry: DialogInfoEntry,
  told: readonly DialogTags[],
  own: readonly OwnCall[],
): DialogInfoEntry {
  if (entry.localTag !== undefined || entry.state !== 'confirmed') return entry;
  const same = own.filter(({ callId }) => callId === entry.callId);
  const ours = same.flatMap(({ localTags }) => localTags);
  const others = told.filter(({ localTag }) => !ours.includes(localTag));
  const here = same.some(({ live, answered }) => live || answered);
  const [only = here ? told[0] : undefined, second] = others;
  return only && !second ? { ...entry, ...only } : entry;
}

/** Undefined for a dialog that has ended. */
export function seenCall(
  entity: string,
  entry: DialogInfoEntry,
  facts: { readonly devices: readonly FederatedDevice[]; readonly since: Date },
): Seen | undefined {
  if (entry.state === 'terminated') return undefined;
  const { callId, localTag, remoteTag, local, remote, direction } = entry;
  const name = callId && localTag && remoteTag ? { callId, localTag, remoteTag } : undefined;
  const state = entry.state === 'confirmed' ? 'active' : 'ringing';
  const instance = instanceOf(entry, facts.devices);
  const shown = partyAt(
    remote.identity?.uri ?? remote.target?.uri ?? ANONYMOUS.uri.toString(),
    remote.identity?.name,
  );
  const call: FederationCall = {
    id: federationCallId(entity, entry),
    ...(instance === undefined ? {} : { instance }),
    uri: local.target?.uri ?? local.identity?.uri ?? entity,
    ...(direction === undefined ? {} : { direction: direction === 'initiator' ? 'out' : 'in' }),
    state,
    remote: shown,
    since: facts.since.toISOString(),
    pullable:
      state === 'active' && name !== undefined && entry.exclusive !== true && pullTarget(entry) !== undefined,
  };
  return { call, entry, name };
}

/**
 * Where the far end of the dialog is reached: its GRUU, which names that one device; else its identity, which may ring
 * several devices, of which only one knows the dialog; a mere contact address last, since it may lie behind a NAT.
 */
export function pullTarget({ remote }: DialogInfoEntry): Uri | undefined {
  const target = callable(remote.target?.uri);
  const identity = callable(remote.identity?.uri);
  if (target && isGruu(target)) return target;
  return identity ?? target;
}

function callable(text: string | undefined): Uri | undefined {
  const parsed = text === undefined ? undefined : readAddress(text);
  if (!parsed || (!isSipUri(parsed.uri) && parsed.uri.scheme !== 'tel')) return undefined;
  // RFC 3323 4.1.1.3: nobody is there.
  return isSipUri(parsed.uri) && parsed.uri.host.toLowerCase() === 'anonymous.invalid'
    ? undefined
    : parsed.uri;
}

/** Some servers write a name-addr where a URI belongs. */
function readAddress(text: string): NameAddr | undefined {
  const uri = parseUri(text);
  return uri.ok ? NameAddr.of(uri.value) : NameAddr.scan(text);
}

const MOST_NAME = 128;

function partyAt(text: string, display: string | undefined): CallParty {
  const address = readAddress(text);
  const party = address ? partyOf(address) : { uri: text };
  const name = printableLine(display, MOST_NAME) ?? ('name' in party ? party.name : undefined);
  return { uri: party.uri, ...(name === undefined ? {} : { name }) };
}

/** As its Contact says, as its GRUU says (RFC 5627 3.1: that of a UUID), as the network says, or by its address. */
function instanceOf(entry: DialogInfoEntry, devices: readonly FederatedDevice[]): string | undefined {
  const { target } = entry.local;
  const told = target?.params['+sip.instance'];
  const uri = target && readAddress(target.uri)?.uri;
  const gruu = uri && isSipUri(uri) ? uri.params.get('gr') : undefined;
  return (
    (told === undefined ? undefined : bareInstance(told)) ??
    (gruu?.toLowerCase().startsWith('urn:') ? gruu : undefined) ??
    (entry.device === undefined ? undefined : bareInstance(entry.device)) ??
    (target && devices.find((device) => sameUri(device.uri, target.uri))?.instance)
  );
}

/** For people: the device by what is known of it. */
export const shownDevice = ({ uri }: FederationCall): string => {
  const address = readAddress(uri);
  return address ? shownUri(address.uri) : uri;
};
