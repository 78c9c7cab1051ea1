// Keeps one agent running with the configuration in force: takes a new one whole or not at all, and stops in time.
import { type Agent, startAgent } from '#src/agent.ts';
import type { Clock } from '#src/base/clock.ts';
import { differsOnlyLive } from '#src/base/config/live.ts';
import { type AgentSettings, loadAgent } from '#src/base/config/load.ts';
import { describe, TandemError } from '#src/base/errors.ts';
import type { Logger } from '#src/base/log.ts';
import type { Random } from '#src/base/random.ts';
import type { Store } from '#src/base/store.ts';
import { Milliseconds } from '#src/base/units.ts';
import type { DemoPort } from '#src/web/ports.ts';
import { Sessions } from '#src/web/security/session.ts';

export interface SupervisorOptions {
  readonly file: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly env: NodeJS.ProcessEnv;
  /** Only in the demonstration. */
  readonly demo?: DemoPort;
}

/** The store's key of the owner's settings. */
const OWNER_KEY = 'owner.settings';
/** Changed settings of the owner until an agent has started with them. */
const NEXT_KEY = 'owner.settings.next';
/** The contract allows five seconds for everything. */
const STOP_LIMIT = Milliseconds(4500);
/** A changed configuration is applied once no call would suffer; this often it is looked. */
const QUIET_CHECK = Milliseconds(250);
/** The answer to the PATCH that brought a change leaves first. */
const APPLY_AFTER = Milliseconds(100);

