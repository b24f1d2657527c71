"""What an emitted graph deserves: nothing twice, nothing that can be known beforehand, nothing that no output needs.

One walk in order: every node reads past copies and past nodes that an earlier one equals; what reads constants alone
is computed; then what no output needs is left out, from the end. Linear in the size of the graph.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from onnx import NodeProto, numpy_helper

from netdsl.base.arrays import Array
from netdsl.codegen.onnx.folding import fold
from netdsl.codegen.onnx.scope import Ledger, names_read, subgraphs

RANDOM = {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"}
"""Two of these are never equal."""

COMMUTATIVE = {"Add", "Mul", "And", "Or", "Equal", "Max", "Min"}


def simplify(nodes: list[NodeProto], kept: Collection[str], ledger: Ledger | None = None) -> list[NodeProto]:
    """The nodes that the kept names need. With a ledger constants are folded into it.

    Bodies of recurrences were simplified when they were made.
    """
    return drop_dead(known_once(nodes, kept, ledger), kept)


def known_once(nodes: list[NodeProto], kept: Collection[str], ledger: Ledger | None = None) -> list[NodeProto]:
    """The nodes that say something new; they read past those that do not."""
    walk = _Known(frozenset(kept), ledger)
    return [node for node in nodes if walk.keeps(node)]


class _Known:
    """What is known so far of the names of one graph."""

    def __init__(self, kept: Collection[str], ledger: Ledger | None) -> None:
        self.kept = kept
        self.ledger = ledger
        self.known: dict[str, str] = {}
        """What to read instead of a name."""
        self.seen: dict[tuple[object, ...], NodeProto] = {}

    def keeps(self, node: NodeProto) -> bool:
        """Whether a node is needed beside the earlier ones; its inputs are brought up to date."""
        rename(node, self.known)
        if self.kept.__contains__(node.output[0]) or any(name in self.kept for name in node.output):
            self.seen.setdefault(key_of(node), node)
            return True
        if node.op_type == "Identity":
            self.known[node.output[0]] = node.input[0]
            return False
        return not self._folds(node) and not self._repeats(node)

    def _folds(self, node: NodeProto) -> bool:
        if self.ledger is None or len(node.output) != 1:
            return False
        same = self._unchanged(node)
        if same is None:
            value = fold(node, self._array, self._shape)
            same = None if value is None else self.ledger.constant(value)
        if same is not None:
            self.known[node.output[0]] = same
        return same is not None

    def _unchanged(self, node: NodeProto) -> str | None:
        """What a node hands on as it came: a product with 1."""
        if node.op_type not in ("Mul", "Div"):
            return None
        left, right = node.input
        if _is_one(self._array(right)):
            return str(left)
        return str(right) if node.op_type == "Mul" and _is_one(self._array(left)) else None

    def _repeats(self, node: NodeProto) -> bool:
        first = self.seen.setdefault(key_of(node), node)
        if first is node:
            return False
        self.known.update(zip(node.output, first.output, strict=True))
        return True

    def _array(self, name: str) -> Array | None:
        assert self.ledger is not None
        tensor = self.ledger.constants.get(name)
        return None if tensor is None else numpy_helper.to_array(tensor)

    def _shape(self, name: str) -> tuple[int, ...] | None:
        assert self.ledger is not None
        weight = self.ledger.known.get(name)
        return None if weight is None else weight.shape


def _is_one(array: Array | None) -> bool:
    """One real number without axes, which changes neither values nor shapes."""
    return array is not None and array.ndim == 0 and array.dtype.kind == "f" and float(array) == 1.0


def key_of(node: NodeProto) -> tuple[object, ...]:
    """What two nodes have in common that compute the same; nodes with bodies and random ones equal only themselves."""
    if node.op_type in RANDOM or any(True for _ in subgraphs(node)):
        return (id(node),)
    inputs = sorted(node.input) if node.op_type in COMMUTATIVE else list(node.input)
    attributes = sorted(a.SerializeToString(deterministic=True) for a in node.attribute)
    present = tuple(bool(name) for name in node.output)
    return (node.op_type, *inputs, None, *attributes, present)


def drop_dead(nodes: list[NodeProto], kept: Collection[str]) -> list[NodeProto]:
    """Only what is needed, found from the end."""
    needed = set(kept)
    living = []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            living.append(node)
            needed.update(names_read(node))
    return living[::-1]


def rename(node: NodeProto, names: Mapping[str, str]) -> None:
    """Replace names that a node reads or writes, in its bodies as well."""
    if not names:
        return
    for field in (node.input, node.output):
        for i, name in enumerate(field):
            if name in names:
                field[i] = names[name]
    for graph in subgraphs(node):
        for inner in graph.node:
            rename(inner, names)
        for result in graph.output:
            result.name = names.get(result.name, result.name)
