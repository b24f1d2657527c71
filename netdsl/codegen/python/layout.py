"""What a body becomes: attributes to construct, and steps to run, before any of it is text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from netdsl.codegen.python.authored import Vocabulary
from netdsl.codegen.python.branches import taking_list
from netdsl.codegen.python.dialect import Dialect
from netdsl.codegen.python.freezing import as_one, is_frozen
from netdsl.codegen.python.handed import common_access, stands_alone
from netdsl.codegen.python.loops import LayerRun, runs_of
from netdsl.codegen.python.phases import gather_phases, made_inside
from netdsl.codegen.python.spelling import Branched, Either, Infix, Kept, Made, Operand, Raw, Repeated, Spelling
from netdsl.codegen.python.starts import begun
from netdsl.codegen.python.steps import (
    ClassLayout,
    ForwardCall,
    applied,
    follows,
    owns_module,
    parameter,
)
from netdsl.codegen.python.terms import plain
from netdsl.codegen.python.text import unused
from netdsl.codegen.python.turns import lay_branches, plans_of
from netdsl.codegen.python.uses import BlockUse, LentLayer
from netdsl.dims import Dim
from netdsl.dims.tensors import Init, Value, Weight
from netdsl.graph import Block, Node, joined
from netdsl.ops.base import Op


def lay_out(use: BlockUse, names: Vocabulary) -> ClassLayout:
    """The attributes and steps of a use. Its nodes have been spelt."""
    layout = ClassLayout(use, names=names)
    for key, common in use.common.items():
        _register_common(layout, key, common)
    groups = _groups(use)
    gathered = {plan.branches.nodes[0]: plan for plan in plans_of(use)}
    in_turns = {n for plan in gathered.values() for n in plan.branches.nodes}
    groups = {p: nodes for p, nodes in groups.items() if in_turns.isdisjoint(nodes)}
    counts = _uses(use)
    repeats = [run for run in runs_of(use, names, counts) if in_turns.isdisjoint(run.nodes)]
    loops = {run.nodes[0]: run for run in repeats if not run.prefix}
    chains = {p: c for p, c in ((p, _chain(use, p, nodes, counts)) for p, nodes in groups.items()) if c}
    inside = {n: p for p, chain in chains.items() for n in chain}
    runs = dict(_shared_runs(use, chains, counts))
    done: set[Node] = set()
    for node in use.graph.nodes:
        if node in done or (node not in use.spellings and node.shares is None):
            continue
        if node in gathered:
            done.update(gathered[node].branches.nodes)
            lay_branches(layout, gathered[node])
        elif node in inside:
            done.update(chains[inside[node]])
            _lay_chain(layout, inside[node], chains[inside[node]], repeats)
        elif node in loops:
            done.update(loops[node].nodes)
            _lay_loop(layout, loops[node])
        elif node in runs:
            prefix, run = runs[node]
            done.update(run)
            layout.steps.append(_call(run[-1], use.dialect.attribute(prefix), run[0].inputs, prefix, run))
        else:
            _lay_node(layout, node, groups, chains)
    gather_phases(layout)
    return layout


def called_in_order(use: BlockUse, step: ForwardCall) -> bool:
    """Whether it calls a module with running statistics that other steps call too: the order of these is the text's."""
    again = {n.shares for n in use.graph.nodes if n.shares}
    return any(n.owner in again and any(w.buffer for w in _owned(n)) for n in step.row)


def _owned(node: Node) -> Iterator[Weight]:
    if isinstance(node.op, Block):
        yield from (w for _, w in node.op.body.weights())
    else:
        yield from node.op.weights()


def _groups(use: BlockUse) -> dict[str, list[Node]]:
    """Rows of several layers that own weights, by label, with all of their layers."""
    rows: dict[str, list[Node]] = {}
    for node in use.graph.nodes:
        label, dot, _ = node.name.partition(".")
        if dot:
            rows.setdefault(label, []).append(node)
    return {p: nodes for p, nodes in rows.items() if any(_makes(n) for n in nodes)}


def _makes(node: Node) -> bool:
    return node.shares is None and node.keyed is None and node.is_module()


# ---------------------------------------------------------------- chains


