// SRTP and SRTCP as RFC 3711, 6188 and 7714 write them, upon node:crypto: the tests' own judge of what the engine does with libsrtp2.
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import { type SrtpSuite, SUITE_TABLE } from '#src/sdp/crypto-suites.ts';

/** RFC 3711 4.3.2. */
const LABELS = {
  rtp: { key: 0, authentication: 1, salt: 2 },
  rtcp: { key: 3, authentication: 4, salt: 5 },
} as const;
const AUTHENTICATION_KEY_OCTETS = 20;
const BLOCK = 16;
const GCM_TAG = 16;
const RTP_HEADER = 12;
const RTCP_HEADER = 8;
const E_FLAG = 0x8000_0000;

type Kind = keyof typeof LABELS;

export interface SessionKeys {
  readonly key: Buffer;
  readonly authentication: Buffer;
  readonly salt: Buffer;
}

/** RFC 3711 4.3.3: the key stream of AES in counter mode, from `iv` on. */
function keyStream(key: Buffer, iv: Buffer, octets: number): Buffer {
  return createCipheriv(`aes-${key.length * 8}-ctr`, key, iv).update(Buffer.alloc(octets));
}

/** RFC 3711 4.3.1, 7714 11: key derivation rate 0. */
export function deriveKeys(masterKey: Buffer, masterSalt: Buffer, kind: Kind): SessionKeys {
  const derive = (label: number, octets: number): Buffer => {
    const iv = Buffer.alloc(BLOCK);
    masterSalt.copy(iv);
    iv.writeUInt8(iv.readUInt8(7) ^ label, 7);
    return keyStream(masterKey, iv, octets);
  };
  return {
    key: derive(LABELS[kind].key, masterKey.length),
    authentication: derive(LABELS[kind].authentication, AUTHENTICATION_KEY_OCTETS),
    salt: derive(LABELS[kind].salt, masterSalt.length),
  };
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((octet, at) => octet ^ (b[at] ?? 0)));
}

function word(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value >>> 0);
  return octets;
}

function headerOctets(packet: Buffer): number {
  const csrc = RTP_HEADER + (packet.readUInt8(0) & 0x0f) * 4;
  return (packet.readUInt8(0) & 0x10) === 0 ? csrc : csrc + 4 + packet.readUInt16BE(csrc + 2) * 4;
}

/** One direction of one stream. Every method leaves its argument as it was; `open…` give undefined for what was not made with this key. */
export class Srtp {
  readonly #rtp: SessionKeys;
  readonly #rtcp: SessionKeys;
  readonly #tag: number;
  readonly #rtcpTag: number;
  readonly #gcm: boolean;

  /** `key`: master key and master salt, as in a=crypto. */
  constructor(suite: SrtpSuite, key: Buffer) {
    const row = SUITE_TABLE.find(({ name }) => name === suite);
    if (!row || key.length !== row.key + row.salt)
      throw new Error(`${suite} with ${key.length} octets of key`);
    const master = key.subarray(0, row.key);
    const salt = key.subarray(row.key);
    this.#rtp = deriveKeys(master, salt, 'rtp');
    this.#rtcp = deriveKeys(master, salt, 'rtcp');
    this.#tag = row.tag;
    this.#rtcpTag = row.rtcpTag;
    this.#gcm = suite.startsWith('AEAD');
  }

