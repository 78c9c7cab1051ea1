// ITU-T E.164 and E.212: what calling codes and mobile country codes tell of a country; for barring by place.
export interface Country {
  /** ISO 3166-1. */
  readonly iso: string;
  /** Without `+`. */
  readonly callingCode: string;
  readonly mobileCodes: readonly string[];
}

const row = (iso: string, callingCode: string, ...mobileCodes: string[]): Country => ({
  iso,
  callingCode,
  mobileCodes,
});

/** The countries that a test network needs to tell apart. */
export const COUNTRIES: readonly Country[] = [
  row('AT', '43', '232'),
  row('AU', '61', '505'),
  row('BE', '32', '206'),
  row('CA', '1', '302'),
  row('CH', '41', '228'),
  row('CZ', '420', '230'),
  row('DE', '49', '262'),
  row('DK', '45', '238'),
  row('ES', '34', '214'),
  row('FI', '358', '244'),
  row('FR', '33', '208'),
  row('GB', '44', '234', '235'),
  row('IE', '353', '272'),
  row('IN', '91', '404', '405', '406'),
  row('IT', '39', '222'),
  row('JP', '81', '440', '441'),
  row('NL', '31', '204'),
  row('NO', '47', '242'),
  row('NZ', '64', '530'),
  row('PL', '48', '260'),
  row('PT', '351', '268'),
  row('SE', '46', '240'),
  row('US', '1', '310', '311', '312', '313', '314', '315', '316'),
];

export const countryByIso = (iso: string): Country | undefined =>
  COUNTRIES.find((country) => country.iso === iso.toUpperCase());

/** By the first three digits of a cell's identity. */
export const countryByMobileCode = (code: string): Country | undefined =>
  COUNTRIES.find(({ mobileCodes }) => mobileCodes.includes(code));

/** The country that `[network] country` or `[policy] country` names: ISO code or calling code. */
export const countryOf = (text: string): Country | undefined =>
  countryByIso(text) ?? COUNTRIES.find(({ callingCode }) => callingCode === text.replace(/^\+/, ''));
