// TS 24.611 4.5.2.4, 4.5.2.6, NG.110 2.3.9: which calls are barred, judged by the place of the one device.
import { isSipUri, type Uri } from '#src/sip/message/uri.ts';
import type { Country } from './countries.ts';
import { isRoaming, type Place } from './place.ts';
import type { BarringName, ServiceSet } from './service-data.ts';

export interface Home {
  readonly country: Country;
  readonly domain: string;
}

export interface Barred {
  readonly by: BarringName;
  readonly status: number;
  /** Of the Warning header field. */
  readonly text: string;
}

/** 4.5.2.4.1, 4.5.2.6.1: 603; 4.5.2.6.2: 433 (RFC 5079). */
const ANSWERS: Readonly<Record<BarringName, Omit<Barred, 'by'>>> = {
  baoc: { status: 603, text: 'All outgoing communications are barred' },
  boic: { status: 603, text: 'Outgoing international communications are barred' },
  boic_exhc: {
    status: 603,
    text: 'Outgoing international communications except to the home country are barred',
  },
  baic: { status: 603, text: 'All incoming communications are barred' },
  bic_roam: { status: 603, text: 'Incoming communications while roaming are barred' },
  acr: { status: 433, text: 'Anonymous communications are refused' },
};

const answer = (by: BarringName): Barred => ({ by, ...ANSWERS[by] });

/** The global number that a URI names, without `+`. */
export function globalNumber(uri: Uri): string | undefined {
  const text = isSipUri(uri)
    ? (uri.user ?? '').split(';', 1)[0]
    : uri.scheme === 'tel'
      ? uri.number
      : undefined;
  const digits = text?.replace(/[-.() ]/g, '');
  return digits !== undefined && /^\+\d{3,}$/.test(digits) ? digits.slice(1) : undefined;
}

const leadsTo = (number: string, { callingCode }: Country): boolean => number.startsWith(callingCode);

/** International is what leaves the country where the calling device is; one that does not tell is at home. */
export function barredOut(services: ServiceSet, called: Uri, place: Place, home: Home): Barred | undefined {
  const { barred } = services;
  if (barred.has('baoc')) return answer('baoc');
  const number = globalNumber(called);
  if (number === undefined || leadsTo(number, place.country ?? home.country)) return undefined;
  if (barred.has('boic')) return answer('boic');
  if (barred.has('boic_exhc') && !leadsTo(number, home.country)) return answer('boic_exhc');
  return undefined;
}

/** What bars the whole number. */
export function barredIn(services: ServiceSet, anonymous: boolean): Barred | undefined {
  if (services.barred.has('acr') && anonymous) return answer('acr');
  return services.barred.has('baic') ? answer('baic') : undefined;
}

/** What bars one device of it. */
export function barredAt(services: ServiceSet, place: Place, home: Home): Barred | undefined {
  const away = isRoaming(place, { country: home.country.iso, domain: home.domain });
  return away && services.barred.has('bic_roam') ? answer('bic_roam') : undefined;
}
