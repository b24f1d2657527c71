"""The lesson of a net: from its losses back to every weight, the last row first, and how the weights follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from netdsl.analysis.lesson import Lecture, NetLesson, WayBack
from netdsl.analysis.settings import layer_text
from netdsl.analyzer import sizes_of
from netdsl.base.asking import public
from netdsl.base.collector import collector_paused
from netdsl.base.record import anew, changed, entity
from netdsl.dims import at
from netdsl.dims.tensors import DType, Value
from netdsl.graph import Net, Node, Part, Recipe, RecipeTerm, Recurrent
from netdsl.graph.phases import training_graph
from netdsl.lesson.algebra import Formula, Letter
from netdsl.lesson.extents import SizesGiven, extents
from netdsl.lesson.lectures import RowTeller, counted
from netdsl.lesson.lines import LineFit, line_fit
from netdsl.lesson.numbers.given import refused
from netdsl.lesson.numbers.rows import first_rate, line_numbers, moves
from netdsl.lesson.numbers.told import RowNumbers, over_steps
from netdsl.lesson.numbers.trying import WorkedTurn, tried
from netdsl.lesson.updates import update_rule
from netdsl.lesson.watching import Moment, Watching
from netdsl.ops.base import Op
from netdsl.ops.value import BatchAxis, Constant, WeightOf
from netdsl.passes.differentiate import Differentiated, started
from netdsl.passes.recurrence import Taped
from netdsl.passes.step import averaged
from netdsl.passes.tape import Pen
from netdsl.recipe import default_settings, steering_of
from netdsl.text.diagnostics import NetError

MOST_NAMED = 6
"""Rows that a sentence names."""
SILENT = (Constant, BatchAxis)
"""Operations that are no row of a report."""
LATE = 10**9
"""An epoch in which all is trained that ever is."""


@public()
@collector_paused()
def gradients(net: Net, *, sizes: Mapping[str, int] | None = None, at: Mapping[str, object] | None = None) -> NetLesson:
    """How a net learns: the gradient of each row as a formula with its numbers, the last row first.

    It begins at the losses of the net's recipe; without one at the gradients of its outputs. Raises `NetError` for
    what is wrong in the recipe and for sizes that the net cannot take.

    With `at` every formula has its numbers put in, and `values` what they come to: a number, or lists of them, for each
    input, label and weight by name, `{"x": 2, "y.weight": 1}`; a list of samples where there are several. It is for
    small nets. Raises `ArgumentError` for names that there are not, for what is missing or has another shape, and for a
    net that is too large or has a row without a formula.
    """
    numbers = sizes_of(net, sizes)
    recipe = _recipe(net)
    if recipe is None:
        turns: tuple[WayBack, ...] = (_from_outputs(net, numbers, at),)
    else:
        parts = [part for part in recipe.turns if part.losses]
        if at is not None and len(parts) > 1:
            names = ", ".join(f"`{part.name}`" for part in parts)
            raise refused(f"numbers are for recipes of one part, and this one has {names}: leave them out")
        turns = tuple(_from_losses(net, recipe, part, numbers, at) for part in parts)
    batch = recipe.settings.get("batch", default_settings()["batch"]) if recipe is not None else None
    return NetLesson(batch=batch, turns=turns)


def _recipe(net: Net) -> Recipe | None:
    """The recipe in force, if it has a loss; of those with a name the first. `NetError` with what is wrong in it."""
    if net.recipe is None and net.sections and not net.faults:
        net = net.by(next(iter(net.sections)))
    if net.faults:
        raise NetError(list(net.faults))
    return net.recipe if net.recipe is not None and net.recipe.losses else None


def _from_losses(
    net: Net, recipe: Recipe, part: Part, sizes: SizesGiven, given: Mapping[str, object] | None
) -> WayBack:
    settings = {**default_settings(), **recipe.settings}
    steering = steering_of(settings)
    still = steering.still((key for key, _ in net.weights()), LATE)
    found = started(net, part.moves, still, Watching)
    found.forward([averaged(term) for term in part.losses])
    found.backward()
    names = {o: Letter(name) for name, o in {**found.fields, **found.outputs}.items()}
    assert isinstance(found.worker, Watching)
    line = line_fit(found.worker, part)
    trial = None if given is None else tried(found, sizes, given, {}, line)
    return TurnTeller(net, found, sizes, names, settings, part.name, trial, line).turn(part)


def _from_outputs(net: Net, sizes: SizesGiven, given: Mapping[str, object] | None) -> WayBack:
    """Without a loss: what arrives at the outputs is given."""
    found = started(net, kind=Watching)
    values: dict[Value, Value] = {v: v for v in found.net.inputs}
    graph = training_graph(found.net)
    found.worker.forward(graph, values)
    found.outputs = {o.name: values[o.value] for o in graph.outputs}
    real = {n: o for n, o in found.outputs.items() if o in found.worker.learned and o.type.dtype is DType.FLOAT}
    if real:
        pen = Pen(found.writer, found.worker.entries[0].pen.op, "loss", "", found.worker.entries[0].pen.span)
        starts = [(o, Value(f"∂J/∂{name}", o.type)) for name, o in real.items()]
        found.worker.propagated(starts, pen)
    trial = None if given is None else tried(found, sizes, given, real, None)
    return TurnTeller(net, found, sizes, {}, trial=trial).turn(None, tuple(real))


@entity
class TurnTeller:
    """Tells one way back; `names` are the letters of outputs and labels in the losses."""

    net: Net
    found: Differentiated
    sizes: SizesGiven
    names: Mapping[Value, Formula]
    settings: Mapping[str, object] = anew(factory=dict)
    """Of the recipe."""
    part: str = ""
    """The name of the recipe's part."""
    trial: WorkedTurn | None = None
    """The net at numbers that somebody gives."""
    line: LineFit | None = None
    stepped: dict[Moment, RowNumbers] = anew(factory=dict)
    """The numbers of rows that run at every step."""

    @property
    def worker(self) -> Watching:
        assert isinstance(self.found.worker, Watching)
        return self.found.worker

    def turn(self, part: Part | None, begun: tuple[str, ...] = ()) -> WayBack:
        origins = self.origins(self.worker, "")
        told = list(self.moments(self.worker, "", origins, 1))
        losses = _alone(tuple(lecture for moment, lecture in told if self.of_loss(moment)))
        rows = tuple(lecture for moment, lecture in told if not self.of_loss(moment))
        forward, trial = self.forward_macs(self.worker, 1), self.trial
        board = self.line.lines() if self.line else ()
        return WayBack(
            part=part.name if part else "",
            begins=_begins(part, begun, set(self.found.outputs)),
            losses=losses,
            rows=rows,
            board=board if self.line is None or trial is None else line_numbers(self.line, trial.figures, board),
            shared=tuple(self.shared()),
            left=tuple(self.left()),
            update=update_rule(part) if part else None,
            moves=tuple(moves(trial.figures, self.net, part, self.settings, trial.places)) if trial and part else (),
            first_rate=first_rate(part, self.settings) if trial and part else "",
            given=trial.texts() if trial else (),
            samples=trial.figures.batch if trial else None,
            forward_macs=forward,
            backward_macs=sum(lecture.macs for _, lecture in told),
        )

    def of_loss(self, moment: Moment) -> bool:
        return self.worker.is_loss(moment.entry)

    # ------------------------------------------------------------ rows

    def moments(
        self,
        worker: Watching,
        above: str,
        origins: Mapping[Value, str],
        steps: int,
        outside: Mapping[Value, str] | None = None,
    ) -> Iterator[tuple[Moment, Lecture]]:
        """Each row on the way back; those of a recurrent block follow it."""
        before: Moment | None = None
        for moment in worker.moments:
            lecture = self.lecture(worker, moment, above, origins, steps)
            if lecture is not None:
                lecture = _arriving(lecture, self.arrival(worker, moment, above, before, outside or {}))
                yield moment, lecture
            before = before if isinstance(moment.entry.op, WeightOf) else moment
            inner = moment.inner
            if inner is not None:
                self.step_back(moment, inner)
                path = self.path(moment, above)
                turns = steps * self.turns(moment)
                yield from self.moments(inner, path, self.origins(inner, path), turns, _outside(moment))

    def step_back(self, moment: Moment, inner: Watching) -> None:
        """Work the rows of a recurrent block with numbers, from the last step to the first."""
        if self.trial is None:
            return
        tellers = {m: RowTeller(inner, m, self.sizes) for m in inner.moments if not isinstance(m.entry.op, SILENT)}
        told: dict[Moment, dict[int, RowNumbers]] = {m: {} for m in tellers}
        for t, figures in self.trial.figures.loop(moment.entry).backward():
            for m, teller in tellers.items():
                told[m][t] = teller.reckoned(figures)
        self.stepped |= {m: over_steps(told[m], teller.weight_shapes()) for m, teller in tellers.items()}

    def path(self, moment: Moment, above: str) -> str:
        path = moment.path(above)
        if not self.of_loss(moment):
            return path
        path = path.removeprefix("loss.")
        return path.removeprefix(f"{self.part}.") if self.part else path

    def lecture(
        self, worker: Watching, moment: Moment, above: str, origins: Mapping[Value, str], steps: int
    ) -> Lecture | None:
        """One row; None of what is no row of a report."""
        entry, path = moment.entry, self.path(moment, above)
        if isinstance(entry.op, Recurrent):
            return self.recurrent(moment, path, entry.node)
        if isinstance(entry.op, SILENT):
            return None
        names = self.names if self.of_loss(moment) else {}
        layer = layer_text(entry.node, self.net.written)
        numbers, result = self.stepped.get(moment), "J" if self.of_loss(moment) else "y"
        figures = self.trial.figures if self.trial and numbers is None else None
        return RowTeller(worker, moment, self.sizes, names, steps, figures, result, numbers).tell(path, layer, origins)

    def recurrent(self, moment: Moment, path: str, node: Node) -> Lecture:
        """The block around what runs step by step."""
        count = self.turns(moment)
        assert isinstance(moment.entry.op, Recurrent)
        states = ", ".join(f"∂J/∂{s.name}" for s in moment.entry.op.states if s.current.type.dtype is DType.FLOAT)
        notes = [f"its rows from the last step to the first, t = {count:,} … 1"]
        notes += [f"{states}: step t + 1 gives it to step t"] if states else []
        notes += ["the weights are the same at every step: their gradients add up over t"]
        shape = extents(node.results[0].type, self.sizes)
        return Lecture(path=path, layer=layer_text(node, self.net.written), shape=shape, notes=tuple(notes))

    def turns(self, moment: Moment) -> int:
        block = moment.entry.op
        assert isinstance(block, Recurrent)
        return int(at(block.turns(moment.entry.operands), self.sizes))

    def origins(self, worker: Watching, above: str) -> dict[Value, str]:
        """What each value comes from: the path of a row, or the name of an input."""
        return {
            result: Moment(e, ()).path(above).removeprefix("loss." if worker.is_loss(e) else "")
            for e in worker.entries
            for result in e.results
        }

    def arrival(
        self, worker: Watching, moment: Moment, above: str, before: Moment | None, outside: Mapping[Value, str]
    ) -> str:
        """Where what arrives comes from, unless it is the row behind alone; `outside` what comes into a step."""
        found: list[str] = []
        for result in moment.entry.results:
            sources = list(dict.fromkeys(worker.sources.get(result, ())))
            if sources == [before] and before is not None and self.of_loss(before) == self.of_loss(moment):
                continue
            inside = self.of_loss(moment)
            found += [self.source(source, result, above, outside, inside) for source in sources]
        return " + ".join(found)

    def source(
        self, source: Moment | None, result: Value, above: str, outside: Mapping[Value, str], inside: bool
    ) -> str:
        """In words; `inside` says whether it arrives at a row of the loss itself."""
        if source is not None:
            return "the loss" if self.of_loss(source) and not inside else f"`{self.path(source, above)}`"
        return outside.get(result, "outside the step")

    # ------------------------------------------------------------ sentences

    def forward_macs(self, worker: Watching, steps: int) -> int:
        total = 0
        for entry in worker.entries:
            if isinstance(entry.op, Taped) and isinstance(entry.op.worker, Watching):
                turns = int(at(entry.op.turns(entry.operands), self.sizes))
                total += self.forward_macs(entry.op.worker, steps * turns)
            elif isinstance(entry.op, Op):
                total += steps * counted(entry, self.sizes, entry.op.macs)
        return total

    def shared(self) -> Iterator[str]:
        several: dict[tuple[str, ...], list[str]] = {}
        for key, moments in self.worker.learners.items():
            rows = tuple(dict.fromkeys(path for m in moments if m is not None for path in self.readers(m)))
            if len(rows) > 1:
                several.setdefault(rows, []).append(key)
        for rows, keys in several.items():
            yield f"{_named(keys)}: read by {_named(rows)}; the gradient is the sum of what these give"

    def readers(self, moment: Moment) -> Iterator[str]:
        """The rows that read a weight: of a weight that is an arrow those that the arrow leads to."""
        if not isinstance(moment.entry.op, WeightOf):
            yield self.path(moment, "")
            return
        for result in moment.entry.results:
            yield from (self.path(m, "") for m in self.worker.sources.get(result, ()) if m is not None)

    def left(self) -> Iterator[str]:
        """Rows that no gradient comes to, with the reason."""
        met = {id(moment.entry) for moment in self.worker.moments}
        early: list[str] = []
        late: list[str] = []
        for entry in self.worker.entries:
            shown = isinstance(entry.op, Op) and entry.op.operands() and not isinstance(entry.op, Constant | BatchAxis)
            if id(entry) in met or not shown or self.worker.is_loss(entry):
                continue
            (late if entry.learns else early).append(entry.pen.path)
        if early:
            yield f"{_named(early)}: nothing in or before {'it' if len(early) == 1 else 'them'} is learned"
        if late:
            yield f"{_named(late)}: {'its' if len(late) == 1 else 'their'} result does not reach the loss"


