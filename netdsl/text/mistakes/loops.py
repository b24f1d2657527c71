"""Loops as other languages begin them: `for (i in range(3))`, `for (i = 0; i < 3; i++)`, `repeat 3`, `foreach`."""

from __future__ import annotations

import re

from netdsl.text.diagnostics import Diagnostic
from netdsl.text.foreign import arithmetic
from netdsl.text.foreign.inflow import JOINS
from netdsl.text.foreign.pieces import parts
from netdsl.text.foreign.rows import layer_of
from netdsl.text.mistakes.equals import reader
from netdsl.text.mistakes.mistake import VALUES, Mistake, line_span

FOR = re.compile(r"for(?:each|\s+each|\s+all)?\b\s*(.*)", re.DOTALL)
TYPES = r"(?:(?:let|const|var|int|auto|size_t|unsigned|long)\s+)*"
TIMES = re.compile(r"(?:repeat|loop|do|times|iterate|for)?\s*\(?\s*(\w+)\s*\)?\s*(?:times)?")
STEPS = re.compile(
    rf"{TYPES}(\w+)\s*:?=\s*([\w.]+)\s*;\s*\1\s*(<=?|!=)\s*([^;]+?)\s*;\s*(?:\+\+\s*\1|\1\s*(?:\+\+|\+=\s*(\w+)))"
)
ITEMS = re.compile(
    rf"{TYPES}(\w+(?:\s*,\s*\w+)*|\([\w\s,]+\))\s*(?:\bin\b|\bof\b|:=|<-|←|=|:)\s*(?:range\b(?!\s*[(\[])\s*)?(.+)"
)


def loop_head(m: Mistake) -> Diagnostic | None:
    """A loop that is begun otherwise: the head that is meant."""
    if m.level not in ("row", "item") or m.head.kind not in ("FOR", "NAME", "NUMBER"):
        return None
    begun = m.source.text[m.head.start :].partition("\n")[0].partition("#")[0]
    if m.head.kind != "FOR" and not (m.head.text == "foreach" or (begun.find("{") > 0 and "->" not in begun)):
        return None
    bare = unbraced(m)
    head, body = bare or parted(begun)
    meant = loop(head) or (head if bare else None)
    if meant is None or (meant == head and not bare):
        return None
    message = "a loop is `for`, a name, `in`, a list, and its rows in braces"
    return m.say("foreign-word", message, m.head, help=f"write `{meant} {{ {body} }}`")


def unbraced(m: Mistake) -> tuple[str, str] | None:
    """The head of `for i in [8, 16] conv(i, 3)`, and the row behind it."""
    begins = m.token.kind in (*VALUES, "ARROW") and m.token.opener is m.head.opener
    if m.head.kind != "FOR" or "LBRACE" not in m.expected or not begins or m.token.first:
        return None
    body = line_span(m, m.token.start).text.removeprefix("->").strip()
    return (line_span(m, m.head.start).text[: m.token.start - m.head.start].rstrip(), body) if "{" not in body else None


def each_row(m: Mistake) -> Diagnostic | None:
    """`each i in [1, 3] conv(8, i) -> concat`: branches without braces, up to what joins them."""
    begun = next((t for t in reversed(m.tokens[m.head_at : m.at]) if t.kind == "EACH"), None)
    if begun is None or "LBRACE" not in m.expected or m.token.kind not in (*VALUES, "ARROW"):
        return None
    if m.token.opener is not begun.opener or m.token.first:
        return None
    row = line_span(m, m.token.start).text.removeprefix("->").strip()
    pieces = arithmetic.split(row)
    join = next((i for i, piece in enumerate(pieces) if layer_of(piece.partition("(")[0]) in JOINS), len(pieces))
    inside, behind = " ".join(pieces[: join - 1 if pieces[join:] else join]), " ".join(pieces[join:])
    before = " ".join(m.source.text[m.head.start : begun.start].split())
    head = m.source.text[begun.start : m.token.start].strip()
    label, coming = re.fullmatch(r"((?:output )?(?:\w+|\([\w, ]+\)):|)\s*(.*?)(?: ->)?", before).groups()  # type: ignore
    plain = "{" not in row and set(pieces[1::2]) <= {"->"} and reader(m).operand(coming or "_") is not None
    written = " -> ".join(
        [f"{label} {head} {{ {' -> '.join(filter(None, [coming, inside]))} }}", *filter(None, [behind])]
    )
    help = (
        f"write `{written.strip()}`"
        if plain
        else "write `{ … }`; each reads the row before, in which stands what leads into them"
    )
    return m.say("missing-braces", "the branches of `each` stand in braces", help=help)


