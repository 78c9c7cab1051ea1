// openapi.json, made from the routes themselves.
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import { VERSION } from '#src/base/version.ts';

export const OPENAPI: FastifyDynamicSwaggerOptions = {
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
