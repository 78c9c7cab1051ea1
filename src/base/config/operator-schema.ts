// Every key of the test operator's configuration.
import { choice, flag, list, number, required, text } from './field.ts';
import * as is from './formats.ts';
import { type ConfigOf, section, sections } from './schema.ts';
import type { CrossCheck } from './settings.ts';

const SIP_STATUS = { min: 300, max: 699, whole: true } as const;

export const operatorSchema = {
  listen: section('Where the operator is reached.', {
    sip: list(text({ doc: 'An address.', format: is.sipListen }), {
      doc: 'SIP addresses.',
      minLength: 1,
      default: ['udp:127.0.0.1:5060', 'tcp:127.0.0.1:5060'],
    }),
    domain: text({ doc: 'Home domain.', format: is.domain, defaultDoc: 'host part of the first `impus`' }),
    certificate: text({ doc: 'PEM file for `tls:` addresses.' }),
    key: text({ doc: 'PEM file of its key.' }),
  }),
  accounts: sections('Devices that may register.', {
    impi: required(text({ doc: 'User name for authentication.', format: is.impi })),
    password: required(text({ doc: 'Password.', secret: true })),
    impus: required(
      list(text({ doc: 'A URI.', format: is.userUri }), {
        doc: 'Identities; the first is the default one.',
        minLength: 1,
      }),
    ),
    shared: list(text({ doc: 'A URI.', format: is.userUri }), {
      doc: 'Identities of others, outside the registration set, that it may use (Additional-Identity) and is called under.',
      default: [],
    }),
    role: choice(['primary', 'secondary'], { doc: 'Role in the federation.', default: 'secondary' }),
  }),
  phones: sections('Phones that the operator plays itself.', {
    id: text({ doc: 'Name in the API.', format: is.printable, defaultDoc: 'user part of `uri`' }),
    uri: required(
      text({
        doc: 'Its number; an identity of `accounts` makes it one of the federation.',
        format: is.userUri,
      }),
    ),
    behaviour: choice(['ring', 'answer', 'decline', 'reject', 'ignore', 'announce'], {
      doc: 'What it does when it is called: ring and wait for its API, answer, decline (486), reject (603), not react at all, or play an announcement ahead of the answer and refuse.',
      default: 'ring',
    }),
    answer_after: number({
      doc: 'With `ring`: it answers by itself after so long, in seconds.',
      min: 0,
      max: 3600,
    }),
    announce_sound: text({
      doc: 'With `announce`: what is played.',
      format: is.audioSource,
      default: 'tone:950',
    }),
    announce_seconds: number({ doc: 'How long, in seconds.', min: 0.1, max: 600, default: 5 }),
    announce_status: number({ doc: 'The refusal after it.', ...SIP_STATUS, default: 404 }),
    announce_reason: text({ doc: 'Its Reason header field: `"Q.850;cause=1"`.', format: is.printable }),
    announce_authorized: choice(['sendrecv', 'sendonly', 'inactive', 'none'], {
      doc: 'P-Early-Media of the 183; `none`: without.',
      default: 'sendonly',
    }),
    capture: text({ doc: 'Its microphone.', format: is.audioSource, default: 'tone:440' }),
    playback: text({ doc: 'Its speaker.', format: is.audioSink, default: 'null' }),
  }),
  policy: section('What the network decides.', {
    algorithms: list(choice(['MD5', 'SHA-256', 'SHA-512-256'], { doc: 'An algorithm.' }), {
      doc: 'Digest challenges, in order.',
      minLength: 1,
      default: ['SHA-256', 'MD5'],
    }),
    fork: choice(['parallel', 'sequence'], { doc: 'How the federation is rung.', default: 'parallel' }),
    busy_everywhere: flag({
      doc: "The primary's 486 cancels the other legs with cause 600 (MD-2.2.6c2).",
      default: false,
    }),
    deflection: flag({
      doc: 'A 302 of a device diverts the call to its Contact (communication deflection); else the caller gets the 302.',
      default: false,
    }),
    dialog_events: choice(['tell', 'route', 'refuse'], {
      doc: "Who tells of a number's dialogs (RFC 4235): the operator, the devices themselves, or nobody (489).",
      default: 'tell',
    }),
    message_waiting: flag({ doc: 'The mailbox is told of (TS 24.606).', default: true }),
    diversion_limit: number({
      doc: 'Diversions of one call before it is refused.',
      min: 0,
      max: 20,
      whole: true,
      default: 5,
    }),
    country: text({
      doc: 'Where the network is at home, for barring: a country ("SE") or its calling code ("46").',
      format: is.country,
      default: 'SE',
    }),
    trusted: list(text({ doc: 'An address, with or without port.', format: is.printable }), {
      doc: 'Neighbour networks (`"192.0.2.7:5060"`): what they assert is believed, and they are not asked for credentials.',
      default: [],
    }),
    ring_seconds: number({ doc: 'How long a call rings, in seconds.', min: 1, max: 3600, default: 60 }),
    expires: number({
      doc: 'Longest registration granted, in seconds.',
      min: 1,
      max: 2 ** 32 - 1,
      whole: true,
      default: 600_000,
    }),
    min_expires: number({
      doc: 'Shortest registration accepted (423), in seconds.',
      min: 0,
      max: 2 ** 32 - 1,
      whole: true,
      default: 0,
    }),
  }),
  services: sections(
    'Services of a number: diversion (TS 24.604), barring (TS 24.611), restriction (TS 24.608).',
    {
      identity: required(
        text({
          doc: 'An identity of `accounts`; the set counts for all that are registered with it.',
          format: is.userUri,
        }),
      ),
      cfu: text({ doc: 'Every call goes there.', format: is.userUri }),
      cfnl: text({ doc: 'Calls go there while no device is registered.', format: is.userUri }),
      cfb: text({ doc: 'Calls go there when the number is busy.', format: is.userUri }),
      cfnrc: text({ doc: 'Calls go there when no device can be reached.', format: is.userUri }),
      cfnr: text({ doc: 'Calls go there when nobody answers.', format: is.userUri }),
      no_reply_seconds: number({ doc: 'How long it rings before `cfnr`.', min: 1, max: 180, default: 20 }),
      notify: flag({ doc: 'The caller is told by 181.', default: true }),
      reveal: flag({ doc: 'The next one may see who diverted.', default: true }),
      reveal_target: flag({ doc: 'The caller may see where to.', default: true }),
      barred: list(choice(['baoc', 'boic', 'boic_exhc', 'baic', 'bic_roam', 'acr'], { doc: 'A barring.' }), {
        doc: 'All out, international out, international out except home, all in, in while roaming, anonymous callers.',
        default: [],
      }),
      restrict_answer: flag({ doc: 'The caller does not see who answered (TIR).', default: false }),
      restrict_call: flag({
        doc: 'The called one does not see who calls, unless a call says `Privacy: none` (OIR).',
        default: false,
      }),
    },
  ),
  emergency: section('Emergency calls and call-backs (NG.110 2.6).', {
    psap: text({
      doc: 'Identity of `accounts` or `phones` that answers emergency calls and calls back.',
      format: is.userUri,
    }),
    handling: choice(['route', 'alternative'], {
      doc: 'Emergency calls go to `psap`, or are answered 380 (alternative service). Without `psap` always 380.',
      default: 'route',
    }),
    numbers: list(text({ doc: 'A number.', format: is.printable }), {
      doc: 'Numbers that mean an emergency, beside `urn:service:sos`.',
      default: ['112'],
    }),
  }),
  conference: section('Conferences (TS 24.147): the factory is `sip:mmtel@conf-factory.DOMAIN`.', {
    enabled: flag({ doc: 'There is a conference server.', default: true }),
    maximum: number({ doc: 'Participants of one conference.', min: 1, max: 30, whole: true, default: 10 }),
    ends_with_creator: flag({ doc: 'A conference ends when whoever made it leaves.', default: true }),
  }),
  ut: section(
    "Ut (TS 24.623): the services of each account's number as a simservs document, read and changed by XCAP behind digest with the credentials of the account.",
    {
      listen: text({
        doc: 'Address of the XCAP server; the XCAP root is `http://` or `https://` with it. Not set: no Ut.',
        format: is.hostPort,
      }),
      tls: flag({ doc: 'HTTPS, with `listen.certificate` and `listen.key`.', default: false }),
    },
  ),
  edge: section('The access edge: SRTP for devices that announced it (3GPP TS 33.328).', {
    rtpengine: text({
      doc: 'Control address (ng) of an rtpengine, `"udp:127.0.0.1:2223"`. Set: Security-Server answers devices that announce `sdes-srtp;mediasec`, and their media go through it. Not set: no such edge.',
      format: is.ngAddress,
    }),
    unannounced: flag({
      doc: 'Devices that announced nothing get SRTP too (MD-2.9.2d).',
      default: false,
    }),
  }),
  faults: section('Faults from the start; `POST faults` changes them.', {
    register_status: number({ doc: 'Every REGISTER gets this status.', ...SIP_STATUS }),
    invite_status: number({ doc: 'Every INVITE gets this status.', ...SIP_STATUS }),
    retry_after: number({
      doc: 'Retry-After of these answers, in seconds.',
      min: 0,
      max: 2 ** 32 - 1,
      whole: true,
    }),
    silent: flag({ doc: 'Nothing is answered.', default: false }),
    stale: flag({ doc: 'Every nonce is stale once.', default: false }),
    wrong_rspauth: flag({ doc: 'Authentication-Info carries a wrong rspauth.', default: false }),
  }),
  web: section('HTTP API.', {
    listen: text({ doc: 'Address.', format: is.hostPort, default: '127.0.0.1:8090' }),
    token: text({ doc: 'Bearer token; none: open on loopback only.', format: is.bearerToken, secret: true }),
  }),
};

export type OperatorConfig = ConfigOf<typeof operatorSchema>;

/** What must hold between values. */
export const checkOperator: CrossCheck<typeof operatorSchema> = (config) => {
  const problems: { key: string; message: string }[] = [];
  const twice = duplicate(config.accounts.map(({ impi }) => impi));
  if (twice !== undefined) problems.push({ key: 'accounts', message: `names the impi "${twice}" twice` });
  const { certificate, key, sip } = config.listen;
  if (
    (config.ut.tls || sip.some((address) => address.startsWith('tls:'))) &&
    (certificate === undefined || key === undefined)
  )
    problems.push({
      key: 'listen.certificate',
      message: 'is missing: a tls address needs certificate and key',
    });
  return problems;
};

const duplicate = (names: readonly string[]): string | undefined =>
  names.find((name, index) => names.indexOf(name) !== index);
