"""Start here: makes Persona Studio's own environment on the first start, then hands over to the studio.

python launch.py             start the studio
python launch.py test        run the tests
python launch.py repair      try again what could not be set up
python launch.py WORD ...    everything else is the studio's: demo, doctor, train, ...
"""

import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

# Up to here, and in the syntax of the whole file, an old Python 3 must find its way too, so that it can say this sentence.
if not (3, 10) <= sys.version_info[:2] <= (3, 14):
    sys.exit("Persona Studio needs Python 3.10 to 3.14. Install Python 3.12 from python.org and start again with that one.")

ROOT = Path(__file__).resolve().parent
CONSTRAINTS = ROOT / "assets" / "constraints.txt"
PHASES = ("environment", "torch", "parts", "engine", "tests")
ENGINE = "llama-cpp-python"
TORCH_INDEX = "https://download.pytorch.org/whl"
ENGINE_INDEX = "https://abetlen.github.io/llama-cpp-python/whl"
SHORT = ("--retries", "1", "--timeout", "15")  # for an index that may be out of reach and has another way behind it
# PyTorch 2.13 is published for CUDA 12.6 and 13.0 (13.2 is experimental and left out): build, oldest driver's CUDA, oldest and newest card.
# Within CUDA 12 any driver runs a 12.6 build ("minor version compatibility"); the 13.0 build leaves out cards before the RTX 20 series.
CUDA_BUILDS = (("cu130", (13, 0), (7, 5), (99, 0)), ("cu126", (12, 0), (5, 0), (9, 0)))
# llama.cpp's library is all we need; without its parts for pictures and programs the build takes half the time. The package forces the
# second switch on in CMake's cache, so all three are ordinary variables in an included file: those go before the cache. Without AMX, the
# matrix unit of some server processors: GCC 12 drops most of its configuration as unread, and the engine crashes at its first product.
ENGINE_SWITCHES = """set(LLAVA_BUILD OFF)
set(LLAMA_BUILD_COMMON OFF)
set(LLAMA_OPENSSL OFF)
if(NOT MSVC)
  add_compile_options(-U__AMX_INT8__)
endif()
"""

AGAIN = "start again: it goes on where it stopped."
OFFLINE = f"The internet cannot be reached, so the studio's parts can't be fetched. Connect once and {AGAIN}"
FAILURES = (  # what pip writes before it gives up, and what that means for a person
    ("No space left on device|Errno 28|not enough space on the disk", f"The disk is full. Free about 6 GB and {AGAIN}"),
    ("CERTIFICATE_VERIFY_FAILED", f"This computer doesn't trust the network's certificate. Check the computer's clock and {AGAIN}"),
    ("(NewConnection|ConnectTimeout|ReadTimeout|Proxy|NameResolution|Protocol)Error|Max retries exceeded|IncompleteRead", OFFLINE),
    (r"Permission denied|Access is denied|WinError (5|32)\b", f"A file of the studio is in use or protected. Close the studio and {AGAIN}"),
    (
        "No matching distribution|not a supported wheel",
        f"A part doesn't exist for this Python. Install Python 3.12 (python.org) and {AGAIN}",
    ),
    ("", f"A part of the studio couldn't be set up; nothing is lost. Check the internet connection and {AGAIN}"),
)
NO_SMALL_TORCH = (
    f"PyTorch's small build (download.pytorch.org) is out of reach; the usual one is gigabytes larger. Wait a while and {AGAIN}"
)


