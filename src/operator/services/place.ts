// NG.110 2.3.9, TS 24.229 7.2A.4: in which country one device is, as its access network information tells.
import type { SipRequest } from '#src/sip/message/message.ts';
import { type Country, countryByIso, countryByMobileCode } from './countries.ts';

/** Cell identities begin with the mobile country code (24.229 7.2A.4.3). */
const CELL_PARAMETERS = ['utran-cell-id-3gpp', 'cgi-3gpp', 'ci-3gpp2'];
const COUNTRY_CODE_DIGITS = 3;

export interface Place {
  /** Undefined: the access does not tell (a cable, most WLANs). */
  readonly country: Country | undefined;
  /** A network named by P-Visited-Network-ID. */
  readonly visited: string | undefined;
}

export const NOWHERE: Place = { country: undefined, visited: undefined };

/** What a request of the device tells of its place; undefined when it tells nothing. */
export function placeOf(request: SipRequest): Place | undefined {
  const accesses = request.typed('P-Access-Network-Info');
  const [visited] = request.typed('P-Visited-Network-ID');
  if (accesses.length === 0 && visited === undefined) return undefined;
  const countries = accesses.map(({ params }) => {
    const iso = params.get('country');
    const cell = CELL_PARAMETERS.map((name) => params.get(name)).find((value) => value !== undefined);
    const byCell = cell === undefined ? undefined : countryByMobileCode(cell.slice(0, COUNTRY_CODE_DIGITS));
    return byCell ?? (iso === undefined ? undefined : countryByIso(iso));
  });
  return { country: countries.find((country) => country !== undefined), visited: visited?.value };
}

/** A device that does not tell where it is counts as at home. */
export function isRoaming(
  place: Place,
  home: { readonly country: string; readonly domain: string },
): boolean {
  if (place.country && place.country.iso !== home.country) return true;
  return place.visited !== undefined && place.visited.toLowerCase() !== home.domain.toLowerCase();
}
