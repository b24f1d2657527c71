"""Multiply-accumulates of a step against PyTorch's counter, for every net of `specs`, on the meta device.

Its formula for the gradient of a convolution's filters passes over groups (`conv_backward_flop` in PyTorch 2.13): it
multiplies each group's channels with those of all others, which no kernel does. Here it is divided by them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode, conv_backward_flop

import netdsl
from netdsl.analysis.counts import shape_at
from netdsl.analyzer import sizes_of
from netdsl.codegen.pytorch.module import torch_module
from netdsl.dims.tensors import DType, Value
from netdsl.graph import Net, Part, Recurrent
from netdsl.program import load_file
from netdsl.recipe.steering import steering_of
from netdsl.runtime.scoring.pytorch import Scoring, named, output_names

SPECS = sorted(Path("specs").glob("*.net"))
BATCH = 2
FIRST_STATE = 0.05
"""Of the backward pass: the gradient of a first state that nothing learns, which PyTorch leaves out where it goes step by
step, and kernels of whole layers (oneDNN's, cuDNN's) compute. We count all steps alike."""
CAUSAL = 0.1
"""Of both passes: pairs that a causal mask leaves out, which PyTorch's counter counts and we do not."""
NOT_COUNTED = {"LinearSVM": "PyTorch has no `multi_margin_loss_backward` for the meta device"}
SHORTER = {"DDPMSample": {"steps": 5}, "DDPMDigitsSample": {"steps": 5}, "Mamba130M": {"depth": 1}}


def filters_by_group(*args: Any, out_shape: Any = None, **_: Any) -> int:
    """What the gradients of a convolution take: `args` are those of `aten::convolution_backward`."""
    *given, groups, (of_input, of_filters, *_rest) = args
    whole = conv_backward_flop(*given, groups, [False, of_filters, False], out_val=out_shape)
    return int(conv_backward_flop(*given, groups, [of_input, False, False], out_val=out_shape) + whole // groups)


CURED = {torch.ops.aten.convolution_backward: filters_by_group}


def drawn(value: Value, at: dict[str, int]) -> torch.Tensor:
    shape = ((BATCH,) if value.type.batched else ()) + shape_at(value.type, at)
    kinds = {DType.FLOAT: torch.float32, DType.BOOL: torch.bool}
    return torch.zeros(shape, dtype=kinds.get(value.type.dtype, torch.int64), device="meta")


def counted(net: Net, cured: bool = True) -> tuple[float, float]:
    """Forward and backward over all turns of the recipe."""
    with torch.device("meta"):
        module = torch_module(net).train()
    own = [key for key, weight in module.named_parameters() if weight.requires_grad]
    turns = list(net.recipe.turns) if net.recipe is not None else [None]
    found = [of_turn(net, module, own, turn, CURED if cured else {}) for turn in turns]
    return sum(forward for forward, _ in found), sum(backward for _, backward in found)


def of_turn(
    net: Net, module: torch.nn.Module, own: list[str], turn: Part | None, formulas: dict[Any, Any]
) -> tuple[float, float]:
    still = steering_of(net.recipe.settings).still(own, 0) if net.recipe is not None else frozenset()
    moves = turn.moves if turn is not None and turn.moves is not None else own
    for key, weight in module.named_parameters():
        weight.requires_grad_(key in own and key in moves and key not in still)
    terms = list(turn.losses) if turn is not None else []
    scoring, made = Scoring(net, terms, []), {o.name for o in net.outputs}
    labels = [v for term in terms for v in term.graph.inputs if v.name not in made]
    fields = {v.name: drawn(v, sizes_of(net)) for v in (*labels, *net.fed)}
    for part in scoring.modules:
        part.to("meta").train()
    with FlopCounterMode(display=False, custom_mapping=formulas) as counter:
        outputs = named(module(*(fields[v.name] for v in net.fed)), output_names(net, True))
        losses = [term({**fields, **outputs}) for term in scoring.losses]
        roots = [torch.stack(losses).sum()] if losses else [r for r in outputs.values() if r.requires_grad]
        forward = counter.get_total_flops()
        torch.autograd.backward(roots, [torch.ones_like(root) for root in roots])
    return forward / 2, (counter.get_total_flops() - forward) / 2


def told(net: Net) -> tuple[int, int]:
    step = netdsl.fit(net, batch=BATCH)
    return step.forward_macs, step.step_macs - step.forward_macs


@pytest.mark.slow
@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_products_are_those_that_pytorch_counts(path: Path) -> None:
    for name in load_file(path).names:
        if name in NOT_COUNTED:
            continue
        net = netdsl.load(path, name, **SHORTER.get(name, {}))
        ours, theirs = told(net), counted(net)
        more = theirs[0] - ours[0], theirs[1] - ours[1]
        ops = {"loop" if isinstance(node.op, Recurrent) else node.op.name for _, node in net.walk()}
        if more == (0, 0):
            continue
        if more[0]:
            assert {"attention", "multihead_attention"} & ops, name
            assert 0 < more[0] <= CAUSAL * theirs[0], name
            assert more[1] == 2 * more[0], name
        else:
            assert {"rnn", "lstm", "gru", "loop"} & ops, name
            assert 0 < -more[1] <= FIRST_STATE * theirs[1], name


LATE = """
recurrent counts(hidden) {
  input x
  state h [hidden] = 0
  output seen: h -> linear(3)
  next h: (x, h) -> concat -> linear(hidden) -> tanh
}
net Late { input x [T = 40, 8]; seen: x -> counts(16); output seen }
"""


def test_a_state_that_only_the_next_step_reads_is_learned() -> None:
    """What its last step makes of it nobody reads: one of 40."""
    net = netdsl.load_text(LATE)
    (forward, backward), theirs = told(net), counted(net)
    assert forward == theirs[0]
    assert backward == pytest.approx(theirs[1], rel=FIRST_STATE)
    assert backward > 1.9 * forward


@pytest.mark.parametrize(
    ("spec", "name", "times"), [("convnext", "ConvNeXtDigits", 3.1), ("video_labels", "LRCN", 1.3)]
)
def test_filters_of_groups_are_counted_by_group(spec: str, name: str, times: float) -> None:
    """As PyTorch's own formula has it the backward pass of such nets is longer; forward all agree."""
    net = netdsl.load(f"specs/{spec}.net", name)
    (forward, backward), cured, own = told(net), counted(net), counted(net, cured=False)
    assert forward == cured[0] == own[0]
    assert cured[1] == pytest.approx(backward, rel=1e-4)
    assert own[1] > times * cured[1]
