// `POST calls`, `GET calls`, `POST calls/ID/ACTION`, `GET log`.
import { badRequest, notAvailable, notFound } from '../errors.ts';
import type { CallPort, CallSnapshot } from '../ports.ts';
import { qualityReport } from '../quality.ts';
import * as shapes from '../shapes.ts';
import type { Route, RouteContext } from './route.ts';

type Answer = CallSnapshot | Promise<CallSnapshot>;
type Body = Readonly<Record<string, unknown>>;

/** What this version does; every other action of the contract is refused (503), not unknown. */
const DONE: Partial<
  Readonly<Record<shapes.ActionName, (calls: CallPort, id: string, body: Body) => Answer>>
> = {
  answer: (calls, id, { video, others }) =>
    calls.answer(id, {
      ...(typeof video === 'boolean' ? { video } : {}),
      ...(others === 'hold' || others === 'end' ? { others } : {}),
    }),
  reject: (calls, id) => calls.reject(id),
  hangup: (calls, id) => calls.hangup(id),
  hold: (calls, id) => calls.hold(id),
  resume: (calls, id) => calls.resume(id),
  video: (calls, id, { enabled }) => calls.video(id, enabled === true),
  conference: (calls, id, { calls: others }) =>
    calls.conference(id, Array.isArray(others) ? others.map(String) : []),
  remove: (calls, id, { uri }) => calls.remove(id, String(uri)),
  transfer: (calls, id, { to, call }) =>
    calls.transfer(id, typeof to === 'string' ? { to } : { call: String(call) }),
  dtmf: (calls, id, { digits }) => calls.dtmf(id, String(digits).toUpperCase()),
};

/** For whoever reads `openapi.json`. */
const WHAT: Readonly<Record<shapes.ActionName, string>> = {
  answer:
    'Answer a call that rings; `others`: what becomes of the calls that are up (held when nothing is said)',
  reject: 'Decline a call that rings (486); the other devices of the number ring on',
  hangup: 'End a call, or give up one that is being made',
  hold: 'Put the other side on hold',
  resume: 'Take a call back from hold; whoever is talked with meanwhile is held',
  dtmf: 'Press digits: 0 to 9, *, #, A to D',
  transfer: 'Pass a call on: `to` an address, or to the far end of another `call` of ours',
  conference: 'Bring this call and others together at the conference server of the network',
  video: 'Add video to a call, or take it away',
  remove: 'Take somebody out of a conference',
};

const DEFAULT_LIMIT = 100;

export function callRoutes({ ports: { calls, log } }: RouteContext): Route[] {
  return [
    {
      method: 'POST',
      path: '/api/v1/calls',
      what: 'Call somebody',
      body: shapes.dial,
      status: 201,
      answer: shapes.call,
      handle: ({ body }) => dial(calls, asObject(body)),
    },
    {
      method: 'GET',
      path: '/api/v1/calls',
      what: 'Live calls, and ended ones for ten minutes',
      answer: shapes.calls,
      handle: () => calls.list(),
    },
    {
      method: 'GET',
      path: '/api/v1/calls/:id',
      what: 'One call',
      answer: shapes.call,
      handle: ({ params: { id = '' } }) => known(calls, id),
    },
    {
      method: 'GET',
      path: '/api/v1/calls/:id/quality',
      what: 'How well a call is heard and seen, as far as it was measured',
      answer: shapes.quality,
      handle: ({ params: { id = '' } }) => {
        known(calls, id);
        return qualityReport(calls.quality(id));
      },
    },
    {
      method: 'GET',
      path: '/api/v1/calls/:id/details',
      what: 'What there is to tell of a call beside the call object; each member only when there is something',
      answer: shapes.details,
      handle: ({ params: { id = '' } }) => {
        known(calls, id);
        return calls.details(id);
      },
    },
    {
      method: 'GET',
      path: '/api/v1/calls/:id/digits',
      what: 'The digits that the far end of a call pressed, oldest first',
      answer: shapes.digits,
      handle: ({ params: { id = '' } }) => {
        known(calls, id);
        return calls.digits(id);
      },
    },
    ...Object.entries(shapes.ACTIONS).map(
      ([name, body]): Route => ({
        method: 'POST',
        path: `/api/v1/calls/:id/${name}`,
        // The keys of ACTIONS are the names of actions.
        what: WHAT[name as shapes.ActionName],
        body,
        answer: shapes.call,
        handle: ({ params: { id = '' }, body: given }) => {
          known(calls, id);
          // The keys of ACTIONS are the names of actions.
          const act = DONE[name as shapes.ActionName];
          if (!act) throw notAvailable(`"${name}"`);
          return act(calls, id, asObject(given));
        },
      }),
    ),
    {
      method: 'GET',
      path: '/api/v1/log',
      what: 'Ended calls, newest first',
      query: shapes.page,
      answer: shapes.log,
      handle: ({ query: { before, limit } }) => {
        const rows = log.list({
          limit: limit === undefined ? DEFAULT_LIMIT : Number(limit),
          ...(before === undefined ? {} : { before }),
        });
        if (!rows) throw notFound('row', { id: before });
        return rows;
      },
    },
  ];
}

function known(calls: CallPort, id: string): CallSnapshot {
  const call = calls.get(id);
  if (!call) throw notFound('call', { id });
  return call;
}

function dial(calls: CallPort, { to, identity, video, privacy }: Body): Answer {
  if (typeof to !== 'string') throw badRequest('"to" is missing.');
  return calls.dial({
    to,
    ...(typeof identity === 'string' ? { identity } : {}),
    ...(typeof privacy === 'boolean' ? { privacy } : {}),
    ...(typeof video === 'boolean' ? { video } : {}),
  });
}

/** The shapes let nothing but objects through. */
const asObject = (body: unknown): Body => (typeof body === 'object' && body !== null ? { ...body } : {});
