"""An author's words: what they stand for in a body, and which of them its layers keep as words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from netdsl import syntax
from netdsl.codegen.pytorch.terms import Term, name, term_of, translate
from netdsl.codegen.pytorch.text import identifier
from netdsl.tensors import TensorType

if TYPE_CHECKING:
    from netdsl.codegen.pytorch.tracing import Use

AXES = {"channels": 0, "height": -2, "width": -1, "features": -1}


class Names:
    """What the words of a body stand for, as terms."""

    def __init__(self, use: Use) -> None:
        self.use = use
        self.arrows: dict[str, TensorType] = {}
        self.lets = {r.name.id: r.value for r in rows_of(use) if isinstance(r, syntax.LetRow)}
        params = [r for r in rows_of(use) if isinstance(r, syntax.ParamRow)]
        self.frees = {r.name.id: syntax.TupleOf(r.span, r.dims) for r in params}
        """The shapes of free params."""
        self.loose = _loop_names(use)
        self.open: set[str] = set()
        self.told: set[int] = set()
        """Words of the author's expressions that are in the source as words."""
        self.lost: set[int] = set()
        """Those that became plain numbers somewhere."""

    def term(self, expr: Any) -> Term | None:
        return translate(expr, self._lookup, self._axis, self._length)

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

    def _length(self, word: str) -> int | None:
        found = self.use.settings.get(word)
        return len(found) if isinstance(found, tuple | list) and word not in self.loose else None

    def _axis(self, arrow: str, attribute: str, index: int | None) -> Term | None:
        found = self.arrows.get(arrow)
        place = AXES.get(attribute) if attribute != "shape" else index
        if found is None or place is None or not -found.rank <= place < found.rank:
            return None
        extent = found.shape[place]
        return term_of(extent) if isinstance(extent, int) else None


def rows_of(use: Use) -> tuple[Any, ...]:
    return use.definition.body.rows if use.definition else ()


def _loop_names(use: Use) -> set[str]:
    """Words that loops bind: they mean something else at every turn."""
    found: set[str] = set()
    for part in parts_of(rows_of(use)):
        if isinstance(part, syntax.ForRow | syntax.Each):
            found.update(n.id for n in part.target)
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
    for part in parts_of(definition.body.rows):
        for controlling in _controlling(part):
            found.update(p.id for p in parts_of(controlling) if isinstance(p, syntax.Name))
    return frozenset(_through_lets(definition, found))


def _through_lets(definition: syntax.Definition, found: set[str]) -> set[str]:
    lets = {r.name.id: r.value for r in definition.body.rows if isinstance(r, syntax.LetRow)}
    for let in reversed(lets):
        if let in found:
            found.update(p.id for p in parts_of(lets[let]) if isinstance(p, syntax.Name))
    return found


def baked_settings(definition: syntax.Definition | None, names: Sequence[Names]) -> frozenset[str]:
    """Settings that some layer has as a plain number: as an argument they would promise what the class cannot keep."""
    if definition is None:
        return frozenset()
    told, lost = (set[int]().union(*sets) for sets in ([n.told for n in names], [n.lost for n in names]))
    free = {id(p) for part in parts_of(definition.body.rows) for c in _excused(part) for p in parts_of(c)}
    words = [p for p in parts_of(definition.body.rows) if isinstance(p, syntax.Name)]
    found = {p.id for p in words if id(p) in lost or (id(p) not in told and id(p) not in free)}
    return frozenset(_through_lets(definition, found) & {p.name.id for p in definition.parameters})


def _excused(part: Any) -> tuple[Any, ...]:
    """Where a word makes no layer's number: claims, asserts, default sizes, `let` (followed), what shapes a body."""
    if isinstance(part, syntax.Claim | syntax.AssertRow | syntax.SizedSymbol):
        return (part,)
    if isinstance(part, syntax.LetRow):
        return (part.value,)
    if isinstance(part, syntax.If):  # a branch may not have been taken
        return part.condition, part.then, part.otherwise
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
