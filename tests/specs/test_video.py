"""Nets of films and of outlines: the numbers of modules written apart from them, and what they learn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from references.clockwork import StagedFCN8s
from references.osvos import OSVOS
from references.polygon_rnn import PolygonRNN
from safetensors.torch import save_file
from ten_steps import ten_losses
from torch import Tensor, nn

import netdsl
from netdsl.analyzer import analyze
from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.pytorch.module import torch_module
from netdsl.elaborate.recipes import read_data
from netdsl.program import load_file
from netdsl.runtime.data.sets import load_data
from netdsl.runtime.evaluate import evaluate
from netdsl.runtime.runs.recipes import plan_of
from netdsl.runtime.scoring.pytorch import named
from netdsl.runtime.sessions.session import Session
from netdsl.runtime.train import train

SPECS = Path(__file__).parents[2] / "specs"
ENGINES = pytest.mark.parametrize("engine", ["torch", "onnx"])

torch.set_num_threads(1)


def drawn(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(5))


# ---------------------------------------------------------------- one-shot segmentation

THIN = {"width": "4", "maps": "3"}


def test_osvos_says_what_its_reference_does(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = OSVOS(width=4, maps=3)
    net = load_file(SPECS / "osvos.net", THIN).net("OSVOS", trained=False)
    begun = torch_module(net, 0).state_dict()
    for step in range(4):
        torch.testing.assert_close(begun[f"side{step + 2}.upscale.weight"], theirs.upscale[step].weight.data)
    save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    map = str(SPECS / "weights" / "osvos.osvos_pytorch.map")
    ours = torch_module(net, weights=netdsl.Weights(str(tmp_path / "theirs.safetensors"), map=map))
    for size in ((33, 47), (64, 38)):
        image = drawn(2, 3, *size)
        mask, *said = ours(image).values()
        for mine, wanted in zip([*said, mask], theirs(image), strict=True):
            torch.testing.assert_close(mine, wanted, rtol=1e-6, atol=1e-6)
            assert float(wanted.detach().std()) > 1e-4


@ENGINES
def test_ten_steps_on_one_batch_lower_the_loss_of_osvos(engine: str) -> None:
    recipe = {"data": "moving_object(size=32, count=10, mean=0.5, std=0.25)"}
    net = load_file(SPECS / "osvos.net", THIN, recipe, by="small").net("OSVOS")
    plan = plan_of(net)
    losses = ten_losses(engine, net, plan, load_data(plan.data, net, {}), 8, [0.01])
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.slow
def test_one_frame_is_enough_to_find_its_object_in_the_film(tmp_path: Path) -> None:
    """The parent alone does not know which figure is meant."""
    settings, film = {"width": "16"}, "moving_object(size=64, count=40, film=36, mean=0.5, std=0.25)"
    net = load_file(SPECS / "osvos.net", settings).net("OSVOS")
    train(net, tmp_path / "parent", recipe="small", device="cpu", quiet=True)
    before = evaluate(tmp_path / "parent", data=read_data(film), device="cpu")["metrics"]["iou"]
    weights = netdsl.Weights(str(tmp_path / "parent" / "weights.safetensors"))
    train(net, tmp_path / "own", recipe="small_one_frame", weights=weights, device="cpu", quiet=True)
    after = evaluate(tmp_path / "own", device="cpu")["metrics"]["iou"]
    assert after > max(0.6, 2 * before)


# ---------------------------------------------------------------- clocks

FEW = {"classes": "5", "width": "2", "hidden": "6"}
FRAMES = 5
Run = Callable[[dict[str, Tensor]], dict[str, Tensor]]


class Clockwork(NamedTuple):
    """The reference, and its weights as the nets of the spec have them."""

    theirs: StagedFCN8s
    weights: dict[str, Tensor]

    def runs(self, name: str, engine: str, **settings: str) -> Run:
        """A net of the spec: what it gives for its inputs and states, `[1, …]` each."""
        net = load_file(SPECS / "clockwork.net", {**FEW, **settings}).net(name, trained=False)
        module = torch_module(net, 0).eval()
        module.load_state_dict(
            {key: self.weights[key] for key in module.state_dict() if key in self.weights}, strict=False
        )
        outputs = [output.name for output in net.outputs]
        if engine == "torch":
            return lambda given: named(module(*(given[value.name] for value in net.inputs)), outputs)
        session = Session(onnx_model(net, weights={k: v.numpy() for k, v in module.state_dict().items()}), "cpu")
        return lambda given: {
            key: torch.from_numpy(value) for key, value in session.run({k: v.numpy() for k, v in given.items()}).items()
        }


@pytest.fixture(scope="module")
def clockwork(tmp_path_factory: pytest.TempPathFactory) -> Clockwork:
    torch.manual_seed(0)
    theirs = StagedFCN8s(5, 2, 6).eval()
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, std=0.3)
    file = tmp_path_factory.mktemp("clockwork") / "theirs.safetensors"
    save_file(theirs.state_dict(), file)
    net = load_file(SPECS / "clockwork.net", FEW).net("ClockworkFCN", trained=False)
    source = netdsl.Weights(str(file), map=str(SPECS / "weights" / "clockwork.caffe.map"), partial=True)
    return Clockwork(theirs, torch_module(net, weights=source).state_dict())


def film() -> Tensor:
    """Frames that change more and more."""
    moved = drawn(1, 3, 20, 33) + torch.arange(FRAMES)[:, None, None, None] ** 2 * 0.2 * drawn(FRAMES, 3, 20, 33)
    return moved.float()


def close(found: Tensor, wanted: Tensor, apart: float = 1e-5) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=apart * float(wanted.abs().max()))


@ENGINES
def test_all_stages_give_the_scores_of_the_reference(clockwork: Clockwork, engine: str) -> None:
    frames = film()
    with torch.no_grad():
        found = clockwork.runs("ClockworkFCN", engine)({"image": frames})["score"]
        pool3, score3 = clockwork.theirs.upper(frames)
        pool4, score4 = clockwork.theirs.middle(pool3)
        close(found, clockwork.theirs.fused(frames, score3, score4, clockwork.theirs.lower(pool4)))
    assert float(found.std()) > 0.01


@ENGINES
@pytest.mark.parametrize(("second", "third"), [(1, 2), (2, 4)])
def test_a_fixed_clock_is_a_loop_that_skips(clockwork: Clockwork, engine: str, second: int, third: int) -> None:
    runs = clockwork.runs("ClockworkFixed", engine, second=str(second), third=str(third))
    theirs, wanted = clockwork.theirs, []
    with torch.no_grad():
        found = runs({"video": film()[None]})["score"][0]
        for number, frame in enumerate(film().split(1)):
            pool3, score3 = theirs.upper(frame)
            if number % second == 0:
                pool4, score4 = theirs.middle(pool3)
            if number % third == 0:
                deep = theirs.lower(pool4)
            wanted.append(theirs.fused(frame, score3, score4, deep))
    close(found, torch.cat(wanted))


def begun(net: str, size: tuple[int, int]) -> dict[str, Tensor]:
    """The states of a first call."""
    states = load_file(SPECS / "clockwork.net", FEW).net(net, trained=False).states
    at = dict(zip("HW", size, strict=True))
    kinds = {"float": torch.float32, "int": torch.int64}
    return {
        s.name: torch.zeros(1, *s.current.type.at(at).shape, dtype=kinds[s.current.type.dtype.value]) for s in states
    }


@ENGINES
def test_a_pipeline_works_on_a_frame_a_stage(clockwork: Clockwork, engine: str) -> None:
    runs, theirs = clockwork.runs("ClockworkPipelined", engine), clockwork.theirs
    state = begun("ClockworkPipelined", (20, 33))
    pool3, pool4 = state["pool3"], state["pool4"]
    with torch.no_grad():
        for frame in film().split(1):
            made = runs({"image": frame, **state})
            state = {name: made[f"{name}_next"] for name in state}
            deep = theirs.lower(pool4)
            pool4, score4 = theirs.middle(pool3)
            pool3, score3 = theirs.upper(frame)
            close(made["score"], theirs.fused(frame, score3, score4, deep))


@ENGINES
def test_an_adaptive_clock_fires_where_much_has_changed(clockwork: Clockwork, engine: str) -> None:
    """The notebooks' loop: the share of places whose class by pool4 is another than at the last firing."""
    shallow, deep, theirs = (
        clockwork.runs("ClockworkShallow", engine),
        clockwork.runs("ClockworkDeep", engine),
        clockwork.theirs,
    )
    state, before, fired = begun("ClockworkShallow", (20, 33)), None, []
    with torch.no_grad():
        for frame in film().split(1):
            made = shallow({"image": frame, **state})
            pool3, score3 = theirs.upper(frame)
            pool4, score4 = theirs.middle(pool3)
            changed = 1.0 if before is None else float((score4.argmax(1) != before.argmax(1)).float().mean())
            assert before is None or float(made["changed"]) == pytest.approx(changed)
            if before is None or float(made["changed"]) >= 0.02:
                made = deep({"image": frame, **{name: made[name] for name in ("seen", "pool3", "pool4")}})
                state = {name: made[name] for name in state}
                before, held = score4, theirs.lower(pool4)
            fired.append(before is score4)
            close(made["score"], theirs.fused(frame, score3, score4, held))
    assert fired[0]
    assert 1 < sum(fired) < FRAMES


