"""An XCAP server for one simservs document, on the HTTP of Python and the XPath and RELAX NG of libxml2 (lxml).

xcap-server.py DOCUMENT SCHEMA: prints its port. It knows nothing of the program that it judges: a selector is an XPath,
a document is what the schema takes, a version is a hash of the octets.
"""
import hashlib
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from lxml import etree

DOCUMENT, SCHEMA = sys.argv[1:3]
PATH = re.compile(r"^/xcap/simservs\.ngn\.etsi\.org/users/[^/]+/simservs\.xml(?:/~~/([^?]*))?(?:\?(.*))?$")
NS = "http://uri.etsi.org/ngn/params/xml/simservs/xcap"
ERROR = '<xcap-error xmlns="urn:ietf:params:xml:ns:xcap-error"><%s/></xcap-error>'
TYPES = {0: "application/vnd.etsi.simservs+xml", 1: "application/xcap-el+xml", 2: "application/xcap-att+xml"}
schema = etree.RelaxNG(etree.parse(SCHEMA))


def xpath(node):
    """Steps without a prefix are of the default document namespace (RFC 4825 6.4)."""
    steps = re.split(r"/(?![^\[]*\])", node)
    return "/" + "/".join(s if s.startswith("@") or ":" in s.split("[")[0] else "d:" + s for s in steps)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        print(self.requestline, file=sys.stderr, flush=True)

    def answer(self, status, body=b"", kind=None, etag=None):
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        if etag:
            self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def conflict(self, name):
        self.answer(409, (ERROR % name).encode(), "application/xcap-error+xml")

    def serve(self):
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        match = PATH.match(self.path)
        if not match:
            return self.answer(404)
        octets = open(DOCUMENT, "rb").read()
        etag = '"%s"' % hashlib.md5(octets).hexdigest()
        wanted = self.headers.get("If-Match")
        if wanted and wanted != etag:
            return self.answer(412)
        node, query = unquote(match[1] or ""), unquote(match[2] or "")
        names = dict(re.findall(r"xmlns\(([^=]+)=([^)]*)\)", query), d=NS)
        tree = etree.fromstring(octets)
        kind = 0 if not node else 2 if re.search(r"/@[^/\]]+$", node) else 1
        if self.command == "GET":
            return self.answer(200, octets, TYPES[0], etag) if kind == 0 else self.answer(404)
        if self.command == "PUT" and self.headers.get("Content-Type") != TYPES[kind]:
            return self.answer(415)
        if kind == 0:
            tree = etree.fromstring(sent)
        elif kind == 2:
            place, name = xpath(node).rsplit("/@", 1)
            (owner,) = tree.xpath(place, namespaces=names)
            owner.set(name, sent.decode())
        else:
            found = tree.xpath(xpath(node), namespaces=names)
            if len(found) > 1:
                return self.conflict("cannot-insert")
            if self.command == "DELETE":
                if not found:
                    return self.answer(404)
                found[0].getparent().remove(found[0])
            else:
                parents = tree.xpath(xpath(node).rsplit("/", 1)[0], namespaces=names)
                if len(parents) != 1:
                    return self.conflict("no-parent")
                made = etree.fromstring(sent)
                if found:
                    parents[0].replace(found[0], made)
                elif made.tag.endswith("NoReplyTimer"):
                    parents[0].insert(0, made)
                else:
                    parents[0].append(made)
                if tree.xpath(xpath(node), namespaces=names) != [made]:
                    return self.conflict("cannot-insert")
        if not schema.validate(tree):
            print(schema.error_log, file=sys.stderr, flush=True)
            return self.conflict("schema-validation-error")
        octets = etree.tostring(tree, xml_declaration=True, encoding="UTF-8")
        open(DOCUMENT, "wb").write(octets)
        self.answer(200, etag='"%s"' % hashlib.md5(octets).hexdigest())

    do_GET = do_PUT = do_DELETE = serve


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print("port", server.server_address[1], flush=True)
server.serve_forever()
