// Kamailio as registrar, presence agent (reg-info) and parallel forker, made from one configuration.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, Peer } from './process.ts';

const MODULES = '/usr/lib/x86_64-linux-gnu/kamailio/modules/:/usr/lib/aarch64-linux-gnu/kamailio/modules/';

export interface KamailioOptions {
  readonly folder: string;
  readonly realm: string;
  /** Username to password. */
  readonly users: Readonly<Record<string, string>>;
  readonly host?: string;
  /** PEM files switch TLS on. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  readonly algorithm?: 'MD5' | 'SHA-256';
  /** Route script run for every request. */
  readonly onEvery?: string;
  /** Route script run for a REGISTER before it is saved, e.g. to add headers to the reply. */
  readonly onRegister?: string;
  /** Route script run for an INVITE before it is looked up and forked. */
  readonly onInvite?: string;
  /** Reg-info subscriptions (presence_reginfo, pua_reginfo). */
  readonly reginfo?: boolean;
  /** With `reginfo`: it tells of the dialogs that it sees, and takes PUBLISHes about mailboxes (presence_dialoginfo, presence_mwi). */
  readonly telling?: boolean;
  /** Challenges INVITEs with 407. */
  readonly authInvite?: boolean;
  readonly maxExpires?: number;
  /** Seconds a nonce lives. */
  readonly nonceExpire?: number;
  /** Checks the nonce counts of clients. */
  readonly nonceCount?: boolean;
  /** How the registrar takes Path (its `path_mode`); strict refuses a REGISTER that does not support it. */
  readonly path?: 'off' | 'lazy' | 'strict';
  /** Calls pass this rtpengine: profile and flags of offers to callees, and an attribute that their audio gets. */
  readonly rtpengine?: { readonly port: number; readonly offer: string; readonly indication?: string };
  /** The whole routing script instead of ours, for a Kamailio that is no registrar. */
  readonly script?: string;
}

const PATH_MODES = { off: 0, lazy: 1, strict: 2 } as const;

/** Settings the tests speak of; everything else is Kamailio's default. */
function configuration(options: KamailioOptions, ports: { sip: number; tls: number }): string {
  const host = options.host ?? '127.0.0.1';
  const literal = host.includes(':') ? `[${host}]` : host;
  return `#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=2
tcp_children=2
socket_workers=2
auto_aliases=no
alias="${options.realm}"
listen=udp:${literal}:${ports.sip}
listen=tcp:${literal}:${ports.sip}
${options.tls ? `enable_tls=yes\nlisten=tls:${literal}:${ports.tls}` : ''}
tcp_accept_no_cl=yes
mpath="${MODULES}"
loadmodule "jsonrpcs.so"
loadmodule "kex.so"
loadmodule "corex.so"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "textopsx.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
loadmodule "path.so"
loadmodule "nathelper.so"
loadmodule "ctl.so"
${options.rtpengine ? `loadmodule "rtpengine.so"\nmodparam("rtpengine", "rtpengine_sock", "udp:127.0.0.1:${options.rtpengine.port}")\nmodparam("rtpengine", "write_sdp_pv", "$avp(sdp)")` : ''}
${options.tls ? 'loadmodule "tls.so"' : ''}
${
  options.reginfo
    ? `loadmodule "db_sqlite.so"
loadmodule "presence.so"
loadmodule "presence_reginfo.so"
loadmodule "pua.so"
loadmodule "pua_reginfo.so"
modparam("presence", "db_url", "sqlite:///${join(options.folder, 'presence.db')}")
modparam("pua", "db_url", "sqlite:///${join(options.folder, 'presence.db')}")
modparam("presence", "server_address", "sip:${options.realm}")
modparam("presence", "subs_db_mode", 0)
modparam("presence", "publ_cache", 2)
modparam("presence", "send_fast_notify", 1)
modparam("pua_reginfo", "default_domain", "${options.realm}")
modparam("pua_reginfo", "publish_reginfo", 1)
modparam("pua_reginfo", "outbound_proxy", "sip:${literal}:${ports.sip}")
modparam("pua_reginfo", "server_address", "sip:reginfo@${options.realm}")`
    : ''
}
${
  options.telling
    ? `loadmodule "dialog.so"
loadmodule "presence_dialoginfo.so"
loadmodule "pua_dialoginfo.so"
loadmodule "presence_mwi.so"
modparam("dialog", "db_mode", 0)
modparam("pua", "outbound_proxy", "sip:${literal}:${ports.sip}")
modparam("pua_dialoginfo", "include_callid", 1)
modparam("pua_dialoginfo", "include_tags", 1)
modparam("pua_dialoginfo", "include_localremote", 1)
modparam("presence_dialoginfo", "force_single_dialog", 0)`
    : ''
}
modparam("jsonrpcs", "transport", 2)
modparam("jsonrpcs", "fifo_name", "")
modparam("jsonrpcs", "dgram_socket", "${join(options.folder, 'rpc.sock')}")
modparam("ctl", "binrpc", "unix:${join(options.folder, 'ctl.sock')}")
modparam("tm", "fr_timer", 5000)
modparam("tm", "fr_inv_timer", 60000)
modparam("tm", "auto_inv_100", 1)
modparam("usrloc", "db_mode", 0)
modparam("usrloc", "timer_interval", 1)
modparam("registrar", "method_filtering", 0)
modparam("registrar", "append_branches", 1)
modparam("registrar", "max_expires", ${options.maxExpires ?? 3600})
modparam("registrar", "min_expires", 10)
modparam("registrar", "use_path", 1)
modparam("registrar", "path_mode", ${PATH_MODES[options.path ?? 'off']})
modparam("registrar", "received_avp", "$avp(RECEIVED)")
modparam("nathelper", "received_avp", "$avp(RECEIVED)")
modparam("rr", "enable_full_lr", 1)
modparam("auth", "nonce_expire", ${options.nonceExpire ?? 60})
modparam("auth", "nonce_count", ${options.nonceCount ? 1 : 0})
${options.nonceCount ? 'modparam("auth", "qop", "auth")' : ''}
modparam("pv", "shvset", "count=i:0")
modparam("auth", "algorithm", "${options.algorithm ?? 'MD5'}")
${options.tls ? `modparam("tls", "private_key", "${options.tls.key}")\nmodparam("tls", "certificate", "${options.tls.certificate}")\nmodparam("tls", "tls_method", "TLSv1.2+")` : ''}

${options.script ?? registrarScript(options)}
`;
}

