// IR.92 2.2.1, RFC 3840: the feature tags that a Contact carries.
import type { Params } from '#src/sip/message/params.ts';

/** What this device can do; only what really exists is declared. */
export interface Features {
  readonly audio: boolean;
  readonly video: boolean;
}

/** TS 24.173: the communication service identifier of multimedia telephony. */
const MMTEL_ICSI = 'urn:urn-7:3gpp-service.ims.icsi.mmtel';

/** TS 24.229 7.2A.8: inside a feature tag the colons are escaped. */
const escapeIcsi = (icsi: string): string => icsi.replaceAll(':', '%3A');

/** Adds the tags; several ICSIs would share the one tag. */
export function withFeatureTags(params: Params, features: Features): Params {
  let tagged = params.withQuoted('+g.3gpp.icsi-ref', escapeIcsi(MMTEL_ICSI));
  if (features.audio) tagged = tagged.with('audio');
  if (features.video) tagged = tagged.with('video');
  return tagged;
}
