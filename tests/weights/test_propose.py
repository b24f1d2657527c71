"""Maps that are proposed, against those that were written; and the command that proposes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from weights_listed import MODELS, SPECS, Listed, load, spec_of

import netdsl
from netdsl.cli import attempt as command
from netdsl.weights.mapped import mapped
from netdsl.weights.maps import read_map
from netdsl.weights.propose import propose

EXACT = (
    "torchvision/ResNet18/resnet18", "timm/ResNet50/resnet50", "torchvision/VGG16BN/vgg16_bn", "timm/VGG11/vgg11",
    "timm/ConvNeXtT/convnext_tiny", "torchvision/ViTB16/vit_b_16", "timm/MixerB16/mixer_b16_224",
    "timm/EfficientNetB0/efficientnet_b0", "torchvision/MobileNetV2/mobilenet_v2",
)  # fmt: skip
"""Of these the shapes of layers, in order, say everything."""


@pytest.mark.parametrize("model", EXACT)
def test_what_is_proposed_is_what_was_written(model: str, tmp_path: Path) -> None:
    library, name, _ = model.split("/")
    given, ours = Listed(MODELS[model]), {k: tuple(w.shape) for k, w in load(name).weights()}
    found = propose(given.shapes, ours, ordered=False)
    assert (found.theirs, found.ours) == ([], [])
    (tmp_path / "made.map").write_text("\n".join(found.rows))
    paths = (tmp_path / "made.map", SPECS / "weights" / f"{spec_of(name).stem}.{library}.map")
    made, written = (mapped(given, read_map(path, name), ours, partial=False)[0] for path in paths)
    weights = [key for key in ours if not key.endswith("num_batches_tracked")]
    assert {k: made.sources(k) for k in weights} == {k: written.sources(k) for k in weights}


def test_a_pattern_says_what_it_says_and_no_more() -> None:
    given = {
        **{f"block.{i}.w": (3, 3) for i in range(12)},
        "block.20.w": (5,),
        "head.query.w": (2, 2),
        "head.key.w": (2, 2),
    }
    ours = {**{f"row{i}.w": (3, 3) for i in range(1, 13)}, "top.w": (5,), "q.w": (2, 2), "k.w": (2, 2), "far.w": (9,)}
    found = propose(given, ours, ordered=False)
    assert found.rows == [
        "block.{i=0..11}.w -> row{i+1}.w", "block.20.w -> top.w", "head.query.w -> q.w", "head.key.w -> k.w",
    ]  # fmt: skip
    assert (found.paired, found.ours, found.theirs) == (15, ["far.w"], [])


TEXT = """net N {
  input x [5]
  hidden: linear(4) -> batchnorm -> relu
  logits: linear(3)
  output logits
}
"""


def test_a_proposal_is_written_and_what_is_left_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("n.net").write_text(TEXT)
    own = {k: v.numpy() for k, v in netdsl.torch_module(netdsl.load_text(TEXT), 0).state_dict().items()}
    theirs = {
        k.replace("hidden.linear1", "a").replace("hidden.batchnorm1", "b").replace("logits", "c"): v
        for k, v in own.items()
    }
    theirs["c.weight"], theirs["mask"] = np.ones((7, 4), np.float32), np.ones(99, np.float32)
    save_file(theirs, "theirs.safetensors")
    assert command(["weights", "map", "n.net", "theirs.safetensors", "-o", "n.map"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "7 of 8 weights have a counterpart, written to n.map",
        "  nothing becomes `logits.weight` [3, 4]",
        "  dropped: `c.weight` [7, 4]",
        "  dropped: `mask` [99]",
        "  a layer is paired where both sides have as many of its shapes; other names, widths and classes are not",
    ]
    rows = Path("n.map").read_text().splitlines()
    assert rows[2:] == [
        "a.{p*} -> hidden.linear1.{p}",
        "b.{p*} -> hidden.batchnorm1.{p}",
        "c.bias -> logits.bias",
        "drop c.weight",
        "drop mask",
    ]
    source = netdsl.Weights("theirs.safetensors", map="n.map", partial=True)
    module = netdsl.torch_module(netdsl.load_text(TEXT), 3, weights=source)
    assert torch.equal(module.state_dict()["hidden.linear1.weight"], torch.tensor(own["hidden.linear1.weight"]))
    assert command(["weights", "show", "theirs.safetensors"]) == 0
    assert "c.weight" in capsys.readouterr().out
    assert command(["weights", "show", "none.safetensors"]) == 1
    with pytest.raises(SystemExit):
        command(["weights", "map", "theirs.safetensors"])
    assert "`netdsl weights map FILE.net FILE` takes 2" in capsys.readouterr().err
