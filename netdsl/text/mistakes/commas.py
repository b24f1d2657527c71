"""Commas where a row has none: lists of layers, arrows without brackets, several names in front of `=` as in Python."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import count

from netdsl.text.diagnostics import Diagnostic, Fix
from netdsl.text.foreign import arithmetic, several
from netdsl.text.foreign.calls import CallReader
from netdsl.text.foreign.pieces import parts
from netdsl.text.foreign.rows import layer_of
from netdsl.text.foreign.special import BATCH
from netdsl.text.mistakes.equals import reader
from netdsl.text.mistakes.mistake import Mistake, line_rest, line_span

NO_PIPELINES = (
    "INPUT", "GIVEN", "BATCH", "LET", "PARAM", "CONST", "SET", "ASSERT", "STATE", "STEPS", "USE",
    "TRAIN", "NET", "BLOCK", "RECURRENT",
)  # fmt: skip
TARGET = r"(?:(?:self\.)?[A-Za-z_]\w*|\(\s*[A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*\s*\))"
TARGETS = re.compile(rf"\(?({TARGET}(?:\s*,\s*{TARGET})+)\)?\s*=(?!=)\s*(.+)")
LABELLED = re.compile(r"((?:output\s+|aux\s+|shared\s+)?[A-Za-z_]\w*\s*:)\s*(.*)")


def joined_by_comma(m: Mistake) -> Diagnostic | None:
    """`conv(16, 3), relu`: layers in a row as in a list; `a, b -> concat`: arrows as in a list."""
    if m.token.kind != "COMMA" or m.level != "row" or m.last is None or m.head.kind in NO_PIPELINES:
        return None
    if m.token.opener is not None and m.token.opener.kind != "LBRACE":
        return None
    rest = line_rest(m, m.last.end)
    if rest == "," and m.last is not m.head:
        fix = Fix(m.place(m.token), "")
        return m.say("unexpected-comma", "a row ends with its line", help="leave the comma out", fix=fix)
    line = line_span(m, m.head.start).text
    label, row = labelled(line)
    side = _side_by_side(m, row)
    if side is not None:
        return m.say("missing-brackets", "several arrows stand in brackets", m.head, help=f"write `{label}{side}`")
    if m.last.kind not in ("NAME", "RPAR", "RSQB") or ":" in rest or not re.match(r",\s*[A-Za-z_]", rest):
        return None
    named = re.fullmatch(r"\(\s*(.*?)\s*\)\s*:\s*(.*)", line)
    if named is not None and len(parts(named[1])) == len(parts(named[2])):
        arrows = ", ".join(f"_ -> {item}" if _carries_on(m, item) else item for item in parts(named[2]))
        help = f"write `({named[1]}): ({arrows})`"
        return m.say("missing-brackets", "several arrows stand in brackets", help=help)
    help = f"write `{label}{' -> '.join(parts(row))}`" if len(line) <= 50 else "as in `conv(64, 3) -> relu`"
    return m.say("missing-arrow", "layers are joined by arrows, not by commas", help=help)


def labelled(row: str) -> tuple[str, str]:
    """A row in two: its label with a space, "" without one, and what follows that."""
    found = LABELLED.fullmatch(row)
    return (f"{found[1]} ", found[2]) if found else ("", row)


def _side_by_side(m: Mistake, row: str) -> str | None:
    """`a, b -> concat` as `(a, b) -> concat`; None where what stands before the arrow is not all arrows."""
    items, reading = parts(row), reader(m)
    head, rest = arithmetic.led(items[-1]) if arithmetic.flowing(items[-1]) else (items[-1], "")
    arrows = [_arrow(reading, item) for item in (*items[:-1], head)]
    return f"({', '.join(map(str, arrows))})" + (f" -> {rest}" if rest else "") if all(arrows) else None


def _arrow(reading: CallReader, text: str) -> str | None:
    named = re.fullmatch(r"[A-Za-z_]\w*(\[\d+\])?", text) is not None
    return text if named and layer_of(text) is None else reading.operand(text)


# ---------------------------------------------------------------- several names


def several_states(m: Mistake) -> Diagnostic | None:
    """`next (h, c): …`, `next h, c: …`: each state has a row of its own."""
    if m.head.kind != "NEXT" or m.level != "row" or m.token.kind not in ("LPAR", "COMMA"):
        return None
    found = re.fullmatch(r"next\s*\(?\s*(\w+(?:\s*,\s*\w+)+)\s*\)?\s*[:=]\s*(.+)", line_span(m, m.head.start).text)
    if found is None:
        return None
    fresh = {name: m.source.unused(name) for name in parts(found[1])}
    rows = " and ".join(f"`next {old}: {new}`" for old, new in fresh.items())
    help = f"write `({', '.join(fresh.values())}): {_meant(m, found[2], len(fresh))}`, then {rows}"
    return m.say("missing-name", "each state has a row that says what it becomes", m.head, help=help)


def several_lets(m: Mistake) -> Diagnostic | None:
    """`let B, T, C = x.shape`, `let a, b = 2, 3`: each number has a row of its own."""
    if m.head.kind != "LET" or m.token.kind not in ("COMMA", "LPAR"):
        return None
    found = TARGETS.fullmatch(line_span(m, m.head.start).text.removeprefix("let").strip())
    if found is None:
        return None
    names, values = parts(found[1]), parts(found[2])
    help = _sizes(names, found[2])
    if help is None and len(names) == len(values):
        rows = [f"`let {n} = {v}`" for n, v in zip(names, values, strict=True)]
        help = f"write {_listed(rows)}, each in a row of its own"
    return m.say("unexpected-comma", "`let` names one number", help=help)


def several_names(m: Mistake) -> Diagnostic | None:
    """`a, b = torch.chunk(x, 2)`, `out, _ = lstm(64)`, `B, C, H, W = x.shape`."""
    if m.level != "row" or m.token.kind not in ("COMMA", "ASSIGN") or m.head.kind not in ("NAME", "LPAR", "PREVIOUS"):
        return None
    found = TARGETS.fullmatch(line_span(m, m.head.start).text)
    if found is None:
        return None
    names, value = [name.removeprefix("self.") for name in parts(found[1])], found[2]
    help = _sizes(names, value) or _rows(m, names, parts(value)) or _one(m, names, value) or _bundle(m, names, value)
    return m.say("missing-colon", "rows are named with a colon, several in brackets", m.head, help=help)


def _sizes(names: Sequence[str], value: str) -> str | None:
    """`B, C, H, W = x.shape`; a first name may be the batch's."""
    asked = re.fullmatch(r"([A-Za-z_]\w*)\.(?:shape|size\(\))", value)
    if asked is None:
        return None
    batch = BATCH.fullmatch(names[0]) is not None or len(names) == 4
    own = [*enumerate(names[1:] if batch else names)]
    rows = [f"`let {name} = {asked[1]}.shape[{at}]`" for at, name in own if name != "_"]
    says = "the batch is never counted" if batch else "axes are counted without the batch"
    return f"{says}: write {_listed(rows)}, each in a row of its own"


