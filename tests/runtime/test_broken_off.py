"""Runs that are broken off within an epoch and go on bit for bit, whatever they read and start from, by both engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from broken_off import broken_off
from PIL import Image
from safetensors.numpy import save_file

import netdsl
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.tensorfile import load_arrays

ROWS = """
  optimizer adamw(lr=0.01)
  freeze    body(epochs=1)
  ema       0.9
  epochs    3
  batch     8
  seed      4
"""
TABLE = """net T {{
  input x [3]
  body: linear(8) -> batchnorm -> relu -> dropout(0.2)
  output y: linear(2)
}}
train T {{
  data {data}
  loss (y, label) -> cross_entropy
  metric (y, label) -> accuracy
{rows}}}
"""
MASKS = """net M {{
  input image [3, 8, 8]
  body: conv(4, 3, pad=1) -> batchnorm -> relu
  output y: conv(3, 1)
}}
train M {{
  data masks("pictures", "masks", classes=3, ignore=255)
  augment flip -> rotate(20) -> colour(0.3) -> cutmix(share=0.5)
  loss (y, label) -> cross_entropy(ignore=255)
  metric (y, label) -> miou
  workers 0
{rows}}}
"""


def numbers(count: int = 40) -> dict[str, Any]:
    x = np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32)
    return {"x": x, "label": (x[:, 0] > x[:, 1]).astype(np.int64)}


def table(folder: Path) -> netdsl.Net:
    made = numbers()
    lines = [f"{a},{b},{c},{'yes' if label else 'no'}" for (a, b, c), label in zip(*made.values(), strict=True)]
    (folder / "rows.csv").write_text("\n".join(["a,b,c,t", *lines]))
    data = f'table("{folder / "rows.csv"}", target=t, standardize=true)'
    return netdsl.load_text(TABLE.format(data=data, rows=ROWS))


def started(folder: Path) -> netdsl.Net:
    """A table's net, and beside it a file of weights that it starts from."""
    net = table(folder)
    module = netdsl.torch_module(net, 7)
    save_file({key: value.numpy() for key, value in module.state_dict().items()}, folder / "start.safetensors")
    return net


def masks(folder: Path) -> netdsl.Net:
    generator = np.random.default_rng(0)
    for split, count in (("train", 20), ("val", 4)):
        for i in range(count):
            classes = generator.integers(0, 3, (10, 12)).astype(np.uint8)
            for kind, pixels in (("pictures", np.stack([classes * 90] * 3, 2)), ("masks", classes)):
                (folder / kind / split).mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(folder / kind / split / f"{i:02}.png")
    (folder / "m.net").write_text(MASKS.format(rows=ROWS))
    return netdsl.load(folder / "m.net")


class Numbered:
    """Samples that can be asked for by number."""

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {name: values[index] for name, values in numbers().items()}


def handed(folder: Path) -> netdsl.Net:
    return netdsl.load_text(TABLE.format(data="", rows=ROWS).replace("  data \n", ""))


def flowing() -> Iterator[tuple[Any, Any]]:
    yield from zip(*numbers().values(), strict=True)


CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "a table": (table, {}),
    "masks": (masks, {}),
    "numbered samples": (handed, {"data": lambda: {"train": Numbered(), "validation": numbers(8)}}),
    "samples one after another": (handed, {"data": lambda: {"train": flowing(), "validation": numbers(8)}}),
    "weights of a file": (started, {"weights": "start.safetensors"}),
}


QUICK = [("masks", "torch"), ("samples one after another", "onnx")]
ALL = [(case, engine) for case in CASES for engine in ("torch", "onnx")]


@pytest.mark.parametrize(
    ("case", "engine"), [pytest.param(*each, marks=[] if each in QUICK else pytest.mark.slow) for each in ALL]
)
def test_a_run_goes_on_bit_for_bit(tmp_path: Path, case: str, engine: str) -> None:
    make, more = CASES[case]
    net, options = make(tmp_path), {"quiet": True, "engine": engine, "device": "cpu", "checkpoint_seconds": 0}

    def given(first: bool) -> dict[str, Any]:
        weights = {"weights": str(tmp_path / more["weights"])} if first and "weights" in more else {}
        return {**options, **weights, **({"data": more["data"]()} if "data" in more else {})}

    whole = netdsl.train(net, tmp_path / "whole", **given(True))
    with broken_off(2, epochs=1):
        netdsl.train(net, tmp_path / "cut", **given(True))
    resumed = netdsl.train(net if "data" in more else None, tmp_path / "cut", resume=True, **given(False))
    told = [
        [{k: v for k, v in row.items() if k not in ("seconds", "waiting")} for row in r.history]
        for r in (whole, resumed)
    ]
    assert told[0] == told[1]
    assert resumed.weights.read_bytes() == whole.weights.read_bytes()
    left, right = (load_arrays(RunFolder(tmp_path / name).checkpoint)[0] for name in ("whole", "cut"))
    assert left.keys() == right.keys()
    assert [name for name, value in left.items() if not np.array_equal(value, right[name])] == []