/** A registrar that forks in parallel. */
function registrarScript(options: KamailioOptions): string {
  const passwords = Object.entries(options.users)
    .map(([user, password]) => `    if ($aU == "${user}") { $var(password) = "${password}"; }`)
    .join('\n');
  return `route[CREDENTIALS] {
    $var(password) = "";
${passwords}
}

request_route {
    if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
    force_rport();
    ${options.onEvery ?? ''}
    if (is_method("CANCEL")) { if (t_check_trans()) { t_relay(); } exit; }
    if (!is_method("ACK")) { if (t_precheck_trans()) { t_check_trans(); exit; } t_check_trans(); }
    if (has_totag()) {
        if (loose_route()) { handle_ruri_alias(); t_on_reply("ALIAS"); t_relay(); exit; }
        if (is_method("ACK")) { if (t_check_trans()) { t_relay(); } exit; }
        if (uri == myself && is_method("SUBSCRIBE|NOTIFY")) {
            ${options.reginfo ? 'if (!t_newtran()) { sl_reply_error(); exit; } handle_subscribe(); t_release(); exit;' : 'sl_send_reply("481", "Gone"); exit;'}
        }
        t_relay();
        exit;
    }
    remove_hf("Route");
    if (is_method("PUBLISH")) {
        ${options.reginfo ? 'if (!t_newtran()) { sl_reply_error(); exit; } handle_publish(); t_release(); exit;' : 'sl_send_reply("405", "No"); exit;'}
    }
    if (is_method("SUBSCRIBE")) {
        ${options.reginfo ? 'if (!t_newtran()) { sl_reply_error(); exit; } handle_subscribe(); t_release(); exit;' : 'sl_send_reply("489", "Bad Event"); exit;'}
    }
    if (is_method("REGISTER")) {
        route(CREDENTIALS);
        if ($var(password) == "" || !pv_www_authenticate("${options.realm}", "$var(password)", "0")) {
            www_challenge("${options.realm}", "1");
            exit;
        }
        ${options.onRegister ?? ''}
        fix_nated_register();
        if (!save("location")) { sl_reply_error(); }
        exit;
    }
    if (is_method("INVITE|MESSAGE|OPTIONS")) {
        ${
          options.authInvite
            ? `route(CREDENTIALS);
        if (is_method("INVITE") && ($var(password) == "" || !pv_proxy_authenticate("${options.realm}", "$var(password)", "0"))) {
            proxy_challenge("${options.realm}", "1");
            exit;
        }
        consume_credentials();`
            : ''
        }
        record_route();
        add_contact_alias();
        t_on_reply("ALIAS");
        ${options.telling ? 'if (is_method("INVITE")) { dlg_manage(); }' : ''}
        ${options.onInvite ?? ''}
        if (uri == myself) {
            if (!lookup("location")) { sl_send_reply("480", "Nobody There"); exit; }
        }
        ${options.rtpengine ? offerScript(options.rtpengine) : ''}
        if (!t_relay()) { sl_reply_error(); }
        exit;
    }
    sl_send_reply("405", "Method Not Allowed");
}
onreply_route[ALIAS] {
    add_contact_alias();
    ${options.rtpengine ? `if (has_body("application/sdp")) { rtpengine_answer("replace-origin replace-session-connection ICE=remove"); $var(sdp) = $avp(sdp); set_body("$var(sdp)", "application/sdp"); }` : ''}
}
`;
}

