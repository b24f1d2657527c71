"""Every line of `--explain`, computed again from its own text and held against the row it explains."""

from __future__ import annotations

import ast
import math
import operator
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from every_net import first_nets_at_once
from torch import nn

import netdsl
from netdsl.analysis.report import Report, Row
from netdsl.program import load_file
from netdsl.reports.text import field_text

OPERATORS: dict[type, Any] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
NUMBER = re.compile(r"\d+(,\d{3})*(\.\d+)?")


def value(text: str) -> Fraction:
    """What arithmetic as a report prints it comes to."""
    plain = text.replace("·", "*").replace("−", "-").replace(",", "").strip()
    return _value(ast.parse(plain, mode="eval").body)


def _value(node: ast.expr) -> Fraction:
    if isinstance(node, ast.Constant):
        return Fraction(str(node.value))
    if isinstance(node, ast.UnaryOp):
        return -_value(node.operand)
    assert isinstance(node, ast.BinOp), ast.dump(node)
    return OPERATORS[type(node.op)](_value(node.left), _value(node.right))


def equation(text: str) -> Fraction:
    """Both sides of `a = b` agree (to the digits shown); gives what they come to."""
    left, _, right = text.partition(" = ")
    if not right:
        return value(left)
    assert abs(value(left) - value(right)) < Fraction(1, 10_000), text
    return value(right)


def size_of(text: str) -> int:
    """The size at which a line about an axis arrives."""
    text, _, where = text.partition(", where ")
    if where:
        equation(where)
    formula, _, rounded = text.partition(", ")
    exact = equation(formula)
    if not rounded:
        return int(exact)
    (made,) = (int(m.group().replace(",", "")) for m in NUMBER.finditer(rounded))
    if rounded.startswith("rounded down"):
        assert made == math.floor(exact)
    elif rounded.startswith("rounded up"):
        assert made == math.ceil(exact)
    else:
        assert made in (math.floor(exact), math.ceil(exact)), text
    return made


def check_row(row: Row, report: Report) -> None:
    spatial = row.outputs[0][1:]
    for line in row.explanation:
        subject, _, text = line.partition(": ")
        if subject == "computes":
            continue  # letters, which are held against PyTorch below
        if subject == "size":
            assert {size_of(text)} == set(spatial), (row.path, line)
        elif subject in ("length", "depth", "height", "width"):
            names = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}[len(spatial)]
            assert size_of(text) == spatial[names.index(subject)], (row.path, line)
        elif subject == "receptive field":
            check_field(row, text)
        elif subject == "memory":
            assert text == "a view of its input, none of its own" or equation(text.removesuffix(" bytes")) >= 0
        elif not text.startswith(("those of", "its rows", "this operation")):
            check_count(row, subject, text)
    memory = [value_of(line) for line in row.explanation if line.startswith("memory: ") and "view" not in line]
    if row.kind == "layer" and row.inputs:
        assert sum(memory) == row.activation_bytes, row.path


def value_of(line: str) -> Fraction:
    return equation(line.partition(": ")[2].removesuffix(" bytes"))


def check_count(row: Row, subject: str, text: str) -> None:
    counts = {"params": row.params, "MACs": row.macs, "FLOPs": row.flops, "transcendentals": row.transcendentals}
    assert equation(re.sub(r" \([A-Za-z, ]+\)$", "", text)) == counts[subject], (row.path, subject, text)


def check_field(row: Row, text: str) -> None:
    field = row.receptive_field
    grown, _, stride = text.partition(", stride ")
    assert field is not None
    step = equation(stride) if stride else None
    assert step is None or any(
        abs(step - Fraction(s).limit_denominator(10_000)) < Fraction(1, 1000) for s in field.stride
    )
    size, _, phases = grown.partition(" over ")
    found = [equation(part) for part in size.split(" to ")]
    assert not phases or int(phases.split()[0].replace(",", "")) >= 1
    assert found[-1] in field.size, (row.path, text)
    assert found[0] in field.smallest or not phases, (row.path, text)


LAYERS = (
    "conv(4, 3)", "conv(4, 3, stride=2)", "conv(4, (3, 5), stride=(2, 1), pad=(1, 2))", "conv(4, 3, dilation=3)",
    "conv(4, 4, pad=same)", "conv(4, 3, stride=2, dilation=2, pad=2)", "conv_transpose(4, 3)", "conv_transpose(4, 3, pad=1)",
    "conv_transpose(4, 3, stride=2)", "conv_transpose(4, 4, stride=2, pad=1)", "conv_transpose(4, 3, dilation=2)",
    "conv_transpose(4, 3, stride=2, pad=1, output_padding=1)", "conv_transpose(4, 2, stride=(1, 3))",
    "conv_transpose(4, 5, stride=3, pad=same)", "maxpool(2)", "maxpool(3, stride=2)", "maxpool(3, stride=2, ceil=true)",
    "maxpool(2, stride=3, ceil=true)", "avgpool(3, stride=2, pad=1, ceil=true)", "maxpool(3, stride=1, dilation=2)",
    "adaptive_avgpool(3)", "adaptive_maxpool(5)", "pad(2)", "pad((1, 2))", "unpool(3)", "unpool((1, 2), mode=bed_of_nails)",
    "resize(scale=2)", "resize(scale=2, mode=bilinear)", "resize(scale=0.5)", "resize(scale=(1, 3))", "resize(size=(9, 20))",
    "resize(scale=2, mode=bilinear, align_corners=true)", "slice(1, start=2)", "slice(2, start=1, end=-2, step=3)",
    "locally_connected(2, 3, stride=2)", "pixel_shuffle(2) -> conv(2, 3)", "conv(8, 1) -> pixel_unshuffle(1)", "batchnorm",
    "global_avgpool -> linear(3)", "lrn(5)", "groupnorm(2)", "softmax", "spatial_dropout(0.5)",
)  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(("height", "width"), [(15, 16), (24, 13)])
def test_lines_of_a_layer(layer: str, height: int, width: int) -> None:
    net = netdsl.load_text(f"net N {{\n  input x [4, {height}, {width}]\n  output y: {layer}\n}}\n")
    for batch in (1, 3):
        report = netdsl.analyze(net, batch=batch, explained=True)
        for row in report.rows:
            check_row(row, report)


