// RFC 4825 8, TS 24.623 5.3.2: what an XCAP request of an authenticated user gets. Without sockets.
import { escapeXml } from '#src/base/xml.ts';
import { type NodeSelector, parseSelector } from '#src/services/ut/selector.ts';
import { AUID, DOCUMENT_NAME, SIMSERVS_NS, TYPES } from '#src/services/ut/vocabulary.ts';
import { XCAP_ERROR_NS } from '#src/services/ut/xcap-error.ts';
import { parseUri, type Uri } from '#src/sip/message/uri.ts';
import type { Account } from '../accounts.ts';
import { sameIdentity } from '../accounts.ts';
import type { Documents, StoredDocument } from './documents.ts';
import { deleteNode, type NodeFault, putAttribute, putElement, readNode } from './node.ts';

export interface XcapRequest {
  readonly method: string;
  /** As it came. */
  readonly path: string;
  readonly type: string | undefined;
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly body: Buffer;
}

export interface XcapAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const plain = (status: number, headers: Readonly<Record<string, string>> = {}): XcapAnswer => ({
  ...{ status, headers, body: '' },
});

function refusal(error: string, phrase?: string): XcapAnswer {
  const words = phrase === undefined ? '' : ` phrase="${escapeXml(phrase)}"`;
  return {
    status: 409,
    headers: { 'content-type': TYPES.error },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<xcap-error xmlns="${XCAP_ERROR_NS}"><${error}${words}/></xcap-error>\n`,
  };
}

const faultAnswer = ({ status, error = 'cannot-insert', phrase }: NodeFault): XcapAnswer =>
  status === 404 ? plain(404) : refusal(error, phrase);

/** RFC 4825 12: what a server speaks. */
const CAPABILITIES = `<?xml version="1.0" encoding="UTF-8"?>
<xcap-caps xmlns="urn:ietf:params:xml:ns:xcap-caps"><auids><auid>${AUID}</auid><auid>xcap-caps</auid></auids><namespaces><namespace>${SIMSERVS_NS}</namespace><namespace>${XCAP_ERROR_NS}</namespace></namespaces></xcap-caps>
`;
const NODE_TYPES = {
  element: TYPES.element,
  attribute: TYPES.attribute,
  namespaces: 'application/xcap-ns+xml',
} as const;

interface Place {
  readonly identity: Uri;
  readonly selector: NodeSelector | undefined;
}

/** Undefined: no such resource. */
function placeOf(path: string): Place | undefined {
  const [resource = '', query = ''] = split(path, '?');
  const [document = '', node] = split(resource, '/~~/');
  const match = /^\/([^/]+)\/users\/([^/]+)\/([^/]+)$/.exec(document);
  if (match?.[1] !== AUID || match[3] !== DOCUMENT_NAME) return undefined;
  const identity = decode(match[2] ?? '');
  const uri = identity === undefined ? undefined : parseUri(identity);
  if (!uri?.ok) return undefined;
  if (node === undefined) return { identity: uri.value, selector: undefined };
  const selector = parseSelector(node, query);
  return selector.ok ? { identity: uri.value, selector: selector.value } : undefined;
}

function split(text: string, at: string): [string, string | undefined] {
  const index = text.indexOf(at);
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + at.length)];
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    // No such user.
    return undefined;
  }
}

const tags = (header: string): string[] => header.split(',').map((tag) => tag.trim());

/** RFC 9110 13.1.1, 13.1.2. */
function holds({ ifMatch, ifNoneMatch }: XcapRequest, etag: string): boolean {
  if (ifMatch !== undefined && ifMatch.trim() !== '*' && !tags(ifMatch).includes(etag)) return false;
  return ifNoneMatch === undefined || (ifNoneMatch.trim() !== '*' && !tags(ifNoneMatch).includes(etag));
}

export function answerXcap(request: XcapRequest, account: Account, documents: Documents): XcapAnswer {
  const { method, path } = request;
  if (path === '/xcap-caps/global/index')
    return method === 'GET'
      ? { status: 200, headers: { 'content-type': 'application/xcap-caps+xml' }, body: CAPABILITIES }
      : plain(405, { allow: 'GET' });
  const place = placeOf(path);
  if (!place) return plain(404);
  // 24.623 6.2: nobody but its owner.
  if (!account.identities.some((own) => sameIdentity(own, place.identity))) return plain(403);
  const document = documents.of(place.identity);
  if (method === 'GET') return read(request, place, document);
  if (method !== 'PUT' && method !== 'DELETE') return plain(405, { allow: 'GET, PUT, DELETE' });
  if (!holds(request, document.etag)) return plain(412, { etag: document.etag });
  return method === 'PUT' ? put(request, place, document, documents) : remove(place, document, documents);
}

function read(request: XcapRequest, { selector }: Place, { text, etag }: StoredDocument): XcapAnswer {
  if (request.ifNoneMatch !== undefined && tags(request.ifNoneMatch).includes(etag))
    return plain(304, { etag });
  if (!selector) return { status: 200, headers: { 'content-type': TYPES.document, etag }, body: text };
  const node = readNode(text, selector);
  if (!node.ok) return plain(404);
  return {
    status: 200,
    headers: { 'content-type': NODE_TYPES[node.value.type], etag },
    body: node.value.text,
  };
}

function put(
  { type = '', body }: XcapRequest,
  { identity, selector }: Place,
  { text }: StoredDocument,
  documents: Documents,
): XcapAnswer {
  const wanted = !selector ? TYPES.document : selector.end ? TYPES.attribute : TYPES.element;
  if (type.split(';', 1)[0]?.trim().toLowerCase() !== wanted) return plain(415);
  const sent = body.toString('utf8');
  if (!Buffer.from(sent, 'utf8').equals(body)) return refusal('not-utf-8');
  if (!selector) return stored(documents, identity, sent, false);
  if (selector.end === 'namespaces') return plain(405, { allow: 'GET' });
  const write = selector.end ? putAttribute : putElement;
  const written = write(text, selector, sent);
  if (!written.ok) return faultAnswer(written.error);
  return stored(documents, identity, written.value.text, written.value.created);
}

function remove({ identity, selector }: Place, { text }: StoredDocument, documents: Documents): XcapAnswer {
  // 24.623 6.2 lets nobody take the document away.
  if (!selector) return refusal('constraint-failure', 'the document is not removed');
  const left = deleteNode(text, selector);
  return left.ok ? stored(documents, identity, left.value.text, false) : faultAnswer(left.error);
}

function stored(documents: Documents, identity: Uri, text: string, created: boolean): XcapAnswer {
  const kept = documents.replace(identity, text);
  if (!kept.ok) return refusal(kept.error.error, kept.error.phrase);
  return plain(created ? 201 : 200, { etag: kept.value.etag });
}
