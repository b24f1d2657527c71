"""Arrays with names: where they lie, what fits, what a damaged file is told of, and that memory stays small."""

from __future__ import annotations

import io
import resource
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from through_onnx import evaluate_run

import netdsl
from netdsl.base.errors import DataError
from netdsl.recipe import DATA
from netdsl.runtime.data.archive import named_arrays
from netdsl.runtime.data.sets import Dataset, InMemory, load_data
from netdsl.runtime.datasets.arrays import StoredArrays

ROW = 'data arrays("nowhere", validation=0, test=0)\n  '


def net(inputs: str = "x [2, 3]", output: str = "flatten -> linear(1)", loss: str = "(y, label) -> mse") -> netdsl.Net:
    text = f"net N {{\n  input {inputs}\n  output y: {output}\n}}\ntrain N {{\n  {ROW}loss {loss}\n}}"
    found = netdsl.load_text(text)
    assert not found.faults, found.faults
    return found


def loaded(path: Path, made: netdsl.Net | None = None, **settings: Any) -> Dataset:
    given = {"validation": 0, "test": 0, **settings}
    return load_data(DATA["arrays"](str(path), **given), net() if made is None else made)


def fields(count: int = 6) -> dict[str, Any]:
    generator = np.random.default_rng(0)
    return {"x": generator.normal(size=(count, 2, 3)), "label": generator.normal(size=count)}


@pytest.mark.parametrize("kind", ["stored", "packed", "folder", "fortran"])
def test_every_way_to_keep_arrays_gives_the_same(tmp_path: Path, kind: str) -> None:
    given, path = fields(), tmp_path / "a.npz"
    if kind == "folder":
        path = tmp_path
        for name, array in given.items():
            np.save(path / f"{name}.npy", array)
    elif kind == "fortran":
        np.savez(path, x=np.asfortranarray(given["x"]), label=given["label"])
    else:
        (np.savez if kind == "stored" else np.savez_compressed)(path, **given)
    found = loaded(path).splits["train"].fetch(np.arange(6))
    np.testing.assert_array_equal(found["x"], given["x"].astype(np.float32))
    np.testing.assert_array_equal(found["label"][:, 0], given["label"].astype(np.float32))
    mapped = all(isinstance(array, np.memmap) for array in named_arrays(path).values())
    assert mapped == (kind != "packed")


def test_fields_of_any_kind(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "a.npz",
        tokens=np.arange(12, dtype=np.uint8).reshape(4, 3),
        on=np.ones((4, 3), bool),
        label=np.arange(4),
    )
    made = net("tokens int[T], on bool[T]", "tokens -> embedding(12, 4) -> mean(axis=0) -> linear(4)", "(y, label) -> cross_entropy")  # fmt: skip
    found = loaded(tmp_path / "a.npz", made).splits["train"].fetch(np.array([2]))
    assert {name: (value.dtype, value.tolist()) for name, value in found.items()} == {
        "tokens": (np.int64, [[6, 7, 8]]), "on": (bool, [[True] * 3]), "label": (np.int64, [2]),
    }  # fmt: skip


def test_the_only_input_takes_the_only_array_that_is_left(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", samples=fields()["x"], label=fields()["label"])
    assert loaded(tmp_path / "a.npz").splits["train"].fetch(np.arange(6))["x"].shape == (6, 2, 3)


def test_split_folders_and_shares(tmp_path: Path) -> None:
    for name, count in (("train", 5), ("val", 2)):
        (tmp_path / "parts" / name).mkdir(parents=True)
        for field, array in fields(count).items():
            np.save(tmp_path / "parts" / name / f"{field}.npy", array)
    assert {n: len(s) for n, s in loaded(tmp_path / "parts").splits.items()} == {"train": 5, "validation": 2, "test": 0}
    np.savez(tmp_path / "a.npz", **fields(20))
    shares = loaded(tmp_path / "a.npz", validation=0.2, test=0.1).splits
    assert {n: len(s) for n, s in shares.items()} == {"train": 14, "validation": 4, "test": 2}


def changed(**arrays: Any) -> dict[str, Any]:
    return {name: array for name, array in {**fields(), **arrays}.items() if array is not None}


WRONG = {
    "another shape": (changed(x=np.zeros((6, 3, 2))), "a sample of `x` is float64 [3, 2], where `x` is [2, 3]"),
    "another kind": (changed(x=np.zeros((6, 2, 3), complex)), "a sample of `x` is complex128 [2, 3], where `x` is [2, 3]"),
    "texts": (changed(label=np.array(["a"] * 6)), "a sample of `label` is <U1 [], where `label` is [1]"),
    "other counts": (changed(label=np.zeros(5)), "6 samples of `x`, but 5 of `label`"),
    "no such array": (changed(label=None, lable=np.zeros(6)), "what a loss or metric reads, `label`: did you mean `lable`?"),
    "NaN": (changed(x=np.where(np.arange(36).reshape(6, 2, 3) == 20, np.nan, 0)), "`x` of sample 3 holds NaN"),
    "one number": (changed(label=np.float64(1)), "a sample of `label` is one float64"),
    "too few": ({"x": np.zeros((0, 2, 3)), "label": np.zeros(0)}, "no samples are left to train on"),
}  # fmt: skip


@pytest.mark.parametrize(("arrays", "said"), WRONG.values(), ids=list(WRONG))
def test_arrays_that_do_not_fit(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError) as error:
        loaded(tmp_path / "a.npz")
    assert said in str(error.value)
    assert "a.npz" in str(error.value)


def npy(array: Any, **more: Any) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **more)
    return file.getvalue()


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_no_damaged_byte_ends_otherwise_than_in_words(tmp_path: Path, packing: int) -> None:
    """What unpacks the members has errors of its own, some of which say nothing."""
    path, told = tmp_path / "a.npz", 0
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("x.npy", npy(np.random.default_rng(0).integers(0, 999, 2000)))
        archive.writestr("label.npy", npy(np.zeros(3)))
    content = path.read_bytes()
    for place in [*range(250), *range(250, len(content), 40)]:
        damaged = bytearray(content)
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        try:
            named_arrays(path)
        except DataError as error:
            told += str(error).startswith(f"{path}: ")
    assert told > 50


