// Streams: every cutting gives the same events, memory is bounded, and time is linear in what comes.
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type FramedEvent, StreamFramer } from '#src/sip/message/framing.ts';
import { HEADERS } from '#src/sip/message/headers.ts';
import { parseMultipart } from '#src/sip/message/multipart.ts';
import { parseMessage } from '#src/sip/message/parse.ts';
import { suite } from '#test/support/suite.ts';
import { torture } from './support.ts';

const test = suite('sip/message/framing');

const message = (body: string, name = 'Content-Length'): string =>
  [
    'MESSAGE sip:h SIP/2.0',
    'Via: SIP/2.0/TCP h;branch=z9hG4bKa',
    'From: <sip:a@h>;tag=1',
    'To: <sip:b@h>',
    'Call-ID: c',
    'CSeq: 1 MESSAGE',
    `${name}: ${Buffer.byteLength(body, 'latin1')}`,
    '',
    body,
  ].join('\r\n');

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const short = (event: FramedEvent): string =>
  event.kind === 'message'
    ? event.bytes.toString('latin1')
    : event.kind === 'fault'
      ? `fault ${event.fault.status} ${event.fault.reason}`
      : event.kind;
const events = (...chunks: readonly string[]): string[] => {
  const framer = new StreamFramer();
  return chunks.flatMap((chunk) => framer.push(bytes(chunk))).map(short);
};

test('messages one behind the other, with every writing of Content-Length', () => {
  const all = [message('one'), message('', 'l'), message('\r\n\r\n', 'CONTENT-LENGTH '), message('x', 'L')];
  assert.equal(events(all.join('')), all);
});

test('keep-alives between messages', () => {
  assert.equal(events(`\r\n\r\n${message('a')}\r\n${message('b')}\r\n`, '\r', '\n'), [
    'pong',
    'ping',
    message('a'),
    'pong',
    message('b'),
    'pong',
    'ping',
  ]);
});

test('an idle framer holds nothing', () => {
  const framer = new StreamFramer();
  framer.push(bytes(message('abc')));
  assert.is(framer.pending, 0);
  framer.push(bytes('INVITE'));
  assert.is(framer.pending, 6);
});

test('a message given out is not touched by what comes later', () => {
  const framer = new StreamFramer();
  const chunk = bytes(message('first'));
  const [event] = framer.push(chunk);
  chunk.fill(0);
  framer.push(bytes(message('other')));
  assert.is(event && short(event), message('first'));
});

// What ends a stream, and with which status it is answered before.
const FATAL: readonly (readonly [string, string, string])[] = [
  [
    'no Content-Length',
    message('').replace(/Content-Length.*\r\n/, ''),
    'fault 400 Missing Content-Length header field',
  ],
  [
    'a Content-Length that is no number',
    message('').replace('h: 0', 'h: abc'),
    'fault 400 Bad Content-Length header field',
  ],
  [
    'a Content-Length twice',
    message('').replace('Call-ID', 'l: 0\r\nCall-ID'),
    'fault 400 Bad Content-Length header field',
  ],
  ['too large a body', message('').replace('h: 0', 'h: 1048577'), 'fault 513 Message body too large'],
  [
    'too large a header',
    message('').replace('c\r\n', `${'c'.repeat(70_000)}\r\n`),
    'fault 513 Message header too large',
  ],
  [
    'an endless header',
    `${message('').slice(0, -4)}\r\nX: ${'x'.repeat(70_000)}`,
    'fault 513 Message header too large',
  ],
  ['noise', 'a\r\n\r\n', 'fault undefined Malformed start line'],
];

for (const [what, text, expected] of FATAL) {
  test(`${what} ends the stream`, () => {
    const framer = new StreamFramer();
    assert.equal(framer.push(bytes(`${text}${message('')}`)).map(short), [expected]);
    assert.equal(framer.push(bytes(message(''))), []);
    assert.is(framer.pending, 0);
  });
}

test('60 kB of nonsense costs one fault and no memory', () => {
  const framer = new StreamFramer();
  assert.is(framer.push(bytes('a\r\n\r\n'.repeat(12_000))).length, 1);
  assert.is(framer.pending, 0);
});

test('any cutting of any stream gives the same events', () => {
  const piece = fc.oneof(
    fc.constantFrom('\r\n', '\r\n\r\n', message('', 'l'), torture('clerr').toString('latin1'), 'a\r\n\r\n'),
    fc.uint8Array({ maxLength: 40 }).map((body) => message(Buffer.from(body).toString('latin1'))),
  );
  const streams = fc.array(piece, { maxLength: 6 }).map((pieces) => bytes(pieces.join('')));
  fc.assert(
    fc.property(streams, fc.array(fc.nat({ max: 60 }), { maxLength: 200 }), (stream, lengths) => {
      const whole = new StreamFramer().push(stream).map(short);
      const framer = new StreamFramer();
      const cut: FramedEvent[] = [];
      let at = 0;
      for (const length of lengths) {
        cut.push(...framer.push(stream.subarray(at, at + length)));
        at = Math.min(stream.length, at + length);
      }
      cut.push(...framer.push(stream.subarray(at)));
      assert.equal(cut.map(short), whole);
    }),
  );
});

