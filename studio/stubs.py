"""Spares the start more than a second of what Gradio 6.31 does for others; the window itself is the same without it.

At every import it parses each component's source and renders stubs for code editors into its own folder (`gradio.component_meta.create_or_modify_pyi`),
which is nearly half of what importing it costs. Its command line and httpx's, with all they import, are never called here. And a page makes a whole web
app each time its queue is set, before there is anything on it.
"""

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

WRITER = "gradio.component_meta"
COMMANDS = ("gradio.cli", "httpx._main")  # httpx itself does without, where what it needs for that is not there


class _Quiet(Loader):
    """Loads the module as ever, then takes the writing of stubs out of it."""

    def __init__(self, usual: Loader) -> None:
        self._usual = usual

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._usual.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._usual.exec_module(module)
        if hasattr(module, "create_or_modify_pyi"):
            module.create_or_modify_pyi = lambda *_: None  # type: ignore[attr-defined]


class _Absent(Loader):
    """No more of a command line than what is asked of it by name."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ != COMMANDS[0]:
            raise ImportError(f"{module.__name__} is left out")
        module.deploy = None  # type: ignore[attr-defined]


class _Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name in COMMANDS:
            return ModuleSpec(name, _Absent())
        spec = PathFinder.find_spec(name, path) if name == WRITER else None
        if spec and spec.loader:
            spec.loader = _Quiet(spec.loader)
        return spec


def leave_out() -> None:
    """From now on, importing Gradio writes no stubs and brings no command line; to be called before it is imported."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


@contextmanager
def no_app_yet() -> Iterator[None]:
    """A page made inside has no web app of its own until its `with` ends."""
    app = importlib.import_module("gradio.routes").App
    made = app.create_app
    app.create_app = staticmethod(lambda *_, **__: None)
    try:
        yield
    finally:
        app.create_app = made
