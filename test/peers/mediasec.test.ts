// End-to-access-edge protection as TS 24.229 5.1.1 and TS 33.328 7 have it, judged by SIPp behind TLS; ffmpeg is the edge's SRTP.
import { randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { called, respond } from './scenarios/callee.ts';
import { hungUp } from './scenarios/caller.ts';
import { type Branch, deny, grant, leaves, NO_EVENTS, registrar } from './scenarios/registrar.ts';
import { Stage } from './scenarios/stage.ts';
import {
  differs,
  expect,
  has,
  keepMessage,
  lacksIn,
  matches,
  pause,
  type Step,
  sdp,
} from './scenarios/xml.ts';
import { Authority } from './support/certificates.ts';
import { IMPU } from './support/configuration.ts';
import { srtpEar, srtpTone } from './support/ffmpeg-srtp.ts';
import { assertHeard, TONE_LEVEL } from './support/heard.ts';
import { freePort, type Peer, scratch, until } from './support/process.ts';
import { Sipp } from './support/sipp.ts';
import { SrtpSocket } from './support/srtp-socket.ts';
import { TlsFront } from './support/tls-front.ts';

const test = suite('peers/mediasec');
const CALLEE = 'sip:+46709999999@op.example';
const DEVICE_TONE = 1000;
const FAR_TONE = 440;
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const folder = scratch();
test.after(() => folder.remove());
const authority = new Authority(folder.path);
const certificate = authority.issue('pcscf', ['IP:127.0.0.1']);

interface Scene {
  readonly stage: Stage;
  readonly sipp: Sipp;
  /** The device's own recording. */
  readonly heard: string;
}

/** A device that registers over TLS at a SIPp; SIPp must be content in the end. */
async function registeredBy(
  branches: readonly Branch[],
  e2ae: boolean,
  body: (scene: Scene) => Promise<void>,
): Promise<void> {
  const name = randomBytes(4).toString('hex');
  const sipp = await Sipp.start({
    folder: folder.path,
    name,
    scenario: registrar(name, branches),
    calls: branches.length,
    transport: 't1',
    // Of the lists nothing takes long; a call does.
    limitSeconds: branches.length > 2 ? 40 : 15,
  });
  const front = await TlsFront.start(certificate, sipp.port);
  const heard = folder.file(`${name}.wav`);
  const stage = await Stage.open({
    profile: 'ims',
    impu: IMPU,
    impi: 'tablet@op.example',
    password: 'tablet-secret',
    pcscf: `sip:127.0.0.1:${front.port}`,
    ca: authority.certificate,
    listen: ['tls:127.0.0.1:0'],
    srtp: 'optional',
    media: `e2ae = ${e2ae}`,
    playback: `file:${heard}`,
  });
  try {
    try {
      await until('registration, or the end of SIPp', async () => {
        const { registration } = await stage.device.status();
        return registration.state === 'registered' || sipp.peer.exitCode !== undefined;
      }).catch(() => undefined); // SIPp says why.
      const { registration } = await stage.device.status();
      if (registration.state === 'registered') await body({ stage, sipp, heard });
    } catch (error) {
      if (error instanceof Error) error.message += `\n${sipp.messages().slice(-4000)}`;
      throw error;
    } finally {
      await stage.close();
    }
    await sipp.succeeded();
  } finally {
    await front.stop();
    await sipp.stop();
  }
}

const CHALLENGE =
  'WWW-Authenticate: Digest realm="op.example", nonce="abcdef0123456789", qop="auth", algorithm=MD5';
/** Another order and other mechanisms: only who copies it to the letter gives it back. */
const FIRST_LIST = 'msrp-tls;mediasec, sdes-srtp;mediasec';
const LATER_LIST = 'sdes-srtp;mediasec;q=0.1, bfcp-tls;mediasec';
const server = (list: string): string => `Security-Server: ${list}`;
const verified = (list: string): string => has('Security-Verify', `^ *${list.replaceAll('.', '[.]')} *$`);
const client = has('Security-Client', '^ *sdes-srtp;mediasec *$');

const lists = (e2ae: boolean): Promise<void> =>
  registeredBy(
    [
      {
        method: 'REGISTER',
        first: { checks: [client, lacksIn('Security-Verify', '.')] },
        steps: [
          deny(494, [server(FIRST_LIST)]),
          expect('REGISTER', { checks: [client, verified(FIRST_LIST)] }),
          deny(401, [server(LATER_LIST), CHALLENGE]),
          expect('REGISTER', { checks: [client, verified(LATER_LIST), has('Authorization', 'username')] }),
          grant(4, [server(FIRST_LIST)]),
          // The refresh: the list of the 200.
          expect('REGISTER', { checks: [client, verified(FIRST_LIST)] }),
          grant(3600, [server(FIRST_LIST)]),
          expect('REGISTER', { checks: [client, verified(FIRST_LIST), has('Expires', '^ *0$')] }),
          deny(200),
        ],
      },
      { ...NO_EVENTS, first: { checks: [verified(FIRST_LIST)] } },
    ],
    e2ae,
    async ({ stage, sipp }) => {
      await until(
        'the refresh, or the end of SIPp',
        async () =>
          ((await stage.device.status()).registration.expires ?? 0) > 100 || sipp.peer.exitCode !== undefined,
      );
    },
  );

test.proof(
  '[MD-2.9.2b1] announced in the first REGISTER; the lists of 494, 401 and 200 are kept and verified',
  {
    peers: ['SIPp'],
    timeoutMs: 60_000,
    run: () => lists(true),
    control: () => lists(false),
  },
);

const SUITE = 'AES_CM_128_HMAC_SHA1_80';

/** A call of the device, answered with one key. */
function callBranch(socket: SrtpSocket, key: string, checks: readonly string[]): Branch {
  const media = [
    `m=audio ${socket.port} RTP/SAVP 0`,
    'a=rtpmap:0 PCMU/8000',
    `a=crypto:3 ${SUITE} inline:${key}`,
  ];
  const steps: Step[] = [
    respond(180),
    pause(2000),
    respond(200, { body: sdp({ media }) }),
    expect('ACK', { checks }),
    ...hungUp(),
  ];
  const { first } = { first: { checks: CALLED_CHECKS } };
  return { method: 'INVITE', first, steps };
}
const CALLED_CHECKS = [
  ...[...called().matchAll(/<ereg[^>]*\/>/g)].map(([each]) => each),
  keepMessage('invite'),
];

const protectedOffer = [
  matches('invite', 'm=audio [0-9]+ RTP/SAVP '),
  matches('invite', `a=crypto:3 ${SUITE} inline:[A-Za-z0-9+/]{40}`),
  differs('invite', 'a=crypto:[^\\r\\n]*[|]'),
  differs('invite', 'fingerprint|pcfg|tcap'),
];

interface Asked {
  /** What the P-CSCF says in its 200. */
  readonly list: string | undefined;
  readonly checks: readonly string[];
}

/** The device calls; ffmpeg behind SIPp talks with the keys of both. */
async function calls({ list, checks }: Asked): Promise<void> {
  const socket = await SrtpSocket.open();
  const key = randomBytes(30).toString('base64');
  const peers: Peer[] = [];
  const [ear, mouth] = [await freePort(), await freePort()];
  try {
    const headers = list === undefined ? [] : [server(list)];
    await registeredBy(
      [
        { method: 'REGISTER', steps: [grant(3600, headers), ...leaves()] },
        NO_EVENTS,
        callBranch(socket, key, checks),
      ],
      true,
      async ({ stage, sipp, heard }) => {
        const { id } = await stage.device.dial(CALLEE);
        const offer = await until(
          'the offer',
          () =>
            sipp
              .messages()
              .match(/m=audio (\d+) [\s\S]*?crypto:\S* ?AES_CM_128_HMAC_SHA1_80 inline:(\S{40})/) ??
            undefined,
        );
        const [, port = '', theirs = ''] = offer;
        const listening = await srtpEar(folder.path, ear, { suite: SUITE, key: theirs });
        peers.push(listening.peer);
        socket.between(Number(port), mouth, ear);
        const answered = await until('an answer, or an end', async () => {
          const call = await stage.device.call(id);
          return (call.state === 'active' || call.state === 'ended') && call;
        });
        assert.is(answered.state, 'active', JSON.stringify(answered.end));
        peers.push(await srtpTone(socket.port, mouth, FAR_TONE, { suite: SUITE, key }));
        await wait(4000);
        await stage.device.act(id, 'hangup');
        for (const peer of peers) await peer.stop();
        await assertHeard(listening.wav, DEVICE_TONE, 'at ffmpeg', TONE_LEVEL);
        await assertHeard(heard, FAR_TONE, 'at the device', TONE_LEVEL);
      },
    );
  } finally {
    for (const peer of peers) await peer.stop();
    socket.close();
  }
}

const EDGE = [
  ...protectedOffer,
  matches('invite', 'a=3ge2ae:requested'),
  matches('invite', 'Security-Verify: *sdes-srtp;mediasec'),
];

test.proof(
  '[MD-2.9.2b2] announced by the P-CSCF: SAVP with keys asks for the edge, one key comes back, both hear',
  {
    peers: ['SIPp', 'ffmpeg'],
    timeoutMs: 60_000,
    run: () => calls({ list: 'sdes-srtp;mediasec', checks: EDGE }),
    control: () => calls({ list: undefined, checks: EDGE }),
  },
);

const NO_EDGE = [differs('invite', '3ge2ae'), matches('invite', 'RTP/SAVP')];

test.proof('[MD-2.9.2b2] not announced: no indication, encryption is tried from end to end', {
  peers: ['SIPp', 'ffmpeg'],
  timeoutMs: 60_000,
  run: () => calls({ list: undefined, checks: NO_EDGE }),
  control: () => calls({ list: 'sdes-srtp;mediasec', checks: NO_EDGE }),
});

test.run();
