// A call that is to be placed: whom, as whom, and what its INVITE carries of its own.
import type { Part } from '#src/sip/message/multipart.ts';
import type { NameAddr } from '#src/sip/message/name-addr.ts';
import type { Uri } from '#src/sip/message/uri.ts';
import type { HeaderPairs } from './facts.ts';
import type { Privacy } from './privacy.ts';

export interface OutgoingCall {
  readonly target: Uri;
  /** In From and P-Preferred-Identity. */
  readonly identity: NameAddr;
  /** Used although it is not registered here (24.174 4.5.3.1). */
  readonly additional?: NameAddr | undefined;
  readonly privacy: Privacy;
  readonly video: boolean;
  /** An emergency call: neither held nor passed on, and its failure is told loudly. */
  readonly emergency?: boolean | undefined;
  /** Of the INVITE. */
  readonly callId: string;
  /** More header fields of the INVITE: Replaces, Require, Referred-By, Additional-Identity. */
  readonly headers?: HeaderPairs;
  /** More body parts, beside the description. */
  readonly parts?: readonly Part[];
}
