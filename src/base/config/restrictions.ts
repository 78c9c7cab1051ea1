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

export const RESTRICTIONS: readonly Restriction[] = [
  {
    key: 'video.sink',
    demand: '`"v4l2:DEVICE"`',
    demanded: ({ video }) => video.sink.startsWith('v4l2:'),
    lacks: 'shows no video on a V4L2 device; use "file:PATH", or watch it through the API',
  },
  {
    key: 'web.password_hash',
    demand: 'any',
    demanded: ({ web }) => web.password_hash !== undefined,
    lacks: 'opens the page by a one-time link only',
  },
  { key: 'sms.enabled', demand: '`true`', demanded: ({ sms }) => sms.enabled, lacks: 'has no SMS' },
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
