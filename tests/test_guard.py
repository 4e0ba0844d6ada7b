"""The door: who gets in, what is not there, and what every answer carries."""

import base64
import hashlib
import re

import pytest

from studio.guard import HEADERS, INLINE_SCRIPTS, Guard
from tests.loop import finish

PORT, KEY = 7860, "k" * 43
OWN = f"127.0.0.1:{PORT}"
PAGE = (
    b"<html>"
    + b"".join(b"<script>let n=%d;\r\n</script>" % n for n in range(INLINE_SCRIPTS))
    + b"<script src='/assets/x.js'></script></html>"
)


class Inside:
    """A small app behind the guard that remembers what reached it."""

    def __init__(self, body=PAGE, kind=b"text/html; charset=utf-8"):
        self.seen = []
        self.body, self.kind = body, kind

    async def __call__(self, scope, receive, send):
        self.seen.append(scope)
        headers = [
            (b"content-type", self.kind),
            (b"access-control-allow-origin", b"http://evil.example"),
            (b"X-Frame-Options", b"ALLOWALL"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        half = len(self.body) // 2
        await send({"type": "http.response.body", "body": self.body[:half], "more_body": True})
        await send({"type": "http.response.body", "body": self.body[half:]})


class Answer:
    def __init__(self, messages):
        start = messages[0]
        self.status = start.get("status")
        self.headers = {name.decode().lower(): value.decode() for name, value in start.get("headers", [])}
        self.body = b"".join(m.get("body", b"") for m in messages[1:])


def ask(path="/", query="", method="GET", host=OWN, token=True, inside=None, hosts=None, cookie=f"studio-{PORT}={KEY}", **headers):
    """What the guard answers; keyword names become header names, so `sec_fetch_site="none"`."""
    inside = inside or Inside()
    lines = [(b"host", h.encode()) for h in (hosts if hosts is not None else [host])]
    lines += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    if cookie:
        lines.append((b"cookie", cookie.encode()))
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": lines}
    messages = []

    async def send(message):
        messages.append(message)

    async def receive():
        return {"type": "http.request", "body": b""}

    finish(Guard(inside, PORT, KEY, token)(scope, receive, send))
    answer = Answer(messages)
    answer.reached = bool(inside.seen)
    answer.scope = inside.seen[0] if inside.seen else None
    return answer


@pytest.mark.parametrize("host", [OWN, f"localhost:{PORT}", f"LOCALHOST:{PORT}"])
def test_our_own_host_names_are_answered(host):
    assert ask(host=host).status == 200


FOREIGN_HOSTS = [
    "evil.example", f"evil.example:{PORT}", "127.0.0.1", "localhost", f"127.0.0.1:{PORT + 1}", f"127.0.0.2:{PORT}", f"0.0.0.0:{PORT}", f"[::1]:{PORT}",
    f"[::ffff:127.0.0.1]:{PORT}", f"2130706433:{PORT}", f"0x7f000001:{PORT}", f"0177.0.0.1:{PORT}", f"127.1:{PORT}", f"127.0.0.1.:{PORT}", f"localhost.:{PORT}",
    f"127.0.0.1:{PORT}@evil.example", f"user@127.0.0.1:{PORT}", f"127.0.0.1:{PORT}.evil.example", f"127.0.0.1.nip.io:{PORT}", f"127.0.0.1:0{PORT}", f" {OWN}", f"{OWN} ",
    f"{OWN}, evil.example", f"http://{OWN}", f"{OWN}/", f"localhost.localdomain:{PORT}", f"{OWN}#", "", ":", f":{PORT}", f"*:{PORT}", f"１２７.0.0.1:{PORT}".encode().decode("latin-1"),
]  # fmt: skip


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_another_host_name_is_refused_before_anything_runs(host):
    answer = ask(host=host)
    assert answer.status == 421 and not answer.reached


@pytest.mark.parametrize("hosts", [[], [OWN, OWN], [OWN, "evil.example"]])
def test_no_host_or_two_hosts_are_refused(hosts):
    answer = ask(hosts=hosts)
    assert answer.status == 400 and not answer.reached


ROUTES = [
    "/",
    "/config",
    "/gradio_api/queue/join",
    "/gradio_api/queue/data",
    "/gradio_api/upload",
    "/gradio_api/run/predict",
    "/studio/save",
    "/studio/hello",
    "/assets/index.js",
]
ORIGINS = [
    "http://evil.example", "null", f"http://127.0.0.1:{PORT + 1}", "http://127.0.0.1", f"https://127.0.0.1:{PORT}", f"http://127.0.0.1:{PORT}.evil.example",
    f"http://localhost:{PORT}@evil.example", "file://", "chrome-extension://abc", "", f"http://[::1]:{PORT}",
]  # fmt: skip


@pytest.mark.parametrize("cookie", [f"studio-{PORT}={KEY}", ""])
@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("path", ROUTES)
def test_another_page_gets_nothing_done_with_or_without_the_cookie(path, origin, cookie):
    for method in ("GET", "POST", "OPTIONS"):
        answer = ask(path, method=method, origin=origin, cookie=cookie)
        assert answer.status == 403 and not answer.reached
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_two_origins_are_refused():
    inside = Inside()
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/config",
        "query_string": b"",
        "headers": [(b"host", OWN.encode())] + [(b"origin", f"http://{OWN}".encode())] * 2,
    }
    messages = []

    async def send(message):
        messages.append(message)

    finish(Guard(inside, PORT, KEY)(scope, None, send))
    assert messages[0]["status"] == 403 and not inside.seen


def test_our_own_page_gets_its_work_done():
    assert ask("/gradio_api/queue/join", method="POST", origin=f"http://{OWN}", sec_fetch_site="same-origin").status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "unheard-of"])
