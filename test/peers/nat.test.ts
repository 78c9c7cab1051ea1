// The NAT of the other tests is one: without packets its binding dies, with them it lives.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { Home, INSIDE, natLack, OUTSIDE } from './support/nat.ts';
import type { Peer } from './support/process.ts';

const test = suite('peers/nat');
const TIMEOUT_SECONDS = 3;
const PORT = 4000;

/** Sends one packet out, another one each `every` ms, then waits for one that comes back. */
const insider = (every: number): string => `
  const socket = require('node:dgram').createSocket('udp4');
  socket.on('message', (data) => console.log('heard ' + data));
  socket.bind(${PORT}, '${INSIDE}', () => {
    const send = () => socket.send('open', ${PORT}, '${OUTSIDE}', (error) => error && console.log(error.message));
    send();
    if (${every}) setInterval(send, ${every});
    console.log('ready');
  });`;

const OUTSIDER = `
  const socket = require('node:dgram').createSocket('udp4');
  socket.once('message', (data, from) => {
    console.log('from ' + from.address);
    setTimeout(() => socket.send('late', from.port, from.address, () => console.log('sent')), ${3 * TIMEOUT_SECONDS * 1000});
  });
  socket.bind(${PORT}, '${OUTSIDE}', () => console.log('ready'));`;

async function lateIsHeard(every: number): Promise<void> {
  const home = new Home(TIMEOUT_SECONDS);
  const running: Peer[] = [];
  const node = async (place: 'inside' | 'outside', code: string): Promise<Peer> => {
    const peer = await home.start(place, process.execPath, ['-e', code], { ready: /^ready$/m });
    running.push(peer);
    return peer;
  };
  try {
    const far = await node('outside', OUTSIDER);
    const near = await node('inside', insider(every));
    await far.waitFor(/^sent$/m, 20_000);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.match(far.output, /^from 203\.0\.113\.1$/m);
    assert.match(near.output, /^heard late$/m);
  } finally {
    await Promise.all(running.map((peer) => peer.stop()));
    home.remove();
  }
}

const lack = natLack();
if (lack === undefined)
  test.proof('a binding of the gateway lives by packets alone', {
    timeoutMs: 60_000,
    run: () => lateIsHeard(1000),
    control: () => lateIsHeard(0),
  });
else test.skip('a binding of the gateway lives by packets alone', lack);

test.run();
