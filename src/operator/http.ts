// The operator's HTTP API: who is registered, the phones, the faults.

import { isIP } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { webAddress } from '#src/base/config/rules.ts';
import { TandemError } from '#src/base/errors.ts';
import type { Logger } from '#src/base/log.ts';
import { Seconds } from '#src/base/units.ts';
import { parseCapture } from '#src/media/endpoint.ts';
import { answerFor, HttpError, listenError, notFound, unauthorized } from '#src/web/errors.ts';
import { addAll, type Route } from '#src/web/routes/route.ts';
import type { AnnouncementSettings } from './announcement.ts';
import { changeFaults, describeFaults, FAULT_SHAPE } from './http-faults.ts';
import { changeMailbox, MAILBOX_SHAPE } from './http-mailbox.ts';
import { changePolicy, describePolicy, POLICY_SHAPE } from './http-policy.ts';
import {
  allServices,
  changeServices,
  describeServices,
  SERVICES_SHAPE,
  servedIdentity,
} from './http-services.ts';
import type { Operator } from './operator.ts';
import type { Phone } from './phone.ts';

export interface OperatorWebOptions {
  readonly listen: string;
  /** Without one the API is open, and stays on loopback. */
  readonly token: string | undefined;
  readonly operator: Operator;
  readonly log: Logger;
}

const BODY_LIMIT = 64 * 1024;
const TEXT = { type: 'string', minLength: 1, maxLength: 1024 };
const SPAN = { type: 'number', minimum: 0, maximum: 3600 };
const STATUS = { type: 'integer', minimum: 300, maximum: 699 };
const object = (properties: Record<string, unknown>, required: readonly string[] = []) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});

const ANNOUNCEMENT = object({
  sound: TEXT,
  seconds: { ...SPAN, exclusiveMinimum: 0 },
  status: STATUS,
  reason: { type: ['string', 'null'], minLength: 1, maxLength: 256, pattern: '^[^\\r\\n]*$' },
  authorized: { type: 'string', enum: ['sendrecv', 'sendonly', 'inactive', 'none'] },
});

/** Keys that are left out stay as they are. Throws 400 for a sound that is none. */
function announcementChanges(asked: Record<string, unknown>): Partial<AnnouncementSettings> {
  const { sound, seconds, status, reason, authorized } = asked;
  if (typeof sound === 'string' && !parseCapture(sound).ok) {
    throw new HttpError(400, 'bad-request', `sound: "${sound}" is none.`);
  }
  return {
    ...(typeof sound === 'string' ? { sound } : {}),
    ...(typeof seconds === 'number' ? { seconds: Seconds(seconds) } : {}),
    ...(typeof status === 'number' ? { status } : {}),
    ...('reason' in asked ? { reason: typeof reason === 'string' ? reason : undefined } : {}),
    ...(authorized === 'sendrecv' || authorized === 'sendonly' || authorized === 'inactive'
      ? { authorized }
      : {}),
    ...(authorized === 'none' ? { authorized: '' } : {}),
  };
}

export class OperatorWeb {
  readonly url: string;
  readonly #app: FastifyInstance;

  private constructor(app: FastifyInstance, url: string) {
    this.#app = app;
    this.url = url;
  }

  /** Throws TandemError `web.listen` and `config.invalid`. */
  static async start(options: OperatorWebOptions): Promise<OperatorWeb> {
    const { host, port } = webAddress(options.listen);
    if (options.token === undefined && !isLoopback(host)) {
      throw new TandemError(
        'caller',
        'config.invalid',
        'web.token: is missing: without it the API stays on loopback.',
      );
    }
    const app = build(options);
    try {
      await app.listen({ host, port });
    } catch (error) {
      await app.close();
      throw listenError(options.listen, error);
    }
    const given = app.server.address();
    const actual = typeof given === 'object' && given ? given.port : port;
    return new OperatorWeb(app, `http://${host.includes(':') ? `[${host}]` : host}:${actual}`);
  }

  async stop(): Promise<void> {
    await this.#app.close();
  }
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host.startsWith('127.');

function build({ token, operator, log }: OperatorWebOptions): FastifyInstance {
  const app = fastify({
    ajv: {
      customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false, allErrors: true },
    },
    bodyLimit: BODY_LIMIT,
    forceCloseConnections: true,
  });
  app.setErrorHandler((error, _request, reply) => {
    const answer = answerFor(error, (defect) => log.error({ err: defect }, 'operator: a request failed'));
    void reply.code(answer.status).headers(answer.headers).type('application/json').send(answer.body);
  });
  app.setNotFoundHandler(() => {
    throw notFound('route');
  });
  app.addHook('onRequest', async (request) => {
    // A name that is not ours may be a stranger's page (DNS rebinding).
    const name = (request.headers.host ?? '').replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
    if (token === undefined && name !== 'localhost' && isIP(name) === 0) {
      throw new HttpError(421, 'host', 'This server does not answer under that name.');
    }
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) throw unauthorized();
  });
  // The same under the prefix of the device's API and without it.
  app.register(async (scope) =>
    addAll(
      scope,
      ['', '/api/v1'].flatMap((prefix) => routes(operator, prefix)),
    ),
  );
  return app;
}

