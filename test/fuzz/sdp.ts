// Mutated session descriptions, above all their crypto and fmtp lines: nothing throws, and whatever is answered is an answer.
// `node test/fuzz/sdp.ts SECONDS SEED` runs it for long; the unit tests run it for seconds.
import * as assert from 'uvu/assert';
import { SeededRandom } from '#src/base/random.ts';
import { CODEC_NAMES } from '#src/sdp/codecs.ts';
import type { SessionDescription } from '#src/sdp/model.ts';
import { parseSdp } from '#src/sdp/parse.ts';
import * as fixtures from '#test/unit/sdp/fixtures.ts';
import { BOTH_WAYS, capabilities, side, VIDEO } from '#test/unit/sdp/sides.ts';

export const parsed = (body: Buffer): SessionDescription => {
  const result = parseSdp(body);
  if (!result.ok) throw new Error(result.error.reason);
  return result.value;
};

/** RFC 3264 6 and RFC 4568 5.1.2 on the text alone. */
export function checkAnswer(offer: SessionDescription, answer: SessionDescription): void {
  assert.is(answer.media.length, offer.media.length);
  for (const [at, line] of answer.media.entries()) {
    const offered = offer.media[at];
    assert.is(line.media.kind, offered?.media.kind);
    if (line.media.port === 0) continue;
    assert.not.equal(offered?.media.port, 0, 'a closed line stays closed');
    for (const type of line.payloadTypes) assert.ok(offered?.payloadTypes.includes(type), `format ${type}`);
    const keys = line.attributes.filter(({ name }) => name === 'crypto');
    assert.ok(keys.length <= 1, 'one crypto line at most');
    // A blank more, and small letters, are forgiven.
    const tagAndSuite = (value: string): string =>
      value
        .trim()
        .toUpperCase()
        // As a capability (RFC 5939 3.3.2).
        .replace(/^\d+[ \t]+CRYPTO:[ \t]*/, '')
        .split(/[ \t]+/)
        .slice(0, 2)
        .join(' ');
    if (keys[0]) {
      const given = (offered?.attributes ?? []).map(({ value }) => tagAndSuite(value));
      const [tag = '', name = ''] = tagAndSuite(keys[0].value).split(' ');
      assert.ok(
        given.some((one) => Number(one.split(' ')[0]) === Number(tag) && one.split(' ')[1] === name),
        'tag and suite of the offer',
      );
    }
    assert.is(line.media.protocol.includes('SAVP') ? keys.length : 1, 1, 'SRTP with a key');
  }
}

const WORDS = [
  ...['RTP/SAVP', 'RTP/AVPF', '*', '0', '99', '=', ';', ',', '|', '[x=', ' ', '\r\na=', '\r\nm=video 4 '],
  ...[
    '|2^31|1:4',
    '|1:129',
    ';inline:',
    ' UNENCRYPTED_SRTCP',
    'mode-set=0,2,',
    'octet-align=',
    'sprop-parameter-sets=,',
  ],
  ...['profile-level-id=', '4294967296', '-1', 'packetization-mode=2', '\t', '\0', '%'],
];
/** Lines that every second mutation goes for. */
const AIMED = /^a=(?:crypto|fmtp|rtcp-fb|imageattr|pcfg|acap|tcap|3ge2ae|extmap|rtpmap):?/;

export interface SdpFuzz {
  readonly seconds: number;
  readonly seed: number;
  /** Rounds in any case. */
  readonly least?: number;
}

/** How many rounds there were, and how many of them were answered. Throws with the description that did it. */
export function fuzzSdp({ seconds, seed, least = 0 }: SdpFuzz): {
  readonly rounds: number;
  readonly taken: number;
} {
  const random = new SeededRandom(seed);
  const pick = (count: number): number => Math.floor(random.uniform() * count);
  const seeds = [
    ...Object.values(fixtures).filter((entry): entry is Buffer => Buffer.isBuffer(entry)),
    ...(['off', 'optional', 'required'] as const).map((srtp) =>
      side(capabilities(srtp, { video: VIDEO, e2ae: srtp === 'required' })).offer(BOTH_WAYS),
    ),
  ].map((body) => body.toString('latin1'));
  const changed = (text: string): string => {
    const at = pick(text.length);
    const other = pick(text.length);
    const put = pick(2) === 0 ? (WORDS[pick(WORDS.length)] ?? '') : text.slice(other, other + pick(40));
    return text.slice(0, at) + put + text.slice(at + pick(20));
  };
  const changedLine = (text: string): string => {
    const lines = text.split('\r\n');
    const aimed = lines.flatMap((line, at) => (AIMED.test(line) ? [at] : []));
    const at = aimed[pick(aimed.length)];
    const line = at === undefined ? undefined : lines[at];
    if (at === undefined || line === undefined) return changed(text);
    const name = line.indexOf(':') + 1;
    lines[at] = line.slice(0, name) + changed(line.slice(name));
    return lines.join('\r\n');
  };
  const end = performance.now() + seconds * 1000;
  let [rounds, taken] = [0, 0];
  for (; performance.now() < end || rounds < least; rounds += 1) {
    let text = seeds[pick(seeds.length)] ?? '';
    for (let count = pick(6); count > 0; count -= 1) text = pick(2) === 0 ? changedLine(text) : changed(text);
    try {
      if (isTaken(text, (['off', 'optional', 'required'] as const)[pick(3)] ?? 'off')) taken += 1;
    } catch (error) {
      if (error instanceof Error) error.message += `\n${JSON.stringify(text)}`;
      throw error;
    }
  }
  return { rounds, taken };
}

function isTaken(text: string, srtp: 'off' | 'optional' | 'required'): boolean {
  const body = Buffer.from(text, 'latin1');
  const own = capabilities(srtp, {
    video: VIDEO,
    audio: { codecs: CODEC_NAMES, dtx: true, voipMetrics: true },
  });
  const answer = side(own).answerTo(body, BOTH_WAYS);
  if (answer.ok) {
    checkAnswer(parsed(body), parsed(answer.value.answer));
    if (srtp === 'required') assert.ok(answer.value.media.audio?.security);
  }
  const caller = side(own);
  caller.offer(BOTH_WAYS);
  caller.answer(body);
  return answer.ok;
}

if (import.meta.main) {
  const [, , seconds = '600', seed = '1'] = process.argv;
  console.log(JSON.stringify(fuzzSdp({ seconds: Number(seconds), seed: Number(seed) })));
}
