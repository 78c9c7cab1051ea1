// One device, and SIPp scenarios played against it.
import { type CallObject, Device } from '../support/agent.ts';
import { type DeviceSettings, deviceConfig } from '../support/configuration.ts';
import { freePort, scratch, until } from '../support/process.ts';
import { Sipp, type SippOptions } from '../support/sipp.ts';

/** Short enough that 64·T1 is no long wait, long enough for a busy machine. */
export const FAST_TIMERS = { t1: 60, t2: 240, t4: 300 };

export class Stage {
  readonly device: Device;
  readonly port: number;
  readonly #folder: ReturnType<typeof scratch>;

  private constructor(device: Device, port: number, folder: ReturnType<typeof scratch>) {
    this.device = device;
    this.port = port;
    this.#folder = folder;
  }

  /** By default a device that is called by its address, as intercoms are. */
  static async open(settings: DeviceSettings = {}): Promise<Stage> {
    const folder = scratch();
    const port = await freePort();
    const config = deviceConfig({
      profile: 'sip',
      impu: 'sip:device@127.0.0.1',
      listen: [`udp:127.0.0.1:${port}`, `tcp:127.0.0.1:${port}`],
      codecs: ['PCMU'],
      timers: FAST_TIMERS,
      ...settings,
    });
    return new Stage(await Device.start(config, folder.file('device')), port, folder);
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** SIPp with a scenario; `body` plays the owner meanwhile. SIPp must end with success. */
  async play(
    name: string,
    scenario: string,
    body: (sipp: Sipp) => Promise<unknown> = async () => undefined,
    more: Partial<SippOptions> = {},
  ): Promise<void> {
    try {
      await this.#play(name, scenario, body, more);
    } finally {
      // No call of one test is there in the next.
      await this.device.hangUpAll();
    }
  }

  /** SIPp as a further caller, while another scenario plays. */
  alongside(name: string, scenario: string, body: (sipp: Sipp) => Promise<unknown>): Promise<void> {
    return this.#play(name, scenario, body, { target: this.address });
  }

  async #play(
    name: string,
    scenario: string,
    body: (sipp: Sipp) => Promise<unknown>,
    more: Partial<SippOptions>,
  ): Promise<void> {
    const sipp = await Sipp.start({ folder: this.#folder.path, name, scenario, ...more });
    try {
      await body(sipp).catch((error: unknown) => {
        // What SIPp saw explains most of what the owner did not.
        if (error instanceof Error)
          error.message += `\n${sipp.peer.output.slice(0, 1000)}\n${sipp.account()}`;
        throw error;
      });
      await sipp.succeeded();
    } finally {
      await sipp.stop();
    }
  }

  /** The same, with SIPp as the caller. */
  called(
    name: string,
    scenario: string,
    body?: (sipp: Sipp) => Promise<unknown>,
    more: Partial<SippOptions> = {},
  ): Promise<void> {
    return this.play(name, scenario, body, { target: this.address, ...more });
  }

  /** The call with this remote user, once it is in this state. */
  call = (user: string, state: CallObject['state']): Promise<CallObject> =>
    this.device.whenCall(
      `the call of ${user} to be ${state}`,
      (call) => call.state === state && call.remote.uri.includes(user),
    );

  /** Its row in the log. */
  logged = (user: string): Promise<CallObject> =>
    until(`a log row of ${user}`, async () =>
      (await this.device.log()).find((row) => row.remote.uri.includes(user)),
    );

  /** Answers when it rings. */
  async answer(user: string): Promise<CallObject> {
    const call = await this.call(user, 'ringing');
    return this.device.act(call.id, 'answer');
  }

  /** Answers, and waits until the call is up. */
  async takeUp(user: string): Promise<CallObject> {
    await this.answer(user);
    return this.call(user, 'active');
  }

  /** The device stands still meanwhile: whatever comes to it then lies there together when it goes on. */
  async frozen(body: () => Promise<unknown>): Promise<void> {
    this.device.peer.signal('SIGSTOP');
    try {
      await body();
    } finally {
      this.device.peer.signal('SIGCONT');
    }
  }

  async close(): Promise<void> {
    await this.device.stop();
    this.#folder.remove();
  }
}
