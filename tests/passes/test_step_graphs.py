"""The graph of a training step: nothing that nobody needs, loops with their own states, and what comes out by name."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnxruntime
import pytest

from netdsl.codegen.onnx.step import complete, draft_step, step_source
from netdsl.codegen.pytorch.module import torch_module
from netdsl.graph import Graph, Net, Recurrent
from netdsl.ops.metric import Metric
from netdsl.passes.pipeline import training_step
from netdsl.program import load_text
from netdsl.text.diagnostics import NetError

CELL = """
recurrent cell {
  input x
  state h [4] = 0.0
  unread: x -> linear(3)
  next h: (x -> linear(4)) + (h -> linear(4) -> dropout(0.5)) -> tanh
  output h
  output other: h -> linear(2)
}
"""
RECURRENT = """
  input x [4, 3]
  rows: x -> batchnorm
  (h, other): rows -> cell
  output y: h -> last -> linear(5)
"""
PLAIN = """
  input x [6]
  side: linear(4)
  output y: x -> linear(5)
  output aux z: side -> linear(2)
"""
ONE = "loss (y, label) -> cross_entropy"
TWO = f"{ONE}\n  loss 0.5 * ((y, share) -> mse)"
METRICS = "metric (y -> log_softmax -> neg, label) -> accuracy\n  metric (y, label) -> top_k_accuracy(2)"


def net_of(body: str, *rows: str) -> Net:
    terms = "\n  ".join(rows)
    return load_text(f"{CELL}\nnet N {{{body}}}\ntrain N {{\n  {terms}\n  optimizer rmsprop(momentum=0.5)\n}}\n").net()


NETS = {
    "one loss": (PLAIN, ONE),
    "two losses and metrics": (PLAIN, TWO, METRICS),
    "gathered over batches": (PLAIN, TWO, "accumulate 3"),
    "clipped, in halves": (PLAIN, TWO, METRICS, "clip 1.0", "precision fp16"),
    "a loop": (RECURRENT, ONE, METRICS),
    "a loop, gathered": (RECURRENT, TWO, "accumulate 2"),
}


def graphs(graph: Graph) -> Iterator[Graph]:
    """It, and the bodies of its loops."""
    yield graph
    for node in graph.nodes:
        if isinstance(node.op, Recurrent):
            yield from graphs(node.op.body)


@pytest.mark.parametrize("operands", [False, True], ids=["values", "operands"])
@pytest.mark.parametrize("name", NETS)
def test_a_step_holds_what_comes_out_of_it_and_no_more(name: str, operands: bool) -> None:
    made = training_step(net_of(*NETS[name]), operands=operands)
    read = {v for node in made.graph.nodes for v in node.inputs} | {o.value for o in made.graph.outputs}
    assert [n.name for n in made.graph.nodes if read.isdisjoint(n.results)] == []
    assert not any(o.aux for graph in graphs(made.graph) for o in graph.outputs)
    assert {v.name for v in made.inputs} <= {v.name for v in made.graph.inputs}
    values = {v: v for v in made.graph.inputs}
    assert all(v in values or v in read for v in made.fields.values())


def test_a_loop_carries_its_own_states() -> None:
    """Running averages from before it are none of these, and the backward loop has those of weights that it adds up."""
    made = training_step(net_of(RECURRENT, ONE))
    forward, backward = (n.op for n in made.graph.nodes if isinstance(n.op, Recurrent))
    assert [s.name for s in forward.states] == ["h"]
    assert [s.name for s in backward.states][:1] == ["d_h"]
    assert (forward.reverse, backward.reverse) == (False, True)


@pytest.mark.parametrize(
    ("rows", "terms"), [((ONE,), {"loss"}), ((TWO,), {"cross_entropy", "mse"})], ids=["one loss", "two"]
)
def test_losses_come_out_by_name_where_there_are_several(rows: tuple[str, ...], terms: set[str]) -> None:
    made = training_step(net_of(PLAIN, *rows))
    assert set(made.terms.values()) == terms
    assert set(made.reported) == terms - {"loss"}
    assert terms <= {o.name for o in made.graph.outputs}


def ran(net: Net, operands: bool, fields: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    weights = {k: v.numpy() for k, v in torch_module(net, 0).state_dict().items()}
    draft = draft_step(training_step(net, operands=operands))
    model = complete(draft, step_source(net, draft, weights, 0))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    feed = {**fields, "learning_rate": np.array(0.1, np.float32), "seed": np.array(1)}
    names = [o.name for o in session.get_outputs()]
    given = {i.name: feed[i.name] for i in session.get_inputs() if i.name in feed}
    return dict(zip(names, session.run(None, given), strict=True))


def test_what_a_metric_counts_on_gives_its_value() -> None:
    """With what stands before the metric in its row, and with what each loss was divided by."""
    net = net_of(PLAIN, TWO, METRICS)
    assert net.recipe is not None
    rng = np.random.default_rng(5)
    fields = {"x": rng.standard_normal((7, 6)).astype(np.float32), "label": rng.integers(0, 5, 7)}
    fields["share"] = rng.standard_normal((7, 5)).astype(np.float32)
    values, counted = (ran(net, operands, fields) for operands in (False, True))
    step = training_step(net, operands=True)
    for term in net.recipe.metrics:
        op = term.graph.nodes[-1].op
        assert isinstance(op, Metric)
        read = [fields[n] if n in fields else counted[n] for n in step.operands[term.name]]
        assert op.value(op.counts(*read)) == pytest.approx(float(values[term.name]))
    assert {name: float(counted[out]) for name, out in step.counts.items()} == {"cross_entropy": 7.0}


def test_a_recipe_with_mistakes_trains_nothing() -> None:
    """The net itself can be used, and its step says what is wrong with the recipe."""
    text = "net N {\n  input x [6]\n  output y: linear(5)\n}\ntrain N {\n  loss (y, label) -> cross_entropy(ignored=3)\n}\n"
    net = load_text(text).net(trained=False)
    with pytest.raises(NetError, match="ignored"):
        training_step(net)
