"""Python text: expressions that break over lines as a formatter would break them, literals, names, docstrings.

Whatever does not fit is written one item a line with a comma after the last: formatters leave that as it is at any
line length from `WIDTH` on.
"""

from __future__ import annotations

import ast
import json
import math
import re
import textwrap
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from netdsl.codegen.python.breaking import parts_of_sum, pieces_of_string, slices

WIDTH = 88
INDENT = "    "


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
    margin = INDENT * depth
    line = f"{margin}{before}{flat(doc)}{after}"
    if len(line) <= WIDTH:
        return [line]
    if isinstance(doc, Atom) and (sliced := slices(flat(doc))):
        doc = Called(sliced[0], tuple(("", Atom(part)) for part in sliced[1]), "[]")
    if isinstance(doc, Comprehension):
        inside = [*lay(doc.item, doc.lead, "", depth + 1), *lay(Atom(doc.loop), depth=depth + 1)]
        return [f"{margin}{before}**{{", *inside, f"{margin}}}{after}"]
    start = flat(doc) if isinstance(doc, Atom) else f"{doc.function}("
    if ", " in before and before.endswith(" = ") and len(margin + before + start) > WIDTH:
        names = before.removesuffix(" = ").split(", ")
        return [f"{margin}(", *(f"{margin}{INDENT}{n}," for n in names), *lay(doc, ") = ", after, depth)]
    if isinstance(doc, Atom) or not doc.items:
        return _lay_text(doc, before, after, depth)
    head = f"{margin}{before}{doc.function}{doc.brackets[0]}"
    if before.endswith((" = ", ": ")) and len(head) > WIDTH:
        return [f"{margin}{before}(", *lay(doc, depth=depth + 1), f"{margin}){after}"]
    lines = [head]
    for lead, item in doc.items:
        lines += lay(item, lead, ",", depth + 1)
    return [*lines, f"{margin}{doc.brackets[1]}{doc.after}{after}"]


def _lay_text(doc: Doc, before: str, after: str, depth: int) -> list[str]:
    """An expression that is no call: cut before its operators, in brackets where it does not stand in some."""
    margin, text = INDENT * depth, flat(doc)
    inside = after == "," and not before
    deeper = margin if inside else margin + INDENT
    parts = [text] if len(deeper + text) <= WIDTH and not inside else parts_of_sum(text)
    parts = parts if len(parts) > 1 else pieces_of_string(text, WIDTH - len(deeper) - 1)
    opened = before.endswith((" = ", ": ", "=", "return ", "if "))
    if inside:
        return [*(margin + p for p in parts[:-1]), f"{margin}{parts[-1]}{after}"]
    if not opened or (len(parts) == 1 and re.fullmatch(r"\W*\w+", before)):
        return [f"{margin}{before}{text}{after}"]
    return [f"{margin}{before}(", *(deeper + p for p in parts), f"{margin}){after}"]


def listed(names: Sequence[str], before: str, depth: int) -> list[str]:
    """`return a, b`: with brackets where the names are too many for a line."""
    line = f"{INDENT * depth}{before}{', '.join(names)}"
    return [line] if len(line) <= WIDTH else lay(Called("", tuple(("", Atom(n)) for n in names)), before, "", depth)


def heading(function: str, items: Sequence[str], results: Sequence[str], depth: int = 1) -> list[str]:
    """`def step(self, x: Tensor) -> tuple[Tensor, Tensor]:`; `results` are the types of what comes out."""
    kind = results[0] if len(results) == 1 else f"tuple[{', '.join(results)}]"
    *lines, last = lay(Called(function, tuple(("", Atom(i)) for i in items)), "def ", f" -> {kind}:", depth)
    if len(last) <= WIDTH or len(results) == 1:
        return [*lines, last]
    margin = INDENT * depth
    return [*lines, f"{margin}) -> tuple[", *(f"{margin}{INDENT}{r}," for r in results), f"{margin}]:"]


def looped(names: Sequence[str], items: Doc, depth: int) -> list[str]:
    """`for a, b in zip(…):`, over several lines where one is too short."""
    line = f"{INDENT * depth}for {', '.join(names)} in {flat(items)}:"
    if len(line) <= WIDTH:
        return [line]
    if len(names) == 1:
        return lay(items, f"for {names[0]} in ", ":", depth)
    margin = INDENT * depth
    rest = lay(items, ") in ", ":", depth)
    return [f"{margin}for (", *(f"{margin}{INDENT}{n}," for n in names), *rest]


def breakable(text: str, tight: bool) -> Doc:
    """Source text as an expression that breaks where it is a call: `self.attend(x, x, x)[0]`."""
    whole = node = ast.parse(text, mode="eval").body
    while isinstance(node, ast.Subscript):
        node = node.value
    if not isinstance(node, ast.Call) or text.isascii() is False:
        return Atom(text, tight)
    leads = [("", a) for a in node.args] + [(f"{k.arg}=" if k.arg else "**", k.value) for k in node.keywords]
    items = tuple((lead, Atom(ast.get_source_segment(text, a) or "")) for lead, a in leads)
    function, made = ast.get_source_segment(text, node.func) or "", text[: node.end_col_offset]
    doc = Called(function, items, "()", text[len(made) :])
    same = whole.end_col_offset == len(text) and ast.dump(ast.parse(flat(doc), mode="eval").body) == ast.dump(whole)
    return doc if same else Atom(text, tight)


def condition(text: str, before: str, after: str, depth: int) -> list[str]:
    """`if a or b:`, broken before its outermost `or` or `and` when it is too long."""
    return lay(Atom(text), f"{before} ", after, depth)


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
