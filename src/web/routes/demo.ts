// The demonstration's own routes, not of the API: the caller rings, the phone is told what to do. Nowhere else are they there.
import { DEMO_ACTIONS, type DemoPort } from '../ports.ts';
import * as shapes from '../shapes.ts';
import type { Route, RouteContext } from './route.ts';

export const demoRoutes = ({ ports: { demo } }: RouteContext): Route[] => (demo ? routesOf(demo) : []);

const routesOf = (demo: DemoPort): Route[] => [
  { method: 'GET', path: '/demo/phones', handle: () => demo.phones() },
  {
    method: 'POST',
    path: '/demo/ring',
    body: shapes.nothing,
    handle: () => {
      demo.ring();
      return demo.phones();
    },
  },
  ...DEMO_ACTIONS.map(
    (action): Route => ({
      method: 'POST',
      path: `/demo/phones/:id/${action}`,
      body: shapes.nothing,
      handle: ({ params: { id = '' } }) => {
        demo.act(id, action);
        return demo.phones();
      },
    }),
  ),
];
