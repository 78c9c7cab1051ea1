// Every key of the device's configuration: the one source of the check, of docs/config.md and of `GET config`.
import { choice, flag, list, listOr, number, oneOrMany, required, text } from './field.ts';
import * as is from './formats.ts';
import { type ConfigOf, section, sections } from './schema.ts';

const SECONDS_A_DAY = 86_400;
/** RFC 3261 20.19: delta-seconds are below 2**32. */
const MOST_SECONDS = 2 ** 32 - 1;
/** RFC 4028 5: Min-SE is never below 90 seconds. */
const LEAST_SESSION = 90;
const MOST_TIMER_MS = 3_600_000;

const SRTP_MODES = ['off', 'optional', 'required'] as const;
export const CODECS = ['AMR-WB', 'AMR', 'PCMU', 'PCMA', 'G722', 'opus', 'H264'] as const;

export const agentSchema = {
  profile: choice(['ims', 'sip'], {
    doc: 'What is spoken: the IMS profile of NG.110, or plain SIP.',
    default: 'ims',
  }),
  account: section('Who the device is.', {
    impu: text({ doc: 'The shared identity (IMPU): SIP or tel URI.', format: is.userUri }),
    impi: text({
      doc: "The device's own user name for authentication (IMPI).",
      format: is.impi,
      defaultDoc: 'user part of `impu` with the domain',
    }),
    password: text({ doc: 'Password for digest authentication.', secret: true }),
    domain: text({ doc: 'Home domain.', format: is.domain, defaultDoc: 'host part of `impu`' }),
    display_name: text({ doc: 'Name shown to the called.', format: is.printable }),
    register: flag({
      doc: 'Register. False: calls go straight to the address dialled and are taken from whoever reaches the port. True: an INVITE that does not come over the registered flow or from the P-CSCF is refused (403).',
      defaultDoc: 'true when `[pcscf] uri` is set, else false',
    }),
  }),
  pcscf: section('The way into the network: P-CSCF, or the registrar of a plain account.', {
    uri: oneOrMany(text({ doc: 'A SIP URI.', format: is.sipUri }), {
      doc: 'Tried in order. No `transport=` means TLS, a named one is honoured.',
    }),
    ca: text({ doc: 'PEM file of the authorities to trust, instead of those of the system.' }),
  }),
  instance: section('The device itself.', {
    id: text({
      doc: 'The `+sip.instance` URN.',
      format: is.urn,
      defaultDoc: 'a UUID URN, made once and kept in the state folder',
    }),
  }),
  sip: section('Signalling.', {
    listen: list(text({ doc: 'An address.', format: is.sipListen }), {
      doc: 'Where SIP is received. Port 0 means any.',
      minLength: 1,
      defaultDoc: '`udp` and `tcp` on every IPv4 address, port 5060 without registration, else any port',
    }),
    t1: number({
      doc: 'Timer T1 in milliseconds.',
      min: 1,
      max: MOST_TIMER_MS,
      defaultDoc: '2000 for `ims`, 500 for `sip`',
    }),
    t2: number({
      doc: 'Timer T2 in milliseconds.',
      min: 1,
      max: MOST_TIMER_MS,
      defaultDoc: '16000 for `ims`, 4000 for `sip`',
    }),
    t4: number({
      doc: 'Timer T4 in milliseconds.',
      min: 1,
      max: MOST_TIMER_MS,
      defaultDoc: '17000 for `ims`, 5000 for `sip`',
    }),
    expires: number({
      doc: 'Registration time asked for, in seconds.',
      min: 1,
      max: MOST_SECONDS,
      whole: true,
      defaultDoc: '600000 for `ims`, 3600 for `sip`',
    }),
    retry_base: number({
      doc: 'RFC 5626 4.5 base of the wait after a failed registration, in seconds.',
      min: 0.1,
      max: SECONDS_A_DAY,
      default: 30,
    }),
    retry_max: number({
      doc: 'RFC 5626 4.5 longest wait, in seconds.',
      min: 0.1,
      max: SECONDS_A_DAY,
      default: 1800,
    }),
    session_expires: number({
      doc: 'Session timer in seconds.',
      min: LEAST_SESSION,
      max: MOST_SECONDS,
      whole: true,
      default: 1800,
    }),
    min_se: number({
      doc: 'Shortest session timer accepted, in seconds.',
      min: LEAST_SESSION,
      max: MOST_SECONDS,
      whole: true,
      default: 90,
    }),
    dns: text({
      doc: 'DNS server, `"server:port"`.',
      format: is.hostPort,
      defaultDoc: 'those of the system',
    }),
    precondition: choice(['off', 'optional', 'mandatory'], {
      doc: 'Preconditions (RFC 3312): nobody is rung before the access of both sides is ready. Our own always is. `optional`: used with whoever knows them, and the other side is waited for when it asks for that. `mandatory`: the other side is waited for in any case, and a caller who knows no preconditions is refused (421).',
      default: 'off',
    }),
    early_media: choice(['auto', 'header', 'never'], {
      doc: '`auto`: received media wins, then P-Early-Media; `header`: P-Early-Media alone; `never`: local ringback.',
      default: 'auto',
    }),
  }),
  network: section('The access network, as P-Access-Network-Info tells it over protected signalling.', {
    access: choice(['wlan', 'ethernet', 'auto'], { doc: 'Kind of access.', default: 'auto' }),
    bssid: text({ doc: "The access point's MAC address, for `wlan`.", format: is.bssid }),
    country: text({
      doc: 'Where the owner lives: numbers dialled with its prefixes go out with `+` and country code.',
      format: is.country,
      defaultDoc: 'numbers go out as they are dialled',
    }),
  }),
  media: section('RTP.', {
    address: text({ doc: 'Local address of RTP.', format: is.mediaAddress, default: 'auto' }),
    ports: text({ doc: 'Ports of RTP and RTCP.', format: is.portRange, default: '20000-20100' }),
    codecs: list(choice(CODECS, { doc: 'A codec.' }), {
      doc: 'Codecs by preference, one for sound at least. `"H264"` allows video where `[video]` names a source or a sink.',
      minLength: 1,
      defaultDoc:
        '`["AMR-WB","AMR","PCMA","PCMU","H264"]` for `ims`, `["opus","AMR-WB","G722","PCMA","PCMU","H264"]` for `sip`',
    }),
    dtx: flag({ doc: 'Silence may be left out (SID frames); a permission, not a demand.', default: false }),
    srtp: choice(SRTP_MODES, {
      doc: '`off`: never offered. `optional`: offered where TLS protects the signalling, because the keys stand in the description; RTP in clear is taken. `required`: nothing but SRTP, offered over clear SIP too, where whoever reads the signalling can listen; a call that is not encrypted does not start. A peer that offers usable keys gets SRTP under all three.',
      defaultDoc: '`optional` for `ims`, `off` for `sip`',
    }),
    srtp_cellular: choice(SRTP_MODES, {
      doc: 'The same where media goes over cellular access (an interface of type WWAN).',
      default: 'off',
    }),
    e2ae: flag({
      doc: 'End-to-access-edge protection (3GPP TS 33.328): announced at registration, and used when the network announced it too.',
      defaultDoc: 'true for `ims` when SRTP is not `off`',
    }),
    keepalive_burst: number({
      doc: 'Length of a burst of empty packets while video is awaited, in seconds (NG.110 2.9.1).',
      min: 0.1,
      max: 15,
      default: 1,
    }),
    keepalive_spacing: number({
      doc: 'Between two packets of a burst, in seconds (NG.110 2.9.1 recommends 0.05 to 0.1).',
      min: 0.02,
      max: 1,
      default: 0.07,
    }),
    keepalive_interval: number({
      doc: 'Between two keep-alive packets of a stream, and between two bursts, in seconds, 1 or more. `0`: none are sent, not even those that open a way; for networks without NAT.',
      min: 0,
      max: 600,
      default: 15,
    }),
    fir_always: flag({
      doc: 'Ask for a key frame by FIR when received video begins with something that cannot be shown, negotiated or not (NG.110 2.9.1).',
      default: true,
    }),
  }),
  audio: section(
    'Sound. A WAV file is PCM 16 bit of any rate; it loops when it is the source. Echo, noise and gain are matters of `alsa:` devices.',
    {
      capture: text({ doc: 'Source.', format: is.audioSource, default: 'alsa:default' }),
      playback: text({
        doc: 'Sink. In a path `{call}` stands for the call id; the file is whole once the call has ended. Without it the next call replaces the file; one at the same time gets `-CALL` before the ending.',
        format: is.audioSink,
        default: 'alsa:default',
      }),
      echo_cancel: flag({ doc: 'The far voice is taken out of what the microphone hears.', default: true }),
      noise_suppression: flag({ doc: 'Steady noise is taken out.', default: true }),
      gain_control: flag({ doc: 'The voice is brought to a usual loudness.', default: true }),
    },
  ),
  video: section('Video (H.264).', {
    capture: text({
      doc: 'Source. A camera is passed through when it gives H.264, else encoded; a file is Annex B and loops.',
      format: is.videoSource,
      default: 'none',
    }),
    sink: text({
      doc: 'Sink, Annex B. In a path `{call}` stands for the call id; without it as in `audio.playback`. The API shows received video in any case.',
      format: is.videoSource,
      default: 'none',
    }),
    size: choice(['320x240', '352x288', '640x480', '1280x720'], {
      doc: 'Largest picture that is taken from a camera and encoded, as far as the level of the other side allows. A film stays as it is.',
      default: '640x480',
    }),
    added: choice(['refuse', 'receive', 'both'], {
      doc: 'Video that the other side adds during a call: declined, shown, or shown and answered with ours. The call goes on in any case.',
      default: 'receive',
    }),
  }),
  call: section('Calls.', {
    auto_answer: listOr('all', text({ doc: 'A URI.', format: is.anyUri }), {
      doc: 'Callers who are answered without asking.',
      default: [],
    }),
    ring_seconds: number({
      doc: 'How long an unanswered call rings, in seconds.',
      min: 1,
      max: 3600,
      default: 90,
    }),
    transfer: choice(['accept', 'refuse'], {
      doc: 'Whether the other side of a call may pass it on: this device then calls whom it is told to.',
      default: 'accept',
    }),
    waiting: flag({ doc: 'A second call may ring while one is active.', default: true }),
    dial_seconds: number({
      doc: 'How long a call out rings before it is given up, in seconds; emergency calls ring on.',
      min: 1,
      max: 3600,
      defaultDoc: 'until the network gives up',
    }),
    max_seconds: number({
      doc: 'Longest conversation, in seconds; ten seconds before the end a tone is heard. Emergency calls know no end.',
      min: 10,
      max: SECONDS_A_DAY,
      defaultDoc: 'none',
    }),
    dnd: flag({
      doc: 'Do not disturb: calls do not ring here (480) and ring on at the other devices of the number. Takes effect at once. A call-back of the emergency services rings all the same.',
      default: false,
    }),
    dnd_hours: text({
      doc: 'The same every day between these local times.',
      format: is.hours,
      defaultDoc: 'none',
    }),
    waiting_seconds: number({
      doc: 'How long an unanswered waiting call is offered before it is given back (480), in seconds.',
      min: 1,
      max: 3600,
      defaultDoc: 'as `ring_seconds`',
    }),
  }),
  conference: section('Ad-hoc conferences.', {
    factory: text({
      doc: 'SIP URI of the conference factory.',
      format: is.sipUri,
      defaultDoc: '`sip:mmtel@conf-factory.` with the home domain for `ims`, none for `sip`',
    }),
  }),
  buttons: sections('A button of the device: whom a press calls. Also `POST /api/v1/buttons/NAME/press`.', {
    name: required(text({ doc: 'Its name.', format: is.name })),
    target: required(text({ doc: 'Whom it calls: an address as one dials it, or the name of a group.' })),
    input: text({
      doc: 'The input device that has the key, such as `"/dev/input/event0"`.',
      format: is.path,
    }),
    key: number({
      doc: 'The code of the key (linux/input-event-codes.h); without it any key.',
      min: 1,
      max: 767,
      whole: true,
    }),
  }),
  groups: sections('People who are called in turn, until one answers.', {
    name: required(text({ doc: 'Its name.', format: is.name })),
    targets: required(
      list(text({ doc: 'An address.' }), { doc: 'Whom to call, in this order.', minLength: 1 }),
    ),
    seconds: number({ doc: 'How long each is called.', min: 1, max: 3600, default: 20 }),
  }),
  door: section('What a party of a call opens by pressing a code.', {
    code: text({ doc: 'The code: digits, `*`, `#`.', format: is.doorCode, secret: true }),
    output: text({
      doc: 'A file that gets `1` for open and `0` for closed, such as `"file:/sys/class/gpio/gpio17/value"`.',
      format: is.outputFile,
    }),
    seconds: number({ doc: 'How long it stays open.', min: 0.1, max: 600, default: 3 }),
    callers: listOr('all', text({ doc: 'A URI.', format: is.anyUri }), {
      doc: 'Who may open; `"all"`: whoever is in a call. Three wrong codes end it for the call, ten of all calls for ten minutes.',
      default: [],
    }),
  }),
  web: section('HTTP API and page.', {
    listen: text({
      doc: 'Address of the API and the page. The variable `PORT` replaces the port.',
      format: is.hostPort,
      default: '127.0.0.1:8080',
    }),
    token: text({
      doc: "The API's bearer token.",
      format: is.bearerToken,
      secret: true,
      defaultDoc: 'one is made and kept in `STATE/token`, mode 0600',
    }),
    password_hash: text({ doc: "The owner's password, hashed.", secret: true }),
  }),
  sms: section('SMS over IP.', {
    enabled: flag({ doc: 'SMS over IP.', default: false }),
    smsc: text({ doc: 'Service centre.', format: is.anyUri }),
  }),
  mwi: section('Message waiting (TS 24.606, RFC 3842).', {
    subscribe: choice(['auto', 'always', 'never'], {
      doc: 'Whether the mailbox is watched. `auto`: for `ims`; for `sip` when the registrar names `message-summary` in Allow-Events.',
      default: 'auto',
    }),
    account: text({
      doc: 'The message account.',
      format: is.anyUri,
      defaultDoc: 'our own default identity',
    }),
  }),
  federation: section('Calls on other devices of the number (RFC 4235).', {
    calls: choice(['auto', 'always', 'never'], {
      doc: 'Whether calls on other devices are watched. `auto`: for `ims` while there are other devices; for `sip` when the registrar names `dialog` in Allow-Events.',
      default: 'auto',
    }),
    push: choice(['ring', 'take', 'refuse'], {
      doc: 'A call that another device hands over: it rings and waits to be pulled, is taken at once, or is refused.',
      default: 'ring',
    }),
  }),
  ut: section(
    "The owner's services in the network (forwarding, barring, hiding of the number, call waiting), read and switched over Ut (TS 24.623).",
    {
      enabled: flag({
        doc: 'The operator lets this device switch them. False: they are switched elsewhere, and the page says so.',
        default: false,
      }),
      root: text({
        doc: 'XCAP root.',
        format: is.httpUrl,
        defaultDoc: '`https://xcap.` with the domain of `account.impi` (3GPP TS 23.003 13.9)',
      }),
      identity: text({
        doc: 'Whose document it is (XUI).',
        format: is.userUri,
        defaultDoc: 'the default identity that the registration gave, else `account.impu`',
      }),
      user: text({ doc: 'User name for HTTP digest.', format: is.printable, defaultDoc: '`account.impi`' }),
      password: text({ doc: 'Its password.', secret: true, defaultDoc: '`account.password`' }),
      ca: text({ doc: 'PEM file of the authorities to trust, instead of those of the system.' }),
      timeout: number({ doc: 'How long an answer is waited for, in seconds.', min: 1, max: 60, default: 10 }),
    },
  ),
  emergency: section('Emergency calls.', {
    allowed: flag({
      doc: 'Emergency calls may be made from this device. False: nothing is sent, and whoever dials is told to use a telephone. The numbers follow `network.country`; without it, those that a telephone without a SIM takes for emergency (112, 911, 000, 08, 110, 118, 119, 999).',
      default: false,
    }),
    numbers: list(text({ doc: 'A number.', format: is.shortNumber }), {
      doc: 'Further numbers that mean an emergency here.',
      default: [],
    }),
    latitude: number({
      doc: 'Where this device is, told in emergency calls: degrees north (WGS 84).',
      min: -90,
      max: 90,
    }),
    longitude: number({ doc: 'Degrees east.', min: -180, max: 180 }),
    uncertainty: number({ doc: 'Radius around that point, in metres.', min: 1, max: 1_000_000 }),
    civic: list(text({ doc: 'An element.', format: is.civicElement }), {
      doc: 'The same as an address, told in emergency calls: elements of RFC 5139, such as `["country=SE", "A3=Stockholm", "RD=Storgatan", "HNO=1", "FLR=2"]`.',
      default: [],
    }),
  }),
  identity: section('What others see of us.', {
    privacy: choice(['none', 'id', 'header'], {
      doc: 'Calls for which `privacy` is not given: shown, or hidden by `Privacy: id` or `Privacy: header` with an anonymous From (OIR). `privacy = false` of one call shows it (`Privacy: none`) where this hides.',
      default: 'none',
    }),
    hide_when_called: flag({
      doc: 'Who calls us does not see which identity answers: `Privacy: id` in 18x and 200 (TIR).',
      default: false,
    }),
  }),
  identities: section('Identities outside the subscription.', {
    shared: list(text({ doc: 'A URI.', format: is.userUri }), { doc: 'Identities we may use.', default: [] }),
    delegated: list(text({ doc: 'A URI.', format: is.userUri }), {
      doc: 'Identities of ours that others may use.',
      default: [],
    }),
  }),
  call_log: section('Call log in the network.', {
    uri: text({ doc: 'Where it is kept.', format: is.httpUrl }),
  }),
  provisioning: section('Configuration by the operator (RCC.14).', {
    url: text({ doc: 'Server.', format: is.httpUrl }),
  }),
  update: section('Updates over the air.', {}),
  mqtt: section('MQTT.', {}),
};

/** What the schema accepted, before what depends on other values is filled in. */
export type RawConfig = ConfigOf<typeof agentSchema>;
