"""The opset of a model: which one says its nodes, and how an older one says them.

Nodes are written in `OPSET`. What came after 17 and is used here has an older spelling to the same meaning, so that
runtimes which read no newer file can be served.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from netdsl.codegen.onnx.scope import GraphScope, Ledger, every_node, subgraphs

OPSET = 21
"""The newest opset all of whose operators onnxruntime 1.31 has for CUDA too: max-pooling of 22 and later it computes on
the CPU, and a graph travels between the two memories at each."""

NEWER = 23
"""For what 21 does not say: bfloat16 in convolutions, and that a pooling window which would start behind the last
position is left out where sizes are rounded up, as PyTorch does it. Without padding none starts there."""

OLDEST = 17
"""The oldest that nodes can be spelt in: `LayerNormalization` came with it."""

READ = ("ceil_mode", "kernel_shape", "pads", "strides", "to")
"""Settings that tell which opset a node takes."""

IR_VERSIONS = {17: 8, 18: 8, 19: 9, 20: 9, OPSET: 10, NEWER: 11}
"""The format of a file that came with each."""


def opset_of(nodes: Iterable[NodeProto]) -> int:
    """The opset that says what these nodes mean."""
    return NEWER if any(map(_takes_newer, every_node(nodes))) else OPSET


def _takes_newer(node: NodeProto) -> bool:
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute if a.name in READ}
    if given.get("to") == TensorProto.BFLOAT16:
        return True
    if not given.get("ceil_mode"):
        return False
    kernel = given["kernel_shape"]
    starts_inside = all(s <= k for s, k in zip(given.get("strides", [1] * len(kernel)), kernel, strict=True))
    return node.op_type != "MaxPool" or any(given.get("pads", ())) or not starts_inside


def checked_opset(opset: int | None) -> int | None:
    """An opset that somebody asked for. Raises `ValueError` for one that models are not written in."""
    if opset is not None and not OLDEST <= opset <= OPSET:
        raise ValueError(f"a model is written in an opset from {OLDEST} to {OPSET}, not {opset}")
    return opset


def spelt_in(opset: int, nodes: Iterable[NodeProto], ledger: Ledger) -> list[NodeProto]:
    """The same nodes as an opset from `OLDEST` to `OPSET` says them, those of bodies too."""
    spelt: list[NodeProto] = []
    for node in nodes:
        for body in subgraphs(node):
            inner = spelt_in(opset, list(body.node), ledger)
            del body.node[:]
            body.node.extend(inner)
        since, spell = OLDER.get(node.op_type, (0, None))
        spelt += spell(node, ledger) if spell is not None and opset < since else [node]
    return spelt


def _axes_as_attribute(node: NodeProto, ledger: Ledger) -> Sequence[NodeProto]:
    """The axes of a reduction were a setting."""
    if len(node.input) > 1:
        node.attribute.append(helper.make_attribute("axes", _whole_numbers(node.input[1], ledger)))
        del node.input[1:]
    return [node]


def _pads_of_all_axes(node: NodeProto, ledger: Ledger) -> Sequence[NodeProto]:
    """Padding said something of every axis. Where axes are named, they are the last ones."""
    if len(node.input) > 3:
        pads, axes = (_whole_numbers(node.input[i], ledger) for i in (1, 3))
        front = [0] * axes[0]
        half = len(axes)
        del node.input[3:]
        node.input[1] = ledger.constant(np.array([*front, *pads[:half], *front, *pads[half:]], np.int64))
    return [node]


def _equal_parts(node: NodeProto, ledger: Ledger) -> Sequence[NodeProto]:
    """A split that says no lengths was one into as many equal parts as there are results."""
    kept = [a for a in node.attribute if a.name != "num_outputs"]
    del node.attribute[:]
    node.attribute.extend(kept)
    return [node]


def _bilinear(node: NodeProto, ledger: Ledger) -> Sequence[NodeProto]:
    """`linear` was called by the two axes that it had."""
    for attribute in node.attribute:
        if attribute.name == "mode" and attribute.s == b"linear":
            attribute.s = b"bilinear"
    return [node]


def _gelu(node: NodeProto, ledger: Ledger) -> Sequence[NodeProto]:
    """Hendrycks and Gimpel, 2016: `x / 2 (1 + erf(x / √2))`, or its approximation by `tanh`, as runtimes know them."""
    scope, notes = GraphScope(ledger), {p.key: p.value for p in node.metadata_props}

    def add(op_type: str, *inputs: str) -> str:
        return scope.add(node.name, op_type, inputs, {}, notes=notes)[0]

    def number(value: float) -> str:
        return ledger.constant(np.array(value, np.float32))

    x = node.input[0]
    if any(a.s == b"tanh" for a in node.attribute):
        cube = add("Pow", x, number(3.0))
        inner = add("Add", x, add("Mul", cube, number(0.044715)))
        bent = add("Tanh", add("Mul", inner, number(math.sqrt(2 / math.pi))))
    else:
        bent = add("Erf", add("Div", x, number(math.sqrt(2))))
    add("Mul", add("Mul", x, add("Add", bent, number(1.0))), number(0.5))
    scope.nodes[-1].output[0] = node.output[0]
    return scope.nodes


def _whole_numbers(name: str, ledger: Ledger) -> list[int]:
    return [int(i) for i in numpy_helper.to_array(ledger.constants[name])]


OlderForm = Callable[[NodeProto, Ledger], Sequence[NodeProto]]

OLDER: dict[str, tuple[int, OlderForm]] = {
    **dict.fromkeys(("ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2"), (18, _axes_as_attribute)),
    "Pad": (18, _pads_of_all_axes),
    "Split": (18, _equal_parts),
    "Gelu": (20, _gelu),
    "GridSample": (20, _bilinear),
}
"""By operator the opset from which on it stands as it is written, and how an older one says it. Those that are not here
mean the same in `OLDEST`."""
