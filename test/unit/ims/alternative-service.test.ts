import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { alternativeServiceOf, asksToRegister, comesFrom } from '#src/ims/alternative-service.ts';
import { alternativeService, IMS_XML } from '#src/operator/emergency.ts';
import { SipResponse } from '#src/sip/message/message.ts';
import { NameAddr } from '#src/sip/message/name-addr.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('ims/alternative-service');

function response(body: string | Buffer, type = 'application/3gpp-ims+xml'): SipResponse {
  const made = SipResponse.create({ status: 380 });
  made.setBody(type, body);
  return made;
}

test('an emergency call that is to be made otherwise, with and without a namespace', () => {
  for (const namespace of ['', ' xmlns="urn:3gpp:ns:imsxml"'])
    assert.equal(
      alternativeServiceOf(
        response(
          `<?xml version="1.0"?><ims-3gpp version="1"${namespace}><alternative-service><type>Emergency</type>` +
            '<reason> an emergency number </reason><action>emergency-registration</action></alternative-service></ims-3gpp>',
        ),
      ),
      { type: 'emergency', action: 'emergency-registration', reason: 'an emergency number' },
    );
});

test('what our own operator writes can be read', () => {
  const text = alternativeService('restoration', 'initial-registration', 'a < b & c');
  const found = alternativeServiceOf(response(text, IMS_XML));
  assert.is(found?.reason, 'a < b & c');
  assert.is(found && asksToRegister(found), true);
});

test('in a multipart body too', () => {
  const text = alternativeService('emergency', 'emergency-registration', 'x');
  const body = `--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: application/3gpp-ims+xml\r\n\r\n${text}\r\n--b--\r\n`;
  assert.is(alternativeServiceOf(response(body, 'multipart/mixed;boundary=b'))?.type, 'emergency');
});

test('document types, other documents, other types, nonsense: nothing', () => {
  const good = alternativeService('emergency', 'emergency-registration', 'x');
  for (const [body, type] of [
    [good.replace('?>', '?><!DOCTYPE x [<!ENTITY a "b">]>'), undefined],
    ['<other/>', undefined],
    ['<ims-3gpp version="1"/>', undefined],
    ['<ims-3gpp', undefined],
    ['', undefined],
    [good, 'text/plain'],
    [good + ' '.repeat(20_000), undefined],
  ] as const)
    assert.is(alternativeServiceOf(response(body, type)), undefined, body.slice(0, 60));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      alternativeServiceOf(response(Buffer.from(bytes)));
    }),
  );
});

const address = (text: string): NameAddr => {
  const parsed = NameAddr.parse(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
};

test('only a proxy of the registration is believed', () => {
  const proxies = [address('<sip:orig@scscf.op.example:5070;lr>'), address('<sip:term@pcscf.op.example;lr>')];
  const said = (identity: string): boolean => {
    const made = response('');
    made.headers.set('P-Asserted-Identity', identity);
    return comesFrom(made, proxies);
  };
  assert.is(said('<sip:orig@scscf.op.example>'), true);
  assert.is(said('<sip:term@PCSCF.op.example;lr>'), true);
  assert.is(said('<sip:orig@evil.example>'), false);
  assert.is(said('<sip:other@scscf.op.example>'), false);
  assert.is(comesFrom(response(''), proxies), false);
});

test.run();
