// What goes into the INVITE of a call, and what is left out of it after a refusal (RFC 3261 8.1.3.5).
import type { PreconditionPolicy } from '#src/sdp/preconditions.ts';
import { hasToken, type SipResponse } from '#src/sip/message/message.ts';
import type { Part } from '#src/sip/message/multipart.ts';
import { TelUri, type Uri } from '#src/sip/message/uri.ts';
import { type Amendment, amendmentsFor } from './amendments.ts';
import { numberAtDomain } from './dial.ts';
import type { OutgoingCall } from './outgoing-call.ts';
import type { VideoWish } from './video-policy.ts';

const BAD_EXTENSION = 420;
const TAG = 'precondition';
/** RFC 3261 20.43: incompatible network address formats. */
const ADDRESS_FORMAT = 301;

/** What could be changed beside the draft. */
export interface Alternatives {
  /** The description can be written without capability negotiation and encryption. */
  readonly plain: boolean;
  /** It can be written with encryption alone. */
  readonly protected: boolean;
  /** This host has an address of the other IP family. */
  readonly family: boolean;
}

export class InviteDraft {
  target: Uri;
  parts: readonly Part[];
  /** Option tags that are not named any more. */
  without: readonly string[] = [];
  video: VideoWish = 'none';
  conditions: PreconditionPolicy;
  #familyTried = false;
  #protectedTried = false;
  #last: Amendment | undefined;
  readonly #domain: string | undefined;
  /** What a header field of this call requires can't be left out. */
  readonly #required: readonly string[];

  constructor(
    { target, parts = [], headers = [] }: OutgoingCall,
    domain: string | undefined,
    conditions: PreconditionPolicy = 'off',
  ) {
    this.conditions = conditions;
    this.target = target;
    this.parts = parts;
    this.#domain = domain;
    this.#required = headers.flatMap(([name, value]) =>
      name.toLowerCase() === 'require' ? value.split(',').map((tag) => tag.trim()) : [],
    );
  }

  /** What is changed for the next try; undefined: nothing is left to be changed. */
  amend(response: SipResponse, others: Alternatives): Amendment | undefined {
    const wanted = amendmentsFor(response.status).find((each) => this.#may(each, response, others));
    this.#last = wanted;
    if (wanted === 'other-family') this.#familyTried = true;
    if (wanted === 'protected') this.#protectedTried = true;
    if (wanted === 'no-conditions') this.conditions = 'off';
    if (wanted === 'no-video') this.video = 'none';
    if (wanted === 'no-parts') this.parts = [];
    if (wanted === 'no-extensions') this.without = response.unsupported;
    if (wanted === 'sip-uri') this.target = this.#atDomain ?? this.target;
    return wanted;
  }

  #may(amendment: Amendment, response: SipResponse, others: Alternatives): boolean {
    const { status, unsupported } = response;
    switch (amendment) {
      case 'other-family':
        return (
          others.family &&
          !this.#familyTried &&
          response.typed('Warning').some(({ code }) => code === ADDRESS_FORMAT)
        );
      case 'plain':
        // What was tried before encryption alone is not tried again.
        return others.plain && this.#last !== 'protected';
      case 'protected':
        return others.protected && !this.#protectedTried;
      case 'no-video':
        return this.video !== 'none';
      case 'no-conditions':
        return this.conditions === 'optional' && (status !== BAD_EXTENSION || hasToken(unsupported, TAG));
      case 'no-parts':
        return this.parts.length > 0;
      case 'no-extensions':
        return (
          this.without.length === 0 &&
          unsupported.length > 0 &&
          !unsupported.some((tag) => hasToken(this.#musts, tag))
        );
      case 'sip-uri':
        return this.#atDomain !== undefined;
    }
  }

  get #musts(): readonly string[] {
    return this.conditions === 'mandatory' ? [...this.#required, TAG] : this.#required;
  }

  get #atDomain(): Uri | undefined {
    const { target } = this;
    return target instanceof TelUri && this.#domain !== undefined
      ? numberAtDomain(target, this.#domain)
      : undefined;
  }
}
