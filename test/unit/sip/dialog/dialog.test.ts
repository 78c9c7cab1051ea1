// RFC 3261 12: making dialogs, routing in them, order and refresh.
import * as assert from 'uvu/assert';
import { Dialog, dialogId, makesDialog, requireContact } from '#src/sip/dialog/dialog.ts';
import { endsWhat, USAGE_TABLE } from '#src/sip/dialog/usage.ts';
import { SipRequest, SipResponse } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { suite } from '#test/support/suite.ts';
import { uri } from '../ua/help.ts';

const test = suite('sip/dialog');

type Headers = readonly (readonly [string, string])[];

function invite(headers: Headers = [], target = 'sip:bob@b.example'): SipRequest {
  return SipRequest.create({
    method: 'INVITE',
    uri: uri(target),
    headers: [
      ['Via', 'SIP/2.0/UDP a.example;branch=z9hG4bK1'],
      ['From', '"Alice" <sip:alice@a.example>;tag=aaa'],
      ['To', '<sip:bob@b.example>'],
      ['Call-ID', 'c1'],
      ['CSeq', '7 INVITE'],
      ['Contact', '<sip:alice@192.0.2.1>'],
      ...headers,
    ],
  });
}

const answer = (to: SipRequest, status: number, headers: Headers = [], toTag = 'bbb'): SipResponse =>
  SipResponse.reply(to, status, { toTag, headers: [['Contact', '<sip:bob@192.0.2.2>'], ...headers] });

const ROUTES: Headers = [
  ['Record-Route', '<sip:p2.example;lr>'],
  ['Record-Route', '<sip:p1.example;lr>'],
];

function incoming(of: Dialog, method: string, cseq: number, contact?: string): SipRequest {
  return SipRequest.create({
    method,
    uri: uri('sip:alice@192.0.2.1'),
    headers: [
      ['Via', 'SIP/2.0/UDP b.example;branch=z9hG4bK2'],
      ['From', of.remoteUri.toString()],
      ['To', of.localUri.toString()],
      ['Call-ID', of.callId],
      ['CSeq', `${cseq} ${method}`],
      ...(contact ? [['Contact', `<${contact}>`] as const] : []),
    ],
  });
}

test('made by the caller: tags, target, route set reversed', () => {
  const first = invite();
  const dialog = Dialog.uac(first, answer(first, 180, ROUTES));
  assert.is(dialog.id, dialogId('c1', 'aaa', 'bbb'));
  assert.equal(
    [dialog.state, dialog.role, dialog.localSeq, dialog.remoteSeq],
    ['early', 'uac', 7, undefined],
  );
  assert.is(dialog.remoteTarget.toString(), 'sip:bob@192.0.2.2');
  assert.equal(dialog.routeSet.map(String), ['<sip:p1.example;lr>', '<sip:p2.example;lr>']);
  const bye = dialog.createRequest('BYE');
  assert.is(bye.requestUri.toString(), 'sip:bob@192.0.2.2');
  assert.equal(bye.headers.getAll('Route'), ['<sip:p1.example;lr>', '<sip:p2.example;lr>']);
  assert.equal(bye.cseq, { number: 8, method: 'BYE' });
  assert.is(bye.header('From'), '"Alice" <sip:alice@a.example>;tag=aaa');
  assert.is(bye.header('To'), '<sip:bob@b.example>;tag=bbb');
  assert.not(bye.headers.has('Contact'));
});

test('made by the called side: route set in order, CSeq from one', () => {
  const first = invite(ROUTES);
  const contact = NameAddr.of(uri('sip:bob@192.0.2.2'));
  const dialog = Dialog.uas(first, { localTag: 'bbb', contact });
  assert.is(dialog.id, dialogId('c1', 'bbb', 'aaa'));
  assert.equal([dialog.state, dialog.role, dialog.localSeq, dialog.remoteSeq], ['early', 'uas', 0, 7]);
  assert.equal(dialog.routeSet.map(String), ['<sip:p2.example;lr>', '<sip:p1.example;lr>']);
  dialog.confirm();
  const update = dialog.createRequest('UPDATE', { body: 'v=0', contentType: 'application/sdp' });
  assert.equal([update.cseq.number, dialog.state], [1, 'confirmed']);
  assert.is(update.header('Contact'), '<sip:bob@192.0.2.2>');
  assert.is(update.contentType?.value, 'application/sdp');
  assert.is(update.requestUri.toString(), 'sip:alice@192.0.2.1');
});

test('a strict router takes the Request-URI, the target goes last (12.2.1.1)', () => {
  const first = invite();
  const strict: Headers = [
    ['Record-Route', '<sip:p2.example;lr>'],
    ['Record-Route', '<sip:p1.example>'],
  ];
  const dialog = Dialog.uac(first, answer(first, 200, strict));
  const request = dialog.createRequest('INFO');
  assert.is(request.requestUri.toString(), 'sip:p1.example');
  assert.equal(request.headers.getAll('Route'), ['<sip:p2.example;lr>', '<sip:bob@192.0.2.2>']);
});

test('the 2xx settles route set and target; a provisional one was only on approval (13.2.2.4)', () => {
  const first = invite();
  const dialog = Dialog.uac(first, answer(first, 183, [['Record-Route', '<sip:old.example;lr>']]));
  dialog.update(
    SipResponse.reply(first, 200, { toTag: 'bbb', headers: [...ROUTES, ['Contact', '<sip:new@192.0.2.9>']] }),
  );
  assert.is(dialog.state, 'confirmed');
  assert.is(dialog.remoteTarget.toString(), 'sip:new@192.0.2.9');
  assert.equal(dialog.routeSet.map(String), ['<sip:p1.example;lr>', '<sip:p2.example;lr>']);
});

