// TS 24.229 5.2.6, TS 24.174 4.5.3, TS 24.607, 24.608: what the network does with the identities of both ends.
import type { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import type { Uri } from '#src/sip/message/uri.ts';
import { type Account, sameIdentity } from './accounts.ts';

/** As whom a call goes out. */
export interface Origin {
  /** Undefined: nobody that the operator knows. */
  readonly asserted: NameAddr | undefined;
  /** A second form of the same, as a neighbour asserted it (RFC 3325 9.1). */
  readonly also?: NameAddr | undefined;
  /** The caller's From is replaced: the identity is not one of the caller's registration. */
  readonly from: Uri | undefined;
  /** The caller restricts its presentation by service (24.607 4.5.2.4), and has not said otherwise for this call. */
  readonly restricted?: boolean;
}

export type OriginVerdict = { readonly ok: true; readonly origin: Origin } | { readonly ok: false };

const HIDING: readonly string[] = ['id', 'header', 'user'];

export const hidesIdentity = (message: SipRequest | SipResponse): boolean =>
  message.privacy.some((value) => HIDING.includes(value));

/** 24.174 4.5.3.2: Additional-Identity is checked, one of the registration's own means nothing. */
export function originOf(
  request: SipRequest,
  account: Account | undefined,
  options: {
    /** 24.174 4.5.3.1: an emergency call goes out as the device's own number only. */
    readonly native: boolean;
    /** It comes from a network whose assertions are believed. */
    readonly neighbour: boolean;
  },
): OriginVerdict {
  if (!account) {
    const [asserted, also] = options.neighbour ? request.typed('P-Asserted-Identity') : [];
    return { ok: true, origin: { asserted, also, from: undefined } };
  }
  const { identities, shared } = account;
  const [wished] = request.typed('P-Preferred-Identity');
  const [additional] = request.typed('Additional-Identity');
  const find = (among: readonly Uri[], asked: NameAddr | undefined): Uri | undefined =>
    asked && among.find((identity) => sameIdentity(identity, asked.uri));
  if (additional && !options.native && !find(identities, additional)) {
    const allowed = find(shared, additional);
    if (!allowed) return { ok: false };
    const displayName = additional.displayName;
    return { ok: true, origin: { asserted: NameAddr.of(allowed, { displayName }), from: allowed } };
  }
  const identity = find(identities, wished) ?? identities[0];
  const asserted = identity && NameAddr.of(identity, { displayName: wished?.displayName });
  return { ok: true, origin: { asserted, from: undefined } };
}

/** 24.229 5.2.6.3, 24.607 4.5.2.4: what the caller wrote about itself goes, what the network knows comes in its place. */
export function assertOrigin(request: SipRequest, origin: Origin): void {
  const { headers } = request;
  headers.remove('P-Preferred-Identity');
  headers.remove('P-Asserted-Identity');
  headers.remove('Additional-Identity');
  if (origin.restricted && !hidesIdentity(request)) headers.set('Privacy', 'id');
  const hidden = hidesIdentity(request);
  if (origin.from && !hidden) {
    const { tag } = request.from;
    const from = NameAddr.of(origin.from, { displayName: origin.asserted?.displayName });
    headers.set('From', (tag === undefined ? from : from.withTag(tag)).toString());
  }
  for (const identity of hidden ? [] : [origin.asserted, origin.also])
    if (identity) headers.add('P-Asserted-Identity', identity.toString());
}

/**
 * 24.608 4.5.2: the caller sees who answered, unless that one restricts it, for this call or by service.
 * The answering device chooses among its own identities.
 */
export function assertAnswer(
  response: SipResponse,
  account: Account,
  options: {
    readonly restricted: boolean /** 24.174: answered as this one. */;
    readonly lent: Uri | undefined;
  },
): void {
  const { headers } = response;
  const [wished] = response.typed('P-Preferred-Identity');
  headers.remove('P-Preferred-Identity');
  headers.remove('P-Asserted-Identity');
  const { identities } = account;
  const own = wished && identities.find((identity) => sameIdentity(identity, wished.uri));
  const identity = options.lent ?? own ?? identities[0];
  if (options.restricted && !response.privacy.includes('id')) {
    headers.set('Privacy', [...response.privacy.filter((value) => value !== 'none'), 'id'].join(';'));
  }
  if (!identity || hidesIdentity(response)) return;
  headers.add('P-Asserted-Identity', NameAddr.of(identity, { displayName: wished?.displayName }).toString());
}