function routes(operator: Operator, prefix: string): Route[] {
  const phoneOf = (params: Readonly<Record<string, string>>): Phone => {
    const phone = operator.phone(params.id ?? '');
    if (!phone) throw notFound('phone', { id: params.id });
    return phone;
  };
  const post = (
    name: string,
    body: object,
    act: (phone: Phone, body: Record<string, unknown>) => void | Promise<void>,
  ): Route => ({
    method: 'POST',
    path: `${prefix}/phones/:id/${name}`,
    body: { ...body },
    handle: async ({ params, body: asked }) => {
      const phone = phoneOf(params);
      // The shape has been checked: it is an object.
      await act(phone, asked as Record<string, unknown>);
      return phone.snapshot;
    },
  });
  return [
    { method: 'GET', path: `${prefix}/registrations`, handle: () => registrations(operator) },
    {
      method: 'GET',
      path: `${prefix}/phones`,
      handle: () => operator.phones.map(({ snapshot }) => snapshot),
    },
    { method: 'GET', path: `${prefix}/phones/:id`, handle: ({ params }) => phoneOf(params).snapshot },
    post('answer', object({}), (phone) => phone.answer()),
    post('decline', object({ status: STATUS }), (phone, { status }) => {
      phone.decline(typeof status === 'number' ? status : undefined);
    }),
    post('ignore', object({}), (phone) => phone.ignore()),
    post('ring', object({ answer_after: SPAN }), (phone, { answer_after: after }) => {
      phone.ring(typeof after === 'number' ? Seconds(after) : undefined);
    }),
    post('reject', object({}), (phone) => phone.reject()),
    post('announce', ANNOUNCEMENT, (phone, asked) => phone.announce(announcementChanges(asked))),
    post('hold', object({}), (phone) => phone.hold('hold')),
    post('resume', object({}), (phone) => phone.hold('resume')),
    post('hangup', object({}), (phone) => phone.hangup()),
    post('call', object({ to: TEXT }, ['to']), (phone, { to }) => void phone.call(String(to))),
    { method: 'GET', path: `${prefix}/services`, handle: () => allServices(operator) },
    {
      method: 'GET',
      path: `${prefix}/services/:identity`,
      handle: ({ params }) =>
        describeServices(operator.services.of(servedIdentity(operator, params.identity ?? ''))),
    },
    {
      method: 'POST',
      path: `${prefix}/services/:identity`,
      body: SERVICES_SHAPE,
      // The shape has been checked.
      handle: ({ params, body }) =>
        changeServices(
          operator,
          servedIdentity(operator, params.identity ?? ''),
          body as Record<string, unknown>,
        ),
    },
    { method: 'GET', path: `${prefix}/conferences`, handle: () => operator.focus?.conferences ?? [] },
    {
      method: 'POST',
      path: `${prefix}/conferences/:id/remove`,
      body: object({ uri: TEXT }, ['uri']),
      handle: ({ params, body }) => {
        const conference = operator.focus?.named(params.id ?? '');
        // The shape has been checked.
        const { uri } = body as { uri: string };
        if (!conference?.remove(uri)) throw notFound(conference ? 'participant' : 'conference', { uri });
        return conference.snapshot;
      },
    },
    { method: 'GET', path: `${prefix}/mailbox`, handle: () => operator.events.mailboxes },
    {
      method: 'POST',
      path: `${prefix}/mailbox`,
      body: MAILBOX_SHAPE,
      // The shape has been checked.
      handle: ({ body }) => changeMailbox(operator, body as Record<string, unknown>),
    },
    { method: 'GET', path: `${prefix}/policy`, handle: () => describePolicy(operator.policy) },
    {
      method: 'POST',
      path: `${prefix}/policy`,
      body: POLICY_SHAPE,
      // The shape has been checked.
      handle: ({ body }) => changePolicy(operator.policy, body as Record<string, unknown>),
    },
    { method: 'GET', path: `${prefix}/faults`, handle: () => describeFaults(operator.faults.settings) },
    {
      method: 'POST',
      path: `${prefix}/faults`,
      body: FAULT_SHAPE,
      // The shape has been checked.
      handle: ({ body }) => changeFaults(operator, body as Record<string, unknown>),
    },
  ];
}

/** A row for each binding. */
function registrations({ location }: Operator): unknown[] {
  return location.all.map((binding) => ({
    id: binding.id,
    impi: binding.account.impi,
    role: binding.account.role,
    identities: binding.account.identities.map(String),
    contact: binding.contact.uri.toString(),
    instance: binding.instance ?? null,
    transport: binding.flow.transport,
    expires: Math.ceil(location.left(binding)),
  }));
}