def test_what_a_clock_skips_is_in_no_count() -> None:
    """Multiply-accumulates at 500×500 by stages, of which those of the paper's three are known."""

    def macs(name: str, frames: int = 0, **settings: str) -> int:
        net = load_file(SPECS / "clockwork.net", settings).net(name, trained=False)
        return analyze(net, sizes={"T": frames} if frames else {}).totals.macs

    upper, middle, fused = 90_942_640_896, 45_696_786_432, 26_730_816
    whole = macs("ClockworkFCN")
    lower = whole - upper - middle - fused
    assert (whole, macs("ClockworkPipelined")) == (180_992_697_408, 180_992_697_408)
    assert macs("ClockworkShallow") == upper + middle + fused
    assert macs("ClockworkDeep") == lower + fused
    assert macs("ClockworkFixed", 2) == 2 * (upper + middle + fused) + lower
    assert macs("ClockworkFixed", 8, second="2", third="4") == 8 * (upper + fused) + 4 * middle + 2 * lower


# ---------------------------------------------------------------- outlines

GRID, WIDTH = 8, 2
SMALL = {"grid": str(GRID), "width": str(WIDTH), "hidden": "3"}


def theirs_as_ours(theirs: PolygonRNN) -> dict[str, Tensor]:
    """Their weights under the names of the spec."""
    stages = [f"features.{stage}.conv_relu{n}.conv1" for stage, count in STAGES.items() for n in range(1, count + 1)]
    names = {f"convs.{number}": name for number, name in enumerate(stages)}
    names |= {f"skips.{n}": f"features.skip{n + 2}.conv1" for n in range(4)} | {"fuse": "features.conv_relu1.conv1"}
    names |= {f"cells.{n}.conv": f"draw.layer{n + 1}.gates" for n in range(2)} | {"scores": "draw.scores"}
    return {f"{names[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}": v for key, v in theirs.state_dict().items()}


