// A P-CSCF with Path in front of a registrar with Service-Route, each a Kamailio: what the device sends walks their route.
import * as assert from 'uvu/assert';
import { suite } from '#test/support/suite.ts';
import { Device } from './support/agent.ts';
import { Baresip } from './support/baresip.ts';
import { deviceConfig, IMPU, REALM } from './support/configuration.ts';
import { Kamailio } from './support/kamailio.ts';
import { scratch, until } from './support/process.ts';
import { USERS } from './support/world.ts';

const test = suite('peers/kamailio-path');

/** Every request is noted with the hops it came by, the latest first. */
const NOTE = 'xlog("L_ALERT", "walked $rm by $(hdr(Via)[*])\\n");';

/** A proxy of the access side: Path on REGISTER, Record-Route on the rest, nothing forwarded that did not ask for it. */
const proxy = (registrar: string, path: boolean): string => `request_route {
    if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
    force_rport();
    if (is_method("CANCEL")) { if (t_check_trans()) { t_relay(); } exit; }
    ${NOTE}
    if (is_method("REGISTER")) {
        remove_hf("Route");
        ${path ? 'add_path_received();' : ''}
        $du = "${registrar}";
        t_relay();
        exit;
    }
    if (loose_route()) {
        if (!has_totag()) { record_route(); }
        if (!t_relay()) { sl_reply_error(); }
        exit;
    }
    if (is_method("ACK")) { if (t_check_trans()) { t_relay(); } exit; }
    # Kamailio counts a preloaded route that ends here as none: this is the way of Path.
    if (!has_totag() && $(hdr(Route)[0]) != $null) { record_route(); t_relay(); exit; }
    sl_send_reply("403", "No Route");
}`;

interface Home {
  readonly device: Device;
  readonly caller: Baresip;
  /** The P-CSCF, a second hop of the core, the registrar. */
  readonly edge: Kamailio;
  readonly core: Kamailio;
  readonly registrar: Kamailio;
}

interface Faults {
  /** The next 200 names the same route again. */
  readonly routeKept?: boolean;
  readonly noPath?: boolean;
}

/** The first 200 names one hop, each later one two: the second hop of the core, then the registrar. */
async function withHome(faults: Faults, body: (home: Home) => Promise<void>): Promise<void> {
  const folder = scratch();
  const started: { stop(): Promise<void> }[] = [];
  const keep = <Item extends { stop(): Promise<void> }>(item: Item): Item => {
    started.unshift(item);
    return item;
  };
  try {
    const core = keep(
      await Kamailio.start({
        folder: folder.file('core'),
        realm: 'core',
        users: {},
        script: proxy('', true),
      }),
    );
    const through = `<sip:through@127.0.0.1:${core.port};lr>`;
    // $Ri and $Rp are the address that this registrar itself was reached at.
    const own = '<sip:orig@$Ri:$Rp;lr>';
    const registrar = keep(
      await Kamailio.start({
        folder: folder.file('registrar'),
        realm: REALM,
        users: USERS,
        path: 'strict',
        maxExpires: 10,
        onEvery: NOTE,
        onRegister: `if ($rU == $null && $aU == "tablet@op.example") {
            $shv(count) = $shv(count) + 1;
            if ($shv(count) == 1${faults.routeKept ? ' || 1 == 1' : ''}) { append_to_reply("Service-Route: ${own}\\r\\n"); }
            else { append_to_reply("Service-Route: ${through}, ${own}\\r\\n"); }
        }`,
      }),
    );
    const edge = keep(
      await Kamailio.start({
        folder: folder.file('edge'),
        realm: 'edge',
        users: {},
        script: proxy(`sip:127.0.0.1:${registrar.port}`, !faults.noPath),
      }),
    );
    const device = keep(
      await Device.start(
        deviceConfig({ pcscf: `sip:127.0.0.1:${edge.port};transport=udp` }),
        folder.file('device'),
      ),
    );
    const caller = keep(
      await Baresip.start({
        folder: folder.file('caller'),
        account: `<sip:+46709999999@${REALM}>;auth_user=caller;auth_pass=${USERS.caller};outbound="sip:127.0.0.1:${registrar.port}"`,
      }),
    );
    await caller.registered();
    await device.registered();
    await body({ device, caller, edge, core, registrar });
  } finally {
    for (const item of started) await item.stop();
    folder.remove();
  }
}

/** Ports of the hops that the last request of this method came by to the registrar, in the order walked. */
function walked(method: string, at: Kamailio): number[] {
  const line = at.peer.output.match(new RegExp(`walked ${method} by .*`, 'g'))?.at(-1) ?? '';
  return [...line.matchAll(/SIP\/2\.0\/\w+ 127\.0\.0\.1:(\d+)/g)].map((match) => Number(match[1])).reverse();
}

const CALLEE = `sip:+46709999999@${REALM}`;

/** Calls, talks, hangs up; the INVITE and the BYE are noted at the registrar. */
async function call(home: Home): Promise<void> {
  home.caller.events.length = 0;
  const { id } = await home.device.dial(CALLEE);
  await home.caller.event('CALL_INCOMING');
  home.caller.command('accept');
  await home.device.whenState(id, 'active');
  await home.device.act(id, 'hangup');
  await home.caller.event('CALL_CLOSED');
}

test.proof('[MD-2.2.2a2] calls walk the Service-Route in order, and that of the next 200 once it has come', {
  peers: ['Kamailio', 'baresip'],
  timeoutMs: 60_000,
  run: () => serviceRoute({}),
  control: () => serviceRoute({ routeKept: true }),
});

const serviceRoute = (faults: Faults): Promise<void> =>
  withHome(faults, async (home) => {
    const { edge, core, registrar } = home;
    await call(home);
    assert.is(walked('INVITE', registrar).length, 2, registrar.peer.output.slice(-3000));
    assert.is(walked('INVITE', registrar)[1], edge.port, 'P-CSCF, registrar');
    assert.is(walked('BYE', registrar)[1], edge.port, 'a request inside the dialog as well');
    assert.not.match(core.peer.output, /walked/);
    const refreshes = (): number => registrar.peer.output.match(/walked REGISTER/g)?.length ?? 0;
    const before = refreshes();
    await until('a refresh', () => refreshes() > before && registrar.locations(), 9000);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await call(home);
    assert.equal(
      walked('INVITE', registrar).slice(1),
      [edge.port, core.port],
      'P-CSCF, then the new first hop, then the registrar',
    );
    assert.equal(walked('BYE', registrar).slice(1), [edge.port, core.port]);
  });

test.proof('[MD-2.2.2a2] a registrar that asks for Path takes the device, and calls come by the P-CSCF', {
  peers: ['Kamailio', 'baresip'],
  timeoutMs: 60_000,
  run: () => path({}),
  control: () => path({ noPath: true }),
});

const path = (faults: Faults): Promise<void> =>
  withHome(faults, async ({ device, caller, edge, registrar }) => {
    caller.command('dial', IMPU);
    const call = await device
      .whenCall('a call', ({ state }) => state === 'ringing', 3000)
      .catch(() => undefined);
    assert.match(registrar.locations(), new RegExp(`Path: .*127\\.0\\.0\\.1:${edge.port};lr`));
    assert.ok(call, 'the call has come');
    await device.act(call?.id ?? '', 'answer');
    await caller.event('CALL_ESTABLISHED');
    assert.match(edge.peer.output, /walked INVITE/);
    caller.command('hangup');
    await device.whenState(call?.id ?? '', 'ended');
    // The way back of the dialog is the recorded one.
    assert.match(edge.peer.output, /walked BYE/);
  });

test.run();
