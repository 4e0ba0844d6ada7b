"""What the launcher decides before any network is touched."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import launch

SMI = "| NVIDIA-SMI {driver}    Driver Version: {driver}    CUDA Version: {cuda}     |\n|  0  NVIDIA GeForce    Off |\n"


@pytest.fixture
def home(tmp_path: Path) -> launch.Home:
    folder = tmp_path / "env"
    folder.mkdir()
    return launch.Home(folder)


def finished(home: launch.Home, build: str = "cpu") -> dict[str, str]:
    """Makes the folder look as it does after a whole set-up."""
    home.python.parent.mkdir(parents=True, exist_ok=True)
    home.python.touch()
    stamps = {"build": build, "compiler": "yes", **dict.fromkeys(launch.PHASES[:-1], launch.fingerprint(build))}
    home.remember(stamps)
    return stamps


# Which PyTorch


@pytest.mark.parametrize(
    ("cuda", "cards", "build"),
    [
        ("13.0", "8.6\n", "cu130"),
        ("13.2", "12.0\n", "cu130"),
        ("12.8", "8.9\n", "cu126"),
        ("12.2", "7.5\n", "cu126"),
        ("13.0", "6.1\n", "cu126"),  # a GTX 1080 under the last driver that knows it
        ("12.8", "12.0\n", ""),  # an RTX 5090 under a driver before CUDA 13: neither build fits
        ("11.8", "8.6\n", ""),
        ("13.0", "6.1\n8.6\n", "cu130"),  # two cards: the better one counts
        ("12.4", "", "cu126"),
    ],
)
def test_the_newest_cuda_build_is_chosen_that_driver_and_card_can_run(cuda: str, cards: str, build: str) -> None:
    assert launch.cuda_build(SMI.format(driver="580.65.06", cuda=cuda), cards) == build


def test_an_answer_without_a_cuda_version_chooses_no_cuda_build() -> None:
    assert launch.cuda_build("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", "") == ""


def report(*needs: str) -> str:
    return json.dumps({"install": [{"metadata": {"name": "torch", "requires_dist": list(needs)}}]})


def test_a_pytorch_that_draws_in_nvidias_libraries_is_recognized() -> None:
    assert launch.brings_cuda(report("filelock", 'nvidia-cudnn-cu13==9.20.0.48; platform_system == "Linux"'))
    assert launch.brings_cuda(report('triton==3.7.1; platform_system == "Linux"'))


def test_the_processors_pytorch_is_let_through() -> None:
    elsewhere = 'nvidia-cudnn-cu13==9.20.0.48; platform_machine == "some-other-machine"'
    assert not launch.brings_cuda(report("filelock", "sympy>=1.13.3", 'opt-einsum>=3.3; extra == "opt-einsum"', elsewhere))


# Stamps and resuming


def test_a_finished_set_up_has_nothing_to_do(home: launch.Home) -> None:
    finished(home)
    assert launch.ready(home, tests=False)


def test_the_tests_need_one_phase_more(home: launch.Home) -> None:
    stamps = finished(home)
    assert not launch.ready(home, tests=True)
    home.remember({**stamps, "tests": stamps["parts"]})
    assert launch.ready(home, tests=True)


@pytest.mark.parametrize("phase", launch.PHASES[:-1])
def test_a_missing_or_outdated_phase_is_seen(home: launch.Home, phase: str) -> None:
    stamps = finished(home)
    home.remember({**stamps, phase: "of other pins"})
    assert not launch.ready(home, tests=False)


def test_another_build_of_pytorch_means_another_fingerprint() -> None:
    assert len({launch.fingerprint(build) for build in ("cpu", "default", "cu126", "cu130")}) == 4


def test_an_environment_whose_python_is_gone_is_not_ready(home: launch.Home) -> None:
    finished(home)
    home.python.unlink()
    assert not launch.ready(home, tests=False)


@pytest.mark.parametrize("wreck", ["", "{", "[1, 2]", '"text"'])
def test_damaged_stamps_count_as_none(home: launch.Home, wreck: str) -> None:
    home.stamps.write_text(wreck, "utf-8")
    assert home.recall() == {}


def test_a_missing_engine_does_not_hold_up_the_start(home: launch.Home) -> None:
    finished(home)
    home.missing.write_text("{}", "utf-8")
    assert launch.ready(home, tests=False)


def test_the_engine_is_tried_again_when_a_compiler_has_appeared(home: launch.Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "has_compiler", lambda: True)
    home.remember({**finished(home), "compiler": "no"})
    home.missing.write_text("{}", "utf-8")
    assert not launch.ready(home, tests=False)


def test_clearing_keeps_the_log_and_the_lock(home: launch.Home) -> None:
    finished(home)
    home.log.write_text("what happened", "utf-8")
    home.lock.touch()
    home.clear()
    assert sorted(path.name for path in home.folder.iterdir()) == ["setup.lock", "setup.log"]


def test_a_folder_with_somebody_elses_files_is_left_alone(home: launch.Home) -> None:
    precious = home.folder / "novel.txt"
    precious.write_text("chapter one", "utf-8")
    with pytest.raises(SystemExit, match="left alone"), launch.locked(home):
        pass
    assert list(home.folder.iterdir()) == [precious]


# The launcher as a program


def start(home: launch.Home, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Starts the launcher with an environment that is a link to the Python of this test."""
    environment = {**os.environ, "PERSONA_STUDIO_ENV": str(home.folder)}
    command = [sys.executable, str(launch.ROOT / "launch.py"), *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=60)