class Home:
    """The studio's private environment: one folder, its Python, its log, and what is known about its set-up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.log = folder / "setup.log"
        self.lock = folder / "setup.lock"
        self.stamps = folder / "setup.json"
        self.missing = folder / "missing.json"
        self.held: list[int] = []  # the lock's file descriptor while it is held

    def recall(self) -> dict[str, str]:
        """For every finished phase the fingerprint it was done for; besides, the chosen build and whether a compiler was there."""
        try:
            return dict(json.loads(self.stamps.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return {}

    def remember(self, stamps: dict[str, str]) -> None:
        """Writes the stamps, whole or not at all."""
        fresh = self.stamps.with_suffix(".new")
        fresh.write_text(json.dumps(stamps, indent=1), "utf-8")
        fresh.replace(self.stamps)

    def clear(self) -> None:
        """Empties the folder, except for the log and the lock."""
        for entry in self.folder.iterdir():
            if entry in (self.log, self.lock):
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def run(self, *command: str, **extra: str) -> str | None:
        """Runs a command into the log; None when it went well, else what it wrote."""
        with self.log.open("ab") as log:
            log.write(f"\n$ {' '.join(command)}\n".encode())
            log.flush()
            start = log.tell()
            # The child holds the lock too: should the launcher be killed, the next one waits for what still runs. It has a session of its
            # own, so that Ctrl-C reaches the launcher alone, which passes it on to the child and everything the child has started.
            posix: dict[str, Any] = {"pass_fds": self.held, "start_new_session": True} if os.name == "posix" else {}
            environment = {**child_environment(), **extra}
            child = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, **posix
            )
            try:
                code = wait(child)
            except KeyboardInterrupt:
                stop(child)
                raise
        return None if code == 0 else self.log.read_bytes()[start:].decode("utf-8", "replace")

    def pip(self, *words: str, **extra: str) -> str | None:
        """Runs the environment's pip; None when it went well, else what it wrote."""
        return self.run(str(self.python), "-m", "pip", "--no-input", "--disable-pip-version-check", *words, **extra)

    def install(self, *needs: str) -> None:
        """Installs requirements in their exact versions, or ends with a sentence."""
        self.must(self.pip("install", "--prefer-binary", "-c", str(CONSTRAINTS), *needs))

    def must(self, failure: str | None) -> None:
        """Ends with a sentence if a step failed."""
        if failure is not None:
            sys.exit(f"\n{explain(failure)}\nThe details are in {self.log}")


def wait(child: "subprocess.Popen[bytes]") -> int:
    """The child's exit code; a dot every five seconds shows that something is going on."""
    while True:
        try:
            return child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            if sys.stdout.isatty():
                print(".", end="", flush=True)


def stop(child: "subprocess.Popen[bytes]") -> None:
    """Ends a child and all it started: first politely, after ten seconds by force."""
    for number in (signal.SIGINT, signal.SIGTERM if os.name == "nt" else signal.SIGKILL):
        if os.name == "nt":
            child.terminate()
        else:
            os.killpg(child.pid, number)
        try:
            child.wait(timeout=10)
            return
        except subprocess.TimeoutExpired:
            continue


def child_environment() -> dict[str, str]:
    """What every program started from here gets: UTF-8 everywhere, no library that reports home, no other Python's paths."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__")}
    quiet = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
    return {**inherited, **quiet, "PYTHONUTF8": "1"}


def explain(log: str) -> str:
    """A plain sentence for what pip wrote before it gave up."""
    return next(sentence for pattern, sentence in FAILURES if re.search(pattern, log))


def requirements(listing: str) -> list[str]:
    """One list of pyproject.toml (`dependencies`, `engine`, `test`); read by hand because Python 3.10 has no tomllib."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    block = re.search(rf"^{listing} = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    return re.findall(r'^\s*"([^"]+)"', block[1], re.MULTILINE) if block else []


def pin(name: str) -> str:
    """The exact requirement of a package that has one pin for every system."""
    found = re.search(rf"^{name}==\S+$", CONSTRAINTS.read_text("utf-8"), re.MULTILINE)
    return found[0] if found else name


