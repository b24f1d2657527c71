"""Mixed precision: what multiplies and adds up is computed in half precision, everything else in float32.

The products of operations that state multiply-accumulates run on `float16` or `bfloat16` (Micikevicius et al., "Mixed
Precision Training", ICLR 2018). Weights stay float32 and are cast where they are read. What only moves numbers stays
in half precision between two products, and so do relu and sums; reductions, normalisation, losses and the optimizer
get float32. A tensor has two names then: its own, which is always float32, and that of its half.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from onnx import GraphProto, NodeProto, TensorProto, helper

from netdsl.codegen.onnx.scope import Ledger, subgraphs


@dataclass(frozen=True, slots=True)
class Half:
    """A half precision with the operators that onnxruntime computes in it with CUDA (its kernels as of 1.31)."""

    element: int
    suffix: str
    products: frozenset[str]
    """Always computed in it, if they belong to an operation that states multiply-accumulates."""
    others: frozenset[str]
    """Computed in it if that is how their operands come."""


PRODUCTS = frozenset({"Conv", "MatMul", "Gemm"})
MOVES = frozenset({"Concat", "Expand", "Gather", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"})
OTHERS = MOVES | {"Add", "Identity", "Relu"}
HALVES = {
    "fp16": Half(TensorProto.FLOAT16, "fp16", PRODUCTS | {"ConvTranspose"}, OTHERS | {"MaxPool", "Pad"}),
    "bf16": Half(TensorProto.BFLOAT16, "bf16", PRODUCTS, OTHERS),
}
ALL = {"Add", "Concat", "ConvTranspose", *PRODUCTS}
"""Operators all of whose operands are numbers to compute with; of others only the first."""


def in_half(nodes: Sequence[NodeProto], kept: Collection[str], ledger: Ledger, half: Half) -> list[NodeProto]:
    """The same nodes in mixed precision; the kept names are float32 as before."""
    walk = _HalfPrecision(ledger, half)
    for node in nodes:
        walk.add(node)
    for name in kept:
        walk.full(name)
    return walk.nodes


class _HalfPrecision:
    """One graph as it is written anew, and the graph around it, where that is the body of a recurrence."""

    def __init__(
        self, ledger: Ledger, half: Half, own: Collection[str] = (), outer: _HalfPrecision | None = None
    ) -> None:
        self.ledger, self.half, self.outer = ledger, half, outer
        self.nodes: list[NodeProto] = []
        self.own = set(own)
        """Names that this graph makes or gets."""
        self.halves: dict[str, str] = {}
        """By name the name of its half."""
        self.half_alone: set[str] = set()
        """Names that nobody has asked for in float32 yet."""

    def add(self, node: NodeProto) -> None:
        """Write a node, in half precision where that is its way."""
        self.own.update(node.output)
        if node.op_type == "Shape":
            node.input[0] = self.any(node.input[0])
        elif self._takes_half(node):
            self._halve(node)
        else:
            for name in node.input:
                self.full(name)
            for body in subgraphs(node):
                self._add_body(body)
        self.nodes.append(node)

    def full(self, name: str) -> None:
        """See to it that the name is there in float32."""
        if self.outer is not None and name not in self.own:
            self.outer.full(name)
        elif name in self.half_alone:
            self.half_alone.remove(name)
            self.nodes.append(self._cast(self.halves[name], name, TensorProto.FLOAT))

    def half_of(self, name: str) -> str:
        """The name in half precision. What comes from outside a loop is cast there, once for all steps."""
        if self.outer is not None and name not in self.own:
            return self.outer.half_of(name)
        if name not in self.halves:
            self.halves[name] = self._new(name)
            self.nodes.append(self._cast(name, self.halves[name], self.half.element))
        return self.halves[name]

    def any(self, name: str) -> str:
        """The name in the precision in which it is there."""
        if self.outer is not None and name not in self.own:
            return self.outer.any(name)
        return self.halves[name] if name in self.half_alone else name

    def _takes_half(self, node: NodeProto) -> bool:
        heavy = node.name in self.ledger.contractions
        if node.op_type in self.half.products:
            return heavy
        if node.op_type not in self.half.others:
            return False
        are = [self.any(name) != name for name in _data(node)]
        return any(are) if heavy else bool(are) and all(are)

    def _halve(self, node: NodeProto) -> None:
        for place, name in enumerate(_data(node)):
            node.input[place] = self.half_of(name) if name else name
        results = node.output if node.op_type == "Split" else node.output[:1]
        for place, name in enumerate(results):
            node.output[place] = self.halves[name] = self._new(name)
            self.half_alone.add(name)

    def _add_body(self, body: GraphProto) -> None:
        """A body is written anew inside; its results are float32."""
        given = [v.name for v in body.input]
        inside = _HalfPrecision(self.ledger, self.half, given, self)
        for node in list(body.node):
            inside.add(node)
        for result in body.output:
            inside.full(result.name)
        made = {name for node in inside.nodes for name in node.output}
        known = [v for v in body.value_info if v.name in made]
        del body.node[:], body.value_info[:]
        body.node.extend(inside.nodes)
        body.value_info.extend(known)

    def _new(self, name: str) -> str:
        return self.ledger.unique(f"{name}_{self.half.suffix}")

    def _cast(self, name: str, to: str, element: int) -> NodeProto:
        return helper.make_node("Cast", [name], [to], name=f"{to}/Cast", to=element)


def _data(node: NodeProto) -> list[str]:
    """The operands that are numbers to compute with."""
    return list(node.input if node.op_type in ALL else node.input[:1])
