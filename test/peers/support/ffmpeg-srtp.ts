// ffmpeg's own SRTP: a tone sent encrypted, encrypted sound written to a file.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sampleSdp } from '#test/support/sdp-samples.ts';
import { isBound, Peer, until } from './process.ts';

/** Suite as SDP names it, and key and salt in base64. */
export interface FfmpegKey {
  readonly suite: string;
  readonly key: string;
}

/** PCMU over SRTP to a port of this machine, from `localPort`, in real time until stopped. */
export const srtpTone = (to: number, localPort: number, hertz: number, key: FfmpegKey): Promise<Peer> =>
  Peer.start('ffmpeg', [
    ...[
      '-v',
      'error',
      '-re',
      '-f',
      'lavfi',
      '-i',
      `sine=frequency=${hertz}:sample_rate=8000:samples_per_frame=160:duration=30`,
    ],
    // The source of ffmpeg is an eighth of full scale; +8 dB brings it to -10 dB.
    ...['-af', 'volume=8.06dB', '-ac', '1', '-ar', '8000', '-acodec', 'pcm_mulaw', '-frame_size', '160'],
    ...['-f', 'rtp', '-payload_type', '0', '-srtp_out_suite', key.suite, '-srtp_out_params', key.key],
    `srtp://127.0.0.1:${to}?localport=${localPort}&localrtcpport=${localPort + 1}&pkt_size=186&connect=0`,
  ]);

/** What comes encrypted to a port, decrypted and decoded into `out.wav` of the folder. */
export async function srtpEar(
  folder: string,
  port: number,
  key: FfmpegKey,
): Promise<{ peer: Peer; wav: string }> {
  const sdp = join(folder, `ear-${port}.sdp`);
  const wav = join(folder, `ear-${port}.wav`);
  writeFileSync(
    sdp,
    sampleSdp('127.0.0.1', [`m=audio ${port} RTP/SAVP 0`, `a=crypto:1 ${key.suite} inline:${key.key}`]),
  );
  const peer = await Peer.start('ffmpeg', [
    ...['-v', 'error', '-y', '-protocol_whitelist', 'file,rtp,udp,srtp', '-i', sdp],
    ...['-flush_packets', '1', '-acodec', 'pcm_s16le', wav],
  ]);
  await until('the ear', () => isBound(port));
  return { peer, wav };
}