def fingerprint(build: str) -> str:
    """Changes when the environment has to be made anew: other pins, needs or switches, another Python, another build of PyTorch."""
    needs = [requirements(listing) for listing in ("dependencies", "engine", "test")]
    facts = [CONSTRAINTS.read_text("utf-8"), needs, ENGINE_SWITCHES, sys.version_info[:2], build]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def ask(*command: str) -> str:
    """What a small program answers, or nothing when there is no such program."""
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=30, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def cuda_build(driver: str, cards: str) -> str:
    """The newest CUDA build for what nvidia-smi says of the driver and of its cards (a line like "8.6" for each), "" when none fits."""
    version = re.search(r"CUDA[\w ]*Version\s*:\s*(\d+)\.(\d+)", driver)
    cuda = (int(version[1]), int(version[2])) if version else (0, 0)
    known = [(int(major), int(minor)) for major, minor in re.findall(r"^\s*(\d+)\.(\d+)\s*$", cards, re.MULTILINE)]
    best = max(known, default=(7, 0))  # a driver too old to tell has an old card
    return next((build for build, needs, oldest, newest in CUDA_BUILDS if cuda >= needs and oldest <= best <= newest), "")


def choose_build() -> str:
    """The build of PyTorch for this machine: "default" (the package index's own), "cpu", or a CUDA build such as "cu130"."""
    if sys.platform == "darwin" and platform.machine() != "arm64":
        sys.exit("PyTorch no longer exists for Intel Macs, nor for an Intel Python on a newer Mac. There, install Python from python.org.")
    driver = ask("nvidia-smi")
    build = cuda_build(driver, ask("nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader")) if driver else ""
    if driver and not build:
        print("The NVIDIA card or its driver is too old for PyTorch, so the processor works. After a new driver: python launch.py repair")
    return build or ("cpu" if sys.platform == "linux" else "default")


def brings_cuda(report: str) -> bool:
    """Whether pip's report says that this PyTorch would draw in NVIDIA's libraries on this machine."""
    needs = [need for part in json.loads(report)["install"] for need in part["metadata"].get("requires_dist", []) if "extra ==" not in need]
    here = [need for need in needs if "platform_machine" not in need or platform.machine() in need]
    return any(re.match(r"(nvidia|cuda|triton)\b", need) for need in here)


def fetch_torch(home: Home, build: str) -> None:
    """Installs PyTorch from its own index where there is a choice, then what it needs from the usual one."""
    torch = pin("torch")
    # The exact build is named ("2.13.0+cpu"), so that no other index can slip in another one.
    own = ("--no-deps", *SHORT, "--index-url", f"{TORCH_INDEX}/{build}", f"{torch}+{build}")
    failure = "" if build == "default" else home.pip("install", *own)
    if failure is not None:
        fetch_usual_torch(home, build, torch, failure)
    home.install(torch)


def fetch_usual_torch(home: Home, build: str, torch: str, failure: str) -> None:
    """Installs the usual index's PyTorch: Apple's on a Mac, the processor's on Windows, on Linux as a rule the CUDA 13.0 build."""
    if build.startswith("cu") and (build, sys.platform) != ("cu130", "linux"):
        home.must(failure)
    if build == "cpu":
        report = home.folder / "report.json"
        home.must(home.pip("install", "--dry-run", "--no-deps", "--report", str(report), torch))
        if brings_cuda(report.read_text("utf-8")):
            sys.exit(f"\n{NO_SMALL_TORCH}\nThe details are in {home.log}")
    home.must(home.pip("install", "--no-deps", torch))


def has_compiler() -> bool:
    """Whether a C++ compiler is there; CMake and Ninja come by themselves as packages."""
    if sys.platform == "darwin":
        return bool(ask("xcode-select", "-p"))
    if sys.platform == "win32":
        finder = Path(os.environ.get("PROGRAMFILES(X86)", ""), "Microsoft Visual Studio", "Installer", "vswhere.exe")
        tools = "Microsoft.VisualStudio.Component.VC.Tools.x86.x64"
        return bool(ask(str(finder), "-products", "*", "-requires", tools, "-property", "installationPath"))
    return any(shutil.which(name) for name in ("c++", "g++", "clang++"))


