// RFC 9110: one request to an XCAP server and its answer, bounded in time and size. Redirections are not followed.
import { type IncomingHttpHeaders, request as plainRequest, type RequestOptions } from 'node:http';
import { request as secureRequest } from 'node:https';
import type { Clock } from '#src/base/clock.ts';
import { describe, systemCode } from '#src/base/errors.ts';
import type { Milliseconds } from '#src/base/units.ts';
import { utError } from './errors.ts';
import { MOST_OCTETS } from './vocabulary.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  /** Whole: its escapes go out as they are. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

export interface HttpResponse {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly body: Buffer;
}

/** Handed in: the system's sockets in the field, an answerer in tests. Throws TandemError `ut.unreachable`, `ut.timeout`, `ut.too-large`. */
export type HttpExchange = (request: HttpRequest) => Promise<HttpResponse>;

export interface HttpSettings {
  readonly clock: Clock;
  /** For the whole exchange. */
  readonly patience: Milliseconds;
  /** PEM; undefined: those of the system. */
  readonly ca: string | undefined;
}

export const firstHeader = ({ headers }: HttpResponse, name: string): string | undefined =>
  headers[name]?.[0];

/** What TLS complains about, for people. */
const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME|ERR_TLS|EPROTO|ERR_SSL/;

function unreachable(url: string, cause: unknown): Error {
  const code = systemCode(cause) ?? describe(cause);
  const { origin } = new URL(url);
  const words = UNTRUSTED.test(code)
    ? `The server for your services (${origin}) cannot be trusted: ${code}.`
    : `The server for your services (${origin}) cannot be reached: ${code}.`;
  return utError('unreachable', words, { cause, detail: { url: origin, code } });
}

function listed(headers: IncomingHttpHeaders): Record<string, readonly string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value = []]) => [name, Array.isArray(value) ? value : [value]]),
  );
}

/** Sockets of the system, one for each request. */
export function httpExchange({ clock, patience, ca }: HttpSettings): HttpExchange {
  return (asked) =>
    new Promise((resolve, reject) => {
      const send = asked.url.startsWith('https:') ? secureRequest : plainRequest;
      const options: RequestOptions & { ca?: string } = {
        method: asked.method,
        agent: false,
        headers: { ...asked.headers, ...(asked.body ? { 'content-length': String(asked.body.length) } : {}) },
        // The parser of URLs would write some escapes anew, and the digest is over the text that goes out.
        path: pathOf(asked.url),
        ...(ca === undefined ? {} : { ca }),
      };
      const request = send(new URL(asked.url), options);
      const timer = clock.after(patience, () => {
        request.destroy();
        reject(
          utError('timeout', 'The server for your services does not answer.', {
            detail: { url: new URL(asked.url).origin },
          }),
        );
      });
      const fail = (error: unknown): void => {
        timer.cancel();
        request.destroy();
        reject(error);
      };
      request.on('error', (error) => fail(unreachable(asked.url, error)));
      request.on('response', (response) => {
        const parts: Buffer[] = [];
        let octets = 0;
        response.on('data', (part: Buffer) => {
          octets += part.length;
          if (octets > MOST_OCTETS)
            fail(utError('too-large', 'The server for your services answers with more than there can be.'));
          else parts.push(part);
        });
        response.on('error', (error) => fail(unreachable(asked.url, error)));
        response.on('aborted', () => fail(unreachable(asked.url, new Error('the answer broke off'))));
        response.on('end', () => {
          timer.cancel();
          const { statusCode: status = 0, headers } = response;
          resolve({ status, headers: listed(headers), body: Buffer.concat(parts) });
        });
      });
      request.end(asked.body);
    });
}

/** What follows the authority, as it stands. */
export function pathOf(url: string): string {
  const path = /^https?:\/\/[^/?#]*([^#]*)/i.exec(url)?.[1] ?? '';
  return path === '' ? '/' : path;
}