def _chain(use: BlockUse, prefix: str, nodes: list[Node], uses: dict[Value, int]) -> list[Node]:
    """The layers of a row as one sequence that holds every module of the row; [] when they are not one."""
    modules = [i for i, n in enumerate(nodes) if owns_module(use, n)]
    first, last = modules[0], modules[-1]
    while first > 0 and _linked(use, nodes[first - 1], nodes[first], uses):
        first -= 1
    while last + 1 < len(nodes) and _linked(use, nodes[last], nodes[last + 1], uses):
        last += 1
    chain = nodes[first : last + 1]
    fits = all(_linked(use, a, b, uses) for a, b in pairwise(chain))
    single = len(chain[0].inputs) == 1 and len(chain[-1].results) == 1
    named = all(_is_key(use, n.name[len(prefix) + 1 :]) for n in chain)
    free = any(use.spellings[n].parameter or use.spellings[n].buffer for n in chain if n in use.spellings)
    return chain if fits and single and named and not free else []


def _uses(use: BlockUse) -> dict[Value, int]:
    """How often each value is read, outputs included."""
    counts: dict[Value, int] = {}
    states = [s.following for s in getattr(use.block, "states", ())]
    for value in [v for n in use.graph.nodes for v in n.inputs] + [o.value for o in use.graph.outputs] + states:
        counts[value] = counts.get(value, 0) + 1
    return counts


def _linked(use: BlockUse, before: Node, after: Node, uses: dict[Value, int]) -> bool:
    """Whether two layers can stand side by side in one sequence of modules."""
    for node in (before, after):
        spelling = use.spellings.get(node)
        if node.shares is not None or spelling is None or spelling.module is None or spelling.use:
            return False
        if stands_alone(use, node):
            return False
    return len(before.results) == 1 and after.inputs == before.results and uses[before.results[0]] == 1


def _shared_runs(
    use: BlockUse, chains: dict[str, list[Node]], counts: dict[Value, int]
) -> Iterator[tuple[Node, tuple[str, list[Node]]]]:
    """Further uses of a chain of shared layers, by their first layer."""
    sharing = [n for n in use.graph.nodes if n.shares is not None]
    for prefix, chain in chains.items() if sharing else ():
        anchor = next(i for i, n in enumerate(chain) if owns_module(use, n))
        for node in sharing:
            if node.shares is chain[anchor]:
                run = _matching_run(use, chain, anchor, node, counts)
                if run:
                    yield run[0], (prefix, run)


def _matching_run(use: BlockUse, chain: list[Node], anchor: int, node: Node, counts: dict[Value, int]) -> list[Node]:
    producers = use.graph.producer()
    run = [node]
    while len(run) <= anchor:
        before = producers.get(run[0].inputs[0])
        if before is None:
            return []
        run.insert(0, before)
    while len(run) < len(chain):
        after = next((n for n in use.graph.nodes if n.inputs == run[-1].results), None)
        if after is None or counts[run[-1].results[0]] != 1:
            return []
        run.append(after)
    same = all(r.kind == c.kind and (r.shares is c or not c.is_module()) for r, c in zip(run, chain, strict=True))
    return run if same else []


# ---------------------------------------------------------------- attributes and steps


def _call(node: Node, access: str, inputs: tuple[Value, ...], label: str, row: list[Node]) -> ForwardCall:
    made = Made(access, tuple(Operand(i) for i in range(len(inputs))))
    return ForwardCall(node, made, inputs, node.results, label, label, row=tuple(row))


def _lay_loop(layout: ClassLayout, run: LayerRun) -> None:
    last, loop = run.nodes[-1], run.repeated
    layout.attributes[f"{loop.base}{loop.start}"] = loop
    layout.access.update((n, layout.use.dialect.attribute(n.name)) for n in run.nodes)
    layout.followed.add(id(run.decisive))
    turn = Made("for", run.turn)
    layout.steps.append(ForwardCall(last, turn, run.inputs, last.results, loop.base, row=tuple(run.nodes), loop=loop))


def _row_of(layout: ClassLayout, prefix: str, names: dict[Node, str], repeats: Sequence[LayerRun]) -> Made | Either:
    """The modules of a chain by name; layers that a count repeats as one item."""
    use = layout.use
    modules: dict[str, Any] = {names[n]: use.spellings[n].module for n in names}
    row = [n for n in use.graph.nodes if n.name.startswith(f"{prefix}.")]
    runs = [run for run in repeats if run.prefix == prefix and set(run.nodes) <= names.keys()]
    special = runs[0].alone(row, names) if len(runs) == 1 else None
    if special is None:
        return _sequence(use, modules)
    (run,), (number, only) = runs, special
    layout.followed.add(id(run.decisive))
    kept = {k: v for k, v in modules.items() if k not in {names[n] for n in run.nodes[1:]}}
    kept[names[run.nodes[0]]] = run.repeated
    several = _sequence(use, kept)
    alone = use.spellings[only].module if only else None
    return Either(run.repeated.count, number, alone, several) if alone else several


