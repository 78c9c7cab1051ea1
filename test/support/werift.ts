// SRTP and SRTCP by strangers' hands: werift-rtp, which knows two suites (RFC 5764 4.1.2, RFC 7714 14.2).
import { type RtpHeader, SrtcpSession, SrtpSession } from 'werift-rtp';
import type { SrtpSuite } from '#src/sdp/crypto-suites.ts';

const PROFILES: Partial<Record<SrtpSuite, 1 | 7>> = { AES_CM_128_HMAC_SHA1_80: 1, AEAD_AES_128_GCM: 7 };
const KEY_OCTETS = 16;

export class Werift {
  readonly #rtp: SrtpSession;
  readonly #rtcp: SrtcpSession;

  private constructor(profile: 1 | 7, seals: Buffer, opens: Buffer) {
    const keys = {
      localMasterKey: seals.subarray(0, KEY_OCTETS),
      localMasterSalt: seals.subarray(KEY_OCTETS),
      remoteMasterKey: opens.subarray(0, KEY_OCTETS),
      remoteMasterSalt: opens.subarray(KEY_OCTETS),
    };
    this.#rtp = new SrtpSession({ keys, profile });
    this.#rtcp = new SrtcpSession({ keys, profile });
  }

  /** Master key and salt of what it seals, and of what it opens. Undefined for a suite that it does not know. */
  static of(suite: SrtpSuite, seals: Buffer, opens: Buffer): Werift | undefined {
    const profile = PROFILES[suite];
    return profile && new Werift(profile, seals, opens);
  }

  /** Undefined: not made with that key. It takes an empty payload for none, and throws. */
  open = (packet: Buffer): Buffer | undefined => tried(() => this.#rtp.decrypt(packet));
  openRtcp = (packet: Buffer): Buffer | undefined => tried(() => this.#rtcp.decrypt(packet));
  seal = (payload: Buffer, header: RtpHeader): Buffer => this.#rtp.encrypt(payload, header);
  sealRtcp = (packet: Buffer): Buffer => this.#rtcp.encrypt(packet);
}

/** It tells a wrong tag by throwing. */
function tried(open: () => Buffer): Buffer | undefined {
  try {
    return open();
  } catch {
    return undefined;
  }
}
