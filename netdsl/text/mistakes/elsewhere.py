"""Rows as other languages and papers write them: inputs, slices, ranges, tables."""

from __future__ import annotations

import re

from netdsl.text.diagnostics import Diagnostic
from netdsl.text.mistakes.mistake import Mistake, line_rest, quoting
from netdsl.text.tokens import BINARY, Token

CALLED = re.compile(
    r"(?:(\w+)\s*[:=]\s*)?(?:\w+\.)*(?:Input|InputLayer|placeholder|randn|rand|zeros|ones|TensorSpec)\s*\((.*)\)"
)
SETTING = re.compile(r"(?:self\.)?(?:(?:in|input|image|img|batch)_(?:shape|size|dims?)|shape)\s*[:=]\s*(.*)")
SIZES = re.compile(r"[\[(]([^\[\]()]*)[\])]|((?:\d+|None)(?:\s*,\s*\d+)+)|(\d+)")


def input_row(m: Mistake) -> Diagnostic | None:
    """`x = Input(shape=(3, 32, 32))`, `input_shape = [3, 32, 32]`."""
    if m.level != "row" or m.token.kind not in ("ASSIGN", "COLON") or m.value_wanted:
        return None
    line = line_rest(m, m.head.start)
    called, setting = CALLED.fullmatch(line), SETTING.fullmatch(line)
    name, given = (called[1], called[2]) if called else ("image", setting[1] if setting else "")
    sizes = SIZES.search(given)
    if sizes is None:
        return None
    from netdsl.text.foreign import input_row

    row = input_row(name or "image", sizes[1] or sizes[2] or sizes[3])
    return m.say("unexpected-equals", "an input is a row of its own", m.head, help=f"write `{row}`") if row else None


def listed_input(m: Mistake) -> Diagnostic | None:
    """`net N(x: [4])`: an input among the settings."""
    if m.level != "item" or m.token.kind != "LSQB" or m.last is None or m.last.kind not in ("COLON", "NAME"):
        return None
    opener = m.token.opener
    name = m.tokens[m.at - (2 if m.last.kind == "COLON" else 1)]
    if opener is None or opener.kind != "LPAR" or name.kind != "NAME" or m.head.kind != "NET":
        return None
    help = f"write `input {name.text} [{inside(m, m.token)}]` as the first row of the body"
    return m.say("misplaced-input", "settings are numbers; an input is a row of the body", name, help=help)


def inside(m: Mistake, opener: Token) -> str:
    """What stands in a pair of brackets on one line."""
    return line_rest(m, opener.end).partition("]")[0].strip()


def slices(m: Mistake) -> Diagnostic | None:
    """`x[:, -1]`, `x[1:3]`, `x[0, :]`, as arrays of Python are cut."""
    opener = m.token.opener
    if opener is None or opener.kind != "LSQB" or m.token.kind not in ("COLON", "COMMA", "DOT"):
        return None
    before = m.tokens[max(m.tokens.index(opener) - 1, 0)]
    text = inside(m, opener)
    if before.kind == "RPAR" and before.end == opener.start:
        return _of_call(m, before, text, opener)
    if before.kind != "NAME" or before.end != opener.start or not re.fullmatch(r"[\w\s:,.-]+", text):
        return None
    if m.token.kind != "COLON" and ":" not in text and ".." not in text:
        return None
    if before.text == "shape":
        arrow = m.tokens[max(m.tokens.index(before) - 2, 0)].text
        both = f"`({arrow}.height, {arrow}.width)`"
        help = f"sizes are asked one by one, as in {both}; `(x, {arrow}) -> resize` takes those of `{arrow}`"
        return m.say("foreign-slice", "a shape is not cut in brackets", opener, help=help)
    help = cut(before.text, [item.strip() for item in text.split(",")])
    if re.search(rf"^\s*{before.text}\s*:\s*(?:\(|each\b|.*\bsplit\b[^>]*$)", m.source.text, re.MULTILINE):
        help = f"`{before.text}` may be several arrows: name those that are meant, as in `({before.text}[0], …)`"
    elif in_arithmetic(m, before, opener):
        help = re.sub(r"`([^`]* -> [^`]*)`", r"`(\1)`", help)
    return m.say("foreign-slice", "an arrow is cut by a layer, not in brackets", opener, help=help)


