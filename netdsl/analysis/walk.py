"""One walk over the graph that makes the rows of a report and, on the way, sums, receptive fields and the schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from netdsl.analysis.counts import Count, arithmetic, shape_at, windows_at
from netdsl.analysis.dropped import Loss, find_loss
from netdsl.analysis.explain import explain
from netdsl.analysis.memory import Schedule
from netdsl.analysis.quantities import quantity
from netdsl.analysis.receptive import PIXEL, UNALIGNED, WHOLE, Field, join, through
from netdsl.analysis.report import ReceptiveField, Row, Shape, Uncounted
from netdsl.analysis.settings import layer_text
from netdsl.diagnostics import Collector
from netdsl.ir import Block, Graph, Node, Recurrent
from netdsl.ops.base import Op
from netdsl.tensors import TensorType, Value


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the nesting a graph stands."""

    path: str = ""
    depth: int = 0
    steps: int = 1
    owned: bool = True
    """False inside a block whose weights are counted at an earlier use."""

    def of(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


@dataclass(slots=True)
class Walk:
    """What is known while the graph is walked in the order in which it runs."""

    sizes: Mapping[str, int]
    batch: int = 1
    training: bool = False
    explained: bool = False
    collector: Collector | None = None
    symbolic: bool = False
    rows: list[Row] = field(default_factory=list)
    fields: dict[Value, Field] = field(default_factory=dict)
    schedule: Schedule = field(default_factory=Schedule)
    uncounted: list[Uncounted] = field(default_factory=list)
    counted: set[str] = field(default_factory=set)
    """Paths of the nodes whose weights are counted."""
    whole: Shape = ()
    """Spatial size of the first image among the inputs, which a field that is `whole` covers."""

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
            total.add(self.layer(node, node.op, place) if isinstance(node.op, Op) else self.block(node, node.op, place))
        return total

    def bytes(self, type_: TensorType) -> int:
        """Memory of one tensor, for the whole batch."""
        total = type_.dtype.size * (self.batch if type_.batched else 1)
        for extent in shape_at(type_, self.sizes):
            total *= extent
        return total

    def owns(self, node: Node, place: Place) -> bool:
        """True at the first use of the node's weights in this graph."""
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
        loss = find_loss(windows or ())
        if loss is not None:
            self.warn(node, loss)
        row = self.row(node, place, count, owned)
        row = replace(row, warnings=(loss.text,)) if loss else row
        self.rows.append(self.complete(row, node, missing, (before, after)))
        return count

    def run(self, node: Node, op: Op, path: str) -> int:
        """Put the layer on the schedule; the bytes of its results."""
        if any(w.name == "" for w in op.weights()):
            return 0  # a free parameter: its memory is that of the weights
        views = op.in_place() and not (self.training and op.training_differs)
        if views and node.inputs:
            self.schedule.view(path, node.inputs[0], node.results)
            return 0
        sizes = [(value, self.bytes(value.type)) for value in node.results]
        self.schedule.run(path, node.inputs, sizes)
        return sum(size for _, size in sizes)

    def warn(self, node: Node, loss: Loss) -> None:
        if self.collector is not None:
            message = f"the windows of `{layer_text(node.op)}` do not divide its input: {loss.text}"
            at = ", ".join(f"{s} = {n}" for s, n in self.sizes.items()) if self.symbolic else ""
            notes = (f"at {at}",) if at else ()
            self.collector.warn("pixels-dropped", message, node.span, help=loss.help, notes=notes)

    def complete(self, row: Row, node: Node, missing: tuple[str, ...], fields: tuple[Field, Field]) -> Row:
        """The row with what only some rows have."""
        if "macs" in missing:
            row = replace(row, macs=None, flops_core=None, flops=None)
        elif missing:
            core = None if "bias additions" in missing else row.flops_core
            row = replace(row, flops=None, flops_core=core)
        if "transcendentals" in missing:
            row = replace(row, transcendentals=None)
        if self.explained:
            lines = explain(node, self.sizes, batch=self.batch, steps=row.steps, fields=fields)
            row = replace(row, explanation=tuple(lines))
        return row

    # ------------------------------------------------------------ blocks

    def block(self, node: Node, op: Block, place: Place) -> Count:
        index = len(self.rows)
        owned = self.owns(node, place)
        inside = replace(place, path=place.of(node.name), depth=place.depth + 1, owned=owned)
        self.rows.append(PLACEHOLDER)  # its sums are known when its rows are
        if isinstance(op, Recurrent):
            inside = replace(inside, steps=place.steps * self.steps(node))
            count = self.recurrent(node, op, inside)
            count.activation += place.steps * sum(self.bytes(r.type) for r in node.results)
        else:
            count = self.body(node, op, inside)
        row = self.row(node, place, count, owned)
        if isinstance(op, Recurrent):
            notes = (*row.notes, f"runs {quantity(inside.steps, 'step')}")
            row = replace(row, kind="recurrent", steps=inside.steps, notes=notes)
        lines = explain(node, self.sizes) if self.explained else ()
        self.rows[index] = replace(row, explanation=tuple(lines)) if lines else row
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

    def row(self, node: Node, place: Place, count: Count, owned: bool) -> Row:
        shares = place.of(node.owner.name) if node.owner is not node else None
        notes = (f"uses the weights of `{shares}`",) if shares and not owned else ()
        return Row(
            name=node.name,
            path=place.of(node.name),
            op=node.kind,
            kind="layer" if isinstance(node.op, Op) else "block",
            settings=layer_text(node.op),
            line=node.span.line,
            depth=place.depth,
            inputs=tuple(shape_at(v.type, self.sizes) for v in node.inputs),
            outputs=tuple(shape_at(v.type, self.sizes) for v in node.results),
            symbolic_in=tuple(str(v.type) for v in node.inputs) if self.symbolic else (),
            symbolic_out=tuple(str(v.type) for v in node.results) if self.symbolic else (),
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
            notes=notes,
        )

    def receptive_field(self, found: Field) -> ReceptiveField | None:
        """A field as the report shows it."""
        if found is None or found is UNALIGNED or found == ():
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


PLACEHOLDER = Row(name="", path="", op="", kind="", settings="", line=0, depth=0, inputs=(), outputs=())
