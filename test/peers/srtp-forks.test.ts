// Forks of one INVITE that choose different suites: each early dialog's keep-alives come under the key that its own answer chose
// (NG.110 2.9.1, RFC 4568 5.1, RFC 3261 13.2.2.4). SIPp plays the forks, werift-rtp and node:crypto open what comes.
import { createSocket, type Socket } from 'node:dgram';
import * as assert from 'uvu/assert';
import type { SrtpSuite } from '#src/sdp/crypto-suites.ts';
import { Srtp } from '#test/support/srtp.ts';
import { suite } from '#test/support/suite.ts';
import { Werift } from '#test/support/werift.ts';
import { accept, called, respond } from './scenarios/callee.ts';
import { reply } from './scenarios/caller.ts';
import { Stage } from './scenarios/stage.ts';
import { expect, pause, scenario, sdp, send } from './scenarios/xml.ts';
import { freePort, until } from './support/process.ts';

const test = suite('peers/srtp-forks');

const KEEP_ALIVE = 20;
const SOUND = 0;

/** A fork of the call: what it chose of the offer, and what came to its ports. */
interface Fork {
  readonly tag: string;
  readonly suite: SrtpSuite;
  /** Of the offer's crypto lines. */
  readonly line: number;
  readonly key: Buffer;
  readonly port: number;
  readonly rtp: Buffer[];
  readonly rtcp: Buffer[];
  close(): void;
}

const bound = (port: number): Promise<Socket | undefined> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => resolve(undefined));
    socket.bind(port, '127.0.0.1', () => resolve(socket));
  });

/** Two neighbouring ports. */
async function pair(): Promise<readonly [Socket, Socket]> {
  for (;;) {
    const rtp = await bound((await freePort()) & ~1);
    const rtcp = rtp && (await bound(rtp.address().port + 1));
    if (rtp && rtcp) return [rtp, rtcp];
    rtp?.close();
  }
}

async function fork(tag: string, name: SrtpSuite, line: number, octets: number): Promise<Fork> {
  const sockets = await pair();
  const [rtp, rtcp]: Buffer[][] = [[], []];
  for (const [at, list] of [rtp, rtcp].entries()) sockets[at]?.on('message', (packet) => list?.push(packet));
  return {
    ...{ tag, suite: name, line, key: Buffer.alloc(octets, line), port: sockets[0].address().port },
    ...{ rtp: rtp ?? [], rtcp: rtcp ?? [] },
    close: () => sockets.forEach((socket) => void socket.close()),
  };
}

const answerOf = ({ port, suite: name, line, key }: Fork): string[] =>
  sdp({
    media: [
      `m=audio ${port} RTP/SAVP ${SOUND}`,
      'a=rtpmap:0 PCMU/8000',
      `a=crypto:${line} ${name} inline:${key.toString('base64')}`,
    ],
  });

/** The keys of the device's offer by their tags; the answers, which come later, repeat the tags. */
function offered(messages: string): ReadonlyMap<number, Buffer> {
  const keys = new Map<number, Buffer>();
  for (const [, tag, key = ''] of messages.matchAll(/a=crypto:(\d+) \S+ inline:([\w+/=]+)/g))
    if (!keys.has(Number(tag))) keys.set(Number(tag), Buffer.from(key, 'base64'));
  return keys;
}

interface Played {
  readonly forks: readonly Fork[];
  readonly keys: ReadonlyMap<number, Buffer>;
}

/** Three answers come; the second one is taken. */
async function play(): Promise<Played> {
  const stage = await Stage.open({
    srtp: 'required',
    media: 'keepalive_interval = 1',
    // A repeated INVITE would break SIPp's pause.
    timers: { t1: 500, t2: 4000, t4: 5000 },
  });
  const port = await freePort();
  const forks = [
    await fork('one', 'AES_CM_128_HMAC_SHA1_80', 3, 30),
    await fork('two', 'AEAD_AES_128_GCM', 2, 28),
    await fork('three', 'AEAD_AES_256_GCM', 1, 44),
  ];
  let keys: ReadonlyMap<number, Buffer> = new Map();
  const [, taken] = forks;
  try {
    const steps = [
      called(),
      respond(100),
      ...forks.map((each) => respond(183, { tag: each.tag, body: answerOf(each) })),
      pause(3500),
      ...accept({ tag: 'two', body: taken ? answerOf(taken) : [] }),
      expect('BYE'),
      send(reply(200)),
    ];
    await stage.play(
      'forks',
      scenario('forks', steps),
      async (sipp) => {
        const { id } = await stage.device.dial(`sip:callee@127.0.0.1:${port}`);
        await stage.device.whenState(id, 'active', 20_000);
        await until('sound at the fork that answered', () => (taken?.rtp.length ?? 0) > 30, 15_000);
        keys = offered(sipp.messages());
        await stage.device.act(id, 'hangup');
      },
      { port },
    );
  } finally {
    for (const each of forks) each.close();
    await stage.close();
  }
  return { forks, keys };
}

/** Every packet of each fork was made with the key that `keyOf` tells. */
function judged({ forks, keys }: Played, keyOf: (each: Fork) => Fork): void {
  for (const each of forks) {
    const chosen = keyOf(each);
    const key = keys.get(chosen.line);
    assert.ok(key, `crypto line ${chosen.line} in the offer`);
    const judge = new Srtp(chosen.suite, key ?? Buffer.alloc(0));
    const opened = each.rtp.map((packet) => judge.open(packet) ?? judge.open(packet, 1));
    assert.ok(opened.length >= 3, `${opened.length} packets to fork ${each.tag}`);
    for (const packet of opened) assert.ok(packet, `fork ${each.tag}: under the key of its own answer`);
    const types = opened.map((packet) => (packet?.readUInt8(1) ?? 0) % 128);
    assert.is(types[0], KEEP_ALIVE, each.tag);
    assert.is(types.includes(SOUND), each.tag === 'two', 'sound goes to the one that answered');
    assert.ok(each.rtcp.length > 0, 'RTCP is opened too');
    assert.ok(judge.openRtcp(each.rtcp[0] ?? Buffer.alloc(16)), 'under the same key');
    const stranger = Werift.of(chosen.suite, each.key, key ?? Buffer.alloc(0));
    if (!stranger) continue;
    for (const packet of each.rtcp) assert.ok(stranger.openRtcp(packet), 'SRTCP as werift reads it');
    for (const [at, packet] of each.rtp.entries())
      if (types[at] === SOUND) assert.equal(stranger.open(packet), opened[at], 'SRTP as werift reads it');
  }
}

let played: Promise<Played> | undefined;
const once = (): Promise<Played> => (played ??= play());

test.proof('[MD-2.9.1a2] three forks, three suites: each gets its keep-alives under its own key', {
  peers: ['SIPp', 'werift-rtp'],
  timeoutMs: 60_000,
  run: async () => judged(await once(), (each) => each),
  // As if one key were good for all.
  control: async () => {
    const all = await once();
    judged(all, (each) => all.forks[1] ?? each);
  },
});

test.run();
