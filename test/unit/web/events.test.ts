import { get, type IncomingMessage } from 'node:http';
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { call, Rig, STATUS, TOKEN } from './rig.ts';

const test = suite('web/events');

interface ServerEvent {
  readonly id: string;
  readonly event: string;
  readonly data: unknown;
}

/** A reader that waits for the number of events that a test wants. */
class Reader {
  readonly #response: IncomingMessage;
  readonly #events: ServerEvent[] = [];
  #text = '';
  #wake: () => void = () => undefined;

  private constructor(response: IncomingMessage) {
    this.#response = response;
    response.setEncoding('utf8');
    response.on('data', (part: string) => this.#take(part));
    response.on('error', () => undefined);
  }

  static open(rig: Rig, lastId?: string): Promise<Reader> {
    const headers = {
      authorization: `Bearer ${TOKEN}`,
      ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
    };
    return new Promise((resolve) => {
      get(`${rig.server.url}/api/v1/events`, { headers, agent: false }, (response) =>
        resolve(new Reader(response)),
      );
    });
  }

  get type(): string | undefined {
    return this.#response.headers['content-type'];
  }

  async take(count: number): Promise<ServerEvent[]> {
    while (this.#events.length < count) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#events.splice(0, count);
  }

  close(): void {
    this.#response.destroy();
  }

  #take(part: string): void {
    this.#text += part;
    const blocks = this.#text.split('\n\n');
    this.#text = blocks.pop() ?? '';
    for (const block of blocks) {
      const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? '';
      if (field('event'))
        this.#events.push({ id: field('id'), event: field('event'), data: JSON.parse(field('data')) });
    }
    this.#wake();
  }
}

test('events come as they happen, with the objects that GET gives', async () => {
  const rig = await Rig.start();
  const reader = await Reader.open(rig);
  assert.match(reader.type ?? '', /^text\/event-stream/);
  rig.events.onCall.emit(call('a'));
  rig.events.onStatus.emit(STATUS);
  const notice = { at: '2026-01-01T00:00:00.000Z', id: 'call.emergency', message: 'Use a telephone.' };
  rig.events.onNotice.emit(notice);
  rig.events.onConfig.emit({ profile: { value: 'sip\nims', origin: 'file' } });
  const events = await reader.take(4);
  assert.equal(
    events.map(({ event }) => event),
    ['call', 'status', 'notice', 'config'],
  );
  assert.equal(
    events.map(({ data }) => data),
    [call('a'), STATUS, notice, { profile: { value: 'sip\nims', origin: 'file' } }],
  );
  reader.close();
  await rig.stop();
});

test('Last-Event-ID resumes without a gap and without doubles', async () => {
  const rig = await Rig.start();
  const first = await Reader.open(rig);
  for (const id of ['a', 'b', 'c']) rig.events.onCall.emit(call(id));
  const [, second] = await first.take(2);
  first.close();
  rig.events.onCall.emit(call('d'));
  const again = await Reader.open(rig, second?.id);
  rig.events.onCall.emit(call('e'));
  assert.equal(
    (await again.take(3)).map(({ data }) => (data as { id: string }).id),
    ['c', 'd', 'e'],
  );
  again.close();
  await rig.stop();
});

test('a reader of another run, or one that missed too much, gets the present', async () => {
  const rig = await Rig.start();
  rig.calls.set('now', call('now'));
  for (let index = 0; index < 600; index += 1) rig.events.onCall.emit(call(`c${index}`));
  const watcher = await Reader.open(rig);
  rig.events.onCall.emit(call('last'));
  const [last] = await watcher.take(1);
  watcher.close();
  for (const id of [
    'other-5',
    'rubbish',
    '',
    last?.id.replace(/-\d+$/, '-1') ?? '',
    last?.id.replace(/-\d+$/, '-99999') ?? '',
  ]) {
    if (id === '') continue;
    const reader = await Reader.open(rig, id);
    const events = await reader.take(4);
    assert.equal(
      events.map(({ event }) => event),
      ['status', 'federation-calls', 'mwi', 'call'],
      id,
    );
    assert.equal(events[3]?.data, call('now'));
    reader.close();
  }
  await rig.stop();
});

test('too many readers are 503', async () => {
  const rig = await Rig.start();
  const readers = await Promise.all(Array.from({ length: 32 }, () => Reader.open(rig)));
  assert.is((await rig.api('GET', 'events')).status, 503);
  for (const reader of readers) reader.close();
  await rig.stop();
});

test('the server stops although somebody reads', async () => {
  const rig = await Rig.start();
  const reader = await Reader.open(rig);
  await rig.stop();
  reader.close();
});

test.run();
