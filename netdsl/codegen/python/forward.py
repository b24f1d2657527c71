"""The body of `forward`: which calls are written into one another, what values are called, shapes as comments."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from netdsl.codegen.python.extents import AxisNames, is_arithmetic
from netdsl.codegen.python.layout import ClassLayout, ForwardCall, called_in_order
from netdsl.codegen.python.naming import bundle_names, continues, prepares, unnamed
from netdsl.codegen.python.parameters import Parameters
from netdsl.codegen.python.phases import Side, made_inside
from netdsl.codegen.python.shapes import ShapeComments
from netdsl.codegen.python.spelling import Infix
from netdsl.codegen.python.text import (
    INDENT,
    WIDTH,
    Atom,
    Called,
    Doc,
    flat,
    lay,
    looped,
    operand,
    unused,
)
from netdsl.codegen.python.uses import BlockUse
from netdsl.dims import Dim
from netdsl.dims.tensors import DType, Value
from netdsl.graph import Recurrent
from netdsl.ops.value import ByPhase, IntoBatch, OutOfBatch

TEMPORARY = ("x", "y", "z", "out")
"""Names of values that only the next line reads."""


@dataclass
class Pending:
    """An expression that no line holds yet, because the step that reads it may take it in."""

    doc: Doc
    step: ForwardCall
    reads: frozenset[str]
    """Variables it will read when it is written."""
    ordered: bool
    """Whether it calls a module that counts what it is shown, and is called elsewhere as well: in the text's order."""