@pytest.mark.skipif(os.name == "nt", reason="makes a small shell script")
def test_words_are_handed_over_untouched_and_the_exit_code_comes_back(home: launch.Home, tmp_path: Path) -> None:
    finished(home)
    home.python.write_text(
        '#!/bin/sh\nprintf "<%s>" "$@" "$PWD" "$PYTHONUTF8" "$HF_HUB_DISABLE_TELEMETRY" "$PYTHONPATH"\nexit 7\n', "utf-8"
    )
    home.python.chmod(0o755)
    done = start(home, "train", "--name", "two words", "", "ä*", "test", cwd=tmp_path)
    words = ["-m", "studio", "train", "--name", "two words", "", "ä*", "test", str(tmp_path), "1", "1", str(launch.ROOT)]
    assert done.stdout == "".join(f"<{word}>" for word in words)
    assert done.returncode == 7


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no colon in a path at all")
def test_a_path_that_python_cannot_work_in_is_named(tmp_path: Path) -> None:
    done = start(launch.Home(tmp_path / "a:b"), "doctor", cwd=tmp_path)
    assert done.returncode == 1
    assert "because of a character in that path" in done.stderr


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = start(launch.Home(tmp_path / "file" / "env"), "doctor", cwd=tmp_path)
    assert done.returncode == 1
    assert "Nothing can be written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="uses the POSIX way of asking")
def test_a_second_set_up_waits_while_the_first_holds_the_lock(home: launch.Home) -> None:
    ask = "import launch, pathlib, sys; sys.exit(int(launch.take(pathlib.Path(sys.argv[1]).open('a'))))"
    command = [sys.executable, "-c", ask, str(home.lock)]
    with launch.locked(home):
        assert subprocess.run(command, cwd=launch.ROOT).returncode == 0
    assert subprocess.run(command, cwd=launch.ROOT).returncode == 1


# Sentences

LOGS = {
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(': [Errno -2] Name or service not known')\n"
    "ERROR: No matching distribution found for torch==2.13.0": "internet cannot be reached",
    "pip._vendor.urllib3.exceptions.ReadTimeoutError: HTTPSConnectionPool(port=443): Read timed out.": "internet cannot be reached",
    "ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 403 Forbidden'))": "internet cannot be reached",
    "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device": "disk is full",
    "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] unable to get local issuer certificate')": "certificate",
    "ERROR: Could not install packages due to an OSError: [WinError 5] Access is denied: 'torch.dll'": "in use or protected",
    "ERROR: No matching distribution found for torch==2.13.0": "doesn't exist for this Python",
    "Segmentation fault": "couldn't be set up; nothing is lost",
}


@pytest.mark.parametrize(("log", "words"), LOGS.items(), ids=LOGS.values())
def test_every_failure_of_pip_becomes_a_sentence(log: str, words: str) -> None:
    assert words in launch.explain(log)


@pytest.mark.parametrize("sentence", [*(sentence for _, sentence in launch.FAILURES), launch.NO_SMALL_TORCH])
def test_a_sentence_says_how_to_go_on_and_keeps_its_manners(sentence: str) -> None:
    assert sentence.endswith("start again: it goes on where it stopped.")
    assert not re.search(r"!|\b(please|successfully|oops)\b", sentence, re.IGNORECASE)


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_without_an_engine_every_system_is_told_what_to_do(system: str) -> None:
    assert "everything else works" in launch.advice(False, system)
    assert launch.advice(False, system).endswith("then start the studio again.")
    assert launch.advice(True, system).endswith("python launch.py repair")


# The house


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[=<>;!~ \[]", requirement)[0].lower().replace("_", "-") for requirement in requirements}


def test_every_dependency_has_an_exact_version() -> None:
    lines = [line for line in launch.CONSTRAINTS.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[^\s;]+(; .+)?", line) for line in lines)
    wanted = [need for listing in ("dependencies", "engine", "test") for need in launch.requirements(listing)]
    assert len(wanted) > 15
    assert names(wanted) <= names(lines)


def test_the_small_reader_reads_the_lists_as_toml_does() -> None:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has no tomllib")
    project = tomllib.loads((launch.ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert launch.requirements("dependencies") == project["dependencies"]
    for extra, needs in project["optional-dependencies"].items():
        assert launch.requirements(extra) == needs


def test_pytorch_and_the_engine_have_one_pin_for_every_system() -> None:
    assert launch.pin("torch") == "torch==2.13.0"
    assert launch.pin(launch.ENGINE) == "llama-cpp-python==0.3.36"


def test_the_launcher_needs_nothing_but_python() -> None:
    tree = ast.parse((launch.ROOT / "launch.py").read_text("utf-8"), feature_version=(3, 10))
    plain = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    used = plain + [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.split(".")[0] for name in used} <= sys.stdlib_module_names


def test_an_old_python_can_read_the_launcher_as_far_as_its_sentence() -> None:
    tree = ast.parse((launch.ROOT / "launch.py").read_text("utf-8"), feature_version=(3, 7))
    assert any(isinstance(node, ast.If) and "version_info" in ast.dump(node.test) for node in tree.body)


def test_no_file_of_the_launcher_names_a_machine_or_a_mirror() -> None:
    allowed = {"download.pytorch.org", "abetlen.github.io"}
    for name in ("launch.py", "pyproject.toml", "assets/constraints.txt", ".ci/run"):
        text = (launch.ROOT / name).read_text("utf-8")
        assert set(re.findall(r"https?://([^/\s\"']+)", text)) <= allowed
        assert "/opt/" not in text
