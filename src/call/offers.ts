// Makes the offer/answer keeper of a dialog, and tells beforehand whether an offer can be answered.
import { err, ok, type Result } from '#src/base/result.ts';
import type { LocalAudio } from '#src/sdp/compose.ts';
import { OfferAnswer, type OfferFault } from '#src/sdp/offer-answer.ts';
import type { Target } from '#src/sip/transport/address.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { Refusal } from './facts.ts';
import { warningHeader } from './headers.ts';
import type { CallWorld } from './world.ts';

const SESSION_ID_OCTETS = 6;

export function newOffers(world: CallWorld, local: LocalAudio): OfferAnswer {
  return new OfferAnswer({
    local,
    capabilities: { codecs: world.config.media.codecs, profile: world.line.profile },
    sessionId: `${world.random.bytes(SESSION_ID_OCTETS).readUIntBE(0, SESSION_ID_OCTETS)}`,
  });
}

/** The address that descriptions carry: the configured one, else the one that the signalling goes out from. */
export const mediaAddress = (world: CallWorld, way: Flow | Target): string => {
  const { address } = world.config.media;
  return address === 'auto' ? world.ua.transport.localContact(way).host : address;
};

/** Ports are taken only when the owner answers; whether the offer can be answered is known before it rings. */
export function checkOffer(world: CallWorld, offer: Buffer, flow: Flow): Result<void, Refusal> {
  const address = mediaAddress(world, flow);
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
