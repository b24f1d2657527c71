"""Every public function with every argument of a wrong kind: refused by its name, with a way out."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import netdsl
from netdsl.base.errors import ArgumentError, RunError
from netdsl.text.diagnostics import NetError

TEXT = """net Wide(classes = 3) {
  input image [8, H = 31, W]
  c: conv(4, 3) -> relu
  output y: global_avgpool -> linear(classes)
}
"""
NET = netdsl.load_text(TEXT)
RUNS = {
    "convolutionize",
    "data",
    "evaluate",
    "onnx_model",
    "onnx_step",
    "predict",
    "save_onnx",
    "save_step",
    "stream",
    "survey",
    "torch_module",
    "torch_source",
    "train",
}
FUNCTIONS = [name for name in netdsl.__all__ if inspect.isfunction(getattr(netdsl, name)) and name not in RUNS]
VALUES: tuple[Any, ...] = (
    3, -1, 1.5, True, None, "no", b"no", [1], ["a", 1], [("H", 31)], {1: 2}, {"H": True}, object(), float("nan"), len,
)  # fmt: skip
FITS: Mapping[str, Callable[[Any], bool]] = {
    "None": lambda v: v is None,
    "bool": lambda v: isinstance(v, bool),
    "int": lambda v: type(v) is int,
    "float": lambda v: isinstance(v, int | float) and v == v and not isinstance(v, bool),
    "str": lambda v: isinstance(v, str),
    "Path": lambda v: isinstance(v, Path),
    "os.PathLike[str]": lambda v: isinstance(v, Path),
    "Sequence[str]": lambda v: isinstance(v, list) and all(isinstance(word, str) for word in v),
    "Sequence[SizeRange]": lambda v: False,
    "Mapping[str, int]": lambda v: False,
    "Mapping[str, str]": lambda v: False,
    "Mapping[str, object]": lambda v: False,
    "Net": lambda v: False,
    "Collector": lambda v: False,
}
"""Which of the values a part of an annotation allows; none of them is a net, and no symbol is True."""


def others(name: str, folder: Path) -> dict[str, Any]:
    """The arguments that a function has to have."""
    needed = {
        "net": NET, "old": NET, "new": NET, "path": folder / "wide.net", "text": TEXT, "axes": "W=31..33",
        "convention": "thop",
    }  # fmt: skip
    signature = inspect.signature(getattr(netdsl, name)).parameters.values()
    return {
        each.name: needed[each.name]
        for each in signature
        if each.default is each.empty and each.kind is not each.VAR_KEYWORD
    }


def asked(name: str, given: Mapping[str, Any]) -> None:
    found = getattr(netdsl, name)(**given)
    if name == "check":  # what is wrong is its answer
        raise NetError(found)


def said(error: NetError | RunError) -> str:
    return (
        " ".join(f"{d.message} {d.help or ''}" for d in error.diagnostics)
        if isinstance(error, NetError)
        else str(error)
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_of_a_wrong_kind_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "wide.net").write_text(TEXT)
    tried = 0
    for each in inspect.signature(getattr(netdsl, name)).parameters.values():
        parts = str(each.annotation).split(" | ")
        for value in () if each.kind is each.VAR_KEYWORD else VALUES:
            if any(FITS[part](value) for part in parts):
                continue
            tried += 1
            with pytest.raises((NetError, RunError)) as raised:
                asked(name, {**others(name, tmp_path), each.name: value})
            assert each.name.removesuffix("s") in said(raised.value), f"{each.name} = {value!r}"
            assert re.search(r": (write|make|say|leave|did) |from 1 to|it has", said(raised.value)), said(raised.value)
    assert tried


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_argument_that_there_is_not_is_told_of_by_netdsl(name: str, tmp_path: Path) -> None:
    (tmp_path / "wide.net").write_text(TEXT)
    if any(each.kind is each.VAR_KEYWORD for each in inspect.signature(getattr(netdsl, name)).parameters.values()):
        return
    with pytest.raises(ArgumentError, match=f"`{name}` has no `widht`: "):
        getattr(netdsl, name)(**others(name, tmp_path), widht=3)
