import * as assert from 'uvu/assert';
import { sdpBody } from '#src/call/body.ts';
import { inviteRequest } from '#src/call/invite.ts';
import type { Line } from '#src/call/line.ts';
import { HeaderList } from '#src/sip/message/header-list.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { suite } from '#test/support/suite.ts';
import { uri } from './harness.ts';

const test = suite('call/invite');

const LINE: Line = {
  profile: 'ims',
  register: false,
  identities: [],
  route: [],
  flow: undefined,
  digest: undefined,
  contact: () => NameAddr.of(uri('sip:dev@192.0.2.1')),
  trusts: () => false,
};

const FIELDS = {
  target: uri('sip:bob@op.example'),
  identity: NameAddr.of(uri('sip:alice@op.example')),
  privacy: 'unsaid' as const,
  contact: NameAddr.of(uri('sip:dev@192.0.2.1')),
  callId: 'c1',
  fromTag: 'f1',
  cseq: 1,
  session: [],
  sdp: Buffer.from('v=0\r\n'),
};

test('header fields of this one call stand beside the usual ones', () => {
  const headers = [
    ['Replaces', 'x@h;to-tag=a;from-tag=b'],
    ['Require', 'replaces'],
  ] as const;
  const request = inviteRequest(LINE, { ...FIELDS, headers });
  assert.is(request.header('Replaces'), 'x@h;to-tag=a;from-tag=b');
  assert.equal(request.require, ['replaces']);
  assert.is(request.contentType?.value, 'application/sdp');
});

test('a further part makes the body multipart, and the description is still found', () => {
  const part = {
    headers: HeaderList.of([
      ['Content-Type', 'application/pidf+xml'],
      ['Content-Disposition', 'render;handling=optional'],
    ]),
    body: Buffer.from('<presence/>'),
  };
  const request = inviteRequest(LINE, { ...FIELDS, parts: [part], boundary: 'b1' });
  assert.is(request.contentType?.value, 'multipart/mixed');
  const body = sdpBody(request);
  assert.is(body.kind === 'sdp' && body.bytes.toString(), 'v=0\r\n');
});

test.run();
