"""The page that is there before the window is: it answers at once, keeps nothing, and gives its place to the studio without losing a request."""

import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from studio import entrance, opening, settings
from studio.splash import PAGE, Splash

KEY = "k" * 43
STUBBED = (
    "from studio import stubs; stubs.leave_out(); import sys, gradio, httpx, gradio.component_meta as m; print(m.create_or_modify_pyi(int, 'x', []));"
    "print(any(name.startswith(('gradio.cli.', 'rich', 'IPython.', 'pandas.')) for name in sys.modules), callable(httpx.main));"
    "import gradio.caching, pandas; from pandas.api import types; print(gradio.caching.pd.DataFrame is pandas.DataFrame, type(pandas).__name__)"
)


@pytest.fixture
def door():
    with entrance.listen(0) as door:
        yield door


def address(door: socket.socket, path: str = "/") -> str:
    return f"http://127.0.0.1:{door.getsockname()[1]}{path}"


class Studio(BaseHTTPRequestHandler):
    """Stands for what answers on the same socket afterwards."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"the studio")

    def log_message(self, *words):
        pass


def test_the_page_says_what_goes_on_and_lets_no_other_script_in(door):
    with Splash(door, KEY):
        answer = httpx.get(address(door, "/?token=secret"))
        assert answer.status_code == 200 and "Opening the studio" in answer.text and "secret" not in answer.text
        assert "script-src 'sha256-" in answer.headers["content-security-policy"] and answer.headers["cache-control"] == "no-store"


def test_the_page_asks_for_nothing_from_elsewhere():
    assert b"http" not in PAGE and b"url(" not in PAGE


def test_a_question_for_the_studio_is_not_answered_yet(door):
    with Splash(door, KEY):
        answer = httpx.get(address(door, "/studio/hello?nonce=7"))
        assert answer.status_code == 202 and answer.text == entrance.proof(KEY, door.getsockname()[1], "7")
        assert httpx.get(address(door, "/studio/library")).status_code == 503


def test_a_page_that_waits_is_answered_when_the_studio_takes_over(door):
    with Splash(door, KEY) as splash, socket.create_connection(door.getsockname(), timeout=30) as page:
        page.sendall(b"GET /studio/hello?nonce=0&wait=1 HTTP/1.0\r\n\r\n")
        assert httpx.get(address(door)).status_code == 200, "others are answered meanwhile"
        page.setblocking(False)
        with pytest.raises(BlockingIOError):
            page.recv(1)
        page.settimeout(30)
        splash.close()
        assert page.recv(100).startswith(b"HTTP/1.0 202")


def test_somebody_who_says_nothing_holds_nobody_up(door):
    with Splash(door, KEY), socket.create_connection(door.getsockname()):
        assert httpx.get(address(door)).status_code == 200


def test_who_comes_between_the_two_is_answered_by_the_studio(door):
    Splash(door, KEY).close()
    said = []
    asking = threading.Thread(target=lambda: said.append(httpx.get(address(door), timeout=30).text))
    asking.start()
    server = ThreadingHTTPServer(door.getsockname(), Studio, bind_and_activate=False)
    server.socket.close()
    server.socket = door
    server.handle_request()
    asking.join()
    assert said == ["the studio"]


def test_gradio_is_imported_without_stubs_command_lines_and_pandas_which_comes_when_it_is_asked_for():
    done = subprocess.run([sys.executable, "-c", STUBBED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", "False", "True", "True", "module"]


def test_a_second_start_finds_a_studio_that_is_still_opening(tmp_path, door):
    chosen = settings.read(home=tmp_path / "home", browser=False)
    entrance.announce(chosen, port := door.getsockname()[1])
    with Splash(door, entrance.secret(chosen)):
        assert entrance.running(chosen) == port


def test_nothing_heavy_is_imported_before_the_page_is_there():
    heavy = "import sys, studio.opening; print([m for m in ('gradio', 'numpy', 'pandas', 'httpx', 'studio.services.studio') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_other_commands_and_wrong_options_reach_the_whole_command_line(capsys):
    assert opening.main(["bench", "nothing"]) == 1 and "no measurement called" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        opening.main(["--port", "seven"])
    assert ended.value.code == 2 and "--port" in capsys.readouterr().err
