// RFC 5118: IPv6 in SIP, each example with its meaning beside it. Content-Length is the body's own here: the RFC
// counts some of its bodies wrong, and that is not what its examples are about.
import * as assert from 'uvu/assert';
import { SipRequest } from '#src/sip/message/message.ts';
import { SipUri } from '#src/sip/message/uri.ts';
import { suite } from '#test/support/suite.ts';
import { answerTo, faultOf, parsed, request } from './support.ts';

const test = suite('sip/message/rfc5118');

const message = (lines: readonly string[], body: readonly string[] = []): string => {
  const text = body.map((line) => `${line}\r\n`).join('');
  return [...lines, `Content-Length: ${text.length}`, '', text].join('\r\n');
};

const register = (uri: string, via = '[2001:db8::9:1]'): string =>
  message([
    `REGISTER ${uri} SIP/2.0`,
    'To: sip:user@example.com',
    'From: sip:user@example.com;tag=81x2',
    `Via: SIP/2.0/UDP ${via};branch=z9hG4bKas3-111`,
    'Call-ID: SSG9559905523997077@hlau_4100',
    'Max-Forwards: 70',
    'Contact: "Caller" <sip:caller@[2001:db8::1]>',
    'CSeq: 98176 REGISTER',
  ]);

const place = (value: unknown): readonly [string, number | undefined] | undefined =>
  value instanceof SipUri ? [value.host, value.port] : undefined;

test('4.1 a valid message with an IPv6 reference', () => {
  const { requestUri, topVia, contacts } = request(register('sip:[2001:db8::10]'));
  assert.equal(place(requestUri), ['2001:db8::10', undefined]);
  assert.is(topVia.host, '2001:db8::9:1');
  assert.is(topVia.sentBy, '[2001:db8::9:1]');
  assert.equal(place(contacts[0]?.uri), ['2001:db8::1', undefined]);
});

test('4.2 a Request-URI without brackets is answered 400', () => {
  const fault = faultOf(register('sip:2001:db8::10'));
  assert.is(fault.status, 400);
  assert.is(fault.reason, 'Malformed Request-URI');
  assert.instance(fault.partial, SipRequest);
});

test('4.3 what stands in the brackets is address, even where a port was meant', () => {
  assert.equal(place(request(register('sip:[2001:db8::10:5070]')).requestUri), [
    '2001:db8::10:5070',
    undefined,
  ]);
});

test('4.4 a port behind the brackets', () => {
  const { requestUri } = request(register('sip:[2001:db8::10]:5070'));
  assert.equal(place(requestUri), ['2001:db8::10', 5070]);
  assert.is(requestUri instanceof SipUri ? requestUri.hostPort : '', '[2001:db8::10]:5070');
});

for (const received of ['[2001:db8::9:255]', '2001:db8::9:255']) {
  test(`4.5 received=${received} is the same address with and without brackets`, () => {
    const bye = request(
      message([
        'BYE sip:[2001:db8::10] SIP/2.0',
        'To: sip:user@example.com;tag=bd76ya',
        'From: sip:user@example.com;tag=81x2',
        `Via: SIP/2.0/UDP [2001:db8::9:1];received=${received};branch=z9hG4bKas3-111`,
        'Call-ID: SSG9559905523997077@hlau_4100',
        'Max-Forwards: 70',
        'CSeq: 321 BYE',
      ]),
    );
    assert.is(bye.topVia.received, '2001:db8::9:255');
    assert.is(bye.topVia.branch, 'z9hG4bKas3-111');
    assert.match(bye.toBuffer().toString(), `received=${received};`);
  });
}

const invite = (via: readonly string[], contact: string, body: readonly string[]): string =>
  message(
    [
      'INVITE sip:user@[2001:db8::10] SIP/2.0',
      'To: sip:user@[2001:db8::10]',
      'From: sip:user@example.com;tag=81x2',
      ...via.map((value) => `Via: ${value}`),
      'Call-ID: SSG9559905523997077@hlau_4100',
      `Contact: ${contact}`,
      'CSeq: 8912 INVITE',
      'Max-Forwards: 70',
      'Content-Type: application/sdp',
    ],
    body,
  );

