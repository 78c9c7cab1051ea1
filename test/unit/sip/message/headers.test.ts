// The table of header fields, walked row by row: a good and a bad value of each reader, every name of each field.
import * as assert from 'uvu/assert';
import { canonicalName, HEADERS, headerKey, headerRow } from '#src/sip/message/headers.ts';
import { SipRequest } from '#src/sip/message/message.ts';
import { SipUri } from '#src/sip/message/uri.ts';
import { suite } from '#test/support/suite.ts';
import { request } from './support.ts';

const test = suite('sip/message/headers');

const base = (...extra: readonly string[]): string =>
  [
    'OPTIONS sip:h SIP/2.0',
    'Via: SIP/2.0/UDP h;branch=z9hG4bKa',
    'From: <sip:a@h>;tag=1',
    'To: <sip:b@h>',
    'Call-ID: c',
    'CSeq: 1 OPTIONS',
    ...extra,
    '',
    '',
  ].join('\r\n');

test('no two rows share a name, and each names its clause', () => {
  const names = HEADERS.flatMap((row) => [row.key, ...(row.compact === '' ? [] : [row.compact])]);
  assert.is(new Set(names).size, names.length);
  for (const row of HEADERS) assert.match(row.clause, /^(RFC \d{4}|TS 24\.229)( |$)/);
});

test('the compact forms that the IANA register knows', () => {
  const compact = Object.fromEntries(
    HEADERS.filter((row) => row.compact !== '').map((row) => [row.compact, row.name]),
  );
  assert.equal(compact, {
    a: 'Accept-Contact',
    b: 'Referred-By',
    c: 'Content-Type',
    d: 'Request-Disposition',
    e: 'Content-Encoding',
    f: 'From',
    i: 'Call-ID',
    j: 'Reject-Contact',
    k: 'Supported',
    l: 'Content-Length',
    m: 'Contact',
    n: 'Identity-Info',
    o: 'Event',
    r: 'Refer-To',
    s: 'Subject',
    t: 'To',
    u: 'Allow-Events',
    v: 'Via',
    x: 'Session-Expires',
    y: 'Identity',
  });
});

test('every name in every writing finds its row, by name and in a message', () => {
  const required = new Set(['Via', 'From', 'To', 'Call-ID', 'CSeq', 'Content-Length', 'Max-Forwards']);
  for (const row of HEADERS) {
    const mixed = [...row.name].map((c, index) => (index % 2 ? c.toUpperCase() : c.toLowerCase())).join('');
    for (const name of [
      row.name,
      row.key,
      row.name.toUpperCase(),
      mixed,
      row.compact,
      row.compact.toUpperCase(),
    ]) {
      if (name === '') continue;
      assert.is(headerRow(name), row);
      assert.is(canonicalName(name), row.name);
      assert.is(headerKey(name), row.key);
      if (required.has(row.name)) continue;
      const [field] = request(base(`${name} : x`)).headers.fields.slice(-1);
      assert.is(field?.row, row, name);
      assert.is(field?.name, name);
    }
  }
  assert.is(headerRow('X-Unknown'), undefined);
  assert.is(headerKey('X-Unknown'), 'x-unknown');
  assert.is(canonicalName('x-Unknown'), 'x-Unknown');
});