def advice(compiler: bool, system: str) -> str:
    """What is missing without the engine, and the one thing to do about it on this system."""
    ways = {
        "win32": "Install Microsoft's Visual Studio Build Tools with “Desktop development with C++”",
        "darwin": "Enter xcode-select --install in the Terminal",
        "linux": "Install a C++ compiler (on Debian and Ubuntu: sudo apt install g++ cmake)",
    }
    do = f"{ways.get(system, ways['linux'])}, then start the studio again."
    if compiler:
        do = "To try again, connect to the internet and enter: python launch.py repair"
    return f"The exporter's engine could not be set up, so the smallest exports are missing; everything else works. {do}"


def fetch_engine(home: Home) -> None:
    """Installs the exporter's engine; without it the studio runs and tells what is missing."""
    compiler = has_compiler()
    if take_engine(home) or (compiler and build_engine(home)):
        home.missing.unlink(missing_ok=True)
    else:
        home.pip("uninstall", "--yes", ENGINE)  # one that is there and does not work would be used
        sentence = advice(compiler, sys.platform)
        home.missing.write_text(json.dumps({"llama_cpp": sentence}, ensure_ascii=False), "utf-8")
        print(f"\n  {sentence}", end=" ", flush=True)


def take_engine(home: Home) -> bool:
    """Installs a ready-made engine; whether it works, since it may use instructions that this processor lacks."""
    ready_made, index = ("install", "--only-binary", ENGINE), f"{ENGINE_INDEX}/{'metal' if sys.platform == 'darwin' else 'cpu'}"
    if home.pip(*ready_made, *SHORT, "--no-deps", "--index-url", index, pin(ENGINE)) is not None:
        return False
    if home.pip(*ready_made, "-c", str(CONSTRAINTS), pin(ENGINE)) is None and works(home):
        return True
    home.pip("uninstall", "--yes", ENGINE)
    return False


def build_engine(home: Home) -> bool:
    """Builds the engine on this computer; whether it works."""
    print("\n  Building the exporter's engine; this takes some minutes", end=" ", flush=True)
    switches = home.folder / "engine.cmake"
    switches.write_text(ENGINE_SWITCHES, "utf-8")
    include = ("-C", f"cmake.define.CMAKE_PROJECT_llama_cpp_INCLUDE={switches.as_posix()}")
    cores = str(os.cpu_count() or 1)
    # Never a wheel that pip kept from an earlier build: it may be for another processor, or have been built with other switches.
    build = ("install", "--no-cache-dir", "-c", str(CONSTRAINTS), *include, pin(ENGINE))
    return home.pip(*build, CMAKE_BUILD_PARALLEL_LEVEL=cores) is None and works(home)


def works(home: Home) -> bool:
    """Whether the engine can make a small file and run it."""
    return home.run(str(home.python), "-m", "studio.engine.trial", PYTHONPATH=str(ROOT)) is None


def make_environment(home: Home) -> None:
    """Makes the virtual environment and brings its pip up to date, which older ones need for what follows."""
    home.must(home.run(sys.executable, "-m", "venv", str(home.folder)))
    home.install("pip")


def plan(home: Home, build: str, tests: bool) -> dict[str, tuple[str, Callable[[], None]]]:
    """The phases of the set-up in their order: words for the person, and what to do."""
    size = "2.5 GB" if build.startswith("cu") else "200 MB"
    phases: dict[str, tuple[str, Callable[[], None]]] = {
        "environment": ("Making a place for the studio's parts", lambda: make_environment(home)),
        "torch": (f"Fetching PyTorch (about {size})", lambda: fetch_torch(home, build)),
        "parts": ("Fetching the other parts (about 250 MB)", lambda: home.install(*requirements("dependencies"))),
        "engine": ("Fetching the exporter's engine (about 80 MB)", lambda: fetch_engine(home)),
        "tests": ("Fetching what the tests need (about 80 MB)", lambda: home.install(*requirements("test"))),
    }
    return {name: phase for name, phase in phases.items() if tests or name != "tests"}


