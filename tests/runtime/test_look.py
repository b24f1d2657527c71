"""The inside of a net as pictures: what is drawn is what PyTorch has there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from netdsl.base.errors import RunError
from netdsl.cli.app import run as command
from netdsl.codegen.pytorch.module import torch_module
from netdsl.graph import Net
from netdsl.ops.attention import MultiheadAttention
from netdsl.program import load_text
from netdsl.runtime.looking.attending import weights_of
from netdsl.runtime.looking.inside import inner_nodes, row_called
from netdsl.runtime.looking.look import DRAWS, Look
from netdsl.runtime.predicting.fitting import whole_view
from netdsl.runtime.predicting.samples import Sample
from netdsl.runtime.train import train

TEXT = """
block pair(width) {
  conv(width, 3, pad=1) -> relu
  conv(width, 3, pad=1) -> relu
}
net Look(classes = 4) {
  input image [3, 8, 8]

  one:    pair(4) -> maxpool(2)
  two:    pair(6)
  seen:   two -> tokens -> multihead_attention(2)
  logits: mean(axis=0) -> linear(classes)

  output logits
}
"""


@pytest.fixture(scope="module")
def parts() -> tuple[Net, torch.nn.Module, Tensor]:
    net = load_text(TEXT).net()
    return net, torch_module(net, seed=1).eval(), torch.randn(1, 3, 8, 8, generator=torch.manual_seed(0))


def look_at(parts: tuple[Net, torch.nn.Module, Tensor], engine: str = "torch", row: str | None = None) -> Look:
    net, module, image = parts
    weights = {key: value.numpy() for key, value in module.state_dict().items()}
    shown = np.zeros((8, 8, 3), np.uint8)
    sample = Sample({"image": image.numpy()}, name="a", shown=shown, view=whole_view(8, 8))
    return Look(net, weights, engine, "cpu", row, sample)


@pytest.mark.parametrize("engine", ["torch", "onnx"])
@pytest.mark.parametrize("path", ["one.conv2", "one", "two.conv1", "two"])
def test_rows_inside_blocks_are_what_a_hook_sees(
    parts: tuple[Net, torch.nn.Module, Tensor], engine: str, path: str
) -> None:
    net, module, image = parts
    inner = next(i for i in inner_nodes(net) if i.path == path)
    seen: list[Tensor] = []
    own = dict(module.named_modules())[".".join(node.owner.name for node in inner.trail)]
    handle = own.register_forward_hook(lambda m, given, out: seen.append(out))
    module(image)
    handle.remove()
    (value,) = look_at(parts, engine).values([(inner, inner.node.results[-1])])
    np.testing.assert_allclose(value, seen[0][0].detach().numpy(), atol=1e-5)


def test_saliency_and_cam_follow_the_slope_of_pytorch(parts: tuple[Net, torch.nn.Module, Tensor]) -> None:
    _, module, image = parts
    given = image.clone().requires_grad_(True)
    kept: list[Tensor] = []
    handle = dict(module.named_modules())["two"].register_forward_hook(lambda m, i, out: kept.append(out))
    scores = module(given)[0]
    best = int(scores.argmax())
    slopes = torch.autograd.grad(scores[best], [given, kept[0]])
    handle.remove()
    look = look_at(parts)
    _, slope, told = look.slopes(None)
    maps, inner_slope, _ = look.slopes(row_called(look.net, "two"))
    assert told == str(best)
    np.testing.assert_allclose(slope, slopes[0][0].numpy(), atol=1e-6)
    np.testing.assert_allclose(maps, kept[0][0].detach().numpy(), atol=1e-6)
    np.testing.assert_allclose(inner_slope, slopes[1][0].numpy(), atol=1e-6)


def test_attention_is_what_pytorch_attends(parts: tuple[Net, torch.nn.Module, Tensor]) -> None:
    net, module, image = parts
    inner = next(i for i in inner_nodes(net) if isinstance(i.node.op, MultiheadAttention))
    own = dict(module.named_modules())[inner.path]
    seen: list[Tensor] = []
    handle = own.register_forward_pre_hook(lambda m, given: seen.append(given[0]))
    module(image)
    handle.remove()
    _, expected = own(seen[0], seen[0], seen[0], need_weights=True, average_attn_weights=False)
    weights = {key: value.numpy() for key, value in own.state_dict().items()}
    assert isinstance(inner.node.op, MultiheadAttention)
    read = seen[0] if seen[0].ndim == 2 else seen[0][0]
    found = weights_of(inner.node.op, [read.detach().numpy()], weights)
    np.testing.assert_allclose(found, expected.reshape(found.shape).detach().numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("what", "row", "engine", "message"),
    [
        ("features", "tow", "torch", "has no row `tow`: did you mean `two`"),
        ("features", "logits", "torch", "without a height and a width to draw"),
        ("filters", "logits", "torch", "the row `logits` has no filters"),
        ("attention", "one", "torch", "the row `one` has no `attention`"),
        ("cam", None, "onnx", "gradients are computed by PyTorch"),
    ],
)
def test_what_cannot_be_drawn(
    parts: tuple[Net, torch.nn.Module, Tensor], what: str, row: str | None, engine: str, message: str
) -> None:
    with pytest.raises(RunError, match=message):
        list(DRAWS[what](look_at(parts, engine, row)))


def test_a_run_is_looked_into(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "net D {\n  input image [1, 8, 8]\n  c: conv(4, 3) -> relu\n  output y: flatten -> linear(10)\n}\n"
    text += "train D {\n  data digits\n  loss (y, label) -> cross_entropy\n  epochs 1\n}\n"
    run = train(load_text(text, "d.net").net(), tmp_path / "run", device="cpu", quiet=True).folder
    assert command(["look", str(run)]) == 0
    assert command(["look", str(run), "--sample", "3", "--draw", "saliency,cam,features"]) == 0
    for name in ("filters-c", "saliency", "cam-c.relu", "features-c.relu"):
        assert Image.open(run / "look" / f"{name}.png").width >= 200, name
    with pytest.raises(RunError, match="name one by --sample"):
        command(["look", str(run), "--draw", "cam"])
    (tmp_path / "filters-c.png").write_bytes(b"mine")
    with pytest.raises(RunError, match="no picture of ours"):
        command(["look", str(run), "-o", str(tmp_path)])
    capsys.readouterr()
