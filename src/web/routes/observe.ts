// What watches: events, trace, metrics, openapi.json.
import { HttpError, notFound } from '../errors.ts';
import { METRICS_TYPE, type Metric, prometheusText } from '../metrics.ts';
import { SECURITY_HEADERS } from '../security/guard.ts';
import * as shapes from '../shapes.ts';
import { ladder } from '../trace/ladder.ts';
import { PCAP_TYPE, pcap } from '../trace/pcap.ts';
import type { Route, RouteContext } from './route.ts';

const SSE_TYPE = 'text/event-stream; charset=utf-8';

export function observeRoutes({ ports, hub, openapi, makeLink }: RouteContext): Route[] {
  const own = (): Metric[] => [
    {
      name: 'web_event_readers',
      help: 'Readers of the event stream.',
      type: 'gauge',
      samples: [{ value: hub.readers }],
    },
  ];
  return [
    {
      method: 'GET',
      path: '/api/v1/events',
      what: 'Server-sent events: status, call, message, log, config, update; Last-Event-ID resumes',
      media: SSE_TYPE,
      handle: ({ request, reply }) => {
        if (hub.full) throw new HttpError(503, 'busy', 'Too many readers of the event stream.');
        const last = request.headers['last-event-id'];
        reply.hijack();
        hub.attach(reply.raw, SECURITY_HEADERS, typeof last === 'string' ? last : undefined);
        return undefined;
      },
    },
    {
      method: 'GET',
      path: '/api/v1/trace',
      what: 'SIP messages as a ladder or as a packet file; of one call, when asked',
      query: shapes.trace,
      media: 'text/plain; charset=utf-8',
      handle: ({ query: { format, call }, reply }) => {
        if (call !== undefined && !ports.calls.get(call)) throw notFound('call', { id: call });
        const entries = ports.trace.list(call === undefined ? undefined : ports.calls.sipCallIds(call));
        if (format !== 'pcap') return ladder(entries);
        void reply
          .type(PCAP_TYPE)
          .header('content-disposition', 'attachment; filename="tandem.pcap"')
          .send(pcap(entries));
        return undefined;
      },
    },
    {
      method: 'GET',
      path: '/api/v1/openapi.json',
      what: 'This description',
      answer: { type: 'object', additionalProperties: true },
      handle: () => openapi(),
    },
    {
      method: 'POST',
      path: '/api/v1/link',
      what: 'A link that opens the page once within ten minutes',
      status: 201,
      answer: shapes.link,
      handle: () => ({ url: makeLink() }),
    },
    {
      method: 'GET',
      path: '/metrics',
      what: 'Prometheus metrics',
      media: METRICS_TYPE,
      handle: () => prometheusText([...ports.metrics(), ...own()]),
    },
  ];
}
