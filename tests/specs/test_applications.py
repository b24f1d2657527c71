"""Nets of applications: the level set of RACE-net moves as its equation says, and an audit counts as NumPy does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from netdsl.base.arrays import Array
from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.pytorch.module import torch_module
from netdsl.program import load_file, load_source
from netdsl.runtime.sessions.session import Session
from netdsl.text.source import Source

SPECS = Path(__file__).parents[2] / "specs"

FLOW = """
use "./race.net" { moved }

recurrent flow(turns: int, dt: number, push: number, bend: number) {
  given start [1, H, W]
  steps = turns
  state phi [1, H, W] = start
  next phi: (phi, 0 * phi + push, 0 * phi + bend) -> moved(dt)
  output phi
}

net Flow(turns = 40, dt = 0.2, push = 0.0, bend = 0.0) {
  input start [1, H, W]
  output phi: flow(turns, dt, push, bend) -> last
}
"""
SIDE, RADIUS = 65, 20.0


def circle() -> Array:
    """`float32 [1, 1, h, w]`: the signed distance to a circle about the middle, below 0 inside."""
    down, across = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    return (np.hypot(down, across) - RADIUS).astype(np.float32)[None, None]


def flown(engine: str, **settings: float) -> Array:
    """The level set `[h, w]` of the circle after some turns of the spec's step."""
    given = {name: str(value) for name, value in settings.items()}
    net = load_source(Source("flow.net", FLOW, SPECS / "flow.net"), given).net("Flow")
    if engine == "onnx":
        return Session(onnx_model(net)).run({"start": circle()})["phi"][0, 0]
    with torch.no_grad():
        return np.asarray(torch_module(net)(torch.from_numpy(circle())))[0, 0]


def radii(phi: Array) -> list[float]:
    """How far the outline is from the middle: to the right, to the left, down and up, between pixels."""
    middle = SIDE // 2
    rays = (phi[middle, middle:], phi[middle, middle::-1], phi[middle:, middle], phi[middle::-1, middle])
    found = []
    for ray in rays:
        place = int(np.argmax(ray > 0))
        found.append(place - 1 + float(ray[place - 1] / (ray[place - 1] - ray[place])))
    return found


@pytest.mark.parametrize("engine", ["torch", "onnx"])
@pytest.mark.parametrize("push", [0.5, -0.5])
def test_a_constant_velocity_moves_a_circle_at_that_speed(push: float, engine: str) -> None:
    assert radii(flown(engine, push=push)) == pytest.approx([RADIUS - 8 * push] * 4, abs=0.01)


@pytest.mark.parametrize("turns", [40, 200, 400])
def test_a_velocity_of_the_curvature_shrinks_it_by_one_over_the_radius(turns: int) -> None:
    """dr/dt = -1/r, so that the square of the radius falls by 2 in each unit of time."""
    assert radii(flown("torch", bend=1.0, turns=turns)) == pytest.approx(
        [(RADIUS**2 - 2 * 0.2 * turns) ** 0.5] * 4, rel=0.01
    )


def test_both_velocities_together_follow_their_equation() -> None:
    radius = RADIUS
    for _ in range(20_000):  # dr/dt = -0.3 - 1/r over 20 units
        radius -= 0.001 * (0.3 + 1 / radius)
    assert radii(flown("torch", push=0.3, bend=1.0, turns=100)) == pytest.approx([radius] * 4, abs=0.02)


def test_nothing_moves_without_velocities() -> None:
    np.testing.assert_array_equal(flown("torch"), circle()[0, 0])


def test_velocities_have_the_same_weights_whatever_the_turns() -> None:
    nets = [load_file(SPECS / "race.net", {"turns": str(turns)}).net("RACE", trained=False) for turns in (1, 5, 40)]
    keys = [{key: weight.shape for key, weight in net.weights()} for net in nets]
    assert keys[0] == keys[1] == keys[2]
    start = circle()[:, :, :32, :40]
    image = np.random.default_rng(0).normal(size=start.shape).astype(np.float32)
    with torch.no_grad():
        made = torch_module(nets[1], 3)(torch.from_numpy(image), torch.from_numpy(start))
    moved = np.abs(np.asarray(made["phi"]) - start)
    assert 0.01 < moved.max() < 5 * 4, "five turns of at most a pixel, and a little along the curvature"
    np.testing.assert_array_equal(made["inside"], -made["phi"])


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_indicators_are_what_numpy_counts_on_the_mask(engine: str) -> None:
    groups = [[0], [1], [8, 9], [10], [11, 12], [13, 14, 15, 16, 17, 18]]
    net = load_file(SPECS / "road_audit.net", {"width": "4"}).net("RoadAudit", trained=False)
    image = np.random.default_rng(1).normal(size=(2, 3, 32, 48)).astype(np.float32)
    if engine == "onnx":
        found = Session(onnx_model(net, seed=4)).run({"image": image})
    else:
        with torch.no_grad():
            made = torch_module(net, 4).eval()(torch.from_numpy(image))
        found = {name: value.numpy() for name, value in made.items()}
    for number, mask in enumerate(found["scores"].argmax(axis=1)):
        shares = np.bincount(mask.reshape(-1), minlength=19) / mask.size
        assert (shares > 0).sum() > 1
        np.testing.assert_allclose(found["counted"][number], shares, rtol=1e-6)
        np.testing.assert_allclose(found["indicators"][number], [shares[group].sum() for group in groups], rtol=1e-5)
