"""Random masks of a training step: their distribution, and that they repeat."""

from collections.abc import Callable

import numpy as np
import pytest
from gradients import emit

from netdsl.program import load_text

Noise = Callable[[int], dict[str, np.ndarray]]

NOISE = """
recurrent noisy(hidden) {
  input x
  state h [hidden] = 0
  next h: h + (x -> dropout(0.5))
  output h
}
net N {
  input image [8, 12, 10], sequence [40, 30]
  param w [8, 12, 10] = constant(1)
  all: image * w -> dropout(0.3)
  again: image * w -> dropout(0.3)
  channels: image * w -> spatial_dropout(0.4)
  samples: image * w -> drop_path(0.3)
  steps: sequence -> noisy(30)
  none: image * w -> dropout(0)
  nothing: image * w -> dropout(1)
  output all, again, channels, samples, steps, none, nothing
}
"""
BATCH = 16


@pytest.fixture(scope="module")
def noise() -> Noise:
    """What the net above gives for a seed, of ones."""
    net = load_text(NOISE).net()
    emitted = emit(net, {"w": np.ones((8, 12, 10), np.float32)})
    ones = {k: np.ones((BATCH, *v.shape), np.float32) for k, v in emitted.fields.items() if k != "seed"}
    return lambda seed: emitted.run({**ones, "seed": np.array(seed, np.int64)})


def test_dropout_keeps_the_stated_share_and_scales_it(noise: Noise) -> None:
    kept = np.concatenate([noise(seed)["all"].ravel() for seed in range(4)])
    assert set(np.unique(kept)) == {np.float32(0), np.float32(1 / 0.7)}
    sigma = (0.3 * 0.7 / kept.size) ** 0.5
    assert abs((kept > 0).mean() - 0.7) < 4 * sigma


def test_dropout_repeats_with_its_seed_and_with_nothing_else(noise: Noise) -> None:
    first, same, other = noise(5), noise(5), noise(6)
    assert all(np.array_equal(first[k], same[k]) for k in first)
    for a, b in [(first["all"], other["all"]), (first["all"], first["again"])]:
        agree = ((a > 0) == (b > 0)).mean()
        assert abs(agree - 0.58) < 4 * (0.58 * 0.42 / a.size) ** 0.5


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (3,), (2, 3), (0, 1), (1, 3)])
def test_masks_of_neighbours_are_independent(noise: Noise, axes: tuple[int, ...]) -> None:
    products = []
    for seed in range(6):
        centred = (noise(seed)["all"] > 0) - 0.7
        shifted = centred
        for axis in axes:
            shifted = np.roll(shifted, 1, axis)
        products.append((centred * shifted).mean() / 0.21)
    assert abs(np.mean(products)) < 4 / (6 * BATCH * 960) ** 0.5


def test_spatial_dropout_takes_whole_channels(noise: Noise) -> None:
    kept = np.concatenate([noise(seed)["channels"] for seed in range(12)])
    assert np.array_equal(kept.min((2, 3)), kept.max((2, 3)))
    share = (kept[:, :, 0, 0] > 0).mean()
    assert abs(share - 0.6) < 4 * (0.24 / kept[:, :, 0, 0].size) ** 0.5


def test_drop_path_takes_whole_samples(noise: Noise) -> None:
    kept = np.concatenate([noise(seed)["samples"] for seed in range(60)])
    assert np.array_equal(kept.min((1, 2, 3)), kept.max((1, 2, 3)))
    assert set(np.unique(kept)) == {np.float32(0), np.float32(1 / 0.7)}
    alone = (kept[:, 0, 0, 0] > 0).reshape(60, BATCH)
    sigma = 0.21**0.5
    assert abs(alone.mean() - 0.7) < 4 * sigma / alone.size**0.5
    for axis in (0, 1):
        centred = alone - 0.7
        assert abs((centred * np.roll(centred, 1, axis)).mean() / 0.21) < 4 / alone.size**0.5


def test_dropout_draws_anew_at_every_step_of_a_recurrence(noise: Noise) -> None:
    steps = np.diff(noise(1)["steps"], axis=1, prepend=0)
    kept = steps > 0.5
    assert abs(kept.mean() - 0.5) < 4 * 0.5 / kept.size**0.5
    agree = (kept[:, 1:] == kept[:, :-1]).mean()
    assert abs(agree - 0.5) < 4 * 0.5 / kept.size**0.5


def test_dropout_of_nothing_and_of_everything(noise: Noise) -> None:
    got = noise(2)
    assert (got["none"] == 1).all()
    assert (got["nothing"] == 0).all()


OFTEN = """
recurrent noisy {
  given x
  steps = 40
  state h [30] = 0
  next h: x -> dropout(0.5)
  output h
}
net N {
  input x [S, 30]
  output y: x -> mean(axis=0) -> noisy
}
"""


def test_every_step_that_is_only_counted_has_a_mask_of_its_own() -> None:
    emitted = emit(load_text(OFTEN).net(), {})
    ones = {k: np.ones((BATCH, 2, 30) if k == "x" else (BATCH, 40, 30), np.float32) for k in emitted.fields}
    kept = emitted.run({**ones, "seed": np.array(3, np.int64)})["y"] > 0
    assert abs(kept.mean() - 0.5) < 4 * (0.25 / kept.size) ** 0.5
    again = (kept[:, 1:] == kept[:, :-1]).mean()
    assert abs(again - 0.5) < 4 * (0.25 / kept[:, 1:].size) ** 0.5