def test_damaged_and_hostile_files(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    for content, said in (
        (b"no archive", "not a whole `.npz` file"),
        (npy(np.zeros(3)), "not a whole `.npz` file"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=said):
            loaded(path)
    claims = npy(np.zeros(3)).replace(b"(3,)", b"(9,)")
    beyond = npy(np.zeros((0, 1000000000, 1000000))).replace(b"(0, 1000000000, 1000000)", b"(0,9999999999,999999999)")
    for member, said in (
        (b"text", "`x.npy` is no array"),
        (npy(np.array([{}], object), allow_pickle=True), "holds Python objects, which are not read"),
        (claims, "`x.npy` is not as long as its head says"),
        (beyond, "not a whole `.npz` file"),
        (npy(np.zeros(3)).replace(b"(3,)", b"(-3,)"), "a size below 0|is not as long|is no array"),
    ):
        for packing in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            with zipfile.ZipFile(path, "w", packing) as archive:
                archive.writestr("x.npy", member)
            with pytest.raises(DataError, match=said):
                loaded(path)
    np.savez(path, **fields())
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"not a whole `\.npz` file"):
        loaded(path)
    np.save(tmp_path / "x.npy", np.zeros(3))
    with pytest.raises(DataError, match="one array: name the folder"):
        loaded(tmp_path / "x.npy")


def test_large_arrays_are_read_as_they_are_needed(tmp_path: Path) -> None:
    """1.2 GB on disk (of holes), of which a few samples are looked at."""
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (200_000, 2, 3, 256))
    x[123_456] = 7
    np.save(tmp_path / "label.npy", np.zeros(200_000, np.float32))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    split = loaded(tmp_path, net("x [2, 3, 256]")).splits["train"]
    assert isinstance(split, StoredArrays)
    assert split.fetch(np.array([123_456, 5]))["x"].max(axis=(1, 2, 3)).tolist() == [7, 0]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000, "kilobytes"
    assert isinstance(loaded(tmp_path / "small", _small(tmp_path / "small")).splits["train"], InMemory)


def _small(folder: Path) -> netdsl.Net:
    folder.mkdir()
    for name, array in fields().items():
        np.save(folder / f"{name}.npy", array)
    return net()


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_training_by_arrays_of_an_open_size(tmp_path: Path, engine: str) -> None:
    """Digits as they are in their file, from 0 to 16; the size of the pictures is that of the arrays."""
    digits = netdsl.data("digits")
    whole = {name: samples[:] for name, samples in digits.items()}
    for name, part in whole.items():
        (tmp_path / "digits" / name).mkdir(parents=True)
        np.save(tmp_path / "digits" / name / "image.npy", (16 * part["image"]).astype(np.uint8))
        np.save(tmp_path / "digits" / name / "label.npy", part["label"].astype(np.uint8))
    text = (
        "net N {\n  input image [1, H, W]\n  output y: conv(16, 3, pad=1) -> relu -> conv(16, 3, stride=2) -> relu"
        " -> global_avgpool -> linear(10)\n}\n"
        f'train N {{\n  data arrays("{tmp_path / "digits"}")\n  loss (y, label) -> cross_entropy\n'
        "  metric (y, label) -> accuracy\n  optimizer adam(lr=0.01)\n  epochs 6\n}"
    )
    run = netdsl.train(netdsl.load_text(text), tmp_path / "run", quiet=True, engine=engine)
    found = netdsl.evaluate(run.folder) if engine == "torch" else evaluate_run(run.folder)
    assert found["samples"] == 179
    assert found["metrics"]["accuracy"] > 0.7
    assert netdsl.predict(run.folder, 3, engine=engine).truth == str(whole["test"]["label"][3])
