"""One use of a definition (a block with its settings, or the net): its layers spelt, its numbers traced to names.

A body is run once more on sizes that remember where they come from, so that `nn.Conv2d(in_channels, 4 * c, 1)` can be
written for every use of a block at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from netdsl import syntax
from netdsl.codegen.pytorch.spelling import Made, Spelling, rules
from netdsl.codegen.pytorch.terms import Sized, Term, name, term_of, traced, translate
from netdsl.codegen.pytorch.text import identifier
from netdsl.diagnostics import Collector
from netdsl.ir import Block, Graph, Node, Recurrent, result_types
from netdsl.ops.base import Op, RuleError
from netdsl.tensors import TensorType, Value

AXES = {"channels": 0, "height": -2, "width": -1, "features": -1}
AXIS_NAMES = {
    0: (), 1: ("features",), 2: ("channels", "features"), 3: ("channels", "height", "width"),
    4: ("channels", "depth", "height", "width"),
}  # fmt: skip
"""What the axes of a block's input are called when they become constructor arguments, by rank."""


@dataclass(frozen=True, slots=True)
class Argument:
    """A constructor argument of an emitted class."""

    name: str
    kind: str
    """`param` of the block, `axis` of an input, or `extra`: neither, but different between uses."""
    annotation: str
    default: Any = None
    optional: bool = False
    axis: tuple[int, int] = (0, 0)


@dataclass(eq=False)
class Use:
    """A definition with one choice of settings and input types."""

    block: Block | None
    graph: Graph
    settings: dict[str, Any]
    definition: syntax.Definition | None
    env: dict[str, Any] = field(default_factory=dict)
    """What names mean here: settings, axes of inputs (`in_channels`), extra arguments."""
    axes: dict[str, tuple[int, int]] = field(default_factory=dict)
    ops: dict[Node, Op] = field(default_factory=dict)
    types: dict[Value, TensorType] = field(default_factory=dict)
    spellings: dict[Node, Spelling] = field(default_factory=dict)
    calls: dict[Node, tuple[Built, Use]] = field(default_factory=dict)
    """For nodes that apply a block: the class and the use behind it."""
    inputs: dict[Value, str] = field(default_factory=dict)
    """What the author calls each input."""


@dataclass(eq=False)
class Built:
    """An emitted class."""

    name: str
    arguments: tuple[Argument, ...] = ()
    lines: list[str] = field(default_factory=list)
    support: set[str] = field(default_factory=set)
    summary: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(a.name for a in self.arguments)

    @property
    def defaults(self) -> dict[str, Any]:
        return {a.name: a.default for a in self.arguments if a.optional}


ClassOf = Callable[[Block], tuple[Built, Use]]


def new_use(block: Block | None, graph: Graph, settings: dict[str, Any], hidden: frozenset[str] = frozenset()) -> Use:
    """A use whose names are known; `trace` does the rest. Settings in `hidden` are left as numbers."""
    definition = getattr(block if block else graph, "definition", None)
    use = Use(block, graph, settings, definition)
    use.inputs = dict(zip(graph.inputs, _input_names(use), strict=True))
    use.env = {identifier(k): v for k, v in settings.items() if k not in hidden and _is_scalar(v)}
    if block is not None:
        _name_axes(use, len(block.sequences) if isinstance(block, Recurrent) else len(graph.inputs))
    return use


def _input_names(use: Use) -> list[str]:
    """As declared; without a declaration, as the values are called."""
    names = [v.name if v.name.isidentifier() and v.name != "_" else "x" for v in use.graph.inputs]
    rows = _rows(use)
    initial = {r.initial.id for r in rows if isinstance(r, syntax.StateRow) and isinstance(r.initial, syntax.Name)}
    declared = [i.name.id for r in rows if isinstance(r, syntax.InputRow) for i in r.items if i.name.id not in initial]
    if use.definition and not declared and len(names) - len(getattr(use.block, "states", ())) == 1:
        declared = ["x"]
    return [*declared, *names[len(declared) :]]


