// RFC 4475: every message of the set that npm's `sip` carries. `baddn.dat` lacks its blank line, which stands in
// `baddn_sep.dat`; `badcseq.dat` and `test.dat` are not the RFC's, but broken all the same.
import { readdirSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { StreamFramer } from '#src/sip/message/framing.ts';
import { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { findPart, parseMultipart } from '#src/sip/message/multipart.ts';
import { toText } from '#src/sip/message/octets.ts';
import { parseMessage } from '#src/sip/message/parse.ts';
import { SipUri } from '#src/sip/message/uri.ts';
import { suite } from '#test/support/suite.ts';
import { answerTo, faultOf, parsed, request, response, torture } from './support.ts';

const test = suite('sip/message/rfc4475');

const bytesOf = (name: string): Buffer =>
  name === 'baddn' ? Buffer.concat([torture('baddn'), torture('baddn_sep')]) : torture(name);

const user = (uri: unknown): string | undefined => (uri instanceof SipUri ? uri.user : undefined);

/** Valid messages: what a plain user agent answers (undefined: it acts), and what must have been read. */
const VALID: readonly (readonly [
  name: string,
  clause: string,
  answer: number | undefined,
  check: (name: string) => void,
])[] = [
  ['wsinv', '3.1.1.1', undefined, checkShortTortuousInvite],
  ['intmeth', '3.1.1.2', 405, checkWideRange],
  [
    'esc01',
    '3.1.1.3',
    undefined,
    () => {
      const message = request(torture('esc01'));
      assert.is(user(message.requestUri), 'sips%3Auser%40example.com');
      assert.is(message.to.uri.toString(), 'sip:%75se%72@example.com');
      assert.is(message.from.uri.toString(), 'sip:I%20have%20spaces@example.net');
      const [contact] = message.contacts;
      assert.is(contact?.uri.toString(), 'sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31');
      assert.is(contact?.uri instanceof SipUri ? contact.uri.params.get('n%61me') : '', 'v%61lue%25%34%31');
    },
  ],
  [
    'escnull',
    '3.1.1.4',
    undefined,
    () => {
      const message = request(torture('escnull'));
      assert.is(user(message.to.uri), 'null-%00-null');
      assert.equal(
        message.contacts.map(({ uri }) => user(uri)),
        ['%00', '%00%00'],
      );
    },
  ],
  [
    'esc02',
    '3.1.1.5',
    405,
    () => {
      const message = request(torture('esc02'));
      assert.is(message.method, 'RE%47IST%45R');
      assert.is(message.to.displayName, '%Z%45');
      assert.is(message.topVia.branch, 'z9hG4bK209%fzsnel234');
      assert.equal(
        message.contacts.map(({ uri }) => user(uri)),
        ['alias1', 'alias3'],
      );
      assert.is(message.header('C%6Fntact'), '<sip:alias2@host2.example.com>');
    },
  ],
  [
    'lwsdisp',
    '3.1.1.6',
    undefined,
    () => {
      const { from } = request(torture('lwsdisp'));
      assert.is(from.displayName, 'caller');
      assert.is(from.tag, '323');
    },
  ],
  ['longreq', '3.1.1.7', undefined, checkLongRequest],
  [
    'dblreq',
    '3.1.1.8',
    undefined,
    () => {
      const message = request(torture('dblreq'));
      assert.is(message.method, 'REGISTER');
      assert.is(message.body.length, 0);
      assert.is(message.toBuffer().toString('latin1').includes('INVITE'), false);
    },
  ],
  [
    'semiuri',
    '3.1.1.9',
    undefined,
    () => {
      const message = request(torture('semiuri'));
      const uri = message.requestUri;
      assert.is(user(uri), 'user;par=u%40example.net');
      assert.is(uri instanceof SipUri && uri.params.size, 0);
      assert.is(message.typed('Accept').length, 6);
    },
  ],
  [
    'transports',
    '3.1.1.10',
    undefined,
    () => {
      const { vias } = request(torture('transports'));
      assert.equal(
        vias.map(({ transport }) => transport),
        ['UDP', 'SCTP', 'TLS', 'UNKNOWN', 'TCP'],
      );
      assert.is(vias[3]?.sentBy, 't4.example.com');
    },
  ],
  ['mpart01', '3.1.1.11', undefined, checkMultipart],
  [
    'unreason',
    '3.1.1.12',
    undefined,
    () => {
      const message = response(torture('unreason'));
      assert.is(message.status, 200);
      assert.is(toText(message.reason), '= 2**3 * 5**2 но сто девяносто девять - простое');
    },
  ],
  [
    'noreason',
    '3.1.1.13',
    undefined,
    () => {
      const message = response(torture('noreason'));
      assert.is(message.status, 100);
      assert.is(message.reason, '');
    },
  ],
  // 3.1.2 and on hold messages that are well-formed and meant to be acted on, or refused for what they ask.
  [
    'badbranch',
    '3.2.1',
    undefined,
    () => {
      const { topVia } = request(torture('badbranch'));
      assert.is(topVia.branch, 'z9hG4bK');
      assert.not(topVia.hasUniqueBranch);
    },
  ],
  ['unkscm', '3.3.2', 416, () => assert.is(request(torture('unkscm')).requestUri.scheme, 'other')],
  [
    'novelsc',
    '3.3.3',
    416,
    () => assert.is(`${request(torture('novelsc')).requestUri}`, 'soap.beep://192.0.2.103:3002'),
  ],
  [
    'unksm2',
    '3.3.4',
    undefined,
    () => {
      const message = request(torture('unksm2'));
      assert.is(message.to.uri.toString(), 'isbn:2983792873');
      assert.is(message.from.uri.toString(), 'http://www.example.com');
      assert.is(message.contacts[0]?.uri.toString(), 'name:John_Smith');
    },
  ],
  [
    'bext01',
    '3.3.5',
    420,
    () =>
      assert.equal(request(torture('bext01')).require, ['nothingSupportsThis', 'nothingSupportsThisEither']),
  ],
  [
    'invut',
    '3.3.6',
    415,
    () => assert.is(request(torture('invut')).contentType?.value, 'application/unknownformat'),
  ],
  [
    'regaut01',
    '3.3.7',
    undefined,
    () => {
      const [credentials] = request(torture('regaut01')).authorizations('Authorization');
      assert.is(credentials?.scheme, 'NoOneKnowsThisScheme');
      assert.is(credentials?.params.get('opaque-data'), 'here');
    },
  ],
  [
    'bcast',
    '3.3.10',
    undefined,
    () =>
      assert.equal(
        response(torture('bcast')).vias.map(({ host }) => host),
        ['192.0.2.198', '255.255.255.255'],
      ),
  ],
  ['zeromf', '3.3.11', undefined, () => assert.is(request(torture('zeromf')).maxForwards, 0)],
  [
    'cparam01',
    '3.3.12',
    undefined,
    () => {
      const [contact] = request(torture('cparam01')).contacts;
      assert.is(contact?.uri.toString(), 'sip:+19725552222@gw1.example.net');
      assert.is(contact?.params.get('unknownparam'), '');
    },
  ],
  [
    'cparam02',
    '3.3.13',
    undefined,
    () => {
      const [contact] = request(torture('cparam02')).contacts;
      assert.is(contact?.params.size, 0);
      assert.is(contact?.uri instanceof SipUri && contact.uri.params.has('unknownparam'), true);
    },
  ],
  [
    'regescrt',
    '3.3.14',
    undefined,
    () => {
      const [contact] = request(torture('regescrt')).contacts;
      assert.is(contact?.uri instanceof SipUri ? contact.uri.headers : '', 'Route=%3Csip:sip.example.com%3E');
    },
  ],
  [
    'sdp01',
    '3.3.15',
    406,
    () => assert.is(request(torture('sdp01')).typed('Accept')[0]?.value, 'text/nobodyknowsthis'),
  ],
  [
    'inv2543',
    '3.4.1',
    undefined,
    () => {
      const message = request(torture('inv2543'));
      assert.is(message.maxForwards, undefined);
      assert.is(message.topVia.branch, undefined);
      assert.is(message.from.tag, undefined);
      assert.is(message.body.length > 0, true);
    },
  ],
];

/** Invalid messages: the status they are answered with; undefined for those that get no answer. */
const INVALID: readonly (readonly [name: string, clause: string, answer: number | undefined])[] = [
  ['badinv01', '3.1.2.1', 400],
  ['clerr', '3.1.2.2', 400],
  ['ncl', '3.1.2.3', 400],
  ['scalar02', '3.1.2.4', 400],
  ['scalarlg', '3.1.2.5', undefined],
  ['quotbal', '3.1.2.6', 400],
  ['ltgtruri', '3.1.2.7', 400],
  ['lwsruri', '3.1.2.8', 400],
  ['lwsstart', '3.1.2.9', 400],
  ['trws', '3.1.2.10', 400],
  ['escruri', '3.1.2.11', 400],
  ['baddate', '3.1.2.12', 400],
  ['regbadct', '3.1.2.13', 400],
  ['badaspec', '3.1.2.14', 400],
  ['baddn', '3.1.2.15', 400],
  ['badvers', '3.1.2.16', 505],
  ['mismatch01', '3.1.2.17', 400],
  ['mismatch02', '3.1.2.18', 400],
  ['bigcode', '3.1.2.19', undefined],
  ['insuf', '3.3.1', 400],
  ['multi01', '3.3.8', 400],
  ['mcl01', '3.3.9', 400],
  ['badcseq', 'not of the RFC', 400],
  ['test', 'not of the RFC', undefined],
];

for (const [name, clause, answer, check] of VALID) {
  test(`${clause} ${name} is read right${answer ? ` and answered ${answer}` : ''}`, () => {
    check(name);
    assert.is(answerTo(torture(name)), answer);
  });

  test(`${clause} ${name} leaves as it came, and made anew means the same`, () => {
    const bytes = torture(name);
    const message = parsed(bytes);
    const whole = message.toBuffer();
    assert.is(Buffer.compare(whole, bytes.subarray(0, whole.length)), 0);
    if (name !== 'dblreq') assert.is(whole.length, bytes.length);
    const { body } = message;
    const headers = [...message.headers];
    const anew =
      message instanceof SipRequest
        ? SipRequest.create({ method: message.method, uri: message.requestUri, headers, body })
        : message instanceof SipResponse
          ? SipResponse.create({ status: message.status, reason: message.reason, headers, body })
          : undefined;
    const again = parsed(anew?.toBuffer() ?? '');
    assert.is(again.startLine, message.startLine);
    assert.equal([...again.headers].slice(0, headers.length), headers);
    assert.is(Buffer.compare(again.body, body), 0);
  });
}

for (const [name, clause, answer] of INVALID) {
  test(`${clause} ${name} is ${answer ? `answered ${answer}` : 'dropped'}`, () => {
    assert.is(answerTo(bytesOf(name)), answer);
    const result = parseMessage(bytesOf(name), { datagram: true });
    if (result.ok || !answer) return;
    // Enough is there to make the answer from.
    const { partial, reason } = result.error;
    assert.instance(partial, SipRequest);
    assert.match(reason, /^[A-Z][\w -]+$/);
    if (!(partial instanceof SipRequest)) return;
    const reply = SipResponse.reply(partial, answer, { reason, toTag: 'us' });
    assert.ok(reply.topVia.host);
    assert.match(reply.toBuffer().toString('latin1'), new RegExp(`^SIP/2\\.0 ${answer} ${reason}\r\n`));
  });
}

test('every file of the set is looked at', () => {
  const files = readdirSync('node_modules/sip/test/messages').filter((file) => file.endsWith('.dat'));
  const named = [...VALID, ...INVALID].map(([name]) => `${name}.dat`);
  assert.equal(files.filter((file) => file !== 'baddn_sep.dat').sort(), named.sort());
});

test('3.1.2.2 a stream waits for the octets that clerr announces', () => {
  const framer = new StreamFramer();
  assert.equal(framer.push(torture('clerr')), []);
  assert.is(framer.pending, torture('clerr').length);
});

test('3.1.2.3 a negative Content-Length ends a stream', () => {
  const [event] = new StreamFramer().push(torture('ncl'));
  assert.is(event?.kind, 'fault');
  assert.is(event?.kind === 'fault' ? event.fault.status : 0, 400);
});

test('3.1.2.16 the answer to SIP/7.0 keeps what the request said', () => {
  const { partial, reason } = faultOf(torture('badvers'));
  assert.is(reason, 'Version not supported');
  assert.is(partial?.callId, 'badvers.31417@c.example.com');
});

function checkShortTortuousInvite(): void {
  const message = request(torture('wsinv'));
  assert.is(message.requestUri.toString(), 'sip:vivekg@chair-dnrc.example.com;unknownparam');
  assert.is(message.to.uri.toString(), 'sip:vivekg@chair-dnrc.example.com');
  assert.is(message.to.tag, '1918181833n');
  assert.is(message.from.displayName, 'J Rosenberg \\"');
  assert.is(message.from.tag, '98asjd8');
  assert.is(message.maxForwards, 68);
  assert.is(message.callId, 'wsinv.ndaksdj@192.0.2.1');
  assert.equal(message.cseq, { number: 9, method: 'INVITE' });
  assert.equal(
    message.vias.map((via) => [via.protocol, via.transport, via.sentBy, via.branch]),
    [
      ['SIP/2.0', 'UDP', '192.0.2.2', '390skdjuw'],
      ['SIP/2.0', 'TCP', 'spindle.example.com', 'z9hG4bK9ikj8'],
      ['SIP/2.0', 'UDP', '192.168.255.111', 'z9hG4bK30239'],
    ],
  );
  assert.is(message.header('Subject'), '');
  assert.is(message.header('NewFangledHeader'), 'newfangled value continued newfangled value');
  assert.is(message.header('UnknownHeaderWithUnusualValue'), ';;,,;;,;');
  assert.is(
    message.routes[0]?.uri.toString(),
    'sip:services.example.com;lr;unknownwith=value;unknown-no-value',
  );
  const [contact, ...others] = message.contacts;
  assert.is(others.length, 0);
  assert.is(contact?.displayName, 'Quoted string ""');
  assert.equal(
    [...(contact?.params.entries() ?? [])],
    [
      ['newparam', 'newvalue'],
      ['secondparam', ''],
      ['q', '0.33'],
    ],
  );
  assert.is(message.body.length, 150);
}

function checkWideRange(): void {
  const message = request(torture('intmeth'));
  assert.is(message.method, "!interesting-Method0123456789_*+`.%indeed'~");
  const uri = message.requestUri;
  assert.is(user(uri), "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*");
  assert.is(uri instanceof SipUri ? uri.password : '', "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)");
  assert.is(message.topVia.branch, "z9hG4bK-.!%66*_+`'~");
  assert.is(message.to.displayName, 'BEL:\x07 NUL:\0 DEL:\x7f');
  assert.is(message.from.displayName, "token1~` token2'+_ token3*%!.-");
  assert.is(toText(message.from.params.get("fromParam''~+*_!.-%") ?? ''), 'работающий');
  assert.is(message.from.tag, "_token~1'+`*%!-.");
  assert.is(message.callId, 'intmeth.word%ZK-!.*_+\'@word`~)(><:\\/"][?}{');
  assert.is(message.maxForwards, 255);
  assert.is(toText(message.header("extensionHeader-!.%*+_`'~") ?? ''), '\ufeff大停電');
}

function checkLongRequest(): void {
  const message = request(torture('longreq'));
  assert.is(message.to.displayName?.endsWith('extreme proportion'), true);
  assert.is(message.to.uri instanceof SipUri && message.to.uri.port, 6000);
  assert.is(user(message.from.uri)?.startsWith('amazinglylongcallername'), true);
  assert.is(message.from.tag, `12${'982'.repeat(50)}424`);
  assert.is(message.vias.length, 34);
  assert.is(message.topVia.host, 'sip33.example.com');
  assert.is(message.vias[33]?.received, '192.0.2.5');
  assert.is(message.contacts[0]?.uri.toString().startsWith('sip:amazinglylongcallername'), true);
}

function checkMultipart(): void {
  const message = request(torture('mpart01'));
  const boundary = message.contentType?.params.get('boundary') ?? '';
  assert.is(boundary, '7a9cbec02ceef655');
  const parts = parseMultipart(message.body, boundary);
  assert.ok(parts.ok);
  if (!parts.ok) return;
  assert.is(parts.value.length, 2);
  assert.is(findPart(parts.value, 'text/plain')?.body.toString(), 'Hello');
  const binary = findPart(parts.value, 'application/octet-stream')?.body;
  assert.is(binary?.subarray(0, 4).toString('hex'), '30820152');
}

test.run();
