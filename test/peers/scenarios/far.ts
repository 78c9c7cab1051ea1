// A call in which SIPp signals and the test itself is the far end of the sound, all of it captured.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { Capture } from '../support/capture.ts';
import type { DeviceSettings } from '../support/configuration.ts';
import { until } from '../support/process.ts';
import { ack, hungUp, invite, rings } from './caller.ts';
import { Stage } from './stage.ts';
import { expect, scenario } from './xml.ts';

export interface Far {
  readonly stage: Stage;
  /** The call at the device. */
  readonly id: string;
  /** RTP to the device. */
  send(packet: Buffer): void;
  /** Each RTP packet of the device, from now on. */
  onRtp(heard: (packet: Buffer) => void): void;
}

export interface FarCall {
  readonly capture: Capture;
  /** Where the device's RTP went. */
  readonly port: number;
}

/** SIPp calls with this audio section (`PORT` is a socket of ours) a device that answers; `body` runs in the call. */
export async function farCall(
  path: string,
  settings: DeviceSettings,
  audio: readonly string[],
  body: (far: Far) => Promise<void>,
): Promise<FarCall> {
  const stage = await Stage.open({ autoAnswer: 'all', ...settings });
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  let source = 0;
  let heard = (_: Buffer): void => undefined;
  socket.on('message', (packet, from) => {
    source = from.port;
    heard(packet);
  });
  const capture = await Capture.start(path);
  try {
    const media = audio.map((line) => line.replace('PORT', String(port)));
    const lines = ['v=0', 'o=sipp 1 1 IN IP4 [local_ip]', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', ...media];
    await stage.called(
      'far',
      scenario('far', [
        invite('far', { body: lines }),
        ...rings({ optional: true }),
        expect(200),
        ack('far'),
        ...hungUp(),
      ]),
      async () => {
        const { id } = await stage.call('far', 'active');
        await until('RTP of the device', () => source > 0);
        await body({
          stage,
          id,
          send: (packet) => socket.send(packet, source, '127.0.0.1'),
          onRtp: (listener) => (heard = listener),
        });
        await stage.device.act(id, 'hangup');
      },
    );
  } finally {
    await stage.close();
    await capture.stop();
    socket.close();
  }
  return { capture, port };
}

/** An RTP packet of the far end (RFC 3550 5.1). */
export function rtp(payloadType: number, sequence: number, timestamp: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt8(0x80, 0);
  head.writeUInt8(payloadType, 1);
  head.writeUInt16BE(sequence % 65_536, 2);
  head.writeUInt32BE(timestamp % 2 ** 32, 4);
  head.writeUInt32BE(0x5eed, 8);
  return Buffer.concat([head, payload]);
}
