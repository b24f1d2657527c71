"""Samples that a program hands over: PyTorch's sets, iterables, arrays; and those of a data set to look at."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from through_onnx import evaluate_run
from torch.utils.data import Dataset, IterableDataset, TensorDataset

import netdsl
from netdsl.base.errors import DataError, RunError
from netdsl.text.diagnostics import NetError

TEXT = """\
net N {
  input x [3]
  output y: linear(1)
}
train N {
  loss (y, label) -> mse
  metric (y, label) -> mae
  optimizer sgd(lr=0.1)
  epochs 6
  batch 8
  workers 0
}
"""
WEIGHTS = np.array([1.0, -2.0, 0.5])


def arrays(count: int = 40, seed: int = 0) -> dict[str, Any]:
    x = np.random.default_rng(seed).normal(size=(count, 3))
    return {"x": x, "label": x @ WEIGHTS}


class Squares(Dataset[Any]):
    """A set of PyTorch's with tensors, in the order of the fields."""

    def __init__(self, count: int = 40) -> None:
        self.own = arrays(count)

    def __len__(self) -> int:
        return len(self.own["x"])

    def __getitem__(self, index: int) -> tuple[torch.Tensor, float]:
        return torch.tensor(self.own["x"][index]), float(self.own["label"][index])


class Flow(IterableDataset[Any]):
    """One that can only be gone through."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        own = arrays()
        return ({"label": y, "x": x, "more": "text"} for x, y in zip(own["x"], own["label"], strict=True))


WAYS: dict[str, Any] = {
    "arrays": arrays,
    "tensors": lambda: {name: torch.tensor(value) for name, value in arrays().items()},
    "a set": Squares,
    "a set of tensors": lambda: TensorDataset(*map(torch.tensor, arrays().values())),
    "a flow": Flow,
    "a list": lambda: list(zip(*arrays().values(), strict=True)),
    "a generator": lambda: ({"x": x, "label": [y]} for x, y in zip(*arrays().values(), strict=True)),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_every_way_to_hand_samples_over_trains_the_same(tmp_path: Path, way: str, engine: str) -> None:
    data = {"train": WAYS[way](), "validation": arrays(10, 1)}
    run = netdsl.train(netdsl.load_text(TEXT), tmp_path / "run", quiet=True, engine=engine, data=data)
    whole = netdsl.train(netdsl.load_text(TEXT), tmp_path / "whole", quiet=True, engine=engine, data={**data, "train": arrays()})  # fmt: skip
    losses = [row["train"]["loss"] for row in run.history]
    assert losses == pytest.approx([row["train"]["loss"] for row in whole.history], rel=1e-6)
    assert losses[-1] < 0.02 * losses[0]
    assert json.loads((run.folder / "recipe.json").read_text())["recipe"]["data"] is None
    scored = netdsl.evaluate if engine == "torch" else evaluate_run
    found = scored(run.folder, "test", {"test": arrays(5, 2)})
    assert found["samples"] == 5
    assert found["metrics"]["mae"] < 0.3
    seen = netdsl.predict(run.folder, 1, data={"test": arrays(5, 2)}, engine=engine)
    assert float(seen.truth or "nan") == pytest.approx(arrays(5, 2)["label"][1], rel=1e-4)


def test_a_run_goes_on_when_its_samples_come_again(tmp_path: Path) -> None:
    data = {"train": Squares(), "validation": arrays(10, 1)}
    text = TEXT.replace("epochs 6", "epochs 2")
    netdsl.train(netdsl.load_text(text), tmp_path / "run", quiet=True, data=data)
    with pytest.raises(NetError, match="has no `data`"):
        netdsl.train(None, tmp_path / "run", resume=True, quiet=True)
    resumed = netdsl.train(netdsl.load_text(TEXT), tmp_path / "run", resume=True, quiet=True, data=data)
    straight = netdsl.train(netdsl.load_text(TEXT), tmp_path / "straight", quiet=True, data=data)
    assert resumed.weights.read_bytes()[-16:] == straight.weights.read_bytes()[-16:]
    assert [r["train"] for r in resumed.history] == [r["train"] for r in straight.history]


def test_data_handed_over_goes_before_that_of_the_recipe(tmp_path: Path) -> None:
    text = (
        "net N {\n  input image [1, 8, 8]\n  output y: flatten -> linear(10)\n}\n"
        "train N {\n  data digits\n  loss (y, label) -> cross_entropy\n  epochs 1\n}"
    )
    few = {"image": np.zeros((6, 8, 8))[:, None], "label": np.arange(6)}
    run = netdsl.train(netdsl.load_text(text), tmp_path / "run", quiet=True, data={"train": few, "validation": few})
    assert netdsl.evaluate(run.folder, "validation", data={"validation": few})["samples"] == 6
    same = netdsl.train(netdsl.load_text(text), tmp_path / "same", quiet=True, data=netdsl.data("digits"))
    assert netdsl.evaluate(same.folder, data=netdsl.data("digits"))["samples"] == 179


def test_open_sizes_are_those_of_the_first_sample(tmp_path: Path) -> None:
    text = (
        "net N {\n  input x [2, T]\n  output y: conv(4, 3) -> global_avgpool -> linear(2)\n}\n"
        "train N {\n  loss (y, kind) -> cross_entropy\n  epochs 1\n}"
    )
    data = {"train": [(np.full((2, 9), float(i % 2)), i % 2) for i in range(20)]}
    run = netdsl.train(netdsl.load_text(text), tmp_path / "run", quiet=True, engine="onnx", data=data)
    assert json.loads((run.folder / "recipe.json").read_text())["sizes"] == {"T": 9}


WRONG: dict[str, tuple[Any, str]] = {
    "no such field": ({"x": np.zeros((4, 3))}, "the train data has no `label`: it has `x`"),
    "no such part": ([{"x": np.zeros(3)}], "sample 0 of the train data has no `label`: it has `x`"),
    "too many parts": ([(np.zeros(3), 1, 2)], "sample 0 of the train data has 3 parts, where it takes `x`, `label`"),
    "another shape": ([(np.zeros(3), 1), (np.zeros(4), 1)], "`x` of sample 1 of the train data is float64 [4], where"),
    "no numbers": ([("abc", 1)], "`x` of sample 0 of the train data is no number or array of numbers, but str"),
    "ragged": ([([1, [2]], 1)], "`x` of sample 0 of the train data cannot be made an array"),
    "NaN": ([(np.zeros(3), 1), (np.full(3, np.nan), 1)], "`x` of sample 1 of the train data holds NaN"),
    "other counts": ({"x": np.zeros((4, 3)), "label": np.zeros(3)}, "has 4 samples of `x`, but 3 of `label`"),
    "nothing": ([], "has no samples to train on"),
    "no set at all": (7, "the train data is neither a set of samples nor something to go through, but int"),
}  # fmt: skip


@pytest.mark.parametrize(("own", "said"), WRONG.values(), ids=list(WRONG))
def test_samples_that_do_not_fit_are_named(tmp_path: Path, own: Any, said: str) -> None:
    with pytest.raises(DataError) as error:
        netdsl.train(netdsl.load_text(TEXT), tmp_path / "run", quiet=True, engine="onnx", data={"train": own})
    assert said in str(error.value)


def test_a_misnamed_split(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no split `val`: data is handed over as train, validation, test"):
        netdsl.train(netdsl.load_text(TEXT), tmp_path / "run", quiet=True, data={"train": arrays(), "val": arrays()})
    with pytest.raises(RunError, match="no samples to train on: hand over `train` too"):
        netdsl.train(netdsl.load_text(TEXT), tmp_path / "run", quiet=True, data={"test": arrays()})


def test_the_onnx_engine_imports_no_pytorch_for_samples(tmp_path: Path) -> None:
    code = (
        "import sys, netdsl, numpy as np\n"
        f"net = netdsl.load_text({TEXT!r})\n"
        "own = [(np.ones(3), 2.0)] * 8\n"
        f"netdsl.train(net, {str(tmp_path / 'run')!r}, engine='onnx', quiet=True, data={{'train': own}})\n"
        "netdsl.data('digits')\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---------------------------------------------------------------- looking at data sets


def test_samples_can_be_looked_at(tmp_path: Path) -> None:
    digits = netdsl.data("digits")
    assert {name: len(samples) for name, samples in digits.items()} == {"train": 1439, "validation": 179, "test": 179}
    assert digits.classes[3] == "3"
    first, last = digits["test"][0], digits["test"][-1]
    assert (first["image"].shape, first["label"].shape) == ((1, 8, 8), ())
    np.testing.assert_array_equal(digits["test"][:]["image"][-1], last["image"])
    assert sum(1 for _ in digits["validation"]) == 179
    with pytest.raises(IndexError, match="none with the number 179"):
        digits["test"][179]
    net = netdsl.load_text("net N {\n input x [64]\n linear(2)\n}")
    assert netdsl.data("digits", net)["test"][0]["x"].shape == (64,)
    (tmp_path / "a.csv").write_text("a,t\n1,u\n2,v\n3,u\n4,v\n5,u\n6,v\n")
    table = netdsl.data(f'table("{tmp_path / "a.csv"}", target=t, validation=0, test=0)')
    assert table["train"][:]["a"].tolist() == [1, 2, 3, 4, 5, 6]
    assert table["train"][1].keys() == {"a", "t", "label"}
    assert table.classes == ("u", "v")
    np.savez(tmp_path / "a.npz", x=np.ones((5, 2), np.uint8), on=np.ones(5, bool))
    assert netdsl.data(f'arrays("{tmp_path / "a.npz"}", validation=0, test=0)')["train"][0]["x"].tolist() == [1, 1]


def test_what_cannot_be_looked_at_is_told(tmp_path: Path) -> None:
    with pytest.raises(NetError, match="no data called `digit`"):
        netdsl.data("digit")
    (tmp_path / "p" / "a").mkdir(parents=True)
    with pytest.raises(RunError, match="must know the size of its images"):
        netdsl.data(f'imagefolder("{tmp_path / "p"}")')
    with pytest.raises(RunError, match="but the input is"):
        netdsl.data("digits", netdsl.load_text("net N {\n input x [3]\n linear(2)\n}"))


ROWS = (
    "net N {\n input x []\n output y: unsqueeze(0) -> linear(1)\n}\ntrain N {\n loss (y, label) -> mse\n batch 8\n}\n"
)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_a_frame_of_pandas_is_a_table(tmp_path: Path, engine: str) -> None:
    """Its columns may not be written to, of which PyTorch would warn."""
    pandas = pytest.importorskip("pandas")
    x = np.arange(20.0, dtype=np.float32)
    frame = pandas.DataFrame({"x": x, "label": 2 * x, 7: ["a"] * 20})
    net = netdsl.load_text(ROWS.replace("batch 8", "epochs 1\n batch 8"))
    netdsl.train(net, tmp_path / "run", data={"train": frame}, quiet=True, engine=engine, device="cpu")
    scored = partial(netdsl.evaluate, tmp_path / "run", "train", engine=engine)
    assert scored(data={"train": frame}) == scored(data={"train": {"x": x, "label": 2 * x}})
    with pytest.raises(DataError, match=r"the train data has no `label`: it has `x`"):
        netdsl.train(net, tmp_path / "other", data={"train": frame[["x"]]}, quiet=True, engine=engine)


def test_masked_numbers_are_refused(tmp_path: Path) -> None:
    """NumPy forgets what is masked, and what lies below it would count."""
    net = netdsl.load_text(TEXT)
    own = arrays()
    masked = {**own, "x": np.ma.masked_greater(own["x"], 1)}
    with pytest.raises(DataError, match="`x` of the train data has masked numbers, which would be read as if"):
        netdsl.train(net, tmp_path / "run", data={"train": masked}, quiet=True, engine="onnx")
    netdsl.train(net, tmp_path / "run", data={"train": {**own, "x": np.ma.masked_array(own["x"])}}, quiet=True)
    with pytest.raises(DataError, match="the array: has masked numbers"):
        netdsl.predict(tmp_path / "run", masked["x"][own["x"].max(axis=1) > 1][0])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (Squares(), 'samples by split, `{"train": …, "validation": …}`, not as Squares'),
        (arrays(), 'each with its samples: `{"train": {"x": …}}`'),
        ({"train": arrays(), "val": arrays()}, "say `validation`"),
    ],
)
def test_samples_without_their_split_are_told_how_to_be_handed_over(data: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as told:
        netdsl.train(netdsl.load_text(TEXT), tmp_path / "run", data=data, quiet=True)
    assert said in str(told.value)


def test_a_mistake_of_a_text_is_told_with_the_way_out() -> None:
    with pytest.raises(NetError, match=r"no layer.*\(did you mean `conv`\?\)"):
        netdsl.load_text("net N {\n  input x [3, 8, 8]\n  cnov(8, 3)\n}")
