// RFC 3261 26.3.1, RFC 5922 and TS 33.310: TLS contexts, sessions that are resumed, errors an owner understands.
import { isIP } from 'node:net';
import type { ConnectionOptions, SecureVersion, TlsOptions } from 'node:tls';
import type { Clock } from '#src/base/clock.ts';
import { describe, systemCode, TandemError } from '#src/base/errors.ts';
import { Seconds, toMilliseconds } from '#src/base/units.ts';
import { formatEndpoint, type Target } from './address.ts';
import { matchesIdentity, sipDomains } from './identity.ts';

export interface TlsSettings {
  /** PEM: the authorities to trust instead of the well-known ones. */
  readonly ca?: string;
  /** PEM: our certificate (chain) and key, to be a TLS server; without it a self-signed one is made. */
  readonly certificate?: string;
  readonly key?: string;
}

/** TS 33.310 6.2.1: TLS 1.2 at least. */
const OLDEST_TLS: SecureVersion = 'TLSv1.2';
const NAME_MISMATCH = 'ERR_TLS_CERT_ALTNAME_INVALID';
/** TS 33.203 O.2.1 recommends about an hour for a session. */
const SESSION_LIFE = Seconds(3600);
const MAX_SESSIONS = 64;

/** Whom a target must prove to be. */
const expectedName = (target: Target): string => target.serverName ?? target.host;

export function clientOptions(
  target: Target,
  settings: TlsSettings,
  session: Buffer | undefined,
): ConnectionOptions {
  const name = expectedName(target);
  return {
    minVersion: OLDEST_TLS,
    rejectUnauthorized: true,
    // RFC 6066 3: SNI carries names only, no addresses.
    ...(isIP(name) ? {} : { servername: name }),
    ...(settings.ca === undefined ? {} : { ca: settings.ca }),
    ...(session ? { session } : {}),
    checkServerIdentity: (_, certificate) => {
      if (matchesIdentity(certificate, name)) return undefined;
      const error = new Error(`The certificate is for ${sipDomains(certificate).join(', ') || 'no name'}.`);
      return Object.assign(error, { code: NAME_MISMATCH });
    },
  };
}

export function serverOptions(
  identity: { certificate: string; key: string },
  handshake: Seconds,
): TlsOptions {
  return {
    minVersion: OLDEST_TLS,
    cert: identity.certificate,
    key: identity.key,
    handshakeTimeout: toMilliseconds(handshake),
    // TS 33.203 O.2.1: no client certificate is asked for.
    requestCert: false,
  };
}

/** What went wrong in a handshake, in a sentence; `detail.reason` is OpenSSL's or Node's code. */
export function tlsError(target: Target, cause: unknown): TandemError {
  const reason = systemCode(cause) ?? describe(cause);
  const name = expectedName(target);
  const detail = { remote: formatEndpoint(target), serverName: name, reason };
  return new TandemError('peer', 'transport.tls', sentence(reason, name), { cause, detail });
}

function sentence(reason: string, name: string): string {
  if (reason === NAME_MISMATCH) return `The certificate of the server is not for ${name}.`;
  if (reason === 'CERT_HAS_EXPIRED' || reason === 'CERT_NOT_YET_VALID') {
    return `The certificate of ${name} is not valid today.`;
  }
  const untrusted = ['SELF_SIGNED', 'UNABLE_TO', 'CERT_', 'DEPTH_ZERO'].some((start) =>
    reason.startsWith(start),
  );
  if (untrusted) return `The certificate of ${name} comes from no trusted authority.`;
  return `No TLS connection to ${name} could be made.`;
}

/** Sessions to resume, by target; each is used for an hour at most. */
export class SessionStore {
  readonly #clock: Clock;
  readonly #sessions = new Map<string, { session: Buffer; until: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  keep(key: string, session: Buffer): void {
    this.#sessions.delete(key);
    this.#sessions.set(key, { session, until: this.#clock.now() + toMilliseconds(SESSION_LIFE) });
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > MAX_SESSIONS && oldest !== undefined) this.#sessions.delete(oldest);
  }

  find(key: string): Buffer | undefined {
    const known = this.#sessions.get(key);
    return known && known.until > this.#clock.now() ? known.session : undefined;
  }
}
