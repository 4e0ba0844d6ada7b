"""One studio per home: the second start finds the first, and tells a stranger nothing."""

import os
import stat
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from studio import cli, entrance, opening, settings


class Doorkeeper(BaseHTTPRequestHandler):
    """Answers /studio/hello with the proof of whatever key it was given, and notes all it was told."""

    def do_GET(self):
        self.server.heard.append((self.path, dict(self.headers)))
        nonce = parse_qs(urlsplit(self.path).query)["nonce"][0]
        answer = entrance.proof(self.server.key, self.server.claimed, nonce).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *words):
        pass


@pytest.fixture
def chosen(tmp_path):
    return settings.read(home=tmp_path / "home", browser=False)


@pytest.fixture
def doorkeeper():
    server = HTTPServer(("127.0.0.1", 0), Doorkeeper)
    server.heard, server.key, server.claimed = [], "", server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_second_start_finds_the_studio_of_its_home(chosen, doorkeeper):
    doorkeeper.key = entrance.secret(chosen)
    entrance.announce(chosen, doorkeeper.server_port)
    assert entrance.running(chosen) == doorkeeper.server_port


def test_a_stranger_on_the_port_is_not_believed_and_never_sees_the_token(chosen, doorkeeper):
    doorkeeper.key = "somebody else's"
    entrance.announce(chosen, doorkeeper.server_port)
    assert entrance.running(chosen) is None
    assert entrance.secret(chosen) not in str(doorkeeper.heard)


def test_a_stranger_cannot_pass_the_question_on_to_ours(chosen, doorkeeper):
    doorkeeper.key, doorkeeper.claimed = entrance.secret(chosen), doorkeeper.server_port + 1
    entrance.announce(chosen, doorkeeper.server_port)
    assert entrance.running(chosen) is None


@pytest.mark.parametrize("noted", ["", "{", "null", "[]", '{"port": "x"}', "\x00\x00", '{"port": 1}'])
def test_a_damaged_note_means_that_none_is_running(chosen, noted):
    entrance.secret(chosen)
    chosen.address.write_text(noted)
    assert entrance.running(chosen) is None


def test_without_a_note_nobody_is_asked(chosen):
    assert entrance.running(chosen) is None
    assert entrance.wait_for_running(chosen, seconds=0) is None


def test_the_token_stays_over_restarts_and_belongs_to_one_person(chosen):
    first = entrance.secret(chosen)
    assert entrance.secret(chosen) == first and len(first) >= 43
    if os.name == "posix":
        assert stat.S_IMODE(chosen.secret.stat().st_mode) == 0o600
    chosen.secret.write_text("cut off")
    assert entrance.secret(chosen) != "cut off"


def test_the_next_free_port_is_taken():
    with entrance.listen(0) as first:
        port = first.getsockname()[1]
        with entrance.listen(port) as second:
            assert second.getsockname()[0] == "127.0.0.1" and second.getsockname()[1] != port


def test_the_browser_is_led_in_by_a_private_page_not_by_a_command_line(chosen, monkeypatch):
    shown = []
    monkeypatch.setattr("webbrowser.open", shown.append)
    key = entrance.secret(chosen)
    entrance.open_browser(chosen, 7860)
    assert shown == [chosen.doorstep.as_uri()] and key not in shown[0]
    assert f"http://127.0.0.1:7860/?token={key}" in chosen.doorstep.read_text()
    if os.name == "posix":
        assert stat.S_IMODE(chosen.doorstep.stat().st_mode) == 0o600


def test_no_variable_from_elsewhere_opens_a_door(tmp_path, monkeypatch):
    for name in ("GRADIO_SHARE", "GRADIO_SERVER_NAME", "GRADIO_ALLOWED_PATHS", "GRADIO_MCP_SERVER"):
        monkeypatch.setenv(name, "True")
    for name in (
        "GRADIO_TEMP_DIR",
        "GRADIO_ANALYTICS_ENABLED",
        "GRADIO_ANALYTICS_MAX_EVENTS",
        "GRADIO_ANALYTICS_CACHE_FREQUENCY",
        "HF_HUB_DISABLE_TELEMETRY",
        "DO_NOT_TRACK",
    ):
        monkeypatch.setenv(name, "elsewhere")  # so that what is set here is taken back afterwards
    opening.settle_environment(tmp_path / "scratch")
    ours = {name: value for name, value in os.environ.items() if name.startswith("GRADIO_")}
    silent = {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_ANALYTICS_MAX_EVENTS": "500", "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000"}
    assert ours == {**silent, "GRADIO_TEMP_DIR": str(tmp_path / "scratch")}


def test_the_command_line_decides_and_what_it_leaves_open_has_a_default(tmp_path):
    options = cli.parser().parse_args(["--home", str(tmp_path / "mine"), "--no-browser", "--offline"])
    read = settings.read(options)
    assert (read.home, read.port, read.browser, read.offline, read.token) == (tmp_path / "mine", 7860, False, True, True)
    again = settings.read(cli.parser().parse_args(["start", "--home", str(tmp_path / "mine"), "--port", "7900", "--no-token"]))
    assert (again.port, again.browser, again.token) == (7900, True, False)
