// The transport profile of a line: RTP in clear or SRTP, with feedback or without (33.328 7; 26.114 6.2.1a; RFC 4568 7).
import { err, ok, type Result } from '#src/base/result.ts';
import type { RtpProtocol, SecurityAgreement } from './agreement.ts';
import type { SrtpPolicy } from './capabilities.ts';
import { configurations, potentialProtocols } from './capability-negotiation.ts';
import { answerKeys, e2aeOf, type KeyRing, settleKeys } from './keys.ts';
import { attribute, type Line, type MediaDescription, type SessionDescription } from './model.ts';

const PROTOCOLS: Readonly<Record<RtpProtocol, { readonly secure: boolean; readonly feedback: boolean }>> = {
  'RTP/AVP': { secure: false, feedback: false },
  'RTP/AVPF': { secure: false, feedback: true },
  'RTP/SAVP': { secure: true, feedback: false },
  'RTP/SAVPF': { secure: true, feedback: true },
};
/** Keys by DTLS (RFC 5764 8), which NG.110 2.9.2 does not want and we do not speak. */
const DTLS: readonly string[] = [
  'UDP/TLS/RTP/SAVP',
  'UDP/TLS/RTP/SAVPF',
  'TCP/DTLS/RTP/SAVP',
  'TCP/DTLS/RTP/SAVPF',
];

const isRtp = (protocol: string): protocol is RtpProtocol => Object.hasOwn(PROTOCOLS, protocol);
export const hasFeedback = (protocol: RtpProtocol): boolean => PROTOCOLS[protocol].feedback;
const isSecure = (protocol: RtpProtocol): boolean => PROTOCOLS[protocol].secure;

export interface TransportPolicy {
  readonly srtp: SrtpPolicy;
  readonly e2ae: boolean;
}

/** Nothing in clear is offered: by the owner's will, or because e2ae was negotiated (33.328 7.1.1). */
export const mustProtect = ({ srtp, e2ae }: TransportPolicy): boolean =>
  srtp === 'required' || (srtp === 'optional' && e2ae);

/** How we could answer one line. */
export interface TransportChoice {
  /** The line as it reads under the configuration that is taken. */
  readonly media: MediaDescription;
  readonly protocol: RtpProtocol;
  readonly security?: SecurityAgreement;
  /** Attributes of our answer: `a=acfg`, `a=crypto`. */
  readonly attributes: readonly Line[];
}

export type TransportFault = 'protocol' | 'encryption-required' | 'encryption-unusable' | 'dtls-only';

/** Every way to answer a line, the offerer's favourite first; or why there is none. */
export function transportChoices(
  session: SessionDescription,
  media: MediaDescription,
  policy: TransportPolicy,
  ring: KeyRing,
): Result<readonly TransportChoice[], TransportFault> {
  const choices: TransportChoice[] = [];
  let fault: TransportFault = 'protocol';
  for (const { media: line, actual } of configurations(session, media)) {
    const taken = take(session, line, policy, ring, actual);
    if (taken.ok) choices.push(taken.value);
    else fault = taken.error;
  }
  return choices.length > 0 ? ok(choices) : err(fault);
}

function take(
  session: SessionDescription,
  media: MediaDescription,
  policy: TransportPolicy,
  ring: KeyRing,
  actual: string | undefined,
): Result<TransportChoice, TransportFault> {
  const { protocol } = media.media;
  if (!isRtp(protocol)) return err(DTLS.includes(protocol) ? 'dtls-only' : 'protocol');
  const configured = actual === undefined ? [] : [attribute('acfg', actual)];
  const { secure, feedback } = PROTOCOLS[protocol];
  // For sound AVPF brings nothing: voice stays AVP where there is a choice (26.114 6.2.1).
  if (actual !== undefined && feedback && media.media.kind === 'audio' && !secure) return err('protocol');
  if (secure) {
    // What need not be protected is not, when the owner wants none.
    if (actual !== undefined && policy.srtp === 'off') return err('protocol');
    const keys = answerKeys(session, media, ring);
    if (!keys)
      return err(
        media.has('fingerprint') || session.has('fingerprint') ? 'dtls-only' : 'encryption-unusable',
      );
    const attributes = [...configured, attribute('crypto', keys.line)];
    return ok({ media, protocol, security: keys.security, attributes });
  }
  // Crypto lines under AVP are what some phones call best effort: taken where protection is asked for.
  if (policy.srtp === 'required' || (policy.srtp === 'optional' && e2aeOf(session, media))) {
    const keys = answerKeys(session, media, ring);
    if (keys) {
      const attributes = [...configured, attribute('crypto', keys.line)];
      return ok({ media, protocol, security: keys.security, attributes });
    }
    if (policy.srtp === 'required') return err('encryption-required');
  }
  return ok({ media, protocol, attributes: configured });
}

