"""`frozen` rows: what is trained of a net in both engines, held against PyTorch's own training."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from single_op import options
from torch import nn
from torch.nn.functional import cross_entropy

from netdsl import load_text, onnx_step, torch_module
from netdsl.analyzer import analyze
from netdsl.base.errors import RunError
from netdsl.codegen.pytorch.source import torch_source
from netdsl.graph import Net
from netdsl.graph.reading import read_graph
from netdsl.passes.step import NEXT
from netdsl.runtime.trial import try_steps
from netdsl.text.diagnostics import NetError

UNIT = "block unit(c) {\n  conv(c, 3, pad=1) -> batchnorm -> relu\n}\n"
HALF = "block half(c) {\n  frozen low: conv(c, 3, pad=1) -> batchnorm\n  relu -> conv(c, 1)\n}\n"
CELL = "recurrent cell(h) {\n  input x\n  state s [h] = 0\n  frozen next s: (x -> linear(h)) + (s -> linear(h)) -> tanh\n}\n"
CASES: dict[str, tuple[str, str, set[str]]] = {
    "a row": ("frozen stem: conv(4, 3) -> relu", "", {"stem"}),
    "a row without a label": ("frozen conv(4, 3) -> relu\n  conv(2, 1)", "", {"conv1"}),
    "a row with a batch norm": ("frozen stem: conv(4, 3) -> batchnorm -> relu", "", {"stem"}),
    "a batch norm alone": ("conv(4, 3)\n  frozen still: batchnorm", "", {"still"}),
    "a batch norm without a scale": ("conv(4, 3)\n  frozen batchnorm(affine=false) -> relu -> conv(2, 1)", "", {"batchnorm1", "conv2"}),
    "a row behind what learns": ("conv(4, 3)\n  frozen low: batchnorm -> conv(3, 1)\n  conv(3, 1)", "", {"low"}),
    "a block": ("frozen unit(4)\n  unit(4)", UNIT, {"unit1"}),
    "copies of a block": ("conv(4, 1)\n  frozen unit(4) * 3\n  conv(4, 1)", UNIT, {"unit1", "unit2", "unit3"}),
    "copies in a row of their own": ("conv(4, 1)\n  frozen deep: unit(4) * 3\n  conv(4, 1)", UNIT, {"deep"}),
    "a row of a block": ("half(4) -> half(3)", HALF, {"half1.low", "half2.low"}),
    "a row of a block that is frozen": ("frozen half(4)\n  half(3)", HALF, {"half1", "half2.low"}),
    "a shared layer": ("frozen shared t: conv(3, 1)\n  t\n  conv(3, 1) -> t", "", {"t"}),
    "a shared pipeline": ("frozen shared t: conv(3, 1) -> batchnorm\n  t\n  conv(3, 1) -> t", "", {"t"}),
    "a shared block": ("frozen shared t: unit(3)\n  t\n  conv(3, 1) -> t", UNIT, {"t"}),
    "a param": ("conv(4, 3)\n  frozen param s [4, 1, 1] = normal(1.0)\n  param b [4, 1, 1] = zeros\n  _ * s + b", "", {"s"}),
    "branches": ("frozen parts: each i in range(2) { image -> conv(2, 3) -> batchnorm }\n  parts -> concat", "", {"parts"}),
    "a bundle": ("frozen (a, b): conv(4, 3) -> split(2)\n  (b, a) -> concat -> conv(2, 1)", "", {"conv1"}),
    "what a condition chose": ("frozen skip: if true { conv(4, 3) -> conv(2, 1) } else { relu }", "", {"skip"}),
    "a recurrence": ("frozen seen: slice(0, end=1) -> squeeze(0) -> gru(5)\n  last -> linear(4)", "", {"seen"}),
    "a step": ("slice(0, end=1) -> squeeze(0) -> cell(5) -> last -> linear(4)", CELL, {"cell1"}),
    "a cell that is frozen": ("conv(1, 1) -> squeeze(0)\n  frozen cell(5) -> last\n  linear(4)", CELL.replace("frozen ", ""), {"cell1"}),
}  # fmt: skip


def net_of(case: str, optimizer: str = "sgd(lr=0.1, momentum=0.9, weight_decay=0.1)") -> Net:
    rows, blocks, _ = CASES[case]
    text = f"{blocks}\nnet N {{\n  input image [3, 8, 8]\n  {rows}\n  output y: flatten -> linear(5)\n}}\n"
    return load_text(f"{text}train N {{\n  loss (y, label) -> cross_entropy\n  optimizer {optimizer}\n}}\n")


def is_frozen(key: str, case: str) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in CASES[case][2])


def batches(count: int) -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    images = random.standard_normal((count, 4, 3, 8, 8)).astype(np.float32)
    return [{"image": x, "label": random.integers(0, 5, 4)} for x in images]


def stepped(net: Net, module: nn.Module) -> dict[str, Any]:
    """The weights of a module after a few steps of the emitted training step."""
    weights = {k: v.numpy().copy() for k, v in module.state_dict().items()}
    step = onnx_step(net, weights=weights).SerializeToString()
    session = onnxruntime.InferenceSession(step, options(), providers=["CPUExecutionProvider"])
    names, state = [o.name for o in session.get_outputs()], {}
    for number, batch in enumerate(batches(3)):
        given = {**batch, "learning_rate": np.array(0.1, np.float32), "seed": np.array(number)} | state
        out = dict(zip(names, session.run(None, given), strict=True))
        state = {k.removesuffix(NEXT): v for k, v in out.items() if k.endswith(NEXT)}
    return {k: state.get(k, weights[k]) for k in weights}


def trained(module: nn.Module) -> dict[str, Any]:
    """The same in PyTorch."""
    learned = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(learned, lr=0.1, momentum=0.9, weight_decay=0.1)
    module.train()
    for batch in batches(3):
        optimizer.zero_grad()
        cross_entropy(module(torch.from_numpy(batch["image"])), torch.from_numpy(batch["label"])).backward()
        optimizer.step()
    return {k: v.numpy() for k, v in module.state_dict().items()}


@pytest.mark.parametrize("case", CASES)
def test_both_engines_train_the_rest_alone(case: str) -> None:
    net = net_of(case)
    module = torch_module(net, seed=1)
    before = {k: v.numpy().copy() for k, v in module.state_dict().items()}
    onnx, torched = stepped(net, module), trained(module)
    for key, old in before.items():
        assert np.allclose(onnx[key], torched[key], rtol=1e-4, atol=1e-5), key
        assert is_frozen(key, case) == np.array_equal(old, torched[key]), key
        assert is_frozen(key, case) == np.array_equal(old, onnx[key]), key


@pytest.mark.parametrize("case", CASES)
def test_reports_and_modules_agree_on_what_is_trained(case: str) -> None:
    net = net_of(case)
    totals, module = analyze(net).totals, torch_module(net)
    assert totals.params == sum(p.numel() for p in module.parameters())
    assert totals.trainable_params == sum(p.numel() for p in module.parameters() if p.requires_grad)
    assert {k: w.trainable for k, w in net.weights() if not w.buffer} == {
        k: p.requires_grad for k, p in module.named_parameters()
    }
    assert {k for k, p in module.named_parameters() if not p.requires_grad} == {
        k for k, _ in module.named_parameters() if is_frozen(k, case)
    }


@pytest.mark.parametrize("case", CASES)
def test_the_row_means_the_same_without_the_word(case: str) -> None:
    net = net_of(case)
    rows, blocks, _ = CASES[case]
    text = f"{blocks}\nnet N {{\n  input image [3, 8, 8]\n  {rows}\n  output y: flatten -> linear(5)\n}}\n"
    plain = torch_module(load_text(text.replace("frozen ", "")), seed=1).eval()
    module = torch_module(net, seed=1).eval()
    assert list(plain.state_dict()) == list(module.state_dict())
    module.load_state_dict(plain.state_dict())
    x = torch.randn(2, 3, 8, 8)
    assert torch.allclose(plain(x), module(x), atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_a_printed_graph_says_what_is_frozen(case: str) -> None:
    net = net_of(case)
    assert str(read_graph(str(net))) == str(net)
    assert " frozen ->" in str(net)


@pytest.mark.parametrize("case", CASES)
def test_a_step_has_no_state_of_what_is_frozen(case: str) -> None:
    step = onnx_step(net_of(case, "adam(lr=0.1)"))
    names = {i.name.partition(":")[0] for i in step.graph.input if ":" in i.name}
    names |= {o.name.partition(":")[0] for o in step.graph.output if ":" in o.name}
    assert not [n for n in names if is_frozen(n, case)]
    assert any(n.startswith("y.") for n in names)


def test_dropout_and_statistics_in_a_frozen_row() -> None:
    """A frozen row is applied as without the word: its dropout is at work, its batch norm is not that of a batch."""
    net = load_text(
        "net N {\n  input x [2000]\n  frozen row: batchnorm -> dropout(0.5)\n  output y: linear(1) -> relu\n  output row\n}\n"
    )
    module = torch_module(net).train()
    row = module(torch.full((2, 2000), 3.0))["row"]
    assert set(np.round(row.detach().unique().numpy(), 3)) == {0.0, np.float32(6.0)}
    assert not module.row.training
    assert not module.state_dict()["row.running_mean"].any()


def test_a_batch_norm_that_is_all_buffers() -> None:
    """As torchvision's FrozenBatchNorm2d: four buffers, no count of batches, the same numbers in training."""
    text = (
        "net N {\n  input x [3, 8, 8]\n  bn1: conv(4, 3) -> batchnorm(frozen=true)\n  output y: relu -> conv(2, 1)\n}\n"
    )
    net = load_text(text.replace("bn1: conv(4, 3) -> ", "conv(4, 3)\n  still: "))
    module = torch_module(net).train()
    keys = [k for k in module.state_dict() if k.startswith("still.")]
    assert keys == [f"still.{n}" for n in ("weight", "bias", "running_mean", "running_var")]
    assert not [k for k, _ in module.named_parameters() if k.startswith("still.")]
    totals = analyze(net).totals
    assert (totals.params, totals.trainable_params, totals.buffers) == (122, 122, 16)
    x = torch.randn(3, 3, 8, 8)
    before = {k: v.clone() for k, v in module.state_dict().items()}
    assert torch.equal(module(x), module.eval()(x))
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
    plain = torch_module(
        load_text(text.replace("bn1: conv(4, 3) -> batchnorm(frozen=true)", "conv(4, 3)\n  still: batchnorm"))
    )
    plain.load_state_dict(module.state_dict(), strict=False)
    assert torch.allclose(plain.eval()(x), module(x), atol=1e-6)


