// What an owner asks for, as an INVITE to send: whom, as whom, hidden or not (24.229 5.1.3.1; contract `POST calls`).
import { dialTarget } from './dial.ts';
import { dialledEmergency, emergencyCall, NO_EMERGENCY } from './emergency/rules.ts';
import type { IdentityBook } from './identity-book.ts';
import type { OutgoingCall } from './outgoing-call.ts';
import { OPEN, privacyOf } from './privacy.ts';
import type { CallWorld } from './world.ts';

export interface DialRequest {
  readonly to: string;
  /** One that we may use; default the first of the registration. */
  readonly identity?: string | undefined;
  /** True: the callee shall not see who calls. False: it shall, whatever the setting. */
  readonly privacy?: boolean | undefined;
  readonly video?: boolean | undefined;
}

/**
 * Throws TandemError `call.emergency` where it is one and such calls are not allowed, `call.target`, `call.identity`,
 * `call.identity-off`, `call.not-registered`.
 */
export function wantedCall(
  world: CallWorld,
  book: IdentityBook,
  request: DialRequest,
): Omit<OutgoingCall, 'callId'> {
  const { line, config, random, clock } = world;
  const settings = config.emergency ?? NO_EMERGENCY;
  const emergency = dialledEmergency(request.to, world);
  if (emergency)
    return emergencyCall(request.to, emergency, { line, random, at: clock.date(), settings, book });
  const { profile, domain } = line;
  const target = dialTarget(request.to, { profile, domain, country: config.country });
  return {
    target,
    ...book.choose(request.identity),
    privacy: privacyOf(request.privacy, config.privacy ?? OPEN),
    video: request.video ?? false,
  };
}
