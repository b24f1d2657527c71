"""Every layer called with arrows, as other frameworks call layers: what is offered, put in its place, is the plain net."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from netdsl.dims.tensors import Value
from netdsl.ops import REGISTRY
from netdsl.program import check_text, load_text

INNER = ("constant", "free_param", "per_sample")
LAYERS = sorted(name for name, op in REGISTRY.items() if name == op.name and name not in INNER)
EXAMPLE = re.compile(r"(?P<given>.*?) -> (?P<layer>\w+)(?:\((?P<settings>.*)\))?(?: -> (?:int|bool)?\[[^]]*\])?")
ARROW = re.compile(r"(\w+) ((?:int|bool)?\[[^]]*\])")


class Example(NamedTuple):
    """The example of a layer taken apart."""

    declared: list[str]
    arrows: list[str]
    settings: str

    @classmethod
    def of(cls, name: str) -> Example:
        found = EXAMPLE.fullmatch(REGISTRY[name].example)
        assert found is not None, REGISTRY[name].example
        arrows = ARROW.findall(found["given"])
        return cls([f"{n} {shape}" for n, shape in arrows], [n for n, _ in arrows], found["settings"] or "")

    def net(self, row: str) -> str:
        first = self.arrows[0]
        return f"net N {{\n  input {', '.join(self.declared)}\n  before: {first} -> identity\n  {row}\n}}\n"

    def plain(self, name: str, *arrows: str) -> str:
        given = f"({', '.join(arrows)})" if len(arrows) > 1 else arrows[0]
        return f"{given} -> {name}({self.settings})" if self.settings else f"{given} -> {name}"


class Written(NamedTuple):
    """A row up to the end of a call, where in it the call begins, what follows, and the row that is meant."""

    row: str
    call: str
    rest: str
    plain: str


def written(name: str) -> Iterator[Written]:
    """The ways in which a layer is called."""
    example = Example.of(name)
    first, *others = example.arrows
    last = f", {example.settings})" if example.settings else ")"
    call = f"{name}({', '.join(example.arrows)}{last}"
    plain = example.plain(name, *example.arrows)
    yield Written("", call, "", plain)
    yield Written("y: ", call, " -> identity", f"{plain} -> identity")
    yield Written("2 * ", call, "", f"2 * ({plain})")
    yield Written("", f"{name}([{', '.join(example.arrows)}]{last}", "", plain)
    named = [f"{f.name}={arrow}" for f, arrow in zip(REGISTRY[name].inputs(), example.arrows, strict=False)]
    if not REGISTRY[name].inputs()[0].many:
        yield Written("", f"{name}({', '.join(reversed(named))}{last}", "", plain)
    given = f"{name}({', '.join(others)}{last}"
    if not others:
        return
    for before, coming in (
        (first, first),
        (f"{first} -> identity", f"{first} -> identity"),
        ("identity", "_ -> identity"),
    ):
        yield Written(f"{before} -> ", given, "", example.plain(name, coming, *others))
        yield Written(f"y: {before} -> ", given, " -> identity", example.plain(name, coming, *others) + " -> identity")
    yield Written("", given, "", example.plain(name, "_", *others))


def errors(text: str) -> list[Any]:
    return [d for d in check_text(text) if d.severity == "error"]


def computed(text: str) -> list[Any]:
    """What a net computes: its operations with what they read, by number, and all that they are set to."""
    net = load_text(text).net()
    numbers: dict[Value, int] = {value: i for i, value in enumerate(net.inputs)}
    found = []
    for node in net.nodes:
        facts = {f.name: str(getattr(node.op, f.name)) for f in node.op.settings()}
        found.append((node.kind, facts, [numbers[v] for v in node.inputs], [str(r.type) for r in node.results]))
        numbers.update({result: len(numbers) for result in node.results})
    return [*found, [numbers[o.value] for o in net.outputs]]


def mended(way: Written, help: str) -> str:
    """The row with the offered text in its place: that of the call, or that of all up to its end."""
    offered = re.search(r"write ([^`]*)`([^`]+)`", help)
    assert offered is not None, (way, help)
    label = "y: " if way.row.startswith("y: ") else ""
    before = label if "up to here" in offered[1] else way.row
    return f"{before}{offered[2]}{way.rest}"


@pytest.mark.parametrize("name", LAYERS)
def test_what_is_offered_for_arrows_in_a_call_is_the_plain_net(name: str) -> None:
    example = Example.of(name)
    tried = 0
    for way in written(name):
        if errors(example.net(way.plain)):
            continue
        found = errors(example.net(f"{way.row}{way.call}{way.rest}"))
        assert len(found) == 1, (way, [d.message for d in found])
        row = mended(way, found[0].help or "")
        assert [d.message for d in errors(example.net(row))] == [], (way, found[0].help)
        assert computed(example.net(row)) == computed(example.net(way.plain)), (way, found[0].help)
        tried += 1
    assert tried


@pytest.mark.parametrize("name", [n for n in LAYERS if len(REGISTRY[n].inputs()) == 1])
def test_a_layer_of_one_arrow_is_offered_with_each_of_two(name: str) -> None:
    if REGISTRY[name].inputs()[0].many:
        return
    example = Example.of(name)
    first = example.arrows[0]
    last = f", {example.settings})" if example.settings else ")"
    found = errors(example.net(f"before -> {name}({first}{last}"))
    ways = re.findall(r"`([^`]+)`", (found[0].help or "").partition(": write")[2])
    plain = [example.plain(name, arrow) for arrow in ("before", first)]
    assert [computed(example.net(way)) for way in ways] == [computed(example.net(way)) for way in plain]
    (same,) = errors(example.net(f"before -> {name}(before{last}"))
    written = re.search(r"up to here as `([^`]+)`$", same.help or "")
    assert written is not None, same.help
    assert computed(example.net(written[1])) == computed(example.net(plain[0]))


BLOCKS = """block up(c) {
  input x, skip
  (x, skip) -> concat -> conv(c, 3, pad=1)
}
block unit(c, act: layer = relu) {
  conv(c, 3, pad=1) -> act
}
"""
ABOVE = """  input image [3, 32, 32]
  param w [4, 3, 3, 3]
  param b [4]
  param table [5, 32]
  mask: image > 0
  big: image -> resize(scale=2)
  pair: image -> split(3)
  shared act: relu
  x: image -> conv(3, 3, pad=1)
