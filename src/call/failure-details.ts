// What a final refusal of our INVITE says beside its status: where else, why, when again (RFC 3261 20.10, 20.33, 20.43, 21.3;
// RFC 3326; 24.229 5.1.3.1). Nothing of it is followed by itself: whoever is called next is the owner's choice.
import { TandemError } from '#src/base/errors.ts';
import {
  type AlternativeService,
  alternativeServiceOf,
  asksToRegister,
} from '#src/ims/alternative-service.ts';
import type { SipResponse } from '#src/sip/message/message.ts';
import { partyOf, printableLine } from './party.ts';
import { type CallParty, reasonSnapshot } from './snapshot.ts';

export interface FailureDetails {
  readonly status: number;
  /** The other side's words for it. */
  readonly phrase?: string;
  readonly warnings?: readonly { readonly code: number; readonly text: string }[];
  readonly reasons?: readonly {
    readonly protocol: string;
    readonly cause?: number;
    readonly text?: string;
  }[];
  /** Seconds. */
  readonly retry_after?: number;
  /** Where the call might go instead, the best first; alternatives of an ambiguous address (485). */
  readonly contacts?: readonly CallParty[];
  readonly unsupported?: readonly string[];
  readonly alternative_service?: AlternativeService;
}

/** A hostile answer must not fill the memory. */
const MOST = 16;
const MOST_TEXT = 200;
const FIRST_REDIRECTION = 300;
const LAST_REDIRECTION = 399;
const AMBIGUOUS = 485;
const ALTERNATIVE_SERVICE = 380;
const SERVER_TIMEOUT = 504;

const line = (text: string | undefined): string | undefined => printableLine(text, MOST_TEXT);

/** By preference: `q`, else in the order in which they stand (RFC 3261 20.10). */
function contactsOf(response: SipResponse): CallParty[] {
  const { status } = response;
  if (status !== AMBIGUOUS && (status < FIRST_REDIRECTION || status > LAST_REDIRECTION)) return [];
  const weight = (q: string | undefined): number =>
    q === undefined || Number.isNaN(Number(q)) ? 1 : Number(q);
  return response.contacts
    .toSorted((one, other) => weight(other.params.get('q')) - weight(one.params.get('q')))
    .slice(0, MOST)
    .map(partyOf);
}

export function failureDetails(response: SipResponse): FailureDetails {
  const phrase = line(response.reason);
  const warnings = response
    .typed('Warning')
    .slice(0, MOST)
    .flatMap(({ code, text }) => {
      const words = line(text);
      return words === undefined ? [] : [{ code, text: words }];
    });
  const reasons = response.reasons.slice(0, MOST).map(reasonSnapshot);
  const contacts = contactsOf(response);
  const unsupported = response.unsupported.slice(0, MOST);
  const service = alternativeServiceOf(response);
  const { status, retryAfter } = response;
  return {
    status,
    ...(phrase === undefined ? {} : { phrase }),
    ...(warnings.length > 0 ? { warnings } : {}),
    ...(reasons.length > 0 ? { reasons } : {}),
    ...(retryAfter === undefined ? {} : { retry_after: retryAfter }),
    ...(contacts.length > 0 ? { contacts } : {}),
    ...(unsupported.length > 0 ? { unsupported } : {}),
    ...(service ? { alternative_service: service } : {}),
  };
}

/** What the owner must know beyond the status; undefined: the status says it. */
export function failureError({
  status,
  contacts,
  alternative_service,
}: FailureDetails): TandemError | undefined {
  if (status === ALTERNATIVE_SERVICE && alternative_service) {
    const isEmergency = alternative_service.type === 'emergency';
    return new TandemError(
      'network',
      'call.alternative-service',
      isEmergency
        ? 'The network takes this for an emergency call and does not take it from this device: use a telephone.'
        : 'The network asks to make this call in another way.',
      { detail: { ...alternative_service } },
    );
  }
  if (status === SERVER_TIMEOUT && alternative_service && asksToRegister(alternative_service)) {
    return new TandemError(
      'network',
      'call.restoration',
      'The network had lost this device, which registers anew: call again in a moment.',
    );
  }
  const [first] = contacts ?? [];
  if (first && status >= FIRST_REDIRECTION && status <= LAST_REDIRECTION) {
    return new TandemError(
      'network',
      'call.redirected',
      `Whom you called is to be reached at ${first.uri}.`,
      {
        detail: { contacts: (contacts ?? []).map(({ uri }) => uri) },
      },
    );
  }
  return undefined;
}
