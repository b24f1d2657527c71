"""One walk over the graph that makes the rows of a report and, on the way, sums, receptive fields and the schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from netdsl.analysis.counts import Count, arithmetic, shape_at, windows_at
from netdsl.analysis.dropped import Loss, find_loss
from netdsl.analysis.explain import explain
from netdsl.analysis.memory import Schedule
from netdsl.analysis.quantities import quantity
from netdsl.analysis.receptive import PIXEL, WHOLE, Field, Unaligned, join, through
from netdsl.analysis.report import ReceptiveField, Row, Shape, Uncounted
from netdsl.analysis.settings import layer_text
from netdsl.diagnostics import Collector
from netdsl.ir import Block, Graph, Node, Recurrent
from netdsl.ops.base import Op
from netdsl.ops.value import Constant
from netdsl.record import changed
from netdsl.tensors import TensorType, Value

PLACEHOLDER = Row(name="", path="", op="", kind="", settings="", line=0, depth=0, inputs=(), outputs=())
"""Stands for a block until its rows, and with them its sums, are known."""


class Place(NamedTuple):
    """Where in the nesting a graph stands."""

    path: str = ""
    depth: int = 0
    steps: int = 1
    owned: bool = True
    """False inside a block whose weights are counted at an earlier use."""

    def of(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


class Remarks(NamedTuple):
    """What only some rows have."""

    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    explanation: tuple[str, ...] = ()
    steps: int | None = None


class Walk:
    """What is known while the graph is walked in the order in which it runs.

    `sizes` stand for the symbols; `symbolic` says that there are any.
    """

    def __init__(
        self,
        sizes: Mapping[str, int],
        batch: int = 1,
        training: bool = False,
        explained: bool = False,
        collector: Collector | None = None,
    ) -> None:
        self.sizes = sizes
        self.batch = batch
        self.training = training
        self.explained = explained
        self.collector = collector
        self.rows: list[Row] = []
        self.fields: dict[Value, Field] = {}
        self.shown: dict[Field, ReceptiveField | None] = {}
        self.schedule = Schedule()
        self.uncounted: list[Uncounted] = []
        self.counted: set[str] = set()  # paths of the nodes whose weights are counted
        self.whole: Shape = ()  # spatial size of the first image among the inputs

    def net(self, graph: Graph) -> Count:
        """The whole inference graph; rows, fields and schedule are complete afterwards."""
        for value in graph.inputs:
            shape = shape_at(value.type, self.sizes)
            image = len(shape) > 1
            self.whole = self.whole or (shape[1:] if image else ())
            self.fields[value] = (PIXEL,) * (len(shape) - 1) if image else None
            self.schedule.hold(value, self.bytes(value.type))
        total = self.graph(graph, Place())
        self.schedule.keep(o.value for o in graph.outputs)
        return total

    def graph(self, graph: Graph, place: Place) -> Count:
        total = Count()
        for node in graph.nodes:
            if isinstance(node.op, Block):
                total.add(self.block(node, node.op, place))
            elif not isinstance(node.op, Constant):  # a number of the text is no layer
                total.add(self.layer(node, node.op, place))
        return total

    def bytes(self, type_: TensorType) -> int:
        """Memory of one tensor, for the whole batch."""
        total = type_.dtype.size * (self.batch if type_.batched else 1)
        for extent in shape_at(type_, self.sizes):
            total *= extent
        return total

    def owns(self, node: Node, place: Place) -> bool:
        """True at the first use of the node's weights."""
        path = place.of(node.owner.name)
        first = place.owned and path not in self.counted
        if first:
            self.counted.add(path)
        return first

    # ------------------------------------------------------------ layers

    def layer(self, node: Node, op: Op, place: Place) -> Count:
        count = Count(layers=1)
        path = place.of(node.name)
        owned = self.owns(node, place)
        if owned:
            count.own(op)
        batched = any(r.type.batched for r in node.results)
        missing = arithmetic(op, self.sizes, place.steps * (self.batch if batched else 1), count)
        if missing:
            self.uncounted.append(Uncounted(path=path, op=op.name, what=missing))
        count.activation = self.run(node, op, path) * place.steps
        before = join(self.fields.get(v) for v in node.inputs if v is not getattr(op, "like", None))
        windows = windows_at(op, self.sizes)
        after = through(before, windows)
        self.fields.update(dict.fromkeys(node.results, after))
        warnings = self.losses(node, find_loss(windows or ()))
        lines = self.explanation(node, place, (before, after)) if self.explained else ()
        self.rows.append(self.row(node, place, count, owned, Remarks(missing, warnings, lines)))
        return count

    def run(self, node: Node, op: Op, path: str) -> int:
        """Put the layer on the schedule; the bytes of its results."""
        if not node.inputs:
            return 0  # a free parameter: its memory is that of the weights
        if op.in_place() and not (self.training and op.training_differs):
            self.schedule.view(path, node.inputs[0], node.results)
            return 0
        sizes = [(value, self.bytes(value.type)) for value in node.results]
        self.schedule.run(path, node.inputs, sizes)
        return sum(size for _, size in sizes)

    def losses(self, node: Node, loss: Loss | None) -> tuple[str, ...]:
        """Warn of pixels that no window reads."""
        if loss is None:
            return ()
        if self.collector is not None:
            message = f"the windows of `{layer_text(node.op, node.written)}` do not divide its input: {loss.text}"
            at = ", ".join(f"{s} = {n}" for s, n in self.sizes.items())
            self.collector.warn("pixels-dropped", message, node.span, help=loss.help, notes=(f"at {at}",) if at else ())
        return (loss.text,)

    def explanation(self, node: Node, place: Place, fields: tuple[Field, Field]) -> tuple[str, ...]:
        return tuple(explain(node, self.sizes, batch=self.batch, steps=place.steps, fields=fields))

    # ------------------------------------------------------------ blocks

    def block(self, node: Node, op: Block, place: Place) -> Count:
        index = len(self.rows)
        owned = self.owns(node, place)
        inside = Place(place.of(node.name), place.depth + 1, place.steps, owned)
        self.rows.append(PLACEHOLDER)
        steps = None
        if isinstance(op, Recurrent):
            steps = place.steps * self.steps(node)
            count = self.recurrent(node, op, inside._replace(steps=steps))
            count.activation += place.steps * sum(self.bytes(r.type) for r in node.results)
        else:
            count = self.body(node, op, inside)
        lines = tuple(explain(node, self.sizes)) if self.explained else ()
        self.rows[index] = self.row(node, place, count, owned, Remarks(explanation=lines, steps=steps))
        return count

    def body(self, node: Node, op: Block, inside: Place) -> Count:
        for inner, outer in zip(op.body.inputs, node.inputs, strict=True):
            self.fields[inner] = self.fields.get(outer)
            self.schedule.alias(inner, outer)
        count = self.graph(op.body, inside)
        for result, output in zip(node.results, op.body.outputs, strict=True):
            self.fields[result] = self.fields.get(output.value)
            self.schedule.alias(result, output.value)
        return count

    def steps(self, node: Node) -> int:
        """Length of the sequence that a recurrent block runs over."""
        return shape_at(node.results[0].type, self.sizes)[0]

    def recurrent(self, node: Node, op: Recurrent, inside: Place) -> Count:
        """The body once, counted for every step; its tensors live for one step, its states from step to step."""
        seen = join(self.fields.get(v) for v in node.inputs)
        after: Field = None if seen is None else WHOLE
        self.fields.update(dict.fromkeys(op.body.inputs, after))
        outside, self.schedule = self.schedule, Schedule()
        for state in op.states:
            self.schedule.hold(state.current, self.bytes(state.current.type))
        count = self.graph(op.body, inside)
        self.schedule.keep(state.following for state in op.states)
        self.schedule.keep(output.value for output in op.body.outputs)
        workspace, _ = self.schedule.peak()
        self.schedule = outside
        results = [(r, self.bytes(r.type)) for r in node.results]
        self.schedule.run(inside.path, node.inputs, results, workspace)
        self.fields.update(dict.fromkeys(node.results, after))
        return count

    # ------------------------------------------------------------ rows

    def row(self, node: Node, place: Place, count: Count, owned: bool, remarks: Remarks) -> Row:
        shares = place.of(node.owner.name) if node.owner is not node else None
        row = Row(
            name=node.name,
            path=place.of(node.name),
            op=node.kind,
            kind="block" if isinstance(node.op, Block) else "layer",
            settings=layer_text(node.op, node.written),
            line=node.span.line,
            depth=place.depth,
            inputs=tuple([shape_at(v.type, self.sizes) for v in node.inputs]),
            outputs=tuple([shape_at(v.type, self.sizes) for v in node.results]),
            symbolic_in=tuple(str(v.type) for v in node.inputs) if self.sizes else (),
            symbolic_out=tuple(str(v.type) for v in node.results) if self.sizes else (),
            params=count.params,
            trainable_params=count.trainable,
            buffers=count.buffers,
            macs=count.macs,
            flops_core=count.core,
            flops=count.flops,
            transcendentals=count.transcendentals,
            activation_bytes=count.activation,
            receptive_field=self.receptive_field(self.fields.get(node.results[0]) if node.results else None),
            steps=place.steps,
            shares=shares,
            notes=(f"uses the weights of `{shares}`",) if shares and not owned else (),
            warnings=remarks.warnings,
            explanation=remarks.explanation,
        )
        row = _without(row, remarks.missing) if remarks.missing else row
        return _recurring(row, remarks.steps) if remarks.steps is not None else row

    def receptive_field(self, found: Field) -> ReceptiveField | None:
        """A field as the report shows it."""
        if found not in self.shown:
            self.shown[found] = self._receptive_field(found)
        return self.shown[found]

    def _receptive_field(self, found: Field) -> ReceptiveField | None:
        if not found or isinstance(found, Unaligned):
            return None
        if not isinstance(found, tuple):
            return ReceptiveField(whole=True, size=self.whole, smallest=self.whole) if self.whole else None
        spans = [axis.sizes() for axis in found]
        strides = [axis.stride for axis in found]
        return ReceptiveField(
            size=tuple(large for _, large in spans),
            smallest=tuple(small for small, _ in spans),
            stride=tuple(int(s) if s.denominator == 1 else float(s) for s in strides),
            start=tuple(axis.phases[0][0] for axis in found),
        )


def _recurring(row: Row, steps: int) -> Row:
    notes = (*row.notes, f"runs {quantity(steps, 'step')}")
    return changed(row, kind="recurrent", steps=steps, notes=notes)


def _without(row: Row, missing: tuple[str, ...]) -> Row:
    """The row without the numbers that its operation does not state."""
    core = {"macs", "bias additions"} & set(missing)
    total = core or "elementwise flops" in missing
    return changed(
        row,
        macs=None if "macs" in missing else row.macs,
        flops_core=None if core else row.flops_core,
        flops=None if total else row.flops,
        transcendentals=None if "transcendentals" in missing else row.transcendentals,
    )
