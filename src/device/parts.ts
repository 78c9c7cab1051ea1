// What the one configuration means for each part of the agent.
import { readFileSync } from 'node:fs';
import { splitPortRange } from '#src/base/config/formats.ts';
import type { Config } from '#src/base/config/rules.ts';
import { describe, TandemError } from '#src/base/errors.ts';
import { Milliseconds, Seconds, toMilliseconds } from '#src/base/units.ts';
import { VERSION } from '#src/base/version.ts';
import { CALL_METHODS, understoodTags } from '#src/call/capabilities.ts';
import { civicOf } from '#src/call/emergency/location.ts';
import type { EmergencySettings } from '#src/call/emergency/rules.ts';
import { refuseSubscribe } from '#src/call/in-dialog.ts';
import { type QuietSettings, quietHours } from '#src/call/quiet.ts';
import type { CallConfig } from '#src/call/world.ts';
import type { AccessSetting } from '#src/ims/access-network.ts';
import type { RegistrationConfig } from '#src/ims/registration-config.ts';
import type { VideoSource } from '#src/media/engine.ts';
import { CODEC_NAMES } from '#src/sdp/codecs.ts';
import { parseUri, SipUri, type Uri } from '#src/sip/message/uri.ts';
import type { TimerSettings } from '#src/sip/transaction/timers.ts';
import { type ListenAddress, parseListen } from '#src/sip/transport/address.ts';
import type { TlsSettings } from '#src/sip/transport/tls.ts';
import type { Incoming } from '#src/sip/ua/user-agent.ts';
import { isCellular } from './access.ts';
import type { SoundChoice } from './sound.ts';

/** What the user agent understands: calls, with the NOTIFY of its subscriptions. */
export const spoken = ({ sip }: Config) => ({
  allow: CALL_METHODS,
  supported: understoodTags(sip.precondition),
  userAgent: `Tandem/${VERSION}`,
});

/** RFC 6665 4.1.3: a NOTIFY of no subscription is 481; whatever else is for nobody, 405. */
export function refuseUnknown(incoming: Incoming): void {
  if (incoming.request.method === 'SUBSCRIBE') refuseSubscribe(incoming);
  else incoming.respond(incoming.request.method === 'NOTIFY' ? 481 : 405);
}

/** Who calls when nothing was configured: nobody in particular. */
const NOBODY = 'sip:anonymous@anonymous.invalid';

/** The schema has judged the text; what fails here is a defect of ours. */
function must<Value>(
  what: string,
  result: { ok: true; value: Value } | { ok: false; error: unknown },
): Value {
  if (result.ok) return result.value;
  throw new TandemError('ours', 'config.unread', `${what} passed the check and cannot be read.`);
}

const uri = (text: string): Uri => must(text, parseUri(text));

export const listenAddresses = ({ sip }: Config): ListenAddress[] =>
  sip.listen.map((text) => must(text, parseListen(text)));

export const timers = ({ sip }: Config): TimerSettings => ({
  t1: Milliseconds(sip.t1),
  t2: Milliseconds(sip.t2),
  t4: Milliseconds(sip.t4),
});

/** Throws `config.invalid` when the CA file cannot be read. */
export function tlsSettings({ pcscf }: Config): TlsSettings {
  if (pcscf.ca === undefined) return {};
  try {
    return { ca: readFileSync(pcscf.ca, 'utf8') };
  } catch (error) {
    throw new TandemError('caller', 'config.invalid', `pcscf.ca: cannot be read: ${describe(error)}`, {
      cause: error,
      detail: { problems: [{ key: 'pcscf.ca', message: `cannot be read: ${describe(error)}` }] },
    });
  }
}

/** Without a P-CSCF of its own the home domain is the way in. */
function pcscfUris({ account, pcscf }: Config): SipUri[] {
  const texts = pcscf.uri ?? (account.domain === undefined ? [] : [`sip:${account.domain}`]);
  return texts.map(uri).filter((each) => each instanceof SipUri);
}

function accessSetting({ network }: Config): AccessSetting {
  if (network.access !== 'wlan') return { access: network.access };
  return network.bssid === undefined ? { access: 'wlan' } : { access: 'wlan', bssid: network.bssid };
}

export function registrationConfig(config: Config): RegistrationConfig {
  const { account, pcscf, profile, sip, instance } = config;
  return {
    profile,
    register: account.register,
    identity: uri(account.impu ?? NOBODY),
    displayName: account.display_name,
    userName: account.impi ?? '',
    password: account.password ?? '',
    domain: account.domain ?? '',
    pcscf: account.register ? pcscfUris(config) : [],
    byDomain: pcscf.uri === undefined,
    instance: instance.id,
    expires: Seconds(sip.expires),
    backoff: { base: Seconds(sip.retry_base), max: Seconds(sip.retry_max) },
    access: accessSetting(config),
    features: { audio: true, video: hasVideo(config) },
    mediaSecurity: config.media.e2ae,
    timers: timers(config),
  };
}

/** Video needs its codec, and something to show it on or to show. */
export const hasVideo = ({ media, video }: Config): boolean =>
  media.codecs.includes('H264') && (video.capture !== 'none' || video.sink !== 'none');

function emergencySettings({ emergency, network }: Config): EmergencySettings {
  const { allowed, numbers, latitude, longitude, uncertainty, civic } = emergency;
  const point =
    latitude === undefined || longitude === undefined ? undefined : { latitude, longitude, uncertainty };
  const place = { civic: civicOf(civic), ...(point ? { point } : {}) };
  return { allowed, numbers, country: network.country, place };
}

export const quietSettings = ({ call }: Config): QuietSettings => ({
  always: call.dnd,
  hours: call.dnd_hours === undefined ? undefined : quietHours(call.dnd_hours),
});

export function callConfig(config: Config, audio: SoundChoice, source?: VideoSource): CallConfig {
  const { media, call, video, identity, identities, sip, profile, conference } = config;
  return {
    media: {
      address: media.address,
      ports: splitPortRange(media.ports) ?? { from: 0, to: 0 },
      codecs: media.codecs.flatMap((name) => CODEC_NAMES.filter((built) => built === name)),
      keepAlive:
        media.keepalive_interval === 0
          ? 'off'
          : {
              burstMs: Math.round(toMilliseconds(Seconds(media.keepalive_burst))),
              spacingMs: Math.round(toMilliseconds(Seconds(media.keepalive_spacing))),
              intervalMs: Math.round(toMilliseconds(Seconds(media.keepalive_interval))),
            },
    },
    audio: { ...audio, dtx: media.dtx },
    ...(hasVideo(config) ? { video: { ...video, source, firAlways: media.fir_always } } : {}),
    security: { srtp: media.srtp, srtpCellular: media.srtp_cellular, e2ae: media.e2ae, isCellular },
    privacy: { calls: identity.privacy, answers: identity.hide_when_called },
    shared: identities.shared,
    emergency: emergencySettings(config),
    session: {
      interval: Seconds(sip.session_expires),
      least: Seconds(sip.min_se),
      alone: profile === 'ims',
    },
    transfers: call.transfer,
    conferenceFactory: conference.factory,
    ringTime: Seconds(call.ring_seconds),
    earlyMedia: config.sip.early_media,
    country: config.network.country,
    waitingTime: call.waiting_seconds === undefined ? undefined : Seconds(call.waiting_seconds),
    preconditions: config.sip.precondition,
    waiting: call.waiting,
    autoAnswer: call.auto_answer,
  };
}