class ForwardWriter:
    """Writes the lines of one `forward`; `layouts` have the same structure, rows in `optional` apart."""

    def __init__(
        self, parameters: Parameters, layouts: Sequence[ClassLayout], optional: frozenset[str], taken: set[str]
    ) -> None:
        self.parameters = parameters
        self.uses: list[BlockUse] = [layout.use for layout in layouts]
        self.main = max(layouts, key=lambda layout: len(layout.steps))
        self.dialect = self.main.use.dialect
        self.optional = optional
        self.others = [[s for s in _with_turns(layout) if s.label not in optional] for layout in layouts]
        self.shapes = ShapeComments(parameters, layouts, self.others, self.main)
        self.order = [{id(s): i for i, s in enumerate(steps)} for steps in self.others]
        self.lasts = {s.label.split(".")[0]: s for s in _with_turns(self.main)}
        self.branched = self._branched()
        self.inputs: set[str] = set()
        self.names: dict[Value, str] = {}
        self.alive: dict[Value, str] = {}
        self.taken = set(taken) | {"self"}
        self.pending: dict[Value, Pending] = {}
        self.lines: list[str] = []
        self.wanted: dict[Value, str] = {}
        """What values of a branch are called, which are results of the whole."""
        self.buffers: dict[str, Doc] = {}
        """The statements that keep numbers as attributes, none of them saved."""
        self.depth = 2
        self.measured: Sequence[Value] | None = None  # inputs whose sizes may be read here; None for all
        self.modules = [self.dialect.identifier(key) for key in self.main.use.borrowed if self.main.use.block]
        self.taken.update(self.modules)
        for value in self.main.use.graph.inputs:
            self.names[value] = self._unused(self.main.use.inputs[value])
            self.taken.add(self.names[value])
        self.inputs = set(self.names.values())
        self.alive = dict(self.names)
        if not isinstance(self.main.use.block, Recurrent):
            parameters.extents = AxisNames(self.main.use, self.names, self._own)

    # ------------------------------------------------------------ running through the steps

    def _branched(self) -> set[str]:
        """Rows that make a bundle of several branches: none of these is the row's value."""
        steps = list(_with_turns(self.main))
        rows = {v: s.label.split(".")[0] for s in steps for v in s.results}
        reads = [(v, s.label.split(".")[0]) for s in steps for v in s.inputs]
        reads += [(o.value, "") for o in self.main.use.graph.outputs]
        outside = {v for v, reader in reads if v in rows and rows[v] != reader}
        ends = [rows[s.results[0]] for s in steps if outside.intersection(s.results)]
        return {row for row, count in Counter(ends).items() if count > 1}

    def run(self, steps: Sequence[ForwardCall], results: Sequence[Value], later: Sequence[Value] = ()) -> None:
        """Write the lines that make `results`.

        Values in `later`, inputs among them, are read by what is written after these steps: they keep a name, and it
        is no other value's.
        """
        self._begin(steps, results, later)
        for i, step in enumerate(steps):
            self._step(i, step, steps)

    def _begin(self, steps: Sequence[ForwardCall], results: Sequence[Value], later: Sequence[Value]) -> None:
        self.steps = steps
        self.readers: dict[Value, list[int]] = {}
        for i, step in enumerate(steps):
            for value in step.inputs:
                self.readers.setdefault(value, []).append(i)
            for value in step.inputs[1:] if step.loop else ():
                self.readers[value].append(i + 1)  # its name is read in every turn
        self.results = {*results, *later}
        for value in self.results:
            self.readers.setdefault(value, []).append(len(steps))
        self.returns_one = len(self.results) == 1 and not later

    def _step(self, i: int, step: ForwardCall, steps: Sequence[ForwardCall]) -> None:
        if step.loop:
            self._loop(i, step)
            return
        if step.branches:
            self._gather(i, step)
            return
        if step.sides:
            self._choose(i, step)
            return
        doc = self._expression(step)
        taken_in = [v for v in dict.fromkeys(step.inputs) if v in self.pending and self.pending[v].step.inputs]
        reads = self._reads(step)
        if taken_in and self._width(doc) > WIDTH:
            for value in taken_in:
                self._flush(value, i)
            doc, reads = self._expression(step), self._reads(step)
        taken = [self.pending.pop(value, None) for value in taken_in]
        ordered = called_in_order(self.main.use, step) or any(p.ordered for p in taken if p)
        if self._may_wait(i, step, steps, ordered):
            self.pending[step.results[0]] = Pending(doc, step, reads, ordered)
        else:
            self._assign(doc, step, i)

    def _loop(self, index: int, step: ForwardCall) -> None:
        """Turns that are alike: `for i in range(…): x = getattr(self, f"block{i}")(x)`."""
        (source, *beside), (result,) = step.inputs, step.results
        for value in (source, *beside):
            if value in self.pending:
                self._flush(value, index)
        before, name = self.names[source], self._name(result, step, index, 0)
        if name != before:
            self.lines.append(f"{INDENT * self.depth}{name} = {before}")
        same = self._same(step)
        loops = [s.loop for s in same if s.loop]
        turns = self.parameters.turns(loops, self.uses, stored=True)
        self.lines += looped([loops[0].word], turns, self.depth)
        self.depth += 1
        others = [Atom(self.names[v]) for v in beside]
        self._turn(name, others, step, [s.expression.arguments for s in same])  # type: ignore[union-attr]
        self.depth -= 1

    def _gather(self, index: int, step: ForwardCall) -> None:
        """Turns whose results are gathered: `parts.append(self.parts[f"linear{i + 1}"](x))`."""
        for value in [v for v in step.inputs if v in self.pending and self.pending[v].step.inputs]:
            self._flush(value, index)
        name = self._own(step.label)
        branches = [s.branches for s in self._same(step) if s.branches]
        count = self.parameters.value([b.count for b in branches], self.uses, "count", stored=True).text
        self.lines += [f"{INDENT * self.depth}{name} = []", *looped([branches[0].word], f"range({count})", self.depth)]
        around = self.steps, self.readers, self.results, self.returns_one, dict(self.alive)
        later = [v for v in self.alive if any(r > index for r in self.readers.get(v, ())) or v in step.inputs]
        end = step.turn[-1].results[0]
        self._begin(step.turn, [end], later)
        self.returns_one = True
        self.depth += 1
        with self.parameters.turning(branches[0].word):
            for i, inner in enumerate(step.turn):
                self._step(i, inner, step.turn)
        doc, comment = self.returned(end)
        self._done(end)
        self.lines += commented(Called(f"{name}.append", (("", doc),)), "", comment, self.depth)
        self.depth -= 1
        self.steps, self.readers, self.results, self.returns_one, self.alive = around
        self.names[step.results[0]] = self.alive[step.results[0]] = name

    def _choose(self, index: int, step: ForwardCall) -> None:
        """What only training runs, and what only inference does: `if self.training:`, with one name for the results."""
        for value in [v for v in step.inputs if v in self.pending and self.pending[v].step.inputs]:
            self._flush(value, index)
        before = dict(self.alive)
        names = [self._name(v, step, index, place) for place, v in enumerate(step.results)]
        around = self.steps, self.readers, self.results, self.returns_one, dict(self.alive)
        inner = list(made_inside(step))
        later = [v for v in (*before, *inner) if any(r > index for r in self.readers.get(v, ())) or v in step.inputs]
        bodies, alone = [], any(not side.values for side in step.sides)
        for side in step.sides:
            self.alive = dict(before)
            bodies.append(self._side(side, names, later, self.depth + (not alone)) if side.values else [])
        self.steps, self.readers, self.results, self.returns_one, self.alive = around
        heads = self.dialect.training, f"not {self.dialect.training}"
        first = next((i for i, body in enumerate(bodies) if body), None)
        self.lines += bodies[0] + bodies[1] if alone else []
        for place, body in enumerate(bodies):
            if body and not alone:
                head = f"if {heads[place]}:" if place == first else "else:"
                self.lines += [f"{INDENT * self.depth}{head}", *body]

    def _side(self, side: Side, names: Sequence[str], later: Sequence[Value], depth: int) -> list[str]:
        """The lines of one branch, which give the results their names."""
        start, self.wanted = len(self.lines), {}
        for value, name in zip(side.values, names, strict=True):
            if value not in later and any(value in call.results for call in side.calls):
                self.wanted.setdefault(value, name)
        wanted = self.wanted
        self._begin(side.calls, side.values, later)
        held, self.depth = self.depth, depth
        for i, call in enumerate(side.calls):
            self.wanted = wanted
            self._step(i, call, side.calls)
        for value, name in zip(side.values, names, strict=True):
            doc, comment = self.returned(value)
            self._done(value)
            if flat(doc) != name:
                self.lines += commented(doc, f"{name} = ", comment, self.depth)
        self.depth = held
        self.wanted = {}
        made = self.lines[start:]
        del self.lines[start:]
        return made

    def _done(self, value: Value) -> None:
        """What a result was waiting for is written; what reads nothing, a free parameter, may be read again."""
        if value in self.pending and self.pending[value].step.inputs:
            del self.pending[value]

    def _same(self, step: ForwardCall) -> list[ForwardCall]:
        """The step as the uses have it."""
        index = self.order[self.uses.index(self.main.use)][id(step)]
        return [steps[index] for steps in self.others]

    def _turn(self, name: str, others: Sequence[Doc], step: ForwardCall, turns: Sequence[Sequence[Any]]) -> None:
        """What a turn does to the value called `name`, beside `others`, in one line where it fits."""
        doc: Doc = Atom(name)
        for same in zip(*turns, strict=True):
            again = self.parameters.write(same, self.uses, step.label, [doc, *others], self.size, stored=True)
            if self._width(again) > WIDTH and flat(doc) != name:
                self.lines += lay(doc, f"{name} = ", "", self.depth)
                read = [Atom(name), *others]
                again = self.parameters.write(same, self.uses, step.label, read, self.size, stored=True)
            doc = again
        self.lines += commented(doc, f"{name} = ", self.shapes.comment(step), self.depth)

    def _reads(self, step: ForwardCall) -> frozenset[str]:
        """The variables behind a step's operands."""
        waiting = [self.pending[v].reads for v in step.inputs if v in self.pending]
        own = frozenset(self.names[v] for v in step.inputs if v not in self.pending)
        return own.union(*waiting)

    def _may_wait(self, i: int, step: ForwardCall, steps: Sequence[ForwardCall], ordered: bool) -> bool:
        """Whether a step's expression can become part of the one that reads it."""
        if len(step.results) != 1:
            return False
        if ordered and self.readers.get(step.results[0]) != [i + 1]:
            return False
        if not step.inputs and isinstance(step.expression, Infix):
            return True  # a number or a free parameter is written where it is used
        readers = self.readers.get(step.results[0], [])
        if len(readers) != 1:
            return False
        if readers[0] == len(steps):
            return self.returns_one
        reader = steps[readers[0]]
        if readers[0] == i + 1 and (reader.follows or prepares(step, reader)):
            return continues(step, reader)
        near = readers[0] - i < len(reader.inputs) + 1
        joined = unnamed(step) or isinstance(reader.node.op, OutOfBatch)
        return isinstance(reader.expression, Infix) and len(reader.inputs) > 1 and near and joined

    def _width(self, doc: Doc) -> int:
        return len(f"{INDENT * self.depth}return {flat(doc)}")

    # ------------------------------------------------------------ expressions

    def _expression(self, step: ForwardCall) -> Doc:
        operands = [self.pending[v].doc if v in self.pending else Atom(self.names[v]) for v in step.inputs]
        if step.label in self.optional:
            return Called(step.expression.function, tuple(("", o) for o in operands))  # type: ignore[union-attr]
        values = [same.expression for same in self._same(step)]
        hint = self.dialect.identifier(step.label.replace(".", "_"))
        short = _shortened(step, operands)
        if short is not None:
            return short
        return self.parameters.write(values, self.uses, hint, operands, self.size, stored=True)

    def size(self, values: Sequence[Any]) -> str:
        """A size of the input at run time, in words that are right for every use."""
        found = [list(self._sizes(use, v)) for use, v in zip(self.uses, values, strict=True)]
        common = [text for text in found[0] if all(text in other for other in found)]
        if not common:
            raise ValueError(f"the size {values[0]} cannot be had from the inputs")
        extents = self.parameters.extents
        return extents.spelt(common[0]) if extents else str(common[0])

    def _sizes(self, use: BlockUse, size: Any) -> Any:
        axes = []
        for ours, value in zip(self.main.use.graph.inputs, use.graph.inputs, strict=True):
            if self.measured is not None and ours not in self.measured:
                continue
            offset = 1 if value.type.batched else 0
            axes += [(f"{self.names[ours]}.shape[{j + offset}]", e) for j, e in enumerate(value.shape)]
        yield from (text for text, extent in axes if extent == size)
        for text, extent in axes:
            if isinstance(extent, Dim):
                yield from (f"{text} // {k}" for k in range(2, 33) if extent // k == size)
                yield from (f"{k} * {text}" for k in range(2, 33) if extent * k == size)
        if isinstance(size, Dim):
            symbols = {str(e): text for text, e in reversed(axes) if isinstance(e, Dim) and str(e).isidentifier()}
            text = re.sub(r"[A-Za-z_]\w*", lambda m: symbols.get(m[0], "?"), str(size))
            if "?" not in text and is_arithmetic(text):
                yield text
        elif isinstance(size, int):
            yield str(int(size))

    # ------------------------------------------------------------ lines

    def _flush(self, value: Value, before: int) -> None:
        waiting = self.pending.pop(value)
        self._assign(waiting.doc, waiting.step, before - 1)

    def _assign(self, doc: Doc, step: ForwardCall, index: int) -> None:
        names = [self._name(v, step, index, place) for place, v in enumerate(step.results)]
        if [flat(doc)] == names:  # an identity
            return
        self.lines += commented(doc, f"{', '.join(names)} = ", self.shapes.comment(step), self.depth)

    def _name(self, value: Value, step: ForwardCall, index: int, place: int) -> str:
        readers = self.readers.get(value, [])
        if value in self.wanted:
            name = self.wanted[value]
        elif not readers:
            name = "_" if len(step.results) > 1 else self._unused("unused")
        elif len(step.results) == 1 and set(readers) <= {index + 1} and self._is_passing(value, step, index):
            name = self._temporary(index)
        else:
            name = self._unused(self._label(step, place))
            self.taken.add(name)
        self.names[value] = self.alive[value] = name
        return name

    def _label(self, step: ForwardCall, place: int) -> str:
        """What the author calls a result: the row's name for its last layer, names of a bundle for its parts."""
        own = step.results[place].name if isinstance(step.node.op, ByPhase | IntoBatch | OutOfBatch) else ""
        if own and own != ByPhase.name:
            return own
        if len(step.results) > 1:
            return bundle_names(self.main.use, step.node)[place]
        row, _, rest = step.label.partition(".")
        alone = rest and self.lasts[row] is step and row not in self.branched
        after = bool(self.main.use.kept) and row in self.inputs and f"next_{row}" not in self.taken  # `next h: …`
        label = row if alone and (after or self.dialect.identifier(row) not in self.taken) else step.label
        return f"next_{label}" if label in self.inputs else label

    def _is_passing(self, value: Value, step: ForwardCall, index: int) -> bool:
        """Whether a value only goes on to the next line, and is no side of a join that has a name."""
        following = self.steps[index + 1] if index + 1 < len(self.steps) else None
        if value in self.results or self._is_branch(step, index) or (following and following.branches):
            return False
        return unnamed(step) or not following or following.loop is not None or len(following.inputs) == 1

    def _is_branch(self, step: ForwardCall, index: int) -> bool:
        """Whether it is the end of one branch of a bundle: these are all called alike."""
        row = step.label.split(".")[0]
        following = self.steps[index + 1].label.split(".")[0] if index + 1 < len(self.steps) else ""
        return row in self.branched and following != row

    def _temporary(self, index: int) -> str:
        self.alive = {v: n for v, n in self.alive.items() if any(r > index for r in self.readers.get(v, ()))}
        waiting: frozenset[str] = frozenset().union(*(p.reads for p in self.pending.values()))
        busy = set(self.alive.values()) | waiting | (self.taken - self.inputs)
        return next(n for n in (*TEMPORARY, unused("x", busy)) if n not in busy)

    def _unused(self, label: str) -> str:
        return unused(self.dialect.identifier(label.replace(".", "_")), self.taken)

    def _own(self, label: str) -> str:
        """A name that nothing else gets."""
        name = self._unused(label)
        self.taken.add(name)
        return name

    def sized(self) -> list[str]:
        """The lines before all others, which read sizes of the inputs."""
        return self.parameters.extents.lines(2) if self.parameters.extents else []

    def returned(self, value: Value) -> tuple[Doc, str]:
        """The expression of a result, with the comment it may carry."""
        if value in self.pending:
            waiting = self.pending[value]
            return waiting.doc, self.shapes.comment(waiting.step)
        return Atom(self.names[value]), ""


def _with_turns(layout: ClassLayout) -> Iterator[ForwardCall]:
    """Every step, and those inside a step."""
    waiting = layout.steps[::-1]
    while waiting:
        step = waiting.pop()
        yield step
        waiting += step.turn[::-1]


def _shortened(step: ForwardCall, operands: Sequence[Doc]) -> Doc | None:
    """`-x` for `x * (-1.0)`, `x ** 2` for `x ** 2.0`: the same for real numbers, and what a person writes."""
    kinds = {v.type.dtype for v in step.inputs}
    if len(operands) != 2 or kinds != {DType.FLOAT} or not isinstance(step.expression, Infix):
        return None
    left, right = map(flat, operands)
    if step.node.op.name == "power":
        return _power(operand(operands[0]), right)
    if step.node.op.name == "mul" and "-1.0" in (left, right) and left != right:
        other = operand(operands[1 if left == "-1.0" else 0])
        return Atom(f"-({other})" if other.startswith("-") else f"-{other}", tight=False)
    return None


def _power(base: str, exponent: str) -> Doc | None:
    """`x**2` for `x ** 2.0`; of names and numbers alone without spaces, as formatters have it."""
    whole = re.sub(r"\.0$", "", exponent) if re.fullmatch(r"-?\d+\.0", exponent) else exponent
    tight = re.fullmatch(r"[\w.]+", base) and re.fullmatch(r"[\w.]+|-[\d.]+", exponent)
    if whole == exponent and not tight:
        return None
    return Atom(f"{f'({base})' if base.startswith('-') else base}{'**' if tight else ' ** '}{whole}", tight=False)


def commented(doc: Doc, before: str, comment: str, depth: int) -> list[str]:
    """A statement with its shape; on a line of its own above where it does not fit beside."""
    lines = lay(doc, before, "", depth)
    if comment and len(lines[-1] + comment) <= WIDTH:
        return [*lines[:-1], lines[-1] + comment]
    above = f"{INDENT * depth}{comment.strip()}"
    return [above, *lines] if comment and len(above) <= WIDTH else lines
