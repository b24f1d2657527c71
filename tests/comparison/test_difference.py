"""The difference of two nets: nothing under other names, and of a change that was made exactly that."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import netdsl
from netdsl.cli import main
from netdsl.comparison.difference import NetDifference, difference
from netdsl.comparison.signature import equal
from netdsl.graph import Block, Graph
from netdsl.reports.difference import NARROWEST, render
from netdsl.text.diagnostics import NetError

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.net"))


def net(text: str) -> netdsl.Net:
    return netdsl.load_text(f"net N {{\n{text}\n}}")


def changes(found: NetDifference) -> list[tuple[str, str, str]]:
    """What is told of layers: status, and either text."""
    rows = [r for r in found.rows if r.status != "affected" and r.what != ("inside",)]
    return [(r.status, r.old.layer if r.old else "", r.new.layer if r.new else "") for r in rows]


# ---------------------------------------------------------------- equal


def renamed(graph: Graph, known: set[int]) -> None:
    """Call everything in a graph by another name: rows, arrows, blocks, outputs. Bodies are shared by their uses."""
    if id(graph) in known:
        return
    known.add(id(graph))
    for place, node in enumerate(graph.nodes):
        node.name = f"row{place}"
        for value in node.results:
            value.name = f"v{place}"
        if isinstance(node.op, Block):
            node.op.name = f"block{place}"
            renamed(node.op.body, known)
    for place, output in enumerate(graph.outputs):
        output.name = f"out{place}"
    for place, value in enumerate(graph.inputs):
        value.name = f"in{place}"


@pytest.mark.sampled(3)
@pytest.mark.parametrize("spec", SPECS, ids=lambda p: p.stem)
def test_every_spec_is_equal_to_itself_under_other_names(spec: Path) -> None:
    """One net of each file; no two of a file are equal to each other, but where settings alone tell them apart."""
    name = netdsl.load(spec).name
    old, new = netdsl.load(spec, name), netdsl.load(spec, name)
    renamed(new, set())
    assert equal(old, new)
    found = difference(old, new)
    assert (found.equal, found.rows, found.ports) == (True, (), ())


ALIKE = {
    "names of sizes": ("input x [3, H, W]\n x -> conv(4, 3)", "input y [3, A, B]\n y -> conv(4, 3)"),
    "a default that is written": ("input x [4]\n x -> linear(2)", "input x [4]\n x -> linear(2, bias=true)"),
    "the order of branches": (
        "input x [4]\n a: x -> linear(2)\n b: x -> linear(3)\n output y: (a, b) -> concat",
        "input x [4]\n b: x -> linear(3)\n a: x -> linear(2)\n output y: (a, b) -> concat",
    ),
    "the order of uses of one layer": (
        "input x [4], y [4]\n shared f: linear(4)\n a: x -> f\n b: y -> f\n output z: a - b",
        "input x [4], y [4]\n shared f: linear(4)\n b: y -> f\n a: x -> f\n output z: a - b",
    ),
    "the length that a file gives": ("input x [T = 3, 4]\n x -> linear(2)", "input x [S = 8, 4]\n x -> linear(2)"),
    "a number for each axis": (
        "input x [3, H, W]\n x -> conv(4, 3, stride=2)",
        "input x [3, H, W]\n x -> conv(4, (3, 3), stride=(2, 2))",
    ),
    "a padding that keeps the size": (
        "input x [3, H, W]\n x -> conv(4, 3, pad=same)",
        "input x [3, H, W]\n x -> conv(4, 3, pad=((1, 1), (1, 1)))",
    ),
    "a padding of spread taps": (
        "input x [3, H, W]\n x -> conv(4, 3, pad=same, dilation=2)",
        "input x [3, H, W]\n x -> conv(4, 3, pad=2, dilation=2)",
    ),
    "a padding turned round": (
        "input x [3, H, W]\n x -> conv_transpose(4, 4, stride=2, pad=same)",
        "input x [3, H, W]\n x -> conv_transpose(4, 4, stride=2, pad=1)",
    ),
    "the stride of a pool": (
        "input x [3, H, W]\n x -> maxpool(2)",
        "input x [3, H, W]\n x -> maxpool((2, 2), stride=2, pad=0)",
    ),
    "an axis from the end": ("input x [4, 5]\n x -> softmax(axis=-1)", "input x [4, 5]\n x -> softmax(axis=1)"),
    "axes in another order": ("input x [4, 5]\n x -> mean(axis=(0, 1))", "input x [4, 5]\n x -> mean(axis=(-1, 0))"),
    "a factor for each axis": ("input x [3, H, W]\n x -> unpool(2)", "input x [3, H, W]\n x -> unpool((2, 2))"),
    "a rim for each axis": ("input x [3, H, W]\n x -> pad(1)", "input x [3, H, W]\n x -> pad((1, 1))"),
    "rows in one row": ("input x [4]\n a: x -> linear(2)\n a -> relu", "input x [4]\n x -> linear(2) -> relu"),
}
TWO = "input x [4]\n shared f: linear(4)\n shared g: linear(4)\n"
TABLES = "input ids int[3]\n shared w: embedding(4, 4)\n shared v: embedding(4, 4)\n"
UNLIKE = {
    "a setting": ("input x [4]\n x -> linear(2)", "input x [4]\n x -> linear(2, bias=false)"),
    "an axis": ("input x [4, 4]\n x -> softmax(axis=-1)", "input x [4, 4]\n x -> softmax(axis=-2)"),
    "a padding": ("input x [3, H, W]\n x -> conv(4, 3, pad=same)", "input x [3, H, W]\n x -> conv(4, 3, pad=2)"),
    "a padding of even windows": (
        "input x [3, H, W]\n x -> conv(4, 4, pad=same)",
        "input x [3, H, W]\n x -> conv(4, 4, pad=((2, 1), (2, 1)))",
    ),
    "a number": ("input x [4]\n x * 2", "input x [4]\n x * 3"),
    "operands": ("input x [4], y [4]\n x - y", "input x [4], y [4]\n y - x"),
    "two layers for one": (
        "input x [4]\n a: x -> linear(2)\n output y: (a, a) -> concat",
        "input x [4]\n a: x -> linear(2)\n b: x -> linear(2)\n output y: (a, b) -> concat",
    ),
    "weights that are shared": (
        "input x [4]\n shared f: linear(4)\n x -> f -> f", "input x [4]\n x -> linear(4) -> linear(4)",
    ),
    "whose weights are used again": (
        f"{TWO} a: x -> f\n b: x -> g\n c: a -> f\n e: b -> g\n output y: c - e",
        f"{TWO} a: x -> f\n b: x -> g\n c: a -> g\n e: b -> f\n output y: c - e",
    ),
    "whose weights are read": (
        f"{TABLES} a: ids -> w\n b: ids -> v\n output y: (a - b, w.weight) -> linear",
        f"{TABLES} a: ids -> w\n b: ids -> v\n output y: (a - b, v.weight) -> linear",
    ),
    "a length of its own": ("input x [T, 4], y [T, 4]\n x + y", "input x [T, 4], y [T, 4]\n x - y"),
    "what starts": ("input x [4]\n x -> linear(2)", "input x [4]\n x -> linear(2, init=zeros)"),
    "what is not trained": ("input x [4]\n x -> linear(2)", "input x [4]\n frozen a: x -> linear(2)\n a"),
}  # fmt: skip


@pytest.mark.parametrize("name", ALIKE)
def test_what_is_written_otherwise_is_equal(name: str) -> None:
    old, new = map(net, ALIKE[name])
    assert difference(old, new).equal


@pytest.mark.parametrize("name", UNLIKE)
def test_what_is_not_equal(name: str) -> None:
    old, new = map(net, UNLIKE[name])
    assert not difference(old, new).equal
    assert not difference(new, old).equal


def test_both_are_counted_at_the_same_sizes() -> None:
    """Those of the first net, by place, where the second takes them; what only one has is for that one."""
    old, new = net("input x [T = 3, 4]\n x -> linear(2)"), net("input x [S = 8, 4]\n x -> linear(3)")
    assert difference(old, new).totals["macs"] == (3 * 8, 3 * 12)
    assert difference(old, new, sizes={"T": 5}).totals["macs"] == (5 * 8, 5 * 12)
    wide = net("input x [S = 8, 4]\n assert S >= 6\n x -> linear(3)")
    assert difference(old, wide).totals["macs"] == (3 * 8, 8 * 12)
    with pytest.raises(NetError, match="no size called `U`"):
        difference(old, new, sizes={"U": 5})


def test_rows_in_a_block_are_equal_to_rows_alone() -> None:
    text = "block b {\n input x [4]\n x -> linear(4) -> relu\n}\nnet N {\n input x [4]\n x -> b -> b\n}"
    alone = net("input x [4]\n x -> linear(4) -> relu -> linear(4) -> relu")
    assert difference(netdsl.load_text(text), alone).equal


def test_steps_and_states_are_told_apart() -> None:
    nets = [netdsl.load(next(p for p in SPECS if p.stem == "char_rnn"), name) for name in ("CharRNN", "CharLSTM")]
    assert not equal(*nets)


# ---------------------------------------------------------------- what was changed

ROWS = (
    "conv(8, 3, pad=1)",
    "relu",
    "batchnorm",
    "conv(8, 1)",
    "dropout(0.5)",
    "conv(8, 5, pad=2)",
    "sigmoid",
    "lrn(5)",
)
OTHER = {
    "conv(8, 3, pad=1)": "conv(8, 3, pad=2, dilation=2)", "conv(8, 1)": "conv(8, 1, bias=false)",
    "conv(8, 5, pad=2)": "conv(8, 5, pad=2, groups=2)", "dropout(0.5)": "dropout(0.25)", "lrn(5)": "lrn(3)",
    "batchnorm": "batchnorm(eps=0.001)",
}  # fmt: skip


def drawn(random_: random.Random) -> list[str]:
    """Rows of which no two neighbours are the same."""
    rows = ["conv(8, 3, pad=1)"]
    while len(rows) < 14:
        rows.append(random_.choice([r for r in ROWS if r != rows[-1]]))
    return rows


def written(rows: list[str], names: random.Random) -> netdsl.Net:
    """The rows in a chain, under names of their own."""
    lines = [f" r{names.randrange(10**9)}: {'x' if i == 0 else '_'} -> {row}" for i, row in enumerate(rows)]
    return net("\n".join([" input x [8, H, W]", *lines, " output y: _ -> global_avgpool"]))


def changed(rows: list[str], random_: random.Random) -> tuple[list[str], list[tuple[str, str, str]]]:
    """The rows with one of them changed, added or taken out, and what is to be told of it."""
    way, other = random_.choice(["change", "add", "remove"]), list(rows)
    if way == "change":
        place = random_.choice([i for i, r in enumerate(rows) if r in OTHER])
        other[place] = OTHER[rows[place]]
        return other, [("changed", rows[place], other[place])]
    if way == "remove":
        places = [i for i in range(1, len(rows) - 1) if rows[i - 1] != rows[i + 1]]
        place = random_.choice(places)
        return other[:place] + other[place + 1 :], [("removed", rows[place], "")]
    other.insert(place := random_.randrange(1, len(rows)), "tanh")
    return other, [("added", "", other[place])]


@pytest.mark.parametrize("seed", range(20))
def test_a_change_is_found_and_nothing_else(seed: int) -> None:
    random_ = random.Random(seed)
    rows = drawn(random_)
    other, told = changed(rows, random_)
    old, new = written(rows, random_), written(other, random_)
    found = difference(old, new, sizes={"H": 32, "W": 32})
    assert not found.equal
    assert changes(found) == told


def test_a_change_in_a_block_is_told_of_once() -> None:
    old, new = (netdsl.load(next(p for p in SPECS if p.stem == "vgg"), name) for name in ("VGG16", "VGG16BN"))
    found = difference(old, new)
    added = [r for r in found.rows if r.status == "added"]
    assert {r.new.layer for r in added if r.new} == {"batchnorm"}
    assert found.totals["params"] == (138_357_544, 138_365_992)
    assert any(r.like for r in found.rows)
    sides = [(r.old, r.new) for r in found.rows if r.depth == 0]
    assert sum(new.params - old.params for old, new in sides if old and new) == 138_365_992 - 138_357_544


def test_arrows_that_lead_elsewhere() -> None:
    old = net("input x [4]\n a: x -> linear(4)\n b: a -> relu\n c: b -> linear(4)\n output y: (b, c) -> add")
    new = net("input x [4]\n a: x -> linear(4)\n b: a -> relu\n c: b -> linear(4)\n output y: (a, c) -> add")
    found = difference(old, new)
    assert [(r.status, r.what) for r in found.rows] == [("changed", ("inputs",))]
    assert "reads other rows" in render(found)


LOOP = """recurrent r(n) {{
  input x
  state h [n] = {start}
  a: (x, h) -> concat -> linear(n) -> tanh
  b: a -> linear(n)
  next h: {next}
  output {out}
}}
net N {{
  input x [5, 4]
  x -> r(3)
}}"""
TOLD = {
    "what a state starts as": ({"start": 1}, "has other states"),
    "what a state becomes": ({"next": "b"}, "has other states"),
    "what comes out": ({"out": "b"}, "gives other rows"),
}


@pytest.mark.parametrize("name", TOLD)
def test_what_no_row_of_a_loop_shows(name: str) -> None:
    other, words = TOLD[name]
    usual = {"start": 0, "next": "a", "out": "a"}
    old, new = (netdsl.load_text(LOOP.format(**{**usual, **given})) for given in ({}, other))
    found = difference(old, new)
    assert not found.equal
    assert words in render(found)


def test_a_use_that_reads_another_row_is_no_change_of_its_block() -> None:
    text = "block b {\n input x\n x -> linear(4) -> relu\n}\nnet N {\n input x [4]\n a: x -> relu\n%s\n e: c -> b\n}"
    old, new = (netdsl.load_text(text % row) for row in (" c: x -> b", " c: a -> b"))
    found = difference(old, new)
    assert [(r.new.path if r.new else "", r.what, r.like) for r in found.rows if r.status == "changed"] == [
        ("c", ("inputs",), "")
    ]


def test_rows_in_a_body_of_thousands() -> None:
    """A row in front and one at the end, of rows that are all alike."""
    rows = ["_ -> linear(4)", "_ -> tanh", *["_ -> relu"] * 1200]
    old = net("\n".join([" input x [4]", *rows]))
    new = net("\n".join([" input x [4]", "_ -> sigmoid", *rows, "_ -> linear(5)"]))
    assert changes(difference(old, new)) == [("added", "", "sigmoid"), ("added", "", "linear(5)")]


def test_outputs_are_matched_by_name() -> None:
    old, new = (
        net("input x [4]\n a: x -> relu\n output y: a"),
        net("input x [4]\n a: x -> relu\n output w: x\n output y: a"),
    )
    assert difference(old, new).ports == ("output `w` [4] is new",)


def test_inputs_and_outputs() -> None:
    found = difference(net("input x [3, 8, 8]\n x -> conv(4, 3)"), net("input x [1, 8, 8]\n x -> conv(4, 3)"))
    assert found.ports == ("input `x` [3, 8, 8] is `x` [1, 8, 8] now",)
    assert [r.status for r in found.rows] == ["affected"]


# ---------------------------------------------------------------- how it is said


def forms() -> Iterator[NetDifference]:
    yield difference(net("input x [4]\n x -> linear(2)"), net("input x [4]\n x -> linear(3) -> relu"))
    yield difference(net("input x [4]\n x -> linear(2)"), net("input y [4]\n y -> linear(2)"))


def test_texts_of_a_difference() -> None:
    found, same = forms()
    lines = render(found, width=80).splitlines()
    assert lines[0] == "N → N"
    assert "~ linear1: linear(2) → linear(3)" in "\n".join(lines)
    assert "params +5" in "\n".join(lines)
    assert max(map(len, lines)) <= 80
    assert "the graphs are equal" in render(same)
    assert "| ~ | `linear1` | `linear(2) → linear(3)` |" in render(found, "markdown")
    document = json.loads(render(found, "json"))
    assert (document["equal"], document["totals"]["params"]) == (False, [10, 15])
    assert document["rows"][0]["new"]["layer"] == "linear(3)"
    with pytest.raises(ValueError, match="no format"):
        render(found, "xml")


@pytest.mark.parametrize("width", [1, 14, 20, 33, 47])
def test_a_narrow_terminal_is_kept_to(width: int) -> None:
    """Long settings, deep rows, words that are longer than a line; nothing of the wide text is left out."""
    old = netdsl.load(next(p for p in SPECS if p.stem == "resnet"), "ResNet18")
    new = netdsl.load(next(p for p in SPECS if p.stem == "resnet"), "ResNet50")
    for found in (*forms(), difference(old, new, sizes={})):
        narrow, wide = render(found, width=width), render(found, width=10_000)
        assert max(map(len, narrow.splitlines())) <= max(width, NARROWEST)
        rows, _, totals = wide.partition(" old ")
        together = "".join(narrow.split())
        assert together.startswith("".join(rows.split()))
        assert all(line.split()[-1] in together for line in totals.splitlines()[1:])


FREE = "input x [4]\n a: x -> linear(4)\n b: a -> linear(4)"
TOLD_WHICH = {
    "is frozen now": (FREE, FREE.replace(" a: x", " frozen a: x")),
    "is frozen no longer": (FREE.replace(" a: x", " frozen a: x"), FREE),
    "has the weights of another row now": (
        "input x [4]\n shared f: linear(4)\n a: x -> f\n b: a -> linear(4)\n",
        "input x [4]\n shared f: linear(4)\n a: x -> f\n b: a -> f\n",
    ),
}
TOLD_WHICH["has weights of its own now"] = TOLD_WHICH["has the weights of another row now"][::-1]


@pytest.mark.parametrize("words", TOLD_WHICH)
def test_which_way_a_row_was_changed(words: str) -> None:
    old, new = map(net, TOLD_WHICH[words])
    found = difference(old, new)
    for format in ("table", "markdown"):
        assert words in " ".join(render(found, format).split())


def test_trouble_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As diff does: 0 for equal, 1 for different, 2 for what cannot be compared; without the option 1 is trouble."""
    monkeypatch.chdir(tmp_path)
    for name, row in (("a", "linear(n)"), ("b", "linear(3)"), ("c", "linear(")):
        Path(f"{name}.net").write_text(f"net N(n = 2) {{\n  input x [4]\n  x -> {row}\n}}\n")
    said(capsys, "a.net", "b.net")
    said(capsys, "a.net", "a.net", "--exit-code")
    said(capsys, "a.net", "b.net", "--exit-code", code=1)
    for words in (("a.net", "c.net"), ("a.net", "none.net"), ("a.net", "b.net", "--new-set", "n=x"), ("a.net",)):
        assert "error" in said(capsys, *words, "--exit-code", code=2)
        assert "error" in said(capsys, *words, code=1)
    assert "there is no place for `c.net`\n  it compares two: `netdsl diff OLD NEW`" in said(
        capsys, "a.net", "b.net", "c.net", code=2
    )