def _of_call(m: Mistake, before: Token, text: str, opener: Token) -> Diagnostic | None:
    """`gru(16)[:, -1]`: what a layer gives is cut by a layer behind it."""
    if not re.fullmatch(r"[\w\s:,.-]+", text) or (":" not in text and ".." not in text):
        return None
    start = before.opener.start if before.opener is not None else before.start
    call = m.source.text[m.source.text.rfind("\n", 0, start) + 1 : before.end]
    word = re.search(r"([a-z_]\w*)\([^()]*\)$", call)
    help = cut("_", [item.strip() for item in text.split(",")]).replace(
        "`_ -> ", f"`{word[0]} -> " if word else "`_ -> "
    )
    return m.say("foreign-slice", "an arrow is cut by a layer, not in brackets", opener, help=help)


def in_arithmetic(m: Mistake, name: Token, opener: Token) -> bool:
    """Whether a sign stands before a name or behind the brackets that follow it."""
    at = m.tokens.index(name)
    end = next((i for i, t in enumerate(m.tokens) if t.kind == "RSQB" and t.opener is opener), len(m.tokens) - 1)
    around = [m.tokens[at - 1].kind if at else "", m.tokens[min(end + 1, len(m.tokens) - 1)].kind]
    return any(kind in BINARY for kind in around)


ITEM = re.compile(r"-?\d+|(-?\d*|-?\w+):(-?\d*|-?\w+)(:-?\d*)?")


def cut(name: str, items: list[str]) -> str:
    """Help for an index of numpy; a first `:` of several may be the batch, which the last axes do not ask about."""
    if set(items) <= {":", "..."}:
        return f"that is all of it: write `{name}`"
    if "None" in items or "newaxis" in items:
        return f"an axis more is made by a layer, as in `{name} -> unsqueeze(0)`, counted without the batch"
    if any(re.fullmatch(r".*:.*:-\d+", item) for item in items):
        return backwards(name, items)
    behind = items[items.index("...") + 1 :] if "..." in items else items[1:]
    before = items[: -len(behind) - 1] if behind else items[:-1]
    if not all(ITEM.fullmatch(item) for item in items if item != "...") or ("..." in items and {*before} - {":"}):
        return f"as in `{name} -> slice(0, start=0, end=1)`: axes are counted without the batch"
    if items[0] != ":" and "..." not in items:
        return f"write `{name} -> {stages(items, 0)}`"
    if len(items) == 2 and items[0] == ":" and items[1] != ":":
        both = stages(behind, 0), stages(behind, 1)
        return f"write `{name} -> {both[0]}` where the `:` stands for the batch, else `{name} -> {both[1]}`"
    if "..." not in items and len(items) > 3:
        return f"write `{name} -> {stages(behind, 0)}`"
    last = "..." not in items and behind == ["-1", ":"]
    return f"write `{name} -> {'last' if last else stages(behind, -len(behind))}`"


def backwards(name: str, items: list[str]) -> str:
    """`x[::-1]`: one layer turns a sequence around, along its first axis and with every step."""
    turned = [item for item in items if item != ":"] == ["::-1"]
    if turned and items[0] == "::-1":
        return f"write `{name} -> reverse`"
    only = "`reverse` turns the first axis around, and along no other axis does a layer go backwards"
    batch = f"write `{name} -> reverse` where the first `:` stands for the batch: " if items[1:2] == ["::-1"] else ""
    return f"{batch if turned else ''}{only}"


