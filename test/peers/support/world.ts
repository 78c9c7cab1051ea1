// A Kamailio with federated devices and softphones around it; everything is stopped at the end, whatever happens.
import { Device } from './agent.ts';
import { Baresip, type BaresipOptions } from './baresip.ts';
import { type DeviceSettings, deviceConfig, REALM } from './configuration.ts';
import { Kamailio, type KamailioOptions } from './kamailio.ts';
import { scratch } from './process.ts';

/** IMPI (or softphone user) to password. */
export const USERS = {
  'tablet@op.example': 'tablet-secret',
  'speaker@op.example': 'speaker-secret',
  phone: 'phone-secret',
  caller: 'caller-secret',
};

export const SPEAKER = { impi: 'speaker@op.example', password: 'speaker-secret' };

export interface World {
  readonly kamailio: Kamailio;
  /** A path in the world's folder. */
  file(name: string): string;
  /** A device of the federated number, started; by default over UDP. */
  device(name: string, settings?: DeviceSettings): Promise<Device>;
  /** A baresip: `phone` shares the number of the devices, `caller` is somebody else. It has registered. */
  softphone(user: 'phone' | 'caller', more?: SoftphoneOptions): Promise<Baresip>;
}

export interface SoftphoneOptions extends Partial<BaresipOptions> {
  readonly transport?: 'udp' | 'tcp' | 'tls';
  /** Parameters of the account line, e.g. `;answermode=auto`. */
  readonly parameters?: string;
}

const AORS = { phone: '+46701234567', caller: '+46709999999' };

export async function withKamailio(
  options: Partial<KamailioOptions>,
  body: (world: World) => Promise<void>,
): Promise<void> {
  const folder = scratch();
  const started: { stop(): Promise<void> }[] = [];
  const keep = <Item extends { stop(): Promise<void> }>(item: Item): Item => {
    started.unshift(item);
    return item;
  };
  try {
    const kamailio = keep(
      await Kamailio.start({ folder: folder.file('kamailio'), realm: REALM, users: USERS, ...options }),
    );
    const literal = kamailio.host.includes(':') ? `[${kamailio.host}]` : kamailio.host;
    await body({
      kamailio,
      file: folder.file,
      device: async (name, settings = {}) => {
        const pcscf = `sip:${literal}:${kamailio.port};transport=udp`;
        return keep(await Device.start(deviceConfig({ pcscf, ...settings }), folder.file(name)));
      },
      softphone: async (user, more = {}) => {
        const transport = more.transport ?? 'udp';
        const port = transport === 'tls' ? kamailio.tlsPort : kamailio.port;
        const account =
          `<sip:${AORS[user]}@${REALM};transport=${transport}>;auth_user=${user};auth_pass=${USERS[user]}` +
          `;outbound="sip:${literal}:${port};transport=${transport}"${more.parameters ?? ''}`;
        const phone = keep(
          await Baresip.start({ folder: folder.file(user), host: kamailio.host, account, ...more }),
        );
        await phone.registered();
        return phone;
      },
    });
  } finally {
    for (const item of started) await item.stop();
    folder.remove();
  }
}