def test_source_as_a_person_would_write_it() -> None:
    source = torch_source(net_of("a row"))
    assert "        self.stem = nn.Conv2d(3, 4, 3).requires_grad_(False)\n" in source
    assert "def train(" not in source
    assert "self.train()" not in source
    source = torch_source(net_of("a param"))
    assert "        self.s = nn.Parameter(torch.empty(4, 1, 1), requires_grad=False)\n" in source
    source = torch_source(net_of("copies in a row of their own"))
    assert source.count("requires_grad_") == source.count("keep_statistics(self.deep)") == 1


def test_a_count_of_frozen_blocks_is_an_argument() -> None:
    text = UNIT + "block deep(depth) {\n  conv(3, 1)\n  frozen unit(3) * depth\n}\n"
    text += "net N {\n  input image [3, 4, 4]\n  deep(2) -> deep(3)\n}\n"
    net = load_text(text)
    source = torch_source(net)
    assert "for i in range(1, depth + 1):" in source
    assert source.count("class Deep") == 1
    module = torch_module(net).train()
    still = [not m.training for m in module.modules() if isinstance(m, nn.BatchNorm2d)]
    assert still == [True] * 5


def test_a_module_is_still_from_the_first_on() -> None:
    module = torch_module(net_of("a block"))
    assert [m.training for m in module.modules() if isinstance(m, nn.BatchNorm2d)] == [False, True]
    assert [m.training for m in module.eval().modules() if isinstance(m, nn.BatchNorm2d)] == [False, False]
    assert [m.training for m in module.train().modules() if isinstance(m, nn.BatchNorm2d)] == [False, True]


