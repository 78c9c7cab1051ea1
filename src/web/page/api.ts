// The API as the page uses it: by its session cookie, with the header that shows a change comes from here.
import { type Call, type Change, type Phone, SHOWN_ROWS, type Status } from './model.ts';

const PAGE_HEADER = { 'x-tandem-page': '1' };

/** Throws an Error with the sentence of the API's error body. */
async function ask<Value>(method: string, path: string, body?: object): Promise<Value> {
  const response = await fetch(path, {
    method,
    headers: { ...PAGE_HEADER, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const answer = await response.json();
  if (response.status === 401)
    throw new Error('This session has ended. Ask for a new link: tandem status --link');
  if (!response.ok) throw new Error(answer.error.message);
  return answer;
}

const api = <Value>(method: string, path: string, body?: object): Promise<Value> =>
  ask(method, `/api/v1/${path}`, body);

export async function fetchAll(demo: boolean): Promise<Change> {
  const [status, calls, log, phones, config] = await Promise.all([
    api<Status>('GET', 'status'),
    api<readonly Call[]>('GET', 'calls'),
    api<readonly Call[]>('GET', `log?limit=${SHOWN_ROWS}`),
    demo ? ask<readonly Phone[]>('GET', '/demo/phones') : [],
    api<Config>('GET', 'config'),
  ]);
  return { type: 'all', status, calls, log, phones, canVideo: canVideo(config) };
}

/** As far as the page reads it. */
interface Config {
  readonly video: Readonly<Record<'capture' | 'sink', { readonly value?: unknown }>>;
}

const canVideo = ({ video }: Config): boolean =>
  [video.capture, video.sink].some(({ value }) => value !== undefined && value !== 'none');

export const dial = (to: string, video: boolean): Promise<Call> =>
  api('POST', 'calls', { to, ...(video ? { video } : {}) });
export const act = (id: string, action: 'answer' | 'reject' | 'hangup', body: object = {}): Promise<Call> =>
  api('POST', `calls/${encodeURIComponent(id)}/${action}`, body);
export const setVideo = (id: string, enabled: boolean): Promise<Call> =>
  api('POST', `calls/${encodeURIComponent(id)}/video`, { enabled });
export const videoPath = (id: string): string => `/api/v1/calls/${encodeURIComponent(id)}/video`;
export const sendDigits = (id: string, digits: string): Promise<Call> =>
  api('POST', `calls/${encodeURIComponent(id)}/dtmf`, { digits });
/** Only in the demonstration. */
export const ring = (): Promise<unknown> => ask('POST', '/demo/ring', {});
/** Only in the demonstration. */
export const tellPhone = (id: string, action: 'answer' | 'decline' | 'hangup'): Promise<unknown> =>
  ask('POST', `/demo/phones/${encodeURIComponent(id)}/${action}`, {});

/** Follows the event stream; the browser comes back by itself, and after each gap everything is asked for again. */
export function follow(demo: boolean, tell: (change: Change) => void): void {
  const source = new EventSource('/api/v1/events');
  source.addEventListener('open', () =>
    fetchAll(demo).then(tell, (error: Error) => tell({ type: 'trouble', trouble: error.message })),
  );
  source.addEventListener('error', () => {
    tell({ type: 'connected', connected: false });
    // Refused rather than interrupted: the session may be over.
    if (source.readyState === EventSource.CLOSED)
      fetchAll(demo).catch((error: Error) => tell({ type: 'trouble', trouble: error.message }));
  });
  source.addEventListener('status', ({ data }) => tell({ type: 'status', status: JSON.parse(data) }));
  source.addEventListener('call', ({ data }) => tell({ type: 'call', call: JSON.parse(data) }));
  source.addEventListener('demo', ({ data }) => tell({ type: 'phones', phones: JSON.parse(data) }));
  source.addEventListener('notice', ({ data }) =>
    tell({ type: 'trouble', trouble: JSON.parse(data).message }),
  );
  source.addEventListener('log', ({ data }) => tell({ type: 'log', row: JSON.parse(data) }));
}
