"""The house: which folder may import what, and that opening the window loads no heavy library."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
HEAVY = {
    "torch",
    "transformers",
    "peft",
    "trl",
    "datasets",
    "accelerate",
    "bitsandbytes",
    "gguf",
    "llama_cpp",
    "safetensors",
    "sklearn",
    "optuna",
    "scipy",
}
# Layer: the rooms of the studio it may import, and the outside libraries.
ALLOWED = {
    "domain": ({"domain"}, set()),
    "services": (
        {"services", "domain", "settings"},
        {"platformdirs", "psutil", "httpx", "tokenizers", "huggingface_hub", "rapidfuzz", "numpy"},
    ),
    "engine": ({"engine", "domain"}, HEAVY | {"numpy", "psutil", "tokenizers", "huggingface_hub", "httpx2", "jinja2", "pyarrow"}),
    "tabs": ({"tabs", "services", "domain", "settings"}, {"gradio", "fastapi", "pydantic"}),
    "settings": (set(), {"platformdirs"}),
    "palette": (set(), set()),
    "theme": ({"palette"}, {"gradio"}),
    "guard": (set(), set()),
    "entrance": ({"settings", "guard"}, set()),
    "splash": ({"entrance", "guard", "palette"}, set()),
    "stubs": (set(), set()),
    "opening": ({"entrance", "settings", "splash", "stubs", "domain"}, set()),
}
MODULES = [file for layer in ALLOWED for file in [*(PROJECT / "studio" / layer).rglob("*.py"), *(PROJECT / "studio").glob(f"{layer}.py")]]


def imports(file: Path) -> set[str]:
    """Full names of everything a file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name} has a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PROJECT)))
def test_a_layer_imports_only_what_lies_below_it(file):
    layer = file.relative_to(PROJECT / "studio").with_suffix("").parts[0]
    rooms, outside = ALLOWED[layer]
    for name in imports(file):
        first, _, rest = name.partition(".")
        if first == "studio":
            assert rest.split(".")[0] in rooms, f"{layer} imports {name}"
        else:
            assert first in sys.stdlib_module_names or first in outside, f"{layer} imports {name}"


def test_file_names_are_unique_so_that_an_editor_never_shows_two():
    names = [file.name for file in (PROJECT / "studio").rglob("*.py") if file.name != "__init__.py"]
    assert {name for name in names if names.count(name) > 1} == set()


def test_opening_the_window_loads_no_heavy_library():
    look = f"import sys, studio.app; print([name for name in {sorted(HEAVY)} if name in sys.modules])"
    quiet = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"}
    seen = subprocess.run([sys.executable, "-c", look], cwd=PROJECT, env=quiet, capture_output=True, text=True, check=True, timeout=120)
    assert seen.stdout.strip() == "[]"
