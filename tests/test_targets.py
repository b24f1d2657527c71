"""Targets: one table that commands, pages and tests read, and one way to say where something is that they cannot say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import netdsl.codegen.onnx.rules
import netdsl.codegen.pytorch.rules  # noqa: F401
from netdsl.codegen.onnx.lowering import rules as onnx
from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.onnx.step import onnx_step
from netdsl.codegen.pytorch.source import torch_source
from netdsl.codegen.pytorch.spelling import rules as pytorch
from netdsl.graph import Net
from netdsl.ops import REGISTRY
from netdsl.ops.base import NoGradient, RuleError
from netdsl.program import load_file
from netdsl.text.diagnostics import Diagnostic, NetError

EMIT: dict[str, Callable[[Net], object]] = {"pytorch": torch_source, "onnx": onnx_model, "onnx-train": onnx_step}
HEAD = "net N {\n  input x [1, 8, 8]\n"
REST = (
    "  output y: flatten -> linear(10)\n}\n"
    "train N {\n  data digits\n  optimizer adam\n  loss (y, label) -> cross_entropy\n}\n"
)
UNIT = "block unit(c) {\n  conv(c, K)\n}\n"
CELL = "recurrent cell {\n  input x\n  state h [1, 8] = 0\n  next h: (x -> conv(1, K)) + h\n  output h\n}\n"

PLACES: dict[str, tuple[str, str, str, list[str]]] = {
    "a row of the net": (f"{HEAD}  x -> conv(4, K)\n{REST}", "  x -> ", "conv(4, K)", []),
    "a block of the library": (
        f"{HEAD}  x -> conv_bn_relu(4, K, pad=0)\n{REST}",
        "  x -> ",
        "conv_bn_relu(4, K, pad=0)",
        ["inside `conv_bn_relu("],
    ),
    "a block of the author's": (f"{UNIT}{HEAD}  x -> unit(4)\n{REST}", "  ", "conv(c, K)", ["in `unit("]),
    "a block in a block": (
        f"{UNIT}block two(c) {{\n  unit(c) -> tanh\n}}\n{HEAD}  x -> two(4)\n{REST}",
        "  ",
        "conv(c, K)",
        ["in `unit(", "in `two("],
    ),
    "the library in a block": (
        f"block unit(c) {{\n  conv_bn_relu(c, K, pad=0)\n}}\n{HEAD}  x -> unit(4)\n{REST}",
        "  ",
        "conv_bn_relu(c, K, pad=0)",
        ["inside `conv_bn_relu(", "in `unit("],
    ),
    "a block in the library": (
        f"{UNIT}{HEAD}  x -> residual(unit(1))\n{REST}",
        "  x -> ",
        "residual(unit(1))",
        ["inside `residual("],
    ),
    "an import": (
        f'use "./std.units.net" {{ imported }}\n{HEAD}  x -> imported(4)\n{REST}',
        "  ",
        "conv(c, K)",
        ["in `imported("],
    ),
    "a recurrent block": (
        f"{CELL}{HEAD}  x -> reshape([8, 1, 8]) -> cell\n{REST}",
        "  next h: (x -> ",
        "conv(1, K)",
        ["in `cell"],
    ),
}
"""Where an operation stands, by name: a text with `K` for its window, what stands before the place and at it, how the
notes begin."""


def net_of(name: str, folder: Path, window: int = 1) -> Net:
    (folder / "std.units.net").write_text(UNIT.replace("unit", "imported").replace("K", str(window)))
    (folder / "n.net").write_text(PLACES[name][0].replace("K", str(window)))
    return load_file(folder / "n.net").net()


def told(failing: Callable[[], object], code: str) -> list[Diagnostic]:
    with pytest.raises(NetError) as caught:
        failing()
    assert {d.code for d in caught.value.diagnostics} == {code}
    return caught.value.diagnostics


def check_place(found: list[Diagnostic], name: str, window: int = 1) -> None:
    """The place is that of the layer, or of the setting in it that is wrong."""
    _, before, at, notes = PLACES[name]
    (problem,) = found
    span, layer = problem.span, at.replace("K", str(window))
    assert span.source.line(span.line).startswith(before + layer)
    assert span.text == (layer if window == 1 or (notes[:1] and notes[0].startswith("inside")) else str(window))
    assert span.source.name.endswith("std.units.net" if name == "an import" else "n.net")
    assert [note.startswith(text) for note, text in zip(problem.notes, notes, strict=True)] == [True] * len(notes)


@pytest.mark.parametrize("name", PLACES)
def test_what_is_wrong_is_shown_there_by_the_elaborator(name: str, tmp_path: Path) -> None:
    with pytest.raises(NetError) as caught:
        net_of(name, tmp_path, 50)
    check_place(caught.value.diagnostics, name, 50)


@pytest.mark.parametrize("target", EMIT)
@pytest.mark.parametrize("name", PLACES)
def test_what_a_target_lacks_is_shown_there(
    name: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = net_of(name, tmp_path)
    for rules in (pytorch, onnx):
        monkeypatch.delitem(rules.table, "conv")
    check_place(told(lambda: EMIT[target](net), "not-supported-by-target"), name)


@pytest.mark.parametrize("target", EMIT)
@pytest.mark.parametrize("name", PLACES)
def test_what_a_target_cannot_say_is_shown_there(
    name: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuleError("not here", help="elsewhere")

    net = net_of(name, tmp_path)
    for rules in (pytorch, onnx):
        monkeypatch.setitem(rules.table, "conv", refuse)
    found = told(lambda: EMIT[target](net), "not-supported-by-target")
    check_place(found, name)
    assert (found[0].message, found[0].help) == ("not here", "elsewhere")


@pytest.mark.parametrize("name", PLACES)
def test_what_has_no_gradient_is_shown_there(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise NoGradient("not back")

    net = net_of(name, tmp_path)
    monkeypatch.setattr(REGISTRY["conv"], "gradient", refuse)
    check_place(told(lambda: onnx_step(net), "no-gradient"), name)