/** A value of each row that its reader takes, from the RFCs where they give one. */
const GOOD: Readonly<Record<string, string>> = {
  Accept: 'application/sdp;level=1',
  'Accept-Encoding': 'gzip',
  'Accept-Language': 'en-gb;q=0.8',
  'Alert-Info': '<http://www.example.com/sounds/moo.wav>',
  'Authentication-Info': 'nextnonce="47364c23432d2e131a5fb210812c", rspauth="ab"',
  Authorization: 'Digest username="Alice", realm="atlanta.com", nonce="84a4cc", response="7587245234b3434cc"',
  'Call-Info': '<http://wwww.example.com/alice/photo.jpg> ;purpose=icon',
  'Content-Type': 'text/html; charset=ISO-8859-4',
  'Content-Length': '0',
  CSeq: '4711 INVITE',
  Date: 'Sat, 13 Nov 2010 23:29:00 GMT',
  'Max-Forwards': '6',
  'MIME-Version': '1.0',
  'Retry-After': '18000;duration=3600',
  Timestamp: '54.2 0.1',
  Via: 'SIP/2.0/UDP erlang.bell-telephone.com:5060;branch=z9hG4bK87asdks7',
  Warning: '307 isi.edu "Session parameter \'foo\' not understood"',
  'WWW-Authenticate':
    'Digest realm="atlanta.com", domain="sip:boxesbybob.com", qop="auth", nonce="f84f1c", stale=FALSE',
  'Proxy-Authenticate': 'Digest realm="atlanta.com", nonce="f84f1cec41e6cbe5aea9c8e88d359", algorithm=MD5',
  'Proxy-Authorization': 'Digest username="Alice", realm="atlanta.com", nonce="c60f", response="245f"',
  RAck: '776656 1 INVITE',
  Privacy: 'id; critical',
  Reason: 'SIP ;cause=200 ;text="Call completed elsewhere"',
  'Security-Client': 'sdes-srtp;mediasec',
  'Accept-Contact': '*;audio;require',
  Replaces: '98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff',
  Join: '12adf2f34456gs5;to-tag=12345;from-tag=54321',
  'Target-Dialog': 'fa77as7dad8-sd98ajzz@host.example.com;local-tag=kkaz-;remote-tag=6544',
  'Session-Expires': '4000;refresher=uac',
  'Resource-Priority': 'wps.3',
  'P-Asserted-Service': 'urn:urn-7:3gpp-service.exampletelephony.version1',
  'P-Preferred-Service': 'urn:urn-7:3gpp-service.exampletelephony.version1',
  Event: 'refer;id=93809824',
  'Subscription-State': 'terminated;reason=noresource;retry-after=5',
  'P-Visited-Network-ID': '"Visited network number 1"',
  'P-Access-Network-Info':
    'IEEE-802.11ac;i-wlan-node-id=00112233aabb;local-time-zone="UTC+01:00";network-provided',
  'Cellular-Network-Info': '3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=2340151D0FCE11;cell-info-age=33',
  'P-Charging-Function-Addresses': 'ccf=192.1.1.1; ccf=192.1.1.2; ecf="[5555::b99:c88:d77:e66]"',
  'P-Charging-Vector': 'icid-value=1234bc9876e; icid-generated-at=192.0.6.8; orig-ioi=home1.net',
  'User-to-User': '56a390f3d2b7310023a2;encoding=hex',
  'Feature-Caps': '*;+g.3gpp.mid-call;+g.3gpp.ps2cs-srvcc-orig-pre-alerting',
  'Geolocation-Error': '200;code="Permission To Retransmit Location Information"',
  'Response-Source': 'fe="<urn:3gpp:fe:p-cscf.orig>"',
  'Session-ID': 'ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2',
};

test('a good value of every row is read', () => {
  for (const row of HEADERS) {
    const { name } = row;
    // What suits the commonest shapes: numbers, addresses, tokens.
    const tries =
      GOOD[name] === undefined ? ['3600', '"T" <sip:a@b;lr>;index=1', 'token', 'token;p=1'] : [GOOD[name]];
    assert.ok(
      tries.some((value) => value !== undefined && row.read(value) !== undefined),
      name,
    );
  }
});

test('a value that no reader but that of free text takes', () => {
  const free = HEADERS.filter((row) => row.read('\x01 \x02 "<') !== undefined).map((row) => row.name);
  assert.equal(free.sort(), [
    'Content-ID',
    'DC-Info',
    'Encryption',
    'Hide',
    'Identity',
    'Identity-Info',
    'MIME-Version',
    'Organization',
    'P-DCS-Billing-Info',
    'P-DCS-LAES',
    'P-DCS-Redirect',
    'Reason-Phrase',
    'Response-Key',
    'Server',
    'Subject',
    'User-Agent',
  ]);
});

