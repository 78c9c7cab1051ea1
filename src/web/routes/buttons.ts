// `GET buttons`, `POST buttons/NAME/press`.
import * as shapes from '../shapes.ts';
import type { Route, RouteContext } from './route.ts';

export function buttonRoutes({ ports: { buttons } }: RouteContext): Route[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/buttons',
      what: 'Names of the buttons of this device',
      answer: shapes.buttons,
      handle: () => buttons.names,
    },
    {
      method: 'POST',
      path: '/api/v1/buttons/:name/press',
      what: 'Press a button: gives the call that it makes, or the one that it made and that still lives',
      body: shapes.nothing,
      status: 201,
      answer: shapes.call,
      handle: ({ params: { name = '' } }) => buttons.press(name),
    },
  ];
}
