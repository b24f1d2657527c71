"""Nets of segmentation: the numbers of modules written from their papers' files, and steps that learn on both engines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from references.deconvnet import DeconvNet
from references.segnet import SegNet, SegNetBasic
from references.unet import UNet
from safetensors.torch import save_file
from ten_steps import ten_losses
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from netdsl import Weights
from netdsl.codegen.pytorch.module import torch_module
from netdsl.program import load_file
from netdsl.runtime.data.sets import load_data
from netdsl.runtime.runs.recipes import plan_of

SPECS = Path(__file__).parents[2] / "specs"
Settings = dict[str, str]


class Held(NamedTuple):
    """A net and a module that was written apart from it, whose weights a map of `specs/weights` carries over."""

    net: str
    settings: Settings
    reference: Callable[[], nn.Module]
    map: str
    size: tuple[int, int]

    @property
    def file(self) -> str:
        return self.map.split(".")[0]


DECONV = {"width": "2", "hidden": "8"}
HELD = [
    Held("SegNet", {"width": "4"}, lambda: SegNet(width=4), "segnet.caffe", (45, 70)),
    Held("DeconvNet", DECONV, lambda: DeconvNet(width=2, hidden=8), "deconvnet.caffe", (224, 224)),
    Held("SegNetBasic", {"width": "4"}, lambda: SegNetBasic(width=4), "segnet.caffe", (45, 30)),
    Held("UNetSameBN", {"width": "4"}, lambda: UNet(width=4), "unet.milesial", (32, 48)),
    Held("UNetBilinear", {"width": "4"}, lambda: UNet(bilinear=True, width=4), "unet.milesial", (48, 32)),
]


def carried(held: Held, folder: Path) -> tuple[nn.Module, nn.Module]:
    """The net's module with the weights of the reference, and the reference."""
    torch.manual_seed(0)
    net, theirs = load_file(SPECS / f"{held.file}.net", held.settings).net(held.net, trained=False), held.reference()
    for name, parameter in theirs.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter, std=0.1)
    save_file(theirs.state_dict(), folder / "theirs.safetensors")
    weights = Weights(str(folder / "theirs.safetensors"), map=str(SPECS / "weights" / f"{held.map}.map"))
    ours = torch_module(net, weights=weights)
    return ours, theirs


def first(result: Tensor | dict[str, Tensor] | tuple[Tensor, ...]) -> Tensor:
    """The scores, which are the first output."""
    if isinstance(result, Tensor):
        return result
    return next(iter(result.values())) if isinstance(result, dict) else result[0]


@pytest.mark.parametrize("held", HELD, ids=lambda held: held.net)
def test_scores_and_slopes_are_those_of_the_reference(held: Held, tmp_path: Path) -> None:
    ours, theirs = carried(held, tmp_path)
    x = torch.rand(2, 3, *held.size, generator=torch.Generator().manual_seed(5))
    for training in (True, False):
        scores = [first(m.train(training)(x)) for m in (ours, theirs)]
        torch.testing.assert_close(*scores, rtol=1e-5, atol=1e-6)
        assert float(scores[0].detach().std()) > 0.01
    slopes = [torch.autograd.grad((first(m(x)) ** 2).sum(), next(m.parameters()))[0] for m in (ours, theirs)]
    torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-4 * float(slopes[1].abs().max()))


@pytest.mark.parametrize(
    ("bilinear", "side", "params", "macs"),
    [(False, 572, 31_037_698, 238_837_101_568), (False, 512, 31_037_698, 192_686_325_760),
     (True, 572, 17_263_042, 198_696_104_960), (True, 512, 17_263_042, 159_937_200_128)],
)  # fmt: skip
def test_the_reference_of_u_net_counts_as_milesials(bilinear: bool, side: int, params: int, macs: int) -> None:
    """Those of 572 and of 512 without interpolation were counted of milesial's own code (21d7850)."""
    with torch.device("meta"):
        module = UNet(bilinear=bilinear).eval()
        with FlopCounterMode(display=False) as counter:
            module(torch.empty(1, 3, side, side))
    assert sum(p.numel() for p in module.parameters()) == params
    assert counter.get_total_flops() == 2 * macs


# ---------------------------------------------------------------- steps


class Learns(NamedTuple):
    """A net that is small enough to learn a batch of drawn figures."""

    file: str
    net: str
    settings: Settings
    side: int = 32
    lr: float = 0.003
    batch: int = 8
    data: str = ""
    """Its own data, else figures of four classes."""


THIN = {"width": "2", "hidden": "16"}
LEARNS = [
    Learns("fcn", "FCN8s", THIN, 16, 0.01, 4),
    Learns("fcn", "FCNAlexNet", THIN, 16, 0.01, 4),
    Learns("pspnet", "PSPNet50", {"width": "4"}, 33),
    Learns("erfnet", "ERFNet", {"width": "4"}, 32, 0.01),
    Learns("drn_seg", "DRND22Seg", {"width": "2"}, 32, 0.01),
    Learns("linknet", "LinkNet34", {"width": "4"}, 33, 0.01),
    Learns("wider_deeplab", "WiderDeepLabBlobs", {"width": "1", "window": "[4, 4]"}, 32),
    Learns("segnet", "SegNet", {"width": "4"}),
    Learns("segnet", "SegNetBasic", {"width": "4"}),
]
LONG = [
    Learns("fcn", "FCN32s", THIN, 16, 0.02, 4),
    Learns("fcn", "FCN16s", THIN, 16, 0.01, 4),
    Learns("fcn", "FCNResNet50", {"width": "4"}, 33),
    Learns("deeplab", "DeepLabV3ResNet50", {"width": "4"}, 33),
    Learns("fcn", "FCNResNet101", {"width": "4"}, 33),
    Learns("deeplab", "DeepLabV3ResNet101", {"width": "4"}, 33),
    Learns("deeplab", "DeepLabV3PlusResNet101", {"width": "4"}, 33),
    Learns("deeplab", "DeepLabV3PlusXception65", {"units": "1", "width": "8"}, 33),
    Learns("drn_seg", "DRND38Seg", {"width": "2"}, 32, 0.01),
    Learns("pspnet", "PSPNet101", {"width": "4"}, 33),
    Learns("deconvnet", "DeconvNet", DECONV, 224, 0.03, 4),
    Learns("roads", "StackedHourglass", {"width": "4", "units": "1"}, lr=0.02, data="roads(size=32, count=10)"),
    Learns("roads", "LinkNet34MTL", {"width": "4"}, lr=0.03, data="roads(size=32, count=10)"),
    Learns("roads", "RoadRefinerTurns", {"width": "8"}, lr=0.03, data="roads(size=32, count=10)"),
]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("engine", ["torch", "onnx"])
@pytest.mark.parametrize(
    "case", [*LEARNS, *(pytest.param(c, marks=pytest.mark.slow) for c in LONG)], ids=lambda c: c.net
)
def test_ten_steps_on_one_batch_lower_the_loss(case: Learns, engine: str) -> None:
    figures = f"shapes(size={case.side}, count=10, mean=0.5, std=0.25)"
    recipe = {"data": case.data or figures, "clip": "none"}
    settings = case.settings if case.data else {**case.settings, "classes": "4"}
    net = load_file(SPECS / f"{case.file}.net", settings, recipe, by="small").net(case.net)
    plan = plan_of(net)
    losses = ten_losses(engine, net, plan, load_data(plan.data, net, {}), case.batch, [case.lr])
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.9 * losses[0]
