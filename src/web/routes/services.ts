// `GET federation/calls`, `POST federation/calls/ID/pull`, `POST calls/ID/push`, and beside the contract `GET messages-waiting`.
import * as shapes from '../shapes.ts';
import type { Route, RouteContext } from './route.ts';

export function serviceRoutes({ ports }: RouteContext): Route[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/federation/calls',
      what: 'Calls on other devices of the number, oldest first',
      answer: shapes.federationCalls,
      handle: () => ports.federation.list(),
    },
    {
      method: 'POST',
      path: '/api/v1/federation/calls/:id/pull',
      what: 'Take a call from another device; the answer is the call here',
      body: shapes.nothing,
      answer: shapes.call,
      handle: ({ params: { id = '' } }) => ports.federation.pull(id),
    },
    {
      method: 'POST',
      path: '/api/v1/federation/calls/:id/decline',
      what: 'Do not take a call that another device hands over',
      body: shapes.nothing,
      answer: shapes.federationCalls,
      handle: ({ params: { id = '' } }) => {
        ports.federation.decline(id);
        return ports.federation.list();
      },
    },
    {
      method: 'POST',
      path: '/api/v1/calls/:id/push',
      what: 'Give a call to another device; what becomes of it is told by its details',
      body: shapes.push,
      answer: shapes.call,
      // The shape says what it is.
      handle: ({ params: { id = '' }, body }) =>
        ports.federation.push(id, (body as { instance: string }).instance),
    },
    {
      method: 'GET',
      path: '/api/v1/messages-waiting',
      what: 'What the mailbox holds, as far as the network told',
      answer: shapes.mailbox,
      handle: () => ports.mailbox(),
    },
  ];
}
