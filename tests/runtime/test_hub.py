"""Shards of more samples than memory holds: what is read of them, in which order, how much is held, and what is wrong."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from broken_off import broken_off
from shard_files import (
    NAMES,
    encoded,
    kind,
    parquet_folder,
    picture,
    shade,
    tar_folder,
    tar_samples,
    write_parquet,
    write_tar,
)

import netdsl
from netdsl.base.errors import DataError
from netdsl.recipe import DATA
from netdsl.runtime.data.pieces import InPieces
from netdsl.runtime.data.sets import Dataset, MadeSplit, load_data, order_of, share
from netdsl.runtime.datasets import hub

PICTURES = "image [3, 8, 8]", "flatten -> linear(3)", "(y, label) -> cross_entropy"


def net(shape: tuple[str, str, str] = PICTURES, data: str = "", rows: str = "") -> netdsl.Net:
    found = netdsl.load_text(
        f"net T {{\n  input {shape[0]}\n  output y: {shape[1]}\n}}\n"
        f"train T {{\n  {data}\n  loss {shape[2]}\n  {rows}\n}}"
    )
    assert not found.faults, found.faults
    return found


def loaded(folder: Path, shape: tuple[str, str, str] = PICTURES, **settings: Any) -> Dataset:
    data = DATA["hub"](str(folder), **settings)
    return load_data(data, net(shape, f'data hub("{folder}")'))


def whole(dataset: Dataset, split: str = "train") -> dict[str, Any]:
    return dataset.splits[split].fetch(np.arange(len(dataset.splits[split])))


FOLDERS = {"parquet": (parquet_folder, "kind"), "webdataset": (tar_folder, "cls")}
both = pytest.mark.parametrize("form", list(FOLDERS))


def made(form: str, folder: Path, **options: Any) -> tuple[Path, str]:
    make, target = FOLDERS[form]
    return make(folder, **options), target


# ---------------------------------------------------------------- what is read


@both
def test_pictures_and_classes(tmp_path: Path, form: str) -> None:
    folder, target = made(form, tmp_path / "a")
    found = loaded(folder, target=target, test=0)
    assert {name: len(split) for name, split in found.splits.items()} == {"train": 60, "validation": 8, "test": 0}
    assert found.classes == (NAMES if form == "parquet" else ())
    values = whole(found)
    assert values["label"].tolist() == [kind(i) for i in range(60)]
    assert np.allclose(values["image"][:, 0, 0, 0] * 255, [shade(i) for i in range(60)])
    assert whole(found, "validation")["label"].tolist() == [kind(i) for i in range(1000, 1008)]


@both
def test_columns_are_fields_by_their_names(tmp_path: Path, form: str) -> None:
    folder, _ = made(form, tmp_path / "a")
    shape = ("number []", "reshape(1) -> linear(2)", "(y, pair) -> mse")
    if form == "webdataset":  # `pair.npy` is no word of the language
        found = loaded(folder, ("number []", "reshape(1) -> linear(2)", "(y, label) -> mse"), target="pair.npy", test=0)
        assert whole(found)["label"].tolist() == [[i, -i] for i in range(60)]
    else:
        found = loaded(folder, shape, test=0)
        assert whole(found)["pair"].tolist() == [[i, -i] for i in range(60)]
    assert whole(found)["number"].tolist() == list(range(60))


def test_what_datasets_writes_is_read(tmp_path: Path) -> None:
    import datasets

    features = datasets.Features({"photo": datasets.Image(), "kind": datasets.ClassLabel(names=["no", "yes"])})
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)
    rows = {"photo": [{"bytes": encoded(p), "path": None} for p in pixels], "kind": [0, 1, 1, 0, 1, 0]}
    set_of_rows = datasets.Dataset.from_dict(rows, features=features)
    (tmp_path / "data").mkdir()
    set_of_rows.to_parquet(str(tmp_path / "data" / "train-00000-of-00001.parquet"))
    found = loaded(
        tmp_path, ("image [3, 8, 8]", "flatten -> linear(2)", PICTURES[2]), target="kind", validation=0, test=0
    )
    assert (found.classes, whole(found)["label"].tolist()) == (("no", "yes"), [0, 1, 1, 0, 1, 0])
    assert np.allclose(whole(found)["image"], pixels.transpose(0, 3, 1, 2) / 255)


def test_shares_are_held_out_where_no_file_says_a_split(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", range(30))
    write_parquet(tmp_path / "b.parquet", range(30, 50))
    found = loaded(tmp_path, target="kind", validation=0.2, test=0.1, seed=3)
    shades = {name: whole(found, name)["image"][:, 0, 0, 0] * 255 for name in found.splits}
    assert [len(s) for s in shades.values()] == [35, 10, 5]
    together = np.concatenate(list(shades.values()))
    assert sorted(together.round().astype(int)) == sorted(shade(i) for i in range(50)), "each sample once"
    assert (
        whole(loaded(tmp_path, target="kind", validation=0.2, test=0.1, seed=4))["label"] != whole(found)["label"]
    ).any()


def test_the_split_to_train_on_is_named(tmp_path: Path) -> None:
    parquet_folder(tmp_path)
    write_parquet(tmp_path / "small-00000.parquet", range(5))
    with pytest.raises(DataError, match=r"small-00000.parquet: nothing says which split it is of, as train-00000"):
        loaded(tmp_path, target="kind")
    assert len(loaded(tmp_path, target="kind", split="small", test=0).splits["train"]) == 5


def test_a_tar_that_is_cut_off_or_damaged_between_two_files_is_told(tmp_path: Path) -> None:
    """`tarfile` stops there without a word, so that samples would be lost."""
    write_tar(tmp_path / "a.tar", {f"{i}": {"npy": bytes(100), "cls": b"1"} for i in range(10)})
    whole_file = (tmp_path / "a.tar").read_bytes()
    member = tarfile.BLOCKSIZE * 2
    damaged = bytearray(whole_file)
    damaged[4 * member + 5] ^= 1
    for content in (whole_file[: 4 * member], whole_file[: 4 * member + 100], bytes(damaged)):
        (tmp_path / "a.tar").write_bytes(content)
        with pytest.raises(DataError, match=r"a.tar: damaged or cut off behind 1.(npy|cls), at byte 4,096"):
            loaded(tmp_path, target="cls")


def test_pictures_are_made_to_fit_and_masks_go_with_them(tmp_path: Path) -> None:
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:, 8:] = 255
    mask = (pixels[..., 0] > 0).astype(np.uint8) * 2
    files = {"jpg": encoded(pixels, "PNG"), "seg.png": encoded(mask)}
    write_tar(tmp_path / "a.tar", {f"{i}": files for i in range(10)})
    shape = ("photo [3, H, W]", "conv(3, 1)", "(y, label) -> cross_entropy")
    settings = {"target": "seg.png", "size": 8, "mean": (0.5,), "std": (0.5,), "validation": 0, "test": 0}
    with pytest.raises(
        DataError, match=r"there are `jpg`, `seg.png`, .*no column for the input `photo`|say `size=224`"
    ):
        loaded(tmp_path, shape, **{**settings, "size": None})
    found = loaded(tmp_path, shape, **settings)
    assert whole(found)["photo"][0, 0, 0, [0, 1, 2, 5, 6, 7]].tolist() == [-1, -1, -1, 1, 1, 1]
    assert whole(found)["label"][0, 0].tolist() == [0, 0, 0, 0, 2, 2, 2, 2]
    assert found.facts["picture"]["height"] == 8
    text = f'data hub("{tmp_path}", target="seg.png", size=8, validation=0, test=0)\n  augment flip(share=1)'
    varied = net(shape, text)
    from netdsl.runtime.augment.row import varying_of
    from netdsl.runtime.runs.recipes import plan_of

    plan = plan_of(varied)
    own = load_data(plan.data, varied, {}, varying_of(varied, plan)).splits["train"].fetch(np.array([0]), 1)
    assert own["label"][0, 0].tolist() == [2, 2, 2, 2, 0, 0, 0, 0], "the mask is mirrored with its picture"
    assert own["photo"][0, 0, 0, [0, 1, 2, 5, 6, 7]].tolist() == [1, 1, 1, 0, 0, 0]
    write_tar(tmp_path / "a.tar", {f"{i}": {**files, "seg.png": encoded(mask[:, :8])} for i in range(10)})
    with pytest.raises(DataError, match=r"a.tar, sample \d+, `seg.png`: a mask of 16×8 pixels, but `jpg` has 16×16"):
        whole(loaded(tmp_path, shape, **settings))


# ---------------------------------------------------------------- in which order


def test_an_order_is_drawn_in_pieces_and_by_the_seed() -> None:
    bounds = np.cumsum([0, 7, 1, 0, 12, 5, 9, 3, 20, 2])
    pieces = InPieces(bounds, 10)
    order = pieces.order(1, 2, 8, 1)
    assert sorted(order) == list(range(59))
    assert order.tolist() == pieces.order(1, 2, 8, 1).tolist()
    assert order.tolist() != pieces.order(1, 3, 8, 1).tolist() != pieces.order(2, 3, 8, 1).tolist()
    groups = np.searchsorted(bounds, order, side="right") - 1
    for group in np.unique(groups):
        own = np.flatnonzero(groups == group)
        assert own[-1] - own[0] < 10 + 20, "all of a group is read within one piece"
    assert pieces.most() >= 3
    assert {pieces.near(30, n) for n in range(100)} == set(range(25, 34)), "its own group"


@pytest.mark.parametrize("world", [2, 3])
def test_processes_read_groups_of_their_own(world: int) -> None:
    bounds, batch = np.arange(0, 1001, 10), 12
    order = InPieces(bounds, 50).order(0, 0, batch, world)
    assert sorted(order) == list(range(1000))
    read: list[set[int]] = [set() for _ in range(world)]
    for start in range(0, 948, batch):
        for rank in range(world):
            part = share(order[start : start + batch], rank, world)
            read[rank] |= set((np.searchsorted(bounds, part.indices, side="right") - 1).tolist())
    assert sum(map(len, read)) == len(set().union(*read)) > 90, "no group is read by two"


@both
def test_an_epoch_has_every_sample_once(tmp_path: Path, form: str) -> None:
    folder, target = made(form, tmp_path / "a")
    split = loaded(folder, target=target, buffer=12, test=0).splits["train"]
    order = order_of(split, 0, 0, 8, 1)
    seen = [split.fetch(order[i : i + 8])["image"][:, 0, 0, 0] for i in range(0, 60, 8)]
    assert sorted(np.rint(np.concatenate(seen) * 255)) == sorted(shade(i) for i in range(60))


# ---------------------------------------------------------------- training


def recipe(folder: Path, target: str, augment: str) -> str:
    data = f'data hub("{folder}", target={target}, buffer=10, test=0)'
    return f"{data}\n  {augment}\n  metric (y, label) -> accuracy\n  epochs 2\n  batch 8\n  seed 5"


@pytest.mark.parametrize(
    ("form", "engine"),
    [
        ("parquet", "torch"),
        pytest.param("webdataset", "onnx", marks=pytest.mark.slow),
        pytest.param("parquet", "onnx", marks=pytest.mark.slow),
        pytest.param("webdataset", "torch", marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_goes_on_bit_for_bit(tmp_path: Path, form: str, engine: str) -> None:
    folder, target = made(form, tmp_path / "shards")
    text = net(PICTURES, recipe(folder, target, "augment flip -> noise(0.02) -> mixup(0.4)"))
    options: dict[str, Any] = {"quiet": True, "engine": engine, "checkpoint_seconds": 0}
    undisturbed = netdsl.train(text, tmp_path / "whole", **options)
    with broken_off(3, epochs=1):
        netdsl.train(text, tmp_path / "broken", **options)
    resumed = netdsl.train(None, tmp_path / "broken", resume=True, **options)
    assert [row["train"] for row in resumed.history] == [row["train"] for row in undisturbed.history]
    assert resumed.weights.read_bytes() == undisturbed.weights.read_bytes()


@pytest.mark.slow
def test_threads_change_nothing(tmp_path: Path) -> None:
    folder, target = made("parquet", tmp_path / "shards")
    losses = []
    for workers in (0, 3):
        text = net(PICTURES, recipe(folder, target, f"workers {workers}"))
        for engine in ("torch", "onnx"):
            run = netdsl.train(text, tmp_path / f"{engine}{workers}", quiet=True, engine=engine)
            losses.append((engine, [row["train"]["losses"] for row in run.history]))
    assert losses[:2] == losses[2:]


def test_a_run_asks_its_shards_for_sizes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, target = made("webdataset", tmp_path / "shards")
    look = Mock(wraps=hub.sizes)
    monkeypatch.setattr(hub, "sizes", look)
    text = net(
        ("image [3, H, W]", "global_avgpool -> linear(3)", PICTURES[2]),
        recipe(folder, target, "").replace("test=0", "test=0, size=8"),
    )
    netdsl.train(text, tmp_path / "run", quiet=True)
    assert look.call_count == 1


def test_a_run_reads_pictures_and_samples_afterwards(tmp_path: Path) -> None:
    from netdsl.runtime.evaluate import evaluate
    from netdsl.runtime.predict import predict

    folder, target = made("parquet", tmp_path / "shards")
    netdsl.train(net(PICTURES, recipe(folder, target, "")), tmp_path / "run", quiet=True)
    assert evaluate(tmp_path / "run", split="validation")["samples"] == 8
    sample = predict(tmp_path / "run", 3, split="validation")
    assert sample.truth == NAMES[kind(1003)]
    (tmp_path / "a.png").write_bytes(picture(1003))
    assert predict(tmp_path / "run", str(tmp_path / "a.png")).top == sample.top


MEMORY = """
import sys, tracemalloc
import netdsl, pyarrow
from netdsl.recipe import DATA
from netdsl.runtime.data.sets import load_data, order_of
text = netdsl.load_text("net T {\\n  input many [65536]\\n  output y: linear(1)\\n}\\ntrain T {\\n  loss (y, label) -> mse\\n}")

