// RFC 3550 11: the ports that a stream may take.
import { mediaError } from './faults.ts';

/** Inclusive; both 0 for whichever are free. RTP gets an even port, RTCP the next. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

const LAST_PORT = 65_535;

/** Throws `media.ports`. */
export function mustBePorts({ from, to }: PortRange): void {
  for (const port of [from, to])
    if (!Number.isInteger(port) || port < 0 || port > LAST_PORT) throw mediaError('ports', `port ${port}`);
}
