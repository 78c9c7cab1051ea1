// Ut judged by strangers: our client at Kamailio's XCAP server and at a Python one on libxml2, our server by curl and xmllint.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { SystemClock } from '#src/base/clock.ts';
import { TandemError } from '#src/base/errors.ts';
import { SystemRandom } from '#src/base/random.ts';
import { Milliseconds } from '#src/base/units.ts';
import { XcapClient } from '#src/services/ut/client.ts';
import { httpExchange } from '#src/services/ut/http.ts';
import { documentUrl } from '#src/services/ut/root.ts';
import { formatSelector, type NodeSelector } from '#src/services/ut/selector.ts';
import type { Write } from '#src/services/ut/write.ts';
import { suite } from '#test/support/suite.ts';
import { SAMPLE } from '../unit/services/ut/samples.ts';
import { SIMSERVS_SCHEMA } from './scenarios/simservs-schema.ts';
import { Device } from './support/agent.ts';
import { Authority } from './support/certificates.ts';
import { deviceConfig, IMPU, REALM } from './support/configuration.ts';
import { Kamailio, makePresenceTables } from './support/kamailio.ts';
import { TestOperator } from './support/operator.ts';
import { Peer, scratch } from './support/process.ts';

const test = suite('peers/ut-judged');
const folder = scratch();
const SCHEMA = folder.file('simservs.rng');
writeFileSync(SCHEMA, SIMSERVS_SCHEMA);
test.after(() => folder.remove());

/** xmllint's verdict on a document. */
function judged(name: string, text: string): string {
  const file = folder.file(`${name}.xml`);
  writeFileSync(file, text);
  const { status, stderr } = spawnSync('xmllint', ['--noout', '--relaxng', SCHEMA, file], {
    encoding: 'utf8',
  });
  return status === 0 ? 'valid' : stderr;
}

/** Without what the schema has no place for. */
const PLAIN = SAMPLE.replace(
  / <x:strange>.*\n/,
  ' <extensions><x:strange>kept as well</x:strange></extensions>\n',
);

interface Judge {
  readonly peer: Peer;
  readonly document: string;
  readonly port: string;
}

async function pythonServer(name: string, text: string): Promise<Judge> {
  const document = folder.file(`${name}.xml`);
  writeFileSync(document, text);
  const script = join(import.meta.dirname, 'scenarios/xcap-server.py');
  // Of Debian, where its lxml is.
  const peer = await Peer.start('/usr/bin/python3', [script, document, SCHEMA], { ready: /^port \d+$/m });
  return { peer, document, port: /port (\d+)/.exec(peer.output)?.[1] ?? '' };
}

const utDevice = (root: string, state: string): Promise<Device> =>
  Device.start(
    deviceConfig({ profile: 'sip', more: `[ut]\nenabled = true\nroot = "${root}"\n` }),
    folder.file(state),
  );

/** Each is a request of its own; what it leaves must be valid, with everything that was not asked for. */
const WISHES: readonly object[] = [
  { forwarding: { busy: { active: true } } },
  { forwarding: { unconditional: { active: true, target: '+46703333333' } } },
  { forwarding: { unconditional: { active: false } } },
  { no_reply_seconds: 40, forwarding: { not_reachable: { active: true, target: 'sip:desk@op.example' } } },
  { barring: { all_incoming: true } },
  { barring: { all_incoming: false, all_outgoing: true } },
  { barring: { incoming_roaming: true } },
  { hide_number: true },
  { hide_answer: true },
  { call_waiting: false },
];

