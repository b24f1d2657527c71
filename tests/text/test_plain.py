"""Diagnostics as text and as JSON: the exact layout."""

from __future__ import annotations

import json

from netdsl.reports.plain import render, to_json
from netdsl.text.diagnostics import Diagnostic, Fix, Label, Severity
from netdsl.text.source import Source, Span

RESNET = Source(
    "specs/resnet.net",
    "block b(c) {\n  input x\n\n  main: conv(c, 1) -> bn -> relu\n  skip: x\n  main + skip -> relu\n}\n",
)


def at(source: Source, words: str) -> Span:
    start = source.text.index(words)
    return Span(source, start, start + len(words))


def test_an_error_with_its_labels() -> None:
    found = Diagnostic(
        "shape-mismatch",
        "the two sides of `+` have different shapes",
        (
            Label(at(RESNET, "main + skip")),
            Label(at(RESNET, "skip"), "[64, 56, 56]"),
            Label(at(RESNET, "main"), "[256, 56, 56]"),
        ),
        notes=("in `bottleneck(64)`, used at specs/resnet.net:14:11",),
        help="give the skip a projection: `skip: x -> conv(4 * c, 1) -> bn`",
    )
    assert (
        render([found])
        == """\
error[shape-mismatch]: the two sides of `+` have different shapes
   --> specs/resnet.net:6:3
    |
  4 |   main: conv(c, 1) -> bn -> relu
    |   ---- [256, 56, 56]
  5 |   skip: x
    |   ---- [64, 56, 56]
  6 |   main + skip -> relu
    |   ^^^^^^^^^^^
    = in `bottleneck(64)`, used at specs/resnet.net:14:11
    = help: give the skip a projection: `skip: x -> conv(4 * c, 1) -> bn`"""
    )


def test_several_files_far_lines_and_warnings() -> None:
    long = Source("long.net", "a\n" * 4 + "b\tc\n" + "d\n" * 200 + "e")
    found = Diagnostic(
        "unused", "two\nlines", (Label(at(long, "e")), Label(at(long, "c"), "here"), Label(at(RESNET, "relu"), "there")),
        Severity.WARNING,
    )  # fmt: skip
    assert render([found, found]) == "\n\n".join(["""\
warning[unused]: two lines
    --> long.net:206:1
     |
   5 | b c
     |   - here
  ...
 206 | e
     | ^
     |
    ::: specs/resnet.net:4:29
     |
   4 |   main: conv(c, 1) -> bn -> relu
     |                             ---- there"""] * 2)  # fmt: skip


def test_what_a_terminal_would_obey_is_not_printed() -> None:
    source = Source("x\x1b[2J.net", "a \x1b[31m b")
    text = render([Diagnostic("odd", "what is `\x1b`?", (Label(at(source, "b"), "\x07"),))])
    assert "\x1b" not in text
    assert "\x07" not in text
    assert text.splitlines()[3].index("b") == text.splitlines()[4].index("^")


def test_overlong_lines_are_cut() -> None:
    source = Source("x", "a" * 5000 + "!" + "b" * 5000)
    lines = render([Diagnostic("far", "here", (Label(at(source, "!")),))]).splitlines()
    assert max(map(len, lines)) < 200
    assert lines[3].index("!") == lines[4].index("^")


def test_no_excerpt_without_text() -> None:
    span = Span(Source("none.net", ""), 0, 0)
    assert render([Diagnostic("file-not-found", "none.net: no", (Label(span),))]) == (
        "error[file-not-found]: none.net: no\n   --> none.net"
    )
    assert render([]) == ""


def test_colours_change_nothing_else() -> None:
    import re

    found = [Diagnostic("x", "y", (Label(at(RESNET, "relu"), "z"),), help="w", notes=("v",))]
    coloured = render(found, color=True)
    assert "\x1b[1;31m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render(found)


def test_json() -> None:
    span = at(RESNET, "skip: x")
    (data,) = to_json([Diagnostic("x", "y", (Label(span, "z"),), help="h", fix=Fix(span, "new"))])
    place = {"file": "specs/resnet.net", "line": 5, "column": 3, "end_line": 5, "end_column": 10}
    assert json.loads(json.dumps(data)) == {
        "code": "x",
        "severity": "error",
        "message": "y",
        **place,
        "labels": [{**place, "text": "z"}],
        "notes": [],
        "help": "h",
        "fix": {**place, "replacement": "new"},
    }