def _sequence(use: BlockUse, modules: dict[str, Any]) -> Made:
    return Made(use.dialect.sequence, (Made("OrderedDict", (), modules),))


def _lay_chain(layout: ClassLayout, prefix: str, chain: list[Node], repeats: Sequence[LayerRun]) -> None:
    names = {n: n.name[len(prefix) + 1 :] for n in chain}
    row = _row_of(layout, prefix, names, repeats)
    layout.attributes[prefix] = as_one(row) if is_frozen(layout.use, *filter(Node.owns_weights, chain)) else row
    access = layout.use.dialect.attribute(prefix)
    for node in chain:
        layout.access[node] = f"{access}.{names[node]}"
        _note_inits(layout, node)
    layout.steps.append(_call(chain[-1], access, chain[0].inputs, prefix, chain))


def _lay_node(layout: ClassLayout, node: Node, groups: dict[str, list[Node]], chains: dict[str, list[Node]]) -> None:
    use = layout.use
    if owns_module(use, node):
        _register(layout, node, groups, chains)
    if node.keyed in use.borrowed:
        expression = applied(use, node, common_access(use, node.keyed))
    elif node.owner in layout.access:
        expression = applied(use, node, layout.access[node.owner])
    else:
        called = use.spellings[node].call
        assert called is not None
        expression = called
    inputs = node.inputs
    if inputs in layout.lists:
        expression, inputs = taking_list(expression), (layout.lists[inputs],)
    layout.steps.append(
        ForwardCall(node, expression, inputs, node.results, node.name, follows=follows(node), row=(node,))
    )


def _register(layout: ClassLayout, node: Node, groups: dict[str, list[Node]], chains: dict[str, list[Node]]) -> None:
    """Give a layer its place among the attributes: on its own, or in the table of its row."""
    spelling, dialect = layout.use.spellings[node], layout.use.dialect
    if spelling.buffer:
        attribute = _free_name(layout, node)
        layout.attributes[attribute] = Kept(spelling.buffer)
        layout.access[node] = dialect.attribute(attribute)
        return
    made = parameter(layout.use, node) if spelling.parameter else spelling.module
    prefix, _, rest = node.name.partition(".")
    assert made is not None
    if prefix in groups and rest and (node.is_module() or prefix not in chains):
        outer, _, last = node.name.rpartition(".")
        table, access = _table(layout, outer)
        if dialect.is_spoken_for(last):
            layout.attributes[node.name], layout.access[node] = made, dialect.attribute(node.name)
        else:
            table[last], layout.access[node] = made, f'{access}["{last}"]'
        _note_inits(layout, node)
        return
    attribute = node.name if not rest else unused(dialect.identifier(node.name), layout.attributes)
    layout.attributes[attribute] = made
    layout.access[node] = dialect.attribute(attribute, spelling.parameter)
    _note_inits(layout, node)


def _register_common(layout: ClassLayout, key: str, common: LentLayer) -> None:
    """A layer that all nets of the file share is an attribute of the net, whatever applies it."""
    spelling, node = common.spelling, common.node
    made = parameter(common.use, node) if spelling.parameter else spelling.module
    layout.attributes[key] = settled_numbers(made)
    if isinstance(node.op, Op):
        inits, shapes = begun(spelling, node.op)
        path = layout.use.dialect.attribute(key)
        layout.inits += [(joined(path, name), init, plain(shapes[name])) for name, init in inits.items()]


def settled_numbers(made: Any) -> Any:
    """What makes a layer, its numbers without the names that they follow in the class where it was spelt."""
    if isinstance(made, Made):
        keywords = {k: settled_numbers(v) for k, v in made.keywords.items()}
        return replace(made, arguments=tuple(map(settled_numbers, made.arguments)), keywords=keywords)
    return plain(made)


def _free_name(layout: ClassLayout, node: Node) -> str:
    """The attribute of a constant: nothing outside the source knows it, so that it makes way for all others."""
    dialect, word = layout.use.dialect, layout.use.dialect.identifier(node.name)
    taken = {*layout.attributes, *(n.name for n in layout.use.graph.nodes if n is not node)}
    return unused(word if dialect.is_plain(word) else f"{word}_", taken)


