"""The same network written otherwise costs the same: blocks inlined, an identity added, rows that nothing needs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import cast

import pytest
from every_net import first_nets_at_once

from netdsl.analysis.numbered import numbered
from netdsl.analysis.sizes import choose_sizes
from netdsl.analyzer import analyze
from netdsl.base.record import changed
from netdsl.dims import Extent, at
from netdsl.dims.tensors import Value
from netdsl.graph import Graph, Net, Node, Output
from netdsl.graph.invariants import verify
from netdsl.graph.narrowing import narrow
from netdsl.ops.base import Op
from netdsl.passes.inline import opened
from netdsl.program import load_file, load_text

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.net"))
COUNTS = ("params", "trainable_params", "buffers", "macs", "flops", "flops_core", "transcendentals", "receptive_field")
FACTS = ("macs", "bias_adds", "pointwise", "transcendentals")
MEMORY = ("activation_bytes", "peak_inference_bytes")

ROWS = """
  a: conv(3, 3, pad=1) -> relu
  unread: conv(5, 3) -> relu
  b: a -> conv(4, 1)
  side: a -> conv(2, 1)
"""
FLAT = f"net N {{\n  input x [2, 8, 8]\n{ROWS}  output y: b -> flatten -> linear(2)\n}}\n"
BLOCK = (
    f"block part() {{\n  input x\n{ROWS}  output b\n  output side\n}}\n"
    "net N {\n  input x [2, 8, 8]\n  (b, side): part()\n  output y: b -> flatten -> linear(2)\n}\n"
)
NESTED = BLOCK.replace("net N", "block whole() {\n  input x\n  (b, side): part()\n  output b\n}\nnet N").replace(
    "(b, side): part()\n  output y: b", "output y: whole()"
)
AUX = BLOCK.replace("output y:", "output aux z: side\n  output y:")
CELL = """
recurrent cell() {
  input x
  state h [3] = 0
  state idle [5] = 0
  next h: (x -> linear(3)) + (h -> linear(3)) -> tanh
  next idle: idle + (x -> linear(5))
  unread: x -> linear(7)
  output h
  output idle
}
net N {
  input x [4, 2]
  (h, idle): cell()
  output y: h -> last
}
"""


def costs(net: Net, names: tuple[str, ...] = (*COUNTS, *MEMORY)) -> dict[str, int]:
    totals = analyze(net).totals
    return {name: getattr(totals, name) for name in names}


def built(text: str) -> Net:
    return load_text(text).net()


def flat(net: Net) -> Net:
    """The net with all its blocks opened."""
    values: dict[Value, Value] = {v: v for v in net.inputs}
    nodes: list[Node] = []
    for place in opened(net, values):
        op = place.op.on(place.operands) if not hasattr(place.op, "body") else place.op
        results = tuple(Value(f"{place.path}.{i}", r.type) for i, r in enumerate(place.node.results))
        values.update(zip(place.node.results, results, strict=True))
        owner = next((n for n in nodes if n.name == place.key), None) if place.key != place.path else None
        nodes.append(changed(place.node, name=place.path, op=op, inputs=place.operands, results=results, shares=owner))
    outputs = [Output(o.name, values[o.value], o.aux, o.span) for o in net.outputs]
    return changed(net, nodes=nodes, outputs=outputs)


BY_BLOCKS = {"UNetResNet34"}
"""Nets in which a claim says the size of what comes out of a block, whose last layer has it in words that it came by:
laid side by side, `2 * (H // 32)` over `(H + 16) // 32` is no factor of an enlargement."""


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("path", "name"), first_nets_at_once())
def test_inlining_changes_no_total(path: Path, name: str) -> None:
    net = load_file(path).net(name)
    names = tuple(n for n in (*COUNTS, *MEMORY) if name not in BY_BLOCKS or n != "receptive_field")
    assert costs(flat(net), names) == costs(net, names)


@pytest.mark.parametrize("text", [BLOCK, NESTED, AUX], ids=["block", "nested", "aux"])
def test_a_block_costs_what_its_needed_rows_cost(text: str) -> None:
    assert costs(built(text)) == costs(built(FLAT))


def test_what_is_not_needed_is_named() -> None:
    unread, side = 3 * 9 * 5 + 5, 3 * 2 + 2
    assert analyze(built(FLAT)).totals.unused_params == unread + side
    assert analyze(built(NESTED)).totals.unused_params == unread + side
    totals = analyze(built(AUX)).totals
    assert (totals.aux_params, totals.unused_params) == (side, unread)
    assert analyze(built(AUX), training=True).totals.params == totals.params + side


def test_states_that_nothing_needs_cost_nothing() -> None:
    totals = analyze(built(CELL)).totals
    assert totals.params == (2 * 3 + 3) + (3 * 3 + 3)
    assert totals.unused_params == (2 * 5 + 5) + (2 * 7 + 7)
    assert totals.macs == 4 * (2 * 3 + 3 * 3)


@pytest.mark.parametrize("text", [BLOCK, NESTED, AUX, CELL], ids=["block", "nested", "aux", "cell"])
def test_a_narrowed_graph_is_a_graph(text: str) -> None:
    net = built(text)
    kept = verify(narrow(net, [o for o in net.outputs if not o.aux]), net.domain)
    assert isinstance(kept, Graph)
    assert not any(n.name == "unread" for _, n in kept.walk())


@pytest.mark.sampled(3)
@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_an_identity_costs_nothing(path: Path, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    plain = load_file(path)
    wanted = {name: costs(plain.net(name)) for name in plain.names}
    for word in ("relu", "tanh", "flatten"):
        other = text.replace(f"-> {word} ", f"-> identity -> {word} -> identity ")
        if other != text:
            place = Path(shutil.copytree(SPECS[0].parent, tmp_path / word)) / path.name  # its neighbours beside it
            place.write_text(other, encoding="utf-8")
            renamed = load_file(place)
            assert {name: costs(renamed.net(name)) for name in renamed.names} == wanted


def test_a_second_operand_is_held_until_it_is_read() -> None:
    rows = "  a: relu\n  b: x -> conv(1, 3)\n  c: x -> relu\n  d: (a, b) -> crop\n  output y: (c, d) -> crop\n"
    totals = analyze(built(f"net N {{\n  input x [1, 4, 4]\n{rows}}}\n")).totals
    assert totals.peak_inference_bytes == 64 + 64 + 16 + 64, "x, a, b and c"
    assert totals.peak_at == "c"


def stated(op: Op, fact: str) -> Extent | None:
    """What an operation says of its costs, None where it leaves it open: what is drawn is not counted."""
    try:
        return cast(Extent, getattr(op, fact)())
    except NotImplementedError:
        return None


@pytest.mark.sampled(3)
@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_numbers_put_in_before_are_numbers_put_in_after(path: Path) -> None:
    for net in map(load_file(path).net, load_file(path).names):
        sizes = choose_sizes(net, {})
        for node in flat(net).nodes:
            for fact in FACTS if isinstance(node.op, Op) else ():
                ours, theirs = (stated(op, fact) for op in (numbered(node.op, sizes), node.op))
                assert ours == (None if theirs is None else at(theirs, sizes)), node.name