test('later on only the target moves, and only by requests that may move it', () => {
  const first = invite();
  const dialog = Dialog.uac(first, answer(first, 200, ROUTES));
  const update = dialog.createRequest('UPDATE');
  update.headers.prepend('Via', 'SIP/2.0/UDP a.example;branch=z9hG4bK3');
  const reply = (status: number, contact: string) =>
    SipResponse.reply(update, status, {
      headers: [
        ['Contact', `<${contact}>`],
        ['Record-Route', '<sip:other.example;lr>'],
      ],
    });
  dialog.update(reply(491, 'sip:refused@x'));
  assert.is(dialog.remoteTarget.toString(), 'sip:bob@192.0.2.2');
  dialog.update(reply(200, 'sip:moved@x'));
  assert.is(dialog.remoteTarget.toString(), 'sip:moved@x');
  assert.is(dialog.routeSet.length, 2);
  assert.is(dialog.receive(incoming(dialog, 'INFO', 1, 'sip:info@x')), 'ok');
  assert.is(dialog.remoteTarget.toString(), 'sip:moved@x');
  for (const [index, method] of ['INVITE', 'UPDATE', 'SUBSCRIBE', 'NOTIFY', 'REFER'].entries()) {
    assert.is(dialog.receive(incoming(dialog, method, 2 + index, `sip:${method}@x`)), 'ok');
    assert.is(dialog.remoteTarget.toString(), `sip:${method}@x`);
  }
});

test('the remote CSeq only rises, gaps are fine; what is out of order moves nothing', () => {
  const first = invite();
  const dialog = Dialog.uac(first, answer(first, 200));
  const results = [5, 6, 100, 99, 100, 101].map((cseq) =>
    dialog.receive(incoming(dialog, 'UPDATE', cseq, `sip:${cseq}@x`)),
  );
  assert.equal(results, ['ok', 'ok', 'ok', 'out-of-order', 'out-of-order', 'ok']);
  assert.is(dialog.remoteTarget.toString(), 'sip:101@x');
  const other = Dialog.uas(first, { localTag: 'x' });
  assert.is(other.receive(incoming(other, 'BYE', 7)), 'out-of-order');
  assert.is(other.receive(incoming(other, 'BYE', 8)), 'ok');
});

test('forks of one INVITE are dialogs of their own', () => {
  const first = invite();
  const ids = ['x', 'y', 'z'].map((tag) => Dialog.uac(first, answer(first, 180, [], tag)).id);
  assert.is(new Set(ids).size, 3);
});

test('a CSeq used up by a challenge is not used again', () => {
  const first = invite();
  const dialog = Dialog.uac(first, answer(first, 200));
  dialog.noteSent(12);
  dialog.noteSent(9);
  assert.is(dialog.createRequest('INFO').cseq.number, 13);
});

test('the ACK has the CSeq and credentials of its INVITE and does not count', () => {
  const first = invite([['Proxy-Authorization', 'Digest realm="r"']]);
  const dialog = Dialog.uac(first, answer(first, 200));
  dialog.createRequest('UPDATE');
  const ack = dialog.createAck(first);
  assert.equal(ack.cseq, { number: 7, method: 'ACK' });
  assert.is(ack.header('Proxy-Authorization'), 'Digest realm="r"');
  assert.is(dialog.createRequest('BYE').cseq.number, 9);
});

test('sips makes a dialog secure, on the called side over TLS only', () => {
  const first = invite([], 'sips:bob@b.example');
  assert.ok(Dialog.uac(first, answer(first, 200)).secure);
  assert.ok(Dialog.uas(first, { localTag: 'b', secure: true }).secure);
  assert.not(Dialog.uas(first, { localTag: 'b', secure: false }).secure);
  assert.not(Dialog.uac(invite(), answer(invite(), 200)).secure);
});

test('peers without tags or Contact still make a dialog', () => {
  const first = invite();
  const bare = SipResponse.reply(first, 200);
  const dialog = Dialog.uac(first, bare);
  assert.is(dialog.remoteTag, '');
  assert.is(dialog.remoteTarget.toString(), 'sip:bob@b.example');
});

test('URI headers in a Contact do not stand in a Request-URI', () => {
  const first = invite();
  const response = SipResponse.reply(first, 200, {
    toTag: 'b',
    headers: [['Contact', '<sip:b@x;ob?Subject=y>']],
  });
  assert.is(Dialog.uac(first, response).createRequest('BYE').requestUri.toString(), 'sip:b@x;ob');
});

test('which answers make a dialog', () => {
  const first = invite();
  const made = [100, 101, 180, 200, 299, 300, 486].map((status) => makesDialog(answer(first, status)));
  assert.equal(made, [false, true, true, true, true, false, false]);
  assert.not(makesDialog(SipResponse.reply(first, 180)));
  assert.throws(() => requireContact(invite([['Contact', '<sip:second@x>']])));
  requireContact(first);
});

test('RFC 5057: what each answer ends', () => {
  for (const { status, ends } of USAGE_TABLE) assert.is(endsWhat(status, 'SUBSCRIBE'), ends, String(status));
  for (const status of [400, 401, 403, 406, 407, 415, 420, 423, 486, 488, 491, 500, 503, 580, 603, 606]) {
    assert.is(endsWhat(status, 'INVITE'), 'transaction', String(status));
  }
  assert.is(endsWhat(405, 'INFO'), 'transaction');
  assert.is(endsWhat(501, 'INFO'), 'transaction');
  assert.is(endsWhat(489, 'INVITE'), 'transaction');
  assert.is(endsWhat(481, 'BYE'), 'usage');
  assert.is(new Set(USAGE_TABLE.map(({ status }) => status)).size, USAGE_TABLE.length);
});

test.run();