def engine_has_a_chance(home: Home, stamps: dict[str, str]) -> bool:
    """Whether the engine was given up for want of a compiler, and a compiler has appeared since."""
    return home.missing.exists() and stamps.get("compiler") == "no" and has_compiler()


def ready(home: Home, tests: bool) -> bool:
    """Whether there is nothing to do; reads three small files and asks nobody, so that a start costs no time."""
    stamps = home.recall()
    key = fingerprint(stamps.get("build", ""))
    wanted = PHASES if tests else PHASES[:-1]
    return home.python.exists() and all(stamps.get(name) == key for name in wanted) and not engine_has_a_chance(home, stamps)


def check_machine(home: Home, room: int) -> None:
    """Says in a sentence what would make the set-up fail later; `room` in GB."""
    if sys.maxsize < 2**32:
        sys.exit("This is a 32-bit Python, and PyTorch needs a 64-bit one. Install Python 3.12 (64-bit) from python.org and start again.")
    if os.pathsep in str(home.folder) or not str(home.folder).isprintable():
        sys.exit(f"Python can't work in {str(home.folder)!a} because of a character in that path. Rename the folder and start again.")
    if not find_spec("ensurepip"):  # Debian and Ubuntu leave it out of their Python
        package = "python{}.{}-venv".format(*sys.version_info)
        sys.exit(f"Python's “venv” part is missing here. Install it (on Debian and Ubuntu: sudo apt install {package}) and start again.")
    free = shutil.disk_usage(home.folder).free / 1e9
    if free < room:
        sys.exit(f"The studio's parts need about {room} GB, and this disk has {free:.1f} GB left. Free some space and start again.")


@contextmanager
def locked(home: Home) -> Iterator[None]:
    """One set-up at a time; the system itself takes the lock back when its holder ends, however that happens."""
    try:
        home.folder.mkdir(parents=True, exist_ok=True)
        # The lock is the first file in a new folder and is never removed: it tells the launcher's own folder from somebody else's.
        if not home.lock.exists() and any(home.folder.iterdir()):
            sys.exit(f"{home.folder} was not made by this launcher, so it was left alone. Rename or remove that folder and start again.")
        file = home.lock.open("a")
    except OSError:
        sys.exit(f"Nothing can be written to {home.folder}. Move the studio to a folder of your own, such as Documents, and start again.")
    with file:
        if not take(file):
            print("The studio is already being set up by another start; waiting for it", flush=True)
            while not take(file):
                time.sleep(0.5)
        home.held = [file.fileno()]
        yield
        home.held = []


def take(file: IO[str]) -> bool:
    """Takes the lock, if nobody else has it."""
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - exists on Windows only

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415 - exists everywhere else

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def set_up(home: Home, tests: bool = False, repair: bool = False) -> None:
    """Brings the environment to what pyproject.toml and the pins ask for; goes on where an earlier run stopped."""
    if ready(home, tests) and not repair:
        return
    with locked(home):
        stamps = home.recall()
        build = choose_build() if repair or "build" not in stamps else stamps["build"]
        key = fingerprint(build)
        if not home.python.exists() or any(stamps.get(name, key) != key for name in PHASES):
            home.clear()
            stamps = {}
        if "parts" not in stamps:
            check_machine(home, 12 if build.startswith("cu") else 6)
        if repair or engine_has_a_chance(home, stamps):
            stamps.pop("engine", None)
        home.remember({**stamps, "build": build})
        phases = plan(home, build, tests)
        for number, (name, (words, work)) in enumerate(phases.items(), 1):
            if stamps.get(name) != key:
                start = time.monotonic()
                print(f"{words} … {number} of {len(phases)} ", end="", flush=True)
                work()
                print(f"({time.monotonic() - start:.0f} s)", flush=True)
                stamps = {**stamps, "build": build, name: key, "compiler": "yes" if has_compiler() else "no"}
                home.remember(stamps)