test.proof(
  '[MD-2.3.2] elements, attributes and documents that the device writes: libxml2 finds their places and holds them to the schema',
  {
    peers: ['libxml2'],
    timeoutMs: 90_000,
    run: async () => {
      const { peer, document, port } = await pythonServer('simservs', PLAIN);
      const device = await utDevice(`http://127.0.0.1:${port}/xcap`, 'python');
      try {
        for (const [index, wish] of WISHES.entries()) {
          const { status, body } = await device.fetch('PATCH', 'services', wish);
          assert.is(status, 200, `${JSON.stringify(wish)}: ${JSON.stringify(body)}\n${peer.output}`);
          const text = readFileSync(document, 'utf8');
          assert.is(judged(`after-${index}`, text), 'valid');
          for (const kept of ['sip:boss@op.example', 'kept as well', 'x:kept="yes"', '<notify-caller>false<'])
            assert.ok(text.includes(kept), `${JSON.stringify(wish)}: ${kept}`);
        }
        const requests = peer.output;
        assert.match(requests, /PUT \S+\/~~\/simservs\/communication-waiting\/@active HTTP/);
        assert.match(
          requests,
          /PUT \S+cp:rule%5B@id=%22rule-b%22%5D\?xmlns\(cp=urn:ietf:params:xml:ns:common-policy\) HTTP/,
        );
        assert.match(requests, /PUT \S+\/simservs\.xml HTTP/);
        // Another client writes, and its rules stay.
        writeFileSync(document, readFileSync(document, 'utf8').replace('sip:desk@', 'sip:bench@'));
        assert.is((await device.fetch('PATCH', 'services', { hide_number: false })).status, 200);
        assert.match(readFileSync(document, 'utf8'), /sip:bench@/);
      } finally {
        await device.stop();
        await peer.stop();
      }
    },
    control: async () => {
      // The service is not set up: there is no place that libxml2 could find.
      const { peer, port } = await pythonServer('bare', PLAIN.replace(/ <communication-waiting.*\n/, ''));
      const device = await utDevice(`http://127.0.0.1:${port}/xcap`, 'bare');
      try {
        const { status } = await device.fetch('PATCH', 'services', { call_waiting: false });
        assert.is(status, 200);
      } finally {
        await device.stop();
        await peer.stop();
      }
    },
  },
);

const LISTS = `<?xml version="1.0" encoding="UTF-8"?>
<resource-lists><list name="a"><entry uri="sip:x@op.example"/></list><list name="b"/></resource-lists>`;

const script = (database: string): string => `
loadmodule "db_sqlite.so"
loadmodule "xhttp.so"
loadmodule "xcap_server.so"
modparam("xcap_server", "db_url", "sqlite:///${database}")
modparam("xcap_server", "xcap_root", "/xcap/")
modparam("xhttp", "url_match", "^/xcap/")
request_route { exit; }
event_route[xhttp:request] {
    if (!pv_www_authenticate("${REALM}", "tablet-secret", "0")) { www_challenge("${REALM}", "1"); exit; }
    if ($aU != "tablet@${REALM}") { xhttp_reply("403", "Forbidden", "", ""); exit; }
    if ($rm == "GET") { xcaps_get("${IMPU}", "$hu"); exit; }
    if ($rm == "PUT") { xcaps_put("${IMPU}", "$hu", "$rb"); exit; }
    if ($rm == "DELETE") { xcaps_del("${IMPU}", "$hu"); exit; }
}
`;

const list = (name: string): NodeSelector => ({
  steps: [
    { name: { local: 'resource-lists' } },
    { name: { local: 'list' }, attribute: { name: { local: 'name' }, value: name } },
  ],
  namespaces: new Map(),
});

const faultOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return 'none';
  } catch (error) {
    if (TandemError.is(error)) return error.id;
    throw error;
  }
};

test('[MD-2.3.2] GET, PUT and DELETE with ETag and digest over TLS at the XCAP server of Kamailio', {
  peers: ['Kamailio'],
  timeoutMs: 60_000,
}, async () => {
  const authority = new Authority(folder.path, 'kamailio');
  const tls = authority.issue('xcap', ['IP:127.0.0.1']);
  const database = folder.file('xcap.db');
  makePresenceTables(database);
  const kamailio = await Kamailio.start({
    ...{ folder: folder.file('kamailio'), realm: REALM, users: {}, tls, script: script(database) },
  });
  const clientWith = (
    password: string,
    ca: string | undefined = readFileSync(authority.certificate, 'utf8'),
  ) =>
    new XcapClient({
      exchange: httpExchange({ clock: new SystemClock(), patience: Milliseconds(10_000), ca }),
      random: new SystemRandom(),
      credentials: { username: `tablet@${REALM}`, password },
      place: () => ({
        document: documentUrl({
          ...{ root: `https://127.0.0.1:${kamailio.tlsPort}/xcap`, auid: 'resource-lists' },
          ...{ xui: IMPU, name: 'index' },
        }),
        identity: IMPU,
      }),
    });
  try {
    const client = clientWith('tablet-secret');
    assert.is(await faultOf(client.read()), 'ut.absent');
    const whole = { method: 'PUT', node: '', type: 'application/resource-lists+xml', body: LISTS } as const;
    assert.is(await client.write(whole, undefined), 'written');
    const first = await client.read();
    assert.match(first.etag ?? '', /^".+"$/);
    const put: Write = {
      ...{ method: 'PUT' as const, node: formatSelector(list('b')), type: 'application/xcap-el+xml' },
      body: '<list name="b"><entry uri="sip:y@op.example"/></list>',
    };
    assert.is(await client.write(put, first.etag), 'written');
    const second = await client.read();
    assert.not.equal(second.etag, first.etag);
    assert.match(second.body.toString(), /sip:x@op\.example/);
    assert.match(second.body.toString(), /sip:y@op\.example/);
    assert.match((await client.read(formatSelector(list('b')))).body.toString(), /sip:y@/);
    // What was read is not there any more: Kamailio refuses, and nothing is written.
    assert.is(await client.write(put, first.etag), 'changed');
    assert.is((await client.read()).etag, second.etag);
    assert.is(await faultOf(clientWith('wrong').read()), 'ut.unauthorized');
    // The authorities of the system do not know this one.
    assert.is(await faultOf(clientWith('tablet-secret', '').read()), 'ut.unreachable');
  } finally {
    await kamailio.stop();
  }
});

