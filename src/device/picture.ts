// The camera and the sink of video: tried once at the start, and described for the offers of calls.
import { accessSync, constants } from 'node:fs';
import { dirname } from 'node:path';
import type { AgentSettings } from '#src/base/config/load.ts';
import type { Config } from '#src/base/config/rules.ts';
import { describe, TandemError } from '#src/base/errors.ts';
import type { PictureSize, VideoSource } from '#src/media/engine.ts';
import { hasVideo } from './parts.ts';

/** The media engine, as far as this needs it. */
export interface Cameras {
  videoSource(capture: string, level: number): VideoSource;
}

/** `video.size`, as the engine takes it. */
export function pictureSize({ video }: Config): PictureSize {
  const [width = 0, height = 0] = video.size.split('x').map(Number);
  return { width, height };
}

/** level_idc of 3.1: the highest that calls use (26.114 5.2.2, NG.114 3.3.1). */
const LEVEL = 31;
const FILE = 'file:';

/**
 * What the configured camera or film sends; undefined without video or without a source. Throws `device.video` (exit 4) for what
 * cannot be had: the owner named it.
 */
export function chooseVideo(cameras: Cameras, { config }: AgentSettings): VideoSource | undefined {
  if (!hasVideo(config)) return undefined;
  const { capture, sink } = config.video;
  if (sink.startsWith(FILE)) {
    const folder = dirname(sink.slice(FILE.length));
    attempt('sink', sink, () => accessSync(folder, constants.W_OK));
  }
  return capture === 'none'
    ? undefined
    : attempt('capture', capture, () => cameras.videoSource(capture, LEVEL));
}

function attempt<Value>(key: 'capture' | 'sink', name: string, act: () => Value): Value {
  try {
    return act();
  } catch (cause) {
    throw new TandemError(
      'caller',
      'device.video',
      `video.${key} = "${name}" cannot be had: ${describe(cause)}`,
      { cause, detail: { key: `video.${key}`, device: name } },
    );
  }
}
