// rtpengine as the access gateway: RTP on the one side, SRTP on the other, in user space.
import { freePort, Peer } from './process.ts';

export class Rtpengine {
  readonly peer: Peer;
  /** Of its control protocol. */
  readonly port: number;

  private constructor(peer: Peer, port: number) {
    this.peer = peer;
    this.port = port;
  }

  static async start(more: readonly string[] = []): Promise<Rtpengine> {
    const port = await freePort();
    // Without the file of the package, whose ports are taken by whoever came first.
    const args = [
      '--config-file=none',
      '--foreground',
      '--log-stderr',
      '--log-level=7',
      '--table=-1',
      '--interface=127.0.0.1',
    ];
    const ports = ['--port-min=28000', '--port-max=28999', `--listen-ng=127.0.0.1:${port}`];
    const quick = ['--num-threads=2', '--delete-delay=0'];
    const peer = await Peer.start('rtpengine', [...args, ...ports, ...quick, ...more], {
      ready: /Startup complete/,
    });
    return new Rtpengine(peer, port);
  }

  stop = (): Promise<void> => this.peer.stop();
}