def test_a_foreign_fetch_is_refused_and_a_followed_link_is_not(site):
    assert ask("/config", sec_fetch_site=site).status == 403
    assert ask("/", sec_fetch_site=site, sec_fetch_mode="no-cors", sec_fetch_dest="image").status == 403
    assert ask("/", sec_fetch_site=site, sec_fetch_mode="navigate", sec_fetch_dest="iframe").status == 403
    assert ask("/", method="POST", sec_fetch_site=site, sec_fetch_mode="navigate", sec_fetch_dest="document").status == 403
    assert ask("/", sec_fetch_site=site, sec_fetch_mode="navigate", sec_fetch_dest="document").status == 200


BLOCKED = [
    "/monitoring", "/monitoring/summary", "/openapi.json", "/docs", "/gradio_api/info", "/gradio_api/openapi.json", "/gradio_api/runs", "/gradio_api/run-history/connect",
    "/gradio_api/vibe-edit", "/gradio_api/vibe-code", "/gradio_api/undo-vibe-edit", "/gradio_api/dev/reload", "/gradio_api/proxy=http://evil.example/", "/gradio_api/mcp",
    "/gradio_api/deep_link", "/gradio_api/token", "/gradio_api/call/save", "/gradio_api/call/v2/save", "/gradio_api/api/save", "/gradio_api/process_recording",
    "/gradio_api/component_server", "/gradio_api/run/save", "/gradio_api/file/etc/passwd", "/login", "/file=/etc/passwd", "/pwa_icon", "/gradio_api/profiling/traces",
]  # fmt: skip


@pytest.mark.parametrize("path", BLOCKED)
def test_what_the_page_does_not_use_is_not_there(path):
    answer = ask(path)
    assert answer.status == 404 and not answer.reached


def test_a_websocket_is_closed():
    sent = []

    async def send(message):
        sent.append(message)

    finish(Guard(Inside(), PORT, KEY)({"type": "websocket", "path": "/", "headers": []}, None, send))
    assert [m["type"] for m in sent] == ["websocket.close"]