def _table(layout: ClassLayout, path: str) -> tuple[dict[str, Any], str]:
    """What the table of a row holds, or that of a row inside its value, and how `forward` reaches it."""
    outer, _, last = path.rpartition(".")
    beside, access = _table(layout, outer) if outer else ({}, "")
    dialect = layout.use.dialect
    made: Any = Made(dialect.table, (Made("{}", (), {}),))
    if not outer or dialect.is_spoken_for(last):
        made, access = layout.attributes.setdefault(path, made), dialect.attribute(path)
    else:
        made, access = beside.setdefault(last, made), f'{access}["{last}"]'
    return made.arguments[0].keywords, access


def _is_key(use: BlockUse, rest: str) -> bool:
    plain = "." not in rest and use.dialect.is_plain(rest)
    return plain and rest not in use.dialect.container_attributes


def _note_inits(layout: ClassLayout, node: Node) -> None:
    """Keep how its weights start, where the module's own way is not meant."""
    path = layout.access[node]
    spelling = layout.use.spellings[node]
    op = node.op
    if isinstance(op, Block):
        return
    inits, shapes = begun(spelling, op)
    for name, init in inits.items():
        layout.inits.append((joined(path, name), init, shapes[name]))


# ---------------------------------------------------------------- sameness


def form(value: Any, dialect: Dialect) -> Any:
    """The structure of an expression: everything but the values that an argument could stand for."""
    if isinstance(value, Made):
        defaults = dialect.defaults(value.function)
        keywords = tuple((k, form(v, dialect)) for k, v in value.keywords.items() if k not in defaults)
        return value.function + value.after, tuple(form(a, dialect) for a in value.arguments), keywords
    if isinstance(value, Branched):
        return value.table, tuple((t.key, t.free, form(t.made, dialect), _started(t.starts)) for t in value.items)
    if isinstance(value, Kept):
        return "kept", form(value.made, dialect)
    if isinstance(value, Repeated):
        return "repeated", value.base, value.start, form(value.item, dialect)
    if isinstance(value, Either):
        return value.number, form(value.alone, dialect), form(value.several, dialect)
    if isinstance(value, Infix):
        return value.template, len(value.values)
    if isinstance(value, Operand | Raw):
        return value
    return "size" if isinstance(value, Dim) else "value"


def _batches(step: ForwardCall) -> tuple[bool, ...]:
    """Which operands have a batch, where the step has numbers: axes and sizes are counted from the batch on."""
    return tuple(v.type.batched for v in step.inputs) if _is_numbered(step.expression) else ()


def _is_numbered(value: Any) -> bool:
    if isinstance(value, Made):
        return any(map(_is_numbered, (*value.arguments, *value.keywords.values())))
    if isinstance(value, Infix):
        return any(map(_is_numbered, value.values))
    if isinstance(value, tuple | list):
        return any(map(_is_numbered, value))
    return isinstance(value, int | Dim) and not isinstance(value, bool)


def _started(starts: Sequence[tuple[str, Init, Any]]) -> tuple[Any, ...]:
    return tuple((path, init.kind, init.values) for path, init, _ in starts)


def form_of(layout: ClassLayout, without: frozenset[str], opaque: frozenset[str] = frozenset()) -> tuple[Any, ...]:
    """The structure of a layout.

    Rows in `without` count as if their value were what they read; of rows in `opaque` only the place counts.
    """
    use, dialect = layout.use, layout.use.dialect
    hidden = without | opaque
    number: dict[Value, Any] = {v: i for i, v in enumerate(use.graph.inputs)}
    steps = []
    for step in layout.steps:
        if step.label in without:
            number[step.results[0]] = number[step.inputs[0]]
            continue
        reads = tuple(number[v] for v in step.inputs)
        told = form(step.expression, dialect), _batches(step)
        steps.append((step.label, told, reads, step.follows, len(step.results)))
        number.update({v: (step.label, i) for i, v in enumerate([*step.results, *made_inside(step)])})
    attributes = tuple((a, form(m, dialect)) for a, m in layout.attributes.items() if a not in hidden)
    rows = tuple(f"{dialect.attribute(label)}." for label in hidden)
    inits = _started([start for start in layout.inits if not start[0].startswith(rows)])
    outputs = tuple((o.name, number[o.value]) for o in use.graph.outputs)
    states = tuple(
        (s.name, number[s.current], number[s.following], s.initial if isinstance(s.initial, int | float) else "given")
        for s in getattr(use.block, "states", ())
    )
    inputs = tuple((use.inputs[v], v.type.rank, v.type.dtype) for v in use.graph.inputs)
    return inputs, tuple(steps), attributes, inits, outputs, states, form(use.length, dialect), use.borrowed


__all__ = ["ClassLayout", "ForwardCall", "Spelling", "form", "form_of", "lay_out", "owns_module"]