test('4.6 IPv6 addresses in the body stay as they are', () => {
  const sdp = [
    'v=0',
    'o=assistant 971731711378798081 0 IN IP6 2001:db8::20',
    's=Live video feed for today',
    'c=IN IP6 2001:db8::20',
    't=3338481189 3370017201',
    'm=audio 6000 RTP/AVP 2',
    'a=rtpmap:2 G726-32/8000',
    'm=video 6024 RTP/AVP 107',
    'a=rtpmap:107 H263-1998/90000',
  ];
  const text = invite(
    ['SIP/2.0/UDP [2001:db8::20];branch=z9hG4bKas3-111'],
    '"Caller" <sip:caller@[2001:db8::20]>',
    sdp,
  );
  assert.equal(request(text).body.toString().trimEnd().split('\r\n'), sdp);
  assert.is(request(text).toBuffer().toString(), text);
});

test('4.7 IPv4 and IPv6 in the header fields of one message', () => {
  const { vias, to } = request(
    invite(
      [
        'SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111',
        'SIP/2.0/UDP 192.0.2.1;received=192.0.2.2;branch=z9hG4bKjhja8781hjuaij65144',
        'SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200',
      ],
      '"Caller" <sip:caller@[2001:db8::9:1]>',
      [],
    ),
  );
  assert.equal(
    vias.map(({ host, port, received }) => [host, port, received]),
    [
      ['2001:db8::9:1', 6050, undefined],
      ['192.0.2.1', undefined, '192.0.2.2'],
      ['2001:db8::9:255', undefined, '192.0.2.200'],
    ],
  );
  assert.equal(place(to.uri), ['2001:db8::10', undefined]);
});

test('4.8 IPv4 and IPv6 in one body', () => {
  const sdp = [
    'v=0',
    'o=bob 280744730 28977631 IN IP4 host.example.com',
    's=',
    't=0 0',
    'm=audio 22334 RTP/AVP 0',
    'c=IN IP4 192.0.2.1',
    'm=video 6024 RTP/AVP 107',
    'c=IN IP6 2001:db8::1',
    'a=rtpmap:107 H263-1998/90000',
  ];
  const text = invite(
    ['SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111'],
    '<sip:caller@[2001:db8::9:1]>',
    sdp,
  );
  assert.is(parsed(text).body.toString(), `${sdp.join('\r\n')}\r\n`);
});

test('4.9 IPv4-mapped IPv6 addresses', () => {
  const { vias, contacts } = request(
    invite(
      [
        'SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19',
        'SIP/2.0/UDP [::ffff:192.0.2.2];branch=z9hG4bKas3-111',
      ],
      '"T. desk phone" <sip:ted@[::ffff:192.0.2.2]>',
      ['v=0', 'o=assistant 971731711378798081 0 IN IP6 ::ffff:192.0.2.2'],
    ),
  );
  assert.equal(
    vias.map(({ host, port }) => [host, port]),
    [
      ['::ffff:192.0.2.10', 19823],
      ['::ffff:192.0.2.2', undefined],
    ],
  );
  assert.equal(place(contacts[0]?.uri), ['::ffff:192.0.2.2', undefined]);
});

test('4.10 the third colon of the ABNF of RFC 3261 is borne', () => {
  const written = 'sip:user@[2001:db8:::192.0.2.1]';
  const { requestUri } = request(register(written));
  assert.equal(place(requestUri), ['2001:db8::192.0.2.1', undefined]);
  assert.is(requestUri.toString(), written);
  assert.equal(place(request(register('sip:user@[2001:db8::192.0.2.1]')).requestUri), [
    '2001:db8::192.0.2.1',
    undefined,
  ]);
});

test('4.10 and nowhere else', () => {
  for (const host of [
    '2001:db8:::10',
    '2001:db8::::192.0.2.1',
    '2001:db8::1:::192.0.2.1',
    'fe80::1%eth0',
    '',
  ]) {
    assert.is(answerTo(register(`sip:user@[${host}]`)), 400, host);
  }
});

test.run();
