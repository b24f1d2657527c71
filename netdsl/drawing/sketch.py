"""From a net and its report to the parts of a picture: blocks folded or open, small layers in the box before them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from netdsl.analysis.counts import shape_at
from netdsl.analysis.report import Report, Row, Shape
from netdsl.base.errors import RunError
from netdsl.dims.tensors import Value
from netdsl.drawing.chains import fold_chains
from netdsl.drawing.features import axis_behind, axis_of_input, channels_of
from netdsl.drawing.pieces import Piece, Sketch, Wire
from netdsl.drawing.repeats import Copies, runs
from netdsl.drawing.wording import JOINS, title
from netdsl.graph import Block, Graph, Net, Node, Recurrent, State, joined
from netdsl.graph.narrowing import narrow
from netdsl.graph.phases import inference_graph, training_graph
from netdsl.ops.base import Op
from netdsl.ops.recurrent import Recurrence
from netdsl.ops.value import BatchAxis

MOST, MANY = 600, 20_000
"""Boxes of one picture, and of one before equal ones in a row are drawn as one."""
TOGETHER = 12
"""Rows that one box stands for at most."""


class Outlet(NamedTuple):
    """Where a value comes from in the picture."""

    part: Piece
    shape: Shape
    axis: int
    """Which axis of it are the channels."""
    last: bool = False
    """Whether it is what a recurrent block carries after its last step."""


Sources = dict[Value, Outlet]


class TooManyBoxes(RunError):
    """A picture that nobody could read."""


def sketched(net: Net, report: Report, depth: int, expand: bool = False) -> Sketch:
    """The parts of a net, blocks open down to a depth. Raises `TooManyBoxes`."""
    return _Sketcher(net, report, depth, expand).net()


def graph_of(net: Net, report: Report) -> Graph:
    """The graph that a report counts."""
    if not report.training:
        return inference_graph(net)
    learned = training_graph(net)
    return narrow(learned, learned.outputs)


class _Sketcher:
    """What is known while the graph is walked; bodies are walked once for each open use."""

    def __init__(self, whole: Net, report: Report, depth: int, expand: bool) -> None:
        self.whole = whole
        self.report = report
        self.depth = depth
        self.expand = expand
        self.rows = {row.path: row for row in report.rows}
        self.made = Sketch()
        self.wires: dict[tuple[Piece, Piece, bool], Wire] = {}
        """Those made so far: what flows between the same two parts is one."""

    def net(self) -> Sketch:
        graph = graph_of(self.whole, self.report)
        kept = {state.current for state in self.whole.states}
        sources: Sources = {}
        for value in graph.inputs:
            sources[value] = self.entry("state" if value in kept else "input", value, None)
        self.graph(graph, sources, "", 1, None)
        nexts = {state.output: state for state in self.whole.states}
        for output in graph.outputs:
            if output.name in nexts:
                self.carry(nexts[output.name], sources, output.value)
                continue
            end = self.add(Piece("output", output.name, output.name))
            self.wire(sources, output.value, end)
            self.measure(end, [sources[v] for v in (output.value,) if v in sources])
        if not self.expand:
            fold_chains(self.made)
        self.bound(MOST)
        return self.made

    def add(self, part: Piece) -> Piece:
        self.made.pieces.append(part)
        self.bound(MANY)
        return part

    def bound(self, most: int) -> None:
        """Raises `TooManyBoxes` beyond a number of them."""
        if len(self.made.pieces) > most:
            raise TooManyBoxes(
                f"the picture of {self.whole.name} would have more than {MOST} boxes: fold blocks by a smaller "
                "--depth, or put rows of the text into blocks"
            )

    def entry(self, kind: str, value: Value, parent: Piece | None) -> Outlet:
        """An input or a state as a part of its own."""
        shape = shape_at(value.type, self.report.at)
        axis = axis_of_input(shape)
        path = joined(parent.path if parent else "", value.name)
        part = Piece(kind, path, value.name, shape=shape, parent=parent, channels=channels_of(shape, axis))
        return Outlet(self.add(part), shape, axis)

    def wire(self, sources: Sources, value: Value, target: Piece, back: bool = False, role: str = "") -> None:
        origin = sources.get(value)
        if origin is None or (origin.part is target and not back):
            return
        key = (origin.part, target, back)
        if key not in self.wires:
            self.wires[key] = Wire(origin.part, target, [], back, role, origin.last)
            self.made.wires.append(self.wires[key])
        if origin.shape not in self.wires[key].shapes:
            self.wires[key].shapes.append(origin.shape)

    def carry(self, state: State, sources: Sources, following: Value) -> None:
        """The way back from what a state becomes to what it was."""
        self.wire(sources, following, sources[state.current].part, back=True)

    # ------------------------------------------------------------ bodies

    def graph(self, graph: Graph, sources: Sources, path: str, level: int, parent: Piece | None) -> None:
        uses = Counter(v for node in graph.nodes for v in node.inputs)
        uses.update(output.value for output in graph.outputs)
        rows = {node: row for node in graph.nodes if (row := self.rows.get(joined(path, node.name)))}
        for run in runs(graph.nodes, rows, uses, self.expand):
            node = run.first
            if node not in rows:
                self.unlisted(node, sources)
            elif isinstance(node.op, Block):
                self.block(run, node.op, rows, sources, level, parent)
            else:
                self.layer(node, node.op, rows[node], sources, uses, parent)

    def unlisted(self, node: Node, sources: Sources) -> None:
        """What is no row: an axis for the layer behind it, a number of the text, a weight that was counted."""
        if isinstance(node.op, BatchAxis) and node.inputs[0] in sources:
            origin = sources[node.inputs[0]]
            sources[node.results[0]] = origin._replace(shape=shape_at(node.results[0].type, self.report.at))

    def block(
        self, run: Copies, op: Block, rows: Mapping[Node, Row], sources: Sources, level: int, parent: Piece | None
    ) -> None:
        row = rows[run.first]
        opened = level < self.depth and bool(op.body.nodes)
        kind = "recurrent" if isinstance(op, Recurrent) else "block"
        others = [rows[node].path for node in run.others]
        part = Piece(kind, row.path, title(run.first, row), [run.name], [row], others, run.copies, row.steps, parent)
        part.opened = opened
        self.add(part)
        if opened:
            self.open(run, op, part, sources, level)
        else:
            self.fold(run, op, part, sources)
        self.measure(part, [sources[v] for v in run.last.results if v in sources])

    def fold(self, run: Copies, op: Block, part: Piece, sources: Sources) -> None:
        """A block as one box."""
        for value, role in zip(run.first.inputs, _roles(op), strict=False):
            self.wire(sources, value, part, role=role)
        if isinstance(op, Recurrent) and op.states:
            self.loop(part, tuple(state.name for state in op.states))
        first = sources.get(run.first.inputs[0]) if run.first.inputs else None
        for place, value in enumerate(run.last.results):
            shape = shape_at(value.type, self.report.at)
            axis = first.axis if first is not None and len(first.shape) == len(shape) else axis_of_input(shape)
            sources[value] = Outlet(part, shape, axis, isinstance(op, Recurrent) and place >= len(op.body.outputs))

    def loop(self, part: Piece, states: tuple[str, ...]) -> None:
        """What a recurrent box carries leads from it to itself."""
        part.states = states
        self.made.wires.append(Wire(part, part, [], back=True))

    def measure(self, part: Piece, results: Sequence[Outlet]) -> None:
        """What comes out of a part, as its width shows it."""
        if results:
            part.shape = results[0].shape
            part.channels = channels_of(results[0].shape, results[0].axis)

    def open(self, run: Copies, op: Block, part: Piece, sources: Sources, level: int) -> None:
        """The body of a block inside its box: arrows from outside lead to the layers that read them."""
        inner: Sources = {}
        states = op.states if isinstance(op, Recurrent) else ()
        carried = {state.current: state for state in states}
        outside = iter(run.first.inputs)
        for value in op.body.inputs:
            if value in carried:
                inner[value] = self.entry("state", value, part)
                start = carried[value].initial
                if isinstance(start, Value):
                    self.wire(sources, start, inner[value].part)
            elif (origin := sources.get(next(outside))) is not None:
                inner[value] = origin._replace(shape=shape_at(value.type, self.report.at))
        self.graph(op.body, inner, part.path, level + 1, part)
        for state in states:
            self.carry(state, inner, state.following)
        ends = [*(o.value for o in op.body.outputs), *(s.following for s in getattr(op, "final", ()))]
        for value, end in zip(run.last.results, ends, strict=False):
            if end in inner:
                sources[value] = inner[end]._replace(shape=shape_at(value.type, self.report.at))

    # ------------------------------------------------------------ layers

    def layer(
        self, node: Node, op: Op, row: Row, sources: Sources, uses: Mapping[Value, int], parent: Piece | None
    ) -> None:
        read = [v for v in node.inputs if v in sources]
        before = sources[read[0]] if read else None
        part = self.host(op, row, read, sources, uses, parent)
        if part is None:
            symbol = JOINS.get(op.name) if len(read) > 1 else None
            part = self.add(Piece("join" if symbol else "layer", row.path, symbol or title(node, row), parent=parent))
            for value in read:
                self.wire(sources, value, part)
            if isinstance(op, Recurrence):
                part.kind, part.steps, part.both = "recurrent", row.inputs[0][0], op.bidirectional
                self.loop(part, ("h", "c") if op.name == "lstm" else ("h",))
        elif part.small and not is_small(op, row):
            part.path, part.title = row.path, title(node, row)
        part.rows.append(row)
        part.small = part.small and part.kind == "layer" and is_small(op, row)
        for value in node.results:
            shape = shape_at(value.type, self.report.at)
            axis = axis_behind(op, before.axis if before else axis_of_input(shape), shape)
            sources[value] = Outlet(part, shape, axis)
        self.measure(part, [sources[node.results[0]]])

    def host(
        self, op: Op, row: Row, read: list[Value], sources: Sources, uses: Mapping[Value, int], parent: Piece | None
    ) -> Piece | None:
        """The box before it, where a small layer, or one behind small layers of its own row, goes into that."""
        if len(read) != 1 or uses[read[0]] != 1 or self.expand:
            return None
        part = sources[read[0]].part
        if part.kind not in ("layer", "join") or part.parent is not parent or len(part.rows) >= TOGETHER:
            return None
        same = _label(part.rows[-1]) == _label(row)
        if is_small(op, row) and (same or not _moves(row)):
            return part
        return part if same and part.kind == "layer" and part.small else None


def _roles(op: Block) -> Iterator[str]:
    """What each input of a node is to its block."""
    if isinstance(op, Recurrent):
        yield from ("" for _ in op.sequences)
        yield from ("given" for _ in op.given)
        yield from ("state" for _ in op.states)
    else:
        yield from ("" for _ in op.body.inputs)


def is_small(op: Op, row: Row) -> bool:
    """Whether a layer changes its input one by one, or only how it lies: what a paper mentions beside a layer."""
    if len(row.inputs) != 1 or len(row.outputs) != 1 or row.macs or hasattr(op, "kernels"):
        return False
    return row.inputs == row.outputs or _moves(row)


def _moves(row: Row) -> bool:
    """Whether a layer only gives its input another shape."""
    return row.op in ("flatten", "reshape", "transpose", "tokens", "squeeze", "unsqueeze") and row.inputs != row.outputs


def _label(row: Row) -> str:
    """The row of the text that a layer stands in."""
    return row.name.partition(".")[0]
