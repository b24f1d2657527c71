"""What an ONNX model stores once (`Ledger`) and one graph of it while its nodes are written (`GraphScope`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from netdsl.base.arrays import Array
from netdsl.codegen.onnx.lowering import NodeSetting, TensorName
from netdsl.dims.tensors import DType, TensorType, Value, Weight

ValueNames = dict[Value, TensorName]
"""The ONNX name of each arrow."""

ELEMENTS: dict[DType, int] = {
    DType.FLOAT: TensorProto.FLOAT,
    DType.INT: TensorProto.INT64,
    DType.BOOL: TensorProto.BOOL,
}
NUMPY: dict[DType, np.dtype[Any]] = {
    DType.FLOAT: np.dtype("<f4"),
    DType.INT: np.dtype("<i8"),
    DType.BOOL: np.dtype("?"),
}

SEED = "seed"
"""What the input is called by which drawn numbers are other ones."""


class Ledger:
    """ValueNames, constants and weights of a whole model, bodies of recurrences included."""

    def __init__(
        self,
        reserved: Sequence[str],
        weights: dict[str, Weight],
        batch: str,
        cuda: bool = False,
        opset: int | None = None,
    ) -> None:
        self.taken = set(reserved) | set(weights)
        self.known = weights
        self.batch = batch
        """The symbol that stands for the batch axis."""
        self.cuda = cuda
        """Whether what has several spellings takes the one that is fast on CUDA, not the one for the CPU."""
        self.opset = opset
        """The opset that was asked for; None for the one that says all."""
        self.weights: dict[str, Weight] = {}
        """What the nodes use, by state-dict key, in order of first use."""
        self.called: dict[str, TensorName] = {}
        """The names of weights whose key an output has: a `param` that leaves the net."""
        self.constants: dict[str, TensorProto] = {}
        self.contractions: set[str] = set()
        """Names of the nodes that belong to operations with multiply-accumulates."""
        self.draws = 0
        """How many places draw numbers."""
        self.seeded: TensorName | None = None
        """The input that such numbers follow from, if there are any."""
        self._names: dict[tuple[str, tuple[int, ...], bytes], TensorName] = {}

    def seed(self) -> TensorName:
        """The input that drawn numbers follow from: `seed`, unless that is taken."""
        self.seeded = self.seeded or self.unique(SEED)
        return self.seeded

    def unique(self, wanted: str) -> TensorName:
        """The name, with a number behind it when it is taken."""
        name, count = wanted, 0
        while name in self.taken:
            count += 1
            name = f"{wanted}_{count}"
        self.taken.add(name)
        return TensorName(name)

    def constant(self, array: Array) -> TensorName:
        """The initialiser that holds these numbers; equal ones are one."""
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._names:
            name = self.unique(f"constant_{len(self.constants)}")
            self._names[key] = name
            self.constants[name] = numpy_helper.from_array(array, name)
        return self._names[key]

    def weight(self, key: str) -> TensorName:
        """Note that a weight is used; its initialiser has the key as its name, unless an output has that name."""
        self.weights[key] = self.known[key]
        return self.called.get(key, TensorName(key))

    def _samples(self, type: TensorType) -> int | str:
        """How long the batch axis is: every item along a folded one is a sample."""
        items = prod([d for d in type.folded if isinstance(d, int)])
        factors = [*([] if type.single else [self.batch]), *(str(d) for d in type.folded if not isinstance(d, int))]
        return "*".join([*factors, *([str(items)] if items != 1 else [])]) if factors else items

    def info(self, name: str, type: TensorType) -> ValueInfoProto:
        """Name, element type and shape: symbols by name, other symbolic sizes as their text."""
        shape: list[int | str] = [d if isinstance(d, int) else str(d) for d in type.shape]
        front = [self._samples(type)] if type.batched else []
        return helper.make_tensor_value_info(name, ELEMENTS[type.dtype], [*front, *shape])


class GraphScope:
    """The nodes of one graph in order, the types of its arrows, and what it has computed already."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.nodes: list[NodeProto] = []
        self.types: dict[str, TensorType] = {}
        self.seed: TensorName | None = None
        """In the body of a loop, the seed of a step."""
        self.computed: dict[tuple[object, ...], TensorName] = {}

    def add(
        self,
        path: str,
        op_type: str,
        inputs: Sequence[str],
        attributes: Mapping[str, NodeSetting],
        outputs: int = 1,
        notes: dict[str, str] | None = None,
    ) -> tuple[TensorName, ...]:
        """Append a node named `path/op_type`; returns its result names."""
        name = self.ledger.unique(f"{path}/{op_type}")
        results = tuple(self.ledger.unique(f"{name}_output_{i}") for i in range(outputs))
        settings: dict[str, Any] = dict(attributes)
        self.nodes.append(helper.make_node(op_type, list(inputs), list(results), name=name, **settings))
        if notes:
            helper.set_metadata_props(self.nodes[-1], notes)
        return results

    def once(self, path: str, op_type: str, inputs: Sequence[str], **attributes: NodeSetting) -> TensorName:
        """The result of a pure node that this graph needs to compute only once."""
        key = (op_type, *inputs, *sorted(attributes.items()))
        if key not in self.computed:
            self.computed[key] = self.add(path, op_type, inputs, attributes)[0]
        return self.computed[key]


def seed_input(ledger: Ledger) -> list[ValueInfoProto]:
    """The input that drawn numbers follow from, where there are any."""
    kind = TensorType((), DType.INT, batched=False)
    return [ledger.info(ledger.seeded, kind)] if ledger.seeded else []


def seed_property(ledger: Ledger) -> dict[str, str]:
    """What the file says of that input."""
    return {"netdsl.seed": ledger.seeded} if ledger.seeded else {}


def names_used(nodes: Iterable[NodeProto]) -> set[str]:
    """Every name that some node reads."""
    return {name for node in nodes for name in names_read(node)}


def subgraphs(node: NodeProto) -> Iterator[GraphProto]:
    """The graphs a node holds: bodies of Scan, Loop and If."""
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        elif attribute.type == AttributeProto.GRAPHS:
            yield from attribute.graphs


def every_node(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """The nodes and those of their bodies."""
    for node in nodes:
        yield node
        for graph in subgraphs(node):
            yield from every_node(graph.node)


def names_read(node: NodeProto) -> Iterator[str]:
    """Every name a node reads, by what is inside its bodies too."""
    yield from node.input
    for graph in subgraphs(node):
        yield from (o.name for o in graph.output)
        for inner in graph.node:
            yield from names_read(inner)


def named(value: Value, names: ValueNames, scope: GraphScope) -> TensorName:
    """The ONNX name of an operand; a weight of a training graph goes by its key, in bodies of recurrences too."""
    return names[value] if value in names else scope.ledger.weight(value.name)