STAGES = {"pool1": 2, "pool2": 2, "pool3": 3, "conv4": 3, "conv5": 3}


def outlined(net: netdsl.Net, weights: dict[str, Tensor], engine: str, *given: Tensor) -> Tensor:
    module = torch_module(net, 0).eval()
    module.load_state_dict(weights)
    if engine == "torch":
        return module(*given)
    session = Session(onnx_model(net, weights={k: v.numpy() for k, v in weights.items()}), "cpu")
    inputs = {value.name: x.numpy() for value, x in zip(net.inputs, given, strict=True)}
    return torch.from_numpy(next(iter(session.run(inputs).values())))


@ENGINES
def test_a_polygon_rnn_scores_and_outlines_as_its_reference(engine: str) -> None:
    torch.manual_seed(1)
    theirs = PolygonRNN(GRID, WIDTH, 3).eval()
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, std=0.3)
    weights, program = theirs_as_ours(theirs), load_file(SPECS / "polygon_rnn.net", SMALL)
    image = drawn(2, 3, 8 * GRID, 8 * GRID)
    vertices = torch.tensor([[65, 9, 22, 40, 64, 64], [65, 1, 63, 33, 7, 64]])
    with torch.no_grad():
        found = outlined(program.net("PolygonRNN", trained=False), weights, engine, image, vertices)
        close(found, theirs(image, vertices), apart=1e-3)
        said = outlined(program.net("PolygonRNNSpeak", trained=False), weights, engine, image)
        wanted = theirs.outline(image, 9)
    assert said.tolist() == wanted.tolist()
    assert len(set(wanted[0].tolist())) > 1


@ENGINES
def test_ten_steps_on_one_batch_lower_the_loss_of_outlines(engine: str) -> None:
    for name in ("PolygonShapes", "FirstVertexShapes"):
        recipe = {"data": "polygons(grid=8, points=4, count=10, mean=0.5, std=0.25)", "clip": "none"}
        net = load_file(SPECS / "polygon_rnn.net", {"grid": "8", "width": "4"}, recipe).net(name)
        plan = plan_of(net)
        losses = ten_losses(engine, net, plan, load_data(plan.data, net, {}), 8, [0.003])
        assert np.isfinite(losses).all()
        assert losses[-1] < 0.9 * losses[0]
