"""A change made in a process that has imported everything: code takes the place of code."""

from __future__ import annotations

import ast
import functools
import gc
import sys
from collections import defaultdict
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from mutations import ROOT, whole
from mutations.change import Change, Finder, changed, module_name


class NotInPlace(Exception):
    """A change that takes effect only where the module is imported with it."""


class Loaded:
    """What is to be changed or forgotten: the functions of the package by file, and everything that remembers results."""

    def __init__(self) -> None:
        self.functions: dict[str, list[FunctionType]] = defaultdict(list)
        self.memories: list[Any] = []
        inside, beside = f"{ROOT}/netdsl/", f"{ROOT}/"
        for found in gc.get_objects():
            if type(found) is FunctionType and found.__code__.co_filename.startswith(inside):
                self.functions[found.__code__.co_filename.removeprefix(beside)].append(found)
            elif type(found) is functools._lru_cache_wrapper:
                self.memories.append(found)

    def forget(self) -> None:
        """Forget the results that were worked out with the right functions."""
        for memory in self.memories:
            if _ours(memory):
                memory.cache_clear()

    def forget_tests(self) -> None:
        """Forget what one test worked out for another."""
        for memory in self.memories:
            if _ours(memory) and not memory.__module__.startswith("netdsl"):
                memory.cache_clear()

    def make(self, change: Change, finder: Finder) -> None:
        """Make a change. Raises `NotInPlace`, and `LookupError` where the text has no such place."""
        if change.kind == "rule":
            whole.delete_rule(sys.modules[module_name(change.file)], change)
            return
        if not change.function or change.function.endswith("."):
            raise NotInPlace
        self._exchange(change, changed(change, finder))
        self.forget()

    def _exchange(self, change: Change, tree: ast.Module) -> None:
        codes = {(c.co_qualname, c.co_firstlineno): c for c in _codes(compile(tree, change.file, "exec"))}
        made = 0
        for function in self.functions[change.file]:
            old = function.__code__
            if outermost(old) != change.function:
                continue
            new = codes[old.co_qualname, old.co_firstlineno].replace(co_filename=old.co_filename)
            if new.co_freevars != old.co_freevars:
                raise NotInPlace
            function.__code__ = new
            made += 1
        if not made:
            raise NotInPlace


def _ours(memory: Any) -> bool:
    module = sys.modules.get(memory.__module__ or "")
    return (getattr(module, "__file__", None) or "").startswith(f"{ROOT}/")


def outermost(code: CodeType) -> str:
    """The name of the function that a piece of code stands in, with its class."""
    return code.co_qualname.split(".<locals>")[0]


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)
