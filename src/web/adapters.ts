// The parts of the agent behind the ports that the web knows.
import type { Clock } from '#src/base/clock.ts';
import type { AgentSettings } from '#src/base/config/load.ts';
import type { TandemError } from '#src/base/errors.ts';
import { Signal } from '#src/base/events.ts';
import { toSeconds } from '#src/base/units.ts';
import { VERSION } from '#src/base/version.ts';
import type { Call } from '#src/call/call.ts';
import type { Conferences } from '#src/call/conference/conferences.ts';
import type { EndedCall } from '#src/call/ended-call.ts';
import type { CallLabel } from '#src/call/labels.ts';
import type { CallLogStore } from '#src/call/log.ts';
import { unknownCall } from '#src/call/owner-errors.ts';
import type { CallSnapshot, LogRow } from '#src/call/snapshot.ts';
import type { Transfers } from '#src/call/transfer/transfers.ts';
import { counterReadings, gauges, type MeasuredParts } from '#src/device/measures.ts';
import { withAddresses } from '#src/device/ut.ts';
import { formatListen } from '#src/sip/transport/address.ts';
import { callMetrics } from './call-metrics.ts';
import { counters, type Metric } from './metrics.ts';
import type {
  ButtonPort,
  CallPort,
  DelayReport,
  DemoPort,
  IdentityStatus,
  Notice,
  StatusSnapshot,
  WebPorts,
} from './ports.ts';
import type { TraceRing } from './trace/ring.ts';

export interface WebParts extends MeasuredParts {
  readonly clock: Clock;
  /** Those in use now. */
  readonly settings: () => AgentSettings;
  readonly log: CallLogStore;
  readonly buttons: ButtonPort;
  readonly transfers: Transfers;
  readonly conferences: Conferences;
  readonly trace: TraceRing;
  /** Keeps the owner's settings and begins to use them. */
  readonly changeSettings: (changes: Readonly<Record<string, unknown>>) => Promise<AgentSettings>;
  readonly demo?: DemoPort;
  /** The audio test. */
  readonly measure: () => Promise<DelayReport>;
}

/** Another device has it now. */
const TAKEN: readonly (CallLabel | undefined)[] = ['completed elsewhere', 'pulled'];

function callPort({ calls, transfers, conferences, services }: WebParts): CallPort {
  const known = (id: string): Call | EndedCall => {
    const call = calls.get(id);
    if (!call) throw unknownCall(id);
    return call;
  };
  const acted = (id: string, act: (call: Call | EndedCall) => void): CallSnapshot => {
    const call = known(id);
    act(call);
    return call.snapshot;
  };
  const settled = async (
    id: string,
    act: (call: Call | EndedCall) => Promise<TandemError | undefined>,
  ): Promise<CallSnapshot> => {
    const call = known(id);
    const error = await act(call);
    if (error) throw error;
    return call.snapshot;
  };
  return {
    list: () => calls.list(),
    get: (id) => calls.get(id)?.snapshot,
    dial: (request) => calls.dial(request).snapshot,
    answer: (id, { video, others }) => acted(id, (call) => calls.answer(call, { video }, others)),
    reject: (id) => acted(id, (call) => call.reject()),
    hangup: (id) => acted(id, (call) => call.hangup()),
    conference: (id, others) => conferences.join(id, others).snapshot,
    remove: (id, uri) => conferences.remove(id, uri).snapshot,
    transfer: (id, request) =>
      ('to' in request ? transfers.blind(id, request.to) : transfers.consultative(id, request.call)).snapshot,
    hold: (id) => settled(id, (call) => call.hold()),
    resume: (id) => settled(id, (call) => calls.resume(call)),
    dtmf: (id, digits) => acted(id, (call) => call.sendDtmf(digits)),
    video: (id, enabled) => acted(id, (call) => call.video(enabled)),
    quality: (id) => known(id).quality,
    details: (id) => {
      const call = known(id);
      const taker = TAKEN.includes(call.snapshot.end?.label)
        ? services.federation.takenBy(call.sipCallId)
        : undefined;
      return { ...call.details, ...(taker ? { taken_by: taker } : {}) };
    },
    digits: (id) => known(id).digits,
    watch: (id) => {
      const call = known(id);
      return 'picture' in call && call.picture.isOn ? call.picture : undefined;
    },
    sipCallIds: (id) => [known(id).sipCallId],
  };
}

