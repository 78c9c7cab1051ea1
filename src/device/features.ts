// What the device does by itself around calls: buttons, groups, the door, how long calls may be.
import type { Clock } from '#src/base/clock.ts';
import type { Config } from '#src/base/config/rules.ts';
import { TandemError } from '#src/base/errors.ts';
import type { Logger } from '#src/base/log.ts';
import { Seconds } from '#src/base/units.ts';
import { CallLimits } from '#src/call/limits.ts';
import type { CallManager } from '#src/call/manager.ts';
import { Buttons } from './buttons.ts';
import { Door, type DoorSettings } from './door.ts';
import { KeyReader } from './key-reader.ts';

export interface FeatureParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly calls: CallManager;
  readonly config: Config;
}

const seconds = (value: number | undefined): Seconds | undefined =>
  value === undefined ? undefined : Seconds(value);

export class Features {
  readonly buttons: Buttons;
  readonly #limits: CallLimits;
  readonly #door: Door | undefined;
  readonly #readers: readonly KeyReader[];

  constructor(parts: FeatureParts) {
    const { calls, clock, config, log } = parts;
    const { dial_seconds: dial, max_seconds: talk } = config.call;
    this.#limits = new CallLimits(calls, clock, { dial: seconds(dial), talk: seconds(talk) });
    this.buttons = new Buttons({
      ...{ calls, clock, log, buttons: config.buttons },
      groups: config.groups.map(({ seconds: each, ...group }) => ({ ...group, each: Seconds(each) })),
    });
    const door = doorSettings(config);
    this.#door = door && new Door({ calls, clock, log, settings: door });
    this.#readers = readKeys(parts, this.buttons);
  }

  async stop(): Promise<void> {
    for (const reader of this.#readers) reader.stop();
    this.buttons.stop();
    this.#limits.stop();
    await this.#door?.stop();
  }
}

function doorSettings({ door }: Config): DoorSettings | undefined {
  const { code, output, callers } = door;
  if (code === undefined || output === undefined) return undefined;
  return { code, output: output.replace(/^file:/, ''), open: Seconds(door.seconds), callers };
}

/** One reader for each input device, whatever number of buttons it has. */
function readKeys({ config, clock, log }: FeatureParts, buttons: Buttons): KeyReader[] {
  const inputs = new Set(config.buttons.flatMap(({ input }) => input ?? []));
  return [...inputs].map((input) => {
    const own = config.buttons.filter((button) => button.input === input);
    const pressed = (code: number): void => {
      const button = own.find(({ key }) => key === undefined || key === code);
      if (!button) return;
      try {
        buttons.press(button.name);
      } catch (cause) {
        const error = TandemError.from(cause, 'button.press');
        log.error({ button: button.name, id: error.id }, error.message);
      }
    };
    return new KeyReader(input, pressed, { clock, log });
  });
}