type Changes = Readonly<Record<string, unknown>>;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #sessions: Sessions;
  readonly #onStart: (agent: Agent, settings: AgentSettings) => void;
  #settings: AgentSettings;
  #agent: Agent | undefined;
  /** Changes of configuration one after the other. */
  #queue: Promise<void> = Promise.resolve();
  #stopping = false;

  private constructor(
    options: SupervisorOptions,
    settings: AgentSettings,
    onStart: (agent: Agent, settings: AgentSettings) => void,
  ) {
    const { clock, random } = options;
    this.#options = options;
    this.#settings = settings;
    this.#onStart = onStart;
    this.#sessions = new Sessions({ token: this.#tokenOf(settings), clock, random });
  }

  #tokenOf({ config }: AgentSettings): string {
    const { store, random } = this.#options;
    return config.web.token ?? store.token(random);
  }

  /** Throws what stands in the way of a start; `onStart` hears of every agent that serves, the first included. */
  static async start(
    options: SupervisorOptions,
    onStart: (agent: Agent, settings: AgentSettings) => void,
  ): Promise<Supervisor> {
    const { file, store, env, log } = options;
    const attempt = async (): Promise<Supervisor> => {
      const next = store.get(NEXT_KEY);
      const settings = await loadAgent({ file, owner: ownerSettings(store), env });
      const supervisor = new Supervisor(options, settings, onStart);
      await supervisor.#startAgent(settings);
      supervisor.#keep(next);
      return supervisor;
    };
    if (store.get(NEXT_KEY) === undefined) return attempt();
    try {
      return await attempt();
    } catch (error) {
      // A change that was never in use must not keep the device from starting.
      store.delete(NEXT_KEY);
      log.error({ reason: describe(error) }, "the owner's last change is taken back");
      return attempt();
    }
  }

  get agent(): Agent | undefined {
    return this.#agent;
  }

  /** A link that opens the page once. */
  makeLink(): string | undefined {
    return this.#agent?.web.makeLink();
  }

  /** Reads the configuration again; a faulty one is told and changes nothing. */
  async reload(): Promise<void> {
    const { file, store, env, log } = this.#options;
    try {
      const next = await loadAgent({ file, owner: ownerSettings(store), env });
      await this.#apply(next, store.get(NEXT_KEY));
      log.info('configuration read again');
    } catch (error) {
      log.error({ reason: describe(error) }, 'the configuration is as it was');
    }
  }

  /** Ends calls, de-registers, closes; within the contract's five seconds. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const { clock, log } = this.#options;
    const late = Promise.withResolvers<void>();
    const timer = clock.after(STOP_LIMIT, () => {
      log.warn('not everything ended in time');
      late.resolve();
    });
    await Promise.race([this.#stopAgent(), late.promise]);
    timer.cancel();
    this.#sessions.close();
  }

  async #stopAgent(): Promise<void> {
    const agent = this.#agent;
    this.#agent = undefined;
    await agent?.stop();
  }

  async #startAgent(settings: AgentSettings): Promise<void> {
    const { store, clock, random, log, demo } = this.#options;
    const port = this.#agentPort(settings);
    this.#sessions.setToken(this.#tokenOf(settings));
    this.#agent = await startAgent({
      ...{ settings, store, clock, random, log, sessions: this.#sessions },
      changeSettings: (changes) => this.#change(changes),
      ...(port === undefined ? {} : { webPort: port }),
      ...(demo ? { demo } : {}),
    });
    this.#settings = settings;
    this.#webPort = Number(new URL(this.#agent.web.url).port);
    this.#onStart(this.#agent, settings);
  }

  #webPort: number | undefined;

  /** "Any port" stays the one that was given, so that the page is still there after a change. */
  #agentPort({ config }: AgentSettings): number | undefined {
    return config.web.listen === this.#settings.config.web.listen && config.web.listen.endsWith(':0')
      ? this.#webPort
      : undefined;
  }

  /** Judges the owner's changes with all the rest, keeps them, and has them applied when no call would suffer. */
  async #change(changes: Changes): Promise<AgentSettings> {
    const { file, store, env, clock, log } = this.#options;
    const owner = merged(ownerSettings(store), changes);
    const next = await loadAgent({ file, owner, env });
    const text = JSON.stringify(owner);
    store.set(NEXT_KEY, text);
    clock.after(APPLY_AFTER, () => {
      this.#apply(next, text).catch((error: unknown) => {
        log.error({ reason: describe(error) }, 'the configuration is as it was');
      });
    });
    return next;
  }

  /** `change`: what the owner changed, kept for good once it is in use and forgotten when it cannot be. */
  #apply(next: AgentSettings, change: string | undefined): Promise<void> {
    const done = this.#queue.then(() => this.#exchange(next, change));
    this.#queue = done.catch(() => undefined);
    return done;
  }

  async #exchange(next: AgentSettings, change: string | undefined): Promise<void> {
    const before = this.#settings;
    if (JSON.stringify(next.config) === JSON.stringify(before.config)) {
      this.#keep(change);
      return;
    }
    if (this.#agent && differsOnlyLive(before.config, next.config)) {
      this.#agent.adjust(next);
      this.#settings = next;
      this.#keep(change);
      return;
    }
    await this.#quiet();
    if (this.#stopping) return;
    await this.#stopAgent();
    try {
      await this.#startAgent(next);
    } catch (error) {
      this.#drop(change);
      await this.#startAgent(before);
      throw error;
    }
    this.#keep(change);
  }

  /** The change is in use, and stays. */
  #keep(change: string | undefined): void {
    if (change === undefined) return;
    this.#options.store.set(OWNER_KEY, change);
    this.#drop(change);
  }

  /** Unless a later change waits already. */
  #drop(change: string | undefined): void {
    const { store } = this.#options;
    if (change !== undefined && store.get(NEXT_KEY) === change) store.delete(NEXT_KEY);
  }

  /** Resolves once there is no call. */
  async #quiet(): Promise<void> {
    const { clock } = this.#options;
    const busy = (): boolean => this.#agent?.calls.list().some(({ state }) => state !== 'ended') ?? false;
    while (busy() && !this.#stopping)
      await new Promise<void>((resolve) => void clock.after(QUIET_CHECK, resolve));
  }
}

function ownerSettings(store: Store): Record<string, unknown> {
  const text = store.get(NEXT_KEY) ?? store.get(OWNER_KEY);
  const settings: unknown = text === undefined ? {} : JSON.parse(text);
  if (typeof settings === 'object' && settings !== null) return { ...settings };
  throw new TandemError('ours', 'store.corrupt', "The owner's settings in the state folder cannot be read.");
}

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Section by section; null takes a value back. */
function merged(owner: Changes, changes: Changes): Record<string, unknown> {
  const out: Record<string, unknown> = { ...owner };
  for (const [key, value] of Object.entries(changes)) {
    const before = out[key];
    if (value === null) delete out[key];
    else out[key] = isTable(value) ? merged(isTable(before) ? before : {}, value) : value;
  }
  return out;
}
