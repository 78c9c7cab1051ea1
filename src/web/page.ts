// The page: opened by a one-time link, served from files built beforehand, nothing from elsewhere.
import { readFileSync } from 'node:fs';
import { HttpError } from './errors.ts';
import type { Route } from './routes/route.ts';
import { cookieName, sessionCookie } from './security/guard.ts';
import type { Sessions } from './security/session.ts';

export interface PageFiles {
  readonly script: string;
  readonly style: string;
}

export interface PageOptions {
  readonly sessions: Sessions;
  readonly page: PageFiles;
  /** Shows the button "Ring me". */
  readonly demo: boolean;
}

const HTML = 'text/html; charset=utf-8';
const ONCE = {
  type: 'object',
  properties: { once: { type: 'string', maxLength: 200 } },
  required: ['once'],
  additionalProperties: false,
};
const SESSION_SECONDS = 12 * 3600;

export function pageRoutes({ sessions, page, demo }: PageOptions): Route[] {
  const file = (path: string, media: string, text: string): Route => ({
    method: 'GET',
    path,
    media,
    handle: () => text,
  });
  return [
    {
      method: 'GET',
      path: '/open',
      open: true,
      media: HTML,
      query: ONCE,
      handle: ({ query: { once = '' }, request, reply }) => {
        const secret = sessions.open(once);
        if (secret === undefined && !sessions.knows(sessionCookie(request)))
          throw new HttpError(
            401,
            'link',
            'This link was used already or is too old. Ask for a new one: tandem status --link',
          );
        const name = cookieName(request.socket.localPort ?? 0);
        if (secret !== undefined)
          void reply.header(
            'set-cookie',
            `${name}=${secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${SESSION_SECONDS}`,
          );
        // Not a redirect: a strict cookie is not sent along one that a stranger's page began.
        return shell('<meta http-equiv="refresh" content="0;url=/">', '<p><a href="/">Tandem</a></p>');
      },
    },
    {
      method: 'GET',
      path: '/',
      media: HTML,
      handle: () =>
        shell(
          '<link rel="stylesheet" href="/page.css">',
          `<div id="app"${demo ? ' data-demo="yes"' : ''}></div><script type="module" src="/page.js"></script>`,
        ),
    },
    file('/page.js', 'text/javascript; charset=utf-8', page.script),
    file('/page.css', 'text/css; charset=utf-8', page.style),
  ];
}

const shell = (head: string, body: string): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><link rel="icon" href="data:,"><title>Tandem</title>${head}</head><body>${body}</body></html>`;

/** The built page; a checkout that was never built says so on the page itself. */
export function loadPage(): PageFiles {
  return {
    script:
      readBuilt('page.js') ??
      'document.getElementById("app").textContent = "The page is not built: run scripts/build.";',
    style: readBuilt('page.css') ?? '',
  };
}

/** `dist/` from the sources and from the bundle in it. */
function readBuilt(name: string): string | undefined {
  for (const place of [`../../dist/${name}`, `./${name}`]) {
    try {
      return readFileSync(new URL(place, import.meta.url), 'utf8');
    } catch {
      // The other place may have it.
    }
  }
  return undefined;
}
