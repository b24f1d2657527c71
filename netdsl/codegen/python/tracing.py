"""One use of a definition (a block with its settings, or the net): its layers spelt, its numbers traced to names.

A body is run once more on sizes that remember where they come from, so that `Conv2d(in_channels, 4 * c, 1)` can be
written for every use of a block at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from netdsl.codegen.python.authored import Before, Vocabulary, parts_of, rows_of
from netdsl.codegen.python.axes import axis_names
from netdsl.codegen.python.branches import branches_in, enter, gathered_types, settled_type
from netdsl.codegen.python.dialect import Dialect
from netdsl.codegen.python.freezing import freeze
from netdsl.codegen.python.handed import handed
from netdsl.codegen.python.spelling import Made, Spelling
from netdsl.codegen.python.strays import asked, names_in_fields, spelt, strays
from netdsl.codegen.python.terms import (
    Sized,
    is_unsaid,
    name,
    names_in,
    replaced,
    settled,
    term_of,
    traced,
    translate,
    unsaid,
)
from netdsl.codegen.python.text import unused
from netdsl.codegen.python.uses import BlockUse, Built
from netdsl.codegen.target import Unsupported
from netdsl.dims import Dim
from netdsl.dims.tensors import TensorType, Value
from netdsl.graph import Block, Net, Node, Recurrent, result_types
from netdsl.ops.base import Elementwise, Op, RuleError
from netdsl.ops.value import WeightOf
from netdsl.text import syntax

ClassOf = Callable[[Block], tuple[Built, BlockUse]]
Refuse = Callable[[Unsupported | RuleError, Node], None]


def new_use(net: Net, block: Block | None, dialect: Dialect, hidden: frozenset[str] = frozenset()) -> BlockUse:
    """A use of a block of a net, or of the net itself, whose names are known; `trace` does the rest.

    Settings and axes in `hidden` are left as numbers.
    """
    graph, settings, place = (block.body, block.settings, block.span) if block else (net, net.settings, net.span)
    definition = None if place is None else net.written.definitions.get(place)
    use = BlockUse(dialect, block, graph, settings, net.written, definition, hidden=hidden)
    use.inputs = dict(zip(graph.inputs, _input_names(use), strict=True))
    use.borrowed = handed(dialect, graph) if net.common else ()
    named = {dialect.identifier(k): v for k, v in settings.items()}
    use.env = {k: v for k, v in named.items() if k not in hidden and _is_scalar(v)}
    if block is not None:
        _name_axes(use)
    return use


def _coming_in(use: BlockUse) -> list[int]:
    """The places of inputs that arrows come in for, in the order of these: states that start as numbers have none."""
    block = use.block
    if not isinstance(block, Recurrent):
        return list(range(len(use.graph.inputs)))
    whole = len(block.sequences) + len(block.given)
    return [*range(whole), *(whole + i for i, s in enumerate(block.states) if isinstance(s.initial, Value))]


def _input_names(use: BlockUse) -> list[str]:
    """As declared; without a declaration, as the values are called."""
    names = [v.name if v.name.isidentifier() and v.name != "_" else "x" for v in use.graph.inputs]
    rows = rows_of(use)
    initial = {r.initial.id for r in rows if isinstance(r, syntax.StateRow) and isinstance(r.initial, syntax.Name)}
    items = [(i.name.id, r.given) for r in rows if isinstance(r, syntax.InputRow) for i in r.items]
    declared = [word for word, given in items if not given and word not in initial]
    declared += [word for word, given in items if given and word in names]  # a start alone is none
    if use.definition and not declared and len(names) - len(getattr(use.block, "states", ())) == 1:
        declared = ["x"]
    return [*declared, *names[len(declared) :]]


def _is_scalar(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return bool(value) and all(_is_scalar(v) and not isinstance(v, tuple | list) for v in value)
    return isinstance(value, int | float)


def _name_axes(use: BlockUse) -> None:
    taken = {use.dialect.identifier(word) for word in use.settings}
    places = _coming_in(use)
    for i in places:
        value = use.graph.inputs[i]
        prefix = "in" if len(places) == 1 else use.dialect.identifier(use.inputs[value])
        for j, axis in enumerate(axis_names(use, i)):
            argument = unused(f"{prefix}_{axis}", taken, first=2)
            taken.add(argument)
            use.places[argument] = (i, j)
            if argument not in use.hidden:
                use.axes[argument] = (i, j)
                if isinstance(value.shape[j], int):
                    use.env[argument] = value.shape[j]


# ---------------------------------------------------------------- running the body on traced sizes


def trace(
    use: BlockUse, class_of: ClassOf, refuse: Refuse, carried: dict[Value, TensorType] | None = None
) -> Vocabulary:
    """Fill in `ops`, `types` and `spellings`; what has no spelling goes to `refuse`.

    `carried` has the types of states that a former run has found.
    """
    names = Vocabulary(use)
    items = [i for r in rows_of(use) if isinstance(r, syntax.InputRow) and use.block is None for i in r.items]
    declared = {i.name.id: i.dims for i in items}
    for i, value in enumerate(use.graph.inputs):
        written = declared.get(use.inputs[value]) or ()
        shape = tuple(
            _as_written(e, written[j], use, names) if j < len(written) else _named_extent(use, i, j, e)
            for j, e in enumerate(value.shape)
        )
        use.types[value] = names.arrows[use.inputs[value]] = value.type.with_shape(*shape)
        names.name_sizes(value)
    _name_states(use, names)
    use.types |= carried or {}
    before = Before(use)
    use.branches = list(branches_in(use))
    for node in use.graph.nodes:
        turn = enter(use, names, node)
        previous = before(node)
        names.arrows.pop("_", None)
        names.arrows |= {"_": previous} if previous else {}
        types = _block(use, names, node, class_of) if isinstance(node.op, Block) else _op(use, names, node, refuse)
        try:
            freeze(use, node)
        except Unsupported as problem:
            refuse(problem, node)
        for value, type_ in zip(node.results, types, strict=True):
            ends = turn is not None and value in turn.ends
            use.types[value] = settled_type(_merged(type_, value.type), turn, names, last=ends)
        names.arrows[node.name] = names.arrows[node.name.split(".")[0]] = use.types[node.results[0]]
    enter(use, names, None)
    return names


def _named_extent(use: BlockUse, i: int, j: int, extent: Any) -> Any:
    argument = next((a for a, at in use.axes.items() if at == (i, j)), None)
    return Sized(extent, name(argument)) if argument and isinstance(extent, int) else extent


def _name_states(use: BlockUse, names: Vocabulary) -> None:
    """The axes of states are what their `state` rows say, and the steps of a recurrent block what `steps` says."""
    if isinstance(use.block, Recurrent) and use.block.length is not None:
        said = next((p.count for p in parts_of(rows_of(use)) if isinstance(p, syntax.StepsRow)), None)
        use.length = _as_written(use.block.length, said, use, names)
    rows = {r.name.id: r.dims for r in rows_of(use) if isinstance(r, syntax.StateRow) and r.dims}
    for state in (*getattr(use.block, "states", ()), *use.kept):
        dims = rows.get(state.name, ())
        if len(dims) == state.current.type.rank:
            shape = tuple(_as_written(v, d, use, names) for v, d in zip(state.current.shape, dims, strict=True))
            use.types[state.current] = names.arrows[state.current.name] = state.current.type.with_shape(*shape)


def carried_sizes(use: BlockUse) -> dict[Value, TensorType]:
    """The types of states whose rows say no sizes, where what a step makes of them has sizes in an author's words."""
    found = {}
    for state in getattr(use.block, "states", ()):
        known, made = use.types.get(state.current), use.types.get(state.following)
        if known is not None and made is not None and any(_is_worded(e, use) for e in made.shape):
            pairs = zip(known.shape, made.shape, strict=True)
            found[state.current] = known.with_shape(*(m if _is_worded(m, use) else k for k, m in pairs))
    return {v: t for v, t in found.items() if not names_in(use.types[v].shape).isdisjoint(use.axes)}


