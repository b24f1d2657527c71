"""A net that keeps states, called once a step, is the `recurrent` block with its rows over the whole sequence."""

from __future__ import annotations

import inspect
import random

import numpy as np
import pytest
import torch

from netdsl.base.arrays import Array
from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.pytorch.module import torch_module
from netdsl.codegen.pytorch.source import torch_source
from netdsl.graph import Net
from netdsl.graph.begun import begun
from netdsl.graph.invariants import problems, verify
from netdsl.runtime.parity import parity
from netdsl.runtime.sessions.kept import starts
from netdsl.runtime.sessions.opening import open_net, run_once
from netdsl.surface import load_text

torch.set_num_threads(1)
STEPS, BATCH, FEATURES = 5, 2, 3

ROWS = (
    "{a} -> linear(4) -> tanh", "({a}, {b}) -> concat -> linear(4)", "0.6 * {a} + 0.3 * {b}", "({a} > 0.1, {a}, {b}) -> where",
    "{a} - ({b} -> relu)", "{a} * {b} -> linear(4, bias=false) -> sigmoid", "(on, {a}, {b} -> linear(4)) -> where",
    "{a} + 0.1 * (run -> to(float))", "{a} + ((at % 5) -> embedding(5, 4))", "if training {{ {a} -> relu }} else {{ {a} * 0.5 }}",
    "{a} -> batchnorm", "mean -> linear(4)", "each i in range(2) {{ {a} -> linear(2) }} -> concat",
)  # fmt: skip
BODY = """
  input x [3]
  state h [4] = 0.2
  state mean [2, 3] = 0
  state run int[4] = 1
  state on bool[4] = true
  state at int[] = 2
  r0: x -> linear(4)
  r1: h
{rows}
  next mean: 0.9 * mean + 0.1 * (x -> unsqueeze(0))
  next run: (on, run + 1, 0) -> where
  next on: {last} > 0.05
  next at: at + 1
  next h: {last} + 0.5 * h -> tanh
  output y: (h, {last}) -> concat -> linear(2)
  output count: at - 1
"""


def body(seed: int) -> str:
    draw = random.Random(seed)
    rows = []
    for number in range(2, draw.randint(4, 8)):
        a, b = (f"r{draw.randrange(number)}" for _ in "ab")
        rows.append(f"  r{number}: {draw.choice(ROWS).format(a=a, b=b)}")
    if not any("mean" in row for row in rows):
        rows.append(f"  r{len(rows) + 2}: mean -> flatten -> linear(4)")
    text = "\n".join(rows).replace("mean -> linear(4)", "mean -> flatten -> linear(4)")
    return BODY.format(rows=text, last=f"r{len(rows) + 1}")


def both(seed: int) -> tuple[Net, Net]:
    """The net that is called step by step, and the one over a sequence."""
    rows = body(seed)
    whole = f"recurrent cell {{{rows}}}\nnet Whole {{\n  input xs [T, 3]\n  all: cell\n  output y: all.y\n"
    return load_text(f"net Step {{{rows}}}"), load_text(f"{whole}  output count: all.count\n}}")


def sequence(seed: int) -> Array:
    return np.random.default_rng(seed).standard_normal((BATCH, STEPS, FEATURES), np.float32)


SEEDS = [*range(12), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(12, 120))]


