// Where a stream of ours is received, and whether it reaches the far end from there: a move to the other IP family leaves it alone until
// the far end names a place of that family (RFC 3264 8.3.1).
import { isIP } from 'node:net';

export class OwnPlace {
  #address = '';
  /** Moved to the other family, and nobody of it was agreed with yet. */
  #isStranded = false;

  opened(address: string): void {
    this.#address = address;
    this.#isStranded = false;
  }

  moved(address: string): void {
    this.#isStranded ||= isIP(address) !== isIP(this.#address);
    this.#address = address;
  }

  /** Not so: what is agreed was agreed for where we were before. */
  reaches(remote: string): boolean {
    if (this.#isStranded && isIP(remote) === isIP(this.#address)) this.#isStranded = false;
    return !this.#isStranded;
  }
}
