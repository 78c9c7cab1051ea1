// baresip as a softphone: a sine from a file as microphone, what it hears written to WAV files, driven over its control port.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { freePort, Peer, until } from './process.ts';
import { writeTone } from './tone.ts';

const MICROPHONE_SECONDS = 60;

const MODULE_FOLDERS = [
  '/usr/lib/baresip/modules',
  '/usr/lib/x86_64-linux-gnu/baresip/modules',
  '/usr/lib/aarch64-linux-gnu/baresip/modules',
];

export interface BaresipOptions {
  readonly folder: string;
  /** Account line of baresip's `accounts` file, e.g. `<sip:bob@example.org>;auth_pass=x;outbound="sip:127.0.0.1:5060"`. */
  readonly account: string;
  readonly host?: string;
  /** Frequency of its microphone. */
  readonly hertz?: number;
  /** Sampling rate of its microphone: that of the codec. Default 8000. */
  readonly rate?: number;
  /** Modules beside the usual ones, e.g. `amr`. */
  readonly modules?: readonly string[];
  readonly tlsCa?: string;
  /** A command that runs it elsewhere, e.g. in a namespace, the address there that it is driven by, and the interface that it talks over. */
  readonly elsewhere?: {
    readonly prefix: readonly string[];
    readonly control: string;
    readonly interface: string;
  };
  /** As `audio_source` and `audio_player` have them, e.g. `alsa,mouth`. */
  readonly source?: string;
  readonly player?: string;
  /** Its camera, e.g. `fakevideo,null`, and the size of its pictures. Its screen shows nothing. */
  readonly video?: { readonly source: string; readonly size: string; readonly bitrate?: number };
}

interface BaresipEvent {
  readonly event?: boolean;
  readonly type?: string;
  readonly class?: string;
  readonly param?: string;
  readonly response?: boolean;
  readonly data?: string;
}

export class Baresip {
  readonly peer: Peer;
  readonly port: number;
  readonly events: BaresipEvent[] = [];
  readonly #socket: Socket;
  readonly #folder: string;

  private constructor(peer: Peer, port: number, socket: Socket, folder: string) {
    this.peer = peer;
    this.port = port;
    this.#socket = socket;
    this.#folder = folder;
    let pending = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      pending += chunk;
      // Netstrings: LENGTH:BYTES,
      for (let colon = pending.indexOf(':'); colon > 0; colon = pending.indexOf(':')) {
        const size = Number(pending.slice(0, colon));
        if (pending.length < colon + size + 2) return;
        this.events.push(JSON.parse(pending.slice(colon + 1, colon + 1 + size)));
        pending = pending.slice(colon + size + 2);
      }
    });
    socket.on('error', () => socket.destroy());
  }

  static async start(options: BaresipOptions): Promise<Baresip> {
    const host = options.host ?? '127.0.0.1';
    const port = await freePort(options.elsewhere ? undefined : host);
    const control = await freePort();
    const controlHost = options.elsewhere?.control ?? '127.0.0.1';
    const modules = MODULE_FOLDERS.find((folder) => existsSync(folder));
    if (!modules) throw new Error('baresip has no modules');
    mkdirSync(options.folder, { recursive: true });
    const available = new Set(readdirSync(modules));
    const wanted = [
      'stdio',
      'g711',
      'aufile',
      'sndfile',
      'aubridge',
      // Before the accounts, which name it.
      'srtp',
      // An account may name their codecs.
      ...(options.modules ?? []),
      'account',
      'menu',
      'ctrl_tcp',
      'uuid',
    ];
    const literal = host.includes(':') ? `[${host}]` : host;
    const microphone = join(options.folder, 'microphone.wav');
    writeTone(microphone, options.hertz ?? 440, MICROPHONE_SECONDS, options.rate);
    writeFileSync(
      join(options.folder, 'config'),
      [
        `sip_listen ${literal}:${port}`,
        ...(options.tlsCa ? [`sip_cafile ${options.tlsCa}`] : []),
        'call_local_timeout 120',
        'call_max_calls 4',
        // Newer ones hold a call when another comes, which no test here has asked for.
        'call_hold_other_calls no',
        `audio_player ${options.player ?? 'aubridge,heard'}`,
        `audio_source ${options.source ?? `aufile,${microphone}`}`,
        'audio_alert aubridge,alert',
        'ausrc_channels 1',
        `net_interface ${options.elsewhere?.interface ?? host}`,
        'auplay_channels 1',
        ...(options.video
          ? [
              `video_source ${options.video.source}`,
              'video_display fakevideo,null',
              `video_size ${options.video.size}`,
              `video_bitrate ${options.video.bitrate ?? 400_000}`,
              'video_fps 25',
              'avcodec_h264enc libx264',
              'avcodec_h264dec h264',
            ]
          : []),
        'audio_level no',
        'rtp_ports 24000-24999',
        'jitter_buffer_delay 2-8',
        `snd_path ${options.folder}`,
        `ctrl_tcp_listen ${controlHost}:${control}`,
        `module_path ${modules}`,
        ...wanted.filter((name) => available.has(`${name}.so`)).map((name) => `module ${name}.so`),
      ].join('\n'),
    );
    writeFileSync(join(options.folder, 'accounts'), `${options.account}\n`);
    writeFileSync(join(options.folder, 'contacts'), '');
    const [program = 'baresip', ...before] = [...(options.elsewhere?.prefix ?? []), 'baresip'];
    const peer = await Peer.start(program, [...before, '-f', options.folder, '-v'], {
      ready: /baresip is ready/,
      stdin: true,
      cwd: options.folder,
    });
    const socket = await until('the control port of baresip', () => open(controlHost, control));
    return new Baresip(peer, port, socket, options.folder);
  }

  /** A command of baresip's menu: `dial`, `accept`, `hangup`, `sndcode`... */
  command(command: string, params = ''): void {
    const message = JSON.stringify({ command, params, token: 't' });
    this.#socket.write(`${message.length}:${message},`);
  }

  event = (type: string, limitMs?: number): Promise<BaresipEvent> =>
    until(
      `baresip event ${type}; had ${this.events.map((event) => event.type)}\n${this.peer.output.slice(-3000)}`,
      () => this.events.find((event) => event.type === type),
      limitMs,
    );

  /** Its registrar has accepted it. */
  registered = (limitMs?: number): Promise<unknown> =>
    this.peer.waitFor(/200 OK .*\[\d+ bindings?\]/, limitMs);

  /** The WAV of what it received: the sndfile module's decoder dump. */
  heard(): string {
    const dump = readdirSync(this.#folder)
      .filter((name) => /dec\.wav$/.test(name))
      .sort()
      .at(-1);
    return join(this.#folder, dump ?? 'heard.wav');
  }

  async stop(): Promise<void> {
    this.#socket.destroy();
    await this.peer.stop();
  }
}

function open(host: string, port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(undefined));
  });
}
