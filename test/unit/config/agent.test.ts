import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import * as assert from 'uvu/assert';
import { configDocument } from '#src/base/config/document.ts';
import { loadAgent } from '#src/base/config/load.ts';
import type { Problem } from '#src/base/config/settings.ts';
import { TandemError } from '#src/base/errors.ts';
import { suite } from '#test/support/suite.ts';

const test = suite('config/agent');
const folder = mkdtempSync(join(tmpdir(), 'tandem-config-'));
const file = join(folder, 'tandem.toml');
const authorities = join(folder, 'authorities.pem');
test.before(() => writeFileSync(authorities, rootCertificates.slice(0, 2).join('\n')));
test.after(() => rmSync(folder, { recursive: true }));

const load = (text: string, more: { owner?: Record<string, unknown>; env?: Record<string, string> } = {}) => {
  writeFileSync(file, text);
  return loadAgent({ file, ...more });
};

async function problemsOf(loading: Promise<unknown>): Promise<readonly Problem[]> {
  try {
    await loading;
  } catch (error) {
    assert.ok(TandemError.is(error, 'config.invalid'), String(error));
    // The id says what the detail holds.
    return error.detail.problems as readonly Problem[];
  }
  throw new assert.Assertion({
    message: 'the configuration was taken',
    actual: true,
    expects: false,
    operator: 'throws',
    details: '',
    generated: false,
  });
}

const IMS = `profile = "ims"
[account]
impu = "sip:+4670123@op.example"
password = "x"
[pcscf]
uri = "sip:127.0.0.1:5060;transport=tcp"
`;