def _is_worded(extent: Any, use: BlockUse) -> bool:
    """Whether a size follows settings alone, in a way that can be said."""
    return isinstance(extent, Sized) and not is_unsaid(extent.term) and extent.term.names().isdisjoint(use.axes)


def _as_written(value: Any, written: Any, use: BlockUse, names: Vocabulary) -> Any:
    """A value with the author's expression for it, when that comes to the same; else with the names that it follows."""
    if isinstance(value, tuple) and isinstance(written, syntax.TupleOf | syntax.ListOf):
        if len(value) == len(written.items):
            return tuple(_as_written(v, w, use, names) for v, w in zip(value, written.items, strict=True))
    term = names.term(written) if isinstance(value, int | float) and written is not None else None
    parts = list(parts_of(written))
    words = {id(p) for p in parts if isinstance(p, syntax.Name)}
    if term is not None and term.holds(value, use.env):
        if isinstance(value, bool):
            use.truths.append(term)
        measured = any(isinstance(p, syntax.Attribute) for p in parts)  # a size may come from elsewhere in other uses
        again = traced(value, term, not measured)
        (names.as_words if again is not value or not _is_setting(parts, use) else names.as_numbers).update(words)
        return again
    names.as_numbers.update(words)
    if isinstance(value, bool | str):
        use.baked |= names.sources(written)
    return _following(value, names.sources(written))


def _is_setting(parts: Sequence[Any], use: BlockUse) -> bool:
    return any(isinstance(p, syntax.Name) and p.id in use.settings for p in parts)