export interface OfferedTransport {
  readonly protocol: RtpProtocol;
  readonly attributes: readonly Line[];
  /** The line may end up with a feedback profile. */
  readonly feedback: boolean;
}

export interface OfferedTransportOptions {
  readonly policy: TransportPolicy;
  readonly ring: KeyRing;
  /** What is in force for the line. */
  readonly current: { readonly protocol: RtpProtocol; readonly security?: SecurityAgreement } | undefined;
  readonly plain: boolean;
}

/**
 * What our offer says. In a session the profile in force stands alone (26.114 table A.4.12); before it, RTP/AVP with
 * potential configurations, or the SRTP profile where protection is a must.
 */
export function offeredTransport(
  kind: 'audio' | 'video',
  options: OfferedTransportOptions,
): OfferedTransport {
  const { policy, ring, current, plain } = options;
  const crypto = (): Line[] =>
    ring.offered(current?.security?.suite).map((value) => attribute('crypto', value));
  if (current?.security || (mustProtect(policy) && !(current && policy.srtp !== 'required'))) {
    const edge = policy.e2ae && (!current?.security || current.security.e2ae !== undefined);
    const protocol =
      current?.security && !current.security.e2ae ? current.protocol : secured(current?.protocol);
    const indication = edge ? [attribute('3ge2ae', 'requested')] : [];
    const upgrade = kind === 'video' && !current ? negotiation(['RTP/SAVPF'], []) : [];
    return {
      protocol,
      attributes: [...upgrade, ...crypto(), ...indication],
      feedback: hasFeedback(protocol) || upgrade.length > 0,
    };
  }
  if (current) return { protocol: current.protocol, attributes: [], feedback: hasFeedback(current.protocol) };
  if (plain) return { protocol: 'RTP/AVP', attributes: [], feedback: false };
  const keys = policy.srtp === 'optional' ? ring.offered() : [];
  const secure: RtpProtocol[] = kind === 'video' ? ['RTP/SAVPF', 'RTP/SAVP'] : ['RTP/SAVP'];
  const protocols = [...(keys.length > 0 ? secure : []), ...(kind === 'video' ? ['RTP/AVPF'] : [])];
  return {
    protocol: 'RTP/AVP',
    attributes: protocols.length > 0 ? negotiation(protocols, keys) : [],
    feedback: kind === 'video',
  };
}

const secured = (protocol: RtpProtocol | undefined): RtpProtocol =>
  protocol === 'RTP/SAVPF' || protocol === 'RTP/AVPF' ? 'RTP/SAVPF' : 'RTP/SAVP';

/** `a=tcap`, `a=acap` with one crypto line each, `a=pcfg` for each transport in order (RFC 5939 3.4, 3.5). */
function negotiation(protocols: readonly string[], keys: readonly string[]): readonly Line[] {
  const alternatives = keys.map((_, at) => at + 1).join('|');
  return [
    attribute('tcap', `1 ${protocols.join(' ')}`),
    ...keys.map((key, at) => attribute('acap', `${at + 1} crypto:${key}`)),
    ...protocols.map((protocol, at) => {
      const needsKey = isRtp(protocol) && isSecure(protocol) && keys.length > 0;
      return attribute('pcfg', `${at + 1} t=${at + 1}${needsKey ? ` a=${alternatives}` : ''}`);
    }),
  ];
}

export interface SettledTransport {
  readonly protocol: RtpProtocol;
  readonly security?: SecurityAgreement;
}

/**
 * What the answer to our line settles: the profile offered, or one of the potential ones (a peer that forgets
 * `a=acfg` is understood all the same). Undefined protection where we offered nothing else is a fault: no fall back.
 */
export function settleTransport(
  session: SessionDescription,
  ours: MediaDescription,
  theirs: MediaDescription,
  ring: KeyRing,
): Result<SettledTransport, 'protocol' | 'encryption'> {
  const { protocol } = theirs.media;
  const offered = ours.media.protocol;
  if (!isRtp(protocol) || !isRtp(offered)) return err('protocol');
  const e2ae = e2aeOf(session, ours);
  const onlySecure = isSecure(offered);
  // 34.229-1 itself answers an e2ae offer under RTP/AVP, with a crypto line.
  const loose = onlySecure && e2ae !== undefined && theirs.has('crypto');
  if (protocol !== offered && !potentialProtocols(session, ours).includes(protocol) && !loose) {
    return err(onlySecure && !isSecure(protocol) ? 'encryption' : 'protocol');
  }
  if (!isSecure(protocol) && !loose && !(ours.has('crypto') && theirs.has('crypto'))) return ok({ protocol });
  const security = settleKeys(theirs, ring, e2ae);
  return security ? ok({ protocol, security }) : err('encryption');
}
