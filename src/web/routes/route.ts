// A route as data: method, path, shapes, and what answers.
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import type { Logger } from '#src/base/log.ts';
import { HttpError } from '../errors.ts';
import type { EventHub } from '../events.ts';
import type { WebPorts } from '../ports.ts';
import * as shapes from '../shapes.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** No token is asked for. */
    open?: boolean;
  }
}

export interface RouteContext {
  readonly ports: WebPorts;
  readonly hub: EventHub;
  readonly log: Logger;
  readonly openapi: () => unknown;
  readonly makeLink: () => string;
}

/** What a handler may read; the shapes have been checked. */
export interface Asked {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** `/api/v1/calls/:id`. */
  readonly path: string;
  /** For openapi.json; a route without one is not of the API. */
  readonly what?: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: Readonly<Record<string, unknown>>;
  /** Shape of the answer, by status or for 200; text for another media type. */
  readonly answer?: Readonly<Record<string, unknown>>;
  readonly status?: number;
  readonly media?: string;
  readonly open?: boolean;
  /** Gives the body, or answers by `reply` itself and gives undefined. */
  readonly handle: (asked: Asked) => unknown;
}

const METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** Adds the routes, and 405 for every other method of their paths. */
export function addAll(app: FastifyInstance, routes: readonly Route[]): void {
  for (const route of routes) add(app, route);
  const paths = new Map<string, Set<string>>();
  for (const { path, method } of routes) {
    const known = paths.get(path) ?? new Set();
    known.add(method);
    if (method === 'GET') known.add('HEAD');
    paths.set(path, known);
  }
  for (const [url, known] of paths) addRefusal(app, url, known);
}

function add(app: FastifyInstance, route: Route): void {
  app.route({
    method: route.method,
    url: route.path,
    config: route.open ? { open: true } : {},
    schema: {
      ...(route.what === undefined ? { hide: true } : describeRoute(route)),
      querystring: route.query ?? shapes.nothing,
      ...(route.body ? { body: route.body } : {}),
    },
    preValidation: async (request) => {
      // No body at all is an empty one: `POST calls/ID/hangup` needs none.
      if (route.body && request.body === undefined) request.body = {};
      if (!route.body && request.body !== undefined && !isEmpty(request.body))
        throw new HttpError(400, 'bad-request', 'This request takes no body.');
    },
    handler: async (request, reply) => {
      const asked: Asked = {
        // The router gives text for every parameter of the path, the shapes of the query allow nothing but text.
        params: request.params as Record<string, string>,
        query: request.query as Record<string, string>,
        body: request.body,
        request,
        reply,
      };
      const body = await route.handle(asked);
      if (body === undefined) return reply;
      return reply
        .code(route.status ?? 200)
        .type(route.media ?? 'application/json; charset=utf-8')
        .send(body);
    },
  });
}

const isEmpty = (body: unknown): boolean =>
  typeof body === 'object' && body !== null && Object.keys(body).length === 0;

const ERRORS: Readonly<Record<number, string>> = {
  400: 'Unknown key or wrong type',
  401: 'No token',
  404: 'No such thing',
  409: 'Wrong state',
  503: 'Cannot now',
};

function describeRoute(route: Route): Record<string, unknown> {
  const names = [...route.path.matchAll(/:(\w+)/g)].map(([, name = '']) => name);
  const words = route.path
    .replace('/api/v1/', '')
    .split('/')
    .map((part) => part.replace(/\W/g, ' ').trim());
  const errors = Object.entries(ERRORS).map(([status, description]) => [
    status,
    { description, ...shapes.error },
  ]);
  const media = route.media?.split(';', 1)[0];
  const answer = media
    ? { content: { [media]: { schema: { type: 'string' } } } }
    : (route.answer ?? { type: 'object', additionalProperties: true });
  return {
    summary: route.what,
    operationId: [route.method.toLowerCase(), ...words]
      .join(' ')
      .replace(/\s+(\w)/g, (_, letter: string) => letter.toUpperCase()),
    ...(names.length > 0
      ? { params: shapes.shape(Object.fromEntries(names.map((name) => [name, { type: 'string' }]))) }
      : {}),
    response: { [route.status ?? 200]: { description: 'Done', ...answer }, ...Object.fromEntries(errors) },
  };
}

function addRefusal(app: FastifyInstance, url: string, known: ReadonlySet<string>): void {
  const allow = [...known].join(', ');
  app.route({
    method: METHODS.filter((method) => !known.has(method)),
    url,
    schema: { hide: true },
    onRequest: async (request) => {
      throw new HttpError(
        405,
        'method',
        `${request.method} is not for this route.`,
        { allow: [...known] },
        { allow },
      );
    },
    handler: async () => undefined,
  });
}