def _is_scalar(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return bool(value) and all(_is_scalar(v) and not isinstance(v, tuple | list) for v in value)
    return isinstance(value, int | float)


def _name_axes(use: Use, count: int) -> None:
    for i, value in enumerate(use.graph.inputs[:count]):
        prefix = "in" if count == 1 else identifier(use.inputs[value])
        for j, axis in enumerate(AXIS_NAMES.get(value.type.rank, ())):
            argument = f"{prefix}_{axis}"
            if argument not in use.env:
                use.axes[argument] = (i, j)
                if isinstance(value.shape[j], int):
                    use.env[argument] = value.shape[j]


# ---------------------------------------------------------------- names in an author's expression


class Names:
    """What the words of a body stand for, as terms."""

    def __init__(self, use: Use) -> None:
        self.use = use
        self.arrows: dict[str, TensorType] = {}
        self.lets = {r.name.id: r.value for r in _rows(use) if isinstance(r, syntax.LetRow)}
        self.loose = _loop_names(use)
        self.open: set[str] = set()
        self.told: set[int] = set()
        """Words of the author's expressions that are in the source as words."""
        self.lost: set[int] = set()
        """Those that became plain numbers somewhere."""

    def term(self, expr: Any) -> Term | None:
        return translate(expr, self._lookup, self._axis)

    def _lookup(self, word: str) -> Term | None:
        if word in self.loose or word in self.open:
            return None
        if word in self.lets:
            self.open.add(word)
            term = self.term(self.lets[word])
            self.open.discard(word)
            return term
        known = word in self.use.settings and identifier(word) in self.use.env
        return name(identifier(word)) if known else None

    def _axis(self, arrow: str, attribute: str, index: int | None) -> Term | None:
        found = self.arrows.get(arrow)
        place = AXES.get(attribute) if attribute != "shape" else index
        if found is None or place is None or not -found.rank <= place < found.rank:
            return None
        extent = found.shape[place]
        return term_of(extent) if isinstance(extent, int) else None


def _rows(use: Use) -> tuple[Any, ...]:
    return use.definition.body.rows if use.definition else ()


def _loop_names(use: Use) -> set[str]:
    """Words that loops bind: they mean something else at every turn."""
    found: set[str] = set()
    for part in _parts(_rows(use)):
        if isinstance(part, syntax.ForRow | syntax.Each):
            found.update(n.id for n in part.target)
    return found


def _parts(part: Any) -> Iterator[Any]:
    """Every node of a syntax tree."""
    if isinstance(part, tuple):
        for item in part:
            yield from _parts(item)
    elif type(part).__module__ == syntax.__name__:
        yield part
        for each in part.__match_args__:
            if each != "span":
                yield from _parts(getattr(part, each))


def shaping_settings(definition: syntax.Definition | None) -> frozenset[str]:
    """Settings that decide which layers there are: loops, conditions, repetitions."""
    if definition is None:
        return frozenset()
    found: set[str] = set()
    for part in _parts(definition.body.rows):
        for controlling in _controlling(part):
            found.update(p.id for p in _parts(controlling) if isinstance(p, syntax.Name))
    return frozenset(_through_lets(definition, found))


def _through_lets(definition: syntax.Definition, found: set[str]) -> set[str]:
    lets = {r.name.id: r.value for r in definition.body.rows if isinstance(r, syntax.LetRow)}
    for let in reversed(lets):
        if let in found:
            found.update(p.id for p in _parts(lets[let]) if isinstance(p, syntax.Name))
    return found


def baked_settings(use: Use, names: Names) -> frozenset[str]:
    """Settings that some layer has as a plain number: as an argument they would promise what the class cannot keep."""
    if use.definition is None:
        return frozenset()
    free = {id(p) for part in _parts(use.definition.body.rows) for c in _excused(part) for p in _parts(c)}
    kept = names.told - names.lost
    found = {
        p.id
        for p in _parts(use.definition.body.rows)
        if isinstance(p, syntax.Name) and id(p) not in kept and id(p) not in free
    }
    return frozenset(_through_lets(use.definition, found) & set(use.settings))


def _excused(part: Any) -> tuple[Any, ...]:
    """Where a word makes no layer's number: claims, asserts, default sizes, `let` (followed), what shapes the body."""
    if isinstance(part, syntax.Claim | syntax.AssertRow | syntax.SizedSymbol):
        return (part,)
    if isinstance(part, syntax.LetRow):
        return (part.value,)
    if isinstance(part, syntax.Call | syntax.Argument):
        return (part.function if isinstance(part, syntax.Call) else part.name,)
    return _controlling(part)


def _controlling(part: Any) -> tuple[Any, ...]:
    if isinstance(part, syntax.ForRow | syntax.Each):
        return (part.items,)
    if isinstance(part, syntax.If):
        return (part.condition,)
    if isinstance(part, syntax.Binary) and part.operator == "*" and isinstance(part.left, syntax.Call):
        return (part.right,)
    return (part.index,) if isinstance(part, syntax.Index) else ()


# ---------------------------------------------------------------- running the body on traced sizes


def trace(use: Use, class_of: ClassOf, collector: Collector) -> Names:
    """Fill in `ops`, `types` and `spellings`; an operation without a rule is reported."""
    names = Names(use)
    items = [i for r in _rows(use) if isinstance(r, syntax.InputRow) and use.block is None for i in r.items]
    declared = {i.name.id: i.dims for i in items}
    for i, value in enumerate(use.graph.inputs):
        written = declared.get(use.inputs[value]) or ()
        shape = tuple(
            _retold(e, written[j], use, names) if j < len(written) else _named_extent(use, i, j, e)
            for j, e in enumerate(value.shape)
        )
        use.types[value] = names.arrows[use.inputs[value]] = value.type.with_shape(*shape)
    _name_states(use, names)
    for node in use.graph.nodes:
        types = _block(use, names, node, class_of) if isinstance(node.op, Block) else _op(use, names, node, collector)
        for value, type_ in zip(node.results, types, strict=True):
            use.types[value] = _merged(type_, value.type)
        names.arrows[node.name] = names.arrows[node.name.split(".")[0]] = use.types[node.results[0]]
    return names


def _named_extent(use: Use, i: int, j: int, extent: Any) -> Any:
    argument = next((a for a, at in use.axes.items() if at == (i, j)), None)
    return Sized(extent, name(argument)) if argument and isinstance(extent, int) else extent


def _name_states(use: Use, names: Names) -> None:
    """The axes of a recurrent block's states are what its `state` rows say."""
    rows = {r.name.id: r.dims for r in _rows(use) if isinstance(r, syntax.StateRow) and r.dims}
    for state in getattr(use.block, "states", ()):
        dims = rows.get(state.name, ())
        if len(dims) == state.current.type.rank:
            shape = tuple(_retold(v, d, use, names) for v, d in zip(state.current.shape, dims, strict=True))
            use.types[state.current] = names.arrows[state.current.name] = state.current.type.with_shape(*shape)


def _retold(value: Any, written: Any, use: Use, names: Names) -> Any:
    """A value with the author's expression for it, when that comes to the same."""
    if isinstance(value, tuple) and isinstance(written, syntax.TupleOf | syntax.ListOf):
        if len(value) == len(written.items):
            return tuple(_retold(v, w, use, names) for v, w in zip(value, written.items, strict=True))
    term = names.term(written) if isinstance(value, int | float) and written is not None else None
    again = traced(value, term) if term is not None and term.holds(value, use.env) else value
    words = {id(p) for p in _parts(written) if isinstance(p, syntax.Name)}
    (names.told if again is not value else names.lost).update(words)
    return again


def _merged(found: TensorType, stated: TensorType) -> TensorType:
    """The stated type, its numbers with the terms that were found."""
    if found.rank != stated.rank:
        return stated
    pairs = zip(found.shape, stated.shape, strict=True)
    return stated.with_shape(*(f if isinstance(f, Sized) and isinstance(s, int) and f == s else s for f, s in pairs))


def _op(use: Use, names: Names, node: Node, collector: Collector) -> tuple[TensorType, ...]:
    op = node.op
    assert isinstance(op, Op)
    known = {v: Value(v.name, use.types[v]) for v in node.inputs}
    try:
        again = type(op)(**_fields(op, known, node, use, names))
        types = result_types(again)
    except (RuleError, TypeError, ValueError, ArithmeticError):  # a fact that cannot be traced stays a number
        again, types = op, tuple(r.type for r in node.results)
    use.ops[node] = again
    rule = rules.find(op)
    if rule is None:
        message = f"PyTorch source has no spelling for `{op.name}`"
        collector.report("not-supported-by-target", message, node.span)
        return types
    try:
        use.spellings[node] = rule(again)
    except RuleError as error:
        collector.report("not-supported-by-target", str(error), node.span, help=error.help)
    return types


def _fields(op: Op, known: dict[Value, Value], node: Node, use: Use, names: Names) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for declared in op.fields:
        value = getattr(op, declared.name)
        if declared.kind is not None:
            given[declared.name] = _retold(value, node.written.get(declared.name), use, names)
        elif declared.many:
            given[declared.name] = tuple(known[v] for v in value)
        else:
            given[declared.name] = known[value] if value is not None else None
    return given


def _block(use: Use, names: Names, node: Node, class_of: ClassOf) -> tuple[TensorType, ...]:
    stated = tuple(r.type for r in node.results)
    if node.shares is not None:
        return stated
    assert isinstance(node.op, Block)
    built, inner = class_of(node.op)
    use.calls[node] = (built, inner)
    meanings = dict(inner.env)
    for word, value in inner.settings.items():
        if identifier(word) in meanings:
            meanings[identifier(word)] = _retold(value, node.written.get(word), use, names)
    offset = _sequence_offset(node.op)
    for argument, (i, j) in inner.axes.items():
        outer = use.types[node.inputs[i]].shape
        if argument in meanings and j + offset < len(outer):
            meanings[argument] = outer[j + offset]
    use.spellings[node] = Spelling(module=_construct(built, meanings))
    inside = [inner.types[o.value] for o in inner.graph.outputs]
    return tuple(_outside(t, meanings, s) for t, s in zip(inside, stated, strict=True))


def _sequence_offset(block: Block) -> int:
    """The body of a recurrent block sees one step: its axes lie one further outside."""
    return 1 if isinstance(block, Recurrent) else 0


def _construct(built: Built, meanings: dict[str, Any]) -> Made:
    required = tuple(meanings[a.name] for a in built.arguments if not a.optional)
    return Made(built.name, required, {a.name: meanings[a.name] for a in built.arguments if a.optional})


def _outside(inner: TensorType, meanings: dict[str, Any], stated: TensorType) -> TensorType:
    """A result's type in the words of the caller; a recurrent block puts the steps in front."""
    shape = list(stated.shape[: stated.rank - inner.rank])
    for found, extent in zip(inner.shape, stated.shape[len(shape) :], strict=True):
        outside = _substituted(found, meanings) if isinstance(found, Sized) else extent
        shape.append(outside if isinstance(outside, Sized) and outside == extent else extent)
    return stated.with_shape(*shape)


def _substituted(value: Sized, meanings: dict[str, Any]) -> Any:
    try:
        return value.term.value(meanings)
    except (ArithmeticError, KeyError, TypeError):
        return int(value)


__all__ = [
    "Argument", "Built", "ClassOf", "Names", "Use", "baked_settings", "new_use", "shaping_settings", "trace",
]  # fmt: skip
