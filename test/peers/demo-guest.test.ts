// The guest of the demonstration: a stranger's softphone, set up with nothing but the line that the terminal prints.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { Bench, type Program } from '../unit/cli/program.ts';
import { Baresip } from './support/baresip.ts';
import { until } from './support/process.ts';
import { hearTone } from './support/tone.ts';

const test = suite('a guest of the demonstration');
const bench = new Bench();
test.after(() => bench.close());

const DEVICE_TONE = 880;
const GUEST_TONE = 440;

interface CallRow {
  readonly id: string;
  readonly state: string;
  readonly end?: { readonly label: string };
}

/** The device's own API, found as its owner's tools find it. */
function apiOf(folder: string) {
  const { url } = JSON.parse(readFileSync(join(folder, 'state/agent.json'), 'utf8')) as { url: string };
  const token = readFileSync(join(folder, 'state/token'), 'utf8').trim();
  return async (method: string, path: string): Promise<CallRow[]> => {
    const response = await fetch(`${url}/api/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
    });
    return [await response.json()].flat() as CallRow[];
  };
}

const inState = (api: ReturnType<typeof apiOf>, state: string): Promise<CallRow> =>
  until(`a call to be ${state}`, async () =>
    (await api('GET', 'calls')).find((call) => call.state === state),
  );

async function startDemo(): Promise<{ demo: Program; folder: string; account: string; number: string }> {
  const demo = bench.start(['demo', '--no-browser', '--sip', '0', '--web', '0']);
  const [, account = ''] = await demo.says(/baresip account: +(\S+)/);
  const [, number = ''] = await demo.says(/then dial +(\S+)/);
  const [, folder = ''] = await demo.says(/hears: (\S+)\/\*\.wav/);
  await demo.says(/device +registered/);
  return { demo, folder, account, number };
}

test('baresip registers as guest, calls the number, talks with the device; each hears the other', {
  peers: ['baresip'],
  timeoutMs: 90_000,
}, async () => {
  const { demo, folder, account, number } = await startDemo();
  const guest = await Baresip.start({ folder: bench.path('guest'), account, hertz: GUEST_TONE });
  try {
    await guest.registered();
    guest.command('dial', number);
    const api = apiOf(folder);
    const ringing = await inState(api, 'ringing');
    await demo.says(/phone +from \S+ ringing/);
    await api('POST', `calls/${ringing.id}/answer`);
    await guest.event('CALL_ESTABLISHED');
    await demo.says(/device +from \S+ active/);
    await until(
      'three seconds of talk',
      async () => {
        const [call] = (await api('GET', `calls/${ringing.id}`)) as (CallRow & {
          audio?: { received: number; sent: number };
        })[];
        return (call?.audio?.received ?? 0) > 150 && (call?.audio?.sent ?? 0) > 150;
      },
      15_000,
    );
    guest.command('hangup');
    await demo.says(/device +from \S+ ended: answered/);
    const recorded = await until('the recording', () =>
      readdirSync(folder).find((name) => name === `device-${ringing.id}.wav`),
    );
    assert.ok((await hearTone(join(folder, recorded), GUEST_TONE, 1)) >= 1, 'the device heard the guest');
    assert.ok((await hearTone(guest.heard(), DEVICE_TONE, 1)) >= 1, 'the guest heard the device');
    assert.is((await api('GET', 'log'))[0]?.end?.label, 'answered');
  } finally {
    await guest.stop();
  }
  demo.kill('SIGTERM');
  assert.is((await demo.ended).code, 0);
});

test.run();