/** Text after `profile = "sip"` on line 1; the key and line that must be named. */
const BAD: readonly [name: string, text: string, key: string, line: number, words: RegExp][] = [
  ['unknown key', 'colour = "red"', 'colour', 2, /unknown key/],
  ['unknown key, nearly right', '[acount]', 'acount', 2, /did you mean "account"/],
  ['unknown key in a section', '[web]\nport = 8080', 'web.port', 3, /unknown key/],
  ['prototype name', '__proto__ = 1', '__proto__', 2, /unknown key/],
  ['prototype section', '[constructor]\na = 1', 'constructor', 2, /unknown section/],
  ['key in a section still without keys', '[mqtt]\nurl = "x"', 'mqtt.url', 3, /unknown key/],
  ['section that is a value', 'web = 1', 'web', 2, /must be a section/],
  ['value that is a section', '[call.waiting]\nx = 1', 'call.waiting', 2, /must be a boolean, not a table/],
  ['integer for a string', '[account]\nimpu = 5', 'account.impu', 3, /must be a string, not an integer/],
  ['string for a boolean', '[call]\nwaiting = "true"', 'call.waiting', 3, /must be a boolean, not a string/],
  ['integer for a boolean', '[call]\nwaiting = 1', 'call.waiting', 3, /must be a boolean/],
  ['string for a number', '[sip]\nt1 = "500"', 'sip.t1', 3, /must be a number/],
  ['fraction for an integer', '[sip]\nexpires = 60.5', 'sip.expires', 3, /must be an integer/],
  ['not a number at all', '[sip]\nt1 = nan', 'sip.t1', 3, /at least|1 to/],
  [
    'word in brackets',
    '[call]\nauto_answer = ["all"]',
    'call.auto_answer',
    3,
    /must be "all" without brackets/,
  ],
  ['string for a list', '[sip]\nlisten = "udp:127.0.0.1:5060"', 'sip.listen', 3, /must be a list/],
  [
    'wrong element',
    '[sip]\nlisten = [\n "udp:127.0.0.1:5060",\n "sctp:1.2.3.4:5060"\n]',
    'sip.listen[1]',
    5,
    /must be "udp:"/,
  ],
  ['listen without port', '[sip]\nlisten = ["udp:127.0.0.1"]', 'sip.listen[0]', 3, /must be/],
  ['listen with a name', '[sip]\nlisten = ["udp:localhost:5060"]', 'sip.listen[0]', 3, /must be/],
  ['port too high', '[sip]\nlisten = ["udp:127.0.0.1:65536"]', 'sip.listen[0]', 3, /must be/],
  ['IPv6 without brackets', '[sip]\nlisten = ["udp:::1:5060"]', 'sip.listen[0]', 3, /must be/],
  ['empty list', '[sip]\nlisten = []', 'sip.listen', 3, /at least 1/],
  ['listen twice', '[sip]\nlisten = ["udp:127.0.0.1:5060", "udp:127.0.0.1:5060"]', 'sip.listen', 3, /twice/],
  ['word not of the list', '[network]\naccess = "lte"', 'network.access', 3, /one of "wlan"/],
  ['wlan without access point', '[network]\naccess = "wlan"', 'network.bssid', 2, /missing/],
  ['wrong access point', '[network]\nbssid = "xyz"', 'network.bssid', 3, /MAC/],
  ['URI without scheme', '[account]\nimpu = "alice@op.example"', 'account.impu', 3, /SIP URI/],
  ['URI without user', '[account]\nimpu = "sip:op.example"', 'account.impu', 3, /SIP URI/],
  ['URI with a bad host', '[pcscf]\nuri = "sip:-bad-.example"', 'pcscf.uri', 3, /SIP URI/],
  ['URI in a list', '[pcscf]\nuri = ["sip:a.example", "http://x"]', 'pcscf.uri[1]', 3, /SIP URI/],
  ['instance that is no URN', '[instance]\nid = "abc"', 'instance.id', 3, /URN/],
  ['ports the wrong way', '[media]\nports = "300-200"', 'media.ports', 3, /range/],
  ['port 0 in a range', '[media]\nports = "0-200"', 'media.ports', 3, /range/],
  ['address that is a name', '[media]\naddress = "eth0"', 'media.address', 3, /IP address/],
  ['codec nobody knows', '[media]\ncodecs = ["G729"]', 'media.codecs[0]', 3, /one of/],
  ['no codec for sound', '[media]\ncodecs = ["H264"]', 'media.codecs', 3, /for sound/],
  [
    'keep-alives without end',
    '[media]\nkeepalive_interval = 0.5\nkeepalive_burst = 0.5',
    'media.keepalive_interval',
    3,
    /0 or at least 1/,
  ],
  ['burst longer than its interval', '[media]\nkeepalive_burst = 16', 'media.keepalive_burst', 3, /15/],
  [
    'packets rarer than bursts',
    '[media]\nkeepalive_burst = 0.1\nkeepalive_spacing = 0.5',
    'media.keepalive_spacing',
    4,
    /burst/,
  ],
  ['sound from nowhere', '[audio]\ncapture = "pulse:x"', 'audio.capture', 3, /alsa/],
  ['tone out of hearing', '[audio]\ncapture = "tone:0"', 'audio.capture', 3, /tone/],
  ['tone as a sink', '[audio]\nplayback = "tone:440"', 'audio.playback', 3, /alsa/],
  ['edge security without SRTP', '[media]\nsrtp = "off"\ne2ae = true', 'media.e2ae', 4, /needs SRTP/],
  ['pictures from nowhere', '[video]\ncapture = "/dev/video0"', 'video.capture', 3, /v4l2/],
  ['a sink that is a camera', '[video]\nsink = "v4l2:/dev/video9"', 'video.sink', 3, /cannot be honoured/],
  ['SMS', '[sms]\nenabled = true', 'sms.enabled', 3, /cannot be honoured/],
  ['timers that contradict', '[sip]\nt1 = 500\nt2 = 100', 'sip.t2', 4, /below T1/],
  ['session timer below its least', '[sip]\nsession_expires = 60', 'sip.session_expires', 3, /90/],
  ['register with nothing', '[account]\nregister = true', 'account.impu', 2, /missing/],
  ['DNS without port', '[sip]\ndns = "127.0.0.1"', 'sip.dns', 3, /address:port/],
  ['token with a blank', '[web]\ntoken = "a b"', 'web.token', 3, /bearer/],
  ['date', 'profile2 = 2020-01-01', 'profile2', 2, /unknown/],
  ['empty string', '[web]\ntoken = ""', 'web.token', 3, /empty/],
  ['syntax', '[web]\nlisten = ', 'listen', 3, /not TOML/],
  ['key twice', '[web]\nlisten = "127.0.0.1:1"\nlisten = "127.0.0.1:2"', 'listen', 4, /not TOML/],
];