def stages(items: list[str], first: int) -> str:
    """The layers that cut axes from the first on, which is counted from the last where it is below 0."""
    if items[0] == "-1" and first == 0 and all(i == ":" for i in items[1:]):
        return "last"
    found, gone = [], 0
    for axis, item in enumerate(items, first):
        start, colon, rest = item.partition(":")
        if colon and item != ":":
            end, _, step = rest.partition(":")
            given = {"start": start.strip(), "end": end.strip(), "step": step.strip()}
            turned = (start.strip(), end.strip(), step.strip(), axis - gone) == ("", "", "-1", 0)
            found.append(
                "reverse" if turned else f"slice({axis - gone}{''.join(f', {k}={v}' for k, v in given.items() if v)})"
            )
        elif item != ":":
            end = f", end={int(item) + 1}" if int(item) != -1 else ""
            found.append(f"slice({axis - gone}, start={item}{end}) -> squeeze({axis - gone})")
            gone += first >= 0
    return " -> ".join(found) or "identity"


PATH = re.compile(r"(?:~|\.{1,2})?(?:/[\w.-]+)+/?")


KIND = 'data is named with its kind, as in `imagefolder("{}")` for a folder of pictures'


def path(m: Mistake) -> Diagnostic | None:
    """`imagefolder(./photos)`, `data /data/photos`: a path without quotes."""
    if not m.value_wanted or m.level not in ("value", "recipe_row"):
        return None
    at = (m.last or m.token).start if m.last is not None and m.last.kind == "DOT" else m.token.start
    found = PATH.match(m.source.text, at)
    if found is None:
        return None
    bare = m.token.opener is None or m.token.opener.kind == "LBRACE"
    help = KIND.format(found[0]) if bare else quoting(m.source, found.start(), found.end())
    return m.say("unquoted-text", f"`{found[0]}` is a text, which stands in quotes", m.tokens[m.at], help=help)


def counted(m: Mistake) -> Diagnostic | None:
    """`1..3`, `for i in 1:3`, `for i = 1, 3`."""
    found = re.match(r"(\d+)\s*(?:\.\.\.?=?|:|,|to\b)\s*(\d+)", m.source.text[(m.last or m.token).start :][:40])
    dots = m.token.kind == "DOT" and m.last is not None and m.last.kind == "DOT"
    if dots:
        found = re.match(r"(\d+)\s*\.\.\.?=?\s*(\d+)", m.source.text[m.tokens[max(m.at - 2, 0)].start :][:40])
    if found is None or not (dots or m.head.kind == "FOR") or m.last is None:
        return None
    first, last = int(found[1]), int(found[2])
    shown = m.tokens[m.at - 2] if dots else m.last
    if not first <= last < first + 1000:
        return None
    listed = re.match(r"for\s+\w+\s+in\s+(\d+(?:\s*,\s*\d+)+)\s*\{", m.source.text[m.head.start :])
    if listed is not None:
        return m.say("foreign-range", "a list stands in square brackets", shown, help=f"write `in [{listed[1]}]`")
    how = f"`range({first}, {last + 1})` counts from {first} to {last}"
    return m.say("foreign-range", "numbers are counted by `range`, which leaves its end out", shown, help=how)


def table_row(m: Mistake) -> Diagnostic | None:
    """`conv 64`, `max pool 2`, `- conv: 16`: a row as the tables of papers have it."""
    if m.level != "row" or m.head.kind not in ("NAME", "NUMBER", "MINUS", "STAR") or m.ends:
        return None
    if m.token.opener is not None and m.token.opener.kind != "LBRACE":
        return None
    line = line_rest(m, m.head.start)
    label, colon, row = line.partition(":")
    labelled = bool(colon) and re.fullmatch(r"\w+", label) is not None and not re.fullmatch(r"\s*\d+", row)
    from netdsl.text.foreign.papers import row_of

    bare = re.sub(r"^[-*]\s+", "", line)
    written = row_of(row if labelled else line.replace(":", " "))
    if bare != line and "(" in bare:
        return m.say("unexpected-token", "a row begins with no sign", m.head, help=f"write `{bare}`")
    if written is None or line == "…" or re.fullmatch(r"(?:linear|dropout|\w+pool)\s+[\d.]+", row.strip() or line):
        return None
    row = f"{label}: {written}" if labelled else written
    message = "a row says its layer, and then the settings in brackets"
    return m.say("table-row", message, m.head, help=f"write `{row}`")
