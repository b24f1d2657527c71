"""Python text: expressions that break over lines as a formatter would break them, literals, names, docstrings."""

from __future__ import annotations

import ast
import json
import math
import textwrap
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from netdsl.codegen.python.breaking import INDENT, WIDTH, Breaking

__all__ = ["INDENT", "WIDTH"]


@dataclass(frozen=True, slots=True)
class Atom:
    """Text that is never broken. `tight` when it needs no brackets inside a larger expression."""

    text: str
    tight: bool = True


@dataclass(frozen=True, slots=True)
class Called:
    """`function(items)`; a list is `[…]` and a table `{…}` with no function."""

    function: str
    items: tuple[tuple[str, Doc], ...]
    """Each with what stands before it: `""`, `stride=` or `"conv1": `."""
    brackets: str = "()"
    after: str = ""
    """What stands behind it: `[0]`."""


@dataclass(frozen=True, slots=True)
class Comprehension:
    """`**{f"block{i}": item for i in range(1, depth + 1)}`."""

    lead: str
    item: Doc
    loop: str


Doc = Atom | Called | Comprehension


def flat(doc: Doc) -> str:
    """The text on one line."""
    if isinstance(doc, Atom):
        return doc.text
    if isinstance(doc, Comprehension):
        return f"**{{{doc.lead}{flat(doc.item)} {doc.loop}}}"
    opening, closing = doc.brackets[0], doc.brackets[1]
    return f"{doc.function}{opening}{', '.join(before + flat(d) for before, d in doc.items)}{closing}{doc.after}"


def operand(doc: Doc) -> str:
    """As part of a larger expression, with brackets if it needs them."""
    return f"({flat(doc)})" if isinstance(doc, Atom) and not doc.tight else flat(doc)


def lay(doc: Doc, before: str = "", after: str = "", depth: int = 0) -> list[str]:
    """The lines of `before doc after` at a depth of indentation."""
    text = flat(doc)
    margin = INDENT * depth
    if len(f"{margin}{before}{text}{after}") <= WIDTH:
        return [f"{margin}{before}{text}{after}"]
    head = f"{margin}{before}{text.partition('(')[0]}("
    if ", " in before and before.endswith(" = ") and len(head) > WIDTH:
        names = before.removesuffix(" = ").split(", ")
        return [f"{margin}(", *(f"{margin}{INDENT}{n}," for n in names), *lay(doc, ") = ", after, depth)]
    return Breaking(text).statement(before, after, depth)


def listed(names: Sequence[str], before: str, depth: int) -> list[str]:
    """`return a, b`: with brackets where the names are too many for a line."""
    line = f"{INDENT * depth}{before}{', '.join(names)}"
    return [line] if len(line) <= WIDTH else lay(Called("", tuple(("", Atom(n)) for n in names)), before, "", depth)


def heading(function: str, items: Sequence[str], results: Sequence[str], depth: int = 1) -> list[str]:
    """`def step(self, x: Tensor) -> tuple[Tensor, Tensor]:`; `results` are the types of what comes out."""
    kind = results[0] if len(results) == 1 else f"tuple[{', '.join(results)}]"
    margin = INDENT * depth
    line = f"{margin}def {function}({', '.join(items)}) -> {kind}:"
    if len(line) <= WIDTH:
        return [line]
    lines = [f"{margin}def {function}(", *(f"{margin}{INDENT}{item}," for item in items)]
    return [*lines, *lay(Atom(kind), ") -> ", ":", depth)]


def looped(names: Sequence[str], turns: str, depth: int) -> list[str]:
    """`for a, b in zip(…):`, over several lines where one is too short."""
    margin, head = INDENT * depth, f"for {', '.join(names)} in "
    if len(names) == 1 or len(f"{margin}{head}{turns}:") <= WIDTH:
        return lay(Atom(turns), head, ":", depth)
    rest = lay(Atom(turns), ") in ", ":", depth)
    return [f"{margin}for (", *(f"{margin}{INDENT}{n}," for n in names), *rest]


def expression(text: str, tight: bool) -> Atom:
    """Source text as an expression, tight where it is a call or a part of one: `self.attend(x, x, x)[0]`."""
    return Atom(text, tight or isinstance(ast.parse(text, mode="eval").body, ast.Call | ast.Subscript))


def literal(value: Any) -> str:
    """A plain value as source."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "math.nan" if math.isnan(value) else "-math.inf" if value < 0 else "math.inf"
    if isinstance(value, int | float):
        return int.__repr__(value) if isinstance(value, int) else float.__repr__(value)
    if isinstance(value, tuple | list):
        inner = ", ".join(literal(v) for v in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    raise TypeError(f"{value!r} has no spelling in source")


def annotation(value: Any) -> str:
    """The type of an argument that takes such values."""
    if isinstance(value, tuple | list):
        kinds = {annotation(v) for v in value}
        return f"tuple[{kinds.pop() if len(kinds) == 1 else 'float'}, ...]"
    return next((t.__name__ for t in (bool, int, float) if isinstance(value, t)), "str")


def unused(base: str, taken: Collection[str], first: int = 2) -> str:
    """The name, or the name with the first number that makes it new."""
    made, count = base, first
    while made in taken:
        made, count = f"{base}{count}", count + 1
    return made


# ---------------------------------------------------------------- comments


def clean(text: str) -> str:
    """An author's comment as it may stand in a docstring: it can neither end it nor hide anything in it."""
    kept = "".join(c for c in text if c in "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs"))
    return kept.replace("\\", "\\\\").replace('"""', "'''").strip()


def docstring(paragraphs: Iterable[str], depth: int = 0) -> list[str]:
    """A docstring of paragraphs; the first line of the first one stands beside the quotes."""
    margin = INDENT * depth
    blocks = ["\n".join(_wrapped(p, WIDTH - len(margin))).strip("\n") for p in paragraphs if p]
    lines = "\n\n".join(blocks).split("\n")
    if not blocks:
        return []
    if len(lines) == 1 and len(lines[0]) + len(margin) + 6 <= WIDTH:
        end = " " if lines[0].endswith('"') else ""
        return [f'{margin}"""{lines[0]}{end}"""']
    if len(lines) == 1:
        lines = textwrap.wrap(lines[0], WIDTH - len(margin) - 10, break_long_words=False, break_on_hyphens=False)
    opening = [f'{margin}"""{lines[0]}', *(f"{margin}{line}".rstrip() for line in lines[1:])]
    return [*opening, f'{margin}"""']


def _wrapped(paragraph: str, width: int) -> Iterator[str]:
    """A paragraph as it is, or filled again where a line of it is too long."""
    lines = [line.rstrip() for line in paragraph.split("\n")]
    if len(lines[0]) <= width - 3 and all(len(line) <= width for line in lines):
        yield from lines
        return
    for block in "\n".join(lines).split("\n\n"):
        filled = textwrap.wrap(
            " ".join(block.split()), width, initial_indent="   ", break_long_words=False, break_on_hyphens=False
        )
        yield from [*(line.removeprefix("   ") if i == 0 else line for i, line in enumerate(filled)), ""]