STILL = {
    "detached": ("linear(10) -> detach", "y"),
    "detached in the loss": ("linear(10)", "y -> detach"),
    "frozen behind": ("linear(10)", "y -> detach -> relu"),
}


@pytest.mark.parametrize("engine", ["torch", "onnx"])
@pytest.mark.parametrize("what", STILL)
def test_a_loss_that_no_weight_has_a_part_in(engine: str, what: str) -> None:
    rows, read = STILL[what]
    text = f"net N {{\n  input image [1, 8, 8]\n  output y: flatten -> {rows}\n}}\n"
    net = load_text(f"{text}train N {{\n  data digits\n  loss ({read}, label) -> cross_entropy\n}}\n")
    with pytest.raises(NetError, match="no weight of N that is trained has a part in its loss"):
        try_steps(net, 1, quiet=True, engine=engine)


def test_class_numbers_end_what_is_learned() -> None:
    text = "net N {\n  input image [1, 8, 8]\n  output y: flatten -> linear(10) -> argmax -> one_hot(10)\n}\n"
    net = load_text(text + "train N {\n  data digits\n  loss (y, label) -> cross_entropy\n}\n")
    with pytest.raises(NetError, match="no weight of N"):
        try_steps(net, 1, quiet=True, engine="torch")
    with pytest.raises(NetError, match="`one_hot` has no gradient"):
        try_steps(net, 1, quiet=True, engine="onnx")


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_a_net_of_which_nothing_is_trained(engine: str) -> None:
    row = "net N {\n  input image [1, 8, 8]\n  frozen output y: flatten -> linear(10)\n}\n"
    net = load_text(row + "train N {\n  data digits\n  loss (y, label) -> cross_entropy\n}\n")
    with pytest.raises(RunError, match="N has no weights that are trained: leave out `frozen`"):
        try_steps(net, 1, quiet=True, engine=engine)


@pytest.mark.parametrize("engine", ["torch", "onnx"])
@pytest.mark.parametrize("row", ["frozen batchnorm", "batchnorm(frozen=true)"])
def test_a_frozen_batch_norm_takes_a_batch_of_one(row: str, engine: str) -> None:
    rows = f"  input image [1, 8, 8]\n  flatten\n  {row}\n  output y: linear(10)\n"
    recipe = "  data digits\n  loss (y, label) -> cross_entropy\n  batch 1\n"
    losses = try_steps(load_text(f"net N {{\n{rows}}}\ntrain N {{\n{recipe}}}\n"), 2, quiet=True, engine=engine)
    assert np.isfinite(losses).all()
