// What every call is handed: the user agent, the account, media, time, chance, settings.
import type { Clock } from '#src/base/clock.ts';
import type { Logger } from '#src/base/log.ts';
import type { Random } from '#src/base/random.ts';
import type { Seconds } from '#src/base/units.ts';
import type { VideoSource } from '#src/media/engine.ts';
import type { SrtpPolicy } from '#src/sdp/capabilities.ts';
import type { CodecName } from '#src/sdp/codecs.ts';
import type { PreconditionPolicy } from '#src/sdp/preconditions.ts';
import type { SipUri } from '#src/sip/message/uri.ts';
import { systemHosts } from '#src/sip/resolver/system-hosts.ts';
import type { Target } from '#src/sip/transport/address.ts';
import type { UserAgent } from '#src/sip/ua/user-agent.ts';
import type { EarlyMediaMode } from './early-media-table.ts';
import type { EmergencySettings } from './emergency/rules.ts';
import type { SwitchMemory } from './identity-book.ts';
import type { Line } from './line.ts';
import type { CallMedia } from './media.ts';
import type { PrivacySettings } from './privacy.ts';
import type { SessionSettings } from './session-expires.ts';
import type { KeepAliveSettings } from './stream-settings.ts';

export interface VideoSettings {
  readonly capture: string;
  readonly sink: string;
  /** What the camera or film sends, as far as it is known; for our descriptions. */
  readonly source?: VideoSource | undefined;
  /** What a peer gets who adds video to a call. */
  readonly added: 'refuse' | 'receive' | 'both';
  /** FIR for a first picture that cannot be shown, negotiated or not (NG.110 2.9.1). */
  readonly firAlways: boolean;
}

export interface SecuritySettings {
  readonly srtp: SrtpPolicy;
  readonly srtpCellular: SrtpPolicy;
  /** Whether media from this local address goes over cellular access. */
  readonly isCellular: (address: string) => boolean;
  /** End-to-access-edge security is used where the registration agreed on it. */
  readonly e2ae: boolean;
}

export interface CallConfig {
  readonly media: {
    /** Numeric, or `auto`: the address that the signalling goes out from. */
    readonly address: string;
    readonly ports: { readonly from: number; readonly to: number };
    readonly codecs: readonly CodecName[];
    /** Default: the recommended values of NG.110 2.9.1. */
    readonly keepAlive?: KeepAliveSettings | 'off';
  };
  readonly audio: {
    readonly capture: string;
    readonly playback: string;
    /** Silence may be left out; default false. */
    readonly dtx?: boolean;
  };
  /** Absent: this device takes and makes calls without video. */
  readonly video?: VideoSettings | undefined;
  /** Absent: RTP in clear. */
  readonly security?: SecuritySettings;
  /** Default: nobody is hidden. */
  readonly privacy?: PrivacySettings;
  /** Identities of others that we may use (24.174), as configured. */
  readonly shared?: readonly string[];
  /** Default: RFC 4028 with half an hour. */
  readonly session?: SessionSettings;
  /** SIP URI of the conference factory; for `ims` there is a usual one. */
  readonly conferenceFactory?: string | undefined;
  /** What a REFER of the other side meets; default `accept`. */
  readonly transfers?: 'accept' | 'refuse';
  /** Default: no emergency calls. */
  readonly emergency?: EmergencySettings;
  readonly ringTime: Seconds;
  /** A waiting call that nobody takes is given back after this time (T_UE-CW, 24.615 4.8); absent: as any other. */
  readonly waitingTime?: Seconds | undefined;
  /** RFC 3312; default off. */
  readonly preconditions?: PreconditionPolicy;
  /** False: an INVITE is answered 486 while there is a call. */
  readonly waiting: boolean;
  /** Where the owner lives, for numbers dialled without `+`: "SE" or "46". */
  readonly country?: string | undefined;
  /** What a caller hears before the answer; default `auto`. */
  readonly earlyMedia?: EarlyMediaMode;
  /** URIs of callers, or everybody. */
  readonly autoAnswer: 'all' | readonly string[];
}

export interface CallWorld {
  readonly ua: UserAgent;
  readonly line: Line;
  readonly media: CallMedia;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly config: CallConfig;
  /** The loudspeaker says that an emergency call does not get through. */
  readonly alarm?: () => void;
  /** Keeps what the owner switched; absent: until the restart. */
  readonly memory?: SwitchMemory;
  readonly resolver: { resolve(uri: SipUri): Promise<readonly Target[]> };
  /** Whether anything leads to an address now. Default: yes. */
  readonly reaches?: (host: string) => boolean;
  /** A domain name in `c=`: its address, or undefined. */
  readonly resolveHost: (host: string, family: 4 | 6) => Promise<string | undefined>;
}

/** The system's resolver. */
export async function resolveMediaHost(host: string, family: 4 | 6): Promise<string | undefined> {
  try {
    return (await systemHosts.addresses(host, family))[0];
  } catch {
    // No such name, or too many at once, is an answer; the caller of this function says what it means.
    return undefined;
  }
}
