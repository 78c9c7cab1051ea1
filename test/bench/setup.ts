// From the command to the peer's 180, and from the answer to the first RTP packet, ours and baresip's by turns.
import { Agent, request } from 'node:http';
import type { Device } from '#test/peers/support/agent.ts';
import { until } from '#test/peers/support/process.ts';
import { type BenchLine, benchLine, median } from './line.ts';
import { MeasuringPeer } from './measuring-peer.ts';
import { withPair } from './pair.ts';

const ROUNDS = 15;
const BETWEEN_MS = 150;

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));

/** A plain client on one connection, as a doorbell's own software has: what it costs is not ours. */
function post(agent: Agent, { url, token }: Device, path: string, body: object): Promise<string> {
  const bytes = Buffer.from(JSON.stringify(body));
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': bytes.length,
  };
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/api/v1/${path}`, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(text));
    });
    sent.on('error', reject).end(bytes);
  });
}

export const run = (): Promise<readonly BenchLine[]> =>
  withPair(async ({ device, devicePort, baresip }) => {
    const peer = await MeasuringPeer.open();
    const agent = new Agent({ keepAlive: true });
    const dial = { ours: [] as number[], theirs: [] as number[] };
    const answer = { ours: [] as number[], theirs: [] as number[] };
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        const ourInvite = peer.nextInvite();
        const ourStart = performance.now();
        const answered = post(agent, device, 'calls', { to: peer.uri });
        dial.ours.push((await ourInvite) - ourStart);
        const call: { readonly id: string } = JSON.parse(await answered);
        await device.whenState(call.id, 'ended');
        await pause();

        const theirInvite = peer.nextInvite();
        const theirStart = performance.now();
        baresip.command('dial', peer.uri);
        dial.theirs.push((await theirInvite) - theirStart);
        await until('baresip to end', () => baresip.events.some((event) => event.type === 'CALL_CLOSED'));
        baresip.events.length = 0;
        await pause();

        await peer.ring('door', devicePort);
        const ringing = await device.whenCall('ringing', (one) => one.state === 'ringing');
        const ourRtp = peer.firstRtp();
        const ourAnswer = performance.now();
        await post(agent, device, `calls/${ringing.id}/answer`, {});
        answer.ours.push((await ourRtp) - ourAnswer);
        await pause();
        await peer.hangUp();
        await device.whenState(ringing.id, 'ended');

        await peer.ring('bob', baresip.port);
        await baresip.event('CALL_INCOMING');
        const theirRtp = peer.firstRtp();
        const theirAnswer = performance.now();
        baresip.command('accept');
        answer.theirs.push((await theirRtp) - theirAnswer);
        await pause();
        await peer.hangUp();
        await until('baresip to end', () => baresip.events.some((event) => event.type === 'CALL_CLOSED'));
        baresip.events.length = 0;
      }
    } finally {
      agent.destroy();
      peer.close();
    }
    const line = (metric: string, values: { ours: number[]; theirs: number[] }): BenchLine =>
      benchLine({
        bench: 'setup',
        metric,
        unit: 'ms',
        better: 'lower',
        ours: median(values.ours),
        peer: median(values.theirs),
        peer_name: 'baresip',
      });
    return [line('command to the 180 of the peer', dial), line('answer to first RTP', answer)];
  });