def epoch(buffer):
    data = DATA["hub"](sys.argv[1], target="t", buffer=buffer, validation=0, test=0)
    split = load_data(data, text).splits["train"]
    order = order_of(split, 0, 0, 8, 1)
    each = (split.fetch(order[i : i + 8])["label"] for i in range(0, len(order), 8))
    return len(order), sum(float(labels.sum()) for labels in each)

load_data(DATA["hub"](sys.argv[1], target="t"), text).splits["train"].fetch([0])  # loads all modules
for buffer in 20, 1000:
    tracemalloc.start()
    told = epoch(buffer)
    print(*told, (tracemalloc.get_traced_memory()[1] + pyarrow.default_memory_pool().max_memory()) >> 20)
    tracemalloc.stop()
"""
"""The most that NumPy and pyarrow hold at a time in an epoch, in MiB; what allocators keep for later is not counted."""


def test_an_epoch_takes_a_small_part_of_its_data_in_memory(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    rows = 200
    for shard in range(2):
        numbers = np.random.default_rng(shard).random((rows, 65536), np.float32)
        many = pa.FixedSizeListArray.from_arrays(pa.array(numbers.reshape(-1)), 65536)
        file = tmp_path / f"train-{shard}.parquet"
        parquet.write_table(pa.table({"many": many, "t": np.ones(rows)}), file, row_group_size=10, use_dictionary=False)
    done = subprocess.run([sys.executable, "-c", MEMORY, tmp_path], capture_output=True, text=True, check=True)
    pieces, at_once = (line.split() for line in done.stdout.splitlines())
    assert pieces[:2] == at_once[:2] == ["400", "400.0"]
    assert int(pieces[2]) < 50, "of 100 MiB"
    assert int(at_once[2]) > 80, "a piece of all samples holds them all"


# ---------------------------------------------------------------- what is wrong


def test_what_is_missing_is_told_with_a_way_out(tmp_path: Path) -> None:
    folder, _ = made("parquet", tmp_path / "a")
    for settings, said in (
        ({}, "no column for what a loss or metric reads, `label`: there are `image`, `kind`, `number`, `pair`, `said`; "
             "`target=…` says which is the label"),
        ({"target": "kinds"}, "no column `kinds`, for `target`: did you mean `kind`?"),
        ({"target": "said"}, "train-00000.parquet, row 1, `said`: is a text, where `label` is int[]"),
        ({"target": "kind", "split": "dev"}, "there are no files of the split `dev`"),
        ({"target": "kind", "subset": "x"}, "`subset` is for sets of the hub"),
        ({"target": "kind", "size": 9}, "`size` asks for 9×9, but the input is [3, 8, 8]: leave `size` out"),
        ({"target": "number"}, "row 1, `number`: is float64 [], where `label` is int[]"),
    ):  # fmt: skip
        with pytest.raises(DataError) as error:
            whole(loaded(folder, test=0, **settings))
        assert said in str(error.value)
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "a.tar.gz").touch()
    with pytest.raises(DataError, match=r"no files of samples \(.parquet, .tar\), but a.tar.gz, whose .*: unpack it"):
        loaded(tmp_path / "none")
    write_tar(folder / "x.tar", {})
    with pytest.raises(DataError, match=r"has .parquet and .tar files: name the folder of one kind"):
        loaded(folder)


def test_bad_shards_are_named(tmp_path: Path) -> None:
    good = write_parquet(tmp_path / "a" / "train-0.parquet", range(20))
    bad = write_parquet(tmp_path / "a" / "train-1.parquet", range(20, 40))
    content = bad.read_bytes()
    bad.write_bytes(content[:-10])
    with pytest.raises(DataError, match=r"train-1.parquet: not a whole Parquet file"):
        loaded(tmp_path / "a", target="kind")
    spoilt = bytearray(content)
    spoilt[4:400] = bytes(396)
    bad.write_bytes(spoilt)
    with pytest.raises(DataError, match=r"train-1.parquet: its group 0 of rows is damaged \("):
        whole(loaded(tmp_path / "a", target="kind", validation=0, test=0))
    bad.unlink()
    samples = tar_samples(range(12))
    samples["00007"]["png"] = b"no picture"
    tar = write_tar(tmp_path / "b" / "0.tar", samples)
    with pytest.raises(DataError, match=r"0.tar, sample 8, `png`: cannot be decoded as an image"):
        whole(loaded(tmp_path / "b", target="cls", validation=0, test=0))
    del samples["00007"]["cls"]
    write_tar(tar, samples)
    with pytest.raises(DataError, match=r"0.tar, sample 8: has no file that ends with .cls"):
        whole(loaded(tmp_path / "b", target="cls", validation=0, test=0))
    tar.write_bytes(good.read_bytes())
    with pytest.raises(DataError, match=r"0.tar: not a whole, unpacked `.tar` file"):
        loaded(tmp_path / "b", target="cls")


def test_whatever_is_changed_in_a_tar_is_told_or_read(tmp_path: Path) -> None:
    content = write_tar(tmp_path / "a.tar", tar_samples(range(6))).read_bytes()
    generator, told = np.random.default_rng(0), 0
    for _ in range(200):
        spoilt = bytearray(content)
        for place in generator.integers(len(content), size=40):
            spoilt[int(place)] = int(generator.integers(256))
        (tmp_path / "a.tar").write_bytes(spoilt)
        try:
            whole(loaded(tmp_path, target="cls", validation=0, test=0))
        except DataError as error:
            told += str(tmp_path) in str(error)
    assert told > 50


def test_names_are_those_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    features = datasets.Features({"image": datasets.Image(), "kind": datasets.ClassLabel(names=list(NAMES))})
    rows = {"image": [{"bytes": picture(i), "path": None} for i in range(30)], "kind": [kind(i) for i in range(30)]}
    own = datasets.Dataset.from_dict(rows, features=features)
    asked = []

    def load_dataset(*given: Any) -> Any:
        asked.append(given)
        if given[0] != "someone/shades":
            raise datasets.exceptions.DatasetNotFoundError(f"Dataset '{given[0]}' doesn't exist on the Hub")
        return datasets.DatasetDict({"train": own, "validation": own.select(range(4)), "extra": own})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    found = loaded(Path("someone/shades"), target="kind", subset="plain", test=0)
    assert asked == [("someone/shades", "plain")], "a name and a subset, and nothing that would let code run"
    assert (found.classes, whole(found)["label"].tolist()) == (NAMES, [kind(i) for i in range(30)])
    assert len(found.splits["validation"]) == 4
    assert len(loaded(Path("someone/shades"), target="kind", split="extra", test=0).splits["train"]) == 30
    held = loaded(Path("someone/shades"), target="kind", split="validation", validation=0, test=0)
    assert len(held.splits["train"]) == 4, "of a name that would say another split"
    with pytest.raises(
        DataError, match=r"someone/shade: no such folder here, and `datasets` cannot load a set of that"
    ):
        loaded(Path("someone/shade"), target="kind")


@pytest.mark.parametrize("missing", ["datasets", "pyarrow.parquet"])
def test_without_a_package_the_way_out_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    folder, _ = made("parquet", tmp_path / "a")
    monkeypatch.setitem(sys.modules, missing, None)
    if missing == "datasets":
        assert len(loaded(folder, target="kind").splits["validation"]) == 8, "folders do without"
        folder = Path("someone/shades")
    with pytest.raises(DataError, match=r"which is not installed: `pip install 'netdsl\[hub\]'`"):
        loaded(folder, target="kind")


def test_larger_groups_than_are_held_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = made("parquet", tmp_path / "a")
    monkeypatch.setattr("netdsl.runtime.data.shards.LARGEST", 100)
    with pytest.raises(
        DataError, match=r"its group 0 of rows has .* bytes; .*write it anew with a smaller `row_group_size`"
    ):
        whole(loaded(folder, target="kind"))


def test_what_a_set_holds_is_told_and_seen(tmp_path: Path) -> None:
    from netdsl.runtime.survey.samples import write_samples

    folder, _ = made("parquet", tmp_path / "a")
    assert isinstance(loaded(folder, target="kind").splits["train"], MadeSplit)
    found = netdsl.survey(f'hub("{folder}", target=kind, test=0)')
    kinds = [kind(i) for i in range(60)]
    assert found.splits["train"].counts == [kinds.count(n) for n in range(3)]
    assert (found.classes, found.notes) == (NAMES, ["no numbers: `said`"])
    assert found.fields["image"] == "[3, H, W]"
    assert found.fields["label"] == "int[]"
    assert found.fields["pair"] == "[2]"
    assert write_samples(tmp_path / "sheet.png", f'hub("{folder}", target=kind)', 6, "validation") == 6
    with pytest.raises(DataError, match="no column `knd`, for `target`: did you mean `kind`"):
        netdsl.survey(f'hub("{folder}", target=knd)')