SEQUENCES = (
    "linear(5)",
    "lstm(3, layers=2)",
    "gru(3, bidirectional=true)",
    "multihead_attention(2)",
    "layernorm",
    "last",
)


@pytest.mark.parametrize("layer", SEQUENCES)
def test_lines_of_a_layer_on_a_sequence(layer: str) -> None:
    net = netdsl.load_text(f"net N {{\n  input x [7, 4]\n  output y: {layer}\n}}\n")
    report = netdsl.analyze(net, batch=2, explained=True)
    for row in report.rows:
        check_row(row, report)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("path", "name"), first_nets_at_once())
def test_lines_of_every_net_of_the_specs(path: Path, name: str) -> None:
    report = netdsl.analyze(load_file(path).net(name), explained=True)
    for row in report.rows:
        check_row(row, report)


LARGE = """net Large {
  input x [1, 20000]
  a: conv(2, 1201, dilation=3, stride=2, pad=1500) -> maxpool(3, stride=1100, ceil=true) -> conv_transpose(2, 2, stride=1500)
  b: x -> pad(1200) -> crop(margin=1100) -> conv(2, 1001, stride=1000)
  output y: (a -> flatten -> linear(2)) + (b -> flatten -> linear(2))
}
"""


def test_large_numbers_have_separators() -> None:
    report = netdsl.analyze(netdsl.load_text(LARGE), batch=2000, explained=True)
    lines = [line for row in report.rows for line in row.explanation]
    assert [line for line in lines if re.search(r"[0-9]{4}", re.sub(r"[.][0-9]+", "", line))] == []
    for row in report.rows:
        check_row(row, report)
    assert "3,605 (2,200)" in [field_text(row.receptive_field) for row in report.rows]


@pytest.mark.parametrize("biases", [0, 1, 2])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_formulas_compute_what_pytorchs_layers_do(cell: str, biases: int) -> None:
    """Each line is read as Python with its signs changed, for three steps; a bias that it has not is 0 in PyTorch's."""
    torch.manual_seed(0)
    layer, x = getattr(nn, cell.upper())(3, 4, batch_first=True), torch.randn(1, 3, 3)
    gates = {"rnn": "h", "lstm": "ifgo", "gru": "rzn"}[cell]
    known: dict[str, Any] = {"tanh": torch.tanh, "σ": torch.sigmoid, "h_0": torch.zeros(4), "c_0": torch.zeros(4)}
    with torch.no_grad():
        for number, side in enumerate("ih"):
            bias = getattr(layer, f"bias_{side}h_l0")
            bias.mul_(number < biases)
            parts = zip(gates, getattr(layer, f"weight_{side}h_l0").split(4), bias.split(4), strict=True)
            known |= {f"{what}_{side}{g}": own for g, w, b in parts for what, own in (("W", w), ("b", b))}
        theirs = layer(x)[0][0]
    net = netdsl.load_text(f"net N {{\n  input x [3, 3]\n  {cell}(4, biases={biases})\n}}")
    told = [
        line
        for row in netdsl.analyze(net, explained=True).rows
        for line in row.explanation
        if line.startswith("computes: ")
    ]
    assert sum(line.count("b_") for line in told) == biases * len(gates)
    for step in range(3):
        known["x_t"] = x[0, step]
        for line in told:
            name, _, formula = line.removeprefix("computes: ").partition(" = ")
            for sign, word in {"·": " @ ", "∘": " * ", "−": "-", "(t)": "_t", "(t-1)": "_0"}.items():
                name, formula = name.replace(sign, word), formula.replace(sign, word)
            known[name] = eval(formula, known)
        torch.testing.assert_close(known["h_t"].detach(), theirs[step])
        known |= {"h_0": known["h_t"], "c_0": known.get("c_t")}


def test_of_several_inputs_the_one_that_is_seen_most_is_told() -> None:
    net = netdsl.load_text(
        "net N {\n input a [2, 9, 9], b [2, 9, 9]\n wide: a -> conv(2, 5, pad=2)\n wide + b -> conv_transpose(2, 2, stride=2)\n}"
    )
    report = netdsl.analyze(net, explained=True)
    (row,) = (row for row in report.rows if row.op == "conv_transpose")
    assert [line for line in row.explanation if "field" in line] == ["receptive field: 5 over 2 phases, stride 1/2"]
