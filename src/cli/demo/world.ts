// The small world of the demonstration: one number, a phone and a device that share it, a caller, a guest account.
import { join } from 'node:path';
import { checkOperator, type OperatorConfig, operatorSchema } from '#src/base/config/operator-schema.ts';
import { settle } from '#src/base/config/settings.ts';
import { fromJson } from '#src/base/config/toml.ts';
import { TandemError } from '#src/base/errors.ts';
import { type Random, randomToken } from '#src/base/random.ts';

export const DOMAIN = 'tandem.example';
/** The number that phone and device share; of the range for drama (PTS), nobody has it. */
export const NUMBER = `sip:+46701740605@${DOMAIN}`;
/** The operator's phone that rings the number. */
export const CALLER_ID = 'caller';
const CALLER = `sip:+46701740606@${DOMAIN}`;
export const GUEST = `sip:guest@${DOMAIN}`;

export interface DemoWorld {
  readonly guest: { readonly user: string; readonly password: string };
  readonly device: { readonly impi: string; readonly password: string };
}

export interface DemoSound {
  readonly capture: string;
  readonly playback: string;
}

export function makeWorld(random: Random): DemoWorld {
  return {
    guest: { user: 'guest', password: randomToken(random, 6) },
    device: { impi: `device@${DOMAIN}`, password: randomToken(random, 16) },
  };
}

/** The operator with its phones; `port` 0 means any. */
export function operatorConfig(world: DemoWorld, port: number, folder: string): OperatorConfig {
  const tree = fromJson({
    listen: { sip: [`udp:127.0.0.1:${port}`, `tcp:127.0.0.1:${port}`], domain: DOMAIN },
    ut: { listen: '127.0.0.1:0' },
    accounts: [
      { impi: world.device.impi, password: world.device.password, impus: [NUMBER], role: 'secondary' },
      { impi: world.guest.user, password: world.guest.password, impus: [GUEST] },
    ],
    phones: [
      {
        id: 'phone',
        uri: NUMBER,
        behaviour: 'ring',
        capture: 'tone:660',
        playback: `file:${join(folder, 'phone-{call}.wav')}`,
      },
      {
        id: CALLER_ID,
        uri: CALLER,
        behaviour: 'answer',
        capture: 'tone:440',
        playback: `file:${join(folder, 'caller-{call}.wav')}`,
      },
    ],
  });
  if (tree.kind !== 'table')
    throw new TandemError('ours', 'demo.config', 'The configuration of the demonstration is no table.');
  return settle(operatorSchema, [{ origin: 'file', tree }], checkOperator).config;
}

/** Where the device finds the operator. */
export interface DemoOperator {
  /** `127.0.0.1:5060`. */
  readonly proxy: string;
  /** XCAP root. */
  readonly ut: string;
}

/** The device's configuration file, as an owner would write it. */
export function deviceConfig(
  world: DemoWorld,
  { proxy, ut }: DemoOperator,
  web: string,
  sound: DemoSound,
): string {
  const text = (value: string): string => JSON.stringify(value);
  return `profile = "ims"
[account]
impu = ${text(NUMBER)}
impi = ${text(world.device.impi)}
password = ${text(world.device.password)}
domain = ${text(DOMAIN)}
[pcscf]
uri = ${text(`sip:${proxy};transport=tcp`)}
[sip]
listen = ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"]
[ut]
enabled = true
root = ${text(ut)}
[audio]
capture = ${text(sound.capture)}
playback = ${text(sound.playback)}
[web]
listen = ${text(web)}
`;
}
