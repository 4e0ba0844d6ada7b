"""A running studio in an empty home, and a browser in front of it that fails a test on any fault of the page."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest
from playwright.sync_api import expect, sync_playwright

PROJECT = Path(__file__).resolve().parents[2]
PATIENCE = float(os.environ.get("PERSONA_STUDIO_TEST_PATIENCE", "30"))  # seconds; a machine that is busy with a lesson needs more
HELD = ("/heartbeat/", "/queue/data", "/queue/join")  # the first two stay open, and COUNT knows better about the third
# Keeps in `window.unanswered` which events have been asked and not answered to the end, and in `window.events` how many there were. The ticks of clocks
# are left out: while a lesson runs on a slow machine there is always one under way.
COUNT = """(() => {
  const unanswered = window.unanswered = new Set(), over = new Set(), ask = window.fetch;
  window.events = 0;
  const ticks = body => {
    const { trigger_id } = JSON.parse(body);
    return window.gradio_config?.components.some(part => part.id === trigger_id && part.type === "timer");
  };
  const hear = async body => {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = "", part; !(part = await reader.read()).done;) {
      const lines = (rest + part.value).split("\\n");
      rest = lines.pop();
      for (const line of lines.filter(line => line.startsWith("data:"))) {
        const { msg, event_id } = JSON.parse(line.slice(5));
        if (msg === "process_completed") { over.add(event_id); unanswered.delete(event_id); }
      }
    }
  };
  const join = async asked => {
    if (ticks(asked[1].body)) return ask(...asked);
    const way = {};
    window.events += 1;
    unanswered.add(way);
    try {
      const answer = await ask(...asked);
      if (answer.ok) {
        const { event_id } = await answer.clone().json();
        if (!over.has(event_id)) unanswered.add(event_id);
      }
      return answer;
    } finally { unanswered.delete(way); }
  };
  window.fetch = async (...asked) => {
    const address = String(asked[0]?.url ?? asked[0]);
    if (address.includes("/queue/join")) return join(asked);
    const answer = await ask(...asked);
    if (!address.includes("/queue/data") || !answer.ok) return answer;
    const [own, ours] = answer.body.tee();
    hear(ours).catch(() => {});  // the page lets go of a stream that the studio has closed
    return new Response(own, answer);
  };
})()"""
LEFT = ("AbortError: signal is aborted", "Unexpected error Connection errored out")  # what Gradio says of requests whose page was left


class Running:
    """A studio as a person starts it, on a port of its own; it can be killed and started again."""

    def __init__(self, home: Path):
        self.home, self.child = home, None
        with socket.socket() as door:
            door.bind(("127.0.0.1", 0))
            self.port = door.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"

    def start(self):
        command = [sys.executable, "-m", "studio", "start", "--home", self.home, "--port", self.port, "--no-browser", "--no-token"]
        self.home.mkdir(exist_ok=True)
        with (self.home / "test.log").open("a") as log:
            self.child = subprocess.Popen([str(word) for word in command], cwd=PROJECT, stdout=log, stderr=log)
        end = time.monotonic() + 4 * PATIENCE
        while time.monotonic() < end and self.child.poll() is None:
            try:
                if httpx.get(f"{self.url}studio/hello?nonce=0", timeout=PATIENCE).status_code == 200:
                    return self
            except httpx.TransportError:
                pass  # it does not listen yet
            time.sleep(0.2)
        raise AssertionError(f"The studio did not answer:\n{(self.home / 'test.log').read_text()[-2000:]}")

    def kill(self):
        """As a power cut would, but a lesson under way lives on: it is a process of its own."""
        self.child.kill()
        self.child.wait()

    def end(self):
        """The studio and whatever still works in its home."""
        self.kill()
        for process in psutil.process_iter(["cmdline"]):
            if any(str(self.home) in word for word in process.info["cmdline"] or ()):
                process.kill()


@pytest.fixture(scope="session")
def browser():
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    program = os.environ.get("PERSONA_STUDIO_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not program and os.environ.get("CI"):
        pytest.fail("There is no Chromium on this machine, and without one the window stays untested.")
    if not program:
        pytest.skip("There is no Chromium. Name one in PERSONA_STUDIO_CHROMIUM.")
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as driver:
        yield driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-background-networking"])


@pytest.fixture(scope="session")
def studio_running(tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("studio") / "home").start()
    yield running
    running.end()


@pytest.fixture(scope="session")
def studio_url(studio_running):
    return studio_running.url


@pytest.fixture(scope="module")
def shared_studio(tmp_path_factory):
    """A studio for the tests of one file, which leave it as they found it."""
    running = Running(tmp_path_factory.mktemp("shared") / "home").start()
    yield running
    running.end()


@pytest.fixture
def own_studio(tmp_path):
    """A studio for one test, which may kill it."""
    running = Running(tmp_path / "home").start()
    yield running
    running.end()


def follow(page):
    """Keeps `page.asked`, how many requests there were, and `page.under_way`, those that are not over, but for `HELD`."""
    page.asked, page.under_way = 0, set()

    def begin(asked):
        if not any(kind in asked.url for kind in HELD):
            page.asked += 1
            page.under_way.add(asked)

    def end(asked):
        page.under_way.discard(asked)

    page.on("request", begin)
    page.on("requestfinished", end)
    page.on("requestfailed", end)
    page.on("framenavigated", lambda frame: page.under_way.clear())  # a page that was left takes its requests along


@pytest.fixture
def outage():
    """Asked for by a test in which requests go unanswered on purpose: what the browser notes about those is no fault."""


@pytest.fixture
def open_page(browser, request):
    """Opens pages; at the end there must be no error in any console, no uncaught error, and no request to anywhere else."""
    contexts, faults = [], []

    def open_page(url, context=None, **options):
        if context is None:
            context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
            context.add_init_script(COUNT)
            contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        page.on(
            "console",
            lambda message: faults.append(f"{message.text} {message.location.get('url', '')}".strip()) if message.type == "error" else None,
        )
        page.on("pageerror", lambda error: faults.append(f"uncaught: {error}"))
        page.on("request", lambda asked: None if asked.url.startswith((url, "data:", "blob:")) else faults.append(f"outside: {asked.url}"))
        follow(page)
        stay = page.reload

        def reload(**options):
            # Gradio notes that its own requests end when a page is left in the middle of them; that is no fault of the page that comes.
            before = len(faults)
            answer = stay(**options)
            faults[before:] = [fault for fault in faults[before:] if not fault.startswith(LEFT)]
            return answer

        page.reload = reload
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    if "outage" in request.fixturenames:
        faults = [fault for fault in faults if fault.startswith(("uncaught: ", "outside: "))]
    assert faults == []


@pytest.fixture
def studio_page(open_page, studio_url):
    return open_page(studio_url)
