"""What a box says of a layer: shorter than the report, which has it all."""

from __future__ import annotations

import re
from collections.abc import Sequence

from netdsl.analysis.report import Row, Shape
from netdsl.graph import Node
from netdsl.ops.base import Op

JOINS = {"add": "+", "mul": "×", "sub": "−", "div": "÷", "concat": "concat", "stack": "stack", "matmul": "@"}
"""Operations that bring arrows together, as they are drawn."""

FEW = 2
"""Shapes that an arrow tells."""

LEFT_OUT = ("bias", "init", "pad", "eps", "momentum", "output_pad")
"""Settings that a picture can do without."""


def shape_text(shape: Shape) -> str:
    """`64×112×112`; `1` for a single number."""
    return "×".join(map(str, shape)) if shape else "1"


def shapes_text(shapes: Sequence[Shape]) -> str:
    """The shapes of what flows along one arrow, if they are few."""
    return ", ".join(map(shape_text, shapes)) if len(shapes) <= FEW else f"{len(shapes)} shapes"


def title(node: Node, row: Row) -> str:
    """`conv 3×3, 64, /2` of an operation with windows, else the layer as its author wrote it, cut down."""
    windowed = isinstance(node.op, Op) and hasattr(node.op, "kernels")
    return _windowed(node.op, row) if windowed and isinstance(node.op, Op) else _trimmed(row.settings)


def _windowed(op: Op, row: Row) -> str:
    words = [f"{_called(op, row)} {'×'.join(map(str, getattr(op, 'kernels', ())))}"]
    channels, groups = getattr(op, "channels", None), getattr(op, "groups", 1)
    if channels is not None:
        words.append(str(channels))
    words += _unless_one("×" if op.name == "conv_transpose" else "/", getattr(op, "strides", ()))
    words += _unless_one("dilated ", getattr(op, "dilations", ()))
    if groups > 1 and not _is_depthwise(op, row):
        words.append(f"{groups} groups")
    return ", ".join(words)


def _unless_one(word: str, sides: tuple[int, ...]) -> list[str]:
    """`/2` of a stride of 2 along all sides, `/2×1` of unequal ones, `×2` of what makes more, nothing of 1."""
    if set(sides) <= {1}:
        return []
    return [word + (str(sides[0]) if len(set(sides)) == 1 else "×".join(map(str, sides)))]


def _called(op: Op, row: Row) -> str:
    if op.name == "conv" and _is_depthwise(op, row):
        return "depthwise conv"
    if op.name == "conv_transpose":  # as the paper on U-Nets calls it, which is short enough for a box
        return "up-conv" if set(getattr(op, "strides", ())) - {1} else "transposed conv"
    return op.name


def _is_depthwise(op: Op, row: Row) -> bool:
    groups = getattr(op, "groups", 1)
    return bool(groups > 1 and row.inputs and row.inputs[0] and groups == row.inputs[0][0])


DIGITS = re.compile(r"\d+\.\d{4,}(?!\d*e)")
"""Numbers with more behind the point than a picture shows."""


def _trimmed(settings: str) -> str:
    """`conv(64, 3)` for `conv(64, 3, pad=1, bias=false)`."""
    settings = DIGITS.sub(lambda found: f"{float(found.group()):.3g}", settings)
    word, bracket, inside = settings.partition("(")
    if not bracket:
        return settings
    kept = [p for p in _listed(inside.removesuffix(")")) if p.partition("=")[0].strip() not in LEFT_OUT]
    return f"{word}({', '.join(kept)})" if kept else word


def _listed(text: str) -> list[str]:
    """What commas part that stand in no bracket."""
    found, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return [part.strip() for part in found if part.strip()]


def told(row: Row) -> str:
    """The line of a row: what it is, its shapes, parameters and MACs."""
    shapes = f"{_several(row.inputs)} → {_several(row.outputs)}"
    numbers = [f"{row.params:,} parameters"] * bool(row.params) + [f"{row.macs:,} MACs"] * bool(row.macs)
    return " · ".join([f"{row.path}: {row.settings}", shapes, *numbers, *row.notes])


def _several(shapes: tuple[Shape, ...]) -> str:
    return ", ".join("[" + ", ".join(map(str, shape)) + "]" for shape in shapes)
