// TS 23.003 13.9.1.2, RFC 4825 6: where the document of a user is.
import { inPath } from './selector.ts';
import { DOCUMENT_NAME } from './vocabulary.ts';

const NETWORK = '.3gppnetwork.org';

/** The root when nobody names one: by the domain of the private identity, over TLS (24.623 5.2.1.1). */
export function defaultRoot(impi: string, home: string): string {
  const domain = (impi.includes('@') ? impi.slice(impi.indexOf('@') + 1) : home).toLowerCase();
  const host = domain.endsWith(NETWORK) ? `${domain.slice(0, -NETWORK.length)}.pub${NETWORK}` : domain;
  return `https://xcap.${host}`;
}

export interface DocumentPlace {
  readonly root: string;
  readonly auid: string;
  /** XCAP User Identifier (24.623 5.3.1.1): the default public identity. */
  readonly xui: string;
  readonly name?: string;
}

export const documentUrl = ({ root, auid, xui, name = DOCUMENT_NAME }: DocumentPlace): string =>
  `${root.replace(/\/+$/, '')}/${auid}/users/${inPath(xui)}/${name}`;
