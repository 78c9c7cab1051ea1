// How people write numbers where they live, and what they mean to the whole world: national and international prefixes
// (ITU-T E.164, E.123; IR.92 2.2.3). A table of facts; `dial.ts` uses it for the owner's country.

export interface NumberingPlan {
  /** ISO 3166-1. */
  readonly countries: readonly string[];
  /** E.164 country code. */
  readonly code: string;
  /** Before a national number; it falls away abroad. '': there is none, and a leading 0 belongs to the number. */
  readonly trunk: string;
  /** Before a country code. */
  readonly international: readonly string[];
  /** Digits of a national (significant) number, without the trunk prefix. */
  readonly length: readonly [least: number, most: number];
  /** National numbers that are dialled without their trunk prefix as well. */
  readonly bare?: RegExp;
  /** Numbers of the country's own that nobody abroad can call, or that choose a carrier: left as they are. */
  readonly local?: RegExp;
}

const TWO_ZEROS = ['00'] as const;

const plan = (
  countries: string,
  code: string,
  trunk: string,
  length: readonly [number, number],
  more: Partial<Pick<NumberingPlan, 'international' | 'bare' | 'local'>> = {},
): NumberingPlan => ({
  countries: countries.split(' '),
  code,
  trunk,
  length,
  international: more.international ?? TWO_ZEROS,
  ...(more.bare ? { bare: more.bare } : {}),
  ...(more.local ? { local: more.local } : {}),
});

export const NUMBERING_PLANS: readonly NumberingPlan[] = [
  plan('US CA', '1', '1', [10, 10], {
    international: ['011'],
    bare: /^[2-9]\d{2}[2-9]\d{6}$/,
  }),
  plan('ZA', '27', '0', [9, 9]),
  plan('GR', '30', '', [10, 10]),
  plan('NL', '31', '0', [7, 11]),
  plan('BE', '32', '0', [8, 9]),
  plan('FR', '33', '0', [9, 9]),
  plan('ES', '34', '', [9, 9]),
  plan('HU', '36', '06', [8, 9]),
  // 1xx and 4xxxx are services; a landline keeps its 0 abroad.
  plan('IT', '39', '', [6, 11], { local: /^[14]/ }),
  plan('RO', '40', '0', [9, 9]),
  plan('CH', '41', '0', [9, 12]),
  plan('AT', '43', '0', [4, 13]),
  plan('GB', '44', '0', [7, 10]),
  plan('DK', '45', '', [8, 8]),
  plan('SE', '46', '0', [6, 13]),
  // 02 to 09 with five digits and 1xx to 1xxxx are services.
  plan('NO', '47', '', [8, 8]),
  plan('PL', '48', '', [9, 9]),
  // 010xx chooses a carrier for the number behind it.
  plan('DE', '49', '0', [5, 13], { local: /^010/ }),
  plan('AU', '61', '0', [9, 9], { international: ['0011'] }),
  plan('NZ', '64', '0', [8, 10]),
  plan('SG', '65', '', [8, 8], { international: ['001', '002', '008'] }),
  // 0120, 0570, 0800 and 0990 are reached from inside only.
  plan('JP', '81', '0', [9, 10], { international: ['010'], local: /^0(?:120|570|800|990)/ }),
  plan('IN', '91', '0', [10, 10], { bare: /^[6-9]\d{9}$/ }),
  plan('PT', '351', '', [9, 9]),
  plan('IE', '353', '0', [7, 10]),
  plan('IS', '354', '', [7, 7]),
  plan('FI', '358', '0', [5, 12], { international: ['00', '990', '994', '999'] }),
  plan('LV', '371', '', [8, 8]),
  plan('EE', '372', '', [7, 8]),
  plan('HR', '385', '0', [8, 9]),
  plan('SI', '386', '0', [8, 8]),
  plan('CZ', '420', '', [9, 9]),
  plan('SK', '421', '0', [9, 9]),
];

/** By country ("SE") or by calling code ("46", "+46"); undefined for one that is not in the table. */
export function numberingPlan(country: string): NumberingPlan | undefined {
  const wanted = country.toUpperCase().replace(/^\+/, '');
  return NUMBERING_PLANS.find(({ countries, code }) => code === wanted || countries.includes(wanted));
}

/** E.164: fifteen digits at most; what is shorter than this is no number of another country. */
const MOST_DIGITS = 15;
const LEAST_ABROAD = 7;

/** `+` and the digits, for a number that the plan knows to be national or international; undefined: it stays local. */
export function globalNumber(dialled: string, plan: NumberingPlan): string | undefined {
  if (!/^\d+$/.test(dialled) || plan.local?.test(dialled)) return undefined;
  const { code, trunk, international, length, bare } = plan;
  const prefix = international.find((each) => dialled.startsWith(each));
  if (prefix !== undefined) {
    const abroad = dialled.slice(prefix.length);
    const fits = abroad.length >= LEAST_ABROAD && abroad.length <= MOST_DIGITS && !abroad.startsWith('0');
    return fits ? `+${abroad}` : undefined;
  }
  const [least, most] = length;
  const isNational = (digits: string): boolean => digits.length >= least && digits.length <= most;
  if (trunk === '') return isNational(dialled) ? `+${code}${dialled}` : undefined;
  if (bare?.test(dialled)) return `+${code}${dialled}`;
  if (!dialled.startsWith(trunk)) return undefined;
  const national = dialled.slice(trunk.length);
  // A second 0 is no number of the country: an operator, a carrier, an exchange's own line.
  return isNational(national) && !national.startsWith('0') ? `+${code}${national}` : undefined;
}
