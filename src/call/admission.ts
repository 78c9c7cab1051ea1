// Why an INVITE cannot even ring here (RFC 3261 8.2, 21.4.16; RFC 3312 11; NG.110 2.6; details 1.4).
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import { sdpBody, UNSUPPORTED_BODY } from './body.ts';
import { isCallBack } from './emergency/rules.ts';
import type { Refusal } from './facts.ts';
import { checkOffer, type Refused } from './offers.ts';
import { extensionRequired, inviteTraits, planSetUp } from './set-up-plan.ts';
import type { CallWorld } from './world.ts';

/** How things stand at this device when it comes. */
export interface Situation {
  readonly isClosed: boolean;
  /** A further call would be refused. */
  readonly isBusy: boolean;
  /** Do not disturb. */
  readonly isQuiet: boolean;
  /** It takes the place of a call that is here (RFC 3891). */
  readonly replaces: boolean;
}

/** The person is busy; another device of the number may take the call. */
export const BUSY_HERE: Refusal = { status: 486 };
/** Not here, not now: the other devices go on ringing. */
export const TEMPORARILY_UNAVAILABLE: Refusal = { status: 480 };

export function inviteRefusal(
  world: CallWorld,
  incoming: Incoming,
  { isClosed, isBusy, isQuiet, replaces }: Situation,
): Refused | undefined {
  const { request, flow } = incoming;
  // RFC 3261 8.2: what cannot be read comes before what it would meet.
  const body = sdpBody(request);
  if (body.kind === 'foreign') return { refusal: UNSUPPORTED_BODY };
  if (isClosed) return { refusal: TEMPORARILY_UNAVAILABLE };
  // The emergency services get through whatever is switched off or going on here (MD-2.6c).
  const isExempt = replaces || isCallBack(request);
  if (isBusy && !isExempt) return { refusal: BUSY_HERE };
  if (isQuiet && !isExempt) return { refusal: TEMPORARILY_UNAVAILABLE };
  const offer = body.kind === 'sdp' ? body.bytes : undefined;
  const traits = inviteTraits(request, offer);
  const policy = world.config.preconditions ?? 'off';
  const lacking = extensionRequired(traits, policy);
  if (lacking) return { refusal: lacking };
  if (!offer) return undefined;
  const { preconditions } = planSetUp(traits, { profile: world.line.profile, policy });
  const checked = checkOffer(world, offer, flow, preconditions);
  return checked.ok ? undefined : checked.error;
}
