// `GET status` and `GET identities`.
import { notAvailable, notFound } from '../errors.ts';
import * as shapes from '../shapes.ts';
import type { Route, RouteContext } from './route.ts';

export function statusRoutes({ ports }: RouteContext): Route[] {
  const identities = () =>
    ports.status().registration.identities.map((identity) => ({ id: identity.uri, ...identity }));
  return [
    {
      method: 'GET',
      path: '/api/v1/status',
      what: 'Version, addresses, registration, federation',
      answer: shapes.status,
      handle: () => ports.status(),
    },
    {
      method: 'GET',
      path: '/api/v1/identities',
      what: 'Identities we may use',
      answer: shapes.identities,
      handle: identities,
    },
    {
      method: 'PATCH',
      path: '/api/v1/identities/:id',
      what: 'Switch an identity on or off',
      body: shapes.activation,
      answer: { type: 'object', additionalProperties: true },
      handle: ({ params: { id } }) => {
        if (!identities().some((identity) => identity.id === id)) throw notFound('identity', { id });
        throw notAvailable('Switching an identity');
      },
    },
  ];
}
