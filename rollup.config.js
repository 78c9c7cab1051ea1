// Bundles the agent to dist/tandem.js and the owner's page to dist/page.js. Types are stripped by Node itself.
import { copyFileSync, mkdirSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';

/** TypeScript 7 has no compiler API, and the sources hold nothing that needs one. */
const stripTypes = {
  name: 'strip-types',
  transform: (code, id) => (id.endsWith('.ts') ? { code: stripTypeScriptTypes(code), map: null } : null),
};

/** `#src/…` as package.json says, and packages where Node finds them. */
const resolveAs = (wanted) => ({
  name: 'resolve',
  resolveId: (id, importer) => (importer && wanted(id) ? fileURLToPath(import.meta.resolve(id)) : null),
});

const page = {
  name: 'page',
  writeBundle: () => {
    mkdirSync('dist', { recursive: true });
    copyFileSync('src/web/page/page.css', 'dist/page.css');
  },
};

const isOwn = (id) => /^[./#]/.test(id);

export default [
  {
    input: 'src/main.ts',
    // Packages stay outside: they are installed beside the bundle.
    external: (id) => !isOwn(id),
    plugins: [resolveAs((id) => id.startsWith('#')), stripTypes],
    output: { file: 'dist/tandem.js', format: 'es', banner: '#!/usr/bin/env node', inlineDynamicImports: true },
  },
  {
    input: 'src/web/page/main.ts',
    plugins: [resolveAs((id) => !/^[./]/.test(id)), stripTypes, page],
    output: { file: 'dist/page.js', format: 'es' },
  },
];
