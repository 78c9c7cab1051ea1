// The audio line of offers and answers, as tshark reads it off the wire (26.114 6.2.2, tables 6.1 to 6.4, annex A).
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { called, refuse } from './scenarios/callee.ts';
import { ack, hungUp, invite, rings } from './scenarios/caller.ts';
import { Stage } from './scenarios/stage.ts';
import { expect, scenario } from './scenarios/xml.ts';
import { Capture, type Packet } from './support/capture.ts';
import { scratch } from './support/process.ts';

const test = suite('peers/voice-sdp');

const folder = scratch();
test.after(() => folder.remove());

const FIELDS = ['sip.from.user', 'sdp.media', 'sdp.bandwidth', 'sdp.media_attr', 'sdp.invalid'] as const;

/** What 26.114 tables 6.1 and 6.2, 6.2.2 and RFC 3556 want of a device with AMR-WB and AMR; IR.92 2.4.3 the events. */
const OFFERED = {
  media: /^audio \d+ RTP\/AVP 96 97 98 99 100 101$/,
  bandwidth: ['AS:41', 'RS:0', 'RR:2000'],
  attributes: [
    'rtpmap:96 AMR-WB/16000/1',
    'fmtp:96 mode-change-capability=2;max-red=220',
    'rtpmap:97 AMR-WB/16000/1',
    'fmtp:97 octet-align=1;mode-change-capability=2;max-red=220',
    'rtpmap:98 AMR/8000/1',
    'fmtp:98 mode-change-capability=2;max-red=220',
    'rtpmap:99 AMR/8000/1',
    'fmtp:99 octet-align=1;mode-change-capability=2;max-red=220',
    'rtpmap:100 telephone-event/16000',
    'fmtp:100 0-15',
    'rtpmap:101 telephone-event/8000',
    'fmtp:101 0-15',
    'ptime:20',
    'maxptime:240',
    'sendrecv',
  ],
};

/** IMS rules, called by its address. */
const alone = (codecs: readonly string[]): Promise<Stage> =>
  Stage.open({
    profile: 'ims',
    pcscf: 'sip:127.0.0.1:9;transport=udp',
    account: 'register = false',
    codecs,
    autoAnswer: 'all',
  });

const listOf = (packet: Packet | undefined, field: string): readonly string[] => packet?.[field] ?? [];

async function offer(codecs: readonly string[]): Promise<void> {
  const stage = await alone(codecs);
  const path = folder.file(`offer-${codecs.join('-')}.pcapng`);
  const capture = await Capture.start(path);
  let port = 0;
  try {
    await stage.play('callee', scenario('callee', [called(), ...refuse(486)]), async (sipp) => {
      port = sipp.port;
      await stage.device.dial(`sip:callee@127.0.0.1:${port}`);
    });
  } finally {
    await stage.close();
    await capture.stop();
  }
  const filter = `sip.Method == INVITE && sdp && (udp.dstport == ${port} || tcp.dstport == ${port})`;
  const [packet] = capture.packets(filter, FIELDS);
  assert.match(listOf(packet, 'sdp.media').join(), OFFERED.media);
  assert.equal(listOf(packet, 'sdp.invalid'), []);
  // Of the session, then of the line.
  assert.equal(listOf(packet, 'sdp.bandwidth').slice(-3), OFFERED.bandwidth);
  const shown = listOf(packet, 'sdp.media_attr').filter((text) => !text.startsWith('rtcp-xr:'));
  assert.equal([...shown].sort(), [...OFFERED.attributes].sort());
}

test.proof(
  '[MD-2.4.3a] our offer: both codecs in both forms, wideband first, and the bandwidth of each kind',
  {
    peers: ['tshark', 'SIPp'],
    timeoutMs: 120_000,
    run: () => offer(['AMR-WB', 'AMR']),
    control: () => offer(['AMR', 'AMR-WB']),
  },
);