for (const [name, text, key, line, words] of BAD)
  test(`refused with key, file and line: ${name}`, async () => {
    const problems = await problemsOf(load(`profile = "sip"\n${text}\n`));
    const hit = problems.find((problem) => problem.key === key);
    assert.ok(hit, `no problem names ${key}: ${JSON.stringify(problems)}`);
    assert.is(hit.file, file);
    assert.is(hit.line, line);
    assert.match(hit.message, words);
  });

test('what media can do by default: voice of IR.92 and SRTP for ims, what softphones have for sip', async () => {
  const sip = (await load('profile = "sip"\n')).config.media;
  assert.equal(sip.codecs, ['opus', 'AMR-WB', 'G722', 'PCMA', 'PCMU', 'H264']);
  assert.is(sip.srtp, 'off');
  assert.is(sip.e2ae, false);
  const account = '[account]\nimpu = "sip:a@op.example"\n[pcscf]\nuri = "sip:p.op.example"\n';
  const ims = (await load(`profile = "ims"\n${account}`)).config.media;
  assert.equal(ims.codecs, ['AMR-WB', 'AMR', 'PCMA', 'PCMU', 'H264']);
  assert.is(ims.srtp, 'optional');
  assert.is(ims.e2ae, true);
  assert.is((await load(`profile = "ims"\n${account}[media]\nsrtp = "off"\n`)).config.media.e2ae, false);
});

test('every problem is told, not the first alone', async () => {
  const problems = await problemsOf(load('profile = "x"\na = 1\n[web]\nb = 2\nlisten = 3\n'));
  assert.equal(problems.map(({ key }) => key).sort(), ['a', 'profile', 'web.b', 'web.listen']);
});

test('the message names file, line and key', async () => {
  writeFileSync(file, 'profile = "sip"\n[web]\nport = 1\n');
  try {
    await loadAgent({ file });
    assert.unreachable();
  } catch (error) {
    assert.ok(TandemError.is(error));
    assert.is(error.message, `${file}:3: web.port unknown key`);
  }
});

test('a wrong secret is not repeated', async () => {
  const problems = await problemsOf(load('profile = "sip"\n[web]\ntoken = "hunter 2"\n'));
  assert.not.match(JSON.stringify(problems), /hunter/);
});

test('a file that is not there, or not text', async () => {
  assert.match(
    (await problemsOf(loadAgent({ file: join(folder, 'none.toml') })))[0]?.message ?? '',
    /cannot be read/,
  );
  writeFileSync(file, Buffer.from([0xff, 0xfe, 0x00]));
  assert.match((await problemsOf(loadAgent({ file })))[0]?.message ?? '', /UTF-8/);
});

test('profile ims wants identity and P-CSCF', async () => {
  const keys = (await problemsOf(load('profile = "ims"\n'))).map(({ key, line }) => `${key}:${line}`);
  assert.equal(keys, ['account.impu:1', 'pcscf.uri:1']);
});

test('defaults follow the profile', async () => {
  const { config } = await load(IMS);
  assert.equal(
    [config.sip.t1, config.sip.t2, config.sip.t4, config.sip.expires],
    [2000, 16_000, 17_000, 600_000],
  );
  assert.is(config.account.impi, '+4670123@op.example');
  assert.is(config.account.register, true);
  assert.equal(config.pcscf.uri, ['sip:127.0.0.1:5060;transport=tcp']);
  const plain = (await load('profile = "sip"\n')).config;
  assert.equal([plain.sip.t1, plain.sip.t2, plain.sip.t4], [500, 4000, 5000]);
  assert.is(plain.account.register, false);
});

test('a tel identity takes its domain from the configuration', async () => {
  const { config } = await load(
    IMS.replace('impu = "sip:+4670123@op.example"', 'impu = "tel:+4670123"\ndomain = "op.example"'),
  );
  assert.is(config.account.impi, '+4670123@op.example');
});

