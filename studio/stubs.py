"""Spares the start about a second and a half of what Gradio 6.31 does for others; the window itself is the same without it.

At every import it parses each component's source and renders stubs for code editors into its own folder (`gradio.component_meta.create_or_modify_pyi`),
which is nearly half of what importing it costs. Its command line and httpx's, its workflows, and what it borrows from other people's pages, with all they
import, are never called here, nor is it in a notebook. pandas, a seventh of the rest, is only asked for tables, which the window has none of. And a page
makes a whole web app each time its queue is set and once more where it ends, beside the one it is mounted with.
"""

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

UNUSED = ("gradio.cli", "gradio.external", "gradio.workflow")  # what is imported from them by name is None
MISSING = ("httpx._main", "IPython")  # as where they, or what they need, are not installed


class _Lighter(Loader):
    """Loads a module with its usual loader, but for something."""

    def __init__(self, usual: Loader) -> None:
        self._usual = usual

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._usual.create_module(spec)


class _Quiet(_Lighter):
    """Takes the writing of stubs out of it."""

    def exec_module(self, module: ModuleType) -> None:
        self._usual.exec_module(module)
        if hasattr(module, "create_or_modify_pyi"):
            module.create_or_modify_pyi = lambda *_: None  # type: ignore[attr-defined]


class _Absent(Loader):
    """A module of which nothing is ever used."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ in MISSING:
            raise ImportError(f"{module.__name__} is left out")
        module.__getattr__ = lambda _name: None  # type: ignore[method-assign, assignment]


class _Later(ModuleType):
    """Stands where a module would, which is imported when something is asked of it."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


class _Tableless(_Lighter):
    """Without pandas, which it asks only when it is handed something to keep."""

    def exec_module(self, module: ModuleType) -> None:
        later = sys.modules.setdefault("pandas", _Later("pandas"))
        self._usual.exec_module(module)
        if sys.modules["pandas"] is later and isinstance(later, _Later):
            del sys.modules["pandas"]


class _Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name in UNUSED or name in MISSING:
            return ModuleSpec(name, _Absent())
        spec = PathFinder.find_spec(name, path) if name in LIGHTER else None
        if spec and spec.loader:
            spec.loader = LIGHTER[name](spec.loader)
        return spec


LIGHTER: dict[str, type[_Lighter]] = {"gradio.component_meta": _Quiet, "gradio.caching": _Tableless}


def leave_out() -> None:
    """From now on, importing Gradio writes no stubs and brings no command line and no pandas; to be called before it is imported."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


@contextmanager
def no_app_yet() -> Iterator[None]:
    """A page made inside has no web app of its own: it gets that where it is mounted."""
    app = importlib.import_module("gradio.routes").App
    made = app.create_app
    app.create_app = staticmethod(lambda *_, **__: None)
    try:
        yield
    finally:
        app.create_app = made