def parted(line: str) -> tuple[str, str]:
    """A loop's head, and the row that stands on its line without braces."""
    head, brace, _ = line.partition("{")
    head = " ".join(head.split()).removesuffix(":").rstrip()
    body = re.search(r"(?<=\)): (.+)", head) if not brace else None
    if body is None and not brace and (open_at := head.find("(")) >= 0:
        close = next((i for i in range(open_at, len(head)) if _closed(head[open_at : i + 1])), len(head))
        body = re.compile(r"()\s*([A-Za-z_].*)").match(head, close + 1)
        body = None if body and re.match(r"in\b|of\b", body[2]) else body
    return (head[: body.start()], body[body.lastindex or 1]) if body else (head, "…")


def loop(head: str) -> str | None:
    """The head of a loop as it is written here; None for what reads like none."""
    times = TIMES.fullmatch(head)
    if times and times[1] not in ("for", "true", "times") and (head[:1].isdigit() or " " in head or "(" in head):
        return f"for i in range({times[1]})" if re.match(r"repeat|loop|do|times|iterate|for|\d", head) else None
    found = FOR.fullmatch(head)
    if found is None:
        return None
    inside = arithmetic.bracketed(found[1].strip()) or found[1].strip()
    return steps(inside) or numbered(inside) or items(inside)


def numbered(text: str) -> str | None:
    """`i = 1, 3`, which counts up to its end."""
    found = re.fullmatch(r"(\w+)\s*=\s*(\d+)\s*(?:,|to\b)\s*(\w+)", text)
    if found is None:
        return None
    last = str(int(found[3]) + 1) if found[3].isdecimal() else f"{found[3]} + 1"
    return f"for {found[1]} in range({found[2]}, {last})"


def steps(text: str) -> str | None:
    """`i = 0; i < 3; i++`."""
    found = STEPS.fullmatch(text)
    if found is None:
        return None
    name, first, sign, last, step = found.groups()
    if sign == "<=":
        last = str(int(last) + 1) if last.isdecimal() else f"{last} + 1"
    bounds = [first, last, *([step] if step not in (None, "1") else [])]
    return f"for {name} in range({', '.join(bounds[1:] if first == '0' and len(bounds) == 2 else bounds)})"


def items(text: str) -> str | None:
    """`const i of range(3)`, `i, c in enumerate([8, 16])`, `_ in range(3)`, `i := range 3`."""
    found = ITEMS.fullmatch(text)
    if found is None or ";" in text or not _closed(found[2]) or len(parts(found[2])) > 1:
        return None
    names = [name.strip() for name in found[1].strip("()").split(",") if name.strip()]
    free = [name for name in "ijkn" if name not in names]
    names = [free.pop(0) if name == "_" else name for name in names]
    given = found[2].strip()
    counted = re.search(r"\brange\b(?!\s*[(\[])", text) is not None
    given = re.sub(r"^range\s*\[(.*)\]$", r"range(\1)", f"range({given})" if counted else given)
    return f"for {names[0] if len(names) == 1 else '(' + ', '.join(names) + ')'} in {given}"


def _closed(text: str) -> bool:
    return text.count("(") == text.count(")") and text.count("[") == text.count("]")
