// RFC 4575 5: application/conference-info+xml, from participants to text, and what has changed since a subscriber was told.
import { escapeXml } from '#src/base/xml.ts';

export const CONFERENCE_INFO_TYPE = 'application/conference-info+xml';

/** 5.7.2 */
export type EndpointStatus =
  | 'dialing-in'
  | 'dialing-out'
  | 'alerting'
  | 'connected'
  | 'on-hold'
  | 'disconnected';

export interface ReportedUser {
  readonly uri: string;
  readonly name?: string | undefined;
  readonly status: EndpointStatus;
  readonly joined: 'dialed-in' | 'dialed-out' | 'focus-owner';
}

/** The whole, or what is new: changed users, and those who are gone. */
export interface ConferenceReport {
  readonly version: number;
  readonly state: 'full' | 'partial';
  readonly entity: string;
  readonly maximum: number;
  readonly users: readonly ReportedUser[];
  /** URIs; of partial ones. */
  readonly gone: readonly string[];
  readonly count: number;
}

export function writeConferenceInfo(report: ConferenceReport): string {
  const { version, state, entity, maximum, users, gone, count } = report;
  const description =
    state === 'full'
      ? ` <conference-description><maximum-user-count>${maximum}</maximum-user-count></conference-description>\n`
      : '';
  const rows = [
    ...users.map(user),
    ...gone.map((uri) => `  <user entity="${escapeXml(uri)}" state="deleted"/>\n`),
  ];
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n<conference-info xmlns="urn:ietf:params:xml:ns:conference-info"` +
    ` entity="${escapeXml(entity)}" state="${state}" version="${version}">\n${description}` +
    ` <conference-state><user-count>${count}</user-count></conference-state>\n` +
    ` <users state="${state}">\n${rows.join('')} </users>\n</conference-info>\n`
  );
}

function user({ uri, name, status, joined }: ReportedUser): string {
  const entity = escapeXml(uri);
  const shown = name === undefined ? '' : `<display-text>${escapeXml(name)}</display-text>`;
  return (
    `  <user entity="${entity}" state="full">${shown}<endpoint entity="${entity}">` +
    `<status>${status}</status><joining-method>${joined}</joining-method></endpoint></user>\n`
  );
}

/** What one subscriber knows: versions count up, and only differences are told after the first time. */
export class ConferenceTeller {
  #version = 0;
  #known: ReadonlyMap<string, string> | undefined;

  differs(users: readonly ReportedUser[]): boolean {
    const known = this.#known;
    return (
      !known ||
      known.size !== users.length ||
      users.some((each) => known.get(each.uri) !== JSON.stringify(each))
    );
  }

  /** The next document; `whole` begins anew, as every SUBSCRIBE asks (RFC 4575 3.5). */
  next(conference: Pick<ConferenceReport, 'entity' | 'maximum' | 'users'>, whole = false): string {
    const { users } = conference;
    const before = whole ? undefined : this.#known;
    const now = new Map(users.map((each) => [each.uri, JSON.stringify(each)]));
    this.#known = now;
    this.#version += 1;
    return writeConferenceInfo({
      ...conference,
      version: this.#version,
      state: before ? 'partial' : 'full',
      users: before ? users.filter(({ uri }) => before.get(uri) !== now.get(uri)) : users,
      gone: before ? [...before.keys()].filter((uri) => !now.has(uri)) : [],
      count: users.length,
    });
  }
}
