// RFC 4575 4.6, 5.1: who is in the conference, as the documents received so far add up.
import { printableLine } from '../party.ts';
import {
  CONFERENCE_INFO_LIMITS,
  type ConferenceEndpoint,
  type ConferenceInfo,
  type ConferenceUser,
  ENDPOINT_STATUSES,
  type EndpointStatus,
} from './conference-info.ts';

export interface Participant {
  readonly uri: string;
  readonly name?: string;
  /** As RFC 4575 5.7.2 names it. */
  readonly state: EndpointStatus;
}

/** `stale`: nothing changed. `gap`: one before it was lost, nothing of it was taken. `ended`: there is no conference. */
export type RosterChange = 'applied' | 'stale' | 'gap' | 'ended';

interface Entry {
  readonly uri: string;
  name: string | undefined;
  readonly endpoints: Map<string, EndpointStatus | undefined>;
}

/** Of one user: partial documents must not fill the memory. */
const MOST_ENDPOINTS = 40;
const MOST_NAME = 128;

export class Roster {
  #version: number | undefined;
  readonly #users = new Map<string, Entry>();

  apply(info: ConferenceInfo): RosterChange {
    if (info.state === 'deleted') {
      this.#users.clear();
      return 'ended';
    }
    if (info.state === 'full') {
      this.#version = info.version;
      if (info.users) this.#takeUsers(info.users.list, true);
      return 'applied';
    }
    const version = info.version ?? 0;
    if (this.#version === undefined) return 'gap';
    if (version <= this.#version) return 'stale';
    if (version > this.#version + 1) return 'gap';
    this.#version = version;
    const { users } = info;
    if (users?.state === 'deleted') this.#users.clear();
    else if (users) this.#takeUsers(users.list, users.state === 'full');
    return 'applied';
  }

  /** A new subscription counts afresh; what is known stays until it says otherwise. */
  restart(): void {
    this.#version = undefined;
  }

  #takeUsers(users: readonly ConferenceUser[], instead: boolean): void {
    if (instead) this.#users.clear();
    for (const user of users) this.#takeUser(user);
  }

  #takeUser(user: ConferenceUser): void {
    if (user.state === 'deleted') {
      this.#users.delete(user.entity);
      return;
    }
    const known = user.state === 'partial' ? this.#users.get(user.entity) : undefined;
    if (!known && this.#users.size >= CONFERENCE_INFO_LIMITS.users) return;
    const entry: Entry = known ?? { uri: user.entity, name: undefined, endpoints: new Map() };
    entry.name = printableLine(user.name, MOST_NAME) ?? entry.name;
    for (const endpoint of user.endpoints) takeEndpoint(entry, endpoint);
    this.#users.set(user.entity, entry);
  }

  /** Those whom the focus has hung up on are not participants any more. */
  get participants(): readonly Participant[] {
    return [...this.#users.values()]
      .map(({ uri, name, endpoints }) => ({
        uri,
        ...(name === undefined ? {} : { name }),
        state: bestOf([...endpoints.values()]),
      }))
      .filter(({ state }) => state !== 'disconnected');
  }
}

function takeEndpoint(entry: Entry, endpoint: ConferenceEndpoint): void {
  if (endpoint.state === 'deleted') entry.endpoints.delete(endpoint.entity);
  else if (!entry.endpoints.has(endpoint.entity) && entry.endpoints.size >= MOST_ENDPOINTS) return;
  else if (endpoint.state === 'full' || endpoint.status !== undefined)
    entry.endpoints.set(endpoint.entity, endpoint.status);
}

/** A user about whose endpoints nothing is said is listed because it is there. */
function bestOf(statuses: readonly (EndpointStatus | undefined)[]): EndpointStatus {
  const said = statuses.filter((status) => status !== undefined);
  return ENDPOINT_STATUSES.find((status) => said.includes(status)) ?? 'connected';
}
