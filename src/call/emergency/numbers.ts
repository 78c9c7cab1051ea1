// Emergency numbers by country, and what each of them is for (RFC 5031 4.2; national numbering plans; TS 22.101 10.1).

/** The sub-service of `urn:service:sos`; `any`: all of them. */
export type EmergencyService = 'any' | 'police' | 'ambulance' | 'fire' | 'marine' | 'mountain' | 'gas';

export interface CountryNumbers {
  /** ISO 3166. */
  readonly country: string;
  /** Of the telephone numbering plan, without `+`. */
  readonly code: string;
  readonly numbers: Readonly<Partial<Record<EmergencyService, string>>>;
}

/** Everywhere, whatever the country (TS 22.101 10.1). */
export const EVERYWHERE: readonly string[] = ['112', '911'];

/** Where nobody said which country this is: what a telephone without a SIM takes for emergency (TS 22.101 10.1). */
export const UNKNOWN_COUNTRY: readonly string[] = [...EVERYWHERE, '000', '08', '110', '118', '119', '999'];

/** Several numbers of one service are separated by blanks. `112` and `911` need no row. */
export const COUNTRIES: readonly CountryNumbers[] = [
  { country: 'AE', code: '971', numbers: { police: '999', ambulance: '998', fire: '997', marine: '996' } },
  { country: 'AR', code: '54', numbers: { ambulance: '107', fire: '100', police: '101', marine: '106' } },
  {
    country: 'AT',
    code: '43',
    numbers: { fire: '122', police: '133', ambulance: '144', mountain: '140', gas: '128' },
  },
  { country: 'AU', code: '61', numbers: { any: '000 106' } },
  { country: 'BE', code: '32', numbers: { any: '100', police: '101' } },
  { country: 'BG', code: '359', numbers: { ambulance: '150', fire: '160', police: '166' } },
  { country: 'BR', code: '55', numbers: { police: '190', ambulance: '192', fire: '193' } },
  { country: 'CA', code: '1', numbers: {} },
  { country: 'CH', code: '41', numbers: { police: '117', fire: '118', ambulance: '144', mountain: '1414' } },
  { country: 'CL', code: '56', numbers: { ambulance: '131', fire: '132', police: '133', marine: '137' } },
  { country: 'CN', code: '86', numbers: { police: '110', fire: '119', ambulance: '120' } },
  { country: 'CO', code: '57', numbers: { any: '123', fire: '119' } },
  { country: 'CZ', code: '420', numbers: { fire: '150', ambulance: '155', police: '158' } },
  { country: 'DE', code: '49', numbers: { police: '110' } },
  { country: 'DK', code: '45', numbers: {} },
  { country: 'EE', code: '372', numbers: { police: '110' } },
  { country: 'EG', code: '20', numbers: { police: '122', ambulance: '123', fire: '180' } },
  { country: 'ES', code: '34', numbers: { ambulance: '061', fire: '080 085', police: '062 091 092' } },
  { country: 'FI', code: '358', numbers: {} },
  {
    country: 'FR',
    code: '33',
    numbers: { ambulance: '15', police: '17', fire: '18', any: '114', marine: '196' },
  },
  { country: 'GB', code: '44', numbers: { any: '999' } },
  { country: 'GR', code: '30', numbers: { police: '100', ambulance: '166', fire: '199', marine: '108' } },
  { country: 'HK', code: '852', numbers: { any: '999 992' } },
  { country: 'HR', code: '385', numbers: { police: '192', fire: '193', ambulance: '194', marine: '195' } },
  { country: 'HU', code: '36', numbers: { ambulance: '104', fire: '105', police: '107' } },
  { country: 'ID', code: '62', numbers: { police: '110', fire: '113', ambulance: '118 119' } },
  { country: 'IE', code: '353', numbers: { any: '999' } },
  { country: 'IL', code: '972', numbers: { police: '100', ambulance: '101', fire: '102' } },
  { country: 'IN', code: '91', numbers: { police: '100', fire: '101', ambulance: '102 108' } },
  { country: 'IS', code: '354', numbers: {} },
  { country: 'IT', code: '39', numbers: { police: '113', fire: '115', ambulance: '118', marine: '1530' } },
  { country: 'JP', code: '81', numbers: { police: '110', fire: '119', ambulance: '119', marine: '118' } },
  { country: 'KR', code: '82', numbers: { fire: '119', marine: '122' } },
  { country: 'LT', code: '370', numbers: { fire: '01', police: '02', ambulance: '03' } },
  { country: 'LU', code: '352', numbers: { police: '113' } },
  { country: 'LV', code: '371', numbers: { fire: '01', police: '02 110', ambulance: '03 113' } },
  { country: 'MX', code: '52', numbers: { any: '066' } },
  { country: 'MY', code: '60', numbers: { any: '999', fire: '994' } },
  { country: 'NL', code: '31', numbers: {} },
  { country: 'NO', code: '47', numbers: { fire: '110', ambulance: '113' } },
  { country: 'NZ', code: '64', numbers: { any: '111' } },
  { country: 'PH', code: '63', numbers: {} },
  {
    country: 'PL',
    code: '48',
    numbers: { police: '997', fire: '998', ambulance: '999', mountain: '985', marine: '984', gas: '992' },
  },
  { country: 'PT', code: '351', numbers: { fire: '117' } },
  { country: 'RO', code: '40', numbers: {} },
  { country: 'RS', code: '381', numbers: { police: '192', fire: '193', ambulance: '194' } },
  { country: 'SA', code: '966', numbers: { police: '999', ambulance: '997', fire: '998' } },
  { country: 'SE', code: '46', numbers: { any: '90000' } },
  { country: 'SG', code: '65', numbers: { police: '999', ambulance: '995', fire: '995' } },
  { country: 'SI', code: '386', numbers: { police: '113' } },
  { country: 'SK', code: '421', numbers: { fire: '150', ambulance: '155', police: '158' } },
  { country: 'TH', code: '66', numbers: { police: '191', fire: '199', ambulance: '1669' } },
  { country: 'TR', code: '90', numbers: { police: '155', fire: '110', marine: '158' } },
  { country: 'TW', code: '886', numbers: { police: '110', fire: '119', ambulance: '119', marine: '118' } },
  { country: 'UA', code: '380', numbers: { fire: '101', police: '102', ambulance: '103', gas: '104' } },
  { country: 'US', code: '1', numbers: {} },
  { country: 'VN', code: '84', numbers: { police: '113', fire: '114', ambulance: '115' } },
  { country: 'ZA', code: '27', numbers: { police: '10111', ambulance: '10177' } },
];

/** A number that two services share, or `any`, asks for no one in particular. */
function services(rows: readonly CountryNumbers[]): Map<string, EmergencyService> {
  const found = new Map<string, EmergencyService>();
  // The keys of a row are services: its type says so.
  const entries = rows.flatMap(({ numbers }) => Object.entries(numbers) as [EmergencyService, string][]);
  for (const [service, texts] of entries) {
    for (const number of texts.split(' ')) found.set(number, found.has(number) ? 'any' : service);
  }
  return found;
}

/** `country`: `SE`, or its calling code. A country without a row, or none, is taken for unknown. */
export function numbersOf(country: string | undefined): ReadonlyMap<string, EmergencyService> {
  const wanted = country?.replace(/^\+/, '').toUpperCase();
  const rows = COUNTRIES.filter((row) => row.country === wanted || row.code === wanted);
  const known = services(rows);
  for (const number of rows.length > 0 ? EVERYWHERE : UNKNOWN_COUNTRY) known.set(number, 'any');
  return known;
}
