"""One walk over the graph that makes the rows of a report and, on the way, sums, receptive fields and the schedule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from netdsl.analysis.certainty import certainty
from netdsl.analysis.columns import Tally, summed
from netdsl.analysis.counts import LayerAt
from netdsl.analysis.drafts import Nesting, Remarks, RowDraft, RowMaker
from netdsl.analysis.dropped import LostPixels
from netdsl.analysis.explain import Followed, explain
from netdsl.analysis.fields import FollowedAxes, alike, outwards
from netdsl.analysis.known import Measured, NodeAtSizes, OpAtSizes, Sights, at_sizes
from netdsl.analysis.memory import Timeline
from netdsl.analysis.report import Estimated, Row, Shape, Uncounted
from netdsl.analysis.seen import AxisViews
from netdsl.dims.tensors import MOST, DType, TensorType, Value, Weight
from netdsl.graph import Block, Graph, Node, Recurrent, State, joined
from netdsl.graph.loops import parted
from netdsl.ops.base import Follows, Op, Reading
from netdsl.ops.value import BatchAxis, Constant, IntoBatch, OutOfBatch, WeightOf
from netdsl.text.diagnostics import Collector, Diagnostic, Label, NetError
from netdsl.text.written import Written

SUMMED = tuple((column.name, number, column.partial) for column, number in summed())


class Walk:
    """What is known while the graph is walked in the order in which it runs.

    `sizes` stand for the symbols; `symbolic` says that there are any.
    """

    def __init__(
        self,
        sizes: Mapping[str, int],
        written: Written,
        batch: int = 1,
        training: bool = False,
        explained: bool = False,
        collector: Collector | None = None,
        listed: bool = True,
    ) -> None:
        self.sizes = sizes
        self.known = at_sizes(sizes)
        self.making = RowMaker(self.known, written)
        self.batch = batch
        self.training = training
        self.explained = explained
        self.listed = listed
        """False where nobody reads the rows: there are none."""
        self.collector = collector
        self.drafts: list[RowDraft | None] = []
        """In the order of the rows; None for a block whose sums are not known yet."""
        self.sight = FollowedAxes()
        self.fields: dict[Value, AxisViews | None] = {}
        self.schedule = Timeline()
        self.uncounted: list[Uncounted] = []
        self.estimates: list[Estimated] = []
        self.counted: set[str] = set()  # keys of weights
        self.met: set[str] = set()  # paths of layers by their first use

    def net(self, graph: Graph, states: Sequence[State] = ()) -> Tally:
        """The whole inference graph; drafts, fields and schedule are complete afterwards.

        What a net sees are inputs of one call: nothing of them reaches the `states` that it keeps.
        """
        kept = {state.current for state in states}
        seen = [value for value in graph.inputs if value not in kept]
        for source, value in enumerate(seen):
            self.sight.start(source, self.shape(value), value.type.dtype is not DType.FLOAT)
        for value in graph.inputs:
            self.schedule.hold(value, self.bytes(value.type))
        self.fields.update({v: self.known.field(self.sight.of_input(source)) for source, v in enumerate(seen)})
        total = self.graph(graph, Nesting())
        self.schedule.keep(o.value for o in graph.outputs)
        return total

    def survey(self, graph: Graph, known: set[int] | None = None) -> None:
        """Warn and refuse as for a report. Bodies are the same wherever they are used: each is looked at once."""
        known = set() if known is None else known
        for node in graph.nodes:
            if not isinstance(node.op, Block):
                self.look(self.known.node(node))
                continue
            self.bound(self.known.node(node))
            if id(node.op.body) not in known:
                known.add(id(node.op.body))
                self.survey(node.op.body, known)

    def look(self, layer: NodeAtSizes) -> tuple[str, ...]:
        """What is doubtful about a layer; `NetError` where no machine could hold it."""
        self.bound(layer)
        assert layer.op is not None
        loss = layer.op.loss()
        return () if loss is None else self.losses(layer.node, loss)

    def rows(self) -> tuple[Row, ...]:
        """What each of them sees can be shown when the walk is done."""
        drafts = [(d, (d.field, d.layer.node.results[0].type.rank)) for d in self.drafts if d is not None]
        shown = {field: self.sight.shown(*field) for field in dict.fromkeys(field for _, field in drafts)}
        return tuple([self.making.row(draft, shown[field]) for draft, field in drafts])

    def shape(self, value: Value) -> Shape:
        return self.known.type(value.type).shape

    def graph(self, graph: Graph, place: Nesting) -> Tally:
        total = dict.fromkeys((name for name, _, _ in SUMMED), 0)
        for node in graph.nodes:
            if isinstance(node.op, Block):
                _add(total, self.block(node, node.op, place))
            elif isinstance(node.op, BatchAxis):  # an axis for the layer behind or before it
                self.schedule.alias(node.results[0], node.inputs[0])
                self.fields[node.results[0]] = self.regarded(node.op)
            elif not isinstance(node.op, Constant) and not self.held(node, place):  # a number of the text is no layer
                _add(total, self.layer(node, node.op, place))
        return total

    def regarded(self, op: BatchAxis) -> AxisViews | None:
        """The field of a value whose items become samples, or are none any more: as of the steps of a recurrence."""
        field = self.fields.get(op.x)
        if isinstance(op, IntoBatch):
            return self.sight.inwards(field, self.shape(op.x), False)
        return outwards(field) if isinstance(op, OutOfBatch) else field

    def items(self, values: Iterable[Value]) -> int:
        """How many items of a sample each of some values stands for, inside `along`."""
        return max((self.known.type(v.type).items for v in values), default=1)

    def bytes(self, type_: TensorType) -> int:
        """Memory of one tensor, for the whole batch."""
        return self.known.type(type_).bytes * (self.batch if type_.per_sample else 1)

    def held(self, node: Node, place: Nesting) -> bool:
        """Whether it is nothing but a weight of a layer that has been counted."""
        return isinstance(node.op, WeightOf) and joined(place.owner(node), node.op.key) in self.counted

    def owns(self, node: Node, place: Nesting) -> bool:
        """True at the first use of the node's layer."""
        path = place.owner(node)
        first = path not in self.met
        self.met.add(path)
        return first

    def fresh(self, layer: NodeAtSizes, here: str) -> tuple[Weight, ...]:
        """The tensors that it keeps and that no earlier row has counted, under the keys that begin with `here`."""
        if not layer.kept:
            return ()
        keys = [joined(here, w.name) for w in layer.kept]
        found = layer.kept
        if not self.counted.isdisjoint(keys):
            found = tuple([w for key, w in zip(keys, found, strict=True) if key not in self.counted])
        self.counted.update(keys)
        return found

    # ------------------------------------------------------------ layers

    def layer(self, node: Node, op: Op, place: Nesting) -> Tally:
        layer = self.known.node(node)
        warnings = self.look(layer)
        path = place.of(node.name)
        owned = self.owns(node, place)
        activation = self.run(layer, op, path) * place.steps
        items = max([t.items for t in layer.outputs], default=1)
        if items > 1:
            place = place._replace(steps=place.steps * items)
        batched = any(r.type.per_sample for r in node.results)
        scale = place.steps * (self.batch if batched else 1)
        fresh = self.fresh(layer, place.owner(node))
        count, silent, missing, estimated = self.measured(layer, scale, activation, fresh)
        if missing:
            self.uncounted.append(Uncounted(path=path, op=op.name, what=missing))
        if estimated:
            self.estimates.append(Estimated(path=path, op=op.name, why=estimated))
        self.see(layer)
        lines = self.explanation(node, op, place, fresh) if self.explained else ()
        if self.listed:
            remarks = Remarks(silent, warnings, lines, counted=certainty(bool(missing), bool(estimated)))
            self.drafts.append(RowDraft(layer, place, count, owned, remarks, self.fields.get(node.results[0])))
        return count

    def measured(self, layer: NodeAtSizes, scale: int, activation: int, fresh: tuple[Weight, ...]) -> Measured:
        """Its numbers: worked out once for all places that count as many of its weights."""
        assert layer.op is not None
        if fresh and fresh is not layer.kept:
            return measured(LayerAt(layer.op.op, scale, fresh, activation, layer.op.stated))
        key = (scale, activation, bool(fresh))
        found = layer.measured.get(key)
        if found is None:
            at = LayerAt(layer.op.op, scale, fresh, activation, layer.op.stated)
            found = layer.measured[key] = measured(at)
        return found

    def bound(self, layer: NodeAtSizes) -> None:
        """Refuse weights and results too large for any machine: `NetError` at their row."""
        if layer.elements > MOST:
            message = f"`{self.making.text(layer)}` holds more than {MOST:,} numbers"
            at = ", ".join(f"{s} = {n}" for s, n in self.sizes.items())
            notes = (f"at {at}",) if at and len(at) < 100 else ()
            where = (Label(layer.node.span),)
            found = Diagnostic("size-too-large", message, where, notes=notes, help="use smaller sizes")
            raise NetError([found])

    def see(self, layer: NodeAtSizes) -> None:
        """The fields of an operation's results."""
        node = layer.node
        fields = tuple([self.fields.get(v) for v in node.inputs])
        key = tuple(map(id, fields))
        known = layer.sights.get(key)
        if known is None:
            before, self.sight.features = self.sight.features, set()
            results = tuple(map(self.known.field, self.seen(layer, fields)))
            known = layer.sights[key] = Sights(fields, results, frozenset(self.sight.features))
            self.sight.features = before
        self.sight.features |= known.features
        self.fields.update(zip(node.results, known.results, strict=True))

    def seen(self, layer: NodeAtSizes, fields: Sequence[AxisViews | None]) -> Iterator[AxisViews | None]:
        """What each result sees where the operands see `fields`."""
        node, op, known = layer.node, layer.node.op, layer.op
        assert isinstance(op, Op)
        assert known is not None
        like = getattr(op, "like", None)
        pairs = zip(node.inputs, fields, strict=True)
        operands = [(i, v, f) for i, (v, f) in enumerate(pairs) if v is not like and f]
        if _alike(op) and len(operands) > 2:  # what reads values alike is asked once for those that are alike
            operands = list({(v.type, f): (i, v, f) for i, v, f in reversed(operands)}.values())[::-1]
        for number, result in enumerate(node.results):
            through = [self.through(known, (i, number), (v, result), f) for i, v, f in operands]
            yield self.joined(op, through, len(node.inputs))

    def joined(self, op: Op, through: list[AxisViews], operands: int) -> AxisViews | None:
        """What a result sees through those of its operands that see anything."""
        axis = op.beside()
        if axis is not None and through:
            return self.sight.beside(through, axis, operands == 1 or len(through) < operands)
        return self.sight.join(through) if len(through) > 1 else next(iter(through), None)

    def through(
        self, known: OpAtSizes, place: tuple[int, int], ends: tuple[Value, Value], field: AxisViews
    ) -> AxisViews:
        """What a result sees through one operand; `place` has the number of either."""
        if known.position_by_position(*place) or (known.alone and _settled(field) and not known.windows):
            return field
        before, after = map(self.shape, ends)
        return self.sight.through(field, before, known.reading(*place), after)

    def run(self, layer: NodeAtSizes, op: Op, path: str) -> int:
        """Put the layer on the schedule; the bytes of its results."""
        node = layer.node
        if not node.inputs:
            return 0  # a free parameter or a constant: its memory is that of the model
        if op.in_place() and not (self.training and op.training_differs):
            self.schedule.view(path, node.inputs, node.results)
            return 0
        sizes = [(value, self.bytes(value.type)) for value in node.results]
        self.schedule.run(path, node.inputs, sizes)
        return sum(size for _, size in sizes)

    def losses(self, node: Node, loss: LostPixels) -> tuple[str, ...]:
        """Warn of pixels that no window reads."""
        if self.collector is not None:
            message = f"the windows of `{self.making.text(self.known.node(node))}` do not divide its input: {loss.text}"
            at = ", ".join(f"{s} = {n}" for s, n in self.sizes.items())
            self.collector.warn("pixels-dropped", message, node.span, help=loss.help, notes=(f"at {at}",) if at else ())
        return (loss.text,)

    def explanation(self, node: Node, op: Op, place: Nesting, fresh: tuple[Weight, ...]) -> tuple[str, ...]:
        followed = tuple(self.followed(node, op))
        owner, steps = place.owner(node), place.steps
        return tuple(
            explain(node, self.sizes, batch=self.batch, steps=steps, fields=followed, counted=fresh, owner=owner)
        )

    def followed(self, node: Node, op: Op) -> Iterator[Followed]:
        """What an operation sees along each axis that a window follows, before and after, of the input seen most."""
        before = self.fields.get(node.inputs[0]) if node.inputs else None
        after = self.fields.get(node.results[0])
        if not before or not after:
            return
        reading: Reading = self.known.op(op).reading(0, 0)
        found: dict[int, list[Followed]] = {}
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            answer = reading[old.axes[0]] if old and old.axis and old.axes[0] >= 0 and self.sight.shows(place) else None
            if old and old.axis and new and new.axis and isinstance(answer, Follows) and answer.window:
                found.setdefault(old.axes[0], []).append((old.axis, new.axis, answer.window))
        for along in found.values():
            most = max(new.sizes()[1] for _, new, _ in along)
            yield from (each for each in along if each[1].sizes()[1] == most)

    # ------------------------------------------------------------ blocks

    def block(self, node: Node, op: Block, place: Nesting) -> Tally:
        index, missing, estimated = len(self.drafts), len(self.uncounted), len(self.estimates)
        owned = self.owns(node, place)
        inside = Nesting(place.of(node.name), place.depth + 1, place.steps, place.owner(node))
        self.drafts.append(None)
        steps = None
        block = self.known.node(node)
        self.bound(block)
        if isinstance(op, Recurrent):
            steps = place.steps * self.steps(node)
            count = self.recurrent(node, op, inside, steps)
            count["activation_bytes"] += place.steps * sum(self.bytes(r.type) for r in node.results)
        else:
            count = self.body(node, op, inside)
        lines = tuple(explain(node, self.sizes)) if self.explained else ()
        counted = certainty(len(self.uncounted) > missing, len(self.estimates) > estimated)
        remarks = Remarks(explanation=lines, steps=steps, counted=counted)
        self.drafts[index] = RowDraft(block, place, count, owned, remarks, self.fields.get(node.results[0]))
        return count

    def body(self, node: Node, op: Block, inside: Nesting) -> Tally:
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
        return self.shape(node.results[0])[0]

    def recurrent(self, node: Node, op: Recurrent, inside: Nesting, steps: int) -> Tally:
        """The body once, counted for every step; its tensors live for one step, its states from step to step.

        What follows from what is given alone runs before the first step, and stays for all.
        """
        parts = parted(op)
        for inner, outer in zip(op.given, node.inputs[len(op.sequences) :], strict=False):
            self.fields[inner] = self.fields.get(outer)
            self.schedule.alias(inner, outer)
        count = self.graph(parts.before(op), inside)
        self.enter(node, op)
        outside, self.schedule = self.schedule, Timeline()
        for state in op.states:
            self.schedule.hold(state.current, self.bytes(state.current.type))
        _add(count, self.graph(parts.within(op), inside._replace(steps=steps)))
        self.schedule.keep(state.following for state in op.states)
        self.schedule.keep(output.value for output in op.body.outputs)
        workspace, _ = self.schedule.peak()
        self.schedule = outside
        results = [(r, self.bytes(r.type)) for r in node.results]
        self.schedule.run(inside.path, (*node.inputs, *parts.kept), results, workspace)
        for result, output in zip(node.results, op.body.outputs, strict=False):
            self.fields[result] = outwards(self.fields.get(output.value))
        return count

    def enter(self, node: Node, op: Recurrent) -> None:
        """What one step of a recurrent block sees of what comes in from outside.

        With a state that is all that any of the steps before it saw, too.
        """
        recurs, count = bool(op.states), len(op.sequences)
        fields = [self.fields.get(v) for v in node.inputs]
        inner = [
            self.sight.inwards(f, self.shape(v), recurs) for f, v in zip(fields, node.inputs[:count], strict=False)
        ]
        if not recurs:
            self.fields.update(zip(op.sequences, inner, strict=True))
            return
        seen = self.sight.join([*inner, *map(alike, fields[count:])])
        self.fields.update(dict.fromkeys((*op.sequences, *(s.current for s in op.states)), seen))


def measured(layer: LayerAt) -> Measured:
    """The numbers of a layer by column."""
    count: Tally = {}
    silent: list[str] = []
    for name, number, partial in SUMMED:
        layer.silent = False
        count[name] = number(layer)
        if layer.silent and partial:
            silent.append(name)
    return Measured(count, tuple(silent), tuple(layer.missing), layer.op.estimated())


def _add(total: Tally, count: Tally) -> None:
    for name, number in count.items():
        total[name] += number


def _alike(op: Op) -> bool:
    """Whether an operation reads all values of one type alike, as a sum does."""
    return op.broadcasts and any(declared.many for declared in op.inputs())


def _settled(field: AxisViews) -> bool:
    """Whether all positions see the same of all axes."""
    return not any(seen and (seen.axes or seen.parts) for seen in field)
