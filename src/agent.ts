// The composition root of the device: every part, in the order in which one would tell it.
import type { Clock } from '#src/base/clock.ts';
import type { AgentSettings } from '#src/base/config/load.ts';
import { webAddress } from '#src/base/config/rules.ts';
import type { Logger } from '#src/base/log.ts';
import type { Random } from '#src/base/random.ts';
import type { Store } from '#src/base/store.ts';
import { Conferences } from '#src/call/conference/conferences.ts';
import { openCallLog } from '#src/call/log.ts';
import { CallManager } from '#src/call/manager.ts';
import { Transfers } from '#src/call/transfer/transfers.ts';
import { resolveMediaHost } from '#src/call/world.ts';
import { AudioTest, roomOptions } from '#src/device/acoustics.ts';
import { Features } from '#src/device/features.ts';
import { followNetwork, NetworkWatch } from '#src/device/network.ts';
import {
  callConfig,
  listenAddresses,
  quietSettings,
  refuseUnknown,
  registrationConfig,
  spoken,
  timers,
  tlsSettings,
} from '#src/device/parts.ts';
import { chooseVideo, pictureSize } from '#src/device/picture.ts';
import { Prompt } from '#src/device/prompt.ts';
import { Services } from '#src/device/services.ts';
import { chooseSound } from '#src/device/sound.ts';
import { Registration } from '#src/ims/registration.ts';
import { MediaEngine } from '#src/media/engine.ts';
import { Resolver } from '#src/sip/resolver/resolver.ts';
import { formatListen } from '#src/sip/transport/address.ts';
import { hasWayTo } from '#src/sip/transport/local-address.ts';
import { SipTransport } from '#src/sip/transport/sip-transport.ts';
import { UserAgent } from '#src/sip/ua/user-agent.ts';
import { webPorts } from '#src/web/adapters.ts';
import type { DemoPort } from '#src/web/ports.ts';
import type { Sessions } from '#src/web/security/session.ts';
import { WebServer } from '#src/web/server.ts';
import { TraceRing } from '#src/web/trace/ring.ts';
import { TracedTransport } from '#src/web/trace/tap.ts';

export interface AgentOptions {
  readonly settings: AgentSettings;
  /** Both stay their owner's, and outlive the agent. */
  readonly store: Store;
  readonly sessions: Sessions;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Keeps the owner's settings and begins to use them; the agent may be stopped for it. */
  readonly changeSettings: (changes: Readonly<Record<string, unknown>>) => Promise<AgentSettings>;
  /** In place of the configured port 0. */
  readonly webPort?: number;
  /** Only in the demonstration. */
  readonly demo?: DemoPort;
}

export interface Agent {
  readonly calls: CallManager;
  readonly registration: Registration;
  readonly web: WebServer;
  /** SIP addresses with the ports that were given, and the web's. */
  readonly listening: readonly string[];
  /** Takes what `differsOnlyLive` lets through, without a new beginning. */
  adjust(settings: AgentSettings): void;
  /** Ends the calls, de-registers, closes. */
  stop(): Promise<void>;
}

/** Throws TandemError `transport.listen`, `web.listen`, `device.sound`, `device.video`, `config.invalid`, `media.…`; nothing stays open then. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { settings, store, clock, random, log } = options;
  const { config } = settings;
  const base = { clock, random, log };
  const media = MediaEngine.open({ log, room: roomOptions(config), picture: pictureSize(config) });
  const closing: (() => Promise<void>)[] = [() => media.close()];
  const stop = async (): Promise<void> => {
    for (const close of closing.splice(0)) await close();
  };
  try {
    const sound = await chooseSound(media, settings, log);
    const source = chooseVideo(media, settings);
    const trace = new TraceRing(clock);
    const sockets = new SipTransport({ ...base, listen: listenAddresses(config), tls: tlsSettings(config) });
    const transport = new TracedTransport(sockets, trace, clock);
    const resolver = new Resolver({ ...base, dns: config.sip.dns });
    const ua = new UserAgent({ ...base, ...spoken(config), transport, resolver, timers: timers(config) });
    const parts = { ...base, ua, resolver, media, trace, reaches: hasWayTo };
    const registration = new Registration({ ...parts, store, config: registrationConfig(config) });
    const prompt = new Prompt({ media, clock, playback: sound.playback, log });
    closing.unshift(async () => prompt.stop());
    const line = {
      line: registration,
      config: callConfig(config, sound, source),
      resolveHost: resolveMediaHost,
      memory: store,
      alarm: () => prompt.alarm(),
    };
    const rows = openCallLog(store.database);
    const calls = new CallManager({ ...parts, ...line }, rows);
    const transfers = new Transfers({ ...parts, ...line }, calls);
    const conferences = new Conferences({ ...parts, ...line }, calls);
    calls.quiet = quietSettings(config);
    registration.onRejected.on(() => calls.releaseAll());
    const world = { ...parts, ...line };
    const ring = (on: boolean): void => prompt.ring(on);
    const services = new Services({ ...base, ua, registration, calls, config, world, ring });
    const takers = [calls, services, transfers];
    const network = new NetworkWatch(clock);
    network.onChange.on(() => void followNetwork({ sockets, registration, calls }));
    ua.onRequest((incoming) => {
      if (!takers.some((taker) => taker.handle(incoming))) refuseUnknown(incoming);
    });
    const features = new Features({ ...base, calls, config });
    closing.unshift(() => features.stop());
    const test = new AudioTest({ media, store, sound, isCalling: () => calls.isCalling });
    const measure = () => test.measure();
    let current = settings;
    const adjust = (next: AgentSettings): void => {
      current = next;
      calls.quiet = quietSettings(next.config);
    };
    const ports = webPorts({
      ...options,
      ...parts,
      ...{ registration, calls, transfers, conferences, services, log: rows, measure },
      buttons: features.buttons,
      settings: () => current,
    });
    const { host, port } = webAddress(config.web.listen);
    const web = new WebServer({ ...options, ports, host, port: options.webPort ?? port });
    closing.unshift(() => ua.stop());
    await ua.start();
    closing.unshift(() => web.stop());
    await web.start();
    // From here on: calls first, which need the registration, which needs the user agent.
    closing.unshift(async () => {
      services.stop();
      await features.stop();
      await calls.close();
      transfers.stop();
      conferences.stop();
      await registration.stop();
    });
    registration.start();
    network.start();
    closing.unshift(async () => network.stop());
    return {
      calls,
      registration,
      web,
      adjust,
      listening: [...transport.listening.map(formatListen), web.url],
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
