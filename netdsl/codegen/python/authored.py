"""An author's words: what they stand for in a body, and which of them its layers keep as words."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

from netdsl.codegen.python.terms import Term, name, names_in, number, term_of, translate
from netdsl.codegen.python.uses import BlockUse
from netdsl.dims.tensors import TensorType, Value
from netdsl.graph import Node
from netdsl.text import syntax

NUMBERS = ("min", "max", "len", "round", "floor", "ceil", "int")
"""Functions of numbers: a call of one is no layer."""
AXES = {"channels": 0, "height": -2, "width": -1, "features": -1}


class Vocabulary:
    """What the words of a body stand for, as terms."""

    def __init__(self, use: BlockUse) -> None:
        self.use = use
        self.arrows: dict[str, TensorType] = {}
        lets = lets_of(rows_of(use))
        self.lets: dict[str, Any] = {w: values[0] for w, values in lets.items() if len(values) == 1}
        self.several = {w: values for w, values in lets.items() if len(values) > 1}
        """Words that several rows inside loops or branches define, each for itself."""
        params = [p for p in parts_of(rows_of(use)) if isinstance(p, syntax.ParamRow | syntax.ConstRow)]
        self.frees = {(r.span.start, r.span.end): syntax.TupleOf(r.span, r.dims) for r in params}
        """The shapes of free params and constants by the place of their rows, those inside loops and branches too."""
        self.loops = _loop_words(use)
        """Words that loops bind, each with what the loop goes over: they mean something else at every turn."""
        self.turn: dict[str, Term] = {}
        """The word of the loop whose turn is looked at, in terms of the variable that counts turns in the source."""
        self.symbols: dict[str, Any] = {}
        """Sizes that the shape of an input names."""
        self.open: set[str] = set()
        self.as_words: set[int] = set()
        """Words of the author's expressions that are in the source as words."""
        self.as_numbers: set[int] = set()
        """Those that became plain numbers somewhere."""
        if use.block is None:
            self.lets |= self._derived()

    def _derived(self) -> dict[str, Any]:
        """Settings of a net that follow other settings: `hidden = 4 * width` is written out where it is used."""
        parameters = self.use.parameters
        words = {p.name.id for p in parameters}
        found = {}
        for parameter in parameters:
            read = {p.id for p in parts_of(parameter.default) if isinstance(p, syntax.Name)}
            value = self.use.settings.get(parameter.name.id)
            if read & words and not isinstance(value, bool) and isinstance(value, int | float):
                term = self.term(parameter.default)
                if term is not None and term.holds(value, self.use.env):
                    found[parameter.name.id] = parameter.default
                    self.lets[parameter.name.id] = parameter.default
        return found

    def name_sizes(self, value: Value) -> None:
        """Note the words in the declared shape of an input, once its sizes are traced."""
        shape = self.use.types[value].shape
        for (i, j), word in declared_axes(self.use).items():
            if self.use.graph.inputs[i] is value and j < len(shape):
                self.symbols.setdefault(word, shape[j])

    def term(self, expr: Any) -> Term | None:
        """An author's expression over the names of the class; None for one of another body, or one without a term."""
        return translate(expr, self._lookup, self._axis, self._length) if self.is_own(expr) else None

    def is_own(self, expr: Any) -> bool:
        """Whether an expression stands in this body; layers that are handed in bring those of their own."""
        own = self.use.definition.span if self.use.definition else None
        span = getattr(expr, "span", None)
        if own is None or span is None:
            return True
        return span.source is own.source and own.start <= span.start and span.end <= own.end

    def _lookup(self, word: str) -> Term | None:
        if word in self.turn:
            return self.turn[word]
        if word in self.loops or word in self.several or word in self.open:
            return None
        if word in self.lets:
            self.open.add(word)
            before = self.arrows.pop("_", None)  # another row stood before the `let`
            term = self.term(self.lets[word])
            self.arrows |= {"_": before} if before else {}
            self.open.discard(word)
            return term
        if word in self.symbols:
            return term_of(self.symbols[word]) if isinstance(self.symbols[word], int) else None
        return self._setting(word)

    def _setting(self, word: str) -> Term | None:
        """A setting by its name; one that is no argument is its number."""
        argument, value = self.use.dialect.identifier(word), self.use.settings.get(word)
        if argument in self.use.env and word in self.use.settings:
            return name(argument)
        hidden = argument in self.use.hidden and isinstance(value, int | float)
        return number(value) if hidden and value is not None else None

    def _length(self, word: str) -> int | None:
        found = self.use.settings.get(word)
        return len(found) if isinstance(found, tuple | list) and word not in self.loops else None

    def _axis(self, arrow: str, attribute: str, index: int | None) -> Term | None:
        found = self.arrows.get(arrow)
        place = AXES.get(attribute) if attribute != "shape" else index
        if found is None or place is None or not -found.rank <= place < found.rank:
            return None
        extent = found.shape[place]
        return term_of(extent) if isinstance(extent, int) else None

    def truth(self, condition: Any) -> bool | None:
        """Which way a condition goes here, None where its words do not tell."""
        term = self.term(condition)
        try:
            return None if term is None else bool(term.value(self.use.env))
        except (ArithmeticError, KeyError, TypeError):
            return None

    # ------------------------------------------------------------ what an expression follows

    def sources(self, expr: Any) -> set[str]:
        """Arguments that an expression of this body may follow, whatever it computes of them."""
        found: set[str] = set()
        for part in parts_of(expr) if self.is_own(expr) else ():
            if isinstance(part, syntax.Name):
                found |= self._source(part.id)
            elif isinstance(part, syntax.Attribute) and isinstance(part.value, syntax.Name):
                arrow = self.arrows.get(part.value.id)
                found |= names_in(arrow.shape) if arrow else self._anything()
            elif isinstance(part, syntax.Previous):
                found |= self._anything()
        return found

    def _anything(self) -> set[str]:
        """What the size of a row may follow that is not known here."""
        return {n for type_ in self.use.types.values() for n in names_in(type_.shape)}

    def _source(self, word: str) -> set[str]:
        if word in self.open:
            return set()
        self.open.add(word)
        behind = [*self.loops.get(word, ()), *self.several.get(word, ())]
        behind += [self.lets[word]] if word in self.lets else []
        found = self.turn[word].names() if word in self.turn else set()
        found = found.union(*(self.sources(expr) for expr in behind))
        self.open.discard(word)
        if word in self.symbols:
            found |= names_in((self.symbols[word],))
        argument = self.use.dialect.identifier(word)
        known = word in self.use.settings and argument not in self.use.hidden
        return found | ({argument} if known and not behind else set())


