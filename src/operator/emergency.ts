// TS 24.229 5.2.10, 5.1.6, RFC 5031, RFC 7090, NG.110 2.6: emergency calls, the PSAP's call-backs, alternative service.
import type { SipRequest } from '#src/sip/message/message.ts';
import { isSipUri, type Uri } from '#src/sip/message/uri.ts';
import { sameIdentity } from './accounts.ts';
import type { Origin } from './identity-rules.ts';
import type { PolicySettings } from './policy.ts';

export const IMS_XML = 'application/3gpp-ims+xml';
/** RFC 7090 4: the PSAP calls back. */
const PSAP_CALL_BACK = 'psap-callback';

/** `urn:service:sos` and what is below it, or a number that the policy names. */
export function isEmergency(called: Uri, { emergencyNumbers }: PolicySettings): boolean {
  if (called.scheme === 'urn') return /^urn:service:sos(\.|$)/i.test(called.toString());
  const user = isSipUri(called)
    ? called.user?.split(';', 1)[0]
    : called.scheme === 'tel'
      ? called.number
      : undefined;
  return user !== undefined && emergencyNumbers.includes(user.replace(/[-.() ]/g, ''));
}

/** The mark counts only from the PSAP itself (RFC 7090 5). */
export function isCallBack(request: SipRequest, { asserted }: Origin, { psap }: PolicySettings): boolean {
  const marked = request.header('Priority')?.trim().toLowerCase() === PSAP_CALL_BACK;
  return marked && asserted !== undefined && psap !== undefined && sameIdentity(asserted.uri, psap);
}

/** 24.229 7.6: what the device shall do instead. */
export function alternativeService(
  type: 'emergency' | 'restoration',
  action: 'emergency-registration' | 'initial-registration' | 'anonymous-emergencycall',
  reason: string,
): string {
  const text = reason.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<ims-3gpp version="1">',
    '  <alternative-service>',
    `    <type>${type}</type>`,
    `    <reason>${text}</reason>`,
    `    <action>${action}</action>`,
    '  </alternative-service>',
    '</ims-3gpp>',
    '',
  ].join('\n');
}

export const ALTERNATIVES = {
  emergency: alternativeService('emergency', 'emergency-registration', 'This is an emergency call'),
  restoration: alternativeService('restoration', 'initial-registration', 'The registration was lost'),
} as const;
