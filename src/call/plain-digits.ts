// Digits of every script as 0 to 9, and without the marks that copying leaves between them (Unicode 4.6, UAX 15).

/** Invisible: joiners, marks of writing direction. */
const INVISIBLE = /\p{Cf}/gu;
const DASHES = /[\p{Pd}\u2212]/gu;
const DIGIT = /\p{Nd}/u;
const OTHER_DIGITS = /[^\P{Nd}0-9]/gu;

/** What stands for the number that a telephone would see; letters stay as they are, but for their width. */
export const plainDigits = (text: string): string =>
  text
    .normalize('NFKC')
    .replace(INVISIBLE, '')
    .replace(DASHES, '-')
    .replace(OTHER_DIGITS, (digit) => String(digitValue(digit)));

/** The ten digits of a script stand in a row, zero first (Unicode 4.6). */
function digitValue(digit: string): number {
  const code = digit.codePointAt(0) ?? 0;
  let before = 0;
  while (DIGIT.test(String.fromCodePoint(code - before - 1))) before += 1;
  return before % 10;
}
