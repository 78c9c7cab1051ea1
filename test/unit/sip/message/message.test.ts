// Messages made, changed, answered: what was not touched leaves with the bytes it came with.
import * as assert from 'uvu/assert';
import { TandemError } from '#src/base/errors.ts';
import { checkRequest } from '#src/sip/message/check.ts';
import { HeaderList } from '#src/sip/message/header-list.ts';
import { hasToken, SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { buildMultipart, parseMultipart } from '#src/sip/message/multipart.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { DEFAULT_LIMITS } from '#src/sip/message/parse.ts';
import { fragmentStatus, parseSipFragment } from '#src/sip/message/sipfrag.ts';
import { SipUri } from '#src/sip/message/uri.ts';
import { suite } from '#test/support/suite.ts';
import { faultOf, PLAIN_AGENT, parsed, request, response } from './support.ts';

const test = suite('sip/message/message');

const INVITE = [
  'INVITE sip:bob@biloxi.com SIP/2.0',
  'v: SIP/2.0/TCP pc33.atlanta.com ; branch=z9hG4bK776asdhds,',
  '  SIP/2.0/UDP h2;branch=z9hG4bKb',
  'X-Latin: \xe9\xff \xa0',
  'mAx-FoRwArDs:\t70',
  'To: Bob <sip:bob@biloxi.com>',
  'From: "J\xc3\xb6rg" <sip:j@h>;tag=1928301774',
  'Call-ID: a84b4c76e66710@pc33.atlanta.com',
  'CSeq: 314159 INVITE',
  'Record-Route: <sip:p1;lr>',
  'Timestamp: 12.5',
  'Content-Type: application/sdp',
  'Content-Length: 4',
  '',
  'v=0\n',
].join('\r\n');

test('an unchanged message leaves as it came, octet for octet', () => {
  assert.is(parsed(INVITE).toBuffer().toString('latin1'), INVITE);
});

test('in a changed message every untouched line leaves as it came', () => {
  const message = request(INVITE);
  message.headers.prepend('Via', 'SIP/2.0/UDP us;branch=z9hG4bKc');
  message.headers.set('Max-Forwards', '69');
  message.headers.add('X-New', 'n');
  const lines = INVITE.split('\r\n');
  const expected = [
    lines[0],
    'Via: SIP/2.0/UDP us;branch=z9hG4bKc',
    ...lines.slice(1, 4),
    'Max-Forwards: 69',
    ...lines.slice(5, 13),
    'X-New: n',
    ...lines.slice(13),
  ].join('\r\n');
  assert.is(message.toBuffer().toString('latin1'), expected);
  assert.equal(
    message.vias.map(({ host }) => host),
    ['us', 'pc33.atlanta.com', 'h2'],
  );
  assert.is(message.maxForwards, 69);
});

test('the first element of a list is replaced and taken away', () => {
  const message = request(INVITE);
  message.headers.replaceFirst('Via', message.topVia.withParam('received', '192.0.2.1').toString());
  assert.is(message.topVia.received, '192.0.2.1');
  assert.is(message.vias.length, 2);
  message.headers.removeFirst('Via');
  assert.equal(
    message.vias.map(({ host }) => host),
    ['h2'],
  );
  message.headers.removeFirst('Via');
  assert.not(message.headers.has('v'));
});

test('a copy is changed by itself', () => {
  const message = request(INVITE);
  const copy = message.clone();
  copy.headers.remove('From');
  copy.requestUri = SipUri.of({ host: 'x' });
  assert.is(message.toBuffer().toString('latin1'), INVITE);
  assert.is(copy.startLine, 'INVITE sip:x SIP/2.0');
});

test('a new body takes its length along', () => {
  const message = request(INVITE);
  message.setBody('text/plain', 'žluť');
  assert.match(
    message.toBuffer().toString('utf8'),
    /Content-Type: text\/plain\r\nContent-Length: 6\r\n\r\nžluť$/,
  );
  const made = SipRequest.create({ method: 'BYE', uri: SipUri.of({ host: 'h' }) });
  assert.is(made.toBuffer().toString(), 'BYE sip:h SIP/2.0\r\nContent-Length: 0\r\n\r\n');
});

test('a reply takes along what it must', () => {
  const reply = SipResponse.reply(request(INVITE), 180, { toTag: 't1', headers: [['Contact', '<sip:us>']] });
  assert.is(
    reply.toBuffer().toString('latin1'),
    [
      'SIP/2.0 180 Ringing',
      'Via: SIP/2.0/TCP pc33.atlanta.com ; branch=z9hG4bK776asdhds, SIP/2.0/UDP h2;branch=z9hG4bKb',
      'To: Bob <sip:bob@biloxi.com>;tag=t1',
      'From: "J\xc3\xb6rg" <sip:j@h>;tag=1928301774',
      'Call-ID: a84b4c76e66710@pc33.atlanta.com',
      'CSeq: 314159 INVITE',
      'Record-Route: <sip:p1;lr>',
      'Contact: <sip:us>',
      'Content-Length: 0',
      '',
      '',
    ].join('\r\n'),
  );
  const trying = SipResponse.reply(request(INVITE), 100, { toTag: 't1' });
  assert.is(trying.to.tag, undefined);
  assert.is(trying.header('Timestamp'), '12.5');
  assert.is(SipResponse.reply(request(INVITE), 404, { toTag: 't1' }).headers.has('Record-Route'), false);
  assert.is(SipResponse.reply(request(INVITE), 499).reason, 'Client Error');
});

test('text from our own side leaves as UTF-8', () => {
  const name = NameAddr.of(SipUri.of({ host: 'h' }), { displayName: 'Żółw "x"' });
  const made = SipResponse.create({ status: 200, reason: 'Dobře', headers: [['From', name.toString()]] });
  assert.is(made.toBuffer().toString('utf8').split('\r\n')[0], 'SIP/2.0 200 Dobře');
  assert.is(response(withRequired(made)).from.displayName, 'Żółw "x"');
});

function withRequired(made: SipResponse): Buffer {
  made.headers.add('Via', 'SIP/2.0/UDP h;branch=z9hG4bKa');
  made.headers.add('To', '<sip:a@h>');
  made.headers.add('Call-ID', 'c');
  made.headers.add('CSeq', '1 BYE');
  return made.toBuffer();
}

test('a header field cannot be smuggled in', () => {
  for (const [name, value] of [
    ['X', 'a\r\nVia: b'],
    ['X', 'a\nb'],
    ['X: y', 'z'],
    ['', 'z'],
  ] as const) {
    try {
      HeaderList.of([[name, value]]);
      assert.unreachable();
    } catch (error) {
      assert.ok(TandemError.is(error, 'sip.header'));
    }
  }
  assert.not(SipResponse.create({ status: 200, reason: 'a\r\nb' }).startLine.includes('\r'));
});

const line = (...lines: readonly string[]): string =>
  [
    'OPTIONS sip:h SIP/2.0',
    'Via: SIP/2.0/UDP h;branch=z9hG4bKa',
    'From: <sip:a@h>;tag=1',
    'To: <sip:b@h>',
    'Call-ID: c',
    'CSeq: 1 OPTIONS',
    ...lines,
    '',
    '',
  ].join('\r\n');

// Bytes, status (undefined: dropped), reason.
const FAULTS: readonly (readonly [string, string, number | undefined, string])[] = [
  ['nothing', '', undefined, 'Malformed start line'],
  ['noise', 'a\r\n\r\n', undefined, 'Malformed start line'],
  ['a short request line', 'OPTIONS sip:h\r\n\r\n', undefined, 'Malformed request line'],
  ['a Content-Length that is no number', line('Content-Length: abc'), 400, 'Bad Content-Length header field'],
  ['two Content-Lengths', line('Content-Length: 0', 'l: 0'), 400, 'Bad Content-Length header field'],
  ['a Max-Forwards out of range', line('Max-Forwards: 256'), 400, 'Bad Max-Forwards header field'],
  ['a line that is no field', line('no field here'), 400, 'Malformed header line'],
  ['a name with a blank in it', line('No Name: x'), 400, 'Malformed header line'],
  ['a bare LF', line('X: a\nY: b'), 400, 'Bare CR or LF in the header'],
  ['a bare CR', line('X: a\rb'), 400, 'Bare CR or LF in the header'],
  ['no Via', line().replace(/Via.*\r\n/, ''), undefined, 'Missing Via header field'],
  ['an empty Via', line().replace(/Via.*\r\n/, 'Via:\r\n'), undefined, 'Missing Via header field'],
  [
    'a Via without a sender',
    line().replace(/Via.*\r\n/, 'Via: SIP/2.0/UDP\r\n'),
    undefined,
    'Bad Via header field',
  ],
  ['no To', line().replace(/To.*\r\n/, ''), 400, 'Missing To header field'],
  [
    'a bad ACK',
    line()
      .replaceAll('OPTIONS', 'ACK')
      .replace(/To.*\r\n/, ''),
    undefined,
    'Missing To header field',
  ],
  ['a bad response', line('X').replace(/^.*/, 'SIP/2.0 200 OK'), undefined, 'Malformed header line'],
  ['a status of one digit', 'SIP/2.0 2 OK\r\n\r\n', undefined, 'Malformed status line'],
  ['a status of no class', 'SIP/2.0 700 OK\r\n\r\n', undefined, 'Malformed status line'],
  ['no end of the head', line().slice(0, -2), 400, 'Missing empty line after the header'],
  ['a long Request-URI', line().replace('sip:h', `sip:${'h'.repeat(8200)}`), 414, 'Request-URI too long'],
  ['a large header', line(`X: ${'x'.repeat(65_536)}`), 513, 'Message header too large'],
  ['many header fields', line(...Array.from({ length: 300 }, () => 'X: y')), 513, 'Too many header fields'],
  ['a large body', line('Content-Length: 1048577'), 513, 'Message body too large'],
];

for (const [what, bytes, status, reason] of FAULTS) {
  test(`${what} is ${status ? `answered ${status}` : 'dropped'}`, () => {
    const fault = faultOf(bytes);
    assert.equal([fault.status, fault.reason], [status, reason]);
    if (status) assert.is(fault.partial instanceof SipRequest && fault.partial.topVia.host, 'h');
  });
}

test('limits can be set lower', () => {
  const limits = { headerLines: 5 };
  assert.is(faultOf(line('X: y'), { limits, datagram: true }).status, 513);
  assert.is(DEFAULT_LIMITS.headerLines, 256);
});

test('octets behind the body: dropped from a datagram, an error in a stream', () => {
  assert.is(request(`${line('Content-Length: 0')}junk`).body.length, 0);
  assert.is(faultOf(`${line('Content-Length: 0')}junk`, {}).reason, 'Body longer than Content-Length');
  assert.is(request(`${line()}rest`).body.toString(), 'rest');
});

test('CRLFs before the start line are skipped', () => {
  assert.is(request(`\r\n\r\n${line()}`).toBuffer().toString(), line());
});

const refused = (bytes: string): unknown => {
  const refusal = checkRequest(request(bytes), PLAIN_AGENT);
  return refusal && [refusal.status, ...refusal.headers.map(([name, value]) => `${name}: ${value}`)];
};

test('RFC 3261 8.2: what a user agent refuses', () => {
  assert.is(refused(line()), undefined);
  assert.equal(refused(line().replaceAll('OPTIONS', 'FROB')), [
    405,
    `Allow: ${PLAIN_AGENT.methods.join(', ')}`,
  ]);
  assert.equal(refused(line().replace('sip:h', 'http://h')), [416]);
  assert.equal(refused(line('Require: a, 100rel')), [420, 'Unsupported: a, 100rel']);
  assert.is(refused(line('Require: a').replaceAll('OPTIONS', 'CANCEL')), undefined);
  assert.equal(refused(line('Contact: *')), [400]);
  assert.equal(refused(line('Record-Route: <sip:a')), [400]);
  assert.is(refused(line('P-Asserted-Identity: <sip:a')), undefined);
  const body = ['Content-Length: 1', '', 'x'].join('\r\n');
  assert.equal(refused(line('Content-Type: a/b', body)), [
    415,
    'Accept: application/sdp, text/plain, multipart/mixed',
  ]);
  assert.is(refused(line('Content-Type: a/b', 'Content-Disposition: x;handling=optional', body)), undefined);
  assert.equal(refused(line('Content-Type: text/plain', 'Content-Encoding: gzip', body)), [
    415,
    'Accept-Encoding: identity',
  ]);
  assert.equal(refused(line('Accept: text/x')), [406]);
  assert.is(refused(line('Accept: application/*')), undefined);
});

test('option tags are compared in any case', () => {
  assert.ok(hasToken(['100REL', 'timer'], '100rel'));
  assert.not(hasToken(['100rel'], '100re'));
});

test('RFC 3420: fragments', () => {
  assert.equal(fragmentStatus(Buffer.from('SIP/2.0 200 OK')), { status: 200, reason: 'OK' });
  assert.equal(fragmentStatus(Buffer.from('SIP/2.0 180 Ringing\n')), { status: 180, reason: 'Ringing' });
  assert.equal(fragmentStatus(Buffer.from('SIP/2.0 603 Declined\r\nX: y\r\n')), {
    status: 603,
    reason: 'Declined',
  });
  assert.is(fragmentStatus(Buffer.from('From: <sip:a@b>\r\n')), undefined);
  const fragment = parseSipFragment(Buffer.from('INVITE sip:a@b SIP/2.0\r\nFrom: <sip:c@d>\r\n\r\nbody'));
  assert.is(fragment.ok && fragment.value.start?.kind, 'request');
  assert.is(fragment.ok && fragment.value.headers.get('f'), '<sip:c@d>');
  assert.is(fragment.ok && fragment.value.body.toString(), 'body');
  assert.not(parseSipFragment(Buffer.from('not a fragment')).ok);
  assert.not(parseSipFragment(Buffer.alloc(0)).ok);
});

test('RFC 2046: a multipart body made and read', () => {
  const parts = [
    { headers: HeaderList.of([['Content-Type', 'application/sdp']]), body: Buffer.from('v=0\r\n') },
    { headers: new HeaderList(), body: Buffer.from([0, 13, 10, 45, 45, 98, 255]) },
    { headers: HeaderList.of([['X', 'y']]), body: Buffer.alloc(0) },
  ];
  const read = parseMultipart(buildMultipart(parts, 'b1'), 'b1');
  assert.ok(read.ok);
  if (!read.ok) return;
  assert.equal(
    read.value.map(({ body }) => body.toString('hex')),
    parts.map(({ body }) => body.toString('hex')),
  );
  assert.is(read.value[0]?.headers.get('c'), 'application/sdp');
});

test('RFC 2046: preamble, epilogue, blanks behind the boundary', () => {
  const text =
    'preamble\r\n--b \t\r\n\r\none\r\n--bb\r\n--b--x\r\n--b\r\nX: y\r\n\r\n\r\n--b--\r\nepilogue --b';
  const read = parseMultipart(Buffer.from(text), 'b');
  assert.ok(read.ok);
  if (read.ok)
    assert.equal(
      read.value.map(({ body }) => body.toString()),
      ['one\r\n--bb\r\n--b--x', ''],
    );
});

for (const text of ['', 'no boundary', '--b\r\n\r\nx', '--b', '--b\r\nbad line\r\n\r\nx\r\n--b--']) {
  test(`malformed multipart: ${JSON.stringify(text)}`, () =>
    assert.not(parseMultipart(Buffer.from(text), 'b').ok));
}

test.run();
