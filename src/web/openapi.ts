// openapi.json, made from the routes themselves.
import { createRequire } from 'node:module';
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import fastify from 'fastify';
import { VERSION } from '#src/base/version.ts';
import { addAll, type Route } from './routes/route.ts';

const OPENAPI: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: '3.0.3',
    info: {
      title: 'Tandem',
      version: VERSION,
      description:
        'A device that shares the number of a phone. Nothing is coerced, nothing is silently dropped.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: [{ url: '/' }],
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    security: [{ token: [] }],
  },
};

/** Few ask, and what makes it takes megabytes: it is loaded for them, on an application that serves nobody. */
export async function describeApi(routes: readonly Route[]): Promise<unknown> {
  // Not `import()`, which the bundle would turn into an import at the start.
  const swagger: typeof import('@fastify/swagger') = createRequire(import.meta.url)('@fastify/swagger');
  const app = fastify();
  await app.register(swagger.default, OPENAPI);
  app.register(async (scope) => addAll(scope, routes));
  await app.ready();
  try {
    return app.swagger();
  } finally {
    await app.close();
  }
}
