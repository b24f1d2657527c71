"""A scan written out, its steps one after the other: for files of settled sizes, whose kernels are to be recorded.

CUDA records no control flow, and pays for each of its turns: onnxruntime's `Scan` starts an executor a step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from netdsl.codegen.onnx.builder import NodeBuilder
from netdsl.codegen.onnx.lowering import Builder, TensorName
from netdsl.dims import Extent

LONGEST = 256
"""Steps up to which a scan is written out: each is some ten nodes, which onnxruntime has to go through."""

TOGETHER = 32
"""Pieces that onnxruntime's CUDA kernels cut or join by themselves. For more they read a table from the host's memory,
which a recording would find changed."""

LAST = 2**31 - 1
"""An end of a slice behind every axis."""

UnrolledBody = Callable[[Sequence[TensorName], Sequence[TensorName]], tuple[Sequence[TensorName], Sequence[TensorName]]]
"""`(states, elements) -> (next states, outputs)` by name."""


def steps_of(length: Extent, build: NodeBuilder) -> int | None:
    """How many steps to write out; None where it has to be a scan."""
    settled = build.sizes.settled(length)
    return settled if settled is not None and settled <= LONGEST else None


def unroll(
    states: Sequence[TensorName],
    sequences: Sequence[tuple[TensorName, int]],
    axes: Sequence[int],
    length: int,
    backwards: bool,
    step: UnrolledBody,
    build: NodeBuilder,
) -> list[TensorName]:
    """As a `Scan` gives them: the states after the last step, then the outputs stacked along `axes`.

    `sequences` are names with the axis along which they are read.
    """
    elements: list[tuple[TensorName, ...]] = [()] * length
    if sequences:
        elements = list(zip(*(apart(name, axis, length, build) for name, axis in sequences), strict=True))
    made: list[Sequence[TensorName]] = []
    for place in reversed(elements) if backwards else elements:
        states, outputs = step(states, place)
        made.append(outputs)
    if backwards:
        made.reverse()
    return [
        *states,
        *(side_by_side(column, axis, build) for column, axis in zip(zip(*made, strict=True), axes, strict=True)),
    ]


def apart(name: TensorName, axis: int, length: int, build: NodeBuilder) -> list[TensorName]:
    """The elements of a sequence along an axis, which they do not have any more."""
    counts = parts(length)
    pieces = zip(cut(name, axis, counts, build), counts, strict=True)
    thin = [one for piece, count in pieces for one in cut(piece, axis, [1] * count, build)]
    return [build.node("Squeeze", [one, build.ints(axis)]) for one in thin]


def parts(length: int) -> list[int]:
    """The length in parts of at most `TOGETHER`."""
    return [min(TOGETHER, length - start) for start in range(0, length, TOGETHER)]


def cut(name: TensorName, axis: int, sizes: list[int], build: NodeBuilder) -> list[TensorName]:
    """The tensor in pieces of these sizes."""
    if len(sizes) == 1:
        return [name]
    return list(build.nodes("Split", [name, build.ints(*sizes)], len(sizes), axis=axis))


def side_by_side(names: Sequence[TensorName], axis: int, build: Builder) -> TensorName:
    """Tensors along a new axis."""
    joined = [build.node("Unsqueeze", [name, build.ints(axis)]) for name in names]
    while len(joined) > 1:
        groups = [joined[start : start + TOGETHER] for start in range(0, len(joined), TOGETHER)]
        joined = [group[0] if len(group) == 1 else build.node("Concat", group, axis=axis) for group in groups]
    return joined[0]
