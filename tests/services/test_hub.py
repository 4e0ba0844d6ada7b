"""Putting a character on the Hugging Face Hub. The other side is a stand-in for the Hub on this machine; the library that speaks to it is the real one."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from studio.domain.errors import NotReady, StudioError
from studio.services import exports, hub
from studio.settings import Settings

TOKEN = "hf_a_key_that_was_typed"
PROJECT = Path(__file__).resolve().parents[2]


class Hub(BaseHTTPRequestHandler):
    """Answers as the Hub does: who, a new place, which files are large, their bytes, and the commit."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *said):
        """Silence."""

    def answer(self, value, code=200):
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_GET(self):
        self.server.keys.append(self.headers.get("Authorization"))
        if self.server.refusal:
            return self.answer({"error": "no"}, self.server.refusal)
        if self.path == "/api/whoami-v2":
            return self.answer({"name": "mia", "type": "user", "auth": {}})
        files = [{"rfilename": name} for name in self.server.there]
        return self.answer({"id": "mia/biscuit", "sha": "0" * 40, "private": self.server.private, "siblings": files})

    def do_PUT(self):
        self.server.stored = self.body()
        self.answer({})

    def do_POST(self):
        given = self.body()
        self.server.asked.append((self.path, given))
        if self.path == "/api/repos/create":
            return self.answer({"url": self.server.place}, self.server.create)
        if "/preupload/" in self.path:
            files = [
                {"path": f["path"], "uploadMode": "lfs" if f["path"].endswith(".gguf") else "regular", "shouldIgnore": False}
                for f in json.loads(given)["files"]
            ]
            return self.answer({"files": files})
        if self.path.endswith("/objects/batch"):
            objects = json.loads(given)["objects"]
            link = f"http://127.0.0.1:{self.server.server_port}/lfs"
            return self.answer(
                {"transfer": "basic", "objects": [{**one, "actions": {"upload": {"href": link, "header": {}}}} for one in objects]}
            )
        if "/commit/" in self.path:
            return self.answer({"success": True, "commitUrl": f"{self.server.place}/commit/1", "commitOid": "1"})
        return self.answer({"errors": [], "warnings": []})  # of the card's first lines


@pytest.fixture
def other_side(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.keys, server.asked, server.stored, server.refusal, server.create = [], [], b"", 0, 200
    server.private, server.there, server.place = True, [".gitattributes"], f"http://127.0.0.1:{server.server_port}/mia/biscuit"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_TOKEN", "hf_somebody_elses_key")
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def made(library, tmp_path):
    """A finished export, as its folder looks."""
    folder = tmp_path / "biscuit-1"
    folder.mkdir()
    (folder / "biscuit-Q8_0.gguf").write_bytes(b"GGUF" + bytes(range(256)) * 5000)
    for name, text in {
        "README.md": "---\nlicense: other\n---\n# Biscuit\n",
        "NOTICE": "made of something\n",
        "Modelfile": "FROM ./biscuit-Q8_0.gguf\n",
    }.items():
        (folder / name).write_text(text)
    (folder / "LICENSE").write_bytes(b"Terms of somebody who writes as in \xe9poque")
    library.write_json(folder / "spec.json", {"adapter": str(tmp_path), "file": "Q8_0", "name": "biscuit"})
    result = {"path": "biscuit-Q8_0.gguf", "bytes": 4, "checks": [], "answers": []}
    return exports.Made(folder, {"file": "Q8_0", "name": "biscuit", "model": "practice", "adapter": str(tmp_path)}, result, 0.0, {}, False)


@pytest.fixture
def settings(library):
    return Settings(project=PROJECT, home=library.home)


def put(settings, made, name="biscuit", token=TOKEN):
    return list(hub.put(settings, made, name, token))


def commit(server):
    lines = [json.loads(line) for line in next(given for path, given in server.asked if "/commit/" in path).splitlines()]
    return {line["value"]["path"]: line["value"] for line in lines if line["key"] in ("file", "lfsFile")}


def test_the_file_and_its_papers_arrive_in_a_private_place_of_the_keys_owner(other_side, settings, made):
    told = put(settings, made)
    assert told[-1] == (f"http://127.0.0.1:{other_side.server_port}/mia/biscuit", 1.0)
    assert ("Sending the file" in {text for text, _ in told}) and all(share is None or 0 <= share <= 1 for _, share in told)
    order = json.loads(next(given for path, given in other_side.asked if path == "/api/repos/create"))
    assert order["visibility"] == "private"
    assert other_side.stored == made.file.read_bytes()
    sent = commit(other_side)
    assert set(sent) == {"biscuit-Q8_0.gguf", "README.md", "NOTICE", "LICENSE", "Modelfile", "certificate.json"}
    assert base64.b64decode(sent["NOTICE"]["content"]) == b"made of something\n"
    assert base64.b64decode(sent["LICENSE"]["content"]).startswith(b"Terms of somebody")
    assert set(other_side.keys) == {f"Bearer {TOKEN}"}, "no other key of this computer is used"


def test_the_key_is_kept_nowhere(other_side, settings, made, tmp_path):
    put(settings, made)
    holders = [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert holders == []


@pytest.mark.parametrize(("refusal", "words"), [(401, "does not know this key"), (403, "may read but not write"), (418, "did not take it")])
def test_a_refusal_is_one_sentence_and_nothing_was_sent(other_side, settings, made, refusal, words):
    other_side.refusal = refusal
    with pytest.raises(StudioError, match=words):
        put(settings, made)
    assert other_side.asked == [] and other_side.stored == b""


@pytest.mark.parametrize(("private", "there"), [(True, [".gitattributes", "poems.txt"]), (False, [".gitattributes"])])
def test_a_place_with_something_in_it_or_open_to_all_is_not_touched(other_side, settings, made, private, there):
    other_side.create, other_side.private, other_side.there = 409, private, there
    with pytest.raises(StudioError, match="“biscuit” of yours on the Hub already"):
        put(settings, made)
    assert other_side.stored == b"" and not any("/commit/" in path for path, _ in other_side.asked)


def test_an_empty_place_of_an_attempt_that_broke_off_is_used(other_side, settings, made):
    other_side.create = 409
    assert put(settings, made)[-1][1] == 1.0 and "biscuit-Q8_0.gguf" in commit(other_side)


def test_nothing_is_sent_offline_without_a_key_or_under_an_odd_name(other_side, settings, made):
    with pytest.raises(NotReady, match="started offline"):
        put(Settings(project=PROJECT, home=settings.home, offline=True), made)
    with pytest.raises(NotReady, match="Paste a key"):
        put(settings, made, token="  ")
    with pytest.raises(StudioError, match="small letters"):
        put(settings, made, name="../biscuit")
    assert other_side.keys == [] and other_side.asked == []


def test_no_internet_is_said(other_side, settings, made, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(StudioError, match="can't be reached"):
        put(settings, made)


def test_whoever_leaves_ends_the_sending(other_side, settings, made):
    sending = hub.put(settings, made, "biscuit", TOKEN)
    next(sending)
    sending.close()
    assert not any("/commit/" in path for path, _ in other_side.asked)


def test_a_part_that_breaks_leaves_its_reason_in_the_log_and_the_key_nowhere(other_side, settings, made, tmp_path):
    made.file.unlink()
    with pytest.raises(StudioError, match="A part of the studio broke while sending"):
        put(settings, made)
    said = settings.log.read_text("utf-8")
    assert "FileNotFoundError" in said and TOKEN not in said
