"""`(table, places) -> gather`: every combination of tables and numbers of samples or of all, against numpy."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from gradients import check
from single_op import options

from netdsl.analyzer import analyze
from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.onnx.step import onnx_step
from netdsl.codegen.pytorch.module import torch_module
from netdsl.codegen.pytorch.source import torch_source
from netdsl.program import check_text, load_text

TABLES = [("5", 0), ("5 4", 0), ("3 5", 1), ("2 5 3", 1), ("2 3 5", -1), ("5 2 3", 0)]
PLACES = ["", "4", "2 3"]
KINDS = [*product(["param", "input", "computed"], ["param", "input"])]
Case = tuple[tuple[str, int], str, tuple[str, str]]
CASES: list[Case] = [*product(TABLES, PLACES, KINDS)]


def listed(sizes: str, *more: int) -> str:
    return "[" + ", ".join([*sizes.split(), *map(str, more)]) + "]"


def text_of(case: Case) -> str:
    """A net of one look-up; numbers for all samples are where params are largest."""
    (table, axis), places, (table_kind, places_kind) = case
    rows = ["input sample [2]"]
    rows.append(f"{'param' if table_kind == 'param' else 'input'} raw {listed(table)}")
    rows.append("table: raw -> tanh" if table_kind == "computed" else "table: raw -> identity")
    if places_kind == "param":
        rows += [f"param scores {listed(places, 5)}", "places: scores -> argmax(axis=-1)"]
    else:
        rows.append(f"input places int{listed(places)}")
    rows += [f"(table, places) -> gather(axis={axis})"]
    return "net Look {\n" + "".join(f"  {row}\n" for row in rows) + "}\n"


def looked_up(case: Case, table: np.ndarray[Any, Any], places: np.ndarray[Any, Any], batch: int) -> Any:
    """One sample after the other by `numpy.take`."""
    (sizes, axis), wide, _ = case
    each = table if table.ndim > len(sizes.split()) else np.repeat(table[None], batch, 0)
    own = places if places.ndim > len(wide.split()) else np.repeat(places[None], batch, 0)
    return np.stack([np.take(t, p, axis=axis) for t, p in zip(each, own, strict=True)])


def opened(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model.SerializeToString(), options(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("batch", [1, 3])
def test_look_ups_are_numpys(case: Case, batch: int) -> None:
    net = load_text(text_of(case)).net()
    module = torch_module(net, 0).eval()
    state = {k: v.detach().numpy() for k, v in module.state_dict().items()}
    generator = np.random.default_rng(1)
    feed: dict[str, Any] = {}
    for value in net.inputs:
        shape = (batch, *value.shape)
        whole = value.type.dtype.value == "int"
        feed[value.name] = generator.integers(0, 5, shape) if whole else generator.normal(size=shape).astype(np.float32)
    table = state["raw"] if "raw" in state else feed["raw"]
    table = np.tanh(table) if case[2][0] == "computed" else table
    places = state["scores"].argmax(-1) if "scores" in state else feed["places"]
    wanted = looked_up(case, table, places, batch)
    session = opened(onnx_model(net, weights=state))
    (file,) = session.run(None, {i.name: feed[i.name] for i in session.get_inputs()})
    ours = module(*map(torch.from_numpy, feed.values())).detach().numpy()
    np.testing.assert_allclose(ours, wanted, rtol=1e-5)
    np.testing.assert_allclose(file, wanted, rtol=1e-5)
    assert analyze(net).totals.macs == 0


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradients_add_up_where_rows_came_from(case: Case) -> None:
    check(text_of(case), below=5, batch=3)


@pytest.mark.parametrize("table", ["param", "input"])
@pytest.mark.parametrize("place", [-1, 5])
def test_a_number_out_of_range_is_refused_or_nan(table: str, place: int) -> None:
    net = load_text(text_of((("5 4", 0), "2", (table, "input")))).net()
    feed = [np.ones((2, 2), np.float32), np.ones((2, 5, 4), np.float32), np.array([[0, place], [1, 2]])]
    given = feed if table == "input" else [feed[0], feed[2]]
    with pytest.raises((IndexError, RuntimeError)):
        torch_module(net, 0)(*map(torch.from_numpy, given))
    session = opened(onnx_model(net, seed=0))
    named = {v.name: x for v, x in zip(net.inputs, given, strict=True)}
    (file,) = session.run(None, {i.name: named[i.name] for i in session.get_inputs()})
    assert np.isnan(file[0, 1]).all()
    assert not np.isnan(file[[0, 1, 1], [0, 0, 1]]).any()


def test_whole_numbers_out_of_range_name_nothing() -> None:
    net = load_text("net A {\n  input next int[4], at int[2]\n  (next, at) -> gather\n}\n").net()
    feed = {"next": np.array([[3, 2, 1, 0]]), "at": np.array([[0, 4]])}
    assert opened(onnx_model(net, seed=0)).run(None, feed)[0].tolist() == [[3, -1]]


ADDED = [("input", "input"), ("input", "param"), ("param", "input"), ("param", "param")]


def sums(values: str, places: str, axis: int) -> str:
    """A net that adds up items of samples, or of all, at places of samples, or of all."""
    shape = "[3, 4]" if axis == 0 else "[2, 3, 4]"
    rows = ["input sample [2]", f"{values} raw {shape}", "values: raw -> tanh"]
    if places == "param":
        rows += ["param scores [3, 5]" if axis == 0 else "param scores [3, 4, 5]", "places: scores -> argmax(axis=-1)"]
    else:
        rows.append("input places int[3]" if axis == 0 else "input places int[3, 4]")
    rows.append(f"(values, places) -> scatter_add(5, axis={axis})")
    return "net Add {\n" + "".join(f"  {row}\n" for row in rows) + "}\n"


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("kinds", ADDED, ids=str)
def test_sums_at_places_of_samples_or_of_all(kinds: tuple[str, str], axis: int) -> None:
    """By numpy's own sums at places, in both targets, and their gradients."""
    text = sums(*kinds, axis)
    net = load_text(text).net()
    module = torch_module(net, 0).eval()
    state = {k: v.detach().numpy() for k, v in module.state_dict().items()}
    generator = np.random.default_rng(2)
    feed: dict[str, Any] = {}
    for value in net.inputs:
        shape, whole = (3, *value.shape), value.type.dtype.value == "int"
        feed[value.name] = generator.integers(0, 5, shape) if whole else generator.normal(size=shape).astype(np.float32)
    values = np.tanh(state.get("raw", feed.get("raw")))
    places = state["scores"].argmax(-1) if "scores" in state else feed["places"]
    wanted = np.zeros((3, 5, 4) if axis == 0 else (3, 2, 5), np.float32)
    for sample in range(3):
        own, at = values[sample] if kinds[0] == "input" else values, places[sample] if kinds[1] == "input" else places
        np.add.at(wanted[sample], at if axis == 0 else (slice(None), at), own)
    session = opened(onnx_model(net, weights=state))
    (file,) = session.run(None, {i.name: feed[i.name] for i in session.get_inputs()})
    ours = module(*map(torch.from_numpy, feed.values())).detach().numpy()
    np.testing.assert_allclose(ours, wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(file, wanted, rtol=1e-5, atol=1e-6)
    check(text, below=5, batch=3)


TIED = """net Tied(vocab = 1000, d = 16) {
  input image [1, 8, 8]
  words: image -> squeeze(0) -> argmax
  param table [vocab, d] = normal(0.02)
  h: (table, words) -> gather -> layernorm
  (h, table -> transpose) -> matmul
  output scores: _ -> slice(0, end=1) -> squeeze(0) -> linear(10)
}
train Tied {
  data digits
  loss (scores, label) -> cross_entropy
}
"""


def test_a_tied_table_is_one_and_costs_its_scores_alone() -> None:
    """Looking up multiplies nothing, and no tensor of a run but the scores is as large as the table, at any batch."""
    net = load_text(TIED).net()
    assert analyze(net).totals.macs == 8 * 16 * 1000 + 1000 * 10
    assert ".expand(" not in torch_source(net)
    model = onnx_model(net, seed=0)
    assert not [n for n in model.graph.node if n.op_type == "Expand"]
    check(TIED[: TIED.index("train")], batch=2)
    assert onnx_step(net).graph.output


def test_numbers_come_second() -> None:
    found = check_text("net A {\n  input tokens int[4]\n  param table [5, 2]\n  (tokens, table) -> gather\n}\n")
    assert [(d.code, d.span.line) for d in found if d.severity == "error"] == [("wrong-dtype", 4)]