def _rows(m: Mistake, names: Sequence[str], values: Sequence[str]) -> str | None:
    """`a, b = relu(x), tanh(x)`; several numbers too."""
    if len(values) != len(names) or "(" in "".join(name[:1] for name in names):
        return None
    if all(_carries_on(m, v) for v in values):  # so would the second row from the first
        layers = ", ".join(f"_ -> {_meant(m, v)}" for v in values)
        return f"write `({', '.join(_plain(m, names))}): ({layers})`"
    rows = [
        f"`let {n} = {v}`" if re.fullmatch(r"-?[\d.]+", v) else f"`{n}: {_meant(m, v)}`"
        for n, v in zip(names, values, strict=True)
    ]
    return f"write {_listed(rows)}, each in a row of its own"


def _carries_on(m: Mistake, value: str) -> bool:
    """Whether a value is a layer that is given no arrow."""
    reading = reader(m)
    return reading.stage(value) is not None and reading.operand(value) is None


STATES = re.compile(r"(?:.* -> )?(lstm|gru|rnn|attention)\b(?!.* -> )")


def _one(m: Mistake, names: Sequence[str], value: str) -> str | None:
    """`out, (h, c) = lstm(64)`: layers that give several results elsewhere give one here."""
    written = _meant(m, value)
    layer = STATES.match(written)
    if layer is None:
        return None
    first = names[0] if names[0].isidentifier() and names[0] != "_" else m.source.unused("steps")
    row = f"`{layer[1]}` gives one arrow: write `{first}: {written}`"
    unread = all(name == "_" for name in names[1:])
    if unread:
        return row
    if layer[1] == "attention":
        return f"{row}; the weights of `attention` are no arrow"
    return f"{row}; the state behind the last step is `{first} -> last`"


def _bundle(m: Mistake, names: Sequence[str], value: str) -> str:
    if any(not name.isidentifier() for name in names):
        return "each result has one name, as in `(keep, work): x -> split(2)`"
    label, written = f"({', '.join(_plain(m, names))})", _meant(m, value, len(names))
    rows = several.row(label, written, m.source.unused("scores")) if len(names) == 2 else None
    return rows or f"write `{label}: {written}`"


def _plain(m: Mistake, names: Sequence[str]) -> Iterator[str]:
    """The names of a bundle, each of which is one."""
    free = (name for at in count(1) if not re.search(rf"\b{(name := f'rest{at}')}\b", m.source.text))
    return (next(free) if name == "_" else name for name in names)


SIZED = re.compile(r"((?:\w+\.)?)split\(((?:[A-Za-z_]\w*\s*,\s*)?)(?:split_size\s*=\s*)?(\d+\b|[\[(])(.*)\)")


def _meant(m: Mistake, value: str, named: int = 0) -> str:
    """A value as it is written here; PyTorch's `split` is told the size of a part, and `named` says how many."""
    sized, reading = SIZED.fullmatch(value), reader(m)
    if sized is not None and named and (sized[1] not in ("tf.", "np.", "") or "dim" in sized[4]):
        on = sized[2] or f"{sized[1][:-1]}, "
        value = f"torch.chunk({on}{named if sized[3].isdecimal() else sized[3]}{sized[4]})"
    written = reading.rewrite(value) or reading.operand(value)
    return written or ("…" if re.search(r"\w\.\w+\(", value) else value)


def _listed(texts: Sequence[str]) -> str:
    return f"{', '.join(texts[:-1])} and {texts[-1]}" if len(texts) > 1 else "".join(texts)
