"""One row on the way back: what arrives, and what it gives to its weights and to its inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from netdsl.analysis.counts import items_at, shape_at
from netdsl.analysis.lesson import Gradient, Lecture, ShapeText
from netdsl.analysis.products import gradient_macs
from netdsl.base.record import anew, changed, entity, record
from netdsl.dims import Extent, at
from netdsl.dims.tensors import DType, Value, WeightValue
from netdsl.graph import Node
from netdsl.lesson.algebra import DY, Formula, Letter, Numeral
from netdsl.lesson.extents import SizesGiven, extents, factors
from netdsl.lesson.matrices import picture
from netdsl.lesson.numbers.rows import row_numbers
from netdsl.lesson.numbers.told import RowNumbers
from netdsl.lesson.numbers.working import NetNumbers
from netdsl.lesson.plainly import FormulaReader
from netdsl.lesson.watching import Moment, Watching
from netdsl.lesson.wording import Board, Worded, worded
from netdsl.lesson.wording.table import weight_letter
from netdsl.lesson.writing import written
from netdsl.ops.base import Op
from netdsl.ops.recurrent import Recurrence
from netdsl.ops.value import Constant
from netdsl.passes.differentiate import Entry


@record
class GradientOf:
    """A weight or an input of a row that is given a gradient."""

    letter: str
    name: str
    """The weight's name or the input's field."""
    gradient: Value
    of: Value
    """What it is a gradient of."""
    learned: bool
    place: int | None = None
    """Of an input of several values: which of them it is."""


@entity
class RowTeller:
    """Tells one row; `names` are the letters of values that have a name of their own, such as an output of the net."""

    worker: Watching
    moment: Moment
    sizes: SizesGiven
    names: Mapping[Value, Formula] = anew(factory=dict)
    steps: int = 1
    """How often it runs."""
    figures: NetNumbers | None = None
    """The numbers of the net where somebody gives some."""
    result: str = "y"
    """The letter of what it computes: J of a loss."""
    numbers: RowNumbers | None = None
    """Its numbers where they are known already."""

    @property
    def op(self) -> Op:
        assert isinstance(self.moment.entry.op, Op)
        return self.moment.entry.op

    def tell(self, path: str, layer: str, origins: Mapping[Value, str]) -> Lecture:
        """The row under a path; `origins` say where its inputs come from."""
        letters = self.letters()
        asked = list(self.asked(letters))
        found = self.wording(letters)
        formulas, where = self.formulas(asked, letters, found)
        shapes = self.shapes(letters)
        total = self.total()
        gives, macs, numbers = [], self.macs(asked, total), self.numbers
        if self.figures is not None:
            numbers = self.reckoned(self.figures)
        for each, formula, cost in zip(asked, formulas, macs, strict=True):
            gives.append(self.gradient(each, formula, shapes, cost, origins))
        if numbers is not None:
            texts = zip(gives, numbers.gives, strict=True)
            gives = [changed(each, numbers=own.text, values=own.values) for each, own in texts]
        return Lecture(
            path=path,
            layer=layer,
            computes=written(found.y) if found and not found.forward else "",
            shape=extents(self.moment.entry.results[0].type, self.sizes),
            where=(*self.sources(letters, origins, path), *where),
            steps=tuple(_steps(found)) if found else (),
            gives=tuple(gives),
            macs=total,
            picture=self.picture(),
            numbers=numbers.lines if numbers else (),
            values=numbers.values if numbers else (),
            notes=(*(found.notes if found else ()), *self.notes(asked, origins)),
        )

    def reckoned(self, figures: NetNumbers) -> RowNumbers:
        """Its numbers at those of the net; what it gives is handed on."""
        letters = self.letters()
        asked, found = list(self.asked(letters)), self.wording(letters)
        formulas, _ = self.formulas(asked, letters, found)
        pairs = [(each.of, formula) for each, formula in zip(asked, formulas, strict=True)]
        return row_numbers(figures, self.moment, letters, pairs, found, self.result)

    def weight_shapes(self) -> list[tuple[int, ...] | None]:
        """Of each gradient that it gives the shape, if it is a weight's."""
        asked = self.asked(self.letters())
        return [shape_at(each.of.type, self.sizes) if each.learned else None for each in asked]

    def wording(self, letters: Mapping[Value, Formula]) -> Worded | None:
        """What was worded by hand, where there is one result and all sizes are numbers."""
        if len(self.moment.entry.results) != 1:
            return None
        try:
            return worded(self.op, self.board(letters))
        except KeyError:  # a loss that reads the batch as an axis: its size is no number
            return None

    def picture(self) -> tuple[str, ...]:
        """A convolution as a matrix; nothing of one whose sizes are no numbers."""
        try:
            return picture(self.op, self.sizes)
        except KeyError:
            return ()

    # ------------------------------------------------------------ letters

    def letters(self) -> dict[Value, Formula]:
        """A letter for each value that the row reads, gives or is given."""
        entry, found = self.moment.entry, dict[Value, Formula]()
        several = len(entry.results) > 1
        for place, (result, arriving) in enumerate(zip(entry.results, self.moment.outgoing, strict=True), 1):
            index = str(place) if several else ""
            found[result] = Letter(f"y{index}")
            if arriving is not None:
                found[arriving] = self.number(arriving) or (Letter(f"∂J/∂y{index}") if several else DY)
        operands = list(self.operands())
        arrows = {operand for _, operand in operands if self.number(operand) is None}
        for name, operand in operands:
            plain = "x" if len(arrows) == 1 else weight_letter(self.op, name)
            found[operand] = self.number(operand) or self.names.get(operand) or Letter(plain)
        for weight in self.op.weights():
            found[entry.pen.weight(weight.name)] = Letter(self.weight_letter(weight.name))
        found |= {value: Letter(name) for name, value in entry.pen.kept.items() if value not in found}
        return found

    def number(self, value: Value) -> Formula | None:
        made = self.worker.writer.makers.get(value)
        return Numeral(made.value) if isinstance(made, Constant) else None

    def operands(self) -> Iterator[tuple[str, Value]]:
        """Letters of the inputs: the field's name, with a number where it has several."""
        for declared in self.op.inputs():
            value = getattr(self.op, declared.name)
            if declared.many:
                yield from ((f"{declared.name}{place}", v) for place, v in enumerate(value, 1))
            elif value is not None:
                yield declared.name, value

    def weight_letter(self, name: str) -> str:
        several = isinstance(self.op, Recurrence) and (self.op.layers > 1 or self.op.bidirectional)
        suffix = "_l" + name.partition("_l")[2] if several else ""
        return weight_letter(self.op, name) + suffix or self.moment.entry.node.name.rpartition(".")[2]

    def board(self, letters: Mapping[Value, Formula]) -> Board:
        (arriving,) = self.moment.outgoing
        own = {name: letters[value] for name, value in self.operands()}
        assert arriving is not None
        return Board(own, self.sizes, letters[arriving], self.moment.entry.pen.frozen)

    def shapes(self, letters: Mapping[Value, Formula]) -> dict[str, ShapeText]:
        """The sizes of what letters stand for."""
        return {e.name: extents(v.type, self.sizes) for v, e in letters.items() if isinstance(e, Letter)}

    def sources(self, letters: Mapping[Value, Formula], origins: Mapping[Value, str], path: str) -> Iterator[str]:
        """Which row each of several inputs comes from."""
        arrows = [v for _, v in self.operands() if isinstance(letters[v], Letter) and v not in self.names]
        if len(arrows) > 1:
            for arrow in dict.fromkeys(arrows):
                origin = origins.get(arrow, arrow.name).removeprefix(path.rpartition(".")[0] + ".")
                yield f"{written(letters[arrow])} of `{origin}`"

    # ------------------------------------------------------------ gradients

    def asked(self, letters: Mapping[Value, Formula]) -> Iterator[GradientOf]:
        """What is given a gradient: weights first."""
        given, entry = self.moment.given, self.moment.entry
        for name in entry.pen.trained():
            gradient = given.get(name)
            if isinstance(gradient, Value) and self.worker.moved(entry.pen.key_of(name)):
                yield GradientOf(self.weight_letter(name), name, gradient, entry.pen.weight(name), True)
        for declared in self.op.inputs():
            value, gradient = getattr(self.op, declared.name), given.get(declared.name)
            several = declared.many
            pairs = zip(value, gradient or (), strict=False) if several else [(value, gradient)]
            for place, (operand, own) in enumerate(pairs):
                if isinstance(own, Value) and self.learned(operand):
                    letter = written(letters[operand])
                    yield GradientOf(letter, declared.name, own, operand, False, place if several else None)

    def learned(self, operand: Value | None) -> bool:
        if isinstance(operand, WeightValue):
            return operand.weight.trainable and not operand.weight.buffer and self.worker.moved(operand.name)
        return operand in self.worker.learned

    def formulas(
        self, asked: Sequence[GradientOf], letters: Mapping[Value, Formula], found: Worded | None
    ) -> tuple[list[Formula], list[str]]:
        """A formula for each, and what letters in them stand for."""
        said = [_worded_of(each, found) for each in asked] if found else []
        if found and all(formula is not None for formula in said):
            where = [f"{name} = {written(f) if isinstance(f, Formula) else f}" for name, f in found.where]
            return [formula for formula in said if formula is not None], where
        reader = FormulaReader(self.moment.made, letters)
        plain = reader.read([each.gradient for each in asked])
        return plain, [f"{name} = {written(formula)}" for name, formula in reader.where]

    def gradient(
        self,
        each: GradientOf,
        formula: Formula,
        shapes: Mapping[str, ShapeText],
        macs: int,
        origins: Mapping[Value, str],
    ) -> Gradient:
        name = self.moment.entry.pen.key_of(each.name) if each.learned else origins.get(each.of, each.of.name)
        return Gradient(
            of=f"∂J/∂{each.letter}",
            name=name,
            learned=each.learned,
            shape=extents(each.of.type, self.sizes),
            formula=written(formula),
            factors=factors(formula, shapes),
            macs=macs,
        )

    def total(self) -> int:
        """Multiply-accumulates of all its gradients."""
        entry = self.moment.entry
        trained = any(self.worker.moved(entry.pen.key_of(name)) for name in entry.pen.trained())
        learns = [o.type.dtype is DType.FLOAT and self.learned(o) for o in self.op.operands()]
        if self.moment.stop:
            return 0
        return self.steps * counted(entry, self.sizes, lambda: gradient_macs(self.op, learns, trained))

    def macs(self, asked: Sequence[GradientOf], total: int) -> list[int]:
        """Multiply-accumulates of each gradient; 0 where they share a product, so that only their sum is known."""
        makers = {result: node for node in self.moment.made for result in node.results}
        found = [self.steps * self.cost(each.gradient, makers, set()) for each in asked]
        return found if sum(found) == total else [0] * len(found)

    def cost(self, value: Value, makers: Mapping[Value, Node], met: set[Node]) -> int:
        node = makers.get(value)
        if node is None or node in met:
            return 0
        met.add(node)
        own = counted(self.moment.entry, self.sizes, node.op.macs) if isinstance(node.op, Op) else 0
        return own + sum(self.cost(operand, makers, met) for operand in node.inputs)

    # ------------------------------------------------------------ notes

    def notes(self, asked: Sequence[GradientOf], origins: Mapping[Value, str]) -> Iterator[str]:
        entry = self.moment.entry
        if self.moment.stop:
            yield f"stop: {self.moment.stop}"
            return
        if entry.node.frozen and entry.node.weights():
            yield "frozen: its weights stay as they are"
        given = {each.of for each in asked}
        for name, operand in self.operands():
            asked_for = name.rstrip("0123456789") in self.moment.wanted and operand.type.dtype is DType.FLOAT
            if asked_for and name not in self.op.measures and operand not in given and self.learned(operand):
                yield f"∂J/∂{name} = 0: nothing passes `{self.op.name}`"
        reads = [v for _, v in self.operands() if v.type.dtype is DType.FLOAT and not isinstance(v, WeightValue)]
        if reads and not any(self.learned(v) for v in reads) and not self.worker.is_loss(entry):
            before = origins.get(reads[0])
            why = f"nothing in or before `{before}` is learned" if before else f"`{reads[0].name}` is data"
            yield f"∂J/∂x is not needed: {why}"


def _worded_of(each: GradientOf, found: Worded) -> Formula | None:
    own = found.gradients.get(each.name, found.gradients.get(each.name.partition("_l")[0]))
    if isinstance(own, tuple):
        return None if each.place is None else own[each.place]
    return own


def _steps(found: Worded) -> Iterator[str]:
    for symbol, formula in found.forward:
        yield f"{written(symbol)} = {written(formula)}"
    for place, (symbol, formula) in enumerate(found.steps):
        yield f"{'t = T … 1:  ' if not place else ''}{written(symbol)} = {written(formula)}"


def counted(entry: Entry, sizes: SizesGiven, question: Callable[[], Extent]) -> int:
    """What is asked, for all items of one sample; 0 where it is not stated, and where the batch is an axis."""
    try:
        return int(at(question(), sizes)) * items_at(entry.results[0].type, sizes)
    except (NotImplementedError, KeyError):
        return 0
