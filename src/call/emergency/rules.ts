// What becomes of an emergency number that is dialled here, and of the call-back (NG.110 2.6, 24.229 5.1.6, 24.174 4.5.3.1).
import { TandemError } from '#src/base/errors.ts';
import { type Random, randomToken } from '#src/base/random.ts';
import type { SipRequest } from '#src/sip/message/message.ts';
import { escapeUser, SipUri, type Uri } from '#src/sip/message/uri.ts';
import type { IdentityBook } from '../identity-book.ts';
import type { Line } from '../line.ts';
import type { OutgoingCall } from '../outgoing-call.ts';
import type { CallWorld } from '../world.ts';
import { type Emergency, emergencyOf } from './detect.ts';
import { conveyed, hasPlace, type Place, pidfLo } from './location.ts';

export interface EmergencySettings {
  readonly allowed: boolean;
  /** Further numbers. */
  readonly numbers: readonly string[];
  readonly country?: string | undefined;
  readonly place: Place;
}

export const NO_EMERGENCY: EmergencySettings = { allowed: false, numbers: [], place: { civic: [] } };

export interface EmergencyWorld {
  readonly line: Line;
  readonly random: Random;
  readonly at: Date;
  readonly settings: EmergencySettings;
  readonly book: IdentityBook;
}

const USUAL_NUMBER = '112';

/** The emergency that was dialled, if it is one. */
export const dialledEmergency = (to: string, { line, config }: CallWorld): Emergency | undefined =>
  emergencyOf(to, { ...(config.emergency ?? NO_EMERGENCY), domain: line.domain });

export const notAllowed = (to: string): TandemError =>
  new TandemError('caller', 'call.emergency', 'This device makes no emergency calls. Use a telephone, now.', {
    detail: { to },
  });

export const emergencyIsDialled = (to: string): TandemError =>
  new TandemError('caller', 'call.emergency', 'Nobody is passed on to the emergency services. Call them.', {
    detail: { to },
  });

export const emergencyFailed = (cause?: unknown): TandemError =>
  new TandemError(
    'network',
    'call.emergency-failed',
    'The emergency call did not get through. Use a telephone, now.',
    {
      cause,
    },
  );

/** What must be heard: our own call failed, or the network knows the number as an emergency (380). */
export const isEmergencyTold = ({ id, detail }: TandemError): boolean =>
  id === 'call.emergency-failed' || (id === 'call.alternative-service' && detail.type === 'emergency');

/** Throws TandemError `call.emergency` where such calls are not allowed, `call.not-registered`. */
export function emergencyCall(
  to: string,
  emergency: Emergency,
  world: EmergencyWorld,
): Omit<OutgoingCall, 'callId'> {
  const { settings, book, line, random, at } = world;
  if (!settings.allowed) throw notAllowed(to);
  const identity = book.native();
  const { place } = settings;
  const entity = identity.uri.toString();
  const device = line.instance ?? `urn:device:${randomToken(random)}`;
  const contentId = `${randomToken(random)}@${line.domain ?? 'tandem.invalid'}`;
  return {
    target: targetOf(emergency, line),
    identity,
    privacy: 'unsaid',
    video: false,
    emergency: true,
    ...(hasPlace(place) ? conveyed(pidfLo(place, { entity, device, at }), contentId) : {}),
  };
}

/** A plain registrar has numbers, no services; who dials the URN at one that is registered with knows better. */
function targetOf({ urn, number }: Emergency, { profile, domain, flow }: Line): Uri {
  const isKnown = number === undefined && flow !== undefined;
  if (profile === 'ims' || domain === undefined || isKnown) return urn;
  return SipUri.of({ user: escapeUser(number ?? USUAL_NUMBER), host: domain });
}

/** RFC 7090: the emergency services call back. */
export const isCallBack = (request: SipRequest): boolean =>
  request.typed('Priority')?.toLowerCase() === 'psap-callback';
