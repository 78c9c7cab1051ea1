// Makes the offer/answer keeper of a dialog, and tells beforehand whether an offer can be answered.
import { isIP } from 'node:net';
import { err, ok, type Result } from '#src/base/result.ts';
import type { LocalMedia } from '#src/sdp/capabilities.ts';
import { OfferAnswer, type OfferFault } from '#src/sdp/offer-answer.ts';
import { parseSdp } from '#src/sdp/parse.ts';
import { isLoopback, type Target } from '#src/sip/transport/address.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { Refusal } from './facts.ts';
import { warningHeader } from './headers.ts';
import type { CallWorld } from './world.ts';

const SESSION_ID_OCTETS = 6;

export function newOffers(world: CallWorld, local: LocalMedia): OfferAnswer {
  return new OfferAnswer({
    local,
    capabilities: {
      audio: { codecs: world.config.media.codecs },
      srtp: 'off',
      e2ae: false,
      profile: world.line.profile,
      randomKey: (octets) => world.random.bytes(octets),
    },
    sessionId: `${world.random.bytes(SESSION_ID_OCTETS).readUIntBE(0, SESSION_ID_OCTETS)}`,
  });
}

/**
 * The address that descriptions carry: the configured one, else the one that the signalling goes out from. An offer of
 * the other family (a peer with both may well signal over IPv4 and want its sound by IPv6) gets ours of that family.
 */
export function mediaAddress(world: CallWorld, way: Flow | Target, offer?: Buffer): string {
  const { address } = world.config.media;
  if (address !== 'auto') return address;
  const usual = world.ua.transport.localContact(way).host;
  const wanted = offer && audioAddress(offer);
  if (wanted === undefined || isIP(wanted) === 0 || isIP(wanted) === isIP(usual)) return usual;
  const { host } = world.ua.transport.localContact({ transport: 'udp', host: wanted, port: 0 });
  const reaches = isIP(host) === isIP(wanted) && (isLoopback(wanted) || !isLoopback(host));
  return reaches ? host : usual;
}

/** Where the first audio line of an offer is received. */
function audioAddress(offer: Buffer): string | undefined {
  const parsed = parseSdp(offer);
  if (!parsed.ok) return undefined;
  const audio = parsed.value.media.find(({ media }) => media.kind === 'audio' && media.port !== 0);
  return audio && parsed.value.connectionOf(audio)?.address;
}

/** Ports are taken only when the owner answers; whether the offer can be answered is known before it rings. */
export function checkOffer(world: CallWorld, offer: Buffer, flow: Flow): Result<void, Refusal> {
  const address = mediaAddress(world, flow, offer);
  // The discard port stands for the one that is not yet taken.
  const answered = newOffers(world, { address, port: 9, rtcpPort: 10 }).answerTo(offer);
  return answered.ok ? ok(undefined) : err(refusalOf(answered.error, address));
}

/** 488 with its warning, or 400 for what is no description (RFC 3261 21.4.1). */
export function refusalOf(fault: OfferFault, host: string): Refusal {
  return fault.kind === 'sdp'
    ? { status: 400 }
    : { status: fault.rejection.status, headers: [warningHeader(fault.rejection, host)] };
}

/** RFC 3264 9: what we understand, with port 0. */
export function capabilityDescription(world: CallWorld, flow: Flow): Buffer {
  const address = mediaAddress(world, flow);
  return newOffers(world, { address, port: 0, rtcpPort: 1 }).offer();
}