/** Those of the registration, then those that others share with us; each as it is switched on this device. */
function identitiesOf({ registration, calls }: WebParts): IdentityStatus[] {
  const book = calls.identities;
  const off = new Set(book.off);
  return [
    ...registration.state.identities.map((own) => ({ ...own, active: own.active && !off.has(own.uri) })),
    ...book.shared.map((shared) => ({ ...shared, kind: 'shared' as const })),
  ];
}

/** Every value with its origin; of a secret only that it is set. */
function describeSettings({ settings }: AgentSettings): Record<string, unknown> {
  const described: Record<string, unknown> = {};
  const sections = new Map<string, Record<string, unknown>>();
  for (const [key, { value, origin, secret }] of settings.origins) {
    const setting = secret
      ? { origin, secret, set: value !== undefined }
      : { origin, ...(value === undefined ? {} : { value }) };
    const dot = key.indexOf('.');
    const name = key.slice(0, Math.max(0, dot));
    const section = sections.get(name) ?? {};
    section[key.slice(dot + 1)] = setting;
    sections.set(name, section);
  }
  for (const [name, section] of sections) {
    if (name === '') Object.assign(described, section);
    else described[name] = section;
  }
  return described;
}

function metrics(parts: WebParts): Metric[] {
  const now: Metric[] = gauges(parts).map(({ name, help, value }) => ({
    name,
    help,
    type: 'gauge',
    samples: [{ value }],
  }));
  return [...now, ...callMetrics(parts.calls), ...counters(counterReadings(parts))];
}

export function webPorts(parts: WebParts): WebPorts {
  const { ua, registration, calls, services, clock } = parts;
  const start = clock.now();
  const status = (): StatusSnapshot => ({
    version: VERSION,
    uptime: Math.floor(toSeconds(clock.now()) - toSeconds(start)),
    listen: ua.transport.listening.map(formatListen),
    registration: { ...registration.state, identities: identitiesOf(parts) },
    federation: registration.federation.map(({ uri, instance, self, state }) => ({
      ...{ uri, instance, self, state },
    })),
  });
  const onStatus = new Signal<StatusSnapshot>();
  const onConfig = new Signal<Readonly<Record<string, unknown>>>();
  const onNotice = new Signal<Notice>();
  calls.onTrouble.on(({ id, message }) => onNotice.emit({ at: clock.date().toISOString(), id, message }));
  registration.onChange.on(() => onStatus.emit(status()));
  registration.onFederation.on(() => onStatus.emit(status()));
  const logged: Signal<LogRow> = calls.onLog;
  return {
    status,
    calls: callPort(parts),
    federation: {
      list: () => services.federation.list,
      pull: (id) => services.federation.pull(id).snapshot,
      decline: (id) => services.federation.decline(id),
      push: (id, instance) => services.federation.push(id, instance).snapshot,
    },
    mailbox: () => services.mailbox.state,
    ut: {
      isOpen: services.ut.isOpen,
      read: () => services.ut.read(),
      change: async (change) => services.ut.change(withAddresses(change, parts.settings().config)),
    },
    log: { list: (query) => parts.log.list(query) },
    buttons: parts.buttons,
    identities: {
      setActive: (uri, active) => {
        calls.identities.setActive(uri, active);
        onStatus.emit(status());
      },
    },
    config: {
      describe: () => describeSettings(parts.settings()),
      change: async (changes) => {
        const described = describeSettings(await parts.changeSettings(changes));
        onConfig.emit(described);
        return described;
      },
    },
    audio: { measure: () => parts.measure() },
    events: {
      ...{ onStatus, onCall: calls.onChange, onLog: logged, onConfig },
      onFederationCalls: services.federation.onChange,
      onMailbox: services.mailbox.onChange,
      onNotice,
      onServices: services.ut.onChange,
    },
    trace: parts.trace,
    metrics: () => metrics(parts),
    ...(parts.demo ? { demo: parts.demo } : {}),
  };
}
