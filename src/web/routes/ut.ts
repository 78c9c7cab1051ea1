// `GET services` and `PATCH services`, beside the contract: forwarding, barring and the like, as the network has them.
import type { ServicesView } from '#src/services/ut/document.ts';
import type { ServicesChange } from '#src/services/ut/edit.ts';
import { SWITCHES, type SwitchName } from '#src/services/ut/vocabulary.ts';
import * as shapes from '../shapes.ts';
import type { Route, RouteContext } from './route.ts';

/** What the API says of a view. */
export const describeUt = ({ switches, ...view }: ServicesView): Readonly<Record<string, unknown>> => ({
  open: true,
  ...view,
  ...switches,
});

/** The shape has been checked. */
function changeOf(body: object): ServicesChange {
  const isSwitch = (name: string): name is SwitchName => SWITCHES.some((row) => row.name === name);
  const entries = Object.entries(body);
  const switches = Object.fromEntries(entries.filter(([name]) => isSwitch(name)));
  return { ...Object.fromEntries(entries.filter(([name]) => !isSwitch(name))), switches };
}

export function utRoutes({ ports: { ut } }: RouteContext): Route[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/services',
      what: 'Forwarding, barring, hiding of the number and call waiting, as the network has them now; `open` false: they are switched elsewhere',
      answer: shapes.services,
      handle: async () => (ut.isOpen ? describeUt(await ut.read()) : { open: false }),
    },
    {
      method: 'PATCH',
      path: '/api/v1/services',
      what: 'Switch services in the network, all that are named or none',
      body: shapes.servicesChange,
      answer: shapes.services,
      handle: async ({ body }) =>
        describeUt(await ut.change(changeOf(typeof body === 'object' && body !== null ? body : {}))),
    },
  ];
}