/** The attribute goes behind what rtpengine wrote, whose last section is the audio. */
const offerScript = ({ offer, indication }: NonNullable<KamailioOptions['rtpengine']>): string => `
        if (has_body("application/sdp")) {
            rtpengine_offer("replace-origin replace-session-connection ICE=remove DTLS=off rtcp-mux-demux ${offer}");
            $var(sdp) = $avp(sdp) + "${indication === undefined ? '' : `${indication}\\r\\n`}";
            set_body("$var(sdp)", "application/sdp");
        }`;

export class Kamailio {
  readonly peer: Peer;
  readonly port: number;
  readonly tlsPort: number;
  readonly host: string;
  readonly #folder: string;

  private constructor(peer: Peer, ports: { sip: number; tls: number }, host: string, folder: string) {
    this.peer = peer;
    this.port = ports.sip;
    this.tlsPort = ports.tls;
    this.host = host;
    this.#folder = folder;
  }

  static async start(options: KamailioOptions): Promise<Kamailio> {
    const host = options.host ?? '127.0.0.1';
    mkdirSync(options.folder, { recursive: true });
    const ports = { sip: await freePort(host), tls: await freePort(host) };
    const path = join(options.folder, 'kamailio.cfg');
    writeFileSync(path, configuration(options, ports));
    if (options.reginfo) makePresenceTables(join(options.folder, 'presence.db'));
    const check = spawnSync('kamailio', ['-c', '-f', path], { encoding: 'utf8' });
    if (check.status !== 0)
      throw new Error(`Kamailio refuses its configuration:\n${check.stderr.slice(-3000)}`);
    const peer = await Peer.start('kamailio', [
      '-f',
      path,
      '-DD',
      '-E',
      '-m',
      '64',
      '-M',
      '8',
      '-w',
      options.folder,
      '-Y',
      options.folder,
      '-P',
      join(options.folder, 'pid'),
    ]);
    const kamailio = new Kamailio(peer, ports, host, options.folder);
    await kamailio.#serving();
    return kamailio;
  }

  /** Waits until it answers its control socket. */
  async #serving(): Promise<void> {
    for (let tries = 0; tries < 200 && this.peer.exitCode === undefined; tries += 1) {
      const answer = spawnSync('kamcmd', ['-s', `unix:${join(this.#folder, 'ctl.sock')}`, 'core.uptime']);
      if (answer.status === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await this.stop();
    throw new Error(`Kamailio does not serve:\n${this.peer.output.slice(-4000)}`);
  }

  /** `kamcmd`: a command to the running server, its output. */
  command(...words: string[]): string {
    return execFileSync('kamcmd', ['-s', `unix:${join(this.#folder, 'ctl.sock')}`, ...words], {
      encoding: 'utf8',
    });
  }

  /** The contacts it holds, as it prints them. */
  locations = (): string => this.command('ul.dump');

  stop = (): Promise<void> => this.peer.stop();
}

/** The tables of Kamailio's own schema; its package carries the SQL. */
export function makePresenceTables(path: string): void {
  const schema = '/usr/share/kamailio/db_sqlite';
  for (const name of ['standard', 'presence']) {
    const sql = join(schema, `${name}-create.sql`);
    execFileSync('python3', [
      '-c',
      'import sqlite3,sys\nd=sqlite3.connect(sys.argv[1])\nd.executescript(open(sys.argv[2]).read())\nd.commit()',
      path,
      sql,
    ]);
  }
}
