"""The way out for a name that is taken, or that ends with the braces it stands in. Read when a mistake is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from netdsl.elaborate.carried import renamed
from netdsl.elaborate.context import Site
from netdsl.elaborate.lookup import find_layer
from netdsl.elaborate.values import written
from netdsl.text import syntax
from netdsl.text.diagnostics import Label
from netdsl.text.source import Span


class Chosen(NamedTuple):
    """An `if` as a row, with the row behind it."""

    choice: syntax.If
    after: syntax.BodyRow | None


def taken(site: Site, name: syntax.Name, first: Span) -> str:
    """Help for a row that is named as one above it."""
    carried = site.build.states and renamed(site, name)
    if carried:
        return carried
    new = name.span.source.unused(name.id)
    at_work = site.library.at_work
    found = enclosing(at_work[-1].body.rows, name.span) if at_work else None
    if found is None or _holds(found.choice.span, first):
        return f"call it something else, such as `{new}`, and read that below"
    text = as_value(found.choice, name.id)
    carries = found.after is not None and found.choice.otherwise is None and carries_on(site, found.after)
    if text is None or carries:
        text, also = "if … { … } else { … }", ", also in the row that follows it" if carries else ""
        return f"an `if` is a value too, which has a name: `{new}: {text}`; read `{new}` below{also}"
    return f"an `if` is a value too: write `{new}: {text}`, and read `{new}` below"


def _holds(span: Span, inner: Span) -> bool:
    return span.source is inner.source and span.start <= inner.start < span.end


def enclosing(rows: Sequence[syntax.BodyRow], place: Span) -> Chosen | None:
    """The `if` of a body in which a place lies; the outermost one."""
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        if isinstance(row, syntax.If) and _holds(row.span, place):
            return Chosen(row, after)
        if isinstance(row, syntax.ForRow) and _holds(row.span, place):
            return enclosing(row.body.rows, place)
    return None


def as_value(choice: syntax.If, name: str) -> str | None:
    """The `if` whose branches are each one row of that name, as a value; None for any other."""
    first = only(choice.then, name)
    if choice.otherwise is None:
        other: str | None = f"{{ {name} }}"
    elif choice.otherwise.rows and isinstance(inner := choice.otherwise.rows[0], syntax.If):
        other = as_value(inner, name)
    else:
        row = only(choice.otherwise, name)
        other = f"{{ {row} }}" if row is not None else None
    if first is None or other is None:
        return None
    return f"if {written(choice.condition.span)} {{ {first} }} else {other}"


def only(body: syntax.Body, name: str) -> str | None:
    """The pipeline of a body that is one row of that name."""
    row = body.rows[0] if len(body.rows) == 1 else None
    if not isinstance(row, syntax.LayerRow) or row.shared or row.bundle or [n.id for n in row.names] != [name]:
        return None
    return written(row.pipeline.span)


def carries_on(site: Site, row: syntax.BodyRow) -> bool:
    """Whether a row begins with a layer, or with `_`, and so reads the row before it."""
    if not isinstance(row, syntax.LayerRow):
        return False
    head: object = row.pipeline.stages[0]
    while isinstance(head, syntax.Call | syntax.Binary):
        head = head.function if isinstance(head, syntax.Call) else head.left
    layer = isinstance(head, syntax.Name) and not site.scope.find(head.id) and find_layer(site, head) is not None
    return layer or isinstance(head, syntax.Previous)


# ---------------------------------------------------------------- names that end with their braces


class Enclosure(NamedTuple):
    """An `if`, `for` or `each`, and whether it is a row rather than a value."""

    node: syntax.If | syntax.ForRow | syntax.Each
    row: bool


class NameGiven(NamedTuple):
    """A name with the node that gives it, and the braces that it stands in, the outermost first."""

    name: syntax.Name
    by: object
    braces: tuple[Enclosure, ...]


class Ended(NamedTuple):
    """What is said of a name that is read behind the braces that it stands in."""

    message: str
    span: Span
    help: str


def ended(site: Site, name: syntax.Name) -> Ended | None:
    """What is said of a name that stands in braces above, which have ended or are those of a branch not taken."""
    body = site.library.at_work[-1].body if site.library.at_work else None
    if name.id not in name.span.source.text[: name.span.start]:
        return None  # which spares a walk through the text
    for given in _given(body, name.id, ()):
        left = next((b for b in given.braces if not _holds(b.node.span, name.span)), None)
        first = given.name.span
        if left is not None and first.source is name.span.source and first.end <= name.span.start:
            why, help = _of_let(given, left) if isinstance(given.by, syntax.LetRow) else _of_row(given, left)
            return Ended(f"`{name.id}` means nothing here: {why}", first, help)
    return None


def _given(node: object, name: str, braces: tuple[Enclosure, ...], row: bool = False) -> Iterator[NameGiven]:
    """Everything in a part of a text that gives a name."""
    if isinstance(node, tuple):
        for part in node:
            yield from _given(part, name, braces, row)
        return
    if isinstance(node, syntax.If | syntax.ForRow | syntax.Each):
        braces = (*braces, Enclosure(node, row))
    yield from (NameGiven(word, node, braces) for word in _names(node) if word.id == name)
    for part in getattr(type(node), "__match_args__", ()):
        if part != "span":
            yield from _given(getattr(node, part), name, braces, isinstance(node, syntax.Body))


def _names(node: object) -> Sequence[syntax.Name]:
    """The names that a node itself gives."""
    if isinstance(node, syntax.LetRow | syntax.ParamRow | syntax.ConstRow):
        return (node.name,)
    if isinstance(node, syntax.ForRow | syntax.Each):
        return syntax.words_of(node.target)
    if isinstance(node, syntax.LayerRow) or (isinstance(node, syntax.OutputRow) and node.pipeline is not None):
        return node.names
    return ()


def _of_let(given: NameGiven, left: Enclosure) -> tuple[str, str]:
    """Why a `let` has ended, and the way out."""
    why = "a `let` ends with the braces that it stands in"
    if not isinstance(left.node, syntax.If):
        return why, "write it above the loop, or read it inside"
    return why, f"write `let {given.name.id} = {_chosen(left.node, given.name.id)}`"


def _chosen(choice: syntax.If, name: str) -> str:
    """An `if` whose branches name a number, as the number."""
    first, other = _number(choice.then, name), "{ 0 }"
    if choice.otherwise is not None:
        inner = choice.otherwise.rows[0] if choice.otherwise.rows else None
        other = _chosen(inner, name) if isinstance(inner, syntax.If) else f"{{ {_number(choice.otherwise, name)} }}"
    return f"if {written(choice.condition.span)} {{ {first} }} else {other}"


def _number(body: syntax.Body, name: str) -> str:
    found = [row for row in body.rows if isinstance(row, syntax.LetRow) and row.name.id == name]
    return written(found[-1].value.span) if found else "0"


def _of_row(given: NameGiven, left: Enclosure) -> tuple[str, str]:
    """Why a row, a param or the word of a loop is not there, and the way out."""
    name = given.name.id
    if isinstance(given.by, syntax.ForRow | syntax.Each):
        return "it is counted inside the braces", "read it there"
    if not left.row:
        return "what the braces of a value name is theirs", "move that row above them, or read it there"
    if isinstance(left.node, syntax.If):
        if not isinstance(given.by, syntax.LayerRow) or given.by.shared:
            return "the branch that names it is not taken", "write that row above the `if`: both branches know it then"
        other = f"name it in the other branch too, as in `else {{ {name}: _ }}`, or read it in those braces"
        return "the branch that names it is not taken", other
    return "the loop that names it has no turn", f"name it above the loop too, as in `{name}: _`"


# ---------------------------------------------------------------- settings of a net in its recipe


def refuse_setting(site: Site, name: syntax.Name) -> None:
    """A setting of a net in a row of its recipe, or at the top of the file, and `--set classes=ten`."""
    at_work = site.library.at_work[-1] if site.library.at_work else None
    if at_work is None:
        return
    parameters = {p.name.id: p for p in at_work.parameters}
    option, _, given = name.span.source.name.partition(" ")
    if given in parameters and isinstance(parameters[given].default, syntax.Literal):
        usual = parameters[given].default.span.text  # type: ignore[union-attr]
        message = f"nothing is called `{name.id}`, and `{given}` is no word"
        site.error(
            "unknown-name", message, name.span, help=f"give it a value such as its own: `{option} {given}={usual}`"
        )
    if name.id in parameters:
        value = parameters[name.id].default
        row = f"let {name.id} = {value.span.text if value is not None else '…'}"
        help = f"write `{row}` at the top of the file in its place: the net, its recipe and `--set` reach it there"
        message = f"`{name.id}` is a setting of `{at_work.name.id}`, and read inside its braces alone"
        label = Label(parameters[name.id].span, "declared here")
        site.error("unknown-name", message, name.span, label, help=help)
