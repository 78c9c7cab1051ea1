// Media plane security at registration: who tells whom what, and when it counts (24.229 5.1.1, 33.328 7.1.1).
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { inTurn, Net, ok, PCSCF, sipUri, status } from './network.ts';

const test = suite('ims/media-security');

const SERVER: [string, string] = ['Security-Server', 'msrp-tls;mediasec, sdes-srtp;mediasec;q=0.5'];
const CHALLENGE: [string, string] = [
  'WWW-Authenticate',
  'Digest realm="op.example", nonce="n1", algorithm=MD5, qop="auth"',
];
const ANNOUNCED = ok({ headers: [SERVER] });

async function registered(
  answer: Parameters<Net['answer']>[1],
  settings: Parameters<Net['device']>[0] = { mediaSecurity: true },
): Promise<{ net: Net; registration: Awaited<ReturnType<Net['device']>>['registration'] }> {
  const net = new Net();
  await net.server();
  net.answer('REGISTER', answer);
  const { registration } = await net.device(settings);
  registration.start();
  await net.pass(3);
  return { net, registration };
}

const header = (net: Net, method: string, at: number, name: string): string | undefined =>
  net.of(method)[at]?.request.headers.get(name);

test.proof(
  '[MD-2.9.2b1] announced in the first REGISTER, the list of the 401 verified, that of the 200 kept',
  {
    run: () => exchange({ mediaSecurity: true }),
    control: () => exchange({ mediaSecurity: false }),
  },
);

async function exchange(settings: { mediaSecurity: boolean }): Promise<void> {
  const { net, registration } = await registered(
    inTurn(status(401, [CHALLENGE, SERVER]), ANNOUNCED),
    settings,
  );
  assert.is(header(net, 'REGISTER', 0, 'Security-Client'), 'sdes-srtp;mediasec');
  assert.is(header(net, 'REGISTER', 0, 'Security-Verify'), undefined);
  assert.is(header(net, 'REGISTER', 0, 'Require'), 'mediasec');
  assert.is(header(net, 'REGISTER', 0, 'Proxy-Require'), 'mediasec');
  assert.is(header(net, 'REGISTER', 1, 'Security-Client'), 'sdes-srtp;mediasec');
  assert.is(header(net, 'REGISTER', 1, 'Security-Verify'), SERVER[1]);
  assert.is(registration.e2ae, true);
  // Whatever else goes to the P-CSCF carries the list back (RFC 3329 2.3.1).
  assert.is(header(net, 'SUBSCRIBE', 0, 'Security-Verify'), SERVER[1]);
  const stopped = registration.stop();
  await net.pass(5);
  await stopped;
  const last = net.of('REGISTER').at(-1);
  assert.is(last?.request.expires, 0);
  assert.is(last?.request.headers.get('Security-Client'), 'sdes-srtp;mediasec');
}

test('[MD-2.9.2b1] a list in the 401 alone announces nothing for calls', async () => {
  const { registration } = await registered(inTurn(status(401, [CHALLENGE, SERVER]), ok()));
  assert.is(registration.state.state, 'registered');
  assert.is(registration.e2ae, false);
});

test('[MD-2.9.2b1] another mechanism, or one of the signalling plane, is no announcement', async () => {
  for (const list of ['msrp-tls;mediasec', 'sdes-srtp', 'tls;q=0.1']) {
    const { registration } = await registered(ok({ headers: [['Security-Server', list]] }));
    assert.is(registration.e2ae, false, list);
  }
});

test('[MD-2.9.2b1] 494 brings the list, the REGISTER goes out once more with it, and not for ever', async () => {
  const { net, registration } = await registered(inTurn(status(494, [SERVER]), ANNOUNCED));
  assert.is(registration.state.state, 'registered');
  assert.is(net.of('REGISTER').length, 2);
  assert.is(header(net, 'REGISTER', 1, 'Security-Verify'), SERVER[1]);
  assert.is(net.of('REGISTER')[1]?.request.cseq.number, 2);
  const stubborn = await registered(status(494, [SERVER]));
  assert.is(stubborn.net.of('REGISTER').length, 2);
  assert.is(stubborn.registration.state.state, 'failed');
});

test('a network that does not know the option tag gets none, and registers us', async () => {
  const { net, registration } = await registered(
    inTurn(status(420, [['Unsupported', 'mediasec']]), ANNOUNCED),
  );
  assert.is(registration.state.state, 'registered');
  assert.is(header(net, 'REGISTER', 1, 'Require'), undefined);
  assert.is(header(net, 'REGISTER', 1, 'Proxy-Require'), undefined);
  assert.is(header(net, 'REGISTER', 1, 'Security-Client'), 'sdes-srtp;mediasec');
  assert.is(registration.e2ae, true);
  const other = await registered(status(420, [['Unsupported', 'path']]));
  assert.is(other.net.of('REGISTER').length, 1);
});

test('[MD-2.9.2b1] nothing of it over signalling that others can read (33.328 6.2.1.2)', async () => {
  const { net, registration } = await registered(ANNOUNCED, {
    mediaSecurity: true,
    pcscf: [sipUri(`sip:${PCSCF};transport=tcp`)],
  });
  assert.is(registration.state.state, 'registered');
  assert.is(header(net, 'REGISTER', 0, 'Security-Client'), undefined);
});

test('another registration begins with nothing agreed', async () => {
  const { net, registration } = await registered(inTurn(ANNOUNCED, ok()));
  assert.is(registration.e2ae, true);
  const stopped = registration.stop();
  await net.pass(5);
  await stopped;
  assert.is(registration.e2ae, false);
});

test.run();
