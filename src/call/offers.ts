// Makes the offer/answer keeper of a dialog, and tells beforehand whether an offer can be answered.
import { isIP } from 'node:net';
import type { TandemError } from '#src/base/errors.ts';
import { err, ok, type Result } from '#src/base/result.ts';
import type { VideoSource } from '#src/media/engine.ts';
import type { RejectionReason } from '#src/sdp/answer.ts';
import type { LocalMedia, VideoCapabilities } from '#src/sdp/capabilities.ts';
import { OfferAnswer, type OfferFault } from '#src/sdp/offer-answer.ts';
import { parseSdp } from '#src/sdp/parse.ts';
import type { PreconditionPolicy } from '#src/sdp/preconditions.ts';
import { familyOf, isLoopback, type Target } from '#src/sip/transport/address.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import type { Refusal } from './facts.ts';
import { warningHeader } from './headers.ts';
import { negotiatedPolicy, notEncrypted, usesEdge } from './security.ts';
import type { CallWorld } from './world.ts';

const SESSION_ID_OCTETS = 6;

/** Our parameter sets and size, where they are known: a peer can begin to decode with them (26.114 7.4.3). */
const pictureOf = (source: VideoSource | undefined): VideoCapabilities =>
  source
    ? {
        spropParameterSets: source.parameterSets,
        needsFragments: source.needsFragments,
        ...(source.width > 0 ? { size: { width: source.width, height: source.height } } : {}),
      }
    : {};

/** `way`: how the descriptions travel, which decides whether keys may stand in them. */
export function newOffers(
  world: CallWorld,
  local: LocalMedia,
  way: Flow | Target,
  preconditions: PreconditionPolicy = 'off',
): OfferAnswer {
  const { audio, video } = world.config;
  return new OfferAnswer({
    local,
    capabilities: {
      audio: { codecs: world.config.media.codecs, dtx: audio.dtx ?? false, voipMetrics: true },
      ...(video ? { video: pictureOf(video.source) } : {}),
      srtp: negotiatedPolicy(world, way, local.address),
      e2ae: usesEdge(world, way),
      profile: world.line.profile,
      preconditions,
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

/** Addresses of documentation (RFC 5737, RFC 3849): the way that leads anywhere leads there. Nothing is sent to them. */
const ANYWHERE = { 4: '192.0.2.1', 6: '2001:db8::1' } as const;
const HERE = { 4: '127.0.0.1', 6: '::1' } as const;

/** Our address of the other IP family; undefined: there is none, or which address is used was configured. */
export function otherFamilyAddress(world: CallWorld, usual: string): string | undefined {
  if (world.config.media.address !== 'auto' || isIP(usual) === 0) return undefined;
  const family = familyOf(usual) === 4 ? 6 : 4;
  const remote = (isLoopback(usual) ? HERE : ANYWHERE)[family];
  const { host } = world.ua.transport.localContact({ transport: 'udp', host: remote, port: 0 });
  return isIP(host) === family && isLoopback(host) === isLoopback(usual) ? host : undefined;
}

/** Where the first audio line of an offer is received. */
function audioAddress(offer: Buffer): string | undefined {
  const parsed = parseSdp(offer);
  if (!parsed.ok) return undefined;
  const audio = parsed.value.media.find(({ media }) => media.kind === 'audio' && media.port !== 0);
  return audio && parsed.value.connectionOf(audio)?.address;
}

/** Whether an offer can be answered is known before a port is taken for it. */
export function checkOffer(
  world: CallWorld,
  offer: Buffer,
  flow: Flow,
  preconditions: PreconditionPolicy = 'off',
): Result<void, Refused> {
  const address = mediaAddress(world, flow, offer);
  // The discard port stands for the one that is not yet taken.
  const answered = newOffers(world, { address, port: 9, rtcpPort: 10 }, flow, preconditions).answerTo(offer);
  return answered.ok ? ok(undefined) : err(refusalOf(answered.error, address));
}

/** A refusal and, where its status does not say it all, the reason. */
export interface Refused {
  readonly refusal: Refusal;
  readonly error?: TandemError;
}

/** 488 with its warning, or 400 for what is no description (RFC 3261 21.4.1). */
export function refusalOf(fault: OfferFault, host: string): Refused {
  if (fault.kind === 'sdp') return { refusal: { status: 400 } };
  if (fault.kind === 'precondition') return { refusal: { status: 580, body: fault.body } };
  const { rejection } = fault;
  const refusal = { status: rejection.status, headers: [warningHeader(rejection, host)] };
  const why = UNENCRYPTED[rejection.reason];
  return why === undefined ? { refusal } : { refusal, error: notEncrypted(why) };
}

const UNENCRYPTED: Partial<Readonly<Record<RejectionReason, string>>> = {
  'encryption-required': 'the other side offers none and this device demands it',
  'encryption-unusable': 'the other side offers no key that this device can use',
  'dtls-only': 'the other side offers keys by DTLS only',
};

/** RFC 3264 9: what we understand, with port 0. */
export function capabilityDescription(world: CallWorld, flow: Flow): Buffer {
  const address = mediaAddress(world, flow);
  return newOffers(world, { address, port: 0, rtcpPort: 1 }, flow).offer();
}