@pytest.mark.parametrize(
    "cookie", ["", f"studio-{PORT}=", f"studio-{PORT}=wrong", f"studio-{PORT + 1}={KEY}", f"studio-{PORT}={KEY}x", "studio-7860=ümlaut"]
)
def test_without_the_token_the_door_says_what_to_do(cookie):
    answer = ask(cookie=cookie.encode().decode("latin-1"))
    assert answer.status == 401 and not answer.reached
    assert b"paste the whole address" in answer.body


def test_the_token_is_swapped_for_a_cookie_and_leaves_the_address_bar():
    answer = ask(
        "/", f"token={KEY}&__theme=dark", cookie="", sec_fetch_site="cross-site", sec_fetch_mode="navigate", sec_fetch_dest="document"
    )
    assert answer.status == 303 and answer.headers["location"] == "/?__theme=dark" and not answer.reached
    assert answer.headers["set-cookie"] == f"studio-{PORT}={KEY}; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax"
    assert ask("/", f"token={KEY}", cookie="").headers["location"] == "/"
    assert ask("/", "token=wrong", cookie="").status == 401
    assert ask("/config", f"token={KEY}", cookie="").status == 401


def test_another_programs_damaged_cookie_does_not_lock_the_door():
    assert ask(cookie=f'broken="; a b=c; studio-{PORT}={KEY}').status == 200


def test_a_second_start_may_ask_whether_this_is_its_studio():
    assert ask("/studio/hello", "nonce=1", cookie="").reached
    assert not ask("/studio/hello", "nonce=1", cookie="", origin="http://evil.example").reached


def test_without_a_token_the_other_rules_still_hold():
    assert ask(cookie="", token=False).status == 200
    assert ask(cookie="", token=False, host="evil.example").status == 421
    assert ask("/config", cookie="", token=False, origin="null").status == 403


@pytest.mark.parametrize("path", ["/", "/config", "/assets/a.js", "/studio/list", "/nothing"])
def test_every_answer_keeps_itself_to_this_page(path):
    answer = ask(path)
    assert {name: answer.headers.get(name) for name in map(bytes.decode, HEADERS)} == {k.decode(): v.decode() for k, v in HEADERS.items()}
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "access-control-allow-origin" not in answer.headers


def test_the_page_runs_only_the_scripts_it_came_with():
    policy = ask("/").headers["content-security-policy"]
    scripts = re.findall(rb"<script>(.*?)</script", PAGE.replace(b"\r\n", b"\n"), re.DOTALL)
    wanted = {f"'sha256-{base64.b64encode(hashlib.sha256(s).digest()).decode()}'" for s in scripts}
    assert set(re.findall(r"'sha256-[^']+'", policy)) == wanted
    assert "script-src 'self' 'unsafe-eval' 'sha256-" in policy and "'unsafe-inline'" not in policy.split("style-src")[0]
    assert "default-src 'none'" in policy and "base-uri 'self'" in policy


def test_a_page_with_one_script_more_is_not_shown():
    answer = ask("/", inside=Inside(PAGE + b"<script>evil()</script>"))
    assert answer.status == 500 and b"evil" not in answer.body


def test_a_picture_opened_by_itself_can_run_nothing():
    answer = ask("/studio/avatar/ab12", inside=Inside(b"<svg onload='x()'/>", b"image/svg+xml"))
    assert "sandbox" in answer.headers["content-security-policy"] and "script-src" not in answer.headers["content-security-policy"]


def test_only_what_never_changes_is_kept_by_the_browser():
    assert ask("/").headers["cache-control"] == "no-store"
    assert ask("/studio/list").headers["cache-control"] == "no-store"
    assert ask("/studio/avatar/ab12").headers["cache-control"] == "no-store"
    assert "immutable" in ask("/studio/avatar/ab12", "v=3").headers["cache-control"]
    assert "immutable" in ask("/assets/index-abc.js").headers["cache-control"]


def test_forwarding_headers_do_not_get_in():
    answer = ask(
        "/", x_forwarded_host="evil.example", forwarded="host=evil.example", x_real_ip="1.2.3.4", accept_encoding="gzip", user_agent="me"
    )
    assert {name for name, _ in answer.scope["headers"]} == {b"host", b"cookie", b"user-agent"}