test('typed values mean what the text says', () => {
  const message = request(
    base(
      'Reason: SIP;cause=200;text="Call completed elsewhere", Q.850;cause=16',
      'Event: reg;id=7',
      'Subscription-State: Terminated;reason=Probation;retry-after=5',
      'Replaces: a@b;from-tag=f;to-tag=t;early-only',
      'Target-Dialog: a@b;local-tag=l;remote-tag=r',
      "Retry-After: 120 (I'm in (a) meeting);duration=60",
      'Warning: 399 h "caf\xc3\xa9", 370 i "x"',
      'RAck: 7 8 INVITE',
      'Timestamp: 54',
      'Date: Sat, 13 Nov 2010 23:29:00 GMT',
      'Privacy: ID;Critical',
      'P-Access-Network-Info: IEEE-802.11;i-wlan-node-id=00112233aabb;network-provided',
      'P-Charging-Vector: icid-value=1;orig-ioi=home1.net',
      'P-Associated-URI: <sip:a@h>, <tel:+1>',
      'Additional-Identity: tel:+22',
      'P-Early-Media: SendRecv, gated',
      'Session-Expires: 1800;refresher=uas',
      'WWW-Authenticate: Digest realm="a, b", nonce="c", qop="auth,auth-int", stale=TRUE',
      'WWW-Authenticate: Basic dGVzdA==',
      'Contact: *',
      'Content-Type: Multipart/Mixed;boundary="a b"',
    ),
  );
  assert.equal(
    message.reasons.map(({ protocol, cause, text }) => [protocol, cause, text]),
    [
      ['SIP', 200, 'Call completed elsewhere'],
      ['Q.850', 16, undefined],
    ],
  );
  assert.equal([message.event?.type, message.event?.id], ['reg', '7']);
  const state = message.subscriptionState;
  assert.equal([state?.state, state?.reason, state?.retryAfter], ['terminated', 'probation', 5]);
  const replaces = message.typed('Replaces');
  assert.equal(
    [replaces?.callId, replaces?.fromTag, replaces?.toTag, replaces?.earlyOnly],
    ['a@b', 'f', 't', true],
  );
  assert.equal([message.typed('Target-Dialog')?.fromTag, message.typed('Target-Dialog')?.toTag], ['l', 'r']);
  assert.is(message.retryAfter, 120);
  assert.is(message.typed('Retry-After')?.comment, "I'm in (a) meeting");
  assert.equal(message.typed('Warning')[0], { code: 399, agent: 'h', text: 'café' });
  assert.equal(message.typed('RAck'), { rseq: 7, cseq: 8, method: 'INVITE' });
  assert.equal(message.typed('Timestamp'), { value: 54 });
  assert.is(message.typed('Date')?.toISOString(), '2010-11-13T23:29:00.000Z');
  assert.equal(message.privacy, ['id', 'critical']);
  const [access] = message.typed('P-Access-Network-Info');
  assert.equal([access?.value, access?.networkProvided], ['IEEE-802.11', true]);
  assert.is(message.typed('P-Charging-Vector')?.get('orig-ioi'), 'home1.net');
  assert.equal(
    message.associatedUris.map(({ uri }) => uri.toString()),
    ['sip:a@h', 'tel:+1'],
  );
  assert.is(message.additionalIdentity?.uri.toString(), 'tel:+22');
  assert.equal(message.earlyMedia, ['sendrecv', 'gated']);
  assert.is(message.typed('Session-Expires')?.params.get('refresher'), 'uas');
  const [digest, basic] = message.challenges('WWW-Authenticate');
  assert.equal([digest?.params.get('realm'), digest?.params.get('qop')], ['a, b', 'auth,auth-int']);
  assert.is(basic?.scheme, 'Basic');
  assert.ok(message.contactIsStar);
  assert.equal(message.contacts, []);
  assert.is(message.contentType?.value, 'multipart/mixed');
  assert.is(message.contentType?.params.get('boundary'), 'a b');
  assert.equal(message.faults(), []);
});

test('an empty list is legal where it means something', () => {
  const message = request(base('P-Associated-URI:', 'Recv-Info: ', 'Supported:', 'Accept:'));
  assert.ok(message.headers.has('P-Associated-URI'));
  assert.equal(message.associatedUris, []);
  assert.equal(message.typed('Recv-Info'), []);
  assert.equal(message.faults(), []);
});

test('a bad element is left out and named, the others stay', () => {
  const message = request(base('P-Asserted-Identity: <sip:a@h>, a b c, <tel:+1>', 'Expires: soon'));
  assert.equal(
    message.assertedIdentities.map(({ uri }) => uri.toString()),
    ['sip:a@h', 'tel:+1'],
  );
  assert.is(message.expires, undefined);
  assert.equal(
    message.faults().map((row) => row.name),
    ['P-Asserted-Identity', 'Expires'],
  );
});

test('limits of numbers', () => {
  const at = (line: string): number | undefined => request(base(line)).expires;
  assert.is(at('Expires: 4294967295'), 4_294_967_295);
  assert.is(at('Expires: 4294967296'), undefined);
  assert.is(at('Expires: -1'), undefined);
  assert.is(at('Expires: 1e3'), undefined);
});

test('repeated fields and comma lists are one list in order', () => {
  const message = request(base('Route: <sip:a;lr>, <sip:b;lr>', 'X: y', 'route: <sip:c;lr>'));
  assert.equal(
    message.routes.map(({ uri }) => (uri instanceof SipUri ? uri.host : '')),
    ['a', 'b', 'c'],
  );
  assert.equal(message.headerValues('Route'), ['<sip:a;lr>', '<sip:b;lr>', '<sip:c;lr>']);
  assert.equal(message.headers.getAll('Route'), ['<sip:a;lr>, <sip:b;lr>', '<sip:c;lr>']);
});

test('reading a typed value changes nothing', () => {
  const text = base('Reason: SIP ; cause=200', 'X-Odd :\t a,,;b ');
  const message = request(text);
  message.faults();
  assert.is(message.toBuffer().toString('latin1'), text);
  assert.instance(message, SipRequest);
});

test.run();
