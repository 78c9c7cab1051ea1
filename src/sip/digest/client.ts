// RFC 3261 22, RFC 7616, RFC 8760: answering challenges, using what they taught, checking that the server knows us too.
import { TandemError } from '#src/base/errors.ts';
import type { Random } from '#src/base/random.ts';
import { err, ok, type Result } from '#src/base/result.ts';
import type { SipMessage, SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { toOctets } from '#src/sip/message/octets.ts';
import { SipUri } from '#src/sip/message/uri.ts';
import { digestResponse } from './compute.ts';
import { formatAuthParams, parseAuthFields, parseAuthInfo } from './fields.ts';
import { AUTH_HEADERS, type Credentials, chooseChallenges, type Kind, type Sent, Space } from './space.ts';

export interface DigestCredentials {
  /** In IMS the private identity (IMPI). */
  readonly username: string;
  readonly password: string;
  /** When set, challenges of other realms are not answered. */
  readonly realm?: string;
}

export interface DigestClientOptions {
  readonly credentials: DigestCredentials;
  readonly random: Random;
}

/** How often one request has been refused; each request that is tried again keeps one. */
export interface AuthRound {
  /** Credentials refused with a fresh nonce that was not stale. */
  rejections: number;
  /** Challenges answered, stale ones and those of other proxies included. */
  answers: number;
}

export const newRound = (): AuthRound => ({ rejections: 0, answers: 0 });

/** A third refusal with a fresh nonce is final. */
const MAX_REJECTIONS = 2;
/** No chain of proxies is longer, and no nonce goes stale more often, within one request. */
const MAX_ANSWERS = 8;
/** Realms remembered; the oldest is forgotten. */
const MAX_SPACES = 16;

const KINDS: readonly Kind[] = ['www', 'proxy'];

/** The credentials of one account. Keeps nonce, cnonce and count apart for each header, realm and for REGISTER. */
export class DigestClient {
  readonly #credentials: Credentials;
  readonly #realm: string | undefined;
  readonly #random: Random;
  readonly #spaces = new Map<string, { readonly space: Space; readonly requestUri: string | undefined }>();
  readonly #sent = new WeakMap<SipRequest, readonly Sent[]>();

  constructor(options: DigestClientOptions) {
    const { username, password, realm } = options.credentials;
    this.#credentials = { username: toOctets(username), password: toOctets(password) };
    this.#realm = realm === undefined ? undefined : toOctets(realm);
    this.#random = options.random;
  }

  /** Whether a request of this kind would carry credentials from the start. */
  knows(request: SipRequest): boolean {
    return this.#matching(request).length > 0;
  }

  /**
   * TS 24.229 5.1.1.2: tells the private identity before there is a challenge, by an Authorization with empty nonce and
   * response. The realm is the configured one, else the host of the Request-URI.
   */
  announce(request: SipRequest): void {
    const uri = request.requestUri;
    const realm = this.#realm ?? (uri instanceof SipUri ? uri.host : '');
    const params = [
      { name: 'username', value: this.#credentials.username },
      { name: 'realm', value: realm },
      { name: 'uri', value: uri.toString() },
      { name: 'nonce', value: '' },
      { name: 'response', value: '' },
    ];
    request.headers.set(AUTH_HEADERS.www.credentials, `Digest ${formatAuthParams(params)}`);
  }

  /** RFC 3261 22.3: puts the credentials on a request that earlier challenges ask for; none known, nothing changes. */
  preempt(request: SipRequest): void {
    const spaces = this.#matching(request);
    for (const kind of KINDS) {
      if (spaces.some((space) => space.kind === kind)) request.headers.remove(AUTH_HEADERS[kind].credentials);
    }
    this.#sent.set(
      request,
      spaces.map((space) => space.apply(request)),
    );
  }

  /**
   * The request to send after a 401 or 407: a copy without its Via, CSeq one higher, with credentials. Fails with
   * `auth.rejected` when the credentials were refused, `auth.unsupported` when no challenge can be answered.
   */
  authorize(
    request: SipRequest,
    response: SipResponse,
    round: AuthRound = newRound(),
  ): Result<SipRequest, TandemError> {
    const kind: Kind = response.status === 407 ? 'proxy' : 'www';
    const fields = parseAuthFields(response.headers.getAll(AUTH_HEADERS[kind].challenge));
    const challenges = chooseChallenges(fields).filter(
      ({ realm }) => this.#realm === undefined || realm === this.#realm,
    );
    if (challenges.length === 0) return err(unsupported(response, fields));
    const sent = (this.#sent.get(request) ?? []).filter(({ space }) => space.kind === kind);
    let refused = false;
    for (const challenge of challenges) {
      const before = sent.find(({ space }) => space.challenge.realm === challenge.realm);
      if (!before || (challenge.stale && challenge.nonce !== before.nonce)) continue;
      // RFC 3261 22.1: not again with credentials that the very same nonce has refused.
      if (challenge.nonce === before.nonce) return err(rejected(response));
      refused = true;
    }
    if (refused) round.rejections += 1;
    round.answers += 1;
    if (round.rejections > MAX_REJECTIONS || round.answers > MAX_ANSWERS) return err(rejected(response));
    for (const challenge of challenges) {
      this.#remember(request, new Space(kind, challenge, this.#credentials, this.#random));
    }
    const next = request.clone();
    next.headers.remove('Via');
    next.headers.set('CSeq', `${request.cseq.number + 1} ${request.method}`);
    this.preempt(next);
    return ok(next);
  }

  /**
   * RFC 7616 3.5: checks `rspauth` of the answer to `request`, and takes up `nextnonce`. Fails with `auth.rspauth` when
   * the server does not know the password; an answer without rspauth passes.
   */
  verify(request: SipRequest, response: SipResponse): Result<undefined, TandemError> {
    const sent = this.#sent.get(request) ?? [];
    for (const kind of KINDS) {
      const header = response.header(AUTH_HEADERS[kind].info);
      const mine = sent.filter(({ space }) => space.kind === kind);
      if (header === undefined || mine.length === 0) continue;
      const info = parseAuthInfo(header);
      // The header names no realm: with several proxies it is of any of them.
      if (info.has('rspauth') && !mine.some((each) => proves(each, info, response))) {
        for (const each of mine) this.#forget(each.space);
        return err(
          new TandemError(
            'operator',
            'auth.rspauth',
            'The server could not prove that it knows our password.',
          ),
        );
      }
      const next = info.get('nextnonce');
      const [first] = mine;
      if (next && first && mine.length === 1) first.space.useNext(next);
    }
    return ok(undefined);
  }

  /** Forgets every challenge, as after a change of the password or of the server. */
  reset(): void {
    this.#spaces.clear();
  }

  #matching(request: SipRequest): Space[] {
    const prefix = scope(request);
    const uri = request.requestUri.toString();
    return [...this.#spaces]
      .filter(([key, { requestUri }]) => key.startsWith(prefix) && (requestUri ?? uri) === uri)
      .map(([, { space }]) => space);
  }

  #remember(request: SipRequest, space: Space): void {
    const key = `${scope(request)}${space.kind} ${space.challenge.realm}`;
    // A 401 to a call or a message comes from one peer: its credentials are for that peer only.
    const ofPeer = space.kind === 'www' && request.method !== 'REGISTER';
    this.#spaces.delete(key);
    this.#spaces.set(key, { space, requestUri: ofPeer ? request.requestUri.toString() : undefined });
    const [oldest] = this.#spaces.keys();
    if (this.#spaces.size > MAX_SPACES && oldest !== undefined) this.#spaces.delete(oldest);
  }

  #forget(space: Space): void {
    for (const [key, each] of this.#spaces) if (each.space === space) this.#spaces.delete(key);
  }
}

/** TS 33.203 N.2.1.2 NOTE 1a: REGISTER shares its nonce and count with nothing else. */
const scope = (request: SipRequest): string => (request.method === 'REGISTER' ? 'register ' : 'other ');

function proves(sent: Sent, info: ReadonlyMap<string, string>, response: SipMessage): boolean {
  const { algorithm, qop } = sent.space.challenge;
  const { ha1, nonce, nc, cnonce, uri } = sent;
  if ((info.get('cnonce') ?? cnonce) !== cnonce || (info.get('nc') ?? nc).toLowerCase() !== nc) return false;
  const said = info.get('qop')?.toLowerCase();
  const used = said === 'auth' || said === 'auth-int' ? said : qop;
  const input = { algorithm, ha1, method: '', uri, nonce, nc, cnonce, qop: used, body: response.body };
  return digestResponse(input) === info.get('rspauth')?.toLowerCase();
}

const rejected = (response: SipResponse): TandemError =>
  new TandemError('operator', 'auth.rejected', 'The user name or the password was refused.', {
    detail: { status: response.status },
  });

const unsupported = (
  response: SipResponse,
  fields: readonly { scheme: string; params: ReadonlyMap<string, string> }[],
): TandemError =>
  new TandemError(
    'operator',
    'auth.unsupported',
    'The server asks for a kind of sign-in that is not supported.',
    {
      detail: {
        status: response.status,
        offered: fields.map(({ scheme, params }) => `${scheme} ${params.get('algorithm') ?? ''}`.trim()),
      },
    },
  );
