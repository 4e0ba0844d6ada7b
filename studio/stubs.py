"""Spares the start a second: Gradio writes stubs for code editors at every import, into its own folder, and nobody reads them here.

For each of its components it parses that component's source and renders a `.pyi` file (`gradio.component_meta.create_or_modify_pyi`, 6.31), which
is nearly half of what importing Gradio costs. The window itself is the same without them.
"""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

WRITER = "gradio.component_meta"


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


class _Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if name == WRITER else None
        if spec and spec.loader:
            spec.loader = _Quiet(spec.loader)
        return spec


def leave_out() -> None:
    """From now on, importing Gradio writes no stubs; to be called before it is imported."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
