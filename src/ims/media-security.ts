// TS 24.229 5.1.1, 7.2A.7, TS 33.328 7.1.1: what device and P-CSCF tell each other about the protection of the media plane.
import type { SipRequest, SipResponse } from '#src/sip/message/message.ts';

/** SDES over the signalling (TS 24.229 7.2A.7); no other media plane mechanism is built. */
const MECHANISM = 'sdes-srtp';
const PARAMETER = 'mediasec';
/** Deployed P-CSCFs ask for it; 24.229 itself does not know it, so a 420 takes it away again. */
const OPTION_TAG = 'mediasec';

const isMediaSecurity = (entry: string): boolean => {
  const [mechanism, ...parameters] = entry.split(';').map((part) => part.trim().toLowerCase());
  return mechanism === MECHANISM && parameters.includes(PARAMETER);
};

/**
 * Of one registration: the list for Security-Verify comes with any answer to a REGISTER (RFC 3329 2.3.1), what counts for
 * calls with the 200 (OK) only (24.229 5.1.1.2). Not used over signalling that others can read (33.328 6.2.1.2).
 */
export class MediaSecurity {
  readonly #wanted: boolean;
  /** Security-Server as it came: Security-Verify repeats it to the letter. */
  #server: readonly string[] = [];
  #agreed = false;
  #tagged = true;

  constructor(wanted: boolean) {
    this.#wanted = wanted;
  }

  /** Both sides want the media protected up to the network's edge. */
  get agreed(): boolean {
    return this.#agreed;
  }

  /** Into a REGISTER, each time it leaves; refresh and removal included (24.229 5.1.1.6). */
  announce(register: SipRequest, secure: boolean): void {
    if (!this.#wanted || !secure) return;
    register.headers.set('Security-Client', `${MECHANISM};${PARAMETER}`);
    this.#confirm(register);
  }

  /** Into any other request to the P-CSCF once both sides have announced it. */
  confirm(request: SipRequest): void {
    if (this.#agreed) this.#confirm(request);
  }

  #confirm({ headers }: SipRequest): void {
    if (this.#server.length > 0) headers.set('Security-Verify', this.#server.join(', '));
    for (const name of ['Require', 'Proxy-Require']) {
      const others = headers
        .getAll(name)
        .flatMap((value) => value.split(','))
        .map((tag) => tag.trim())
        .filter((tag) => tag !== '' && tag.toLowerCase() !== OPTION_TAG);
      const tags = this.#tagged ? [...others, OPTION_TAG] : others;
      if (tags.length > 0) headers.set(name, tags.join(', '));
      else headers.remove(name);
    }
  }

  /** A 401 or another refusal. True: the list of the P-CSCF is another one than before. */
  challenged(response: SipResponse): boolean {
    const server = response.headerValues('Security-Server');
    if (!this.#wanted || server.length === 0) return false;
    const changed = server.join() !== this.#server.join();
    this.#server = server;
    return changed;
  }

  /** A 200 (OK): the P-CSCF's word for the calls to come; without a list the former one stands in a refresh. */
  accepted(response: SipResponse): void {
    if (!this.#wanted) return;
    const server = response.headerValues('Security-Server');
    if (server.length === 0) return;
    this.#server = server;
    this.#agreed = server.some(isMediaSecurity);
  }

  /** Whether the same REGISTER is worth sending once more: 494 with a list that is new, 420 for our option tag. */
  mends(response: SipResponse): boolean {
    if (!this.#wanted) return false;
    if (response.status === 494) return this.challenged(response);
    if (response.status !== 420 || !this.#tagged) return false;
    this.#tagged = !response.unsupported.some((tag) => tag.toLowerCase() === OPTION_TAG);
    return !this.#tagged;
  }
}
