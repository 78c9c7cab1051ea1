// A device at a SIPp that plays its P-CSCF and registrar.

import type { StatusObject } from '../support/agent.ts';
import type { DeviceSettings } from '../support/configuration.ts';
import { scratch, until } from '../support/process.ts';
import { Sipp } from '../support/sipp.ts';
import { type Branch, registrar } from './registrar.ts';
import { Stage } from './stage.ts';

export const INSTANCE = 'urn:uuid:5f6b3c1e-0000-4000-8000-00000000dead';

export interface Scene {
  readonly stage: Stage;
  readonly registrar: Sipp;
}

/** The registrar alone; each branch is one SIPp call. SIPp must be content in the end. */
export async function withLonelyRegistrar(
  branches: readonly Branch[],
  body: (sipp: Sipp) => Promise<unknown>,
): Promise<void> {
  const folder = scratch();
  const sipp = await Sipp.start({
    folder: folder.path,
    name: 'registrar',
    scenario: registrar('registrar', branches),
    calls: branches.length,
  });
  try {
    await body(sipp);
    await sipp.succeeded();
  } finally {
    await sipp.stop();
    folder.remove();
  }
}

/** The same with a device that registers there; it is stopped, and so de-registers, before SIPp is judged. */
export const withRegistrar = (
  branches: readonly Branch[],
  body: (scene: Scene) => Promise<unknown>,
  settings: DeviceSettings = {},
  pcscfs: (own: string) => readonly string[] = (own) => [own],
): Promise<void> =>
  withLonelyRegistrar(branches, async (sipp) => {
    const stage = await Stage.open({
      profile: 'ims',
      impu: 'sip:+46701234567@op.example',
      impi: 'tablet@op.example',
      password: 'tablet-secret',
      instance: INSTANCE,
      pcscf: pcscfs(`sip:127.0.0.1:${sipp.port};transport=udp`),
      ...settings,
    });
    try {
      await body({ stage, registrar: sipp }).catch((error: unknown) => {
        // What SIPp saw explains most of what the owner did not.
        if (error instanceof Error) error.message += `\n${sipp.account()}`;
        throw error;
      });
    } finally {
      await stage.close();
    }
  });

const registration = async (stage: Stage): Promise<StatusObject['registration']> =>
  (await stage.device.status()).registration;

/** Waits for a state; gives what stands there when it does not come. */
export const settled = async (
  stage: Stage,
  fits: (now: StatusObject['registration']) => boolean,
  limitMs = 4000,
): Promise<StatusObject['registration']> =>
  until(
    'the registration',
    async () => {
      const now = await registration(stage);
      return fits(now) && now;
    },
    limitMs,
  ).catch(() => registration(stage));
