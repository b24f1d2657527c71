"""The maps of `specs/weights` against what is published: every name of a reference, with nothing left on either side.

The `.json.gz` files beside it list the names and shapes of the references' state dicts, and say how they were made.
"""

from __future__ import annotations

import math
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from weights_listed import MODELS, SPECS, Listed, load, spec_of

import netdsl
from netdsl.runtime.sessions.session import Session
from netdsl.weights.mapped import MapRun, mapped
from netdsl.weights.maps import read_map

BEGUN = {
    "torchvision/FCN32s/vgg16": "trunk",
    "torchvision/SegNet/vgg16_bn": r"c\d",
    "torchvision/DeconvNet/vgg16_bn": r"conv\d",
    "torchvision/ClockworkFCN/vgg16": r"stage1\.conv\d|stage2\.conv4|stage3\.(conv5|fc\d)",
    "caffe/ClockworkFCN/stage-net-fcn8s": r"stage[12]\..*|stage3\.(conv5|fc\d|score_fr)",
    "torchvision/OSVOS/vgg16": r"stage\d",
    "torchvision/LinkNet34/resnet34": "code",
    **{model: "trunk" for model in MODELS if re.match("torchvision/(Caption|NeuralTalk|Show)", model)},
    **{model: r"layer\d" for model in MODELS if model.startswith(("torchvision_resnet/", "semseg_resnet/"))},
}
"""Of these a net takes its trunk alone, by `partial=true`: the rows of the trunk."""


@pytest.mark.parametrize("model", sorted(MODELS.keys() - BEGUN.keys()))
def test_a_toldleaves_nothing_over(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MapRun, "check_copies", lambda *_: None)  # of names alone no numbers can be compared
    library, name, _ = model.split("/")
    net, path = load(name, library), SPECS / "weights" / f"{spec_of(name).stem}.{library}.map"
    needed = {key: tuple(weight.shape) for key, weight in net.weights()}
    found, left, doubts = mapped(Listed(MODELS[model]), read_map(path, name), needed, partial=False)
    assert (left, doubts) == ([], [])
    uncounted = {key for key in needed if key.endswith("num_batches_tracked")} - set(found)
    assert set(found) == set(needed) - uncounted
    assert not uncounted or not any(key.endswith("num_batches_tracked") for key in MODELS[model])
    assert {key: found.shape(key) for key in found} == {k: v for k, v in needed.items() if k not in uncounted}


@pytest.mark.parametrize("model", sorted(BEGUN))
def test_a_trunk_takes_all_that_a_classifier_has_before_its_head(model: str) -> None:
    library, name, _ = model.split("/")
    net, path = load(name), SPECS / "weights" / f"{spec_of(name).stem}.{library}.map"
    needed = {key: tuple(weight.shape) for key, weight in net.weights()}
    found, left, doubts = mapped(Listed(MODELS[model]), read_map(path, name), needed, partial=True)
    assert (left, doubts) == ([], [])
    trunk = [key for key in needed if re.match(rf"({BEGUN[model]})\.", key)]
    assert sorted(found) == sorted(trunk)


def test_every_toldis_held_against_a_list() -> None:
    held = {(spec_of(name).stem, library) for library, name, _ in (model.split("/") for model in MODELS)}
    assert sorted(f"{stem}.{library}" for stem, library in held) == sorted(
        path.stem for path in (SPECS / "weights").glob("*.map")
    )


def drawn(key: str, shape: tuple[int, ...]) -> Any:
    """A weight of a reference, from its name alone."""
    if key.endswith("num_batches_tracked"):
        return np.zeros((), np.int64)
    values = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape)
    if len(shape) > 1:
        return (values * math.sqrt(2 / math.prod(shape[1:]))).astype(np.float32)
    return (1 + 0.1 * abs(values) if key.endswith(("var", "weight")) else 0.1 * values).astype(np.float32)


