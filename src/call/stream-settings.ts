// What the audio and the video of a call tell their streams alike: the far end, keys, keep-alive (NG.110 2.9.1, 2.9.2).
import { isIP } from 'node:net';
import { MAX_PLACES } from '#src/media/path.ts';
import type { AudioAgreement, VideoAgreement } from '#src/sdp/agreement.ts';
import type { Secured, StreamConfig } from './media.ts';

/** `early`: before the final answer to the INVITE. */
export type Stage = 'early' | 'established';

/** Before the answer: what of the stream is let through. */
export interface Gate {
  readonly receive: boolean;
  readonly send: boolean;
}

/** Nothing of ours goes out before the answer unless the gate lets it; what comes in is taken unless it does not. */
export const flowing = ({ send, receive }: Agreement, stage: Stage, gate: Gate | undefined): Gate => ({
  send: send && (stage === 'established' || (gate?.send ?? false)),
  receive: receive && (stage === 'established' || (gate?.receive ?? true)),
});

type Agreement = AudioAgreement | VideoAgreement;

/** An agreement whose far end is known by number. */
export interface Placed<Kind extends Agreement> {
  readonly agreement: Kind;
  readonly address: string;
  /** Undefined: the name of the RTCP address is unknown, and it goes beside RTP. */
  readonly rtcpAddress: string | undefined;
}

export interface KeepAliveSettings {
  readonly burstMs: number;
  readonly spacingMs: number;
  readonly intervalMs: number;
}

export function remoteOf({ agreement, address, rtcpAddress }: Placed<Agreement>): StreamConfig['remote'] {
  const { port, rtcp } = agreement.remote;
  // RTCP of another family has no way out of our socket.
  const apart = rtcpAddress !== undefined && rtcpAddress !== address && isIP(rtcpAddress) === isIP(address);
  return { address, port, ...(apart ? { rtcpAddress } : {}), rtcpPort: rtcp.port };
}

export function securityOf({ security }: Agreement): Secured {
  if (!security) return {};
  const { suite, sendKey, receiveKey, receiveMki } = security;
  return {
    srtp: {
      send: { suite, key: sendKey },
      receive: { suite, key: receiveKey, ...(receiveMki ? { mki: receiveMki } : {}) },
    },
  };
}

/** A burst of a second, a packet every 70 ms, again every 15 s (NG.110 2.9.1 recommends 50 to 100 ms, 1 s, 15 s). */
export const RECOMMENDED: KeepAliveSettings = { burstMs: 1_000, spacingMs: 70, intervalMs: 15_000 };

export const keepAlive = (
  settings: KeepAliveSettings | 'off' = RECOMMENDED,
  { keepAlivePayloadType }: Agreement,
  stage: Stage,
): Pick<StreamConfig, 'keepAlive'> =>
  settings === 'off' ? {} : { keepAlive: { phase: stage, payloadType: keepAlivePayloadType, ...settings } };

/**
 * The other early dialogs of our INVITE: each has a hole of its own to be opened (NG.110 2.9.1), with the key that its
 * answer chose.
 */
export function alsoTo(others: readonly Placed<Agreement>[]): Pick<StreamConfig, 'alsoTo'> {
  if (others.length === 0) return {};
  // Who rings beyond what the engine takes gets a keep-alive when the ones before have gone.
  return {
    alsoTo: others.slice(0, MAX_PLACES).map((other) => {
      const { srtp } = securityOf(other.agreement);
      return { ...remoteOf(other), ...(srtp && { srtp: srtp.send }) };
    }),
  };
}
