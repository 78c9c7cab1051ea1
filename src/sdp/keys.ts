// The keys of one stream: what we offer, what we answer with, what an answer chose (RFC 4568 5.1, 7.1).
import type { SecurityAgreement } from './agreement.ts';
import { CRYPTO_LIMITS, type CryptoKey, formatCrypto, parseCrypto, usableKey } from './crypto.ts';
import { type SrtpSuite, suiteNamed } from './crypto-suites.ts';
import type { MediaDescription, SessionDescription } from './model.ts';

/**
 * One key for each suite, made when it is first needed and the same ever after: a key that comes again means that the
 * context goes on (RFC 4568 7.1.4). `renewed` gives a ring with new ones. Dialogs of one fork share a ring: they all
 * got the same offer.
 */
export class KeyRing {
  readonly suites: readonly SrtpSuite[];
  readonly #randomKey: (octets: number) => Buffer;
  readonly #keys = new Map<SrtpSuite, Buffer>();

  constructor(suites: readonly SrtpSuite[], randomKey: (octets: number) => Buffer) {
    this.suites = suites;
    this.#randomKey = randomKey;
  }

  renewed(): KeyRing {
    return new KeyRing(this.suites, this.#randomKey);
  }

  key(suite: SrtpSuite): Buffer {
    const known = this.#keys.get(suite);
    if (known) return known;
    const row = suiteNamed(suite);
    if (!row) throw new RangeError(`no suite ${suite}`);
    const key = this.#randomKey(row.key + row.salt);
    this.#keys.set(suite, key);
    return key;
  }

  /** The lines of an offer, the suite in use first. Tags belong to suites and never change. */
  offered(current?: SrtpSuite): readonly string[] {
    const lines = this.suites.map((suite, at) => ({ suite, tag: at + 1 }));
    lines.sort((a, b) => Number(b.suite === current) - Number(a.suite === current));
    return lines.map(({ suite, tag }) => formatCrypto(tag, suite, this.key(suite)));
  }

  /** Which suite an answer's tag stands for. */
  suiteOf(tag: number): SrtpSuite | undefined {
    return this.suites[tag - 1];
  }
}

/** `a=3ge2ae:` with what deployed testers write: a blank behind the colon (34.229-1). */
export function e2aeOf(session: SessionDescription, media: MediaDescription): SecurityAgreement['e2ae'] {
  const value = (media.attribute('3ge2ae') ?? session.attribute('3ge2ae'))?.trim().toLowerCase();
  return value === 'requested' || value === 'applied' ? value : undefined;
}

const cryptoLines = (media: MediaDescription) =>
  media.attributes
    .filter(({ name }) => name === 'crypto')
    .slice(0, CRYPTO_LIMITS.lines)
    .map(({ value }) => parseCrypto(value))
    .flatMap((parsed) => (parsed.ok ? [parsed.value] : []));

const received = (key: CryptoKey): Pick<SecurityAgreement, 'receiveKey' | 'receiveMki'> => ({
  receiveKey: key.keySalt,
  ...(key.mki ? { receiveMki: key.mki } : {}),
});

export interface AnsweredKeys {
  readonly security: SecurityAgreement;
  /** Value of our one crypto line: the tag of the offer, the key of ours. */
  readonly line: string;
}

/**
 * Picks from the crypto lines of an offer: the first that we can use, one without key identifiers before those with
 * (they lengthen every packet). Undefined when there is none.
 */
export function answerKeys(
  session: SessionDescription,
  media: MediaDescription,
  ring: KeyRing,
): AnsweredKeys | undefined {
  const usable = cryptoLines(media).flatMap((line) => {
    const found = usableKey(line, ring.suites);
    return found ? [{ tag: line.tag, ...found }] : [];
  });
  const chosen = usable.find(({ key }) => key.mki === undefined) ?? usable[0];
  if (!chosen) return undefined;
  const { tag, suite, key } = chosen;
  const sendKey = ring.key(suite);
  return {
    security: { suite, sendKey, ...received(key), e2ae: e2aeOf(session, media) },
    line: formatCrypto(tag, suite, sendKey),
  };
}

/** What the answer to our crypto lines settles: the tag names our suite, which it must repeat (RFC 4568 5.1.3). */
export function settleKeys(
  media: MediaDescription,
  ring: KeyRing,
  e2ae: SecurityAgreement['e2ae'],
): SecurityAgreement | undefined {
  for (const line of cryptoLines(media)) {
    const found = usableKey(line, ring.suites);
    if (!found || ring.suiteOf(line.tag) !== found.suite) continue;
    return { suite: found.suite, sendKey: ring.key(found.suite), ...received(found.key), e2ae };
  }
  return undefined;
}
