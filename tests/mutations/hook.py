"""A change that takes effect where its module is imported: in a fork that has imported nothing of the package."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

import pytest

from mutations import ROOT
from mutations.change import Change, Finder, changed, module_name
from mutations.server import ARGUMENTS, Watch, forked


class Changed(SourceFileLoader):
    """A module with a change in it."""

    code: CodeType

    def get_code(self, fullname: str) -> CodeType:
        return self.code


class Importer(MetaPathFinder):
    """Finds one module as it is when a change is made, and no other."""

    def __init__(self, change: Change, finder: Finder) -> None:
        self.name = module_name(change.file)
        self.path = str(ROOT / change.file)
        self.code = compile(changed(change, finder), self.path, "exec")

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != self.name:
            return None
        spec = PathFinder.find_spec(name, path)
        assert spec is not None
        loader = Changed(name, self.path)
        loader.code = self.code
        spec.loader = loader
        return spec


def attempt(change: Change, finder: Finder, files: Sequence[str], seconds: float) -> dict[str, Any]:
    """Whether the tests of these files notice a change, file by file. Nothing of the package may be imported here."""
    assert not any(name.split(".")[0] == "netdsl" for name in sys.modules)
    found = forked(lambda: _attempted(change, finder, files), seconds)
    if "died" in found:
        return {"outcome": "killed" if found["died"] != 24 else "survived", "by": f"signal {found['died']}"}
    return found


def _attempted(change: Change, finder: Finder, files: Sequence[str]) -> dict[str, Any]:
    sys.meta_path.insert(0, Importer(change, finder))
    for name in files:
        watch = Watch()
        status = pytest.main([*ARGUMENTS, "-x", "--rootdir", str(ROOT), str(ROOT / "tests" / name)], plugins=[watch])
        if watch.failed or status not in (0, 5):
            return {"outcome": "killed", "by": watch.failed or f"{name}: exit code {int(status)}"}
    return {"outcome": "survived", "tests": len(files)}
