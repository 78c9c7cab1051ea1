// How well a call is heard and seen, as far as it is measured (RFC 3550, RFC 3611; `GET calls/ID/quality`).
import type { CallMediaSet } from './call-media.ts';
import type { StreamStats, VideoStats } from './media.ts';

/** Members that were not measured are absent. */
export interface CallQuality {
  readonly audio?: StreamStats;
  readonly video?: VideoStats;
}

export function qualityOf({ sound, picture }: CallMediaSet): CallQuality {
  const { stats: audio } = sound;
  const { stats: video } = picture;
  return { ...(audio ? { audio } : {}), ...(video ? { video } : {}) };
}