def _following(value: Any, sources: set[str]) -> Any:
    """A value of which only the names are known that it follows."""
    if not sources:
        return value
    if isinstance(value, tuple):
        return tuple(_following(v, sources) for v in value)
    return traced(value, unsaid(sources))


def _merged(found: TensorType, stated: TensorType) -> TensorType:
    """The stated type, its numbers with the terms that were found."""
    if found.rank != stated.rank:
        return stated
    pairs = zip(found.shape, stated.shape, strict=True)
    return stated.with_shape(*(f if isinstance(f, Sized) and isinstance(s, int) and f == s else s for f, s in pairs))


def _op(use: BlockUse, names: Vocabulary, node: Node, refuse: Refuse) -> tuple[TensorType, ...]:
    op = node.op
    assert isinstance(op, Op)
    fields = _fields(op, {v: Value(v.name, use.types[v]) for v in node.inputs}, node, use, names)
    if isinstance(op, WeightOf) and node.keyed is None:
        fields["shape"] = _shape_of(use, node.owner, op)
    again, types = _traced_op(op, fields, node)
    use.ops[node] = again
    try:
        use.spellings[node] = spelling = spelt(use.dialect, again)
    except (Unsupported, RuleError) as problem:
        refuse(problem, node)
        return types
    settings = {f.name for f in op.settings()}
    plainly = isinstance(op, Elementwise) and not any(names_in((v,)) for k, v in fields.items() if k in settings)
    if names_in_fields(fields) and not plainly:
        key = type(op), tuple(names.turn), *((k, asked(v)) for k, v in fields.items())
        if key not in use.asked:
            use.asked[key] = strays(op, fields, (types, spelling), use.dialect, use.env)
        found = use.asked[key]
        use.baked |= found.names
        types = tuple(_marked(use, t, row) for t, row in zip(types, found.sizes, strict=True))
    return gathered_types(use, node, types)


def _marked(use: BlockUse, type_: TensorType, row: Sequence[set[str]]) -> TensorType:
    """A type whose sizes follow names in a way that no term tells; of symbolic sizes that is noted apart."""
    shape = []
    for extent, names in zip(type_.shape, row, strict=True):
        if names and isinstance(extent, Dim):
            use.symbolic.setdefault(extent, set()).update(names)
        shape.append(_following(int(extent), names) if names and isinstance(extent, int) else extent)
    return type_.with_shape(*shape)


def _traced_op(op: Op, fields: dict[str, Any], node: Node) -> tuple[Op, tuple[TensorType, ...]]:
    """The operation on traced sizes, and its results."""
    try:
        again = type(op)(**fields)
        return again, result_types(again)
    except (RuleError, TypeError, ValueError, ArithmeticError):  # a fact that cannot be traced stays a number
        sources = names_in_fields(fields)
        shapes = [r.type.with_shape(*(_following(e, sources) for e in r.type.shape)) for r in node.results]
        return op, tuple(shapes)


def _shape_of(use: BlockUse, owner: Node, op: WeightOf) -> tuple[int, ...]:
    """The shape of a weight that another layer owns, in the names that the layer is made with."""
    if isinstance(owner.op, Op):
        return next(w.shape for w in use.ops[owner].weights() if w.name == op.key)
    made = use.spellings[owner].module
    assert made is not None
    shape: tuple[int, ...] = _following(op.shape, names_in((*made.arguments, *made.keywords.values())))
    return shape


def _fields(op: Op, known: dict[Value, Value], node: Node, use: BlockUse, names: Vocabulary) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for declared in op.fields:
        value = getattr(op, declared.name)
        if declared.kind is not None:
            place = node.written.get(declared.name)
            written = None if place is None else use.written.expressions.get(place)
            if declared.name == "shape":
                written = written or names.frees.get((node.span.start, node.span.end))
            given[declared.name] = _as_written(value, written, use, names)
        elif declared.many:
            given[declared.name] = tuple(known[v] for v in value)
        else:
            given[declared.name] = known[value] if value is not None else None
    return given


def _block(use: BlockUse, names: Vocabulary, node: Node, class_of: ClassOf) -> tuple[TensorType, ...]:
    stated = tuple(r.type for r in node.results)
    assert isinstance(node.op, Block)
    owner = node.owner.op
    assert isinstance(owner, Block)
    built, inner = class_of(owner)
    meanings = _meanings(use, names, node, inner)
    if node.shares is None:
        use.calls[node] = (built, inner)
        use.spellings[node] = Spelling(module=_construct(built, meanings))
    elif [v.type for v in node.op.body.inputs] != [v.type for v in inner.graph.inputs]:
        sources = set().union(*(names_in(use.types[v].shape) for v in node.inputs))
        return tuple(t.with_shape(*(_following(e, sources) for e in t.shape)) for t in stated)
    _note_decisions(use, inner, meanings)
    inside = [inner.types[o.value] for o in inner.graph.outputs]
    made = (_outside(t, meanings, s) for t, s in zip(inside, stated, strict=True))
    return tuple(made if inner.length is None else (_counted(t, inner.length, meanings) for t in made))


