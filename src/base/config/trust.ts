// The file of certificates that a setting names: read before anything starts, so that its fault is told with key and line.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe } from '../errors.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** What is wrong with a PEM file that must hold certificates; undefined when nothing is. */
export function trustFault(path: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch (error) {
    return `cannot be read: ${describe(error)}`;
  }
  const found = text.match(CERTIFICATE) ?? [];
  if (found.length === 0) return `holds no certificate (PEM): ${path}`;
  const broken = found.findIndex((pem) => !isCertificate(pem));
  return broken < 0 ? undefined : `holds a certificate that cannot be read (number ${broken + 1}): ${path}`;
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}
