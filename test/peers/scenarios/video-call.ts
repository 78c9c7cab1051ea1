// A call with video whose far end is SIPp for the words and two sockets of the test for the pictures.

import { FarVideo } from '../support/far-video.ts';
import { scratch } from '../support/process.ts';
import type { Sipp } from '../support/sipp.ts';
import { ack, hungUp, invite, rings } from './caller.ts';
import { Stage } from './stage.ts';
import { type Expectation, expect, scenario } from './xml.ts';

/** Lines of the video section of an offer. */
export interface VideoLines {
  readonly profile?: string;
  readonly mode?: 0 | 1;
  readonly level?: string;
  /** `sprop-parameter-sets`, base64. */
  readonly sets?: string;
  /** Values of `a=rtcp-fb:*`. Default: all of 26.114. */
  readonly feedback?: readonly string[];
  readonly direction?: string;
  readonly more?: readonly string[];
  readonly port?: number;
}

export const ALL_FEEDBACK = ['nack', 'nack pli', 'ccm fir', 'ccm tmmbr'];
export const AUDIO = ['m=audio 6000 RTP/AVP 0', 'a=rtpmap:0 PCMU/8000'];

export const videoLines = (far: FarVideo, lines: VideoLines = {}): string[] => [
  `m=video ${lines.port ?? far.port} ${lines.profile ?? 'RTP/AVPF'} 104`,
  'b=AS:2000',
  'a=rtpmap:104 H264/90000',
  `a=fmtp:104 profile-level-id=${lines.level ?? '42e01f'};packetization-mode=${lines.mode ?? 1}${lines.sets ? `;sprop-parameter-sets=${lines.sets}` : ''}`,
  `a=rtcp:${far.rtcpPort}`,
  ...(lines.feedback ?? ALL_FEEDBACK).map((kind) => `a=rtcp-fb:* ${kind}`),
  ...(lines.more ?? []),
  `a=${lines.direction ?? 'sendrecv'}`,
];

export const describe = (media: readonly string[], version = 1): string[] => [
  ...['v=0', `o=sipp 1 ${version} IN IP4 [local_ip]`, 's=-', 'c=IN IP4 127.0.0.1', 't=0 0'],
  ...media,
];

export interface VideoStageOptions {
  readonly capture?: string;
  readonly added?: 'refuse' | 'receive' | 'both';
  readonly codecs?: readonly string[];
  readonly media?: string;
}

/** A device with video and the far end of its calls. */
export class VideoStage {
  readonly stage: Stage;
  readonly far: FarVideo;
  readonly #folder: ReturnType<typeof scratch>;
  #count = 0;
  #sipp: Sipp | undefined;

  private constructor(stage: Stage, far: FarVideo, folder: ReturnType<typeof scratch>) {
    [this.stage, this.far, this.#folder] = [stage, far, folder];
  }

  /** `capture`: given the folder's file, the capture setting. */
  static async open(options: VideoStageOptions = {}): Promise<VideoStage> {
    const folder = scratch();
    const stage = await Stage.open({
      codecs: options.codecs ?? ['PCMU', 'H264'],
      autoAnswer: 'all',
      more: [
        '[video]',
        `capture = "${options.capture ?? 'none'}"`,
        `sink = "file:${folder.file('{call}.264')}"`,
        `added = "${options.added ?? 'both'}"`,
      ].join('\n'),
    });
    return new VideoStage(stage, await FarVideo.open(), folder);
  }

  /** What SIPp of the present call has sent and received. */
  messages = (): string => this.#sipp?.messages() ?? '';

  file = (name: string): string => this.#folder.file(name);
  /** What the device wrote of a call; whole when the call is over. */
  sink = (id: string): string => this.file(`${id}.264`);

  /** SIPp calls with this video section; `body` runs in the call, the device ends it. Gives the id of the call. */
  async called(
    lines: VideoLines,
    body: (id: string) => Promise<void>,
    answer: Expectation = {},
  ): Promise<string> {
    this.far.forget();
    this.#count += 1;
    const user = `far${this.#count}`;
    const offer = describe([...AUDIO, ...videoLines(this.far, lines)]);
    let id = '';
    await this.stage.called(
      user,
      scenario(user, [
        invite(user, { body: offer }),
        ...rings({ optional: true }),
        expect(200, answer),
        ack(user),
        ...hungUp(),
      ]),
      async (sipp) => {
        this.#sipp = sipp;
        ({ id } = await this.stage.call(user, 'active'));
        await body(id);
        await this.stage.device.act(id, 'hangup');
      },
    );
    await this.stage.device.whenState(id, 'ended');
    return id;
  }

  async close(): Promise<void> {
    await this.stage.close();
    this.far.close();
    this.#folder.remove();
  }
}
