// What the messages of a call tell beside setting it up: who is really there, over whom it came, why it was refused
// (TIP: 24.608 4.5.2.4, RFC 4916; diversion: 24.604; barring: 24.611).
import type { SipMessage, SipRequest, SipResponse } from '#src/sip/message/message.ts';
import type { NameAddr } from '#src/sip/message/name-addr.ts';
import { uriEquals } from '#src/sip/message/uri.ts';
import type { DetailNotes } from './details.ts';
import { forwardedFrom, forwardedTo, readDiversion } from './diversion.ts';
import { failureWords } from './failures.ts';
import { assertedParty, partyOf } from './party.ts';
import { ANONYMOUS } from './privacy.ts';

const FORWARDED = 181;
const QUEUED = 182;
const FIRST_FINAL = 200;
const FIRST_FAILURE = 300;

export class Findings {
  readonly #notes: DetailNotes;
  /** Whether what arrives now comes from the P-CSCF. */
  readonly #trusted: () => boolean;
  /** As the peer called itself last. */
  #peer: NameAddr | undefined;

  constructor(notes: DetailNotes, trusted: () => boolean) {
    this.#notes = notes;
    this.#trusted = trusted;
  }

  /** The INVITE that calls us. */
  invited(request: SipRequest): void {
    this.#peer = request.from;
    const diversion = readDiversion(request);
    if (!diversion) return;
    this.#notes.set({ diversion: diversion.steps });
    this.#notes.tell(forwardedFrom(diversion));
  }

  /** A response to our INVITE, above 100. */
  answered(response: SipResponse): void {
    const { status } = response;
    const diversion = status < FIRST_FAILURE ? readDiversion(response) : undefined;
    if (diversion) {
      this.#notes.set({ diversion: diversion.steps });
      this.#notes.tell(forwardedTo(diversion));
    } else if (status === FORWARDED) this.#notes.tell('The call is being forwarded.');
    if (status === QUEUED) this.#notes.tell('The call waits in a queue.');
    if (status >= FIRST_FAILURE) this.#notes.tell(refusal(response));
    else if (status >= FIRST_FINAL) {
      this.#peer = response.to;
      this.#connected(response, undefined);
    }
  }

  /** A re-INVITE or UPDATE: a changed From says that somebody else is there now (RFC 4916 4.4). */
  inDialog(request: SipRequest): void {
    const { from } = request;
    const before = this.#peer;
    const isChanged =
      before !== undefined && (!uriEquals(from.uri, before.uri) || from.displayName !== before.displayName);
    this.#peer = from;
    this.#connected(request, isChanged ? from : undefined);
  }

  #connected(message: SipMessage, changed: NameAddr | undefined): void {
    const asserted = assertedParty(message, this.#trusted());
    // 24.608: with privacy and nothing asserted the network says that there is somebody, not who.
    const hidden =
      !asserted && !changed && message.privacy.some((word) => word === 'id' || word === 'header');
    const found = asserted ?? (changed ? partyOf(changed) : hidden ? partyOf(ANONYMOUS) : undefined);
    if (found) this.#notes.set({ connected: found });
  }
}

/** In our words, with those of the network behind them: an AS that bars a call says there which rule it was. */
function refusal(response: SipResponse): string {
  const { sentence } = failureWords(response.status);
  const theirs = [
    ...response.typed('Warning').map(({ text }) => text),
    ...response.reasons.flatMap(({ text }) => text ?? []),
  ].filter((text) => text.trim() !== '');
  return theirs.length === 0 ? sentence : `${sentence} The network says: ${[...new Set(theirs)].join('; ')}`;
}
