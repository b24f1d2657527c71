"""What must hold of any text, whatever stands in it. Each rule has a name, under which a breach of it is shrunk."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fuzz.corpus import NEIGHBOURS
from netdsl.cli import attempt, streams

TEXT = "text.net"
CHECK = ("check", TEXT, "--format", "json")
PLAIN = ("check", TEXT)
REPORT = ("report", TEXT, "--format", "json")
FORMAT = ("fmt", TEXT, "--stdout")
SHAPES = ("fmt", TEXT, "--stdout", "--shapes")
COMPILE = ("compile", TEXT, "--to", "pytorch")
REPORTS: tuple[tuple[str, ...], ...] = (
    ("report", TEXT, "--format", "markdown", "--depth", "1"),
    ("report", TEXT, "--explain", "--width", "70"),
    ("report", TEXT, "--format", "csv"),
    ("report", TEXT, "--expand"),
)

MOST = 60
"""Diagnostics of one text, warnings included."""
LONGEST = 5_000
"""Letters of one message, note or help."""
LARGEST = 200_000
"""Letters of all that is said about a wrong text."""

INSIDE = re.compile(
    r"Traceback \(most|failed unexpectedly|own mistake|object at 0x|<class '|<function |<netdsl|\bnetdsl\.[a-z]\w+|\bMISSING\b"
    r"|\b(?:None|True|False|NoneType|NotImplemented)\b|\b\w+Kind\(|\b(?:Word|Dim|Value|TensorType|Init|Span|Label|BlockLayer|Layer)\("
    r"|\b[A-Z]\w*(?:Error|Exception)\b|assert_never|line \d+, in "
)
"""What only Python or the package itself says."""
ANYWHERE = re.compile(r"Traceback \(most|failed unexpectedly|own mistake|object at 0x|<class '|<function ")
PLACE = re.compile(r"^ +--> \S", re.M)


class Breach(NamedTuple):
    """A rule that a text breaks, and how."""

    rule: str
    said: str


class Answer(NamedTuple):
    """What a command did."""

    code: int | None
    out: str
    err: str


Ask = Callable[[Sequence[str], bytes], Answer]
"""Carries out a command of which `text.net` holds some bytes."""


def ask(arguments: Sequence[str], data: bytes) -> Answer:
    """Run a command in this process, in the working folder, where the neighbours of the text lie."""
    Path(TEXT).write_bytes(data)
    kept = sys.stdout, sys.stderr
    written = [io.BytesIO(), io.BytesIO()]
    sys.stdout, sys.stderr = opened = [io.TextIOWrapper(w, encoding="utf-8") for w in written]
    try:
        streams.prepare()
        try:
            code = attempt(list(arguments))
        except SystemExit as ended:
            code = ended.code
        streams.flush()
    finally:
        sys.stdout, sys.stderr = kept
    out, err = (
        w.detach() and b.getvalue().decode("utf-8", "surrogateescape") for w, b in zip(opened, written, strict=True)
    )
    return Answer(code, out, err)


def prepare(folder: str | os.PathLike[str]) -> None:
    """Work in a folder, with the neighbours of the text in it."""
    os.chdir(folder)
    for name, data in NEIGHBOURS.items():
        Path(name).write_bytes(data)


def judge(data: bytes, ask: Ask = ask) -> Breach | None:
    """The first rule that a text breaks, if any."""
    try:
        return next(breaches(data, ask), None)
    except Exception as error:
        return Breach("raised", f"{type(error).__name__}: {error}")


def breaches(data: bytes, ask: Ask) -> Iterator[Breach]:
    """Every rule that a text breaks."""
    checked = ask(CHECK, data)
    yield from of_output(CHECK, checked, data)
    found = json.loads(checked.out)
    yield from of_diagnostics(found, checked, data)
    plain = ask(PLAIN, data)
    yield from of_output(PLAIN, plain, data)
    if plain.code != checked.code:
        yield Breach("codes differ", f"check {plain.code}, as JSON {checked.code}")
    if checked.code == 0:
        yield from of_right(data, ask)
    yield from of_wrong(data, ask, checked.code == 0)
    yield from of_formatted(data, found, ask)


def of_output(arguments: Sequence[str], answer: Answer, data: bytes, source: bool = False) -> Iterator[Breach]:
    """What a command prints and how it ends; `source` where the text itself may be printed."""
    if answer.code not in (0, 1):
        yield Breach("exit code", f"{' '.join(arguments)}: {answer.code} {answer.err[-300:]}")
    text = data.decode("utf-8", "replace")
    for said, own in ((answer.out, source), (answer.err, False)):
        for match in (ANYWHERE if own else INSIDE).finditer(said):
            if match[0] not in text:
                yield Breach("internal", f"{' '.join(arguments)}: {around(said, match)}")
        odd = next((c for c in said if not c.isprintable() and c != "\n"), None)
        if odd is not None and not own:
            yield Breach("control characters", f"{' '.join(arguments)}: {odd!r} in {said[:200]!r}")
    if answer.code == 1 and len(answer.err) > LARGEST:
        yield Breach("flood", f"{' '.join(arguments)}: {len(answer.err)} letters on stderr")


def around(said: str, match: re.Match[str]) -> str:
    return said[max(0, match.start() - 100) : match.end() + 100]


# ---------------------------------------------------------------- diagnostics


def of_diagnostics(found: list[dict[str, Any]], answer: Answer, data: bytes) -> Iterator[Breach]:
    """Places inside their files, words in every message, and not too many of them."""
    errors = [d for d in found if d["severity"] == "error"]
    if (answer.code == 1) != bool(errors):
        yield Breach("exit code", f"check gives {answer.code} with {len(errors)} errors")
    if len(found) > MOST:
        yield Breach("flood", f"{len(found)} diagnostics")
    seen: set[tuple[str, ...]] = set()
    for d in found:
        yield from of_words(d)
        for place in (d, *d["labels"], *filter(None, [d["fix"]])):
            yield from of_place(place, d, data)
        key = (
            d["code"],
            d["message"],
            str(d["file"]),
            str(d["line"]),
            str(d["column"]),
            str(d["end_column"]),
            str(d["notes"]),
        )
        if key in seen:
            yield Breach("said twice", f"{d['line']}: {d['message']}")
        seen.add(key)


def of_words(d: dict[str, Any]) -> Iterator[Breach]:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", d["code"]):
        yield Breach("message", f"the code {d['code']!r}")
    if not d["message"].strip() or any(not note.strip() for note in d["notes"]) or d["help"] == "":
        yield Breach("message", f"{d['code']} without words")
    longest = max(map(len, [d["message"], d["help"] or "", *d["notes"], *(label["text"] for label in d["labels"])]))
    if longest > LONGEST:
        yield Breach("flood", f"{d['code']}: {longest} letters in a message")


def of_place(place: dict[str, Any], d: dict[str, Any], data: bytes) -> Iterator[Breach]:
    """A place lies in the text, in one of its neighbours, or in the standard library."""
    if place["file"].startswith("std."):
        return
    held = data if place["file"] == TEXT else NEIGHBOURS.get(place["file"])
    if held is None:
        if d["code"] not in UNREAD:
            yield Breach("place", f"{d['code']} in {place['file']}")
        return
    lines = re.split("\r\n|\r|\n", held.decode("utf-8", "replace").removeprefix("\ufeff"))
    start, end = (place["line"], place["column"]), (place["end_line"], place["end_column"])
    for line, column in (start, end):
        if not 1 <= line <= len(lines) or not 1 <= column <= len(lines[line - 1]) + 2:
            yield Breach("place", f"{d['code']} at {line}:{column} of {len(lines)} lines")
    if end < start:
        yield Breach("place", f"{d['code']} from {start} to {end}")


UNREAD = ("unreadable-file", "not-utf8", "file-too-large")
"""Mistakes of files that are no text."""


# ---------------------------------------------------------------- commands agree


def of_right(data: bytes, ask: Ask) -> Iterator[Breach]:
    """What checks reports and formats, and is compiled to what Python compiles, or declined at a place."""
    for arguments in (REPORT, *REPORTS):
        answer = ask(arguments, data)
        yield from of_output(arguments, answer, data)
        if answer.code != 0 and "error[no-net]" not in answer.err:
            yield Breach("checks but has no report", f"{' '.join(arguments)}: {answer.err[-500:]}")
        if answer.code == 0 and arguments == REPORT:
            yield from of_numbers(json.loads(answer.out))
    answer = ask(COMPILE, data)
    yield from of_output(COMPILE, answer, data, source=True)
    if answer.code == 0:
        yield from of_source(answer.out)
    elif not PLACE.search(answer.err) and "error[no-net]" not in answer.err:
        yield Breach("declined without a place", answer.err[-500:])


def of_numbers(report: dict[str, Any]) -> Iterator[Breach]:
    """Counts are no less than nothing."""
    for name, value in report["totals"].items():
        if isinstance(value, int | float) and value < 0 and name != "receptive_field":
            yield Breach("negative count", f"{name} = {value}")


def of_source(source: str) -> Iterator[Breach]:
    """Emitted source is Python, without a character that nobody sees."""
    try:
        compile(ast.parse(source), "emitted", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        yield Breach("no Python", f"{error}: {getattr(error, 'text', '')}")
    odd = next((c for c in source if not c.isprintable() and c != "\n"), None)
    if odd is not None:
        yield Breach("control characters", f"{odd!r} in emitted source")


def of_wrong(data: bytes, ask: Ask, right: bool) -> Iterator[Breach]:
    """The other commands refuse what `check` refuses, at a place."""
    if right:
        return
    for arguments in (REPORT, COMPILE):
        answer = ask(arguments, data)
        yield from of_output(arguments, answer, data, source=arguments is COMPILE)
        if answer.code == 1 and "error[" not in answer.err:
            yield Breach("declined without a place", f"{' '.join(arguments)}: {answer.err[-500:]}")


def of_formatted(data: bytes, found: list[dict[str, Any]], ask: Ask) -> Iterator[Breach]:
    """A formatted text stays as it is when formatted again, and means what it meant."""
    answer = ask(FORMAT, data)
    yield from of_output(FORMAT, answer, data, source=True)
    wrong = any(d["severity"] == "error" for d in found)
    if answer.code != 0:
        if not wrong:
            yield Breach("checks but is not formatted", answer.err[-500:])
        return
    once = answer.out.encode("utf-8", "surrogateescape")
    if once == data:
        return
    again = ask(FORMAT, once)
    if again.code != 0 or again.out != answer.out:
        yield Breach("formatted twice", f"{answer.out!r} then {again.code} {again.out!r} {again.err[-300:]}")
    now = json.loads(ask(CHECK, once).out)
    if sorted(d["code"] for d in found) != sorted(d["code"] for d in now):
        yield Breach(
            "formatted otherwise", f"{[d['code'] for d in found]} then {[d['code'] for d in now]}: {answer.out}"
        )
    if not wrong:
        yield from of_meaning(data, once, ask)


def of_meaning(data: bytes, once: bytes, ask: Ask) -> Iterator[Breach]:
    """The report of a formatted text is that of the text; shapes written down hold."""
    before, after = (plainly(ask(REPORT, text)) for text in (data, once))
    if before != after:
        yield Breach("formatted otherwise", f"{before} then {after}")
    shaped = ask(SHAPES, data)
    yield from of_output(SHAPES, shaped, data, source=True)
    if shaped.code != 0:
        yield Breach("no shapes", shaped.err[-500:])
    held = shaped.out.encode("utf-8", "surrogateescape")
    checked = ask(CHECK, held)
    again = ask(SHAPES, held)
    if checked.code != 0 or again.out != shaped.out:
        yield Breach("shapes that do not hold", f"{shaped.out} {checked.out} {again.out}")


def plainly(answer: Answer) -> str:
    """A report without the lines of its rows, which formatting moves."""
    return re.sub(r'"line": \d+|"others": \[[\d, ]*\]', "", answer.out)
