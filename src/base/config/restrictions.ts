// What the contract knows and this version cannot do: such a demand is refused, never ignored. Later work deletes rows.
import type { RawConfig } from './agent-schema.ts';

export interface Restriction {
  readonly key: string;
  /** What is demanded, for docs. */
  readonly demand: string;
  /** True when the value demands it. */
  readonly demanded: (config: RawConfig) => boolean;
  /** The end of the sentence "… this version …". */
  readonly lacks: string;
}

const BUILT_IN: readonly string[] = ['AMR-WB', 'PCMU', 'PCMA'];

export const RESTRICTIONS: readonly Restriction[] = [
  {
    key: 'sip.precondition',
    demand: '`"mandatory"`',
    demanded: ({ sip }) => sip.precondition === 'mandatory',
    lacks: 'has no preconditions; use "off" or "optional"',
  },
  {
    key: 'media.codecs',
    demand: '`"AMR"`, `"G722"`, `"opus"`, `"H264"`',
    demanded: ({ media }) => media.codecs.some((codec) => !BUILT_IN.includes(codec)),
    lacks: `has no other codecs than ${BUILT_IN.join(', ')}`,
  },
  {
    key: 'media.srtp',
    demand: '`"required"`',
    demanded: ({ media }) => media.srtp === 'required',
    lacks: 'has no SRTP; use "off" or "optional"',
  },
  {
    key: 'media.srtp_cellular',
    demand: '`"required"`',
    demanded: ({ media }) => media.srtp_cellular === 'required',
    lacks: 'has no SRTP; use "off" or "optional"',
  },
  { key: 'media.e2ae', demand: '`true`', demanded: ({ media }) => media.e2ae, lacks: 'has no SRTP' },
  {
    key: 'video.capture',
    demand: 'anything but `"none"`',
    demanded: ({ video }) => video.capture !== 'none',
    lacks: 'has no video',
  },
  {
    key: 'video.sink',
    demand: 'anything but `"none"`',
    demanded: ({ video }) => video.sink !== 'none',
    lacks: 'has no video',
  },
  {
    key: 'web.password_hash',
    demand: 'any',
    demanded: ({ web }) => web.password_hash !== undefined,
    lacks: 'opens the page by a one-time link only',
  },
  { key: 'sms.enabled', demand: '`true`', demanded: ({ sms }) => sms.enabled, lacks: 'has no SMS' },
  {
    key: 'emergency.allowed',
    demand: '`true`',
    demanded: ({ emergency }) => emergency.allowed,
    lacks: 'makes no emergency calls',
  },
  {
    key: 'identities.shared',
    demand: 'a list that is not empty',
    demanded: ({ identities }) => identities.shared.length > 0,
    lacks: 'uses only identities of its subscription',
  },
  {
    key: 'identities.delegated',
    demand: 'a list that is not empty',
    demanded: ({ identities }) => identities.delegated.length > 0,
    lacks: 'has no delegation',
  },
  {
    key: 'call_log.uri',
    demand: 'any',
    demanded: (config) => config.call_log.uri !== undefined,
    lacks: 'keeps the call log locally only',
  },
  {
    key: 'provisioning.url',
    demand: 'any',
    demanded: ({ provisioning }) => provisioning.url !== undefined,
    lacks: 'is configured by file only',
  },
];
