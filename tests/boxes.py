"""A real HTTP server that speaks Ollama's protocol. It is NOT Ollama: it shows that our client keeps to the protocol, not that Ollama likes the file."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GOOD = [
    {"status": "parsing GGUF"},
    {"status": "validating GGUF model", "total": 10, "completed": 5},
    {"status": "writing manifest"},
    {"status": "success"},
]


class StandIn(BaseHTTPRequestHandler):
    """Stands in for Ollama's protocol: version, tags, blobs, create, chat. What it should answer lies on the server object."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _json(self, status, value):
        self._send(status, json.dumps(value).encode())

    def _send(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/api/tags":
            return self._json(200, {"models": [{"name": name, **more} for name, more in self.server.models.items()]})
        return self._send(200, self.server.version_body)

    def do_HEAD(self):
        self._send(200 if self.path.rpartition("/")[2] in self.server.blobs else 404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/api/blobs/"):
            return self._blob(self.path.rpartition("/")[2], body)
        order = json.loads(body)
        self.server.orders.append(order)
        if self.path == "/api/chat":
            return self._chat(order)
        if self.server.refusal:
            return self._json(400, {"error": self.server.refusal})
        if self.server.lines[-1] == GOOD[-1]:
            self.server.models[f"{order['model']}:latest"] = {}
        return self._lines(self.server.lines)

    def _blob(self, digest, body):
        self.server.uploads += 1
        if f"sha256:{hashlib.sha256(body).hexdigest()}" != digest:
            return self._json(400, {"error": "digest mismatch"})
        self.server.blobs.add(digest)
        return self._send(201)

    def _chat(self, order):
        server = self.server
        if not {order["model"], f"{order['model']}:latest"} & set(server.models):
            return self._json(404, {"error": f"model '{order['model']}' not found"})
        if order.get("_debug_render_only"):
            rendered = {"_debug_info": {"rendered_template": server.rendered}} if server.rendered else {}
            return self._json(200, {"model": order["model"], **rendered})
        server.awake.wait(10)
        answer = server.answers.get(order["messages"][-1]["content"], server.usual)
        words = [{"message": {"role": "assistant", "content": f"{' ' * bool(n)}{word}"}} for n, word in enumerate(answer.split())]
        return self._lines([*words, *server.last])

    def _lines(self, lines):
        """A stream, a line at a time, as slowly as it is told to."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in lines:
            self.server.pace.wait(10)
            content = json.dumps(line).encode() + b"\n"
            try:
                self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
            except OSError:  # nobody listens any more
                self.server.left.set()
                self.close_connection = True
                return
        self.wfile.write(b"0\r\n\r\n")


def opened():
    """A stand-in that answers, on a free port; `shutdown()` and `server_close()` end it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    server.daemon_threads = True
    server.version_body, server.blobs, server.uploads = b'{"version": "0.30.1"}', set(), 0
    server.orders, server.refusal, server.lines, server.models = [], "", GOOD, {}
    server.answers, server.usual, server.rendered = {}, "Woof, says the box.", ""
    server.last = [{"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}]
    server.pace, server.awake, server.left = threading.Event(), threading.Event(), threading.Event()
    server.pace.set(), server.awake.set()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
