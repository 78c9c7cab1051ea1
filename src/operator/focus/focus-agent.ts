// The user agent and the line of a conference focus (RFC 4579 5, TS 24.147 5.3.2): what says that it is one.
import { CALL_METHODS, understoodTags } from '#src/call/capabilities.ts';
import type { Line } from '#src/call/line.ts';
import type { Dialog } from '#src/sip/dialog/dialog.ts';
import type { DigestClient } from '#src/sip/digest/client.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { Params } from '#src/sip/message/params.ts';
import type { SipUri } from '#src/sip/message/uri.ts';
import type { Flow } from '#src/sip/transport/flow.ts';
import { type DialogUser, type Incoming, UserAgent, type UserAgentOptions } from '#src/sip/ua/user-agent.ts';

const METHODS = [...new Set([...CALL_METHODS, 'REFER', 'SUBSCRIBE', 'NOTIFY'])];
/** TS 24.173 5.1 */
const SERVICE_TAG = 'urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel';

/** A user agent that keeps for the focus what calls know nothing of. */
export class FocusAgent extends UserAgent {
  /** Requests within the dialog of a call that are meant for the focus; true: taken. */
  intercept: (incoming: Incoming) => boolean = () => false;

  constructor(options: Omit<UserAgentOptions, 'userAgent' | 'allow' | 'supported'>) {
    super({
      ...options,
      userAgent: 'Tandem-focus',
      allow: METHODS,
      supported: understoodTags('off'),
    });
    this.decorate = (message) => {
      // Nobody waits behind another one in a conference.
      message.headers.remove('Alert-Info');
      if (message.headers.has('Allow')) message.headers.set('Allow', METHODS.join(', '));
      if (message.cseq.method === 'INVITE' && !message.headers.has('Allow-Events'))
        message.headers.add('Allow-Events', 'conference');
    };
  }

  override attach(dialog: Dialog, user: DialogUser): void {
    super.attach(dialog, {
      onRequest: (incoming) => {
        if (!this.intercept(incoming)) user.onRequest(incoming);
      },
    });
  }
}

export interface FocusLineOptions {
  /** The conference URI: identity and Contact in one. */
  readonly uri: SipUri;
  readonly operator: SipUri;
  readonly domain: string;
  readonly digest: DigestClient;
}

/** 24.147 5.3.2.3: the conference URI with `isfocus`. */
export function focusLine({ uri, operator, domain, digest }: FocusLineOptions): Line {
  const params = Params.of([['isfocus']]).withQuoted('+g.3gpp.icsi-ref', SERVICE_TAG);
  return {
    profile: 'ims',
    register: false,
    domain,
    identities: [NameAddr.of(uri)],
    route: [NameAddr.of(operator.withParam('lr'))],
    flow: undefined,
    digest,
    contact: () => NameAddr.of(uri, { params }),
    // Its port is on the operator's own address, and nobody else knows it.
    trusts: ({ remote }: Flow) => remote.host === operator.host,
  };
}
