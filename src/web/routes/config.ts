// `GET config` and `PATCH config`.
import * as shapes from '../shapes.ts';
import type { Route, RouteContext } from './route.ts';

export function configRoutes({ ports: { config } }: RouteContext): Route[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/config',
      what: 'Every setting with its value and its origin; of a secret only whether it is set',
      answer: shapes.config,
      handle: () => config.describe(),
    },
    {
      method: 'PATCH',
      path: '/api/v1/config',
      what: "Change the owner's settings, all or none; null takes one back",
      body: shapes.configChange,
      answer: shapes.config,
      handle: ({ body }) => config.change(typeof body === 'object' && body !== null ? { ...body } : {}),
    },
  ];
}
