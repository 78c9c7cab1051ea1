// The order of the layers (see the README): a folder imports only from those before it in its list.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** Folders and root files under src/, lowest first. */
export const LAYERS = [
  'base',
  'sip',
  'sdp',
  'media',
  'ims',
  'call',
  'sms',
  'services',
  'provisioning',
  'device',
  'update',
  'web',
  'operator',
  'agent.ts',
  'demo.ts',
  'cli',
  'main.ts',
] as const;

/** The same inside src/sip. */
export const SIP_LAYERS = [
  'message',
  'transport',
  'resolver',
  'transaction',
  'digest',
  'dialog',
  'ua',
  'event',
] as const;

const IMPORT =
  /^\s*(?:import|export)\b[^'"]*?from\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;

/** Paths below src/ that a source text imports, `#src/` and relative ones alike. */
export function importsOf(file: string, text: string): string[] {
  return [...text.matchAll(IMPORT)].flatMap((match) => {
    const target = match[1] ?? match[2] ?? match[3] ?? '';
    if (target.startsWith('#src/')) return [target.slice('#src/'.length)];
    return target.startsWith('.') ? [normalize(join(dirname(file), target))] : [];
  });
}

/** Breaches of one order: `prefix` is '' for src/ itself or 'sip/'. */
export function breaches(
  files: readonly { readonly path: string; readonly text: string }[],
  order: readonly string[],
  prefix: string,
): string[] {
  const layerOf = (path: string): string => path.slice(prefix.length).split('/')[0] ?? '';
  return files
    .filter(({ path }) => path.startsWith(prefix))
    .flatMap(({ path, text }) => {
      const own = order.indexOf(layerOf(path));
      if (own < 0) return [`${path}: not in a known layer`];
      return importsOf(path, text).flatMap((target) => {
        if (target.startsWith('..')) return [`${path} imports ${target}, outside src/`];
        if (!target.startsWith(prefix)) return [];
        const other = order.indexOf(layerOf(target));
        return other >= 0 && other <= own ? [] : [`${path} imports ${target}, which stands below it`];
      });
    });
}

/** Every TypeScript file under src/ but the page, which is the browser's. */
export const sources = (): { path: string; text: string }[] =>
  globSync('src/**/*.ts')
    .filter((path) => !path.startsWith('src/web/page/'))
    .map((path) => ({ path: path.slice('src/'.length), text: readFileSync(path, 'utf8') }));
