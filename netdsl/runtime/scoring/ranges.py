"""Whether labels, indices and probabilities of a batch are in range: asked of the data, whatever engine computes.

PyTorch would refuse such a batch in words of its own, on a GPU without any, and an ONNX graph cannot refuse at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.dims import at
from netdsl.dims.extent import symbols_of
from netdsl.dims.tensors import DType, Value
from netdsl.graph import Graph, Net, Node, Output, RecipeTerm, Recurrent, restrict, result_types
from netdsl.graph.begun import begun
from netdsl.graph.clock import of_clock
from netdsl.graph.phases import of_phase
from netdsl.ops.base import Op
from netdsl.passes.inline import FlatPlace, opened
from netdsl.runtime.data.sets import Check
from netdsl.runtime.runs.recipes import Plan
from netdsl.runtime.sessions.opening import open_net, run_once


@dataclass(eq=False)
class RangeRule:
    """Numbers that one layer reads of a sample, and what they may be."""

    value: Value
    """A field, or what is computed of fields alone."""
    fields: tuple[str, ...]
    most: int
    """They start at 0."""
    ignore: int | None
    node: Node

    def wrong(self, numbers: Array) -> tuple[int, Any] | None:
        """The place of the first sample with a number out of range, and that number."""
        if not numbers.size or (numbers.min() >= 0 and numbers.max() <= self.most):
            return None
        outside = ~((numbers >= 0) & (numbers <= self.most))  # which NaN is
        if self.ignore is not None:
            outside &= numbers != self.ignore
        if not outside.any():
            return None
        place = int(outside.reshape(len(numbers), -1).any(axis=1).argmax())
        return place, numbers[place][outside[place]].flat[0].item()

    def __str__(self) -> str:
        spared = self.ignore is not None and not 0 <= self.ignore <= self.most
        also = f", or {self.ignore} where nothing counts" if spared else ""
        return f"`{self.node.kind}` at {self.node.span.place} takes 0 to {self.most}{also}"


class Ranges:
    """What labels, indices and probabilities of a net's data may be, where its layers, losses and metrics read them.

    `sizes` gives the net's symbols numbers. What is made of fields alone, such as `label - 1`, is computed here too.
    """

    def __init__(self, net: Graph, terms: Iterable[RecipeTerm], sizes: Mapping[str, int]) -> None:
        self.sizes = sizes
        self.fields = {value.name: value for value in net.inputs}
        self.made: dict[Value, tuple[Node, tuple[str, ...]]] = {}
        """By value that fields alone decide: the flat node that gives it, and those fields."""
        self.rules: list[RangeRule] = []
        values = {value: value for value in net.inputs}
        self._read(net, values)
        outputs = {o.name: values[o.value] for o in net.outputs}
        for term in terms:
            self._read(term.graph, {v: outputs.get(v.name) or self._field(v) for v in term.graph.inputs})
        self.session: Any = None

    def _field(self, value: Value) -> Value:
        return value if of_clock(value) else self.fields.setdefault(value.name, value)

    # ------------------------------------------------------------ reading a net

    def _read(self, graph: Graph, values: dict[Value, Value], whole: bool = True) -> None:
        """Note what layers read; `whole` is false for a step, whose values stand for those of all steps."""
        for place in opened(graph, values):
            if isinstance(place.op, Op):
                results = self._read_layer(place, place.op, whole)
            else:
                results = place.node.results
                self._read_steps(place, place.op)
            values.update(zip(place.node.results, results, strict=True))

    def _read_layer(self, place: FlatPlace, op: Op, whole: bool) -> tuple[Value, ...]:
        """The results as values of the flat graph."""
        own = dict(zip(op.operands(), place.operands, strict=True))
        for numbering in op.numberings():
            if not symbols_of(numbering.count) <= set(self.sizes):
                continue  # as many classes as there are samples in a batch
            most = at(numbering.count, self.sizes) - 1
            self._add(own[numbering.value], DType.INT, most, numbering.ignore, place.node)
        for value in op.probabilities():
            self._add(own[value], DType.FLOAT, 1, None, place.node)
        results = tuple(Value(f"{place.path}.{i}", kind) for i, kind in enumerate(result_types(op)))
        sources = [self._sources(v) for v in place.operands]
        if whole and None not in sources and not op.weights() and not op.training_differs:
            name = f"{place.path}.{len(self.made)}"
            node = Node(name, op.on(place.operands), place.operands, results, place.node.span)
            fields = tuple(dict.fromkeys(name for names in sources for name in names or ()))
            self.made.update((r, (node, fields)) for r in results)
        return results

    def _read_steps(self, place: FlatPlace, block: Recurrent) -> None:
        """A step of a sequence holds some of its numbers, and all steps hold them all."""
        sequences = list(zip((*block.sequences, *block.given), place.operands, strict=False))
        self._read(block.body, {v: v for v in block.body.inputs} | dict(sequences), whole=False)

    def _sources(self, value: Value) -> tuple[str, ...] | None:
        """The fields that decide a value; None where something else does as well."""
        if self.fields.get(value.name) is value:
            return (value.name,)
        return self.made[value][1] if value in self.made else None

    def _add(self, value: Value, kind: DType, most: int, ignore: int | None, node: Node) -> None:
        if value.type.dtype is kind and (fields := self._sources(value)):
            self.rules.append(RangeRule(value, fields, most, ignore, node))

    # ------------------------------------------------------------ looking at a batch

    @property
    def reads(self) -> set[str]:
        """The fields that matter."""
        return {name for rule in self.rules for name in rule.fields}

    def check(self, batch: Mapping[str, object], indices: Any = None, split: str = "") -> None:
        """`RunError` for the first number out of range; `indices` are the batch's places in the split."""
        given = {name: np.asarray(batch[name]) for name in self.reads if name in batch}
        for rule, numbers in self._numbers(given):
            if (wrong := rule.wrong(numbers)) is None:
                continue
            place, number = wrong
            whose = "" if indices is None else f" of sample {int(indices[place])} in the {split} split"
            what = " and ".join(f"`{name}`" for name in rule.fields)
            says = "is" if self._is_field(rule.value) else "gives"
            raise RunError(f"{what}{whose} {says} {number}, but {rule}")

    def known(self, field: str) -> int | None:
        """How many numbers from 0 every layer takes that reads the field as it comes."""
        return min((r.most + 1 for r in self.rules if r.value is self.fields.get(field)), default=None)

    def shares(self) -> list[str]:
        """The real fields of which probabilities are made."""
        names = dict.fromkeys(n for rule in self.rules if rule.value.type.dtype is DType.FLOAT for n in rule.fields)
        return [name for name in names if self.fields[name].type.dtype is DType.FLOAT]

    def _is_field(self, value: Value) -> bool:
        return value not in self.made

    def _numbers(self, given: Mapping[str, Array]) -> Iterator[tuple[RangeRule, Array]]:
        computed: dict[str, Array] | None = None
        for number, rule in enumerate(self.rules):
            if not given.keys() >= set(rule.fields):
                continue
            if self._is_field(rule.value):
                yield rule, given[rule.fields[0]]
                continue
            computed = self._compute(given) if computed is None else computed
            yield rule, computed[f"read_{number}"]

    def _compute(self, given: Mapping[str, Array]) -> dict[str, Array]:
        """What is made of fields, of one batch."""
        if self.session is None:
            self.session = open_net(self._net(), {}, "cpu")
        return run_once(self.session, {port.name: given[port.name] for port in self.session.inputs})

    def _net(self) -> Net:
        read = [(n, r) for n, r in enumerate(self.rules) if not self._is_field(r.value)]
        outputs = [Output(f"read_{n}", rule.value, False, rule.node.span) for n, rule in read]
        names = dict.fromkeys(name for _, rule in read for name in rule.fields)
        nodes = list(dict.fromkeys(node for node, _ in self.made.values()))
        graph = restrict(Graph("indices", [self.fields[n] for n in names], nodes), outputs)
        return Net("indices", graph.inputs, graph.nodes, outputs, span=read[0][1].node.span)


def split_check(net: Net, plan: Plan, split: str, sizes: Mapping[str, int]) -> Check:
    """The check of a split's batches, for whatever a recipe computes of them; `sizes` are those of the inputs."""
    graph = of_phase(begun(net), training=split == "train")
    ranges = Ranges(graph, (*plan.losses, *plan.metrics), sizes)
    return partial(ranges.check, split=split)
