"""Text to tree: what is read, what is refused, and that nothing breaks the reader."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from calls import counted

from netdsl.reports.plain import render, to_json
from netdsl.text import syntax, tables
from netdsl.text.diagnostics import Collector, NetError
from netdsl.text.limits import MISTAKES
from netdsl.text.parser import parse, parse_value, read_source
from netdsl.text.source import Source


def read(text: str) -> syntax.File:
    collector = Collector()
    file = parse(Source("test.net", text), collector)
    assert not collector.found, render(collector.found)
    return file


def rows(text: str) -> tuple[syntax.BodyRow, ...]:
    (item,) = read(f"block b {{\n{text}\n}}").items
    assert isinstance(item, syntax.Definition)
    return item.body.rows


def value(text: str) -> syntax.Expr:
    collector = Collector()
    found = parse_value(text, collector)
    assert found is not None, collector.found
    return found


def codes(text: str) -> list[str]:
    collector = Collector()
    parse(Source("test.net", text), collector)
    return [d.code for d in collector.sorted()]


def brief(expr: object) -> str:
    """An expression with every operation in brackets."""
    match expr:
        case syntax.Name(id=name):
            return name
        case syntax.Literal(value=found):
            return repr(found)
        case syntax.Previous():
            return "_"
        case syntax.Binary(operator=sign, left=left, right=right):
            return f"({brief(left)} {sign} {brief(right)})"
        case syntax.Unary(operator=sign, operand=operand):
            return f"({sign} {brief(operand)})"
        case syntax.Pipeline(stages=stages):
            return f"<{' -> '.join(map(brief, stages))}>"
        case syntax.Claim(dims=dims, kind=kind):
            return f"{kind.id if kind else ''}#[{', '.join(map(brief, dims))}]"
        case syntax.ListOf(items=items):
            return f"[{', '.join(map(brief, items))}]"
        case syntax.TupleOf(items=items):
            return f"({', '.join(map(brief, items))},)"
        case syntax.Call(function=function, arguments=arguments):
            inner = ", ".join((f"{a.name.id}=" if a.name else "") + brief(a.value) for a in arguments)
            return f"{brief(function)}({inner})"
        case syntax.Attribute(value=of, name=name):
            return f"{brief(of)}.{name.id}"
        case syntax.Index(value=of, index=index):
            return f"{brief(of)}@{brief(index)}"
    raise AssertionError(expr)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("a + b * c", "(a + (b * c))"),
        ("a - b - c", "((a - b) - c)"),
        ("-a ** b ** -c", "(- (a ** (b ** (- c))))"),
        ("not a == b and c or d", "(((not (a == b)) and c) or d)"),
        ("a in [1, 2]", "(a in [1, 2])"),
        ("a + b -> relu", "<(a + b) -> relu>"),
        ("(x -> f) + (h -> g) -> tanh", "<(<x -> f> + <h -> g>) -> tanh>"),
        ("0.4 * ((side, label) -> loss(ignore=255))", "(0.4 * <(side, label,) -> loss(ignore=255)>)"),
        ("f(3) * (n - 1)", "(f(3) * (n - 1))"),
        ("x -> [3, H] -> int[T, 2 * c]", "<x -> #[3, H] -> int#[T, (2 * c)]>"),
        ("x.shape[0] // 2 % 3", "((x.shape@0 // 2) % 3)"),
        ("x -> y.shape[0]", "<x -> y.shape@0>"),
        ("(a,)", "(a,)"),
        ("((a))", "a"),
        ("(_, d4)", "(_, d4,)"),
        ("f(a -> b, c=(x, y),)", "f(<a -> b>, c=(x, y,))"),
        ("conv(state=1, input=set.next)", "conv(state=1, input=set.next)"),
        ("input -> output", "<input -> output>"),
        ("[]", "[]"),
        ("[3][0]", "[3]@0"),
    ],
)
def test_expressions(text: str, meaning: str) -> None:
    assert brief(value(text)) == meaning


@pytest.mark.parametrize(
    ("text", "number"),
    [("300M", 300_000_000), ("1_000", 1000), ("1.5K", 1500), ("0.5", 0.5), ("1e-3", 0.001), ("2T", 2 * 10**12)],
)
def test_numbers(text: str, number: float) -> None:
    found = value(text)
    assert isinstance(found, syntax.Literal)
    assert found.value == number
    assert type(found.value) is type(number)


@pytest.mark.parametrize("text", ["1e99", "9" * 50, "1e999", "9" * 5000])
def test_numbers_beyond_reason(text: str) -> None:
    assert codes(f"let a = {text}") == ["number-too-large"]


def test_texts() -> None:
    found = value(r'mnist("C:\data\"a\" \\ # b")')
    assert isinstance(found, syntax.Call)
    argument = found.arguments[0].value
    assert isinstance(argument, syntax.Literal)
    assert argument.value == r'C:\data"a" \ # b'


def test_every_kind_of_row() -> None:
    found = rows(
        """
        input image [3, H = 224, W], tokens int[T], plain
        output a, b
        output aux side: linear(2)
        aux output late
        shared tower: conv(3)
        (keep, work): image -> split(2)
        conv(3) -> relu
        let mid = x.channels * 2
        param position [197, 768] = normal(0.02)
        param scale [1]
        const step int[T, 1] = arange
        const half [] = 0.5
        set conv(bias=false)
        assert mid > 3, "too small"
        for (a, b) in [(1, 2)] { conv(a); relu }
        if a { relu } else if b { tanh } else { gelu }
        parts: each b in [1, 2] { x -> pyramid(b) }
        state h [hidden] = 0
        state c = h0
        next h: x -> tanh
        """
    )
    assert [type(r).__name__ for r in found] == [
        "InputRow",
        "OutputRow",
        "OutputRow",
        "OutputRow",
        "LayerRow",
        "LayerRow",
        "LayerRow",
        "LetRow",
        "ParamRow",
        "ParamRow",
        "ConstRow",
        "ConstRow",
        "SetRow",
        "AssertRow",
        "ForRow",
        "If",
        "LayerRow",
        "StateRow",
        "StateRow",
        "NextRow",
    ]
    image, tokens, plain = found[0].items
    assert isinstance(image.dims[1], syntax.SizedSymbol)
    assert tokens.kind.id == "int"
    assert plain.dims is None
    assert [(r.aux, [n.id for n in r.names], r.pipeline is None) for r in found[1:4]] == [
        (False, ["a", "b"], True),
        (True, ["side"], False),
        (True, ["late"], True),
    ]
    assert found[4].shared
    assert found[5].bundle
    assert [n.id for n in found[5].names] == ["keep", "work"]
    assert found[9].init is None
    assert [(r.kind and r.kind.id, len(r.dims)) for r in found[10:12]] == [("int", 2), (None, 0)]
    assert found[13].message == "too small"
    assert [n.id for n in found[14].target] == ["a", "b"]
    assert len(found[14].body.rows) == 2
    chain = found[15].otherwise
    assert chain.span == chain.rows[0].span
    assert chain.rows[0].otherwise is not None


def test_items_of_a_file() -> None:
    file = read(
        """
        use std.resnet { bottleneck, basic, }
        use "./mine.net" { head }
        let wide = 64
        # not the doc

        # What it is,
        #  and how.
        net X(classes = 10, c: int, act: layer = relu) { relu }
        train X { data digits; metric top5: (a, b) -> top_k_accuracy(5); loss (a, b) -> f; epochs -1 }
        """
    )
    library, neighbour, _, net, train = file.items
    assert isinstance(library, syntax.Use)
    assert isinstance(neighbour, syntax.Use)
    assert (library.path, library.is_file, [n.id for n in library.names]) == (
        "std.resnet",
        False,
        ["bottleneck", "basic"],
    )
    assert (neighbour.path, neighbour.is_file, neighbour.path_span.text) == ("./mine.net", True, '"./mine.net"')
    assert isinstance(net, syntax.Definition)
    assert net.doc == "What it is,\n and how."
    assert [(p.name.id, p.kind and p.kind.id, p.default is None) for p in net.parameters] == [
        ("classes", None, False),
        ("c", "int", True),
        ("act", "layer", False),
    ]
    assert isinstance(train, syntax.Train)
    assert [(r.keyword.id, r.label and r.label.id) for r in train.rows] == [
        ("data", None),
        ("metric", "top5"),
        ("loss", None),
        ("epochs", None),
    ]


def test_rows_go_on_over_line_ends() -> None:
    found = rows("a: conv(3,\n 4)\n # why\n\n -> relu ->\n tanh\nb: a +\n a\n c: [1,\n\n 2]\nif x\n{ a }\nelse\n{ b }")
    assert len(found) == 4
    assert rows("x; y; z ;\n; w")[3:]
    assert len(rows("(if a { x\n y } else { z }, w)")) == 1


def test_words_are_keywords_only_where_they_begin_a_row() -> None:
    found = rows("state: conv(3)\nnext: state -> input\n(set, use) -> concat\nlet train = net\noutput aux: relu")
    assert [type(r).__name__ for r in found] == ["LayerRow", "LayerRow", "LayerRow", "LetRow", "OutputRow"]


def test_places() -> None:
    text = "net X {\n  main: (a + b) -> conv(64, k=3) -> [3, H]\n}\n"
    (net,) = read(text).items
    assert isinstance(net, syntax.Definition)
    assert net.span.text == text[:-1]
    (row,) = net.body.rows
    assert isinstance(row, syntax.LayerRow)
    assert row.span.text == "main: (a + b) -> conv(64, k=3) -> [3, H]"
    head, call, claim = row.pipeline.stages
    assert (head.span.text, call.span.text, claim.span.text) == ("a + b", "conv(64, k=3)", "[3, H]")
    assert isinstance(call, syntax.Call)
    assert call.arguments[1].span.text == "k=3"
    assert isinstance(head, syntax.Binary)
    assert head.operator_span.text == "+"


def test_rows_around_a_mistake_are_kept() -> None:
    collector = Collector()
    file = parse(
        Source("x", "net X {\n  a: relu\n  b = relu\n  c: tanh\n  )\n  d: gelu\n}\nnet Y { e: relu }"), collector
    )
    assert [d.code for d in collector.sorted()] == ["missing-colon", "unmatched-bracket"]
    x, y = file.items
    assert isinstance(x, syntax.Definition)
    assert isinstance(y, syntax.Definition)
    assert [r.names[0].id for r in x.body.rows if isinstance(r, syntax.LayerRow)] == ["a", "c", "d"]
    assert len(y.body.rows) == 1


def test_so_many_mistakes_and_no_more() -> None:
    assert len(codes("net X {\n" + "relu relu\n" * 100 + "}")) == MISTAKES + 1


@pytest.mark.parametrize("letter", ["\0", "$", "é", "→", "'", '"a\n', "1a ", "True ", ") "])
def test_a_flood_is_stopped(letter: str) -> None:
    assert 0 < len(codes(letter * 50_000)) <= MISTAKES + 1


@pytest.mark.parametrize("text", ["", "-> x", "sgd(", "a b", "x = 3", "{", "1 +", "a\nb"])
def test_values_that_are_none(text: str) -> None:
    collector = Collector()
    assert parse_value(text, collector, "--optimizer") is None
    assert collector.found
    assert all(d.span.source.name == "--optimizer" for d in collector.found)


DEEP = {
    "parentheses": "let a = " + "(" * 5000 + "1" + ")" * 5000,
    "unclosed": "let a = " + "[" * 5000,
    "blocks": "net X {" + "for i in n { " * 3000 + "}" * 3000 + "}",
    "sum": "let a = " + "1 + " * 5000 + "1",
    "negation": "let a = " + "not " * 5000 + "1",
    "minus": "let a = " + "-" * 5000 + "1",
    "attributes": "let a = x" + ".y" * 5000,
    "calls": "let a = x" + "()" * 5000,
    "indices": "let a = x" + "[0]" * 5000,
    "else": "net X { if a { b } " + "else if a { b } " * 2000 + "}",
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP.keys())
def test_depth_is_bounded(text: str) -> None:
    assert codes(text) == ["nested-too-deep"]


def test_what_is_allowed_is_shallow_enough_for_recursion() -> None:
    inner = "1"
    for _ in range(45):
        inner = f"f(-{inner})"
    assert brief(value(inner)).count("f(") == 45


def test_long_files_take_linear_time() -> None:
    def work(count: int) -> int:
        text = "net X {\n" + "".join(f"  c{i}: conv(64, 3, pad=1) -> relu -> [3, H]\n" for i in range(count)) + "}\n"
        with counted() as calls:
            (net,) = read(text).items
        assert isinstance(net, syntax.Definition)
        assert len(net.body.rows) == count
        return calls[0]

    work(100)
    assert work(2000) < 11 * work(200)


@pytest.mark.parametrize(
    "text", ["(" * 50_000, '"' * 50_000, "a: b\n(" * 5_000, "x = y\n" * 20_000, "1" * 50_000, "( c: d\n" * 5_000]
)
def test_bad_files_take_no_longer(text: str) -> None:
    with counted() as calls:
        assert codes(text)
    assert calls[0] < 60 * len(text) + 100_000


WORDS = [
    *re.findall(
        r"\w+|->|[^\w\s]|\n", "net X(c = 1) {\n input x [3, H = 4] output aux a : b }\n train use state if else"
    ),
    "for",
    "in",
    "each",
    '"',
    "'",
    "#",
    ";",
    "...",
    ":=",
    "==",
    "é",
    "\x00",
    "\r",
    "\t",
    "1.5",
    "0x1",
    "and",
    "not",
    "let",
    "**",
]


@pytest.mark.parametrize("seed", range(150))
def test_no_text_breaks_the_reader(seed: int) -> None:
    draw = random.Random(seed)
    text = " ".join(draw.choice(WORDS) for _ in range(draw.randrange(1, 60)))
    text = text if seed % 2 else f"net X {{\n{text}\n}}\nnet Y {{ relu }}"
    collector = Collector()
    parse(Source("test.net", text), collector)
    for found in collector.found:
        assert 0 <= found.span.start <= found.span.end <= len(text)
        assert found.message
        assert "$" not in found.message.replace("`$", "")
    render(collector.found, color=True)
    json.dumps(to_json(collector.found))


# ---------------------------------------------------------------- files


def test_marks_and_line_ends_are_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "a.net"
    path.write_bytes(b"\xef\xbb\xbflet a = 1\r\nlet b = 2\r\n")
    source = read_source(path)
    assert source.text == "let a = 1\nlet b = 2\n"
    assert source.path == path
    assert len(read("\ufefflet a = 1\r\nlet b = 2\r\n").items) == 2


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    bad = tmp_path / "bad.net"
    bad.write_bytes("# ä\nnet ".encode() + b"\xff {}")
    with pytest.raises(NetError) as error:
        read_source(bad)
    (found,) = error.value.diagnostics
    assert (found.code, found.span.place) == ("not-utf8", f"{bad}:2:5")
    assert "byte 9" in found.message
    for path, code in ((tmp_path / "none.net", "file-not-found"), (tmp_path, "not-a-file")):
        with pytest.raises(NetError) as error:
            read_source(path)
        assert [d.code for d in error.value.diagnostics] == [code]
        said = render(error.value.diagnostics).splitlines()
        assert [line[:5] for line in said] == ["error", "   --", "    ="][: len(said)]  # no line of a text is shown


# ---------------------------------------------------------------- tables


def test_stored_tables_are_those_of_the_grammar() -> None:
    made = tables.compile_grammar(tables.GRAMMAR.read_text(encoding="utf-8"))
    assert json.loads(tables.STORED.read_text(encoding="utf-8")) == json.loads(tables.render(made))


def test_grammar_is_unambiguous(caplog: pytest.LogCaptureFixture) -> None:
    """lark settles a conflict between shifting and reducing without a word; here it has none to settle."""
    import logging

    from lark import Lark, logger

    logger.setLevel(logging.DEBUG)
    try:
        with caplog.at_level(logging.DEBUG, logger=logger.name):
            Lark(tables.GRAMMAR.read_text(encoding="utf-8"), parser="lalr", start=list(tables.STARTS), debug=True)
    finally:
        logger.setLevel(logging.CRITICAL)
    assert "conflict" not in caplog.text.lower()


def test_stale_tables_are_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grammar = tmp_path / "grammar.lark"
    grammar.write_text(
        tables.GRAMMAR.read_text(encoding="utf-8").replace('"recurrent"', '"recurring"'), encoding="utf-8"
    )
    stored = tmp_path / "grammar.json"
    stored.write_bytes(tables.STORED.read_bytes())
    monkeypatch.setattr(tables, "GRAMMAR", grammar)
    monkeypatch.setattr(tables, "STORED", stored)
    tables.tables.cache_clear()
    try:
        assert tables.tables().keywords["recurring"] == "RECURRENT"
        assert json.loads(stored.read_text(encoding="utf-8"))["keywords"]["recurring"] == "RECURRENT"
        assert [p.name for p in tmp_path.iterdir() if p.suffix not in (".lark", ".json")] == []
    finally:
        tables.tables.cache_clear()


def test_parsing_imports_neither_lark_nor_numbers() -> None:
    code = (
        "import sys; from netdsl.text.parser import parse; from netdsl.text.source import Source\n"
        "from netdsl.text.diagnostics import Collector\n"
        "c = Collector(); parse(Source('x', 'net X { relu }'), c); assert not c.found\n"
        "print([m for m in ('lark', 'numpy', 'torch', 'onnx', 'pydantic', 'rich') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