def find_browser() -> str:
    """A Chromium, Chrome or Edge of this computer, or "" when there is none."""
    named = os.environ.get("PERSONA_STUDIO_CHROMIUM", "")
    commands = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "chrome", "msedge")
    bases = [os.environ[base] for base in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA") if base in os.environ]
    places = [
        Path(base, tail) for base in bases for tail in ("Google/Chrome/Application/chrome.exe", "Microsoft/Edge/Application/msedge.exe")
    ]
    places += [Path(f"/Applications/{name}.app/Contents/MacOS/{name}") for name in ("Chromium", "Google Chrome", "Microsoft Edge")]
    return next(
        (found for found in (named, *map(shutil.which, commands), *(str(place) for place in places if place.exists())) if found), ""
    )


def install_browser(home: Home) -> str:
    """Installs a Chromium for the tests, the system's where we may, else Playwright's own; its path, or ""."""
    print("Fetching a browser for the tests (about 150 MB)", flush=True)
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if shutil.which("apt-get") and (root or ask("sudo", "-n", "id")):
        apt = ("env" if root else "sudo", *(() if root else ("-n",)), "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq")
        home.run(*apt, "update")
        home.run(*apt, "install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core")
        if find_browser():
            return find_browser()
    home.run(str(home.python), "-m", "playwright", "install", "chromium")
    where = "from playwright.sync_api import sync_playwright as s; p = s().start(); print(p.chromium.executable_path); p.stop()"
    path = ask(str(home.python), "-c", where)
    return path if Path(path).is_file() else ""


def test(home: Home, arguments: list[str]) -> int:
    """Runs pytest with all it needs; without a browser its part is skipped here and an error under CI."""
    set_up(home, tests=True)
    browser = find_browser() or install_browser(home)
    if not browser and os.environ.get("CI"):
        sys.exit(f"No Chromium could be installed, and under CI the browser tests must run. The details are in {home.log}")
    if not browser:
        print("SKIPPED: the browser tests. No Chromium was found and none could be installed; install Chromium or Chrome to run them.")
    os.chdir(ROOT)
    return hand_over(home, "-m", "pytest", *arguments, PERSONA_STUDIO_CHROMIUM=browser)


def hand_over(home: Home, *arguments: str, **extra: str) -> int:
    """Becomes the environment's Python; where that is impossible (Windows), runs it and returns its exit code."""
    command = [str(home.python), *arguments]
    # The project is not installed: its folder goes on the path, and the person's own working folder stays as it is.
    environment = {**child_environment(), "PYTHONPATH": str(ROOT), **extra}
    sys.stdout.flush()
    if os.name == "posix":
        os.execve(command[0], command, environment)
    child = subprocess.Popen(command, env=environment)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue  # the child got the same Ctrl-C and ends by itself


def main(arguments: list[str]) -> int:
    """Sets up what is missing, then does what was asked; returns the exit code."""
    home = Home(Path(os.environ.get("PERSONA_STUDIO_ENV") or ROOT / ".venv").expanduser().absolute())
    if arguments[:1] == ["test"]:
        return test(home, arguments[1:])
    set_up(home, repair=arguments == ["repair"])
    if arguments == ["repair"]:
        print("All else is in order." if home.missing.exists() else "The studio's parts are in order.")
        return int(home.missing.exists())
    return hand_over(home, "-m", "studio", *arguments)


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # an old console may not know every character of a sentence
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print(f"\nStopped. Nothing is lost; {AGAIN}")
        sys.exit(130)
    except OSError as error:
        sys.exit(f"\nA file can't be used ({error}). Nothing is lost. Close the studio if it is running and {AGAIN}")
