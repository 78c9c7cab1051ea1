// Which encryption a call asks for: by access, by the protection of the signalling, by what the registration agreed (NG.110 2.9.2, 33.328 6.2.1).
import { TandemError } from '#src/base/errors.ts';
import type { SrtpPolicy } from '#src/sdp/capabilities.ts';
import type { SettleFault } from '#src/sdp/offer-answer.ts';
import type { Target } from '#src/sip/transport/address.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { CallWorld } from './world.ts';

/** SDES keys stand in the description in clear: only TLS keeps them to ourselves (RFC 4568 8.1). */
const keepsSecrets = (way: Flow | Target): boolean => way.transport === 'tls';

/** The owner's word for the access that the media goes out by. */
export function wantedPolicy({ config }: CallWorld, address: string): SrtpPolicy {
  const { security } = config;
  if (!security) return 'off';
  return security.isCellular(address) ? security.srtpCellular : security.srtp;
}

/**
 * What is negotiated: `optional` never puts a key of ours into an offer that others can read; `required` does, because
 * the owner would rather have that than no call at all (docs/config.md).
 */
export function negotiatedPolicy(world: CallWorld, way: Flow | Target, address: string): SrtpPolicy {
  const wanted = wantedPolicy(world, address);
  return wanted === 'optional' && !keepsSecrets(way) ? 'off' : wanted;
}

/** Both sides announced end-to-access-edge security, and it is switched on here (33.328 7.1.1). */
export const usesEdge = ({ config, line }: CallWorld, way: Flow | Target): boolean =>
  config.security?.e2ae === true && line.e2ae === true && keepsSecrets(way);

/** The call that must be encrypted and is not does not start. */
export const notEncrypted = (why: string): TandemError =>
  new TandemError('peer', 'call.not-encrypted', `The call would not be encrypted: ${why}.`, {
    detail: { why },
  });

/** An answer that brings RTP in clear, or no key that can be used, to an offer that demanded more. */
export function faultOf(fault: SettleFault): TandemError {
  const reason = fault.kind === 'answer' ? fault.fault.reason : 'the description cannot be read';
  if (fault.kind === 'answer' && fault.fault.kind === 'encryption') return notEncrypted(reason);
  return new TandemError('peer', 'call.answer', `The answer of the other side cannot be used: ${reason}.`, {
    detail: { reason },
  });
}
