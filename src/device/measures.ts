// What `/metrics` shows: the counters of every part, under the names the parts give them.
import type { CallManager } from '#src/call/manager.ts';
import type { Registration } from '#src/ims/registration.ts';
import type { MediaCounters, MediaEngine } from '#src/media/engine.ts';
import type { CounterReading } from '#src/sip/transport/counters.ts';
import type { UserAgent } from '#src/sip/ua/user-agent.ts';
import type { Services } from './services.ts';

export interface MeasuredParts {
  readonly ua: UserAgent;
  readonly registration: Registration;
  readonly calls: CallManager;
  readonly media: MediaEngine;
  readonly services: Services;
}

export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly value: number;
}

const REGISTRATION_HELP = {
  registers: ['registration_requests_total', 'REGISTER requests sent.'],
  accepted: ['registration_accepted_total', 'REGISTER requests that were accepted.'],
  refused: ['registration_refused_total', 'REGISTER requests that were refused or not answered.'],
  flowsLost: ['registration_flows_lost_total', 'Registered flows that were lost (RFC 5626).'],
  networkInitiated: [
    'registration_network_changes_total',
    'Changes of the registration that the network made.',
  ],
  ignored: [
    'registration_events_ignored_total',
    'Events that had no meaning in the state of the registration.',
  ],
} as const;

const MEDIA_HELP: Readonly<Record<keyof MediaCounters, string>> = {
  media_streams_open: 'Streams open now.',
  media_streams_total: 'Streams opened since the start.',
  media_rtp_sent_total: 'RTP packets sent.',
  media_rtp_received_total: 'RTP packets received.',
  media_rtp_lost_total: 'RTP packets lost on the way to us (RFC 3550).',
  media_rtp_late_total: 'RTP packets that came too late to be played.',
  media_troubles_total: 'Troubles with sound devices and files.',
};

const entries = <Key extends string, Value>(table: Readonly<Record<Key, Value>>): [Key, Value][] =>
  // Object.entries forgets the key type of a closed table.
  Object.entries(table) as [Key, Value][];

export function counterReadings({ ua, registration, calls, media }: MeasuredParts): CounterReading[] {
  const counted = registration.counters;
  return [
    ...ua.transport.counters.readings(),
    ...ua.transactions.counters.readings(),
    ...ua.counters.readings(),
    ...entries(REGISTRATION_HELP).map(([key, [name, help]]) => ({ name, help, value: counted[key] })),
    {
      name: 'call_digits_received_total',
      help: 'Digits that the far ends of calls pressed (RFC 4733, INFO).',
      value: calls.digitsReceived,
    },
    ...mediaReadings(media.counters).filter(({ name }) => name.endsWith('_total')),
  ];
}

const mediaReadings = (counters: MediaCounters): CounterReading[] =>
  entries(MEDIA_HELP).map(([name, help]) => ({ name, help, value: counters[name] }));

export function gauges({ ua, registration, calls, media, services }: MeasuredParts): Gauge[] {
  const load = ua.load;
  const live = calls.list().filter(({ state }) => state !== 'ended').length;
  return [
    {
      name: 'registered',
      help: '1 while a binding lives.',
      value: registration.state.state === 'registered' ? 1 : 0,
    },
    { name: 'federation_devices', help: 'Devices of the federation.', value: registration.federation.length },
    { name: 'calls_live', help: 'Calls that have not ended.', value: live },
    {
      name: 'federation_calls',
      help: 'Calls on other devices of the number.',
      value: services.federation.list.length,
    },
    {
      name: 'messages_waiting',
      help: '1 while the mailbox has something new, as far as the network told.',
      value: services.mailbox.state.waiting ? 1 : 0,
    },
    { name: 'sip_dialogs', help: 'Dialogs.', value: load.dialogs },
    { name: 'sip_transactions', help: 'Transactions.', value: load.transactions },
    ...mediaReadings(media.counters).filter(({ name }) => !name.endsWith('_total')),
  ];
}