def _outside(moment: Moment) -> dict[Value, str]:
    """What comes into a step from outside, by the value that it arrives at."""
    block = moment.entry.op
    assert isinstance(block, Recurrent)
    found: dict[Value, list[str]] = {}
    for output in block.body.outputs:
        found.setdefault(output.value, []).append("what arrives at step t")
    for state in block.states:
        found.setdefault(state.following, []).append(f"`{state.name}` of step t + 1")
    return {value: " + ".join(dict.fromkeys(texts)) for value, texts in found.items()}


def _alone(losses: tuple[Lecture, ...]) -> tuple[Lecture, ...]:
    """Losses that are one row each are called as they are in the recipe."""
    terms = [lecture.path.partition(".")[0] for lecture in losses]
    return tuple(
        changed(lecture, path=term) if terms.count(term) == 1 else lecture
        for lecture, term in zip(losses, terms, strict=True)
    )


def _arriving(lecture: Lecture, arrives: str) -> Lecture:
    return changed(lecture, arrives=arrives) if arrives else lecture


def _begins(part: Part | None, outputs: tuple[str, ...], known: set[str]) -> str:
    if part is None:
        if not outputs:
            return "no output follows from anything learned"
        return f"no recipe has a loss: it begins with {', '.join(f'∂J/∂{name}' for name in outputs)}, which is given"
    return f"J = {' + '.join(_term(term, known) for term in part.losses)}"


def _term(term: RecipeTerm, outputs: set[str]) -> str:
    """`cross_entropy(logits, label)`: what the net gives stands before what the data does."""
    names = sorted((v.name for v in term.graph.inputs), key=lambda name: name not in outputs)
    return f"{term.name}({', '.join(names)})"


def _named(paths: Sequence[str]) -> str:
    shown = ", ".join(f"`{path}`" for path in paths[:MOST_NAMED])
    rest = len(paths) - MOST_NAMED
    return f"{shown} and {rest:,} more" if rest > 0 else shown
