"""Which passes ONNX nodes go through once they are written, in order. Those of the graph: `netdsl/passes/pipeline.py`.

Bodies of loops were simplified when they were made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from onnx import NodeProto

from netdsl.codegen.onnx.opsets import spelt_in
from netdsl.codegen.onnx.precision import HALVES, in_half
from netdsl.codegen.onnx.scope import Ledger, every_node, names_read, names_used, subgraphs
from netdsl.codegen.onnx.simplify import drop_dead, known_once
from netdsl.graph.invariants import twice, watched
from netdsl.passes.pipeline import NamedPass, carry_out


@dataclass(eq=False)
class NodeList:
    """The nodes of a model, on their way into it."""

    nodes: list[NodeProto]
    kept: Collection[str]
    """The names that have to come out."""
    ledger: Ledger
    precision: str = "no"
    given: set[str] | None = None
    """Names that were read and not made when problems were first looked for: inputs and weights."""

    def problems(self) -> Iterator[str]:
        """What is wrong with the nodes, each in a sentence."""
        made = [name for node in self.nodes for name in node.output if name]
        self.given = names_used(self.nodes) - set(made) if self.given is None else self.given
        yield from (f"two nodes make {name}" for name in twice(made))
        yield from (f"two nodes are called {node}" for node in twice(n.name for n in self.nodes))
        yield from (f"{name} is to come out, and is not made" for name in self.kept if name not in made)
        there = {*self.given, *self.ledger.constants, *self.ledger.weights, *self.ledger.called.values()}
        for node in self.nodes:
            unknown = [name for name in names_read(node) if name not in there and name not in _inside(node)]
            yield from (f"{node.name} reads {name}, which is not there yet" for name in unknown)
            there.update(node.output)

    def halve(self) -> None:
        if self.precision != "no":
            self.nodes = in_half(self.nodes, self.kept, self.ledger, HALVES[self.precision])

    def know(self) -> None:
        self.nodes = known_once(self.nodes, self.kept, self.ledger)

    def drop(self) -> None:
        self.nodes = drop_dead(self.nodes, self.kept)

    def spell(self) -> None:
        if self.ledger.opset is not None:
            self.nodes = spelt_in(self.ledger.opset, self.nodes, self.ledger)

    def put_ends_last(self) -> None:
        self.nodes = ends_last(self.nodes)


def _inside(node: NodeProto) -> set[str]:
    """What the bodies of a node take and make themselves."""
    graphs = [graph for each in every_node([node]) for graph in subgraphs(each)]
    return {v.name for g in graphs for v in g.input} | {name for g in graphs for n in g.node for name in n.output}


def ends_last(nodes: list[NodeProto]) -> list[NodeProto]:
    """The nodes that nothing reads behind all others, the first of them last.

    onnxruntime works its order out from the ends, the last one first, each with all it needs. So the loss comes out
    first, then weight after weight as gradients reach them, and nothing waits in memory for its turn.
    """
    used = names_used(nodes)
    ends = [node for node in nodes if used.isdisjoint(node.output)]
    last = {node.name for node in ends}
    return [*(node for node in nodes if node.name not in last), *reversed(ends)]


KNOW = NamedPass("know", "Copies are read past, constants folded, nothing is computed twice.", NodeList.know)
DROP = NamedPass("drop", "What nothing that comes out needs is gone.", NodeList.drop)

SPELL = NamedPass("spell", "Where an older opset was asked for, the nodes are said in it.", NodeList.spell)

MODEL: tuple[NamedPass[NodeList], ...] = (KNOW, DROP, SPELL)
"""The model that is only run, and the one that scores."""

STEP: tuple[NamedPass[NodeList], ...] = (
    NamedPass("halve", "With a `precision` products are computed in it, all else in float32.", NodeList.halve),
    KNOW,
    DROP,
    NamedPass("ends", "What nothing reads stands last, the loss at the very end.", NodeList.put_ends_last),
)
"""A training step."""


def finished(nodes: list[NodeProto], kept: Collection[str], ledger: Ledger) -> list[NodeProto]:
    """The nodes of a model as they go into the file."""
    return _carried_out(MODEL, NodeList(nodes, kept, ledger))


def finished_step(nodes: list[NodeProto], kept: Collection[str], ledger: Ledger, precision: str) -> list[NodeProto]:
    """The nodes of a training step as they go into the file."""
    return _carried_out(STEP, NodeList(nodes, kept, ledger, precision))


def _carried_out(passes: Sequence[NamedPass[NodeList]], state: NodeList) -> list[NodeProto]:
    watched("lower", state.problems)
    return carry_out(passes, state).nodes
