"""Branches that a setting counts: `each i in range(count) { … }` as a loop, its turns alike but for their number."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from netdsl.codegen.python.authored import Vocabulary, bounds_of, parts_of, rows_of
from netdsl.codegen.python.handed import stands_alone
from netdsl.codegen.python.spelling import Infix, Made, Operand
from netdsl.codegen.python.terms import (
    Scaled,
    Sized,
    Term,
    combine,
    is_unsaid,
    name,
    number,
    plain,
    replaced,
    traced,
    unsaid,
)
from netdsl.codegen.python.text import unused
from netdsl.codegen.python.uses import BlockUse, Branches
from netdsl.dims.tensors import TensorType, Value
from netdsl.graph import Node, Recurrent
from netdsl.ops.arithmetic import Add
from netdsl.ops.shape import Concat, Stack
from netdsl.text import syntax


def branches_in(use: BlockUse) -> Iterator[Branches]:
    """Those whose turns could be a loop."""
    for each in () if isinstance(use.block, Recurrent) else _outermost(rows_of(use)):
        names = syntax.words_of(each.target)
        places = [i for i, n in enumerate(use.graph.nodes) if _holds(each, n)]
        if places and _is_ranged(each) and places[-1] - places[0] + 1 == len(places):
            word = _word(use, names[0].id)
            if word not in use.hidden:
                yield Branches(each, word, [use.graph.nodes[i] for i in places])


def _holds(each: syntax.Each, node: Node) -> bool:
    inside = each.span.start <= node.span.start and node.span.end <= each.span.end
    return inside and node.span.source is each.span.source


def _outermost(part: Any) -> Iterator[syntax.Each]:
    """Every `each` that is built once whenever its body is."""
    if isinstance(part, tuple):
        for item in part:
            yield from _outermost(item)
    elif isinstance(part, syntax.Each):
        yield part
    elif isinstance(part, syntax.ForRow | syntax.If) or (isinstance(part, syntax.LayerRow) and part.shared):
        return
    elif type(part).__module__ == syntax.__name__:
        yield from _outermost(tuple(getattr(part, name) for name in part.__match_args__ if name != "span"))


def _is_ranged(each: syntax.Each) -> bool:
    """Whether it goes over `range(count)`, and no row of it depends on more than the number of the turn."""
    if bounds_of(each.items) is None or len(names := syntax.words_of(each.target)) != 1:
        return False
    inner = list(parts_of(each.body))
    loops = [n.id for p in inner if isinstance(p, syntax.Each | syntax.ForRow) for n in syntax.words_of(p.target)]
    shared = any(isinstance(p, syntax.LayerRow) and p.shared for p in inner)
    return names[0].id not in loops and not shared and not any(isinstance(p, syntax.If) for p in inner)


def _word(use: BlockUse, word: str) -> str:
    """A variable for the number of a turn that nothing else in the class is called."""
    rows = {n.name.partition(".")[0] for n in use.graph.nodes}
    identifier = use.dialect.identifier
    return unused(identifier(word), {*use.places, *map(identifier, (*use.settings, *use.inputs.values(), *rows))})


# ---------------------------------------------------------------- while sizes are traced


def enter(use: BlockUse, names: Vocabulary, node: Node | None) -> Branches | None:
    """Let the word of a loop mean the number of the turn that a layer stands in, and nothing elsewhere."""
    names.turn.clear()
    for known in use.branches:
        use.env.pop(known.word, None)
    found = next((b for b in use.branches if node in b.own), None)
    if found and node is found.nodes[0]:
        _begin(found, names)
    if found and node and found.follows():
        names.turn[syntax.words_of(found.each.target)[0].id] = combine("+", name(found.word), number(found.first))
        use.env[found.word] = found.nodes.index(node) * int(found.count) // len(found.nodes)
        return found
    return None


def _begin(branches: Branches, names: Vocabulary) -> None:
    """Find the count, at the first layer."""
    branches.first, count = bounds_of(branches.counted) or (0, None)
    term = names.term(count)
    try:
        found = term.value(names.use.env) if term and term.names() else 0
    except (ArithmeticError, KeyError, TypeError):
        return
    if term and type(plain(found)) is int and found > 1 and len(branches.nodes) % found == 0:
        branches.count = traced(int(found), term, given=True)


def settled_type(type_: TensorType, branches: Branches | None, names: Vocabulary, last: bool) -> TensorType:
    """A type without the number of the turn where it follows that in no way, or (`last`) leaves the turn."""
    if branches is None:
        return type_
    return type_.with_shape(*(_settled(e, branches, names, last) for e in type_.shape))


def _settled(extent: Any, branches: Branches, names: Vocabulary, last: bool) -> Any:
    if not isinstance(extent, Sized) or branches.word not in extent.term.names():
        return extent
    flat = _polynomial(extent.term)
    if flat is not None and not any(branches.word in key for key in flat):
        return traced(int(extent), replaced(extent.term, {branches.word: number(0)}))
    behind = names.sources(branches.counted) | extent.term.names()
    return traced(int(extent), unsaid(behind - {branches.word})) if last else extent


def _polynomial(term: Term) -> dict[tuple[Any, ...], float] | None:
    """The factors of its products with their numbers; None where it holds more than sums and products."""
    if term.operator == "name":
        return {(term.parts[0],): 1}
    if term.operator == "number":
        return {(): term.parts[0]} if term.parts[0] else {}
    sides = [_polynomial(p) for p in term.parts if isinstance(p, Term)]
    if term.operator not in ("+", "-", "*", "neg") or None in sides:
        return None
    left, right = sides if len(sides) == 2 else ({}, sides[0])
    assert left is not None
    assert right is not None
    made = {} if term.operator == "*" else dict(left)
    for key, factor in right.items():
        pairs = left.items() if term.operator == "*" else [((), 1 if term.operator == "+" else -1)]
        for other, more in pairs:
            whole = tuple(sorted((*key, *other)))
            made[whole] = made.get(whole, 0) + factor * more
    return {key: factor for key, factor in made.items() if factor}


def gathered_types(use: BlockUse, node: Node, types: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
    """Types of what reads every branch: as many parts as the count says."""
    branches = next((b for b in use.branches if b.follows() and node.inputs == b.ends), None)
    op = node.op
    if branches is None or not isinstance(op, Concat | Stack):
        return types
    part = use.types[node.inputs[0]]
    along: Any = branches.count if isinstance(op, Stack) else branches.count * part.shape[op.along]
    shape = list(types[0].shape)
    unknown = isinstance(shape[op.along], Sized) and is_unsaid(shape[op.along].term)  # type: ignore[union-attr]
    if isinstance(along, Sized) and along == shape[op.along] and not unknown:
        shape[op.along] = along
    return (types[0].with_shape(*shape), *types[1:])


# ---------------------------------------------------------------- whether turns are alike


def are_alike(use: BlockUse, branches: Branches, key: Callable[[Node], Any]) -> bool:
    """Whether all turns are the first one with another number, and only what they make is read elsewhere."""
    turns, number_of = branches.turns, {v: (i, r) for turn in branches.turns for i, r, v in _results(turn)}
    first = _wiring(turns[0], number_of)
    whole = all(len(t[-1].results) == 1 and _wiring(t, number_of) == first for t in turns)
    single = all(n.shares is None and not stands_alone(use, n) and n in use.spellings for n in branches.nodes)
    if not whole or not single or len({repr(use.types[v].shape) for v in branches.ends}) > 1:
        return False
    return all(key(n) == key(m) for turn in turns[1:] for n, m in zip(turn, turns[0], strict=True)) and _leaves(
        use, branches
    )


def _results(turn: list[Node]) -> Iterator[tuple[int, int, Value]]:
    for i, node in enumerate(turn):
        for r, value in enumerate(node.results):
            yield i, r, value


def _wiring(turn: list[Node], number_of: Mapping[Value, tuple[int, int]]) -> list[Any]:
    """Who reads what: layers of the turn by their place in it, other values as they are, those of other turns never."""
    own = {v for _, _, v in _results(turn)}
    stray = object()
    return [tuple(number_of[v] if v in own else stray if v in number_of else v for v in n.inputs) for n in turn]


def _leaves(use: BlockUse, branches: Branches) -> bool:
    """Whether the branches go, all in order, into layers that take a list."""
    made = {v for n in branches.nodes for v in n.results}
    readers = [n for n in use.graph.nodes if n not in branches.own and made.intersection(n.inputs)]
    fits = all(n.inputs == branches.ends and isinstance(n.op, Add | Concat | Stack) for n in readers)
    return bool(readers) and fits and not made.intersection(o.value for o in use.graph.outputs)


def needs_two(use: BlockUse, branches: Branches) -> bool:
    """Whether something that reads the branches refuses a single one."""
    return any(n.inputs == branches.ends and isinstance(n.op, Add) for n in use.graph.nodes)


def key_of(value: Any, word: str) -> Any:
    """An expression as part of a key: of a number that follows the turn only its term, where it has one."""
    if isinstance(value, Infix):
        return value.template, key_of(value.values, word)
    if isinstance(value, Made):
        return (
            value.function + value.after,
            key_of(value.arguments, word),
            tuple((k, key_of(v, word)) for k, v in value.keywords.items()),
        )
    if isinstance(value, tuple | list):
        return tuple(key_of(v, word) for v in value)
    if isinstance(value, Sized | Scaled) and word in value.term.names() and not is_unsaid(value.term):
        return value.term
    return (type(plain(value)), plain(value))


def taking_list(expression: Made | Infix) -> Made:
    """What joins branches, on the list of them."""
    if isinstance(expression, Infix):
        return Made("sum", (Operand(),))
    return Made(expression.function, (Operand(),), expression.keywords)


# ---------------------------------------------------------------- names of modules


def numbered(names: list[list[str]], others: set[str]) -> list[str] | None:
    """How each layer of a turn is named from the turn's number, as f-strings' text; None where that cannot be told.

    `names` are those of the first turn's layers in every turn; `others` is what else is named in the body.
    """
    bases: dict[str, list[int]] = {}
    for place, found in enumerate(names):
        if all(n == f"{found[0]}{k or ''}" for k, n in enumerate(found)):
            bases.setdefault(f"={found[0]}", []).append(place)
        else:
            bases.setdefault(found[0].rstrip("0123456789"), []).append(place)
    made: dict[int, str] = {}
    for base, places in bases.items():
        bare, step = base.removeprefix("="), len(places)
        if any(re.fullmatch(rf"{re.escape(bare)}\d+", o) for o in others) or (base != bare and bare in bases):
            return None
        for rank, place in enumerate(places, start=1):
            numbers = [n.removeprefix(bare) for n in names[place]]
            if base != bare and step == 1:
                made[place] = f"{bare}{{@ or ''}}"
            elif base == bare and numbers == [str(step * k + rank) for k in range(len(numbers))]:
                made[place] = f"{bare}{{{f'{step} * @' if step > 1 else '@'} + {rank}}}"
            else:
                return None
    return [made[i] for i in range(len(names))]
