// The two sides of a negotiation for tests, and what is read from their descriptions.
import type { Capabilities, LocalMedia, SrtpPolicy } from '#src/sdp/capabilities.ts';
import { OfferAnswer } from '#src/sdp/offer-answer.ts';

let salt = 0;

/** Fresh keys that are all different. */
export const randomKey = (octets: number): Buffer => {
  salt += 1;
  const key = Buffer.alloc(octets, salt % 251);
  key.writeUInt32BE(salt, 0);
  return key;
};

export const SPS = Buffer.from('Z0LgH5ZUBQHtCAAAAwAIAAADAZR4wZU=', 'base64');
export const PPS = Buffer.from('aM48gA==', 'base64');

export const LOCAL: LocalMedia = {
  address: '192.0.2.10',
  port: 50_010,
  rtcpPort: 50_011,
  video: { port: 50_012, rtcpPort: 50_013 },
};

export const capabilities = (
  srtp: SrtpPolicy = 'off',
  changes: Partial<Capabilities> = {},
): Capabilities => ({
  audio: { codecs: ['AMR-WB', 'PCMU'] },
  srtp,
  e2ae: false,
  profile: 'ims',
  randomKey,
  ...changes,
});

export const VIDEO = {
  spropParameterSets: [SPS, PPS],
  size: { width: 640, height: 480 },
  bandwidthKbps: 550,
};

export const side = (own: Capabilities = capabilities(), local: LocalMedia = LOCAL): OfferAnswer =>
  new OfferAnswer({ local, capabilities: own, sessionId: '1000' });

export const BOTH_WAYS = { audio: 'sendrecv', video: 'sendrecv' } as const;

export const lines = (body: Buffer): string[] => body.toString('latin1').trim().split('\r\n');
export const mediaLines = (body: Buffer): string[] => lines(body).filter((line) => line.startsWith('m='));
export const attributes = (body: Buffer, name: string): string[] =>
  lines(body).filter((line) => line === `a=${name}` || line.startsWith(`a=${name}:`));

/** The reason of a refusal, or `taken`. */
export function refusalOf(callee: OfferAnswer, offer: Buffer): string {
  const result = callee.answerTo(offer, BOTH_WAYS);
  if (result.ok) return 'taken';
  if (result.error.kind === 'sdp') return result.error.fault.kind;
  return result.error.kind === 'rejected' ? result.error.rejection.reason : result.error.kind;
}

export function answered(callee: OfferAnswer, offer: Buffer) {
  const result = callee.answerTo(offer, BOTH_WAYS);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

export function settled(caller: OfferAnswer, answer: Buffer) {
  const result = caller.answer(answer);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}
