// What must hold between values, and the defaults that follow from other values.
import type { CODECS as CODEC_CHOICES, RawConfig } from './agent-schema.ts';
import { splitHostPort, splitSipUri } from './formats.ts';
import { trustFault } from './trust.ts';

type CodecChoice = (typeof CODEC_CHOICES)[number];

export interface Rule {
  /** The key that is complained about. */
  readonly key: string;
  /** A complaint ("…"), or undefined when all is well. */
  readonly broken: (config: RawConfig) => string | undefined;
}

export const registers = (config: RawConfig): boolean =>
  config.account.register ?? config.pcscf.uri !== undefined;

const domainOf = ({ account }: RawConfig): string | undefined =>
  account.domain ?? (account.impu === undefined ? undefined : splitSipUri(account.impu)?.host);

const isIms = (config: RawConfig): boolean => config.profile === 'ims';

/** Names that stand there more than once. */
const repeated = (names: readonly string[]): string[] =>
  names.filter((name, index) => names.indexOf(name) !== index);

export const RULES: readonly Rule[] = [
  {
    key: 'account.impu',
    broken: (config) => {
      if (config.account.impu !== undefined) return undefined;
      if (isIms(config)) return 'is missing: profile "ims" needs the shared identity';
      return registers(config) ? 'is missing: there is nothing to register without it' : undefined;
    },
  },
  {
    key: 'account.domain',
    broken: (config) =>
      (isIms(config) || registers(config)) &&
      config.account.impu !== undefined &&
      domainOf(config) === undefined
        ? 'is missing: a tel URI in account.impu does not tell it'
        : undefined,
  },
  {
    key: 'pcscf.uri',
    broken: (config) => {
      if (config.pcscf.uri !== undefined) return undefined;
      if (isIms(config) && config.account.register !== false)
        return 'is missing: profile "ims" needs a P-CSCF';
      return registers(config) && domainOf(config) === undefined
        ? 'is missing: account.register is true and there is no account.domain either'
        : undefined;
    },
  },
  {
    key: 'pcscf.ca',
    broken: ({ pcscf }) => (pcscf.ca === undefined ? undefined : trustFault(pcscf.ca)),
  },
  {
    key: 'ut.ca',
    broken: ({ ut }) => (ut.ca === undefined ? undefined : trustFault(ut.ca)),
  },
  {
    key: 'ut.root',
    broken: (config) =>
      config.ut.enabled && config.ut.root === undefined && domainOf(config) === undefined
        ? 'is missing: there is no account.domain that would tell it'
        : undefined,
  },
  {
    key: 'ut.identity',
    broken: ({ ut, account }) =>
      ut.enabled && ut.identity === undefined && account.impu === undefined
        ? 'is missing: there is no account.impu either'
        : undefined,
  },
  {
    key: 'ut.user',
    broken: ({ ut }) =>
      ut.user !== undefined && ut.password === undefined ? 'and ut.password go together' : undefined,
  },
  {
    key: 'network.bssid',
    broken: ({ network }) =>
      network.access === 'wlan' && network.bssid === undefined
        ? 'is missing: network.access "wlan" goes with it'
        : undefined,
  },
  {
    key: 'media.codecs',
    broken: ({ media }) =>
      media.codecs?.every((name) => name === 'H264')
        ? 'must name a codec for sound: every call has some'
        : undefined,
  },
  {
    key: 'media.keepalive_spacing',
    broken: ({ media }) =>
      media.keepalive_spacing > media.keepalive_burst ? 'must not be above media.keepalive_burst' : undefined,
  },
  {
    key: 'media.keepalive_burst',
    broken: ({ media }) =>
      media.keepalive_interval !== 0 && media.keepalive_burst > media.keepalive_interval
        ? 'must not be above media.keepalive_interval'
        : undefined,
  },
  {
    key: 'media.keepalive_interval',
    broken: ({ media }) =>
      media.keepalive_interval > 0 && media.keepalive_interval < 1
        ? 'must be 0 or at least 1 second'
        : undefined,
  },
  {
    key: 'media.e2ae',
    broken: ({ media, profile }) =>
      media.e2ae && (media.srtp ?? SRTP[profile]) === 'off' && media.srtp_cellular === 'off'
        ? 'needs SRTP: media.srtp is "off"'
        : undefined,
  },
  {
    key: 'door.output',
    broken: ({ door }) =>
      (door.code === undefined) === (door.output === undefined) ? undefined : 'and door.code go together',
  },
  {
    key: 'buttons',
    broken: ({ buttons, groups }) => {
      const twice = [buttons, groups].flatMap((rows) => repeated(rows.map(({ name }) => name)));
      return twice.length === 0 ? undefined : `or groups name "${twice[0]}" twice`;
    },
  },
  {
    key: 'emergency.latitude',
    broken: ({ emergency }) =>
      (emergency.latitude === undefined) === (emergency.longitude === undefined)
        ? undefined
        : 'and emergency.longitude go together',
  },
  {
    key: 'emergency.uncertainty',
    broken: ({ emergency }) =>
      emergency.uncertainty !== undefined && emergency.latitude === undefined
        ? 'needs emergency.latitude and emergency.longitude'
        : undefined,
  },
  {
    key: 'sip.t2',
    broken: (config) => {
      const { t1, t2 } = timersOf(config);
      return t2 < t1 ? `must not be below T1 (${t1} ms)` : undefined;
    },
  },
  {
    key: 'sip.retry_max',
    broken: ({ sip }) => (sip.retry_max < sip.retry_base ? 'must not be below sip.retry_base' : undefined),
  },
  {
    key: 'sip.session_expires',
    broken: ({ sip }) =>
      sip.session_expires < sip.min_se ? 'must not be below sip.min_se (RFC 4028 7.1)' : undefined,
  },
  {
    key: 'sip.listen',
    broken: ({ sip }) => {
      const fixed = (sip.listen ?? []).filter((address) => !address.endsWith(':0'));
      const twice = fixed.find((address, index) => fixed.indexOf(address) !== index);
      return twice === undefined ? undefined : `names ${twice} twice`;
    },
  },
];