interface Row {
  readonly user: string;
  /** What it is, and where it stands. */
  readonly source: string;
  /** The line and its attributes. */
  readonly offer: readonly string[];
  /** The payload type that is answered, its codec, its parameters. */
  readonly answer: readonly [number, string, string];
}

const NEGOTIABLE = ['a=tcap:1 RTP/AVPF', 'a=pcfg:1 t=1'];
const RESTRICTIONS = 'mode-change-period=2, mode-change-neighbor=1; mode-change-capability=2; max-red=0';

const ROWS: readonly Row[] = [
  {
    user: 'both',
    source: 'A.1.2: both codecs in both forms',
    offer: [
      'm=audio 49152 RTP/AVP 97 98 99 100',
      ...NEGOTIABLE,
      'a=rtpmap:97 AMR-WB/16000/1',
      'a=fmtp:97 mode-change-capability=2; max-red=220',
      'a=rtpmap:98 AMR-WB/16000/1',
      'a=fmtp:98 mode-change-capability=2; max-red=220; octet-align=1',
      'a=rtpmap:99 AMR/8000/1',
      'a=fmtp:99 mode-change-capability=2; max-red=220',
      'a=rtpmap:100 AMR/8000/1',
      'a=fmtp:100 mode-change-capability=2; max-red=220; octet-align=1',
      'a=ptime:20',
      'a=maxptime:240',
    ],
    answer: [97, 'AMR-WB/16000/1', 'mode-change-capability=2;max-red=220'],
  },
  {
    user: 'aligned',
    source: 'the octet-aligned form alone is no reason to refuse',
    offer: ['m=audio 49152 RTP/AVP 98', 'a=rtpmap:98 AMR-WB/16000/1', 'a=fmtp:98 octet-align=1'],
    answer: [98, 'AMR-WB/16000/1', 'octet-align=1;mode-change-capability=2;max-red=220'],
  },
  {
    user: 'narrow',
    source: 'A.2.1: a gateway with AMR only and its restrictions',
    offer: [
      'm=audio 49152 RTP/AVP 97',
      ...NEGOTIABLE,
      'a=rtpmap:97 AMR/8000/1',
      `a=fmtp:97 mode-set=0,2,4,7; ${RESTRICTIONS}`,
      'a=ptime:20',
      'a=maxptime:80',
    ],
    answer: [97, 'AMR/8000/1', 'mode-set=0,2,4,7;mode-change-capability=2;max-red=220'],
  },
  {
    user: 'gateway',
    source: 'A.2.4: the same with wideband',
    offer: [
      'm=audio 49152 RTP/AVP 98 97',
      ...NEGOTIABLE,
      'a=rtpmap:97 AMR/8000/1',
      `a=fmtp:97 mode-set=0,2,4,7; ${RESTRICTIONS}`,
      'a=rtpmap:98 AMR-WB/16000/1',
      `a=fmtp:98 mode-set=0,1,2; ${RESTRICTIONS}`,
    ],
    answer: [98, 'AMR-WB/16000/1', 'mode-set=0,1,2;mode-change-capability=2;max-red=220'],
  },
  {
    user: 'single',
    source: 'A.2.3: a single mode, in which nothing changes',
    offer: ['m=audio 49152 RTP/AVP 97', 'a=rtpmap:97 AMR/8000/1', 'a=fmtp:97 mode-set=7; max-red=0'],
    answer: [97, 'AMR/8000/1', 'mode-set=7;max-red=220'],
  },
  {
    user: 'freedom',
    source: '6.2.2: of several payload types of a codec the one with the most freedom',
    offer: [
      'm=audio 49152 RTP/AVP 97 98 99',
      'a=rtpmap:97 AMR/8000/1',
      'a=fmtp:97 mode-set=7',
      'a=rtpmap:98 AMR/8000/1',
      'a=fmtp:98 mode-set=0,2,4,7',
      'a=rtpmap:99 AMR/8000/1',
    ],
    answer: [99, 'AMR/8000/1', 'mode-change-capability=2;max-red=220'],
  },
  {
    user: 'preferred',
    source: '6.2.2: else the one with the sets that networks prefer',
    offer: [
      'm=audio 49152 RTP/AVP 97 98',
      'a=rtpmap:97 AMR-WB/16000/1',
      'a=fmtp:97 mode-set=3,4,5',
      'a=rtpmap:98 AMR-WB/16000/1',
      'a=fmtp:98 mode-set=0,1,2',
    ],
    answer: [98, 'AMR-WB/16000/1', 'mode-set=0,1,2;mode-change-capability=2;max-red=220'],
  },
];

