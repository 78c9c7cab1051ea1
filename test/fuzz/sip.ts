// Mutated SIP messages: whatever comes, nothing throws, and what is read can be written and read again.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Random } from '#src/base/random.ts';
import { checkRequest } from '#src/sip/message/check.ts';
import { StreamFramer } from '#src/sip/message/framing.ts';
import { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { parseMultipart } from '#src/sip/message/multipart.ts';
import { parseMessage } from '#src/sip/message/parse.ts';
import { fragmentStatus, parseSipFragment } from '#src/sip/message/sipfrag.ts';

const OWN_CORPUS = 'test/fuzz/corpus/sip';
const TORTURE = 'node_modules/sip/test/messages';

/** Seeds: our own corpus and the torture messages of RFC 4475. */
export function loadCorpus(): Buffer[] {
  const own = readdirSync(OWN_CORPUS)
    .sort()
    .map((file) => join(OWN_CORPUS, file));
  const torture = readdirSync(TORTURE)
    .filter((file) => file.endsWith('.dat'))
    .sort()
    .map((file) => join(TORTURE, file));
  return [...own, ...torture].map((path) => readFileSync(path));
}

/** What parsers stumble over. */
const FRAGMENTS = [
  '\r\n',
  '\r\n\r\n',
  '\r\n ',
  '\n',
  '\r',
  '\0',
  '"',
  '\\',
  '\\"',
  '<',
  '>',
  ';',
  ';;',
  ',',
  '=',
  ':',
  '::',
  '[',
  ']',
  '@',
  '%',
  '%0',
  '?',
  '*',
  '(',
  '((((((((',
  'sip:',
  'tel:+',
  'SIP/2.0',
  'SIP/2.0 200 OK\r\n',
  'Via: ',
  'v:,',
  'l: 4294967296\r\n',
  'Content-Length: 5\r\n',
  '99999999999999999999',
  '-1',
  '\xff\xfe',
  '\xc3',
  '--',
];

const MAX_MUTATIONS = 4;
/** One change in so many cuts the message off; the others share the rest. */
const KINDS = 20;
const CUT = 5;
const MAX_SPAN = 40;
const MAX_REPEAT = 50;

/** One to four changes: an octet, a fragment, a piece taken out, repeated or brought from another message. */
export function mutate(corpus: readonly Buffer[], random: Random): Buffer {
  const below = (limit: number): number => Math.floor(random.uniform() * limit);
  const pick = (): Buffer => corpus[below(corpus.length)] ?? Buffer.alloc(0);
  let bytes = pick();
  for (let left = 1 + below(MAX_MUTATIONS); left > 0; left -= 1) {
    const at = below(bytes.length + 1);
    const end = Math.min(bytes.length, at + below(MAX_SPAN));
    const span = bytes.subarray(at, end);
    const [head, tail] = [bytes.subarray(0, at), bytes.subarray(end)];
    const kind = below(KINDS);
    switch (kind === 0 ? CUT : kind % CUT) {
      case 0:
        bytes = Buffer.concat([head, Buffer.from([below(256)]), bytes.subarray(at + 1)]);
        break;
      case 1:
        bytes = Buffer.concat([
          head,
          Buffer.from(FRAGMENTS[below(FRAGMENTS.length)] ?? '', 'latin1'),
          bytes.subarray(at),
        ]);
        break;
      case 2:
        bytes = Buffer.concat([head, tail]);
        break;
      case 3:
        bytes = Buffer.concat([head, ...Array.from({ length: below(MAX_REPEAT) }, () => span), tail]);
        break;
      case 4: {
        const other = pick();
        const from = below(other.length);
        bytes = Buffer.concat([head, other.subarray(from, from + below(MAX_SPAN * 4)), tail]);
        break;
      }
      default:
        bytes = bytes.subarray(0, at);
    }
  }
  return below(2) === 0 ? withoutLength(bytes) : bytes;
}

/** A datagram may lack its Content-Length; without it a change of length is no fault, and more is looked at. */
function withoutLength(bytes: Buffer): Buffer {
  return Buffer.from(
    bytes.toString('latin1').replace(/\r\n(content-length|l)[ \t]*:[^\r\n]*/i, ''),
    'latin1',
  );
}

export type Outcome = 'read' | 'answered' | 'dropped';

const ABILITIES = {
  methods: ['INVITE', 'OPTIONS', 'REGISTER'],
  extensions: ['100rel'],
  contentTypes: ['application/sdp'],
};

/** Puts bytes through everything that reads bytes from outside. */
export function exercise(bytes: Buffer, random: Random): Outcome {
  stream(bytes, random);
  parseSipFragment(bytes);
  fragmentStatus(bytes);
  const result = parseMessage(bytes, { datagram: true });
  if (!result.ok) {
    const { status, partial, reason } = result.error;
    if (status === undefined) return 'dropped';
    assert.instance(partial, SipRequest);
    if (partial instanceof SipRequest)
      assert.ok(SipResponse.reply(partial, status, { reason, toTag: 't' }).topVia.host);
    return 'answered';
  }
  const message = result.value;
  for (const { row } of message.headers.fields) if (row) message.headerValues(row.name);
  message.faults();
  const before = message.toBuffer();
  assert.ok(bytes.includes(before));
  const { boundary } = Object.fromEntries(message.contentType?.params.entries() ?? []);
  if (boundary !== undefined) parseMultipart(message.body, boundary);
  if (message instanceof SipRequest) {
    checkRequest(message, ABILITIES);
    const answer = SipResponse.reply(message, 200, { toTag: 't' }).toBuffer();
    const again = parseMessage(answer);
    assert.ok(again.ok && again.value.cseq.number === message.cseq.number, 'the answer cannot be read');
  }
  message.headers.add('X-Fuzz', 'y');
  const changed = parseMessage(message.toBuffer());
  assert.ok(changed.ok, 'the changed message cannot be read');
  if (changed.ok) assert.is(Buffer.compare(changed.value.body, message.body), 0);
  return 'read';
}

/** Cut anywhere, a stream gives the same events as in one piece. */
function stream(bytes: Buffer, random: Random): void {
  const whole = new StreamFramer().push(bytes);
  const framer = new StreamFramer();
  const at = Math.floor(random.uniform() * (bytes.length + 1));
  const pieces = [...framer.push(bytes.subarray(0, at)), ...framer.push(bytes.subarray(at))];
  assert.equal(
    pieces.map(({ kind }) => kind),
    whole.map(({ kind }) => kind),
  );
}