const RUNS = 2;

/** The least of several times, in ms: what the work costs when nothing else disturbs it. */
function cost(work: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUNS; run += 1) {
    const start = performance.now();
    work();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

const head = (field: string): Buffer => bytes(message('').replace('Call-ID', `${field}\r\nCall-ID`));
const limits = { head: 2 ** 24, body: 2 ** 24 };

function readAll(input: Buffer): void {
  const result = parseMessage(input, { limits, datagram: true });
  if (!result.ok) return;
  for (const row of HEADERS) result.value.typed(row.name as Parameters<typeof result.value.typed>[0]);
  result.value.headers.add('X', 'y');
  result.value.toBuffer();
}

// Inputs that grow with n, each a trap for a parser that looks twice.
const TRAPS: readonly (readonly [string, (n: number) => void])[] = [
  ['a long header field', (n) => readAll(head(`X: ${'x'.repeat(n)}`))],
  ['blanks without end', (n) => readAll(head(`Contact: <sip:a@h>${' '.repeat(n)}\r\n ${'\t'.repeat(n)};x`))],
  ['folds without end', (n) => readAll(head(`Subject: a${'\r\n b'.repeat(n / 4)}`))],
  ['quotes within quotes', (n) => readAll(head(`Contact: "${'\\"'.repeat(n / 2)}" <sip:a@h>`))],
  ['a quote that never ends', (n) => readAll(head(`Contact: ${'"a" <sip:a@h>,'.repeat(n / 14)}"`))],
  ['a list of many', (n) => readAll(head(`Route: ${'<sip:a@h;lr>,'.repeat(n / 13)}<sip:b@h>`))],
  ['commas', (n) => readAll(head(`Supported: ${','.repeat(n)}`))],
  ['parameters', (n) => readAll(head(`Contact: <sip:a@h>${';a=b'.repeat(n / 4)}`))],
  ['semicolons in a Via', (n) => readAll(head(`Via: SIP/2.0/UDP h${';'.repeat(n)}`))],
  ['brackets', (n) => readAll(head(`Contact: ${'<'.repeat(n)}`))],
  ['comments in comments', (n) => readAll(head(`Retry-After: 5 ${'('.repeat(n)}`))],
  ['escapes', (n) => readAll(head(`Contact: <sip:${'%41'.repeat(n / 3)}@h>`))],
  ['header fields in a URI', (n) => readAll(head(`Contact: <sip:h?${'a=b&'.repeat(n / 4)}c=d>`))],
  ['lone CRs', (n) => readAll(head(`X: ${'\r'.repeat(n)}`))],
  ['digits', (n) => readAll(head(`Expires: ${'9'.repeat(n)}`))],
  ['dots', (n) => readAll(head(`Timestamp: ${'1.'.repeat(n / 2)}`))],
  ['CRLFs in front', (n) => readAll(bytes('\r\n'.repeat(n / 2)))],
  ['boundaries', (n) => void parseMultipart(bytes('--b'.repeat(n / 3)), 'b')],
  ['parts', (n) => void parseMultipart(bytes('--b\r\n'.repeat(n / 5)), 'b')],
  [
    'a message in pieces of one octet',
    (n) => {
      const framer = new StreamFramer(limits);
      const stream = head(`X: ${'x'.repeat(n / 8)}`);
      for (let at = 0; at < stream.length; at += 1) framer.push(stream.subarray(at, at + 1));
    },
  ],
  ['keep-alives', (n) => void new StreamFramer().push(bytes('\r\n'.repeat(n / 2)))],
];

const SMALL = 2 ** 16;
const GROWTH = 8;
/** Linear work costs 8 times as much, quadratic work 64 times; in between there is room for a busy machine. */
const SLACK = 4;
/** Below this a time says nothing; quadratic work on half a million octets takes far longer than this allows. */
const FLOOR_MS = 20;

for (const [what, work] of TRAPS) {
  test(`linear: ${what}`, () => {
    const small = Math.max(
      FLOOR_MS,
      cost(() => work(SMALL)),
    );
    const large = cost(() => work(SMALL * GROWTH));
    assert.ok(large < small * GROWTH * SLACK, `${small.toFixed(1)} ms became ${large.toFixed(1)} ms`);
  });
}

test.run();
