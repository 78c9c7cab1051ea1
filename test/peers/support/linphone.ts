// linphone as a softphone with files for a sound card, driven by what its owner would type.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, Peer } from './process.ts';
import { writeTone } from './tone.ts';

const MICROPHONE_SECONDS = 30;

export interface LinphoneOptions {
  readonly folder: string;
  readonly hertz: number;
  /** SRTP is a must for it, with this suite alone; undefined: RTP in clear. */
  readonly suite?: string | undefined;
  /** It understands 100rel (RFC 3262), which it does not by itself. */
  readonly reliable?: boolean;
  /** It has a camera with a still picture, and a screen that nobody sees. Needs mediastreamer2-plugin-openh264. */
  readonly video?: boolean;
  /** Everything goes through this proxy, without registration; by default straight to whom it calls. */
  readonly route?: string;
}

const VIDEO = [
  '[video]',
  ...['enabled=1', 'capture=1', 'display=1', 'automatically_initiate=1', 'automatically_accept=1'],
  ...['device=StaticImage: Static picture', 'size=qvga'],
  ...['[video_codec_0]', 'mime=H264', 'rate=90000', 'enabled=1'],
];

export class Linphone {
  readonly peer: Peer;
  /** What it hears. */
  readonly heard: string;
  readonly port: number;
  readonly #microphone: string;

  private constructor(peer: Peer, port: number, heard: string, microphone: string) {
    this.peer = peer;
    this.port = port;
    this.heard = heard;
    this.#microphone = microphone;
  }

  static async start({
    folder,
    hertz,
    suite,
    reliable = false,
    video = false,
    route,
  }: LinphoneOptions): Promise<Linphone> {
    // Its data base wants the folder to be there.
    mkdirSync(join(folder, '.local/share/linphone'), { recursive: true });
    const microphone = join(folder, 'microphone.wav');
    writeTone(microphone, hertz, MICROPHONE_SECONDS);
    const encryption =
      suite === undefined
        ? ['media_encryption=none']
        : ['media_encryption=srtp', 'media_encryption_mandatory=1', `srtp_crypto_suites=${suite}`];
    const port = await freePort();
    const sip = [
      '[sip]',
      `sip_port=${port}`,
      'contact=<sip:linphone@127.0.0.1>',
      ...encryption,
      ...(reliable ? ['100rel_support_level=1'] : []),
    ];
    const rtp = [
      '[rtp]',
      `audio_rtp_port=${await freePort()}`,
      ...(video ? [`video_rtp_port=${await freePort()}`] : []),
    ];
    const codec = ['[audio_codec_0]', 'mime=PCMU', 'rate=8000', 'channels=1', 'enabled=1'];
    const config = join(folder, 'linphonerc');
    const proxy =
      route === undefined
        ? []
        : [
            '[proxy_0]',
            `reg_proxy=<${route}>`,
            `reg_route=<${route};lr>`,
            'reg_identity=sip:linphone@127.0.0.1',
            'reg_sendregister=0',
          ];
    if (route !== undefined) sip.push('default_proxy=0');
    writeFileSync(config, [...sip, ...rtp, ...codec, ...(video ? VIDEO : []), ...proxy, ''].join('\n'));
    const peer = await Peer.start('linphonec', [...(video ? ['-V'] : []), '-c', config], {
      stdin: true,
      env: { HOME: folder, TMPDIR: folder },
      ready: /linphonec>/,
    });
    const linphone = new Linphone(peer, port, join(folder, 'heard.wav'), microphone);
    // Without: it would offer an IPv6 address for a call over IPv4.
    linphone.command('ipv6 disable');
    linphone.command('soundcard use files');
    await peer.waitFor(/Using wav files/);
    return linphone;
  }

  command(line: string): void {
    this.peer.write(`${line}\n`);
  }

  /** Files are taken once the sound runs. */
  async call(uri: string): Promise<'running' | 'refused'> {
    this.command(`call ${uri}`);
    const [end = ''] = await this.peer.waitFor(/Media streams established|Call \d+ with .* error/, 15_000);
    if (!end.startsWith('Media')) return 'refused';
    this.command(`record ${this.heard}`);
    this.command(`play ${this.#microphone}`);
    return 'running';
  }

  /** What its microphone hears, from now on. */
  speak(): void {
    this.command(`play ${this.#microphone}`);
  }

  /** Its recording is whole afterwards. */
  async stop(): Promise<void> {
    this.command('terminate');
    this.command('quit');
    await this.peer.ended(4000).catch(() => undefined);
    await this.peer.stop();
  }
}
