"""How weights start, where an author chose it: lines at the end of a constructor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from netdsl.codegen.python.dialect import Dialect
from netdsl.codegen.python.spelling import Spelling
from netdsl.codegen.python.text import Atom, Called, flat, lay
from netdsl.dims.tensors import Init
from netdsl.ops.base import Op

Start = tuple[str, Init, Sequence[int]]
"""`(self.conv1.weight, how it starts, its shape)`."""


def begun(spelling: Spelling, op: Op) -> tuple[Mapping[str, Init], dict[str, Any]]:
    """How the weights of a layer start where the source has to say it, and then the shapes of all its weights."""
    if not (spelling.parameter or spelling.init):
        return {}, {}
    weights = tuple(op.weights())
    inits = {w.name: w.init for w in weights} if spelling.parameter else spelling.init
    return inits, {w.name: w.shape for w in weights}


def start_lines(dialect: Dialect, starts: Sequence[Start], depth: int) -> list[str]:
    """The lines; several weights that start alike share a loop."""
    groups: dict[Callable[[str], Called], list[str]] = {}
    texts: dict[str, Callable[[str], Called]] = {}
    for path, init, shape in starts:
        call = _call(dialect, init, tuple(shape))
        kept = texts.setdefault(repr(call("weight")), call)
        groups.setdefault(kept, []).append(path)
    lines: list[str] = []
    for call, paths in groups.items():
        if len(paths) < 3 or depth > 2:  # `weight` may be a setting that later lines read
            lines += [line for path in paths for line in lay(call(path), depth=depth)]
            continue
        items = Called("", tuple(("", Atom(p)) for p in paths))
        lines += lay(items, "for weight in ", ":", depth)
        lines += lay(call("weight"), depth=depth + 1)
    return lines


def start_texts(dialect: Dialect, inits: Mapping[str, Init], shapes: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
    """How each weight's start is written, wherever it lies."""
    return tuple(flat(_call(dialect, init, tuple(shapes[name]))("weight")) for name, init in inits.items())


def start_functions(dialect: Dialect, starts: Sequence[Start]) -> set[str]:
    """The functions that the lines call."""
    return {dialect.start(init, tuple(shape))[0] for _, init, shape in starts}


def _call(dialect: Dialect, init: Init, shape: tuple[int, ...]) -> Callable[[str], Called]:
    """The call that starts a weight, given its path."""
    function, more = dialect.start(init, shape)
    return lambda path: Called(function, (("", Atom(path)), *((f"{k}=", Atom(v)) for k, v in more.items())))
