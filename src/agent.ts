// The composition root of the device: every part, in the order in which one would tell it.
import type { Clock } from '#src/base/clock.ts';
import type { AgentSettings } from '#src/base/config/load.ts';
import { webAddress } from '#src/base/config/rules.ts';
import type { Logger } from '#src/base/log.ts';
import type { Random } from '#src/base/random.ts';
import type { Store } from '#src/base/store.ts';
import { Milliseconds } from '#src/base/units.ts';
import { VERSION } from '#src/base/version.ts';
import { CALL_METHODS, CALL_OPTION_TAGS } from '#src/call/capabilities.ts';
import { openCallLog } from '#src/call/log.ts';
import { CallManager } from '#src/call/manager.ts';
import { resolveMediaHost } from '#src/call/world.ts';
import { callConfig, listenAddresses, registrationConfig, timers, tlsSettings } from '#src/device/parts.ts';
import { chooseSound } from '#src/device/sound.ts';
import { Registration } from '#src/ims/registration.ts';
import { MediaEngine } from '#src/media/engine.ts';
import { Resolver } from '#src/sip/resolver/resolver.ts';
import { formatListen } from '#src/sip/transport/address.ts';
import { SipTransport } from '#src/sip/transport/sip-transport.ts';
import { UserAgent } from '#src/sip/ua/user-agent.ts';
import { webPorts } from '#src/web/adapters.ts';
import { Sessions } from '#src/web/security/session.ts';
import { WebServer } from '#src/web/server.ts';
import { TraceRing } from '#src/web/trace/ring.ts';
import { TracedTransport } from '#src/web/trace/tap.ts';

export interface AgentOptions {
  readonly settings: AgentSettings;
  /** Stays the owner's: it is closed after the agent. */
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Keeps the owner's settings and begins to use them; the agent may be stopped for it. */
  readonly changeSettings: (changes: Readonly<Record<string, unknown>>) => Promise<AgentSettings>;
  /** Of the page; they outlive the agent. Default: its own. */
  readonly sessions?: Sessions;
  /** In place of the configured port 0. */
  readonly webPort?: number;
  /** Only in the demonstration. */
  readonly ring?: () => Promise<void>;
}

interface Inner {
  readonly ua: UserAgent;
  readonly media: MediaEngine;
  readonly clock: Clock;
}

/** The contract gives five seconds; a network that does not answer must not use them up. */
const STOP_PATIENCE = Milliseconds(4300);

export class Agent {
  readonly calls: CallManager;
  readonly registration: Registration;
  readonly web: WebServer;
  readonly #parts: Inner;

  private constructor(parts: Inner, calls: CallManager, registration: Registration, web: WebServer) {
    this.#parts = parts;
    this.calls = calls;
    this.registration = registration;
    this.web = web;
  }

  /** Throws TandemError `transport.listen`, `web.listen`, `device.sound`, `config.invalid`, `media.…`; nothing stays open then. */
  static async start(options: AgentOptions): Promise<Agent> {
    const { settings, store, clock, random, log } = options;
    const { config } = settings;
    const media = MediaEngine.open({ log });
    const opened: { stop(): Promise<void> }[] = [{ stop: () => media.close() }];
    try {
      const chosen = (key: string): boolean => settings.settings.origins.get(key)?.origin !== 'default';
      const sound = await chooseSound(media, config, chosen, log);
      const trace = new TraceRing(clock);
      const sockets = new SipTransport({
        listen: listenAddresses(config),
        clock,
        random,
        log,
        tls: tlsSettings(config),
      });
      const transport = new TracedTransport(sockets, trace, clock);
      const resolver = new Resolver({ dns: config.sip.dns, clock, random });
      const ua = new UserAgent({
        ...{ transport, resolver, clock, random, log, timers: timers(config) },
        ...{
          userAgent: `Tandem/${VERSION}`,
          allow: [...CALL_METHODS, 'NOTIFY'],
          supported: CALL_OPTION_TAGS,
        },
      });
      const parts = { ua, resolver, clock, random, log };
      const registration = new Registration({ ...parts, store, config: registrationConfig(config) });
      const rows = openCallLog(store.database);
      const world = {
        ...parts,
        line: registration,
        media,
        config: callConfig(config, sound),
        resolveHost: resolveMediaHost,
      };
      const calls = new CallManager(world, rows);
      ua.onRequest((incoming) => {
        if (!calls.handle(incoming)) incoming.respond(405);
      });
      const ports = webPorts({ ...options, ...parts, registration, calls, media, trace, log: rows });
      const token = config.web.token ?? store.token(random);
      const { host, port } = webAddress(config.web.listen);
      const sessions = options.sessions ?? new Sessions({ token, clock, random });
      const web = new WebServer({ host, port: options.webPort ?? port, sessions, ports, clock, random, log });
      opened.unshift({ stop: () => ua.stop() });
      await ua.start();
      opened.unshift({ stop: () => web.stop() });
      await web.start();
      registration.start();
      return new Agent({ ua, media, clock }, calls, registration, web);
    } catch (error) {
      for (const part of opened) await part.stop();
      throw error;
    }
  }

  /** SIP addresses with the ports that were given, and the web's. */
  get listening(): readonly string[] {
    return [...this.#parts.ua.transport.listening.map(formatListen), this.web.url];
  }

  /** Ends the calls, de-registers, closes: within five seconds, whatever the network does. */
  async stop(): Promise<void> {
    const { clock } = this.#parts;
    const late = Promise.withResolvers<void>();
    const timer = clock.after(STOP_PATIENCE, late.resolve);
    await this.calls.close();
    await Promise.race([this.registration.stop(), late.promise]);
    timer.cancel();
    await this.web.stop();
    await this.#parts.ua.stop();
    await this.#parts.media.close();
  }
}
