"""Noise of both targets: its distribution, that it repeats by its seed, and that nothing is learned through it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from gradients import emit

from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.pytorch.module import torch_module
from netdsl.program import load_text
from netdsl.runtime.parity import parity

Drawn = Callable[[int], dict[str, np.ndarray]]

TEXT = """
recurrent walk(n) {{
  input x
  given whole [n]
  state h [n] = 0
  next h: h + (x -> noise(normal{more})) + (whole -> noise(normal{more}))
  output h
}}
net N {{
  input image [8, 12, 10], sequence [T, 30], row [30]
  output a_normal: image -> noise(normal{more})
  output again: image -> noise(normal{more})
  output a_uniform: image -> noise(uniform{more})
  output a_gumbel: image -> noise(gumbel{more})
  output other: image -> noise(normal, [40]{more})
  output flat: row -> noise(uniform{more})
  output steps: (sequence, row) -> walk(30)
}}
"""
BATCH, STEPS = 16, 40
MOMENTS = {"normal": (0, 1), "uniform": (0.5, 1 / 12), "gumbel": (0.5772, np.pi**2 / 6)}


def fields() -> dict[str, np.ndarray]:
    sizes = {"image": (8, 12, 10), "sequence": (STEPS, 30), "row": (30,)}
    return {k: np.zeros((BATCH, *shape), np.float32) for k, shape in sizes.items()}


def trained() -> Drawn:
    emitted = emit(load_text(TEXT.format(more="")).net(), {})
    probes = {
        k: np.ones((BATCH, *v.shape), np.float32)
        for k, v in emitted.fields.items()
        if k.endswith("probe") and k != "steps.probe"
    }
    sizes = {"steps.probe": np.ones((BATCH, STEPS, 30), np.float32)}
    return lambda seed: emitted.run({**probes, **sizes, **fields(), "seed": np.array(seed, np.int64)})


def run() -> Drawn:
    session = opened(TEXT.format(more=", always=true"))
    names = [o.name for o in session.get_outputs()]
    return lambda seed: dict(zip(names, session.run(None, {**fields(), "seed": np.array(seed)}), strict=True))


def in_torch() -> Drawn:
    module = torch_module(load_text(TEXT.format(more="")).net()).train()

    def draw(seed: int) -> dict[str, np.ndarray]:
        torch.manual_seed(seed)
        return {k: v.numpy() for k, v in module(*map(torch.from_numpy, fields().values())).items()}

    return draw


def opened(text: str) -> Any:
    onnxruntime.set_default_logger_severity(4)
    model = onnx_model(load_text(text).net())
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module", params=[trained, run, in_torch])
def drawn(request: pytest.FixtureRequest) -> Drawn:
    """What the net above gives for a seed: a training step, a model that draws at inference, and PyTorch."""
    made: Drawn = request.param()
    return made


@pytest.mark.parametrize("kind", MOMENTS)
def test_numbers_have_their_distribution(drawn: Drawn, kind: str) -> None:
    numbers = np.concatenate([drawn(seed)[f"a_{kind}"].ravel() for seed in range(4)]).astype(float)
    mean, variance = MOMENTS[kind]
    assert abs(numbers.mean() - mean) < 4 * (variance / numbers.size) ** 0.5
    assert abs(numbers.var() / variance - 1) < 4 * (6 / numbers.size) ** 0.5
    assert len(np.unique(numbers)) > 0.98 * numbers.size
    if kind == "uniform":
        assert numbers.min() >= 0
        assert numbers.max() < 1
        assert np.abs(np.histogram(numbers, 16, (0, 1))[0] / numbers.size - 1 / 16).max() < 0.004
    if kind == "normal":
        assert abs((np.abs(numbers) < 1).mean() - 0.6827) < 0.008


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (3,), (2, 3), (0, 1)])
def test_neighbours_are_independent(drawn: Drawn, axes: tuple[int, ...]) -> None:
    numbers = np.stack([drawn(seed)["a_normal"] for seed in range(4)])
    shifted = np.roll(numbers, 1, [axis + 1 for axis in axes])
    assert abs((numbers * shifted).mean()) < 4 / numbers.size**0.5


def test_numbers_repeat_with_their_seed_and_with_nothing_else(drawn: Drawn) -> None:
    first, same, other = drawn(5), drawn(5), drawn(6)
    names = [k for k in first if not k.endswith((":gradient", ":next"))]
    assert len(names) >= 7
    assert all(np.array_equal(first[k], same[k]) for k in names)
    for a, b in [(first[k], other[k]) for k in (*(f"a_{k}" for k in MOMENTS), "other", "flat", "steps")] + [
        (first["a_normal"], first["again"])
    ]:
        assert (a == b).mean() < 0.01
    assert first["other"].shape == (BATCH, 40)
    assert first["flat"].shape == (BATCH, 30)


def test_every_step_of_a_recurrence_draws(drawn: Drawn) -> None:
    steps = np.diff(drawn(1)["steps"], axis=1, prepend=0)
    assert abs(steps.std() - 2**0.5) < 0.03
    assert abs((steps[:, 1:] * steps[:, :-1]).mean()) < 8 / steps.size**0.5


def test_a_model_without_noise_at_inference_gives_zeros_and_takes_no_seed() -> None:
    session = opened(TEXT.format(more=""))
    assert "seed" not in [i.name for i in session.get_inputs()]
    assert not any(made.any() for made in session.run(None, fields()))
    module = torch_module(load_text(TEXT.format(more="")).net()).eval()
    assert not any(made.any() for made in module(*map(torch.from_numpy, fields().values())).values())


def test_an_input_may_be_called_seed() -> None:
    session = opened("net N {\n input seed [3]\n output y: seed + (seed -> noise(uniform, always=true))\n}")
    assert [i.name for i in session.get_inputs()] == ["seed", "seed_1"]
    (y,) = session.run(None, {"seed": np.full((2, 3), 7, np.float32), "seed_1": np.array(1)})
    assert y.min() > 7
    assert y.max() < 8


def test_parity_leaves_noise_out() -> None:
    net = load_text("net N {\n input x [3]\n h: linear(3)\n output y: h + (h -> noise(normal, always=true))\n}").net()
    found = parity(net)
    assert found.still
    assert found.worst < 1e-5
    assert torch_module(net, 0).eval()(torch.zeros(1, 3)).std() > 0.1, "the net itself is as it was"


def test_nothing_is_learned_through_noise() -> None:
    text = "net N {\n input x [3]\n h: linear(3)\n output y: (h -> noise(normal)) * h\n}"
    module = torch_module(load_text(text).net(), 0).train()
    torch.manual_seed(0)
    out = module(torch.ones(1, 3))
    out.sum().backward()
    bias = next(p for n, p in module.named_parameters() if n.endswith("bias"))
    with torch.no_grad():
        torch.manual_seed(0)
        noise = module(torch.ones(1, 3)) / (module.h(torch.ones(1, 3)))
    assert torch.allclose(bias.grad, noise[0], atol=1e-5)
    emitted = emit(load_text(text).net(), {k: v.detach().numpy() for k, v in module.state_dict().items()})
    fed = {"x": np.ones((1, 3), np.float32), "y.probe": np.ones((1, 3), np.float32), "seed": np.array(3)}
    got = emitted.run(fed)
    assert np.allclose(
        got["h.bias:gradient"], got["y"][0] / (module.h(torch.ones(1, 3)))[0].detach().numpy(), atol=1e-5
    )