"""
ROWS: tuple[tuple[str, str], ...] = (
    # within a row: all up to the call is written anew
    ("resize(scale=2) -> concat(big)", "(_ -> resize(scale=2), big) -> concat"),
    ("u: resize(scale=2) -> concat(big) -> relu", "u: (_ -> resize(scale=2), big) -> concat -> relu"),
    ("x -> resize(scale=2) -> concat(big)", "(x -> resize(scale=2), big) -> concat"),
    ("x -> concat(x)", "(x, x) -> concat"),
    ("x -> concat([x, image])", "(x, image) -> concat"),
    ("x -> concat(image, axis=1)", "(x, image) -> concat(axis=1)"),
    ("conv(3, 3, pad=1) -> add(x)", "(_ -> conv(3, 3, pad=1)) + x"),
    ("relu -> [3, 32, 32] -> add(x)", "(_ -> relu -> [3, 32, 32]) + x"),
    ("conv(3, 3, pad=1)\n    -> mul(x) -> relu", "(_ -> conv(3, 3, pad=1)) * x -> relu"),
    ("x -> mul(2)", "x * 2"),
    ("x -> maximum(0)", "(x, 0) -> maximum"),
    ("x -> sub(relu(image))", "x - (image -> relu)"),
    ("x -> crop(size=image)", "(x, image) -> crop"),
    ("x -> resize(like=image)", "(x, image) -> resize"),
    ("x -> relu(x)", "x -> relu"),
    ("x -> torch.cat([image], dim=2)", "(x, image) -> concat(axis=1)"),
    ("x -> Add()(image)", "x + image"),
    ("x -> conv(3, 3, pad=1) - image", "(x -> conv(3, 3, pad=1)) - image"),
    ("conv(3, 3, pad=1) + x -> relu", "(_ -> conv(3, 3, pad=1)) + x -> relu"),
    # at a head
    ("concat(image)", "(_, image) -> concat"),
    ("add(image)", "_ + image"),
    ("concat(pair)", "pair -> concat"),
    ("concat(pair[0], x)", "(pair[0], x) -> concat"),
    ("F.interpolate(x, size=big)", "(x, big) -> resize"),
    ("dropout(x, p=0.2)", "x -> dropout(0.2)"),
    ("min(x=x)", "x -> reduce_min"),
    # truth values
    ("where(mask, x, 0)", "(mask, x, 0) -> where"),
    ("x -> where(mask, 0)", "(mask, x, 0) -> where"),
    ("where(mask, 0)", "(mask, _, 0) -> where"),
    ("x.where(mask, image)", "(mask, x, image) -> where"),
    ("mask -> where(x, image)", "(mask, x, image) -> where"),
    ("y: (x -> less(image))", "y: (x < image)"),
    ("logical_not(mask)", "mask -> logical_not"),
    # weights, which all samples share
    ("F.conv2d(x, w, b, padding=1)", "(x, w, b) -> conv(pad=1)"),
    ("conv(x, w, pad=1)", "(x, w) -> conv(pad=1)"),
    ("x -> conv(w * 2)", "(x, w * 2) -> conv"),
    ("linear(x, table)", "(x, table) -> linear"),
    # in arithmetic
    ("y: relu(x) + 1", "y: (x -> relu) + 1"),
    ("y: x * F.sigmoid(x)", "y: x * (x -> sigmoid)"),
    ("y: -relu(x)", "y: -(x -> relu)"),
    ("y: x.relu() + 1", "y: (x -> relu) + 1"),
    ("y: conv(3, 3, pad=1)(x) + 1", "y: (x -> conv(3, 3, pad=1)) + 1"),
    ("y: 2 * Add()([x, image])", "y: 2 * (x + image)"),
    # blocks and layers of the author's own
    ("up(x, image, 8)", "(x, image) -> up(8)"),
    ("x -> up(8, image)", "(x, image) -> up(8)"),
    ("up(8)(x, image)", "(x, image) -> up(8)"),
    ("unit(x, 8)", "x -> unit(8)"),
    ("act(x) + 1", "(x -> act) + 1"),
    ("residual(relu(x))", "residual(relu)"),
)
"""Rows, and the same with the offered text in its place."""


def blocks(row: str) -> str:
    return f"{BLOCKS}net N {{\n{ABOVE}  {row}\n}}\n"


@pytest.mark.parametrize(("row", "mended"), ROWS, ids=[row for row, _ in ROWS])
def test_arrows_given_within_a_row_are_written_before_the_layer(row: str, mended: str) -> None:
    (found,) = errors(blocks(row))
    offered = re.search(r"write ([^`]*)`([^`]+)`", found.help or "")
    assert offered is not None, found.help
    assert offered[2] in mended, found.help
    assert [d.message for d in errors(blocks(mended))] == []


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("x -> linear(image)", "`linear` takes one arrow beside weights that all samples share, but 2 come in here"),
        ("x -> conv(2 * image)", "`conv` takes one arrow beside weights that all samples share, but 2 come in here"),
        ("x -> where(image)", "`where` needs 3 arrows, but 2 come in here"),
        ("where(x, image)", "`where` needs 3 arrows, but 2 come in here"),
        ("where(x, image, 0)", "the first arrow of `where` holds truth values, as in `x > 0`"),
        ("crop(x, image, big)", "`crop` takes 2 arrows at most, but 3 come in here"),
        ("maxpool(x)", "where `maxpool` needs its `kernel`"),
        ("unit(x)", "where `unit` needs its `c`"),
        (
            "nn.functional.conv2d(x, image)",
            "`conv` takes one arrow beside weights that all samples share, but 2 come in",
        ),
        ("y: x + relu", "say what leads into the layer, as in `x + (x -> relu)`"),
        ("y: x * 2 + relu", "say what leads into the layer, `(… -> relu)`"),
    ],
)
def test_what_cannot_be_written_is_said_in_words(row: str, says: str) -> None:
    (found,) = errors(blocks(row))
    assert says in (found.help or "")