def _counted(result: TensorType, length: Any, meanings: dict[str, Any]) -> TensorType:
    """The type of what a block gives that takes so many steps, with their number in the words of the caller."""
    terms = {n: term_of(v) for n, v in meanings.items() if isinstance(v, int | float)}
    if not isinstance(length, Sized):
        return result
    return result.with_shape(traced(int(length), replaced(length.term, terms)), *result.shape[1:])


def _meanings(use: BlockUse, names: Vocabulary, node: Node, inner: BlockUse) -> dict[str, Any]:
    """What the names of a block's body mean here: its settings as they are written, its axes as they come in."""
    meanings = dict(inner.env)
    defaults = {p.name.id: p.default for p in inner.parameters}
    written = use.written.given(node.written)
    for word in inner.settings:
        argument = use.dialect.identifier(word)
        if word in written:
            value = meanings.get(argument, inner.settings[word])
            meanings[argument] = _as_written(value, written[word], use, names)
        elif defaults.get(word) is not None and isinstance(inner.settings[word], bool | str):
            use.baked |= _behind(defaults[word], inner, meanings)
        elif defaults.get(word) is not None and argument in meanings:
            meanings[argument] = _by_default(meanings[argument], defaults[word], inner, meanings)
        elif argument in inner.hidden:
            meanings[argument] = inner.settings[word]
    stepped = len(node.op.sequences) if isinstance(node.op, Recurrent) else 0
    coming_in = dict(zip(_coming_in(inner), node.inputs, strict=True))
    for argument, (i, j) in inner.places.items():
        offset = 1 if i < stepped else 0  # a recurrent block's body sees one step of a sequence
        outer = use.types[coming_in[i]].shape
        if j + offset < len(outer) and isinstance(outer[j + offset], int):
            meanings[argument] = outer[j + offset]
    for extra, behind in inner.origins.items():
        sources = set().union(*(names_in((meanings.get(n, 0),)) for n in behind))
        meanings[extra] = _following(meanings[extra], sources)
    return meanings


def _by_default(value: Any, default: Any, inner: BlockUse, meanings: dict[str, Any]) -> Any:
    """A setting left out, whose default follows those before it: `mid = 4 * c`."""
    words = {p.name.id for p in inner.parameters}
    said = {w: name(inner.dialect.identifier(w)) for w in words}
    term = translate(default, said.get, lambda *_: None, lambda _: None)
    outside = {n: term_of(v) for n, v in meanings.items()}
    if term is None:
        return _following(value, _behind(default, inner, meanings))
    return traced(value, replaced(term, outside))


def _behind(default: Any, inner: BlockUse, meanings: dict[str, Any]) -> set[str]:
    """The caller's names that the default of a setting follows."""
    read = {
        inner.dialect.identifier(p.id)
        for p in parts_of(default)
        if isinstance(p, syntax.Name) and p.id in inner.settings
    }
    return {n for word in read for n in names_in((meanings.get(word, 0),))}


def _note_decisions(use: BlockUse, inner: BlockUse, meanings: dict[str, Any]) -> None:
    """What the block has as plain numbers, and the conditions it was made for, in the names of the caller."""
    for behind in inner.hidden | inner.reached | inner.baked:
        use.baked |= names_in((meanings.get(behind, 0),))
    outside = {n: term_of(v) for n, v in meanings.items() if isinstance(v, int | float)}
    for term in inner.decisions:
        again = replaced(term, outside)
        if settled(again) is None:
            use.decisions.append(again)


def _construct(built: Built, meanings: dict[str, Any]) -> Made:
    placed = [a.name for a in built.arguments if not a.optional and a.kind != "extra"]
    named = {a.name: meanings[a.name] for a in built.arguments if a.name not in placed}
    return Made(built.name, tuple(meanings[n] for n in placed), named)


def _outside(inner: TensorType, meanings: dict[str, Any], stated: TensorType) -> TensorType:
    """A result's type in the words of the caller; a recurrent block puts the steps in front."""
    shape = list(stated.shape[: stated.rank - inner.rank])
    terms = {n: term_of(v) for n, v in meanings.items() if isinstance(v, int | float)}
    for found, extent in zip(inner.shape, stated.shape[len(shape) :], strict=True):
        if isinstance(found, Sized) and isinstance(extent, int):
            shape.append(traced(extent, replaced(found.term, terms)))
        else:
            shape.append(extent)
    return stated.with_shape(*shape)
