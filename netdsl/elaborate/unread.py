"""What is named and never read: settings, `let`, `param`, `const`, `shared` and `state` rows, and names of a `use`.

The text alone tells: what one branch of an `if` reads is read, whichever of the branches is taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import netdsl.elaborate.compared as compared
from netdsl.base.recent import RecentOf
from netdsl.elaborate.context import Site
from netdsl.elaborate.files import Module
from netdsl.graph import Net
from netdsl.text import syntax
from netdsl.text.source import Span, is_library

CODE = "unread-name"

PARTS: dict[type, tuple[str, ...]] = {
    syntax.Argument: ("value",),
    syntax.Attribute: ("value",),
    syntax.Claim: ("dims",),
    syntax.ConstRow: ("dims", "start"),
    syntax.Definition: ("parameters", "body"),
    syntax.Each: ("items", "body"),
    syntax.ForRow: ("items", "body"),
    syntax.InputItem: ("dims",),
    syntax.LayerRow: ("pipeline",),
    syntax.LetRow: ("value",),
    syntax.NextRow: ("pipeline",),
    syntax.Parameter: ("default",),
    syntax.ParamRow: ("dims", "init"),
    syntax.RecipePart: ("rows", "parts"),
    syntax.RecipeRow: ("value",),
    syntax.Train: ("rows", "parts"),
    syntax.SetRow: ("arguments",),
    syntax.SizedSymbol: ("size",),
    syntax.StateRow: ("dims", "initial"),
    syntax.Use: (),
}
"""The parts of a node that read: here those of nodes that name something themselves; of others every part does."""

KINDS: dict[type, str] = {
    syntax.ConstRow: "const",
    syntax.LetRow: "let",
    syntax.ParamRow: "param",
    syntax.StateRow: "state",
}
"""What rows are called that name something to be read."""

CALLED = {
    "setting": "the setting ",
    "let": "",
    "param": "the param ",
    "const": "the constant ",
    "shared": "the shared layer ",
    "state": "the state ",
    "use": "",
}
"""How each is called in a message."""

WAYS = {
    "setting": "read it in a row, or take it away here and where it is given",
    "let": "read it in a row, or take it away",
    "param": "read it in a row, as in `_ + {0}`, or take it away: as it stands nothing trains it",
    "const": "read it in a row, as in `_ * {0}`, or take it away",
    "shared": "apply it, as in `x -> {0}` for an arrow `x`, or take it away",
    "state": "read it in a row, or take it away with its `next {0}:`",
    "use": "take it out of the braces",
}
"""What to do about a name that nothing reads, by what it is."""


class Announced(NamedTuple):
    """A name with what it is, and where that is not seen by it, of which definition."""

    what: str
    name: syntax.Name
    of: str = ""


class Parts(NamedTuple):
    """All that is inside a part of a tree."""

    nodes: list[object]
    names: frozenset[str]
    """Those that are read."""


PARTS_OF: RecentOf[Parts] = RecentOf(256)
"""Of the definitions and sections that were looked through last; their trees are kept, too."""


def _parts_of(item: object) -> Parts:
    nodes = _read((item,))
    return Parts(nodes, frozenset(_names(nodes)))


def warn(site: Site, module: Module, net: Net) -> None:
    """Warn of the names in a net, in the author's blocks that it uses and at the top of its file."""
    if net.broken:
        return
    for definition in net.written.definitions.values():
        if not is_library(definition.span.source.name) and _first_look(site, definition.span):
            parts = PARTS_OF.get(definition, _parts_of)
            recipes = module.trains.get(definition.name.id, ())  # what reads a setting there is told otherwise
            if any(site.library.damaged_within(train.span) for train in recipes):
                continue
            read = parts.names.union(*(PARTS_OF.get(train, _parts_of).names for train in recipes))
            _warn_unread(site, _inside(definition, parts.nodes), read)
            compared.warn(site, definition, parts.nodes, module.let_names)
    if not site.library.damage and _first_look(site, module.key):
        names = (PARTS_OF.get(item, _parts_of).names for item in module.file.items)
        _warn_unread(site, _at_top(module), frozenset[str]().union(*names))


def _first_look(site: Site, at: Span | str) -> bool:
    """True once for a definition or a file."""
    known = site.library.looked_through
    found = at not in known
    known.add(at)
    return found


def measuring(definition: syntax.Definition) -> set[str]:
    """The inputs of a block that are there for their sizes: a name that only the shape of one has is read elsewhere."""
    rows = definition.body.rows
    shapes = {i.name.id: _names(_read(i.dims or ())) for r in rows if isinstance(r, syntax.InputRow) for i in r.items}
    count = Counter(name for names in shapes.values() for name in names)
    read = _names(_read([r for r in rows if not isinstance(r, syntax.InputRow)], claims=False))
    return {of for of, names in shapes.items() if any(count[name] == 1 for name in names & read)}


def _warn_unread(site: Site, named: Iterable[Announced], read: Collection[str]) -> None:
    for what, name, of in named:
        if name.id not in read:
            message = f"nothing reads {CALLED[what]}`{name.id}`{of}"
            site.errors.collector.warn(CODE, message, name.span, help=WAYS[what].format(name.id))


def _inside(definition: syntax.Definition, nodes: Iterable[object]) -> Iterator[Announced]:
    """What a net or a block names. The states of a net are asked of its graph, where they are outputs too."""
    of = f" of `{definition.name.id}`"
    yield from (Announced("setting", p.name, of) for p in definition.parameters)
    for row in nodes:
        if isinstance(row, syntax.LayerRow) and row.shared:
            yield Announced("shared", row.names[0])
        elif type(row) in KINDS and not (isinstance(row, syntax.StateRow) and definition.keyword == "net"):
            yield Announced(KINDS[type(row)], row.name)  # type: ignore[attr-defined]


def _at_top(module: Module) -> Iterator[Announced]:
    for item in module.file.items:
        if isinstance(item, syntax.LetRow):
            yield Announced("let", item.name)
        elif isinstance(item, syntax.LayerRow):
            yield Announced("shared", item.names[0])
        elif isinstance(item, syntax.Use):
            yield from (Announced("use", n) for n in item.names)


def _names(nodes: Iterable[object]) -> set[str]:
    return {node.id for node in nodes if isinstance(node, syntax.Name)}


def _read(nodes: Iterable[object], claims: bool = True) -> list[object]:
    """Some parts of a tree with all that is inside them, without the names that they give themselves."""
    left, found = list(nodes), []
    while left:
        node = left.pop()
        if type(node) is tuple:
            left.extend(node)
            continue
        if not claims and isinstance(node, syntax.Claim):
            continue
        found.append(node)
        left.extend([getattr(node, part) for part in _parts(type(node))])
    return found


def _parts(kind: type) -> tuple[str, ...]:
    """What is read of a kind of node: told once of one that names nothing itself."""
    if kind not in PARTS:
        names = getattr(kind, "__match_args__", ())
        PARTS[kind] = tuple(n for n in names if n not in ("span", "operator", "operator_span"))
    return PARTS[kind]
