// A certificate authority for a test, made with openssl.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificate {
  /** Paths of PEM files. */
  readonly certificate: string;
  readonly key: string;
}

const run = (args: readonly string[]): void => void execFileSync('openssl', args, { stdio: 'pipe' });
const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** A self-signed authority in `folder`, and certificates it signs. */
export class Authority {
  readonly certificate: string;
  readonly #key: string;
  readonly #folder: string;

  constructor(folder: string, name = 'authority') {
    this.#folder = folder;
    this.certificate = join(folder, `${name}.pem`);
    this.#key = join(folder, `${name}.key`);
    run([
      'req',
      '-x509',
      ...CURVE,
      '-keyout',
      this.#key,
      '-out',
      this.certificate,
      '-days',
      '30',
      '-subj',
      `/CN=${name}`,
    ]);
  }

  /** `names` in openssl's form: `DNS:op.example`, `IP:127.0.0.1`. */
  issue(name: string, names: readonly string[]): Certificate {
    const path = (suffix: string): string => join(this.#folder, `${name}.${suffix}`);
    writeFileSync(path('ext'), `subjectAltName=${names.join(',')}\n`);
    run(['req', ...CURVE, '-keyout', path('key'), '-out', path('csr'), '-subj', `/CN=${name}`]);
    run([
      ...[
        'x509',
        '-req',
        '-in',
        path('csr'),
        '-CA',
        this.certificate,
        '-CAkey',
        this.#key,
        '-CAcreateserial',
      ],
      ...['-out', path('pem'), '-days', '30', '-extfile', path('ext')],
    ]);
    return { certificate: path('pem'), key: path('key') };
  }
}
