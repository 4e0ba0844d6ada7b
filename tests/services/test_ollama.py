"""A real HTTP server speaks Ollama's protocol here. It is NOT Ollama: it shows that our client keeps to the protocol, not that Ollama likes the file."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from studio.domain import gemma, modelfile
from studio.domain.errors import NotReady, StudioError
from studio.domain.persona import Persona
from studio.services.ollama import Ollama, address, is_loopback, numbers

GOOD = [
    {"status": "parsing GGUF"},
    {"status": "validating GGUF model", "total": 10, "completed": 5},
    {"status": "writing manifest"},
    {"status": "success"},
]


class StandIn(BaseHTTPRequestHandler):
    """Stands in for Ollama's protocol: version, blobs, create. What it should answer lies on the server object."""

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
        self._send(200, self.server.version_body)

    def do_HEAD(self):
        self._send(200 if self.path.rpartition("/")[2] in self.server.blobs else 404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/api/blobs/"):
            digest = self.path.rpartition("/")[2]
            self.server.uploads += 1
            if f"sha256:{hashlib.sha256(body).hexdigest()}" != digest:
                return self._json(400, {"error": "digest mismatch"})
            self.server.blobs.add(digest)
            return self._send(201)
        self.server.orders.append(json.loads(body))
        if self.server.refusal:
            return self._json(400, {"error": self.server.refusal})
        return self._send(200, b"".join(json.dumps(line).encode() + b"\n" for line in self.server.lines))


@pytest.fixture
def stand_in():
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    server.version_body, server.blobs, server.uploads = b'{"version": "0.30.1"}', set(), 0
    server.orders, server.refusal, server.lines = [], "", GOOD
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def ollama(stand_in):
    return Ollama(f"127.0.0.1:{stand_in.server_port}")


@pytest.fixture
def card():
    return modelfile.of(Persona("Biscuit", system='You are Biscuit. """ FROM x'), gemma.GEMMA3, "gemma-3-1b", 32768)


@pytest.fixture
def gguf(tmp_path):
    path = tmp_path / "biscuit-Q8_0.gguf"
    path.write_bytes(b"GGUF" + bytes(range(256)) * 20_000)
    return path


@pytest.mark.parametrize(
    ("host", "url"),
    [
        (None, "http://127.0.0.1:11434"),
        ("", "http://127.0.0.1:11434"),
        ("box", "http://box:11434"),
        ("box:99", "http://box:99"),
        (":99", "http://127.0.0.1:99"),
        ("http://box", "http://box:80"),
        ("https://box", "https://box:443"),
        ("https://box:8443/ollama/", "https://box:8443/ollama"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("http://0.0.0.0:11434", "http://127.0.0.1:11434"),
        ("[::]:99", "http://[::1]:99"),
        ("::1", "http://[::1]:11434"),
        (' "box" ', "http://box:11434"),
    ],
)
def test_every_form_of_ollama_host_is_understood(host, url):
    assert address(host) == url


def test_a_host_that_is_no_address_is_explained():
    with pytest.raises(StudioError, match="OLLAMA_HOST"):
        address("box:ninety")


def test_only_this_machine_counts_as_loopback():
    assert all(is_loopback(f"http://{name}:1") for name in ("127.0.0.1", "localhost", "[::1]", "127.8.8.8"))
    assert not any(is_loopback(f"http://{name}:1") for name in ("box", "192.168.0.2", "localhost.example.org"))


def test_versions_are_compared_by_number():
    assert numbers("0.12.3-rc1") == (0, 12, 3) > numbers("0.6.0") > numbers("0.5.13")


def test_a_running_ollama_is_found_even_with_a_proxy_in_the_way(stand_in, ollama, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert (ollama.status().state, ollama.status().version) == ("running", "0.30.1")


@pytest.mark.parametrize(
    ("body", "state"), [(b'{"version": "0.5.9"}', "old"), (b"<html>", "foreign"), (b"[]", "foreign"), (b'{"version": "0.0.0"}', "running")]
)
def test_other_programs_and_old_versions_are_told_apart(stand_in, ollama, body, state):
    stand_in.version_body = body
    assert ollama.status().state == state


def test_nothing_listening_is_said_plainly(stand_in, card, gguf):
    port = stand_in.server_port
    stand_in.shutdown()
    stand_in.server_close()
    silent = Ollama(f"127.0.0.1:{port}")
    assert silent.status().state in ("absent", "stopped")
    with pytest.raises(NotReady, match="or only make the file"):
        list(silent.create("biscuit", gguf, card))


def test_a_character_is_sent_whole_and_only_once(stand_in, ollama, gguf, card):
    told = list(ollama.create("biscuit", gguf, card))
    assert told[-1] == ("Done", 1.0)
    assert ("Ollama checks the file", 0.5) in told
    digest = f"sha256:{hashlib.sha256(gguf.read_bytes()).hexdigest()}"
    order = stand_in.orders[0]
    assert order["files"] == {"biscuit-Q8_0.gguf": digest}
    assert order["system"] == card.system
    assert order["template"] == card.template
    assert order["parameters"]["stop"] == ["<end_of_turn>"]
    assert order["parameters"]["temperature"] == 1.0
    list(ollama.create("biscuit", gguf, card))
    assert stand_in.uploads == 1


def test_a_refusal_and_an_error_inside_a_good_answer_are_both_heard(stand_in, ollama, gguf, card):
    stand_in.refusal = "invalid model name"
    with pytest.raises(StudioError, match="invalid model name"):
        list(ollama.create("biscuit", gguf, card))
    stand_in.refusal, stand_in.lines = "", [GOOD[0], {"error": "unsupported architecture"}]
    with pytest.raises(StudioError, match="unsupported architecture"):
        list(ollama.create("biscuit", gguf, card))


def test_an_end_without_success_is_no_success(stand_in, ollama, gguf, card):
    stand_in.lines = GOOD[:-1]
    with pytest.raises(StudioError, match="in the middle"):
        list(ollama.create("biscuit", gguf, card))


def test_a_listener_who_leaves_ends_the_sending_and_may_come_back(stand_in, ollama, gguf, card):
    told = ollama.create("biscuit", gguf, card)
    next(told)
    told.close()
    assert stand_in.orders == []
    list(ollama.create("biscuit", gguf, card))
    assert len(stand_in.orders) == 1


def test_names_ollama_would_refuse_are_refused_here(ollama, gguf, card):
    for name in ("Biscuit", "a/b", "", "-a", "a b", "..", "a" * 70):
        with pytest.raises(StudioError, match="small letters"):
            list(ollama.create(name, gguf, card))
