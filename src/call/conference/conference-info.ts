// RFC 4575 5: application/conference-info+xml, from bytes to values.
import { err, ok, type Result } from '#src/base/result.ts';
import { attribute, childElements, childText, type Element, parseXml, xmlNumber } from '#src/base/xml.ts';

export const CONFERENCE_INFO_TYPE = 'application/conference-info+xml';
const NAMESPACE = 'urn:ietf:params:xml:ns:conference-info';

/** 5.1: of the document and of each of its elements, whose default is `full`. */
export type ElementState = 'full' | 'partial' | 'deleted';
const ELEMENT_STATES: readonly ElementState[] = ['full', 'partial', 'deleted'];

/** 5.7.2, from the one that tells most to the one that tells least. */
export const ENDPOINT_STATUSES = [
  'connected',
  'on-hold',
  'muted-via-focus',
  'alerting',
  'dialing-out',
  'dialing-in',
  'pending',
  'disconnecting',
  'disconnected',
] as const;
export type EndpointStatus = (typeof ENDPOINT_STATUSES)[number];

export interface ConferenceEndpoint {
  readonly entity: string;
  readonly state: ElementState;
  readonly status?: EndpointStatus;
}

export interface ConferenceUser {
  readonly entity: string;
  readonly state: ElementState;
  readonly name?: string;
  readonly endpoints: readonly ConferenceEndpoint[];
}

export interface ConferenceInfo {
  readonly entity: string;
  readonly state: ElementState;
  /** A full document may lack it. */
  readonly version?: number;
  /** Absent: the document says nothing about them. */
  readonly users?: { readonly state: ElementState; readonly list: readonly ConferenceUser[] };
}

/** Bounds on what a document may make us keep. */
export const CONFERENCE_INFO_LIMITS = { octets: 256 * 1024, users: 500, endpoints: 2_000 } as const;

/** Reads a document; the error is a sentence on what is wrong with it. Unknown elements are passed over. */
export function parseConferenceInfo(body: Buffer): Result<ConferenceInfo, string> {
  const parsed = parseXml(body, CONFERENCE_INFO_LIMITS);
  if (!parsed.ok) return parsed;
  const root = parsed.value;
  if (root.namespaceURI !== NAMESPACE || root.localName !== 'conference-info')
    return err('not a conference-info document');
  const entity = attribute(root, 'entity');
  const state = stateOf(root);
  if (entity === undefined) return err('entity is missing');
  if (state === undefined) return err('unknown state of the document');
  const version = xmlNumber(root.getAttribute('version'));
  if (version === undefined && state === 'partial') return err('version is missing or no number');
  const head = { entity, state, ...(version === undefined ? {} : { version }) };
  const [element] = childElements(root, NAMESPACE, 'users');
  if (!element) return ok(head);
  const users = readUsers(element);
  return users.ok ? ok({ ...head, users: users.value }) : users;
}

const stateOf = (element: Element): ElementState | undefined => {
  const text = attribute(element, 'state') ?? 'full';
  return ELEMENT_STATES.find((state) => state === text);
};

function readUsers(element: Element): Result<NonNullable<ConferenceInfo['users']>, string> {
  const state = stateOf(element);
  if (state === undefined) return err('unknown state of the users');
  const elements = childElements(element, NAMESPACE, 'user');
  if (elements.length > CONFERENCE_INFO_LIMITS.users)
    return err(`more than ${CONFERENCE_INFO_LIMITS.users} users`);
  const list: ConferenceUser[] = [];
  let endpoints = 0;
  for (const each of elements) {
    const user = readUser(each);
    if (!user.ok) return user;
    endpoints += user.value.endpoints.length;
    if (endpoints > CONFERENCE_INFO_LIMITS.endpoints)
      return err(`more than ${CONFERENCE_INFO_LIMITS.endpoints} endpoints`);
    list.push(user.value);
  }
  return ok({ state, list });
}

function readUser(element: Element): Result<ConferenceUser, string> {
  const entity = attribute(element, 'entity');
  const state = stateOf(element);
  if (entity === undefined) return err('a user lacks its entity');
  if (state === undefined) return err('unknown state of a user');
  const name = childText(element, NAMESPACE, 'display-text');
  const endpoints: ConferenceEndpoint[] = [];
  for (const each of childElements(element, NAMESPACE, 'endpoint')) {
    const endpoint = readEndpoint(each, entity);
    if (!endpoint) return err('unknown state of an endpoint');
    endpoints.push(endpoint);
  }
  return ok({ entity, state, ...(name === undefined ? {} : { name }), endpoints });
}

/** Servers leave the entity of the only endpoint out. */
function readEndpoint(element: Element, user: string): ConferenceEndpoint | undefined {
  const state = stateOf(element);
  if (state === undefined) return undefined;
  const text = childText(element, NAMESPACE, 'status')?.toLowerCase();
  const status = ENDPOINT_STATUSES.find((known) => known === text);
  return { entity: attribute(element, 'entity') ?? user, state, ...(status ? { status } : {}) };
}
