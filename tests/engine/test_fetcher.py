"""What is fetched of a model's repository, and what is said when it can't be. The other side is a stand-in for the hub on this machine."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from studio.domain import progress
from studio.engine import fetcher

PROJECT = Path(__file__).resolve().parents[2]
SHA = "0123456789abcdef0123456789abcdef01234567"
FILES = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 4096, "pytorch_model.bin": b"never"}


class Hub(BaseHTTPRequestHandler):
    """Answers as a model hub does: the list of files, and their bytes, from the middle too."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *said):
        """Silence."""

    def do_GET(self):
        hub = self.server
        hub.keys.append(self.headers.get("Authorization"))
        if hub.refusal:
            code, name = hub.refusal
            return self.answer(b"{}", code, {"X-Error-Code": name} if name else {})
        if self.path.startswith("/api/models/"):
            known = [
                {"rfilename": name, "size": len(body), "lfs": {"sha256": hub.sha[name], "size": len(body), "pointerSize": 1}}
                for name, body in FILES.items()
            ]
            return self.answer(json.dumps({"id": "some/model", "sha": SHA, "siblings": known}).encode())
        name = self.path.rsplit("/", 1)[1]
        first = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
        hub.asked.append((name, first))
        whole = FILES[name]
        facts = {"X-Repo-Commit": SHA, "ETag": f'"{len(whole)}-{name}"', "Accept-Ranges": "bytes"}
        if first:  # what is asked for is what is missing
            facts["Content-Range"] = f"bytes {first}-{len(whole) - 1}/{len(whole)}"
        torn = hub.tear if name == "model.safetensors" else 0
        return self.answer(whole[first:], 206 if first else 200, facts, torn)

    def answer(self, body, code=200, facts=None, torn=0):
        self.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **(facts or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:torn] if torn else body)
        self.close_connection = bool(torn)


@pytest.fixture
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.refusal, server.tear, server.keys, server.asked = None, 0, [], []
    server.sha = {name: hashlib.sha256(body).hexdigest() for name, body in FILES.items()}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def fetched(hub, folder):
    """The last thing the job said."""
    folder.mkdir(exist_ok=True)
    (folder / "spec.json").write_text(json.dumps({"kind": "fetch", "model": "m", "repo": "some/model", "revision": "main"}), "utf-8")
    quick = {"HF_HUB_DOWNLOAD_TIMEOUT": "5", "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_TOKEN": "hf_somebodys_key"}
    place = {**os.environ, **quick, "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}", "HF_HOME": str(folder.parent / "cache")}
    subprocess.run([sys.executable, "-m", "studio.engine.fetcher", str(folder)], cwd=PROJECT, env=place, check=False, timeout=120)
    return progress.read((folder / "events.jsonl").read_text("utf-8"))[-1]


def test_a_model_arrives_whole_without_its_pickled_weights_and_no_key_is_sent(hub, tmp_path):
    folder = tmp_path / "model"
    assert fetched(hub, folder)["kind"] == "done"
    assert (folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert not (folder / "pytorch_model.bin").exists() and not (folder / "fetching").exists()
    assert set(hub.keys) == {None}


def test_a_download_that_broke_in_the_middle_is_no_model_and_goes_on(hub, tmp_path):
    folder = tmp_path / "model"
    hub.tear = 300_000
    said = fetched(hub, folder)
    assert said["kind"] == "failed" and said["message"] == fetcher.UNREACHED
    assert (folder / "fetching").exists() and not (folder / "model.safetensors").exists()
    hub.tear = 0
    assert fetched(hub, folder)["kind"] == "done"
    assert (folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert [first for name, first in hub.asked if name == "model.safetensors"] == [0, 300_000]


def test_a_file_that_arrives_damaged_is_removed_and_said(hub, tmp_path):
    folder = tmp_path / "model"
    hub.sha["model.safetensors"] = "0" * 64
    said = fetched(hub, folder)
    assert said["kind"] == "failed" and said["message"] == fetcher.DAMAGED.format(name="model.safetensors")
    assert (folder / "config.json").is_file() and not list(folder.glob("model.safetensors*"))


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ((403, "GatedRepo"), "accepted its licence"),
        ((404, "RepoNotFound"), "no longer where it was published"),
        ((401, ""), "accepted its licence"),
        ((429, ""), "asks for a pause"),
        ((503, ""), "internet can't be reached"),
    ],
)
def test_a_refusal_is_one_sentence_with_something_to_do(hub, tmp_path, refusal, words):
    hub.refusal = refusal
    said = fetched(hub, tmp_path / "model")
    assert said["kind"] == "failed" and words in said["message"]


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "2_Dense/model.safetensors", "1_Pooling/config.json", "LICENSE"])
def test_what_belongs_to_a_model_is_fetched(name):
    assert fetcher.is_wanted(name)


@pytest.mark.parametrize(
    "name",
    [
        "pytorch_model.bin",
        "onnx/config.json",
        "2_Dense/pytorch_model.bin",
        "2_Dense/more/config.json",
        ".gitattributes",
        "..\\config.json",
        "../config.json",
    ],
)
def test_nothing_else_is_fetched(name):
    assert not fetcher.is_wanted(name)
