// RFC 3550 6.2, RFC 3556 2: what RTCP may take of a session.
import { mediaError } from './faults.ts';

/** Bandwidths in bit/s (b=RS, b=RR), by default those of RFC 3556 2. Not enabled: none is sent, what comes is taken. */
export interface RtcpConfig {
  readonly enabled: boolean;
  readonly senders?: number;
  readonly receivers?: number;
}

/** A twentieth of the session, a quarter of it for senders. */
const RTCP_SHARE = 0.05;
const SENDERS_SHARE = 0.25;
/** More would change nothing: the minimum interval rules long before. */
const MAX_RTCP_BITS = 1_000_000;

/** bit/s of a session of so many kbit/s. Throws `media.argument`. */
export function rtcpBandwidths(
  rtcp: RtcpConfig | undefined,
  sessionKbps: number,
): { readonly senders: number; readonly receivers: number } {
  if (rtcp && !rtcp.enabled) return { senders: 0, receivers: 0 };
  const total = sessionKbps * 1000 * RTCP_SHARE;
  const senders = rtcp?.senders ?? total * SENDERS_SHARE;
  const receivers = rtcp?.receivers ?? total * (1 - SENDERS_SHARE);
  for (const bits of [senders, receivers])
    if (!(bits >= 0)) throw mediaError('argument', `RTCP bandwidth of ${bits} bit/s`);
  const whole = (bits: number): number => Math.min(Math.ceil(bits), MAX_RTCP_BITS);
  return { senders: whole(senders), receivers: whole(receivers) };
}