test('every key of the contract is taken', async () => {
  const { config } = await load(`profile = "sip"
[account]
impu = "sip:a@[::1]"
impi = "a"
password = "p"
domain = "op.example"
display_name = "Döör"
register = false
[pcscf]
uri = ["sip:127.0.0.1", "sips:[::1]:5061"]
ca = "${authorities}"
[instance]
id = "urn:uuid:00000000-0000-4000-8000-000000000001"
[sip]
listen = ["udp:127.0.0.1:0", "tcp:[::]:5060", "tls:[::]:5061"]
t1 = 100
t2 = 400
t4 = 500
expires = 60
retry_base = 0.5
retry_max = 2
session_expires = 90
min_se = 90
dns = "127.0.0.1:5353"
precondition = "optional"
early_media = "header"
[network]
access = "wlan"
bssid = "00:11:22:aa:bb:cc"
country = "SE"
[media]
address = "auto"
ports = "20000-20100"
codecs = ["AMR-WB", "PCMU", "PCMA"]
dtx = true
srtp = "optional"
srtp_cellular = "off"
e2ae = false
[audio]
capture = "tone:440"
playback = "file:/tmp/{call}.wav"
[video]
capture = "none"
sink = "none"
[call]
auto_answer = "all"
ring_seconds = 30
waiting = false
[web]
listen = "127.0.0.1:0"
token = "secret"
[sms]
enabled = false
smsc = "tel:+46700"
[emergency]
allowed = false
[identities]
shared = []
delegated = []
[call_log]
[provisioning]
[update]
[mqtt]
`);
  assert.is(config.call.auto_answer, 'all');
  assert.is(config.sip.retry_base, 0.5);
});

test('each value knows its origin; the owner goes over the file, PORT over both', async () => {
  const { settings, config } = await load(
    'profile = "sip"\n[web]\nlisten = "[::1]:80"\n[call]\nwaiting = true\n',
    {
      owner: { call: { waiting: false } },
      env: { PORT: '9999' },
    },
  );
  assert.is(config.web.listen, '[::1]:9999');
  assert.is(settings.origins.get('web.listen')?.origin, 'environment');
  assert.is(settings.origins.get('call.waiting')?.origin, 'owner');
  assert.is(settings.origins.get('profile')?.origin, 'file');
  assert.is(settings.origins.get('profile')?.line, 1);
  assert.is(settings.origins.get('media.ports')?.origin, 'default');
});

test('a PORT that is none is refused', async () => {
  const problems = await problemsOf(load('profile = "sip"\n', { env: { PORT: '80a' } }));
  assert.is(problems[0]?.key, 'web.listen');
});

test('buttons, groups and the door: rows of the file or of the owner, judged together', async () => {
  const file = `profile = "sip"
[[buttons]]
name = "bell"
target = "family"
input = "/dev/input/event0"
key = 28
[[groups]]
name = "family"
targets = ["sip:a@b.example"]
[door]
code = "42#"
output = "file:/sys/class/gpio/gpio17/value"
`;
  const { config, settings } = await load(file);
  assert.equal(config.groups, [{ name: 'family', targets: ['sip:a@b.example'], seconds: 20 }]);
  assert.is(config.buttons[0]?.key, 28);
  assert.is(settings.origins.get('door.code')?.secret, true);
  const owner = await load(file, { owner: { buttons: [{ name: 'bell', target: '112' }] } });
  assert.equal(
    owner.config.buttons.map(({ name, target }) => [name, target]),
    [['bell', '112']],
  );
  const twice =
    'profile = "sip"\n[[buttons]]\nname = "a"\ntarget = "1"\n[[buttons]]\nname = "a"\ntarget = "2"\n';
  for (const [text, key] of [
    [twice, 'buttons'],
    ['profile = "sip"\n[door]\ncode = "1"\n', 'door.output'],
    ['profile = "sip"\n[door]\ncode = "x"\noutput = "file:/a"\n', 'door.code'],
    ['profile = "sip"\n[[buttons]]\nname = "a"\n', 'buttons[0].target'],
    ['profile = "sip"\n[emergency]\nlatitude = 1.5\n', 'emergency.latitude'],
    ['profile = "sip"\n[emergency]\ncivic = ["town=X"]\n', 'emergency.civic[0]'],
    ['profile = "sip"\n[call]\ndnd_hours = "22-7"\n', 'call.dnd_hours'],
  ] as const)
    assert.is((await problemsOf(load(text)))[0]?.key, key, text);
});

test('docs/config.md is what the schema says', () => {
  assert.is(readFileSync('docs/config.md', 'utf8'), configDocument());
});

test.run();