SCORES: dict[str, tuple[int | tuple[int, int], list[float], int]] = {
    "torchvision/VGG16/vgg16": (224, [1.705572, -2.23269, -3.293961, -0.9442226, 5.390291, 0.8780506], 422),
    "torchvision/ResNet50/resnet50": (64, [-2032.036, -1334.238, 3352.577, 1851.75, -1467.836, -821.523], 319),
    "pytorch_fcn/FCN8s/FCN8s": ((40, 56), [-1.319678, -1.340742, 1.823084, -2.363332, -3.307695, -0.7425924], 9),
    "semseg/PSPNet50/pspnet50": ((33, 49), [874.45, -186.0794, -781.4423, -9.844849, -374.4844, 611.6712], 7),
    "torchvision/DeepLabV3ResNet50/deeplabv3_resnet50": (
        (33, 49), [-1037.947, 918.9439, -891.1723, -608.5779, -503.4128, 441.6956], 20,
    ),
    "erfnet_pytorch/ERFNet/erfnet": ((64, 96), [173.8986, -1858.865, -875.8571, -74.58237, 591.1989, -1405.14], 15),
    "fyu/DRND38Seg/DRNSeg drn_d_38": ((32, 48), [-7.098069, -8.306323, 1.617298, 11.56973, -1.502424, -0.6968927], 10),
    "torchvision/GoogLeNet/googlenet": (224, [-3.787261, -4.428057, 2.241914, -7.407001, 18.30276, -4.62081], 455),
    "timm/SEResNet50/legacy_seresnet50": (64, [-353.98469, 168.67964, -22.6601642, 7.8490146, -14.074488, -165.577273], 818),
    "timm/SENet154/legacy_senet154": (
        64, [-1726577.04, 1468925.84, -1546272.03, -696311.527, 343518.295, -703525.053], 536,
    ),
    "timm/Xception65/xception65": (64, [-148908000, -618881800, 427184900, -176776000, -331163100, 518814100], 592),
    "fyu/DRND22/drn_d_22": (32, [-0.1091556, 11.41056, -9.508296, -0.889782, 4.227867, -9.7998], 283),
    "mapillary/WiderResNet38/net_wider_resnet38_a2": (
        224, [2735.198, 3387.708, 5591.297, 990.1933, -1692.245, 2366.005], 291,
    ),
}  # fmt: skip
"""The first scores of models with `drawn` weights for pixels of `default_rng(0)`, of a mask those of the pixel in the
middle, how large their picture is, and the place of the highest score. They were run with torch 2.13.0: torchvision
0.28.0, timm 1.0.31, wkentaro/pytorch-fcn 4b98850, hszhao/semseg 4f274c3, Eromera/erfnet_pytorch d4a46fa, fyu/drn d75db2e
with a pooling over everything, mapillary/inplace_abn b50bfe9 with batch normalisation and leaky ReLU."""
IN_DOUBLE = {"timm/SEResNet50/legacy_seresnet50", "timm/SENet154/legacy_senet154"}
"""Of these the scores are those of float64: with the weights that are drawn what float32 rounds off grows until one and
the same code gives other scores on another processor."""
QUICK = {"torchvision/ResNet50/resnet50", "erfnet_pytorch/ERFNet/erfnet", "fyu/DRND38Seg/DRNSeg drn_d_38"}


@pytest.mark.parametrize("model", [m if m in QUICK else pytest.param(m, marks=pytest.mark.slow) for m in SCORES])
def test_weights_of_others_give_their_scores(model: str, tmp_path: Path) -> None:
    library, name, _ = model.split("/")
    weights = {key: drawn(key, tuple(shape)) for key, shape in MODELS[model].items()}
    save_file(weights, tmp_path / "theirs.safetensors")
    source = netdsl.Weights(
        str(tmp_path / "theirs.safetensors"), map=str(SPECS / "weights" / f"{spec_of(name).stem}.{library}.map")
    )
    side, scores, highest = SCORES[model]
    sides = (side, side) if isinstance(side, int) else side
    x = np.random.default_rng(0).standard_normal((1, 3, *sides)).astype(np.float32)
    with torch.no_grad():
        module = netdsl.torch_module(load(name, library), weights=source).eval()
        width = torch.float64 if model in IN_DOUBLE else torch.float32
        told = module.to(width)(torch.from_numpy(x).to(width)).numpy()[0]
    found = told[(slice(None), *(n // 2 for n in told.shape[1:]))]
    np.testing.assert_allclose(found[:6], scores, rtol=1e-4, atol=1e-6 * abs(found).max())
    assert found.argmax() == highest


TIMM = [-10.65243, 19.595, -43.02916, 12.37495, 1.2124, -77.12088, -12.85616, -27.66328]
"""The first scores of timm 1.0.31's `resnet18` with `drawn` weights, for the first sample of `default_rng(0)`."""


def test_a_resnet_in_the_layout_of_timm_gives_what_timm_gives(tmp_path: Path) -> None:
    weights = {key: drawn(key, tuple(shape)) for key, shape in MODELS["timm/ResNet18/resnet18"].items()}
    save_file(weights, tmp_path / "resnet18.safetensors")
    torch.save({"epoch": 3, "state_dict": {k: torch.tensor(v) for k, v in weights.items()}}, tmp_path / "resnet18.pth")
    net, x = load("ResNet18"), np.random.default_rng(0).standard_normal((1, 3, 64, 64)).astype(np.float32)
    for file in ("resnet18.safetensors", "resnet18.pth"):
        source = netdsl.Weights(str(tmp_path / file), map=str(SPECS / "weights/resnet.timm.map"))
        with torch.no_grad():
            found = netdsl.torch_module(net, weights=source).eval()(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(found[0, :8], TIMM, rtol=1e-4)
        assert found[0].argmax() == 335
    model = netdsl.onnx_model(net, weights=source)
    np.testing.assert_allclose(Session(model, "cpu").run({"image": x})["logits"], found, rtol=1e-3, atol=1e-3)
