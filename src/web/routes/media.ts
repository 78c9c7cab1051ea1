// What is seen and measured: received video as a film, the audio test.
import { HttpError, notFound } from '../errors.ts';
import { FilmReader } from '../film-reader.ts';
import { SECURITY_HEADERS } from '../security/guard.ts';
import * as shapes from '../shapes.ts';
import type { Route, RouteContext } from './route.ts';

/** Each costs a copy of the stream. */
const MOST_VIEWERS = 16;

export function mediaRoutes({ ports: { calls, audio } }: RouteContext): Route[] {
  let viewers = 0;
  return [
    {
      method: 'GET',
      path: '/api/v1/calls/:id/video',
      what: 'Received video as fragmented MP4, live, as a browser plays it',
      media: 'video/mp4',
      handle: ({ params: { id = '' }, reply }) => {
        if (!calls.get(id)) throw notFound('call', { id });
        const watched = calls.watch(id);
        if (!watched) throw new HttpError(409, 'call.no-video', 'There is no video in this call.');
        if (viewers >= MOST_VIEWERS) throw new HttpError(503, 'busy', 'Too many viewers.');
        viewers += 1;
        reply.raw.on('close', () => {
          viewers -= 1;
        });
        reply.hijack();
        new FilmReader(reply.raw, SECURITY_HEADERS, watched);
        return undefined;
      },
    },
    {
      method: 'POST',
      path: '/api/v1/audio/measure',
      what: 'Measure the delay from loudspeaker to microphone: a chirp of half a second is played',
      body: shapes.nothing,
      answer: shapes.delay,
      handle: () => audio.measure(),
    },
  ];
}