class Before:
    """The type of the row before: what `_` is in the rows of a body, as far as these are plain."""

    def __init__(self, use: BlockUse) -> None:
        self.use = use
        self.rows = [
            r for r in rows_of(use) if isinstance(r, syntax.LayerRow | syntax.OutputRow | syntax.ForRow | syntax.If)
        ]
        self.starts = [r.span.start for r in self.rows]
        self.place = -1
        self.last = use.graph.inputs[0] if len(use.graph.inputs) == 1 else None
        self.found: TensorType | None = None

    def __call__(self, node: Node) -> TensorType | None:
        """What `_` is for a layer; None where nobody can tell. Layers are asked for in order."""
        place = bisect_right(self.starts, node.span.start) - 1
        if place != self.place:
            follows = place == self.place + 1 and (place == 0 or self._is_plain(place - 1)) and self._is_plain(place)
            self.found = self.use.types[self.last] if follows and self.last is not None else None
            self.place = place
        self.last = node.results[0] if len(node.results) == 1 else None
        return self.found

    def _is_plain(self, place: int) -> bool:
        """Whether a row has no rows of its own."""
        row = self.rows[place]
        return isinstance(row, syntax.LayerRow | syntax.OutputRow) and not any(
            isinstance(p, syntax.Each | syntax.If) for p in parts_of(row)
        )


def declared_axes(use: BlockUse) -> dict[tuple[int, int], str]:
    """What the text calls axes of inputs, by input and place: `[T, F]`."""
    declared = {i.name.id: i.dims for r in rows_of(use) if isinstance(r, syntax.InputRow) for i in r.items}
    found = {}
    for i, value in enumerate(use.graph.inputs):
        for j, dim in enumerate(declared.get(use.inputs[value]) or ()):
            word = dim.name if isinstance(dim, syntax.SizedSymbol) else dim
            if isinstance(word, syntax.Name) and word.id not in use.settings:
                found[i, j] = word.id
    return found


def rows_of(use: BlockUse) -> tuple[Any, ...]:
    return use.definition.body.rows if use.definition else ()


def _loop_words(use: BlockUse) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for part in parts_of(rows_of(use)):
        if isinstance(part, syntax.ForRow | syntax.Each):
            for word in syntax.words_of(part.target):
                found.setdefault(word.id, []).append(part.items)
    return found


def parts_of(part: Any) -> Iterator[Any]:
    """Every node of a syntax tree."""
    if isinstance(part, tuple):
        for item in part:
            yield from parts_of(item)
    elif type(part).__module__ == syntax.__name__:
        yield part
        for each in part.__match_args__:
            if each != "span":
                yield from parts_of(getattr(part, each))


def shaping_settings(definition: syntax.Definition | None) -> frozenset[str]:
    """Settings that decide which layers there are: loops, conditions, repetitions."""
    if definition is None:
        return frozenset()
    found: set[str] = set()
    values = values_in(definition)
    for part in parts_of(definition.body.rows):
        for decisive in controlling(part, values):
            found.update(p.id for p in parts_of(decisive) if isinstance(p, syntax.Name))
    return frozenset(_through_lets(definition, found))


def lets_of(rows: tuple[Any, ...]) -> dict[str, list[Any]]:
    """What each word of a `let` is said to be, in order; rows inside loops and branches define words of their own."""
    found: dict[str, list[Any]] = {}
    for part in parts_of(rows):
        if isinstance(part, syntax.LetRow):
            found.setdefault(part.name.id, []).append(part.value)
    return found


