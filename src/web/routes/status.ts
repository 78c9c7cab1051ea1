// `GET status` and `GET identities`.
import { badRequest, notFound } from '../errors.ts';
import * as shapes from '../shapes.ts';
import type { Route, RouteContext } from './route.ts';

export function statusRoutes({ ports }: RouteContext): Route[] {
  const identities = () =>
    ports.status().registration.identities.map((identity) => ({ id: identity.uri, ...identity }));
  const known = (id: string) => identities().find((identity) => identity.id === id);
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
      answer: shapes.identity,
      handle: ({ params: { id = '' }, body }) => {
        if (!known(id)) throw notFound('identity', { id });
        if (typeof body !== 'object' || body === null || !('active' in body))
          throw badRequest('"active" is missing.');
        ports.identities.setActive(id, body.active === true);
        return known(id);
      },
    },
  ];
}
