// How an INVITE to us is set up: what goes out reliably, what goes ahead of the ringing, which conditions hold (RFC
// 3262 3; RFC 3312 11; 24.229 5.1.4.1, 6.1.3).
import type { SdpProfile } from '#src/sdp/capabilities.ts';
import { parseSdp } from '#src/sdp/parse.ts';
import { type PreconditionPolicy, readQos } from '#src/sdp/preconditions.ts';
import { hasToken, type SipRequest } from '#src/sip/message/message.ts';
import type { Refusal } from './facts.ts';

/** What the INVITE says that matters here. */
export interface InviteTraits {
  /** 100rel in Supported, or in Require. */
  readonly reliable: 'no' | 'able' | 'demanded';
  /** The caller understands preconditions. */
  readonly precondition: boolean;
  readonly offer: 'none' | 'plain' | 'with conditions';
}

export interface SetUpPlan {
  /** `progress`: a reliable 183 with our description goes ahead, and the 180 waits until nothing stands in its way. */
  readonly first: 'progress' | 'ringing';
  /** Which provisional responses are sent reliably: those with a description, or all. */
  readonly reliably: 'none' | 'described' | 'all';
  /** Preconditions of this session. */
  readonly preconditions: PreconditionPolicy;
}

export function inviteTraits(request: SipRequest, offer: Buffer | undefined): InviteTraits {
  const demands = (tag: string): boolean => hasToken(request.require, tag);
  const knows = (tag: string): boolean => hasToken(request.typed('Supported'), tag) || demands(tag);
  return {
    reliable: demands('100rel') ? 'demanded' : knows('100rel') ? 'able' : 'no',
    precondition: knows('precondition'),
    offer: offer === undefined ? 'none' : namesConditions(offer) ? 'with conditions' : 'plain',
  };
}

/** A description with lines of preconditions, or one that demands some of another kind. */
export function namesConditions(description: Buffer): boolean {
  const parsed = parseSdp(description);
  return parsed.ok && parsed.value.media.some((media) => readQos(media) !== undefined);
}

/**
 * In the IMS our answer goes ahead in a reliable 183 wherever the caller takes it: its way to us is open before anybody
 * answers. Elsewhere a 180 alone, as peers of plain SIP expect. An INVITE without offer gets ours in the first reliable
 * response (RFC 3261 13.2.1).
 */
export function planSetUp(
  traits: InviteTraits,
  { profile, policy }: { readonly profile: SdpProfile; readonly policy: PreconditionPolicy },
): SetUpPlan {
  const { reliable, precondition, offer } = traits;
  const conditions = policy !== 'off' && precondition && reliable !== 'no' && offer !== 'plain';
  const ahead = reliable !== 'no' && (profile === 'ims' || offer === 'none' || conditions);
  return {
    first: ahead ? 'progress' : 'ringing',
    reliably: reliable === 'demanded' ? 'all' : ahead ? 'described' : 'none',
    preconditions: conditions ? policy : 'off',
  };
}

const EXTENSION_REQUIRED = 421;

/** An extension that the caller lacks and the set-up needs (RFC 3261 21.4.16, RFC 3312 11). */
export function extensionRequired(traits: InviteTraits, policy: PreconditionPolicy): Refusal | undefined {
  const { precondition, reliable, offer } = traits;
  const demanded = policy === 'mandatory';
  const needed = [
    ...(demanded && !precondition ? ['precondition'] : []),
    // Conditions are told by descriptions ahead of the answer, which must arrive.
    ...(reliable === 'no' && (demanded || (precondition && offer === 'with conditions')) ? ['100rel'] : []),
  ];
  return policy === 'off' || needed.length === 0
    ? undefined
    : { status: EXTENSION_REQUIRED, headers: [['Require', needed.join(', ')]] };
}