const EVS: readonly Row[] = [
  {
    user: 'evs',
    source: 'super-wideband first: the wideband that we have',
    offer: [
      'm=audio 49152 RTP/AVP 96 97 98',
      'a=rtpmap:96 EVS/16000/1',
      'a=fmtp:96 br=5.9-24.4; bw=nb-swb; max-red=220',
      'a=rtpmap:97 AMR-WB/16000/1',
      'a=fmtp:97 mode-change-capability=2; max-red=220',
      'a=rtpmap:98 AMR/8000/1',
    ],
    answer: [97, 'AMR-WB/16000/1', 'mode-change-capability=2;max-red=220'],
  },
];

/** SIPp makes each offer in turn; a refusal is a failure of SIPp. */
async function answers(codecs: readonly string[], rows: readonly Row[]): Promise<void> {
  const stage = await alone(codecs);
  const capture = await Capture.start(folder.file(`answers-${codecs.join('-')}-${rows.length}.pcapng`));
  try {
    for (const { user, offer: lines } of rows) {
      const head = ['v=0', 'o=sipp 1 1 IN IP4 [local_ip]', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0'];
      const steps = [
        invite(user, { body: [...head, ...lines] }),
        ...rings({ optional: true }),
        expect(200),
        ack(user),
        ...hungUp(),
      ];
      await stage.called(user, scenario(user, steps), async () => {
        const { id } = await stage.call(user, 'active');
        await stage.device.act(id, 'hangup');
      });
    }
  } finally {
    await stage.close();
    await capture.stop();
  }
  const own = `(udp.srcport == ${stage.port} || tcp.srcport == ${stage.port})`;
  const packets = capture.packets(
    `sip.Status-Code == 200 && sip.CSeq.method == INVITE && sdp && ${own}`,
    FIELDS,
  );
  for (const { user, source, answer } of rows) {
    const packet = packets.find((one) => listOf(one, 'sip.from.user')[0] === user);
    const [type, codec, parameters] = answer;
    assert.match(listOf(packet, 'sdp.media').join(), new RegExp(`^audio \\d+ RTP/AVP ${type}$`), source);
    assert.equal(listOf(packet, 'sdp.invalid'), [], source);
    const shown = listOf(packet, 'sdp.media_attr');
    assert.equal(
      shown.filter((text) => /^(rtpmap|fmtp):/.test(text)),
      [`rtpmap:${type} ${codec}`, `fmtp:${type} ${parameters}`],
      source,
    );
    for (const kind of ['AS', 'RS', 'RR'])
      assert.ok(
        listOf(packet, 'sdp.bandwidth').some((text) => text.startsWith(`${kind}:`)),
        `${source}: ${kind}`,
      );
  }
}

test.proof(
  '[MD-2.4.3b] offers of 26.114 annex A: one speech codec answered, its mode-set repeated, none refused',
  {
    peers: ['tshark', 'SIPp'],
    timeoutMs: 120_000,
    run: () => answers(['AMR-WB', 'AMR'], ROWS),
    // Who has narrowband first alone answers with that.
    control: () => answers(['AMR'], ROWS.slice(0, 1)),
  },
);

test.proof('[MD-2.4.3j] EVS first: answered with AMR-WB, as EVS is left out', {
  peers: ['tshark', 'SIPp'],
  timeoutMs: 120_000,
  run: () => answers(['AMR-WB', 'AMR'], EVS),
  control: () => answers(['AMR'], EVS),
});

test.run();
