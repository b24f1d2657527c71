"""Whole sequences in one split, with the labels shared out as is asked for."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from mask_layouts import HIGH, WIDE, mask, picture

from netdsl.base.errors import DataError
from netdsl.dims.tensors import TensorType, Value
from netdsl.elaborate.recipes import read_data
from netdsl.graph import Net
from netdsl.runtime.data.sequences import deal, sequence_of
from netdsl.runtime.data.sets import Dataset, load_data

IMAGE = Net("net", [Value("image", TensorType((3, HIGH, WIDE)))])


def loaded(folder: Path, more: str) -> Dataset:
    return load_data(read_data(f'masks("{folder}/p", "{folder}/m", classes=3, split=sequence, {more})'), IMAGE)


def keys(dataset: Dataset) -> list[list[str]]:
    return [[pair.key for pair in split.source.pairs] for split in dataset.splits.values()]


def apart(counts: np.ndarray, owners: tuple[int, ...], wanted: np.ndarray) -> float:
    """The mean over classes of how far the shares of their labels are from those wanted, summed over splits."""
    shares = np.stack([counts[np.array(owners) == part].sum(axis=0) for part in range(3)]) / counts.sum(axis=0)
    return float(np.abs(shares - wanted[:, None]).mean(axis=1).sum())


def test_labels_are_shared_out_nearly_as_well_as_can_be() -> None:
    """Of all ways to deal eight sequences out, none is much better than that which is drawn."""
    counts = np.random.default_rng(5).gamma(0.7, 1000, (8, 4)).astype(np.int64)
    wanted = np.array([0.7, 0.2, 0.1])
    best = min(apart(counts, owners, wanted) for owners in product(range(3), repeat=8) if len(set(owners)) == 3)
    dealt = deal({f"s{i}": row for i, row in enumerate(counts)}, (70, 20, 10), 0)
    own = apart(counts, tuple(dealt.owners[f"s{i}"] for i in range(8)), wanted)
    assert best <= own < best + 0.08
    np.testing.assert_array_equal(dealt.counts.sum(axis=0), counts.sum(axis=0))


def test_many_sequences_come_close_to_every_share() -> None:
    generator = np.random.default_rng(1)
    counts = {f"s{i}": generator.gamma(2, 1000, 6).astype(np.int64) for i in range(120)}
    dealt = deal(counts, (70, 20, 10), 3)
    shares = dealt.counts / dealt.counts.sum(axis=0)
    assert np.abs(shares - np.array([[0.7], [0.2], [0.1]])).max() < 0.03
    assert deal(counts, (70, 20, 10), 3).owners == dealt.owners != deal(counts, (70, 20, 10), 4).owners


def test_every_split_with_a_share_has_a_sequence() -> None:
    counts = {"a": np.array([1_000_000]), "b": np.array([1]), "c": np.array([1])}
    assert sorted(deal(counts, (90, 5, 5), 0).owners.values()) == [0, 1, 2]
    assert sorted(deal(counts, (50, 0, 50), 0).owners.values()) in ([0, 0, 2], [0, 2, 2])
    with pytest.raises(DataError, match="2 sequences cannot be dealt out to 3 splits"):
        deal({"a": np.array([1]), "b": np.array([1])}, (1, 1, 1), 0)


def test_a_sequence_is_a_folder_or_part_of_a_name() -> None:
    assert sequence_of("train/aachen/a_1", "") == "train/aachen"
    assert sequence_of("x/aachen_000_19", "{sequence}_*") == "x/aachen"
    assert sequence_of("0001TP_006690", "{sequence}TP_*") == "/0001"
    assert sequence_of("day-3.b-7", "*-{sequence}-*") == "/3.b"
    with pytest.raises(DataError, match=r"the name of a/b does not follow the pattern `\{sequence\}_\*`"):
        sequence_of("a/b", "{sequence}_*")
    sequence_of("a" * 200, "*a{sequence}a*a*a")  # no name takes long


@pytest.mark.parametrize("nested", [True, False])
def test_no_sequence_is_in_two_splits(tmp_path: Path, nested: bool) -> None:
    for i in range(40):
        name = f"v{i // 4}/{i}" if nested else f"v{i // 4}_{i}"
        picture(tmp_path / "p" / f"{name}.png", i)
        mask(tmp_path / "m" / f"{name}.png", i % 3, 1)
    more = "shares=(70, 20, 10)" + ("" if nested else ', sequence="{sequence}_*"')
    dataset = loaded(tmp_path, more)
    owned = [{key.replace("_", "/").split("/")[0] for key in part} for part in keys(dataset)]
    assert [len(part) for part in owned] == [7, 2, 1]
    assert not owned[0] & owned[1] | owned[1] & owned[2] | owned[0] & owned[2]
    assert sum(map(len, keys(dataset)), 0) == 40
    assert dataset.notes[0].startswith("whole sequences: 7 train (70.0% of the labels), 2 validation")
    assert keys(loaded(tmp_path, more)) == keys(dataset)
    if not nested:
        with pytest.raises(DataError, match="all pictures lie in one folder"):
            loaded(tmp_path, "shares=(70, 20, 10)")