  /** `roc`: how often the sequence number has rolled over. */
  protect(packet: Buffer, roc = 0): Buffer {
    const header = packet.subarray(0, headerOctets(packet));
    const payload = packet.subarray(header.length);
    if (this.#gcm)
      return Buffer.concat([header, this.#seal(this.#rtp, this.#rtpIv(packet, roc), header, payload)]);
    const whole = Buffer.concat([header, xor(payload, this.#rtpStream(packet, roc, payload.length))]);
    return Buffer.concat([whole, this.#authenticate(this.#rtp, [whole, word(roc)], this.#tag)]);
  }

  open(packet: Buffer, roc = 0): Buffer | undefined {
    const header = packet.subarray(0, headerOctets(packet));
    if (packet.length < header.length + this.#tag) return undefined;
    if (this.#gcm) {
      const payload = this.#unseal(
        this.#rtp,
        this.#rtpIv(packet, roc),
        header,
        packet.subarray(header.length),
      );
      return payload && Buffer.concat([header, payload]);
    }
    const whole = packet.subarray(0, packet.length - this.#tag);
    const tag = this.#authenticate(this.#rtp, [whole, word(roc)], this.#tag);
    if (!timingSafeEqual(tag, packet.subarray(whole.length))) return undefined;
    const payload = whole.subarray(header.length);
    return Buffer.concat([header, xor(payload, this.#rtpStream(packet, roc, payload.length))]);
  }

  /** `index`: of the SRTCP packet, from 0 or 1 on. */
  protectRtcp(packet: Buffer, index: number): Buffer {
    const header = packet.subarray(0, RTCP_HEADER);
    const rest = packet.subarray(RTCP_HEADER);
    const trailer = word(E_FLAG + index);
    if (this.#gcm) {
      const sealed = this.#seal(
        this.#rtcp,
        this.#rtcpIv(packet, index),
        Buffer.concat([header, trailer]),
        rest,
      );
      return Buffer.concat([header, sealed, trailer]);
    }
    const whole = Buffer.concat([header, xor(rest, this.#rtcpStream(packet, index, rest.length)), trailer]);
    return Buffer.concat([whole, this.#authenticate(this.#rtcp, [whole], this.#rtcpTag)]);
  }

  openRtcp(packet: Buffer): { readonly packet: Buffer; readonly index: number } | undefined {
    const header = packet.subarray(0, RTCP_HEADER);
    const end = packet.length - (this.#gcm ? 0 : this.#rtcpTag);
    const trailer = packet.subarray(end - 4, end);
    const index = trailer.readUInt32BE(0) % E_FLAG;
    const body = packet.subarray(RTCP_HEADER, end - 4);
    if (trailer.readUInt32BE(0) < E_FLAG) return undefined;
    if (this.#gcm) {
      const rest = this.#unseal(
        this.#rtcp,
        this.#rtcpIv(packet, index),
        Buffer.concat([header, trailer]),
        body,
      );
      return rest && { packet: Buffer.concat([header, rest]), index };
    }
    const tag = this.#authenticate(this.#rtcp, [packet.subarray(0, end)], this.#rtcpTag);
    if (!timingSafeEqual(tag, packet.subarray(end))) return undefined;
    return {
      packet: Buffer.concat([header, xor(body, this.#rtcpStream(packet, index, body.length))]),
      index,
    };
  }

  // RFC 3711 4.1.1: (salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16).
  #stream(keys: SessionKeys, ssrc: Buffer, index: Buffer, octets: number): Buffer {
    const place = Buffer.concat([Buffer.alloc(4), ssrc, index, Buffer.alloc(2)]);
    return keyStream(keys.key, xor(place, keys.salt), octets);
  }

  #rtpStream(packet: Buffer, roc: number, octets: number): Buffer {
    const index = Buffer.concat([word(roc), packet.subarray(2, 4)]);
    return this.#stream(this.#rtp, packet.subarray(8, 12), index, octets);
  }

  #rtcpStream(packet: Buffer, index: number, octets: number): Buffer {
    return this.#stream(
      this.#rtcp,
      packet.subarray(4, 8),
      Buffer.concat([Buffer.alloc(2), word(index)]),
      octets,
    );
  }

  // RFC 7714 8.1, 9.1.
  #rtpIv(packet: Buffer, roc: number): Buffer {
    return xor(
      Buffer.concat([Buffer.alloc(2), packet.subarray(8, 12), word(roc), packet.subarray(2, 4)]),
      this.#rtp.salt,
    );
  }

  #rtcpIv(packet: Buffer, index: number): Buffer {
    return xor(
      Buffer.concat([Buffer.alloc(2), packet.subarray(4, 8), Buffer.alloc(2), word(index)]),
      this.#rtcp.salt,
    );
  }

  #seal(keys: SessionKeys, iv: Buffer, associated: Buffer, plain: Buffer): Buffer {
    const cipher = createCipheriv(keys.key.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm', keys.key, iv);
    cipher.setAAD(associated);
    return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  #unseal(keys: SessionKeys, iv: Buffer, associated: Buffer, sealed: Buffer): Buffer | undefined {
    const decipher = createDecipheriv(keys.key.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm', keys.key, iv);
    decipher.setAAD(associated);
    decipher.setAuthTag(sealed.subarray(sealed.length - GCM_TAG));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - GCM_TAG)), decipher.final()]);
    } catch {
      // node:crypto tells a wrong tag by throwing.
      return undefined;
    }
  }

  #authenticate(keys: SessionKeys, parts: readonly Buffer[], octets: number): Buffer {
    const hmac = createHmac('sha1', keys.authentication);
    for (const part of parts) hmac.update(part);
    return hmac.digest().subarray(0, octets);
  }
}
