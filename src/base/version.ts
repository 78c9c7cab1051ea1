// The version of this Tandem, from package.json (also in the bundle, which stands beside it).
import { readFileSync } from 'node:fs';

const FALLBACK = '0.0.0';

/** `0.1.0`. */
export const VERSION: string = readVersion();

function readVersion(): string {
  for (const place of ['../../package.json', '../package.json']) {
    const text = readText(new URL(place, import.meta.url));
    const data: unknown = text === undefined ? undefined : JSON.parse(text);
    if (
      typeof data === 'object' &&
      data !== null &&
      'name' in data &&
      data.name === 'tandem' &&
      'version' in data
    )
      return String(data.version);
  }
  return FALLBACK;
}

function readText(url: URL): string | undefined {
  try {
    return readFileSync(url, 'utf8');
  } catch {
    // Not there: the other place has it.
    return undefined;
  }
}