@pytest.mark.parametrize(
    ("value", "words", "code"),
    [
        ("m=3", "--new-set", 1),
        ("n=x", "--new-set n=2", 1),
        ("n=", "--new-set", 2),
        ("n=1,m=2", "write `--new-set n=1 --new-set m=2`", 2),
    ],
)
def test_a_wrong_setting_of_the_new_net(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], value: str, words: str, code: int
) -> None:
    text = tmp_path / "a.net"
    text.write_text("net N(n = 2) {\n  input x [4]\n  x -> linear(n)\n}\n")
    told = said(capsys, str(text), "--new-set", value, code=code)
    assert words in told
    assert " --set " not in told.partition("error: ")[2]
    assert "--new-set" not in said(capsys, str(text), str(text), "--set", value, code=code).partition("error: ")[2]


def test_earlier_revisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With what they use as it was, too; what is no revision, no file or outside is said in a line."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets" / "parts").mkdir(parents=True)
    block, text = tmp_path / "nets" / "parts" / "b.net", tmp_path / "nets" / "n.net"
    block.write_text("block b {\n  input x [4]\n  x -> linear(4)\n}\n")
    (block.parent / "huge.net").write_text("# a text that nothing uses\n" * 100_000)
    text.write_text('use "./parts/b.net" { b }\n\nnet N {\n  input x [4]\n  x -> b\n}\n')
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "a net"]):
        git(*words)
    assert said(capsys, "HEAD:nets/n.net", "nets/n.net").endswith("the graphs are equal\n")
    block.write_text("block b {\n  input x [4]\n  x -> linear(4, bias=false)\n}\n")
    assert "~   linear1: linear(4) → linear(4, bias=false)   params -4" in said(capsys, "HEAD:nets/n.net", "nets/n.net")
    assert "~   linear1" in said(capsys, "HEAD:nets/n.net")
    monkeypatch.chdir(tmp_path / "nets")
    assert "~   linear1" in said(capsys, "HEAD:nets/n.net")
    assert "~   linear1" in said(capsys, "HEAD:n.net", "n.net")
    monkeypatch.chdir(tmp_path)
    assert "nothing to compare nets/n.net with" in said(capsys, "nets/n.net", code=1)
    assert "there is no revision `nope`" in said(capsys, "nope:nets/n.net", code=1)
    assert "HEAD has no file nets/no.net" in said(capsys, "HEAD:nets/no.net", code=1)
    assert "lies outside the repository" in said(capsys, "HEAD:../n.net", code=1)
    assert "is no revision" in said(capsys, "--", "--output=x:nets/n.net", code=1)
    assert "no file of it: write `HEAD:nets/n.net`" in said(capsys, "HEAD", "nets/n.net", code=1)
    assert "no file of it: write `HEAD:nets/n.net`" in said(capsys, "nets/n.net", "HEAD", code=1)
    assert "no file of it: write `HEAD:nets/n.net`" in said(capsys, "HEAD", "HEAD:nets/n.net", code=1)
    assert "no file of it: write `HEAD:FILE`" in said(capsys, "HEAD", "HEAD", code=1)
    assert "is a revision" not in said(capsys, "HEAP", "nets/n.net", code=1)
    assert said(capsys, "HEAD:nets/n.net", "nets/n.net", "--exit-code", code=1)


def git(*words: str) -> None:
    named = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *named, *words], check=True, capture_output=True)


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    """What the command prints, on either stream."""
    monkey = pytest.MonkeyPatch()
    monkey.setattr(sys, "argv", ["netdsl", "diff", *words])
    with monkey.context(), pytest.raises(SystemExit) as ended:
        main()
    monkey.undo()
    assert (ended.value.code or 0) == code
    printed = capsys.readouterr()
    return printed.out + printed.err