/** 3GPP TS 24.229 table 7.7.1 for `ims`, RFC 3261 table 4 for `sip`; milliseconds. */
const TIMERS = {
  ims: { t1: 2000, t2: 16_000, t4: 17_000 },
  sip: { t1: 500, t2: 4000, t4: 5000 },
} as const;
/** 3GPP TS 24.229 5.1.1.2.1 for `ims`; a usual value for a plain registrar. Seconds. */
const EXPIRES = { ims: 600_000, sip: 3600 } as const;

/** The codecs of IR.92, best first; of plain SIP, those that softphones and exchanges have. */
const CODECS: Readonly<Record<RawConfig['profile'], readonly CodecChoice[]>> = {
  ims: ['AMR-WB', 'AMR', 'PCMA', 'PCMU', 'H264'],
  sip: ['opus', 'AMR-WB', 'G722', 'PCMA', 'PCMU', 'H264'],
};
/** NG.110 2.9.2 recommends SRTP on networks that are not the operator's. */
const SRTP = { ims: 'optional', sip: 'off' } as const;

function timersOf({ profile, sip }: RawConfig): { t1: number; t2: number; t4: number } {
  const usual = TIMERS[profile];
  return { t1: sip.t1 ?? usual.t1, t2: sip.t2 ?? Math.max(usual.t2, sip.t1 ?? 0), t4: sip.t4 ?? usual.t4 };
}

const ANY_PORT = ['udp:0.0.0.0:0', 'tcp:0.0.0.0:0'] as const;
const SIP_PORT = ['udp:0.0.0.0:5060', 'tcp:0.0.0.0:5060'] as const;

/** The configuration with every dependent default filled in: what the agent is built from. */
export function complete(config: RawConfig) {
  const register = registers(config);
  const domain = domainOf(config);
  const srtp = config.media.srtp ?? SRTP[config.profile];
  return {
    ...config,
    account: { ...config.account, domain, register, impi: config.account.impi ?? impiOf(config, domain) },
    sip: {
      ...config.sip,
      ...timersOf(config),
      listen: config.sip.listen ?? (register ? ANY_PORT : SIP_PORT),
      expires: config.sip.expires ?? EXPIRES[config.profile],
    },
    media: {
      ...config.media,
      codecs: config.media.codecs ?? CODECS[config.profile],
      srtp,
      e2ae: config.media.e2ae ?? (isIms(config) && (srtp !== 'off' || config.media.srtp_cellular !== 'off')),
    },
  };
}

/** The whole configuration of the device. */
export type Config = ReturnType<typeof complete>;

/** The contract's default: the user part of `impu` with the domain. */
function impiOf({ account }: RawConfig, domain: string | undefined): string | undefined {
  if (account.impu === undefined) return undefined;
  const user = splitSipUri(account.impu)?.user ?? /^tel:([^;]+)/i.exec(account.impu)?.[1];
  return user === undefined || domain === undefined ? user : `${user}@${domain}`;
}

/** The address of the web server with the port that `PORT` may name. */
export function webAddress(listen: string): { host: string; port: number } {
  return splitHostPort(listen) ?? { host: '127.0.0.1', port: 0 };
}
