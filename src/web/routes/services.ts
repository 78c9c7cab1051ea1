// `GET federation/calls`, `POST federation/calls/ID/pull`, and beside the contract `GET messages-waiting`.
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
      method: 'GET',
      path: '/api/v1/messages-waiting',
      what: 'What the mailbox holds, as far as the network told',
      answer: shapes.mailbox,
      handle: () => ports.mailbox(),
    },
  ];
}
