// What the contract knows and this version cannot do yet (SMS): checked like everything else, then "cannot now" (503).
import { notAvailable } from '../errors.ts';
import * as shapes from '../shapes.ts';
import type { Route, RouteContext } from './route.ts';

const LATER: readonly Pick<Route, 'method' | 'path' | 'what' | 'body' | 'query'>[] = [
  { method: 'GET', path: '/api/v1/messages', what: 'Messages, newest first', query: shapes.page },
  { method: 'POST', path: '/api/v1/messages', what: 'Send a message', body: shapes.message },
];

export function laterRoutes(_context: RouteContext): Route[] {
  return LATER.map((route) => ({
    ...route,
    handle: () => {
      throw notAvailable('SMS');
    },
  }));
}