def _through_lets(definition: syntax.Definition, found: set[str]) -> set[str]:
    lets = {let: tuple(values) for let, values in lets_of(definition.body.rows).items()}
    if definition.keyword == "net":
        lets |= {p.name.id: (p.default,) for p in definition.parameters if p.default is not None}
    for let in reversed(lets):
        if let in found:
            found.update(p.id for p in parts_of(lets[let]) if isinstance(p, syntax.Name))
    return found


def baked_settings(definition: syntax.Definition | None, names: Sequence[Vocabulary]) -> frozenset[str]:
    """Settings that some layer has as a plain number: as an argument they would promise what the class cannot keep."""
    if definition is None:
        return frozenset()
    worded, numbered = (set[int]().union(*s) for s in ([n.as_words for n in names], [n.as_numbers for n in names]))
    values = values_in(definition)
    excused = [c for part in parts_of(definition.body.rows) for c in _excused(part, names, values)]
    free = {id(p) for c in excused for p in parts_of(c)}
    words = [p for p in parts_of(definition.body.rows) if isinstance(p, syntax.Name)]
    found = {p.id for p in words if id(p) in numbered or (id(p) not in worded and id(p) not in free)}
    return frozenset(_through_lets(definition, found) & {p.name.id for p in definition.parameters})


def _excused(part: Any, names: Sequence[Vocabulary], values: frozenset[str]) -> tuple[Any, ...]:
    """Where a word makes no layer's number: claims, asserts, default sizes, `let` (followed), what shapes a body."""
    if isinstance(part, syntax.Claim | syntax.AssertRow | syntax.SizedSymbol | syntax.LetRow):
        return (part,)
    if isinstance(part, syntax.If):
        taken = {n.truth(part.condition) for n in names}
        untaken = [body for truth, body in ((True, part.then), (False, part.otherwise)) if taken == {not truth}]
        return (part.condition, *untaken)
    if isinstance(part, syntax.Call | syntax.Argument):
        return (part.function if isinstance(part, syntax.Call) else part.name,)
    return tuple(controlling(part, values))


def bounds_of(items: Any) -> tuple[int, Any] | None:
    """Where `range(count)` or `range(1, count)` begins, and the author's expression for how many turns it has.

    None for anything else, and where the beginning is no plain number.
    """
    ranged = isinstance(items, syntax.Call) and isinstance(items.function, syntax.Name) and items.function.id == "range"
    given = [argument.value for argument in items.arguments] if ranged else []
    if len(given) == 1:
        return 0, given[0]
    first = getattr(given[0], "value", None) if len(given) == 2 else None
    if type(first) is not int or first < 0:
        return None
    return first, syntax.Binary(items.span, "-", items.span, given[1], given[0])


def controlling(part: Any, values: frozenset[str]) -> Sequence[Any]:
    """The expressions that decide what this part of a body becomes: which branch, how many turns.

    `values` are the words of the body that are values, not layers.
    """
    if isinstance(part, syntax.ForRow | syntax.Each):
        return (part.items,)
    if isinstance(part, syntax.If):
        return (part.condition,)
    if isinstance(part, syntax.Binary) and part.operator == "*":
        return (part.right,) if _is_layer(part.left, values) and not _is_chain(part.right) else ()
    return (part.index,) if isinstance(part, syntax.Index) else ()


def values_in(definition: syntax.Definition | None) -> frozenset[str]:
    """What a body calls its values and numbers: every word that stands for no layer.

    Layers are shared rows and settings that are one; a word that is none of either is an operation or a block.
    """
    if definition is None:
        return frozenset()
    found = {p.name.id for p in definition.parameters if p.kind is None or p.kind.id != "layer"}
    for part in parts_of(definition.body.rows):
        if isinstance(part, syntax.InputItem):
            found.update(p.id for p in parts_of((part.name, part.dims)) if isinstance(p, syntax.Name))
        elif isinstance(part, syntax.ParamRow | syntax.ConstRow | syntax.StateRow | syntax.LetRow):
            found.add(part.name.id)
        elif isinstance(part, syntax.ForRow | syntax.Each):
            found.update(n.id for n in syntax.words_of(part.target))
        elif isinstance(part, syntax.OutputRow | syntax.LayerRow) and not getattr(part, "shared", False):
            found.update(n.id for n in part.names)
    return frozenset(found)


def _is_layer(part: Any, values: frozenset[str]) -> bool:
    """Whether the left side of `*` is a layer: by its name, a call of one, or a chain that begins with no value."""
    if isinstance(part, syntax.Name):
        return part.id not in values
    if isinstance(part, syntax.Call):
        return not (isinstance(part.function, syntax.Name) and part.function.id in NUMBERS)
    if not _is_chain(part):
        return False
    first = part.stages[0]
    if isinstance(first, syntax.Call):
        return True
    return not any(isinstance(p, syntax.Previous) or getattr(p, "id", "") in values for p in parts_of(first))


def _is_chain(part: Any) -> bool:
    return isinstance(part, syntax.Pipeline) and len(part.stages) > 1
