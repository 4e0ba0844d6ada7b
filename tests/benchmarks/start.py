"""How long a start takes: from the launcher to the first thing a person sees, and to a window that can be used; beside a start that imports first.

    python -m studio bench start [--json FILE]
    python tests/benchmarks/start.py [--rounds 5] [--json FILE]

A browser waits with an empty page and goes where the studio sends it, as a person's would. `paint` is the first frame with the studio's words in
it, `usable` the moment the window's tabs and characters are there. The peer is the same studio after `import torch, transformers, peft, trl`. Both
start in turn, on a home that has been opened before. Each start waits for a quiet machine.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import BrowserContext, sync_playwright

HERE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HERE))

from tests.benchmarks.shared import quiet  # noqa: E402

PORT = 7981
TABLE = ("start",)
GATES, AMBITIONS = {"paint": 1.0, "usable": 4.0}, {"paint": 0.5, "usable": 2.5}  # seconds
PATIENCE = 120  # seconds to wait for a quiet machine
IMPORTS = "import sys, torch, transformers, peft, trl; from studio.cli import main; sys.exit(main(sys.argv[1:]))"
# Libraries that a process which imported them has mapped.
HEAVY = tuple(f"/{name}/" for name in ("torch", "bitsandbytes", "llama_cpp", "sklearn", "pandas", "pyarrow"))
# Looked at in each frame: Playwright's own waiting looks at growing intervals, in the end twice a second, which would be measured with it.
PAINTED = "() => document.body?.innerText.includes('Opening the studio') || document.querySelector('[role=tab]')"
USABLE = "() => document.querySelector('[role=tab]')?.checkVisibility() && document.querySelector('#cast label')?.checkVisibility()"
TELL = "import os, sys; open(sys.argv[1] + '.new', 'w').write(sys.argv[2]); os.replace(sys.argv[1] + '.new', sys.argv[1])"


def wait_for_quiet() -> None:
    """Wait until nobody else computes; exits with a sentence where somebody goes on."""
    end = time.monotonic() + PATIENCE
    while (share := quiet.disturbed()) > quiet.LOUD:
        if time.monotonic() > end:
            sys.exit(f"Others use {share:.0%} of the processors, so a start can't be measured. End them, and measure again.")


def command(ours: bool, home: Path) -> list[str]:
    """How the studio is started."""
    words = ["start", "--home", str(home), "--port", str(PORT), "--offline"]
    return [sys.executable, str(HERE / "launch.py"), *words] if ours else [sys.executable, "-c", IMPORTS, *words]


def one(browser: BrowserContext, ours: bool, place: Path) -> dict[str, float]:
    """One start, in seconds since its process began."""
    sent, page = place / "sent", browser.new_page()
    sent.unlink(missing_ok=True)
    (place / "tell.py").write_text(TELL)
    surroundings = {
        # As on a person's computer, Python keeps what it compiled: else each start compiles the studio anew.
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "BROWSER": f"{sys.executable} {place / 'tell.py'} {sent} %s",
        "PERSONA_STUDIO_ENV": sys.prefix,
        "PYTHONPATH": str(HERE),
    }
    wait_for_quiet()
    with open(place / "log.txt", "a") as log:
        began = time.perf_counter()
        child = subprocess.Popen(command(ours, place / "home"), env=surroundings, stdout=log, stderr=log)
        while not sent.exists():
            if child.poll() is not None:
                sys.exit(f"The studio did not start:\n{(place / 'log.txt').read_text()[-2000:]}")
            time.sleep(0.002)
        page.goto(sent.read_text(), wait_until="commit")
        page.wait_for_function(PAINTED, polling="raf")
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        paint = time.perf_counter() - began
        page.wait_for_function(USABLE, polling="raf", timeout=60_000)
        usable = time.perf_counter() - began
    maps = [region.path for region in psutil.Process(child.pid).memory_maps()]
    heavy = sum(any(name in path for path in maps) for name in HEAVY)
    page.close()
    child.terminate()
    child.wait()
    return {"paint": round(paint, 3), "usable": round(usable, 3), "heavy_libraries": heavy}


def measure(rounds: int, program: str) -> dict[str, Any]:
    """Medians of `rounds` starts of ours and of the peer, in turn."""
    found: dict[str, list[dict[str, float]]] = {"ours": [], "imports first": []}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch_persistent_context(
            Path(folder) / "profile",
            executable_path=program,
            args=["--no-sandbox", "--disable-background-networking"],
            viewport={"width": 1440, "height": 900},
        )
        one(browser, True, Path(folder))  # makes the home, and brings every file into the system's memory
        for _ in range(rounds):
            for who, each in found.items():
                each.append(one(browser, who == "ours", Path(folder)))
                print(who, each[-1], flush=True)
        browser.close()
    middle = {who: {key: statistics.median(run[key] for run in each) for key in each[0]} for who, each in found.items()}
    ours = middle["ours"]
    bars = {f"s to {key}": {"measured": ours[key], "gate": GATES[key], "ambition": AMBITIONS[key], "sign": "<="} for key in GATES}
    bars["heavy libraries"] = {"measured": ours["heavy_libraries"], "gate": 0, "ambition": 0, "sign": "<="}
    return {"row": "start", "figures": middle, "bars": bars, "met": all(bar["measured"] <= bar["gate"] for bar in bars.values())}


def main() -> int:
    """Measure and print; 0 when the gates are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    program = os.environ.get("PERSONA_STUDIO_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not program:
        sys.exit("There is no Chromium here. Name one in PERSONA_STUDIO_CHROMIUM.")
    found = measure(given.rounds, program)
    print(json.dumps(found, indent=1))
    if given.json:
        given.json.write_text(json.dumps([found], indent=1))
    return 0 if found["met"] else 1


if __name__ == "__main__":
    sys.exit(main())