@pytest.mark.parametrize("seed", SEEDS)
def test_calls_are_steps_of_a_recurrence(seed: int) -> None:
    step, whole = both(seed)
    xs = torch.from_numpy(sequence(seed))
    one, many = torch_module(step, seed).eval(), torch_module(whole, 0).eval()
    many.load_state_dict({f"all.{key}": value for key, value in one.state_dict().items()})
    wanted, found = many(xs), list[dict[str, torch.Tensor]]()
    for x in xs.unbind(1):
        kept = {s.name: found[-1][s.output] for s in step.states} if found else {}
        found.append(one(x, **kept))
    for name in ("y", "count"):
        stacked = torch.stack([each[name] for each in found], 1)
        torch.testing.assert_close(stacked, wanted[name], rtol=1e-5, atol=1e-6)
    sum(each["y"].sum() for each in found).backward()  # type: ignore[union-attr]
    wanted["y"].sum().backward()
    theirs = dict(many.named_parameters())
    for key, weight in one.named_parameters():
        other = theirs[f"all.{key}"].grad
        assert (weight.grad is None) == (other is None), key
        if weight.grad is not None:
            torch.testing.assert_close(weight.grad, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_calls_are_steps_of_a_scan(seed: int) -> None:
    step, whole = both(seed)
    xs, weights = sequence(seed), {k: v.numpy() for k, v in torch_module(step, seed).state_dict().items()}
    one = open_net(step, weights, "cpu")
    wanted = run_once(open_net(whole, {f"all.{k}": v for k, v in weights.items()}, "cpu"), {"xs": xs})
    kept = starts(step, {"x": xs[:, 0]})
    for number in range(STEPS):
        found = run_once(one, {"x": xs[:, number], **kept})
        kept = {s.name: found[s.output] for s in step.states}
        np.testing.assert_array_equal(found["count"], wanted["count"][:, number])
        np.testing.assert_allclose(found["y"], wanted["y"][:, number], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", range(6))
def test_targets_agree_and_its_graphs_are_sound(seed: int) -> None:
    net, _ = both(seed)
    assert parity(net).worst < 1e-4
    verify(net)
    assert not list(problems(begun(net)))
    assert [o.name for o in net.answers] == [o.name for o in begun(net).outputs] == ["y", "count"]


ODD = {
    "names that Python has": """
      state lambda [4] = 0
      state self [4] = 1
      state torch int[] = 2
      state forward [4] = 0
      next lambda: frame + lambda -> linear(4)
      next self: self * 0.5 + lambda
      next torch: torch + 1
      next forward: forward - frame
      output y: lambda + self + forward
    """,
    "two that change places": """
      state a [4] = 0
      state b [4] = 1
      old: a
      next a: b + frame
      next b: old
      output y: a + b
    """,
    "one that stays": "state a [4] = 0.5; next a: a; output y: a + frame",
    "two that become the same, which is answered twice": """
      state a [4] = 0.5
      state b [4] = 0.25
      z: frame + a + b
      next a: z
      next b: z
      output y: z
      output w: z
    """,
    "what is the same for all samples": """
      const one [4] = 1
      state a [4] = 0.5
      next a: one
      output y: a + frame
    """,
    "noise": """
      state a [4] = 0
      next a: a + (frame -> noise(normal, always=true))
      output y: a -> linear(2)
    """,
    "the last words, which later ones look back to": """
      state keys [5, 4] = 0
      next keys: (keys -> slice(0, start=1), frame -> unsqueeze(0)) -> concat
      output y: (frame -> linear(4) -> unsqueeze(0), keys, keys) -> attention -> squeeze(0)
    """,
    "layers that are frozen": """
      state a [4] = 0.5
      frozen z: (frame, a) -> concat -> linear(4) -> batchnorm
      next a: z
    """,
}


@pytest.mark.parametrize("rows", ODD.values(), ids=ODD)
def test_odd_states(rows: str) -> None:
    net = load_text(f"net X {{\n  input frame [4]\n{rows}\n}}")
    verify(net)
    verify(begun(net))
    assert parity(net).worst < 1e-5


def test_parts_of_a_sequence_follow_one_another() -> None:
    """A block over a sequence that starts from what the call before has left is one over the whole of it."""
    cell = "recurrent cell {\n  input x, first\n  state h [4] = first\n  next h: (x, h) -> concat -> linear(4) -> tanh\n  output h\n}\n"
    rows = "  state a [4] = 0\n  all: (frames, a) -> cell\n  next a: all -> last\n  output y: all\n"
    module = torch_module(load_text(f"{cell}net X {{\n  input frames [T, 3]\n{rows}}}"), 0).eval()
    frames = torch.randn(2, 7, 3)
    first = module(frames[:, :4])
    second = module(frames[:, 4:], first["a_next"])
    torch.testing.assert_close(torch.cat([first["y"], second["y"]], 1), module(frames)["y"])


OPEN = """
net Scene(width = 4) {
  input frame [3, H, W]
  state mean [width, H // 2, W // 2] = 0.5
  state calls int[] = 0
  next mean: 0.5 * mean + (frame -> conv(width, 2, stride=2))
  next calls: calls + 1
  output y: mean -> global_avgpool -> linear(2)
  output aux side: mean -> global_maxpool -> linear(2)
}
"""


def test_source_starts_what_is_left_out() -> None:
    net = load_text(OPEN)
    module = torch_module(net, 0).eval()
    frame = torch.randn(2, 3, 8, 6)
    first = module(frame)
    again = module(frame, torch.full((2, 4, 4, 3), 0.5), torch.zeros(2, dtype=torch.int64))
    assert set(first) == {"y", "mean_next", "calls_next"}
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    second = module(frame, mean=first["mean_next"], calls=first["calls_next"])
    assert second["calls_next"].tolist() == [2, 2]
    assert not torch.equal(second["y"], first["y"])
    assert set(module.train()(frame)) == {"y", "side", "mean_next", "calls_next"}
    kinds = [str(p.default) for p in inspect.signature(module.forward).parameters.values()]
    assert kinds == ["<class 'inspect._empty'>", "None", "None"]


def test_source_says_what_goes_from_call_to_call() -> None:
    source = " ".join(torch_source(load_text(OPEN)).split())
    assert "`mean` and `calls` go from call to call: what comes out as `mean_next` goes in as `mean`." in source
    assert "Left out at the first, they start as 0.5 and 0." in source
    assert "mean = frame.new_full((frame.shape[0], self.width, H // 2, W // 2), 0.5)" in source


def test_a_module_is_of_the_kind_that_it_was_made() -> None:
    """A state of real numbers follows the module where no input is real."""
    text = "net Say {\n  input word int[]\n  state h [4] = 0.5\n  next h: (word -> embedding(9, 4)) + 0.5 * h\n}"
    module = torch_module(load_text(text), 0).to(torch.float64).eval()
    assert module(torch.tensor([1, 2]))["h_next"].dtype is torch.float64


@pytest.mark.parametrize("given", [False, True], ids=["first", "later"])
def test_it_can_be_exported(given: bool) -> None:
    module = torch_module(load_text(OPEN), 0).eval()
    frame = torch.randn(2, 3, 8, 6)
    first = module(frame)
    kept = {"mean": first["mean_next"], "calls": first["calls_next"]} if given else {}
    exported = torch.export.export(module, (frame,), kept).module()
    torch.testing.assert_close(exported(frame, **kept), module(frame, **kept))


def test_onnx_has_states_as_inputs_and_outputs() -> None:
    model = onnx_model(load_text(OPEN))
    inputs = {i.name: [d.dim_param or d.dim_value for d in i.type.tensor_type.shape.dim] for i in model.graph.input}
    assert inputs["mean"][1:] == [4, "H // 2", "W // 2"]
    assert list(inputs) == ["frame", "mean", "calls"]
    assert [o.name for o in model.graph.output] == ["y", "mean_next", "calls_next"]
    said = {p.key: p.value for p in model.metadata_props}["netdsl.states"]
    assert said == '{"mean": {"next": "mean_next", "start": 0.5}, "calls": {"next": "calls_next", "start": 0}}'
