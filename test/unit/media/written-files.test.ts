// One writer for a file at a time, and a name of its own for who comes second.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { attachWritten, ownName } from '#src/call/file-name.ts';
import { suite } from '#test/support/suite.ts';
import { ANY_PORTS, connect, LOCAL, openStream, talk, thrown, withEngine } from './sound.ts';

const test = suite('media/written-files');

test('a file that a stream writes is refused to another one until it is whole', () =>
  withEngine(async (engine, folder) => {
    const playback = `file:${join(folder, 'in.wav')}`;
    const first = openStream(engine, { playback });
    for (const again of [playback, `file:${folder}/x/../in.wav`]) {
      const error = thrown(() => openStream(engine, { playback: again }));
      assert.is(error.id, 'media.file-in-use');
      assert.match(error.message, /in\.wav/);
    }
    const second = openStream(engine);
    assert.is(thrown(() => second.attach({ playback })).id, 'media.file-in-use');
    await first.close();
    second.attach({ playback });
    // What could not be opened is nobody's.
    const nowhere = `file:${folder}/nowhere/x.wav`;
    for (let time = 0; time < 2; time += 1)
      assert.is(thrown(() => second.attach({ playback: nowhere })).id, 'media.file');
  }));

test('the same for video; devices are for everybody', () =>
  withEngine(async (engine, folder) => {
    const open = () => engine.openVideo({ address: LOCAL, ports: ANY_PORTS });
    const [one, two] = [open(), open()];
    const sink = `file:${join(folder, 'in.h264')}`;
    one.attach({ sink });
    assert.is(thrown(() => two.attach({ sink })).id, 'media.file-in-use');
    await one.close();
    two.attach({ sink });
    open().attach({ sink: 'file:/dev/null' });
    open().attach({ sink: 'file:/dev/null' });
  }));

const bothAreKept = (
  write: (end: string, call: string, attach: (end: string) => void) => void,
): Promise<void> =>
  withEngine(async (engine, folder) => {
    const [one, two] = [
      openStream(engine, { capture: 'tone:440' }),
      openStream(engine, { capture: 'tone:880' }),
    ];
    const end = `file:${join(folder, 'in.wav')}`;
    write(end, 'first', (playback) => one.attach({ playback }));
    write(end, 'second', (playback) => two.attach({ playback }));
    connect(one, two);
    await talk(400);
    await Promise.all([one.close(), two.close()]);
    for (const name of ['in.wav', 'in-second.wav']) {
      const path = join(folder, name);
      assert.ok(existsSync(path), name);
      assert.is(readFileSync(path).subarray(0, 4).toString(), 'RIFF');
      assert.ok(readFileSync(path).length > 4000, name);
    }
  });

test.proof('two calls at the same time, one name: each has its recording', {
  run: () => bothAreKept(attachWritten),
  control: () =>
    bothAreKept((end, call, attach) => attach(call === 'first' ? end : end.replace('in.wav', 'other.wav'))),
});

test('names of their own', () => {
  assert.is(ownName('file:/tmp/in.wav', 'c1'), 'file:/tmp/in-c1.wav');
  assert.is(ownName('file:in', 'c1'), 'file:in-c1');
  assert.is(ownName('file:/in.tar.gz', 'c1'), 'file:/in.tar-c1.gz');
  assert.throws(
    () =>
      attachWritten('file:/x', 'c1', () => {
        throw new RangeError('other');
      }),
    /other/,
  );
});

test.run();