test('[MD-2.3.2] the operator’s server judged by curl (digest, ETag, escapes) and its documents by xmllint', {
  peers: ['curl', 'xmllint'],
  timeoutMs: 60_000,
}, async () => {
  const operator = await TestOperator.start(
    folder.file('operator.toml'),
    REALM,
    `[ut]\nlisten = "127.0.0.1:0"\n[[accounts]]\nimpi = "tablet@${REALM}"\npassword = "tablet-secret"\nimpus = ["${IMPU}"]`,
  );
  const url = `${operator.ut}/simservs.ngn.etsi.org/users/${IMPU}/simservs.xml`;
  const curl = (path: string, ...args: readonly string[]) => {
    const credentials = args.includes('-u') ? [] : ['-u', `tablet@${REALM}:tablet-secret`];
    const { stdout } = spawnSync(
      'curl',
      ['-s', '-g', '--digest', ...credentials, '-w', '\n%{http_code} %header{etag}', ...args, url + path],
      { encoding: 'utf8' },
    );
    const [, body = '', status = '', etag = ''] = /^([\s\S]*)\n(\d+) (.*)$/.exec(stdout) ?? [];
    return { body, status: Number(status), etag };
  };
  const put = (type: string, body: string, ...more: readonly string[]) => [
    ...['-X', 'PUT', '-H', `Content-Type: ${type}`, '--data-binary', body],
    ...more,
  ];
  try {
    const first = curl('');
    assert.is(first.status, 200);
    assert.is(judged('operator', first.body), 'valid');
    assert.is(curl('', '-u', `tablet@${REALM}:wrong`).status, 401);
    const waiting = '/~~/simservs/communication-waiting/@active';
    assert.is(
      curl(waiting, ...put('application/xcap-att+xml', 'false', '-H', 'If-Match: "old"')).status,
      412,
    );
    assert.is(
      curl(waiting, ...put('application/xcap-att+xml', 'false', '-H', `If-Match: ${first.etag}`)).status,
      200,
    );
    assert.is(curl(waiting).body, 'false');
    const place = '/~~/simservs/incoming-communication-barring/cp:ruleset/cp:rule%5b@id=%22rule1%22%5d';
    const bound = `${place}?xmlns(cp=urn:ietf:params:xml:ns:common-policy)`;
    const rule =
      '<cp:rule id="rule1"><cp:conditions/><cp:actions><allow>false</allow></cp:actions></cp:rule>';
    assert.is(curl(bound, ...put('application/xcap-el+xml', rule)).status, 201);
    assert.is(judged('operator-rule', curl('').body), 'valid');
    const services = await operator.get<{ barred: string[] }>(`services/${encodeURIComponent(IMPU)}`);
    assert.equal(services.barred, ['baic']);
    const wrong = curl(
      '/~~/simservs/communication-diversion/NoReplyTimer',
      ...put('application/xcap-el+xml', '<NoReplyTimer>4</NoReplyTimer>'),
    );
    assert.is(wrong.status, 409);
    assert.match(wrong.body, /schema-validation-error/);
    assert.is(curl(bound, '-X', 'DELETE').status, 200);
    assert.is(curl(bound).status, 404);
    // The judge says no where there is something to say no to.
    assert.not.equal(judged('wrong', first.body.replace('<NoReplyTimer>20<', '<NoReplyTimer>4<')), 'valid');
    assert.not.equal(
      judged('strange', first.body.replace('<communication-waiting', '<call-waiting')),
      'valid',
    );
  } finally {
    await operator.stop();
  }
});

test.run();
