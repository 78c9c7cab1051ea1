// Configuration texts of the device, as an integrator would write them.

export interface DeviceSettings {
  readonly profile?: 'ims' | 'sip';
  readonly impu?: string;
  readonly impi?: string;
  readonly password?: string;
  readonly pcscf?: string | readonly string[];
  readonly ca?: string;
  readonly listen?: readonly string[];
  readonly address?: string;
  readonly codecs?: readonly string[];
  /** `[media] srtp`. */
  readonly srtp?: string;
  readonly capture?: string;
  readonly playback?: string;
  readonly instance?: string;
  readonly autoAnswer?: string;
  /** `[mwi] subscribe`; `never` when not given: where nothing else is judged, one SUBSCRIBE less to tell apart. */
  readonly mwi?: 'auto' | 'always' | 'never';
  /** `[federation] calls`; `never` when not given, for the same reason. */
  readonly calls?: 'auto' | 'always' | 'never';
  /** Milliseconds; those of RFC 3261 when not given. */
  readonly timers?: { readonly t1: number; readonly t2: number; readonly t4: number };
  /** More TOML: whole tables, or keys of the tables named here. */
  readonly account?: string;
  readonly sip?: string;
  readonly media?: string;
  readonly audio?: string;
  readonly call?: string;
  readonly more?: string;
}

export const IMPU = 'sip:+46701234567@op.example';
export const REALM = 'op.example';

const list = (values: readonly string[]): string => `[${values.map((value) => `"${value}"`).join(', ')}]`;

/** A federated device of `IMPU` at a P-CSCF; RFC 3261 timers so that a test need not wait. */
export function deviceConfig(settings: DeviceSettings): string {
  const { t1, t2, t4 } = settings.timers ?? { t1: 500, t2: 4000, t4: 5000 };
  const pcscf = settings.pcscf === undefined ? [] : [settings.pcscf].flat();
  return `profile = "${settings.profile ?? 'ims'}"
[account]
impu = "${settings.impu ?? IMPU}"
${settings.profile === 'sip' && pcscf.length === 0 && settings.password === undefined ? '' : `impi = "${settings.impi ?? 'tablet@op.example'}"\npassword = "${settings.password ?? 'tablet-secret'}"\ndomain = "${REALM}"`}
${settings.account ?? ''}
${pcscf.length ? `[pcscf]\nuri = ${list(pcscf)}` : ''}
${settings.ca ? `ca = "${settings.ca}"` : ''}
${settings.instance ? `[instance]\nid = "${settings.instance}"` : ''}
[sip]
listen = ${list(settings.listen ?? ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0'])}
t1 = ${t1}
t2 = ${t2}
t4 = ${t4}
${settings.sip ?? ''}
[media]
address = "${settings.address ?? '127.0.0.1'}"
ports = "26000-26999"
codecs = ${list(settings.codecs ?? ['AMR-WB', 'PCMA', 'PCMU'])}
${settings.srtp ? `srtp = "${settings.srtp}"` : ''}
${settings.media ?? ''}
[audio]
capture = "${settings.capture ?? 'tone:1000'}"
playback = "${settings.playback ?? 'null'}"
${settings.audio ?? ''}
[federation]
calls = "${settings.calls ?? 'never'}"
[mwi]
subscribe = "${settings.mwi ?? 'never'}"
[call]
${settings.autoAnswer ? `auto_answer = "${settings.autoAnswer}"` : ''}
${settings.call ?? ''}
${settings.more ?? ''}
`;
}

/** An intercom without a server, called by its address. */
export const intercomConfig = (port: number, more: DeviceSettings = {}): string =>
  deviceConfig({
    profile: 'sip',
    impu: 'sip:door@127.0.0.1',
    listen: [`udp:127.0.0.1:${port}`],
    codecs: ['PCMU'],
    ...more,
  });
