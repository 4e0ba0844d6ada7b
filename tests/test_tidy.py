"""Lint, format and types, as a contributor runs them."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("command", ["ruff check --no-cache .", "ruff format --no-cache --check .", "mypy"])
def test_the_tree_is_tidy(command: str) -> None:
    found = subprocess.run([sys.executable, "-m", *command.split()], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
